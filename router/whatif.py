"""Two decisions on the same call side by side.

A call is the same, changed or unknown. It changed where its destination, its priority, the skills that whoever answers
must have or had better have, who is offered it first, or by TIME_CHANGED_S the time of its decision did; the change is
blamed on what made the new decision, and on what had made the old one (`Cause`). In shadow mode what counts is what was
meant, not the default that took the call. `router.tally` counts many such calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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


_UNRAISED, _UNDIRECTED = Cause(NOT_RAISED), Cause(NOT_DIRECTED)


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
    raised_by: Cause = _UNRAISED
    on_words: bool = False
    directed_by: Cause = _UNDIRECTED
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
        later_s = self.later_s
        if later_s is not None and abs(later_s) >= TIME_CHANGED_S:
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
    found = _by_code(decision)
    return Side(
        destination=decision.shadow_destination or decision.destination,
        priority=decision.priority if decision.shadow_priority is None else decision.shadow_priority,
        decided_at_s=decided_at_s,
        listened_s=round(max(0.0, decided_at_s - listening_s), 6),
        trigger=decision.trigger.value,
        angry=Code.ANGRY in found,
        routed_by=_routed_by(decision, found),
        raised_by=_raised_by(found),
        on_words=decision.rung in (Rung.FINAL_TEXT, Rung.PARTIAL_TEXT),
        directed_by=_directed_by(found),
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


def _by_code(decision: Decision | DecisionLine) -> dict[Code, Reason | ReasonLine]:
    """The reasons by code, the first of each."""
    reasons: Sequence[Reason | ReasonLine] = decision.reasons
    return {reason.code: reason for reason in reversed(reasons)}


def _routed_by(decision: Decision | DecisionLine, found: Mapping[Code, Reason | ReasonLine]) -> Cause:
    for code, name in _NAMED.items():
        if code in found:
            return Cause(code.value, str(found[code].parameters[name]))
    unsure = next((code for code in _UNSURE if code in found), None)
    return Cause(decision.reasons[0].code.value if unsure is None and decision.reasons else (unsure or Code.DEFAULT))


def _raised_by(found: Mapping[Code, Reason | ReasonLine]) -> Cause:
    raised = found.get(Code.RULE_RAISE)
    return _UNRAISED if raised is None else Cause(Code.RULE_RAISE.value, str(raised.parameters["rules"]))


def _directed_by(found: Mapping[Code, Reason | ReasonLine]) -> Cause:
    for code, name in _DIRECTS.items():
        if code in found:
            return Cause(code.value, str(found[code].parameters[name]))
    return _UNDIRECTED


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
