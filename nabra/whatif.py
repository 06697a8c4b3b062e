"""Past calls decided again under another configuration: what is read, by which process, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.loader import SHIPPED, load
from config.schema import Config
from nabra.errors import NabraError
from nabra.generations import fit
from router.errors import RecordError
from router.generation import Generation
from router.replay import WhatIf
from router.whatif import Compared, Tally, compare, from_row, to_row

CONFIG_NAME = "nabra.yaml"


def config_file(path: Path | None) -> Path:
    """Return the file that is meant: itself, the `nabra.yaml` of a folder, or the shipped one.

    Raises
    ------
    NabraError
        A folder has no nabra.yaml.
    """
    if path is None:
        return SHIPPED
    if not path.is_dir():
        return path
    if not (path / CONFIG_NAME).exists():
        raise NabraError(f"{path} holds no {CONFIG_NAME}")
    return path / CONFIG_NAME


def loaded(path: Path) -> Generation:
    """Return the generation of a configuration; its intents are fitted once, and then found by every process.

    Raises
    ------
    ConfigError, RouterError
    """
    config: Config = load(path)
    return fit(config, 1)


@dataclass(slots=True)
class Results:
    """What one piece of the records came to: its calls counted, and those of them that are asked for as rows."""

    tally: Tally = field(default_factory=Tally)
    rows: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DecideAgain:
    """Work for `nabra.record_files`: decide records again, or take what was decided before (`to_row`'s lines).

    Attributes
    ----------
    config : the configuration to decide under.
    rows : calls to keep as rows: "all", "changed" (and unknown), or "none".
    """

    config: Path
    rows: str = "none"

    def reader(self) -> DecidesAgain:
        """Load the configuration into this process."""
        return DecidesAgain(WhatIf(loaded(self.config)), self.rows)


class DecidesAgain:
    """Reader of records that decides them again."""

    def __init__(self, whatif: WhatIf, rows: str) -> None:
        self._whatif = whatif
        self._rows = rows
        self._results = Results()

    def take(self, value: Mapping[str, Any]) -> bool:
        """Decide one record again; False where the line is none."""
        if value.get("kind") != "decision":
            return False
        compared = compare(self._whatif.decide(value))
        self._results.tally.add(compared)
        if self._rows == "all" or (self._rows == "changed" and (compared.changes or compared.now is None)):
            self._results.rows.append(to_row(compared))
        return True

    def found(self) -> Results:
        """Return what there is since the last time."""
        results, self._results = self._results, Results()
        return results


def result_of(value: Mapping[str, Any]) -> Compared | None:
    """Return a line that `nabra replay --json` wrote as the call it is of; None for a line of another kind.

    Raises
    ------
    RecordError
        Where it cannot be read.
    """
    kind = value.get("kind")
    if kind is not None and not isinstance(kind, str):
        raise RecordError("this line's kind is no text")
    return from_row(value) if kind == "replayed" else None
