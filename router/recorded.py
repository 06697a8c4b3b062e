"""A decision record read back, as far as deciding its call again needs it: fast, and of the right shape or not at all.

Only the fields named here are made into objects; what else a record holds is stepped over, so that reading it costs a
tenth of what all of it would. None of them can hold itself, so no collector of cycles looks at them (`gc`).
`router.record` says what each field means.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from router.actions import Act, Untaken
from router.commands import Trigger
from router.deciding import DECIDING
from router.entries import ENTRIES, OF_BEFORE, EntryLine, audio_of, event_of, kind_of
from router.errors import RecordError
from router.evidence import KIND_OF, Event, HungUp, NoticeEnded, PromptEnded
from router.ladder import Rung
from router.reasons import Code, Parameter
from router.record import DECIDE, CallFacts, Outcome


class ReasonLine(msgspec.Struct, frozen=True, gc=False):
    """A reason without its sentences."""

    code: Code
    parameters: dict[str, Parameter]


class DeedLine(msgspec.Struct, frozen=True, gc=False):
    """What a rule asked for, and why that was not done; None where it was."""

    rule: str
    act: Act = msgspec.field(name="action")
    value: str | float
    untaken: Untaken | None = msgspec.field(name="why")


class DecisionLine(msgspec.Struct, frozen=True, gc=False):
    """The decision on a record, as far as decisions are compared."""

    destination: str
    priority: int
    rung: Rung
    reasons: tuple[ReasonLine, ...]
    trigger: Trigger
    decided_at_s: float
    shadow_destination: str | None
    shadow_priority: int | None
    require: tuple[str, ...] = ()
    prefer: tuple[str, ...] = ()
    prefer_agent: str = ""
    prefer_for_s: int = 0
    actions: tuple[DeedLine, ...] = ()


class GenerationLine(msgspec.Struct, frozen=True, gc=False):
    """What decided the call."""

    hash: str
    intent_model: str
    deciding: int = 0
    sentence_encoder: str = ""


class ToneLine(msgspec.Struct, frozen=True, gc=False):
    """What became of the tone of a call."""

    analysed: bool
    off_by_caller: bool
    deleted: int


class RecordLine(msgspec.Struct, frozen=True, gc=False):
    """A decision record of the latest schema; `text` is None where words were not kept."""

    schema: Literal[2]
    kind: Literal["decision"]
    call: str
    pbx: str
    caller_number: str
    caller_name: str
    dialled: str
    language: str
    wall_anchor: float
    generation: GenerationLine
    recogniser_available: bool
    text: str | None
    tone: ToneLine
    decision: DecisionLine | None
    timeline: tuple[Any, ...]
    language_from: str = ""
    last_agent: str | None = None
    language_asked: str = ""
    outcome: str = ""


def _lines(schema: int, kinds: Any) -> Any:
    entries = tuple[kinds, ...]
    return msgspec.defstruct(
        f"RecordLine{schema}",
        [("schema", Literal[schema]), ("timeline", entries)],
        bases=(RecordLine,),
        frozen=True,
        kw_only=True,
        gc=False,
    )


_BY_SCHEMA = {schema: _lines(schema, kinds) for schema, kinds in ENTRIES.items()}
_DECODER = msgspec.json.Decoder(_BY_SCHEMA[2])
_LAST_S = 253_402_300_800
"""Unix seconds at the end of the year 9999."""
_NOTICE_ENDED, _PROMPT_ENDED, _HUNG_UP = (KIND_OF[kind] for kind in (NoticeEnded, PromptEnded, HungUp))


def decoded(raw: bytes) -> RecordLine | None:
    """Read a line of JSON that is a decision record of the latest schema; None where it is anything else."""
    try:
        line: RecordLine = _DECODER.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None
    return line


def read_record(value: Mapping[str, Any] | RecordLine) -> RecordedCall:
    """Read a record's JSON back, as far as deciding again needs it.

    Raises
    ------
    RecordError
        Where the schema is unknown, or a field is missing or has the wrong shape.
    """
    if not isinstance(value, RecordLine):
        value = _converted(value)
    if not 0 <= value.wall_anchor < _LAST_S:
        raise RecordError(f"record of call '{value.call}' cannot be read: wall_anchor is no moment since 1970")
    call = CallFacts(
        call=value.call,
        pbx=value.pbx,
        caller_number=value.caller_number,
        caller_name=value.caller_name,
        dialled=value.dialled,
        language=value.language,
        wall_anchor=value.wall_anchor,
        language_from=value.language_from,
        last_agent=value.last_agent or "",
        language_asked=value.language_asked,
    )
    decided_by = None
    for place, entry in enumerate(value.timeline):
        if entry.commands and any(one.command == DECIDE for one in entry.commands):
            decided_by = place
            break
    return RecordedCall(call, value, decided_by)


def _converted(value: Mapping[str, Any]) -> RecordLine:
    schema = value.get("schema")
    if not isinstance(schema, int) or schema not in _BY_SCHEMA or value.get("kind") != "decision":
        raise RecordError(
            f"not a decision record of schema {' or '.join(map(str, _BY_SCHEMA))} "
            f"(schema {schema!r}, kind {value.get('kind')!r})"
        )
    try:
        line: RecordLine = msgspec.convert(value, _BY_SCHEMA[schema])
        msgspec.json.encode(line)  # half a character, which JSON can write, is no text
    except (msgspec.ValidationError, UnicodeEncodeError, RecursionError) as error:
        raise RecordError(f"record of call {value.get('call')!r} cannot be read: {error}") from None
    if not all(math.isfinite(entry.now_s) for entry in line.timeline):
        raise RecordError(f"record of call '{line.call}' cannot be read: a time in its timeline is no number")
    return line


@dataclasses.dataclass(frozen=True, slots=True)
class RecordedCall:
    """What a record holds that is needed to decide its call again.

    Attributes
    ----------
    call : its facts, masked as recorded.
    line : the record.
    decided_by : place of the event that let the decision fall, or None.
    """

    call: CallFacts
    line: RecordLine
    decided_by: int | None

    @property
    def decision(self) -> DecisionLine | None:
        """What was decided, or None."""
        return self.line.decision

    @property
    def evidence(self) -> tuple[tuple[Event, float], ...]:
        """Each event with the time at which the session was told, in order."""
        return tuple([(event_of(entry), entry.now_s) for entry in self.line.timeline])

    @property
    def until_decided(self) -> tuple[EntryLine, ...]:
        """The entries up to the one that let the decision fall, or all of them."""
        entries: tuple[EntryLine, ...] = self.line.timeline
        return entries if self.decided_by is None else entries[: self.decided_by + 1]

    @property
    def hung_up(self) -> bool:
        """Whether the caller hung up, before or after the decision."""
        return any(kind_of(entry) == _HUNG_UP for entry in self.line.timeline)

    @property
    def listening_from_s(self) -> float:
        """When listening began: when the notice ended, or at once."""
        entries: tuple[EntryLine, ...] = self.line.timeline
        for entry in entries:
            kind = kind_of(entry)
            if kind == _NOTICE_ENDED or (kind == _PROMPT_ENDED and getattr(entry, "name", "") == "notice"):
                return entry.now_s
        return 0.0

    @property
    def behind_s(self) -> float:
        """How far the engine was behind the call at worst, up to the decision, as far as the record shows it.

        That is how late the caller's audio was taken, which begins as the session does, or how late a timer rang.
        """
        entries = self.until_decided
        lags = [0.0, *[entry.now_s - audio_of(entry) for entry in entries if type(entry) not in OF_BEFORE]]
        return max(max(lags) - min(lags), *[entry.late_s for entry in entries], 0.0)

    @property
    def decided_alike(self) -> bool:
        """Whether what decided then would decide so today; not known of records from before the version was kept."""
        return self.line.generation.deciding == DECIDING

    @property
    def engine_died(self) -> bool:
        """Whether the engine died during this call: what was heard of it is not known."""
        return self.line.outcome == Outcome.ENGINE_DIED

    @property
    def has_text(self) -> bool:
        """Whether the words were kept."""
        return self.line.text is not None

    @property
    def tone_heard(self) -> bool:
        """Whether the tone of this call was listened for, to its end or until the caller objected."""
        return self.line.tone.analysed or self.line.tone.off_by_caller

    @property
    def last_agent_kept(self) -> bool:
        """Whether the record says who served the caller last, or that its customer record knows nobody."""
        return self.line.last_agent is not None
