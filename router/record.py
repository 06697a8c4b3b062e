"""The record of one call: everything it was decided on, and the decision, as one line of JSON.

Field names are stable; `schema` grows when one changes its meaning or goes. Times ending in `_s` are seconds
since the session began (`wall_anchor`, Unix seconds), those ending in `audio_s` seconds of the caller's
audio.

    schema, kind ("decision"), call, pbx, caller_number, caller_name, dialled, language, wall_anchor
    language_from       dialplan | customer | line | default: who said so; "" in records from before it was kept
    language_asked      the dialplan's word where the site does not speak that language; "" elsewhere
    last_agent          who served this caller last, as the PBX calls that agent; "" where that is not known, null where
                        there was no customer record to look in
    calendar            {time_zone, local, weekday, holiday, open {name: bool}}: the time of `wall_anchor` where the
                        call comes from
    outcome             decided | hung_up | open | engine_died (the engine died during the call; the rest of its record
                        is as it was when the call opened)
    generation          {number, hash, deciding (`router.deciding`), intent_model, sentence_encoder}, the last that
                        whose reading of sentences was learnt for the call's language, "" where words alone are read;
                        models {tone, recogniser, ...} as the service names them
    recogniser_available, text (null where it is not kept), asked
    notice              {started_s, ended_s}
    tone                {analysed, off_by_caller, deleted, heard, anger, call_anger, alarmed, trend, arousal,
                        valence, confidence}; anger and call_anger at the prior of the configuration, in the
                        timeline at the `prior` that stands beside them
    decision            null, or {destination, priority, intent, probability, probabilities, rung,
                        steps [{rung, missing}], trigger, reasons [{code, en, ar, parameters}], rules_fired,
                        rules_shadowed, actions [{rule, action, value, taken, why}], shadow_destination,
                        shadow_priority, name_prefix, agent_line, agent {language: line},
                        caller {language: [sentences]}, require, prefer, prefer_agent, prefer_for_s,
                        decided_at_s, decided_audio_s}
    timings             {speech_end_s, decided_at_s, latency_ms, hung_up_at_s, written_at_s}; latency_ms is
                        negative where the decision came before the end of speech
    ignored             events that came too early or too late, counted by kind
    timeline            [{now_s, at_s, audio_s, event, (its fields), state, commands, destinations, intents,
                        waiting_for_tone, late_s}]: state, commands and what was understood are those after the
                        event; late_s, where there is one, how long a deadline had been due that nothing had rung
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from router.commands import (
    Command,
    Decide,
    Decision,
    ForceFinal,
    PlayPrompt,
    StartAnalysis,
    StopAnalysis,
    StopPrompt,
    StopTone,
)
from router.deciding import DECIDING
from router.evidence import EVENT_KINDS, KIND_OF, Event
from router.hours import LocalTime
from router.masking import mask_number
from router.tone import ToneNow

if TYPE_CHECKING:
    from router.understanding import Understanding

SCHEMA = 2
"""Schema 1 stated anger for a prior of a half and knew nothing of the call as a whole."""
_FIELDS = {name: tuple(one.name for one in dataclasses.fields(kind)) for name, kind in EVENT_KINDS.items()}
_INTENTS_SHOWN = 3

_COMMAND_NAMES: dict[type[Command], str] = {
    PlayPrompt: "play_prompt",
    StopPrompt: "stop_prompt",
    StartAnalysis: "start_analysis",
    StopTone: "stop_tone",
    ForceFinal: "force_final",
    StopAnalysis: "stop_analysis",
    Decide: "decide",
}


FORCED, PLAY, DECIDE = (_COMMAND_NAMES[kind] for kind in (ForceFinal, PlayPrompt, Decide))


class Outcome(StrEnum):
    """How a call left the session."""

    DECIDED = "decided"
    HUNG_UP = "hung_up"
    OPEN = "open"
    ENGINE_DIED = "engine_died"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """What is known of a call before anything is heard.

    Attributes
    ----------
    call : its UUID, as text.
    pbx : name of the PBX.
    caller_number, caller_name, dialled : as announced; may be empty.
    language : of the notice and the recogniser.
    language_from : who said so: `dialplan`, `customer` (the customer record), `line` or `default`.
    wall_anchor : Unix seconds at which the session began.
    last_agent : who served this caller last, as the PBX calls that agent; "" where that is not known.
    language_asked : the dialplan's word where the site does not speak that language; "" elsewhere.
    """

    call: str
    pbx: str
    caller_number: str = ""
    caller_name: str = ""
    dialled: str = ""
    language: str = "en"
    wall_anchor: float = 0.0
    language_from: str = ""
    last_agent: str = ""
    language_asked: str = ""

    def masked(self) -> CallFacts:
        """Return the facts with the caller's number and name as a record may show them."""
        return dataclasses.replace(
            self, caller_number=mask_number(self.caller_number), caller_name=mask_number(self.caller_name)
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of a call, and what it led to."""

    event: Event
    now_s: float
    state: str
    commands: tuple[Command, ...]
    understood: Understanding | None
    waiting_for_tone: bool
    late_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """Everything there is to know of one call; the module says what each field means."""

    call: CallFacts
    customers: bool
    generation: int
    generation_hash: str
    intent_model: str
    sentence_encoder: str
    models: Mapping[str, str]
    recogniser_available: bool
    decision: Decision | None
    text: str | None
    asked: bool
    notice_started_s: float | None
    notice_ended_s: float | None
    tone_analysed: bool
    tone_off_by_caller: bool
    tone_deleted: int
    tone_now: ToneNow
    speech_end_s: float | None
    hung_up_at_s: float | None
    written_at_s: float
    calendar: LocalTime
    ignored: Mapping[str, int]
    timeline: tuple[Entry, ...] = field(repr=False)

    @property
    def outcome(self) -> Outcome:
        """How the call left the session."""
        if self.decision is not None:
            return Outcome.DECIDED
        return Outcome.HUNG_UP if self.hung_up_at_s is not None else Outcome.OPEN

    @property
    def decided_at_s(self) -> float | None:
        """When it was decided, None where it was not."""
        return None if self.decision is None else self.decision.decided_at_s

    @property
    def latency_ms(self) -> float | None:
        """From the end of speech to the decision; None where one of them is missing."""
        if self.decided_at_s is None or self.speech_end_s is None:
            return None
        return round((self.decided_at_s - self.speech_end_s) * 1000, 3)

    def to_json(self) -> dict[str, object]:
        """Return the record as JSON-ready values, in the fields that the module documents."""
        tone = self.tone_now
        return {
            "schema": SCHEMA,
            "kind": "decision",
            **dataclasses.asdict(self.call),
            "last_agent": self.call.last_agent or ("" if self.customers else None),
            "calendar": {
                "time_zone": self.calendar.time_zone,
                "local": self.calendar.local,
                "weekday": self.calendar.weekday,
                "holiday": self.calendar.holiday,
                "open": dict(self.calendar.open),
            },
            "outcome": self.outcome.value,
            "generation": {
                "number": self.generation,
                "hash": self.generation_hash,
                "intent_model": self.intent_model,
                "deciding": DECIDING,
                "sentence_encoder": self.sentence_encoder,
            },
            "models": dict(self.models),
            "recogniser_available": self.recogniser_available,
            "text": self.text,
            "asked": self.asked,
            "notice": {"started_s": self.notice_started_s, "ended_s": self.notice_ended_s},
            "tone": {
                "analysed": self.tone_analysed,
                "off_by_caller": self.tone_off_by_caller,
                "deleted": self.tone_deleted,
                "heard": tone.heard,
                "anger": _finite(tone.anger),
                "call_anger": _finite(tone.call_anger),
                "alarmed": tone.alarmed,
                "trend": _finite(tone.trend),
                "arousal": _finite(tone.arousal),
                "valence": _finite(tone.valence),
                "confidence": _finite(tone.confidence),
            },
            "decision": None if self.decision is None else decision_to_json(self.decision),
            "timings": {
                "speech_end_s": self.speech_end_s,
                "decided_at_s": self.decided_at_s,
                "latency_ms": self.latency_ms,
                "hung_up_at_s": self.hung_up_at_s,
                "written_at_s": self.written_at_s,
            },
            "ignored": dict(self.ignored),
            "timeline": [_entry_to_json(entry) for entry in self.timeline],
        }


def decision_to_json(decision: Decision) -> dict[str, object]:
    """Return a decision as JSON-ready values."""
    return {
        "destination": decision.destination,
        "priority": decision.priority,
        "intent": decision.intent,
        "probability": decision.probability,
        "probabilities": dict(decision.probabilities),
        "rung": decision.rung.value,
        "steps": [{"rung": step.rung.value, "missing": step.missing.value} for step in decision.steps],
        "trigger": decision.trigger.value,
        "reasons": [
            {
                "code": reason.code.value,
                "en": reason.en,
                "ar": reason.ar,
                "parameters": dict(reason.parameters),
            }
            for reason in decision.reasons
        ],
        "rules_fired": list(decision.rules_fired),
        "rules_shadowed": list(decision.rules_shadowed),
        "actions": [deed.to_json() for deed in decision.actions],
        "shadow_destination": decision.shadow_destination,
        "shadow_priority": decision.shadow_priority,
        "name_prefix": decision.name_prefix,
        "agent_line": decision.agent_line,
        "agent": dict(decision.agent),
        "caller": {language: list(sentences) for language, sentences in decision.caller.items()},
        "require": list(decision.require),
        "prefer": list(decision.prefer),
        "prefer_agent": decision.prefer_agent,
        "prefer_for_s": decision.prefer_for_s,
        "decided_at_s": decision.decided_at_s,
        "decided_audio_s": decision.decided_audio_s,
    }


def _entry_to_json(entry: Entry) -> dict[str, object]:
    event = entry.event
    line: dict[str, object] = {"now_s": entry.now_s, "event": KIND_OF[type(event)]}
    line.update({name: getattr(event, name) for name in _FIELDS[KIND_OF[type(event)]]})
    for name, value in line.items():
        if isinstance(value, float):
            line[name] = _finite(value)
        elif isinstance(value, Mapping):
            line[name] = dict(value)
    line["state"] = entry.state
    line["commands"] = [_command_to_json(command) for command in entry.commands]
    if entry.understood is not None:
        likeliest = sorted(entry.understood.by_intent.items(), key=lambda item: (-item[1], item[0]))
        line["words"] = entry.understood.words
        line["destinations"] = dict(entry.understood.by_destination)
        line["intents"] = dict(likeliest[:_INTENTS_SHOWN])
    line["waiting_for_tone"] = entry.waiting_for_tone
    if entry.late_s:
        line["late_s"] = entry.late_s
    return line


def _command_to_json(command: Command) -> dict[str, object]:
    shown: dict[str, object] = {"command": _COMMAND_NAMES[type(command)]}
    if isinstance(command, Decide):
        shown["destination"] = command.decision.destination
        return shown
    shown.update({name.name: getattr(command, name.name) for name in dataclasses.fields(command)})
    return shown


def _finite(value: float) -> float | None:
    """JSON has no word for what is not a number."""
    return value if math.isfinite(value) else None
