"""Two decisions on the same call side by side, and many such calls counted.

A call is the same, changed or unknown. It changed where its destination, its priority, the skills that whoever answers
must have or had better have, who is offered it first, or by TIME_CHANGED_S the time of its decision did; the change is
blamed on what made the new decision, and on what had made the old one (`Cause`). In shadow mode what counts is what was
meant, not the default that took the call.

`Tally` counts calls as they come, in memory that does not grow with their number, and adds up over processes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from router.actions import Act
from router.commands import Decision, Trigger
from router.errors import RecordError
from router.ladder import Rung
from router.reasons import Code, Reason
from router.recorded import DecisionLine, ReasonLine, RecordedCall
from router.replay import Replayed, Unknown

TIME_CHANGED_S = 0.1
"""Nobody hears less."""
NOWHERE = ""
"""Stands for the destination of a caller who hung up first."""
EXAMPLES = 5

_NAMED = {
    Code.KEY: "digit",
    Code.RULE_ROUTE: "rule",
    Code.NEVER: "rule",
    Code.HARD_WORD: "phrase",
    Code.WORDS: "intent",
}
_UNSURE = (Code.FEW_WORDS, Code.NOT_SURE, Code.NO_RECOGNISER, Code.NO_SPEECH, Code.NO_WORDS, Code.DEFAULT)
_DIRECTS = {Code.REQUIRE: "rules", Code.PREFER: "rules", Code.PREFER_AGENT: "rule"}
NOT_RAISED = "not_raised"
NOT_DIRECTED = "not_directed"
HUNG_UP = "hung_up"
AT = "at_"
"""Before the name of a trigger, where it is a cause."""


class Change(StrEnum):
    """What of a decision differs."""

    DESTINATION = "destination"
    PRIORITY = "priority"
    AGENTS = "agents"
    TIME = "time"


@dataclass(frozen=True, slots=True, order=True)
class Cause:
    """What made a decision be as it is: a reason's code (or a name above, or a trigger), and a name.

    The name is that of the rule (or rules), the intent, the phrase or the key; "" where there is none.
    """

    code: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two decisions.

    Attributes
    ----------
    destination : that was meant, NOWHERE where the caller hung up first; `priority` minutes on top.
    decided_at_s : since the session began; `listened_s` since listening began, 0 or more. None without a decision.
    trigger : what made it fall; "" without a decision.
    angry : the call was alarmed.
    routed_by, raised_by, directed_by : what made the destination, the priority, and what is asked of agents.
    on_words : the destination rests on words.
    require, prefer : skills, in any order; `prefer_agent` who is offered the call first, and for how many seconds.
    """

    destination: str
    priority: int = 0
    decided_at_s: float | None = None
    listened_s: float | None = None
    trigger: str = ""
    angry: bool = False
    routed_by: Cause = Cause(HUNG_UP)
    raised_by: Cause = Cause(NOT_RAISED)
    on_words: bool = False
    directed_by: Cause = Cause(NOT_DIRECTED)
    require: tuple[str, ...] = ()
    prefer: tuple[str, ...] = ()
    prefer_agent: tuple[str, int] = ("", 0)

    @property
    def early(self) -> bool:
        """Whether it fell while the caller was still speaking, on words that were sure enough."""
        return self.trigger == Trigger.WORDS

    @property
    def agents(self) -> tuple[object, ...]:
        """What is asked of whoever answers."""
        return self.require, self.prefer, self.prefer_agent


