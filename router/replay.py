"""Deciding a recorded call again, from the evidence that its record holds.

`replay` repeats a record under the generation that made it, bit for bit. `WhatIf` asks what another generation would
have done with the same call, and never guesses: the caller's voice is recorded only up to the decision, and the
caller answered what was asked then. Where the other generation listens past that, asks another question, or needs
what was not kept, the call is unknown, and why (`Unknown`).

`router.relived` lives the call again, `router.rereading` reads its words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from config.schema import SpeechEngine
from router.commands import Decision, Trigger
from router.errors import ReplayError
from router.generation import Generation
from router.record import CallFacts, DecisionRecord
from router.recorded import RecordedCall, RecordLine, read_record
from router.relived import LATE_S, Line, Silence, Unknown, tell
from router.rereading import Rereading
from router.resentenced import Read, Resentenced
from router.session import Session

__all__ = ["LATE_S", "Replayed", "Silence", "Unknown", "WhatIf", "replay"]


def replay(record: DecisionRecord | Mapping[str, Any], generation: Generation) -> Decision | None:
    """Feed a record's evidence to a new session; return its decision, None where the caller hung up first.

    Under the generation that made the record the decision is the same, bit for bit. Under another it is what
    that generation would have done, as far as the record reaches.

    Raises
    ------
    RecordError
        Where the record cannot be read.
    ReplayError
        Where its words were not kept, or the evidence ends before this generation would have decided.
    """
    recorded = read_record(record.to_json() if isinstance(record, DecisionRecord) else record)
    if recorded.engine_died:
        raise ReplayError(f"call {recorded.call.call}: the engine died during this call, what was heard is not known")
    if not recorded.has_text:
        raise ReplayError(f"call {recorded.call.call}: its words were not kept (records.keep_text is false)")
    sentences = Resentenced.of(recorded, generation, None)
    heard = recorded.line.recogniser_available
    session = Session(recorded.call, generation, 0.0, recogniser_available=heard, encoder=sentences.wanted)
    for event, now_s in recorded.evidence:
        if session.decision is not None:
            break
        told = sentences.again(event)
        if told is not None:
            tell(session, told, now_s)
    if sentences.lacking and session.words_alone:
        raise ReplayError(f"call {recorded.call.call}: its sentences were not read by this configuration's intents")
    if session.decision is None and recorded.decision is not None:
        raise ReplayError(f"call {recorded.call.call}: the evidence ends before this configuration would have decided")
    return session.decision


@dataclass(frozen=True, slots=True)
class Replayed:
    """One call decided again.

    Attributes
    ----------
    recorded : the call, as its record has it.
    decision : what would have been decided; None where the caller hung up before, or where it is not known.
    unknown : why it is not known, or None.
    sooner_s : by how much sooner it would have fallen than `decision` says, for a silence waited out less long.
    """

    recorded: RecordedCall
    decision: Decision | None
    unknown: Unknown | None = None
    sooner_s: float = 0.0


class WhatIf:
    """Decides past calls again under one generation.

    What the very same model read then is taken from the record; else each text is read once, however many calls it
    was said on (the last REMEMBERED_TEXTS are remembered).

    Parameters
    ----------
    generation : what the calls are decided with.
    silence : how long it would wait out a silence; None where that is as it was.
    brief : leave out the sentences of decisions, which only people read.
    read : reads what callers said by the generation's sentence encoder; None where that is not installed.
    """

    def __init__(
        self,
        generation: Generation,
        silence: Silence | None = None,
        *,
        brief: bool = False,
        read: Read | None = None,
    ) -> None:
        self.generation = generation
        self._read = read
        self._again = Rereading.rereading(generation, brief=brief)
        self._silence = silence
        acting = [rule for rule in generation.rules.rules if not rule.rule.then.shadow]
        named = frozenset[str]().union(*(rule.condition.variables for rule in acting))
        self._uses_tone = any(rule.condition.uses_tone for rule in acting)
        self._uses_number = "caller_number" in named
        self._uses_agent = "last_agent_known" in named or any(r.rule.then.prefer_agent is not None for r in acting)
        self._uses_keys = bool(generation.config.keys) or self._uses_tone
        models = generation.config.speech.models
        self._heard = frozenset(name for name, model in models.items() if model.engine is not SpeechEngine.NONE)

    def decide(self, record: Mapping[str, Any] | RecordLine) -> Replayed:
        """Return what this generation would have decided on a recorded call.

        Raises
        ------
        RecordError
            Where the record cannot be read.
        """
        recorded = read_record(record)
        if recorded.engine_died:
            return Replayed(recorded, None, Unknown.ENGINE_DIED)
        self._again.recall.of(recorded, self.generation.intent_model)
        sentences = Resentenced.of(recorded, self.generation, self._read)
        speaks = self._would_speak(recorded.call)
        # The customer record is no part of the hash: it may have changed since.
        if recorded.line.generation.hash == self.generation.hash and (speaks or not recorded.call.language_from):
            heard = recorded.line.recogniser_available
            line = Line(recorded, recorded.call, self._again, recogniser=heard, sentences=sentences)
            return _replayed(recorded, line, line.repeat())
        if not speaks:
            return Replayed(recorded, None, Unknown.LANGUAGE)
        line, unknown = self._lived(recorded, sentences, punctual=False)
        if line.close and unknown is None:
            other, unknown = self._lived(recorded, sentences, punctual=True)
            if unknown is not None or not _alike(line, other):
                unknown = Unknown.TIMERS_LATE if line.behind else Unknown.TOO_CLOSE
        return _replayed(recorded, line, self._never_heard(recorded, line) or unknown)

    def _lived(self, recorded: RecordedCall, sentences: Resentenced, *, punctual: bool) -> tuple[Line, Unknown | None]:
        call = recorded.call
        if self.generation.config.customers.file is None:
            call = replace(call, last_agent="")
        line = Line(recorded, call, self._again, recogniser=call.language in self._heard, sentences=sentences)
        unknown = line.live(self._silence, punctual=punctual, keys=self._uses_keys)
        return line, Unknown.SENTENCE_NOT_READ if line.sentence_missing else unknown

    def _would_speak(self, call: CallFacts) -> bool:
        """Whether the caller would be spoken to in the language of the record."""
        config = self.generation.config
        if call.language not in config.languages or call.language_asked in config.languages:
            return False
        site = next((line.language for line in config.lines if line.number == call.dialled), config.default_language)
        if call.language_from == "dialplan":
            return True
        if config.customers.file is not None:
            if "*" not in call.caller_number:
                return call.language == (config.customers.book.language_of(call.caller_number) or site)
            if call.language_from == "customer":
                return True  # what this book says of the number cannot be known; it is taken to say the same
        return call.language == site  # older records do not tell who said so

    def _never_heard(self, recorded: RecordedCall, line: Line) -> Unknown | None:
        """What this generation's rules look at, and the record does not hold."""
        if self._uses_tone and line.tone_missing:
            return Unknown.TONE_NOT_HEARD
        if line.spoke and line.recogniser and not recorded.line.recogniser_available:
            return Unknown.NOT_RECOGNISED
        unmasked = not self.generation.config.records.mask_number
        if self._uses_number and unmasked and "*" in recorded.call.caller_number:
            return Unknown.NUMBER_MASKED
        known = self.generation.config.customers.file is not None
        return Unknown.AGENT_NOT_KEPT if self._uses_agent and known and not recorded.last_agent_kept else None


def _replayed(recorded: RecordedCall, line: Line, unknown: Unknown | None) -> Replayed:
    if unknown is not None:
        return Replayed(recorded, None, unknown)
    decision = line.session.decision
    on_end = decision is not None and decision.trigger is Trigger.END_OF_SPEECH
    return Replayed(recorded, decision, sooner_s=line.sooner_s if on_end else 0.0)


def _alike(one: Line, other: Line) -> bool:
    """Whether two lives of a call end alike, but for how late a timer may be and what the voice weighs."""
    a, b = one.session.decision, other.session.decision
    if a is None or b is None:
        return a is b
    return _deed(a) == _deed(b) and abs(a.decided_at_s - b.decided_at_s) <= LATE_S


def _deed(decision: Decision) -> tuple[object, ...]:
    return (
        decision.destination,
        decision.priority,
        decision.shadow_destination,
        decision.shadow_priority,
        decision.require,
        decision.prefer,
        decision.prefer_agent,
        decision.prefer_for_s,
        decision.trigger,
        decision.actions,
        [reason.code for reason in decision.reasons],
    )
