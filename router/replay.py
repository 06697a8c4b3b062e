"""Deciding a recorded call again, from the evidence that its record holds.

`replay` repeats a record under the generation that made it, bit for bit. `WhatIf` asks what another generation would
have done with the same call, and never guesses: the caller's voice is recorded only up to the decision, and the
caller answered what was asked then. Where the other generation listens past that, asks another question, or needs
what was not kept, the call is unknown, and why (`Unknown`).

What the recognisers and the tone model heard is taken as it was; the other generation's own intents read the words
again. Its own deadlines are kept between the recorded events; a timer fires late by up to LATE_S, so a recorded
event that comes so soon after a deadline stands for it. The notice is taken to last as long as it did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

from config.schema import SpeechEngine
from router.commands import Command, Decision, ForceFinal, PlayPrompt, StartAnalysis
from router.errors import ReplayError
from router.evidence import EndOfUtterance, Event, HungUp, RecogniserBack, SpeechStarted, Tick, Words
from router.generation import Generation, IntentReader, Posterior
from router.record import FORCED, DecisionRecord, RecordedCall, read_record
from router.session import Session
from router.states import State

LATE_S = 0.05
"""How late a timer may be: what is recorded so soon after a deadline happened at it."""

_REMEMBERED_TEXTS = 50_000


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
    if not recorded.has_text:
        raise ReplayError(f"call {recorded.call.call}: its words were not kept (records.keep_text is false)")
    session = Session(recorded.call, generation, 0.0, recogniser_available=recorded.recogniser_available)
    for event, now_s in recorded.evidence:
        if session.decision is not None:
            break
        _tell(session, event, now_s)
    if session.decision is None and recorded.decision is not None:
        raise ReplayError(f"call {recorded.call.call}: the evidence ends before this configuration would have decided")
    return session.decision


class Unknown(StrEnum):
    """Why a record cannot say what another generation would have done with its call.

    The caller was listened to no longer than was recorded; the recogniser was not told then to finish; the question
    was put then, or not; the notice was played then, or not; words, tone or the whole number are not on the record,
    or no recogniser heard the call.
    """

    LISTENED_LONGER = "listened_longer"
    FORCED = "forced"
    ASKED = "asked"
    NOT_ASKED = "not_asked"
    NOTICE = "notice"
    WORDS_NOT_KEPT = "words_not_kept"
    NOT_RECOGNISED = "not_recognised"
    TONE_NOT_HEARD = "tone_not_heard"
    NUMBER_MASKED = "number_masked"


@dataclass(frozen=True, slots=True)
class Replayed:
    """One call decided again.

    Attributes
    ----------
    recorded : the call, as its record has it.
    decision : what would have been decided; None where the caller hung up before, or where it is not known.
    unknown : why it is not known, or None.
    """

    recorded: RecordedCall
    decision: Decision | None
    unknown: Unknown | None = None


class WhatIf:
    """Decides past calls again under one generation.

    Each text is read once, however many calls it was said on (the last 50,000 texts are remembered).

    Parameters
    ----------
    generation : what the calls are decided with.
    """

    def __init__(self, generation: Generation) -> None:
        self.generation = replace(generation, intent_model=_Remembering(generation.intent_model))
        acting = [rule.condition for rule in generation.rules.rules if not rule.rule.then.shadow]
        self._uses_tone = any(condition.uses_tone for condition in acting)
        self._uses_number = any("caller_number" in condition.variables for condition in acting)
        models = generation.config.speech.models
        self._heard = frozenset(name for name, model in models.items() if model.engine is not SpeechEngine.NONE)

    def decide(self, record: Mapping[str, Any]) -> Replayed:
        """Return what this generation would have decided on a recorded call.

        Raises
        ------
        RecordError
            Where the record cannot be read.
        """
        recorded = read_record(record)
        own = recorded.generation_hash == self.generation.hash
        line = _Line(recorded, self.generation, own=own, heard=own or recorded.call.language in self._heard)
        unknown = line.run()
        if not own:
            unknown = self._never_heard(recorded, line) or unknown
        return Replayed(recorded, None if unknown is not None else line.session.decision, unknown)

    def _never_heard(self, recorded: RecordedCall, line: _Line) -> Unknown | None:
        """What this generation's rules look at, and the record does not hold."""
        if self._uses_tone and ((line.tone_wanted and not recorded.tone_heard) or recorded.tone_deleted):
            return Unknown.TONE_NOT_HEARD
        if line.spoke and not recorded.recogniser_available and recorded.call.language in self._heard:
            return Unknown.NOT_RECOGNISED
        unmasked = not self.generation.config.records.mask_number
        if self._uses_number and unmasked and "*" in recorded.call.caller_number:
            return Unknown.NUMBER_MASKED
        return None


