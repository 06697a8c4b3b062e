"""What can go wrong in this room.

RouterError
├── RulesError         rules that cannot be used; carries every Problem found, not only the first
├── RecordError        a decision record that cannot be read: wrong schema, missing or misshapen fields
└── ReplayError        a record that was read but cannot be decided again, and why
"""

from __future__ import annotations

from collections.abc import Iterable

from config.errors import Problem


class RouterError(Exception):
    """Root of everything this room raises on bad input."""


class RulesError(RouterError):
    """Rules cannot be used: `problems` holds everything that has to be mended, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class RecordError(RouterError):
    """A decision record cannot be read."""


class ReplayError(RouterError):
    """A record cannot be decided again."""
