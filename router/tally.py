"""Many calls under two configurations, counted as they come (`router.whatif` says what of each is compared).

Memory does not grow with their number, and the counts of several processes add up.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from router.whatif import NOWHERE, Cause, Change, Compared

EXAMPLES = 5


@dataclass(slots=True)
class Seconds:
    """How much later or earlier decisions come, in steps of a tenth of a second: `steps` counts calls by step."""

    steps: Counter[int] = field(default_factory=Counter)

    def add(self, seconds: float) -> None:
        """Count one call."""
        self.steps[round(seconds * 10)] += 1

    def __len__(self) -> int:
        return sum(self.steps.values())

    def quantile(self, share: float) -> float:
        """Return the seconds that this share of the calls does not exceed; 0 where there are none."""
        wanted, seen = share * len(self), 0
        for step in sorted(self.steps):
            seen += self.steps[step]
            if seen >= wanted:
                return step / 10
        return 0.0

    def side(self, *, later: bool) -> Seconds:
        """Return the calls that come later, or earlier (their seconds then count as positive)."""
        sign = 1 if later else -1
        return Seconds(Counter({sign * step: n for step, n in self.steps.items() if sign * step > 0}))


@dataclass(slots=True)
class Group:
    """Calls that changed alike, by the same causes; `later_s` and `priority` are sums over them.

    `examples` are the first EXAMPLES of their ids.
    """

    calls: int = 0
    later_s: float = 0.0
    priority: int = 0
    examples: list[str] = field(default_factory=list)


GroupKey = tuple[Cause, Cause, str, str, Change]
"""New cause, old cause, old and new destination where they differ (else NOWHERE), and the first that changed."""


@dataclass(slots=True)
class Tally:
    """What became of many calls.

    Attributes
    ----------
    calls : all of them: `same`, `changed` and those in `unknown`, by reason.
    changes : calls by what changed; one call may count for several.
    paths : known calls by old and new destination; `angry_paths` those alarmed under either of the two.
    angry : known calls by whether they were alarmed, and would be.
    groups : changed calls by what did it.
    time : of calls decided under both whose time changed.
    early_was, early_now : known calls decided while the caller spoke.
    in_shadow : calls recorded in shadow mode; `other_version` those decided by another version of deciding.
    first, last : Unix seconds of the first and the last call.
    """

    calls: int = 0
    same: int = 0
    changed: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    changes: Counter[Change] = field(default_factory=Counter)
    paths: Counter[tuple[str, str]] = field(default_factory=Counter)
    angry_paths: Counter[tuple[str, str]] = field(default_factory=Counter)
    angry: Counter[tuple[bool, bool]] = field(default_factory=Counter)
    groups: dict[GroupKey, Group] = field(default_factory=dict)
    time: Seconds = field(default_factory=Seconds)
    raised: int = 0
    lowered: int = 0
    early_was: int = 0
    early_now: int = 0
    in_shadow: int = 0
    other_version: int = 0
    first: float | None = None
    last: float | None = None

    @property
    def known(self) -> int:
        """How many calls are known under both."""
        return self.same + self.changed

    def add(self, compared: Compared) -> None:
        """Count one call."""
        self.calls += 1
        self.in_shadow += compared.in_shadow
        self.other_version += compared.other_version
        at = compared.wall_anchor
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)
        was, now = compared.was, compared.now
        if now is None:
            self.unknown[str(compared.unknown)] += 1
            return
        path = was.destination, now.destination
        self.paths[path] += 1
        self.angry[was.angry, now.angry] += 1
        if was.angry or now.angry:
            self.angry_paths[path] += 1
        self.early_was += was.early
        self.early_now += now.early
        changes = compared.changes
        if not changes:
            self.same += 1
            return
        self.changed += 1
        self.changes.update(changes)
        self.raised += now.priority > was.priority
        self.lowered += now.priority < was.priority
        later_s = compared.later_s
        if Change.TIME in changes and later_s is not None:
            self.time.add(later_s)
        moved = path if Change.DESTINATION in changes else (NOWHERE, NOWHERE)
        group = self.groups.setdefault((*compared.blame, *moved, changes[0]), Group())
        group.calls += 1
        group.later_s += later_s or 0.0
        group.priority += now.priority - was.priority
        if len(group.examples) < EXAMPLES:
            group.examples.append(compared.call)

    def merge(self, other: Tally) -> None:
        """Add the calls of another tally, which come after these."""
        of_all = ("calls", "same", "changed", "in_shadow", "other_version")
        for name in (*of_all, "raised", "lowered", "early_was", "early_now"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("unknown", "changes", "paths", "angry_paths", "angry"):
            getattr(self, name).update(getattr(other, name))
        self.time.steps.update(other.time.steps)
        for key, group in other.groups.items():
            mine = self.groups.setdefault(key, Group())
            mine.calls += group.calls
            mine.later_s += group.later_s
            mine.priority += group.priority
            mine.examples = [*mine.examples, *group.examples][:EXAMPLES]
        ends = [at for at in (self.first, self.last, other.first, other.last) if at is not None]
        self.first, self.last = (min(ends), max(ends)) if ends else (None, None)

    def largest_groups(self) -> list[tuple[GroupKey, Group]]:
        """Return the groups, those of most calls first."""
        return sorted(self.groups.items(), key=lambda item: (-item[1].calls, item[0][:4]))