class _Line:
    """A recorded caller on the line of a new session.

    Attributes
    ----------
    spoke : the caller began to speak before the decision; `tone_wanted` that tone was to be analysed.
    """

    def __init__(self, recorded: RecordedCall, generation: Generation, *, own: bool, heard: bool) -> None:
        self._recorded = recorded
        self._own = own
        self._heard = heard
        available = recorded.recogniser_available and heard
        self.session = Session(recorded.call, generation, 0.0, recogniser_available=available)
        self.spoke = False
        self.tone_wanted = False

    def run(self) -> Unknown | None:
        """Play the call up to the new decision; return why that cannot be, None where it can."""
        recorded, session = self._recorded, self.session
        last = len(recorded.evidence) if recorded.decided_by is None else recorded.decided_by + 1
        for place, (event, now_s) in enumerate(recorded.evidence[:last]):
            if not self._own:
                unasked = self._let_time_pass(now_s)
                if session.decision is not None or unasked is not None:
                    return unasked
            if not recorded.has_text and place == recorded.first_words and self._heard:
                return Unknown.WORDS_NOT_KEPT
            if isinstance(event, SpeechStarted | EndOfUtterance):
                self.spoke = True
            if not self._heard and isinstance(event, Words | RecogniserBack):
                continue
            commands = _tell(session, event, now_s)
            if session.decision is not None:
                return None
            parted = self._parted(commands, recorded.told[place])
            if parted is not None:
                return parted
        if recorded.decision is None and any(isinstance(event, HungUp) for event, _ in recorded.evidence):
            return None
        return Unknown.LISTENED_LONGER

    def _let_time_pass(self, until_s: float) -> Unknown | None:
        """Let the session's own deadlines fall that no recorded event stands for."""
        session = self.session
        while session.state is not State.WAITING_NOTICE:
            due = session.deadline()
            if due is None or due + LATE_S >= until_s:
                return None
            commands = session.tick(due)
            if session.decision is not None:
                return None
            parted = self._parted(commands, ())
            if parted is not None or session.deadline() == due:
                return parted
        return None

    def _parted(self, commands: list[Command], was_told: tuple[str, ...]) -> Unknown | None:
        """Whether from here on something else would have been heard than was recorded."""
        tells: tuple[str, ...] = ()
        for command in commands:
            if isinstance(command, PlayPrompt):
                tells = (*tells, command.name)
            elif isinstance(command, ForceFinal):
                tells = (*tells, FORCED)
            elif isinstance(command, StartAnalysis):
                self.tone_wanted = command.tone
        if tells == was_told:
            return None
        if "notice" in tells or "notice" in was_told:
            return Unknown.NOTICE
        if "ask" in tells:
            return Unknown.ASKED
        if FORCED in tells:
            return Unknown.FORCED
        return Unknown.NOT_ASKED if "ask" in was_told else Unknown.LISTENED_LONGER


def _tell(session: Session, event: Event, now_s: float) -> list[Command]:
    return session.tick(now_s) if isinstance(event, Tick) else session.receive(event, now_s)


class _Remembering:
    """A reader of intents that reads each text once."""

    def __init__(self, reader: IntentReader) -> None:
        self.model_id = reader.model_id
        self._read = lru_cache(maxsize=_REMEMBERED_TEXTS)(reader.predict)

    def predict(self, text: str, language: str) -> Posterior:
        """Return what the reader makes of the text."""
        return self._read(text, language)