@dataclass(frozen=True, slots=True)
class Compared:
    """One call under two configurations; `now` is None where `unknown` says why it is not known.

    `other_version`: another version of deciding, or one that did not say which, made the recorded decision.
    """

    call: str
    pbx: str
    language: str
    wall_anchor: float
    was: Side
    now: Side | None
    unknown: str | None = None
    in_shadow: bool = False
    other_version: bool = False

    @property
    def changes(self) -> tuple[Change, ...]:
        """What differs; nothing where it is not known."""
        was, now = self.was, self.now
        if now is None:
            return ()
        changes = []
        if was.destination != now.destination:
            changes.append(Change.DESTINATION)
        if was.priority != now.priority:
            changes.append(Change.PRIORITY)
        if was.agents != now.agents:
            changes.append(Change.AGENTS)
        if self.later_s is not None and abs(self.later_s) >= TIME_CHANGED_S:
            changes.append(Change.TIME)
        return tuple(changes)

    @property
    def later_s(self) -> float | None:
        """Seconds by which the new decision comes later; None where one of them is missing."""
        if self.now is None or self.now.decided_at_s is None or self.was.decided_at_s is None:
            return None
        return round(self.now.decided_at_s - self.was.decided_at_s, 6)

    @property
    def blame(self) -> tuple[Cause, Cause]:
        """What made the new decision differ, and what had made the old one as it was."""
        assert self.now is not None
        was, now = self.was, self.now
        if was.destination != now.destination:
            return now.routed_by, was.routed_by
        if was.priority != now.priority:
            return now.raised_by, was.raised_by
        if was.agents != now.agents:
            return now.directed_by, was.directed_by
        return Cause(AT + now.trigger), Cause(AT + was.trigger)


def compare(replayed: Replayed) -> Compared:
    """Put a call's recorded decision and the new one side by side."""
    return _compared(
        replayed.recorded,
        replayed.decision,
        None if replayed.unknown is None else replayed.unknown.value,
        replayed.sooner_s,
    )


def compare_records(was: RecordedCall, now: RecordedCall) -> Compared:
    """Put the decisions of two records of the same call side by side."""
    died = was.engine_died or now.engine_died
    return _compared(was, now.decision, Unknown.ENGINE_DIED.value if died else None, 0.0)


def _compared(
    recorded: RecordedCall, decision: Decision | DecisionLine | None, unknown: str | None, sooner_s: float
) -> Compared:
    call, listening_s = recorded.call, recorded.listening_from_s
    return Compared(
        call=call.call,
        pbx=call.pbx,
        language=call.language,
        wall_anchor=call.wall_anchor,
        was=side(recorded.decision, listening_s, call.last_agent),
        now=None if unknown is not None else side(decision, listening_s, call.last_agent, sooner_s),
        unknown=unknown,
        in_shadow=recorded.decision is not None and recorded.decision.shadow_destination is not None,
        other_version=not recorded.decided_alike,
    )


def side(
    decision: Decision | DecisionLine | None, listening_s: float, last_agent: str = "", sooner_s: float = 0.0
) -> Side:
    """Return what is compared of a decision.

    Parameters
    ----------
    decision : or None where the caller hung up first.
    listening_s : when listening began.
    last_agent : who served the caller last, "" where that is not known.
    sooner_s : by how much sooner it falls than it says.
    """
    if decision is None:
        return Side(NOWHERE)
    decided_at_s = round(decision.decided_at_s - sooner_s, 6)
    require, prefer, agent = _directed(decision, last_agent)
    return Side(
        destination=decision.shadow_destination or decision.destination,
        priority=decision.priority if decision.shadow_priority is None else decision.shadow_priority,
        decided_at_s=decided_at_s,
        listened_s=round(max(0.0, decided_at_s - listening_s), 6),
        trigger=decision.trigger.value,
        angry=any(reason.code is Code.ANGRY for reason in decision.reasons),
        routed_by=_routed_by(decision),
        raised_by=_raised_by(decision),
        on_words=decision.rung in (Rung.FINAL_TEXT, Rung.PARTIAL_TEXT),
        directed_by=_directed_by(decision),
        require=tuple(sorted(require)),
        prefer=tuple(sorted(prefer)),
        prefer_agent=agent,
    )


def _directed(
    decision: Decision | DecisionLine, last_agent: str
) -> tuple[Iterable[str], Iterable[str], tuple[str, int]]:
    """Skills required and preferred, and the preferred agent; of a decision in shadow, those that were meant."""
    if decision.shadow_destination is None:
        return decision.require, decision.prefer, (decision.prefer_agent, decision.prefer_for_s)
    meant = [deed for deed in decision.actions if deed.untaken is None]
    skills = [{str(deed.value) for deed in meant if deed.act is act} for act in (Act.REQUIRE, Act.PREFER)]
    seconds = [int(deed.value) for deed in meant if deed.act is Act.PREFER_AGENT]
    return skills[0], skills[1], (last_agent, seconds[0]) if seconds else ("", 0)


