"""What can go wrong in this room.

ConfigError            a configuration that cannot be used; carries every Problem found, not only the first
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Position:
    """Where something stands in a file that an operator edits.

    `line` and `column` count from 1, as editors do.
    """

    file: Path
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that makes a configuration unusable.

    Attributes
    ----------
    position : where it stands.
    message : what is wrong there, naming what was found.
    expected : what would have been right; empty where the message says it.
    nearest : the valid key or name most like what was found, or None.
    """

    position: Position
    message: str
    expected: str = ""
    nearest: str | None = None

    @property
    def file(self) -> Path:
        return self.position.file

    @property
    def line(self) -> int:
        return self.position.line

    @property
    def column(self) -> int:
        return self.position.column

    def __str__(self) -> str:
        text = f"{self.position}: {self.message}"
        if self.expected:
            text += f"; expected {self.expected}"
        if self.nearest is not None:
            text += f"; did you mean '{self.nearest}'?"
        return text


class ConfigError(Exception):
    """A configuration cannot be used: `problems` holds everything that has to be mended, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
