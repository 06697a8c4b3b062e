"""Fitting a configuration into a generation, with the fitted intents kept in the state directory."""

from __future__ import annotations

from pathlib import Path

from config.schema import Config
from nabra.state import state_dir
from router.generation import Generation


def state_of(config: Config) -> Path:
    """Return the state directory of a configuration: its own, else the user's."""
    return config.state_dir or state_dir()


def fit(config: Config, number: int) -> Generation:
    """Compile the rules and fit the intents; a second start finds the fitted intents by their content.

    Raises
    ------
    RouterError
        A rule or an intent cannot be used; the message names file, line and column.
    """
    return Generation.fit(config, number, cache_dir=state_of(config) / "intents")