def _reasons(decision: Decision | DecisionLine) -> dict[Code, Reason | ReasonLine]:
    """The reasons by code, the first of each."""
    found: dict[Code, Reason | ReasonLine] = {}
    reasons: Sequence[Reason | ReasonLine] = decision.reasons
    for reason in reasons:
        found.setdefault(reason.code, reason)
    return found


def _routed_by(decision: Decision | DecisionLine) -> Cause:
    found = _reasons(decision)
    for code, name in _NAMED.items():
        if code in found:
            return Cause(code.value, str(found[code].parameters[name]))
    unsure = next((code for code in _UNSURE if code in found), None)
    return Cause(decision.reasons[0].code.value if unsure is None and decision.reasons else (unsure or Code.DEFAULT))


def _raised_by(decision: Decision | DecisionLine) -> Cause:
    raised = _reasons(decision).get(Code.RULE_RAISE)
    return Cause(NOT_RAISED) if raised is None else Cause(Code.RULE_RAISE.value, str(raised.parameters["rules"]))


def _directed_by(decision: Decision | DecisionLine) -> Cause:
    found = _reasons(decision)
    for code, name in _DIRECTS.items():
        if code in found:
            return Cause(code.value, str(found[code].parameters[name]))
    return Cause(NOT_DIRECTED)


# as JSON, for results that are kept


def to_row(compared: Compared) -> dict[str, Any]:
    """Return a compared call as JSON-ready values; `from_row` reads them back."""
    changes = compared.changes
    result = "unknown" if compared.now is None else "changed" if changes else "same"
    return {
        "kind": "replayed",
        "call": compared.call,
        "pbx": compared.pbx,
        "language": compared.language,
        "wall_anchor": compared.wall_anchor,
        "result": result,
        "unknown": compared.unknown,
        "changes": [change.value for change in changes],
        "later_s": compared.later_s,
        "in_shadow": compared.in_shadow,
        "other_version": compared.other_version,
        "was": _side_to_row(compared.was),
        "now": None if compared.now is None else _side_to_row(compared.now),
    }


def from_row(row: Mapping[str, Any]) -> Compared:
    """Read a compared call back.

    Raises
    ------
    RecordError
        Where it cannot be read.
    """
    try:
        return Compared(
            call=row["call"],
            pbx=row["pbx"],
            language=row["language"],
            wall_anchor=float(row["wall_anchor"]),
            was=_side_from_row(row["was"]),
            now=None if row["now"] is None else _side_from_row(row["now"]),
            unknown=row["unknown"],
            in_shadow=bool(row["in_shadow"]),
            other_version=bool(row.get("other_version", False)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"the result of call {row.get('call')!r} cannot be read: {error!r}") from None


def _side_to_row(one: Side) -> dict[str, Any]:
    return {
        "destination": one.destination or None,
        "priority": one.priority,
        "decided_at_s": one.decided_at_s,
        "listened_s": one.listened_s,
        "trigger": one.trigger,
        "angry": one.angry,
        "routed_by": [one.routed_by.code, one.routed_by.name],
        "raised_by": [one.raised_by.code, one.raised_by.name],
        "on_words": one.on_words,
        "directed_by": [one.directed_by.code, one.directed_by.name],
        "require": list(one.require),
        "prefer": list(one.prefer),
        "prefer_agent": list(one.prefer_agent),
    }


def _side_from_row(row: Mapping[str, Any]) -> Side:
    return Side(
        destination=row["destination"] or NOWHERE,
        priority=row["priority"],
        decided_at_s=row["decided_at_s"],
        listened_s=row["listened_s"],
        trigger=row["trigger"],
        angry=row["angry"],
        routed_by=Cause(*row["routed_by"]),
        raised_by=Cause(*row["raised_by"]),
        on_words=row["on_words"],
        directed_by=Cause(*row["directed_by"]),
        require=tuple(row["require"]),
        prefer=tuple(row["prefer"]),
        prefer_agent=(str(row["prefer_agent"][0]), int(row["prefer_agent"][1])),
    )


# many calls


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
