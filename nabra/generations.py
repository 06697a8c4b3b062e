"""Loading a configuration into what calls are decided with: a fitted generation, and its prompts in memory."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from config.schema import Config
from nabra.learning import Learner
from nabra.sentence_encoder import INSTALL, encoder_for, trouble
from nabra.state import state_dir
from router.errors import RouterError
from router.generation import Generation
from router.intent import IntentModel
from router.intent.findings import Report
from router.intent.report import examine
from telephony.audio import read_audio

log = logging.getLogger(__name__)

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A generation, and what its callers hear.

    Attributes
    ----------
    generation : configuration, fitted intents, compiled rules.
    prompts : by name ('notice' or 'ask') and language: int16, 8 kHz. Read once, so that no call waits for a disk.
    """

    generation: Generation
    prompts: Mapping[tuple[str, str], Samples]

    @property
    def config(self) -> Config:
        """The configuration."""
        return self.generation.config


def state_of(config: Config) -> Path:
    """Return the state directory of a configuration: its own, else the user's."""
    return config.state_dir or state_dir()


def _kept_in(config: Config) -> Path:
    """Where what is learnt of examples is kept."""
    return state_of(config) / "intents"


def fit(config: Config, number: int) -> Generation:
    """Compile the rules and fit the intents; a second start finds the intents fitted.

    Where the sentence encoder fails meanwhile, they are fitted for words alone, and the log says so.

    Raises
    ------
    RouterError
        A rule or an intent cannot be used; the message names file, line and column.
    """
    folder, encoder = _kept_in(config), encoder_for(config)
    if encoder is not None:
        try:
            return Generation.fit(config, number, cache_dir=folder, encoder=encoder)
        except RouterError:
            raise
        except Exception:  # whatever the encoder makes of some text
            log.exception("the examples cannot be learnt with the sentence encoder, so calls are read by words alone")
    return Generation.fit(config, number, cache_dir=folder)


def report_of(generation: Generation) -> Report:
    """Return what is to be said of the examples that a generation learnt; no call needs it."""
    model = generation.intent_model
    if not isinstance(model, IntentModel):
        return examine(generation.config, {})
    return examine(generation.config, {language: model.held_out(language) for language in generation.config.languages})


def load(config: Config, number: int, learner: Learner | None = None) -> Loaded:
    """Fit a configuration and read its prompts.

    Parameters
    ----------
    config : as loaded.
    number : of the generation.
    learner : has examples that nobody learnt before learnt in a process of its own; None learns them here.

    Raises
    ------
    RouterError
        A rule or an intent cannot be used; the message names file, line and column.
    AudioError
        A prompt cannot be read.
    ServiceError
        The process that was to learn the examples was killed, or did not end in time.
    """
    named = {"notice": config.notice.prompts, "ask": config.notice.ask}
    prompts = {(name, language): read_audio(path) for name, by in named.items() for language, path in by.items()}
    if learner is not None:
        learner.learn(config.intents.intents, _kept_in(config), encoder_for(config))
    generation = fit(config, number)
    if problem := trouble(config):
        log.warning("the sentence encoder %s, so calls are read by words alone: %s", problem, INSTALL)
    if log.isEnabledFor(logging.INFO):
        try:
            log.info(report_of(generation).headline())
        except Exception:  # no call needs it
            log.exception("the examples could not be reported on")
    return Loaded(generation, prompts)
