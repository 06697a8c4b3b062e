"""Probabilities that are worked out when somebody first looks at them.

Most partials are too short to decide on, and nobody asks what they mean before the call is decided.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Mapping, ValuesView


class Later(Mapping[str, float]):
    """A read-only mapping whose content is worked out once, at the first look.

    Parameters
    ----------
    work : returns the content; always the same one.
    """

    __slots__ = ("_found", "_work")

    def __init__(self, work: Callable[[], Mapping[str, float]]) -> None:
        self._work: Callable[[], Mapping[str, float]] | None = work
        self._found: Mapping[str, float] = {}

    def __getitem__(self, name: str) -> float:
        return self.all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.all())

    def __len__(self) -> int:
        return len(self.all())

    def __repr__(self) -> str:
        return repr(dict(self.all()))

    def items(self) -> ItemsView[str, float]:
        """Return the names and their values; the inherited view would look each of them up."""
        return self.all().items()

    def values(self) -> ValuesView[float]:
        """Return the values."""
        return self.all().values()

    def all(self) -> Mapping[str, float]:
        """Return the content itself, to be looked at and not changed."""
        if self._work is not None:
            self._found = self._work()
            self._work = None
        return self._found
