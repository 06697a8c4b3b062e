"""The session of one call: an explicit state machine, told the time, that turns evidence into commands.

    WAITING_NOTICE --> ANNOUNCING --> LISTENING <--> ASKING        and from each of these --> DECIDED -->
    ENDED

The notice comes first, and analysis begins when it has ended. Every event and every tick is folded in and
then the decider is asked, so a session gives exactly one Decide, unless the caller hangs up before.
`deadline()` is the next moment at which anything can change without an event: a shell needs one timer, for a
`tick` at that time.

Inside, time is seconds since the session began, rounded to microseconds, and text is redacted. That is what
the record holds, so feeding a record's evidence to a new session repeats the decision bit for bit.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

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
    Trigger,
)
from router.decider import Ask, Moment, Wait, decide
from router.evidence import (
    KIND_OF,
    EndOfUtterance,
    Event,
    HungUp,
    Key,
    NoticeEnded,
    NoticeStarted,
    PromptEnded,
    RecogniserBack,
    RecogniserLost,
    SpeechPaused,
    SpeechStarted,
    Tick,
    Tone,
    Words,
)
from router.generation import Generation
from router.ladder import Footing
from router.masking import mask_number
from router.reasons import Code, Reason
from router.record import CallFacts, DecisionRecord, Entry, Outcome
from router.tone import UNHEARD, ToneEvidence
from router.transcript import Transcript

__all__ = [
    "TRANSITIONS",
    "CallFacts",
    "Command",
    "Decide",
    "Decision",
    "ForceFinal",
    "PlayPrompt",
    "Session",
    "StartAnalysis",
    "State",
    "StopAnalysis",
    "StopPrompt",
    "StopTone",
]

HAND_OVER_S = 1.0
"""Kept free before the PBX's watchdog, beside the time for AMI: for the socket, and for a late clock."""

ASK_NEEDS_S = 5.0
"""The question is put only where this much time is left, for the question and an answer."""

UNMAPPED_KEYS_KEPT = 32
"""Keys without a meaning beyond these are counted, not listed."""


class State(StrEnum):
    """Where a call stands."""

    WAITING_NOTICE = "waiting_notice"
    ANNOUNCING = "announcing"
    LISTENING = "listening"
    ASKING = "asking"
    DECIDED = "decided"
    ENDED = "ended"


_OPEN = frozenset({State.WAITING_NOTICE, State.ANNOUNCING, State.LISTENING, State.ASKING})
_ANALYSING = frozenset({State.LISTENING, State.ASKING})

TRANSITIONS: dict[State, frozenset[State]] = {
    State.WAITING_NOTICE: frozenset({State.ANNOUNCING, State.LISTENING, State.DECIDED, State.ENDED}),
    State.ANNOUNCING: frozenset({State.LISTENING, State.DECIDED, State.ENDED}),
    State.LISTENING: frozenset({State.ASKING, State.DECIDED, State.ENDED}),
    State.ASKING: frozenset({State.LISTENING, State.DECIDED, State.ENDED}),
    State.DECIDED: frozenset({State.ENDED}),
    State.ENDED: frozenset(),
}
"""Every change of state there is; anything else is a bug."""

HEEDED_IN: dict[type[Event], frozenset[State]] = {
    NoticeStarted: frozenset({State.WAITING_NOTICE, State.ANNOUNCING}),
    NoticeEnded: frozenset({State.WAITING_NOTICE, State.ANNOUNCING}),
    PromptEnded: frozenset({State.WAITING_NOTICE, State.ANNOUNCING, State.ASKING}),
    SpeechStarted: _ANALYSING,
    SpeechPaused: _ANALYSING,
    EndOfUtterance: _ANALYSING,
    Words: _ANALYSING,
    Tone: _ANALYSING,
    Key: _OPEN,
    RecogniserLost: _OPEN,
    RecogniserBack: _OPEN,
    HungUp: _OPEN | {State.DECIDED},
    Tick: _OPEN,
}
"""The states in which an event is heeded; elsewhere it is counted, and its content forgotten."""


class Session:
    """One call.

    Parameters
    ----------
    call : its facts; number and name are masked at once where the configuration says so.
    generation : what it is decided with.
    now_s : monotonic seconds.
    recogniser_available : False where no recogniser can hear this call.
    models : identities of other models that hear this call (tone, recogniser), for the record.
    """

    def __init__(
        self,
        call: CallFacts,
        generation: Generation,
        now_s: float,
        recogniser_available: bool = True,
        models: Mapping[str, str] | None = None,
    ) -> None:
        config = generation.config
        if config.records.mask_number:
            call = replace(
                call, caller_number=mask_number(call.caller_number), caller_name=mask_number(call.caller_name)
            )
        budget = config.budget
        self.call = call
        self.generation = generation
        self.state = State.WAITING_NOTICE
        self.decision: Decision | None = None
        self._opened_s = now_s
        self._now = 0.0
        self._audio_s = 0.0
        self._models = dict(models or {})
        self._recogniser_at_start = recogniser_available
        self._recogniser = recogniser_available
        self._lost_reason: str | None = None
        self._hard_s = round(max(1.0, budget.total_s - budget.ami_ms / 1000 - HAND_OVER_S), 6)
        self._notice_language = self._prompt_language(config.notice.prompts)
        self._ask_language = self._prompt_language(config.notice.ask)
        self._tone_on = config.tone.enabled and self._notice_language is not None
        self._tone_off_by_key = False
        self._tone_deleted = 0
        self._tone = ToneEvidence(config.tone.half_life_s)
        self._transcript = Transcript(generation, call.language)
        self._asked = False
        self._spoke = False
        self._speaking = False
        self._spoke_in_window = False
        self._utterance_over = False
        self._final_heard = False
        self._spoke_while_asked = False
        self._listen_until_s = math.inf
        self._no_speech_until_s = math.inf
        self._final_until_s = math.inf
        self._forcing = False
        self._waiting_for_tone = False
        self._speech_end_s: float | None = None
        self._hung_up_at_s: float | None = None
        self._notice_s: tuple[float | None, float | None] = (None, None)
        self._timeline: list[Entry] = []
        self._ignored: Counter[str] = Counter()
        self._unmapped_keys = 0

    def receive(self, event: Event, now_s: float) -> list[Command]:
        """Fold one event in and return what is to be done, in order."""
        now = self._clock(now_s)
        if self.state not in HEEDED_IN[type(event)]:
            self._ignore(event)
            return []
        event = replace(event, at_s=round(event.at_s - self._opened_s, 6))
        heard_s, self._audio_s = self._audio_s, max(self._audio_s, event.audio_s)
        commands: list[Command] = []
        if self.state is State.WAITING_NOTICE and not isinstance(event, NoticeStarted | NoticeEnded | HungUp):
            commands += self._begin(now)
        kept = self._fold(event, now, commands)
        if kept is None:
            # The record forgets it: it was no more than a moment, and a replay must see it so.
            self._audio_s = heard_s
        if self.state in _OPEN:
            commands += self._advance(now)
        if kept is not None or commands:
            self._note(kept or Tick(at_s=now, audio_s=self._audio_s), now, commands)
        return commands

    def tick(self, now_s: float) -> list[Command]:
        """Let time pass; return what is to be done. Does nothing before `deadline()`."""
        now = self._clock(now_s)
        if self.state not in _OPEN or now < self._next_s():
            return []
        commands = self._begin(now) if self.state is State.WAITING_NOTICE else []
        if self.state in _OPEN:
            commands += self._advance(now)
        self._note(Tick(at_s=now, audio_s=self._audio_s), now, commands)
        return commands

    def deadline(self) -> float | None:
        """Return the monotonic time by which `tick` must be called if nothing else happens, or None."""
        return self._opened_s + self._next_s() if self.state in _OPEN else None

    def record(self, now_s: float) -> DecisionRecord:
        """Return everything there is to know of this call so far, for the log."""
        now = self._clock(now_s)
        decided_at = self.decision.decided_at_s if self.decision else None
        latency_ms: float | None = None
        if decided_at is not None and self._speech_end_s is not None:
            latency_ms = round((decided_at - self._speech_end_s) * 1000, 3)
        if self.decision is not None:
            outcome = Outcome.DECIDED
        else:
            outcome = Outcome.HUNG_UP if self.state is State.ENDED else Outcome.OPEN
        settings = self.generation.config.records
        return DecisionRecord(
            call=self.call,
            generation=self.generation.number,
            generation_hash=self.generation.hash,
            intent_model=self.generation.intent_model.model_id,
            models=self._models,
            recogniser_available=self._recogniser_at_start,
            outcome=outcome,
            decision=self.decision,
            text=self._transcript.text if settings.keep_text else None,
            asked=self._asked,
            notice_started_s=self._notice_s[0],
            notice_ended_s=self._notice_s[1],
            tone_analysed=self._tone_on,
            tone_off_by_caller=self._tone_off_by_key,
            tone_deleted=self._tone_deleted,
            tone_now=self._tone.now(self._now) if self._tone_on else UNHEARD,
            speech_end_s=self._speech_end_s,
            decided_at_s=decided_at,
            latency_ms=latency_ms,
            hung_up_at_s=self._hung_up_at_s,
            written_at_s=now,
            ignored=dict(sorted(self._ignored.items())),
            timeline=tuple(self._timeline),
        )

    # what follows runs on time since the session began

    def _clock(self, now_s: float) -> float:
        """Time since the session began; never backwards, whatever the shell says."""
        self._now = max(self._now, round(now_s - self._opened_s, 6))
        return self._now

    def _next_s(self) -> float:
        match self.state:
            case State.WAITING_NOTICE:
                return 0.0
            case State.LISTENING:
                until = self._hard_s
                if self._utterance_over or self._forcing:  # else nobody waits for a final text
                    until = min(until, self._final_until_s)
                if not self._forcing:
                    until = min(until, self._listen_until_s)
                if not self._spoke_in_window:
                    until = min(until, self._no_speech_until_s)
                return until
            case _:
                return self._hard_s

    def _go(self, state: State) -> None:
        if state not in TRANSITIONS[self.state]:
            raise AssertionError(f"no way from {self.state} to {state}")
        self.state = state

    def _prompt_language(self, available: Mapping[str, object]) -> str | None:
        """The language in which a prompt exists: the call's, else the site's first."""
        for language in (self.call.language, self.generation.config.default_language):
            if language in available:
                return language
        return None

    def _begin(self, now: float) -> list[Command]:
        if self._notice_language is None:
            return self._listen(now)
        self._go(State.ANNOUNCING)
        self._notice_s = (now, None)
        return [PlayPrompt("notice", self._notice_language)]

    def _listen(self, now: float) -> list[Command]:
        """Analysis begins."""
        self._go(State.LISTENING)
        self._open_window(now)
        return [StartAnalysis(tone=self._tone_on)]

    def _open_window(self, now: float) -> None:
        budget = self.generation.config.budget
        self._listen_until_s = round(min(now + budget.listen_s, self._hard_s), 6)
        self._no_speech_until_s = round(min(now + budget.no_speech_s, self._hard_s), 6)
        self._spoke_in_window = self._speaking or self._spoke_while_asked

    def _fold(self, event: Event, now: float, commands: list[Command]) -> Event | None:
        """Take an event in; return what the record keeps of it, None for nothing."""
        match event:
            case NoticeStarted():
                if self.state is State.WAITING_NOTICE:
                    self._go(State.ANNOUNCING)
                self._notice_s = (now, None)
            case NoticeEnded():
                self._notice_ended(now, commands)
            case PromptEnded(name=name):
                self._prompt_ended(name, now, commands)
            case SpeechStarted():
                self._speech_started()
            case SpeechPaused():
                self._speech_end_s = _speech_end(event)
            case EndOfUtterance():
                self._utterance_ended(event, now)
            case Words():
                event = self._transcript.redacted(event)
                self._words(event, now, commands)
            case Tone():
                if not self._tone_on:
                    self._ignore(event)
                    return None
                self._tone.add(event, event.at_s)
            case Key():
                return self._key(event, now, commands)
            case RecogniserLost():
                self._recogniser, self._lost_reason = False, event.reason
            case RecogniserBack():
                self._recogniser = True
            case HungUp():
                self._hang_up(now, commands)
            case Tick():
                return None
        return event

    def _notice_ended(self, now: float, commands: list[Command]) -> None:
        self._notice_s = (self._notice_s[0], now)
        commands += self._listen(now)

    def _prompt_ended(self, name: str, now: float, commands: list[Command]) -> None:
        if name == "notice" and self.state is not State.ASKING:
            self._notice_ended(now, commands)
        elif name == "ask" and self.state is State.ASKING:
            if not self._final_awaited():
                self._utterance_over = False
            self._go(State.LISTENING)
            self._open_window(now)

    def _speech_started(self) -> None:
        self._spoke = self._speaking = self._spoke_in_window = True
        self._utterance_over = self._final_heard = False
        self._speech_end_s = None
        if not self._forcing:
            self._final_until_s = math.inf
        if self.state is State.ASKING:
            self._spoke_while_asked = True

    def _utterance_ended(self, event: EndOfUtterance, now: float) -> None:
        self._spoke = self._spoke_in_window = self._utterance_over = True
        self._speaking = False
        self._speech_end_s = _speech_end(event)
        if self._final_awaited() and not self._forcing:
            wait_s = self.generation.config.budget.final_wait_ms / 1000
            self._final_until_s = round(min(now + wait_s, self._hard_s), 6)

    def _words(self, event: Words, now: float, commands: list[Command]) -> None:
        heard = self._transcript.hear(event)
        self._final_heard = event.final
        if heard:
            self._spoke = self._spoke_in_window = True
        if event.final and (self._utterance_over or self._forcing):
            self._final_until_s = now if self._forcing else math.inf
        if self.state is State.ASKING and self._spoke_while_asked and event.text.strip():
            commands.append(StopPrompt())
            self._go(State.LISTENING)
            self._open_window(now)

    def _key(self, event: Key, now: float, commands: list[Command]) -> Event | None:
        config = self.generation.config
        if event.digit == config.notice.tone_off_key:
            if self._tone_off_by_key:
                self._ignore(event)
                return None
            self._tone_off_by_key = True
            self._tone_deleted = self._tone.clear()
            self._forget_tone(event)
            if self._tone_on and self.state in _ANALYSING:
                commands.append(StopTone())
            self._tone_on = False
            return event
        if event.digit in config.keys:
            self._decide_now(now, commands, Trigger.KEY, key=event.digit)
            return event
        self._unmapped_keys += 1
        if self._unmapped_keys > UNMAPPED_KEYS_KEPT:
            self._ignore(event)
            return None
        return replace(event, digit="?")

    def _forget_tone(self, objection: Key) -> None:
        """Delete every estimate; where one let a deadline fall, only that moment stays, for a replay."""
        kept: list[Entry] = []
        self._audio_s = objection.audio_s
        for entry in self._timeline:
            if not isinstance(entry.event, Tone):
                kept.append(entry)
                self._audio_s = max(self._audio_s, entry.event.audio_s)
            elif entry.commands:
                kept.append(replace(entry, event=Tick(at_s=entry.now_s)))
        self._timeline = kept

    def _hang_up(self, now: float, commands: list[Command]) -> None:
        self._hung_up_at_s = now
        if self.state in _OPEN:
            commands += self._stop_everything()
        self._go(State.ENDED)

    def _ignore(self, event: Event) -> None:
        self._ignored[KIND_OF[type(event)]] += 1
        late_end = isinstance(event, EndOfUtterance) and self.state in (State.DECIDED, State.ENDED)
        if late_end and self.decision is not None and self._speech_end_s is None:
            assert isinstance(event, EndOfUtterance)
            self._speech_end_s = _speech_end(replace(event, at_s=round(event.at_s - self._opened_s, 6)))

    def _final_awaited(self) -> bool:
        """Whether the caller has finished and the recogniser still owes its final text."""
        return self._utterance_over and self._recogniser and not self._final_heard

    # deadlines and the decider

    def _advance(self, now: float) -> list[Command]:
        """See whether it is time for anything."""
        commands: list[Command] = []
        if now >= self._hard_s:
            self._decide_now(now, commands, Trigger.TOTAL_DEADLINE)
        elif self.state is State.ASKING:
            self._consult(now, commands, ended=False)
        elif self.state is State.LISTENING:
            self._advance_listening(now, commands)
        return commands

    def _advance_listening(self, now: float, commands: list[Command]) -> None:
        budget = self.generation.config.budget
        if self._forcing and (now >= self._final_until_s or not self._recogniser):
            self._decide_now(now, commands, Trigger.LISTEN_DEADLINE)
        elif now >= self._listen_until_s and not self._forcing:
            if self._recogniser and (self._speaking or self._transcript.partial or self._final_awaited()):
                self._forcing = True
                self._final_until_s = round(min(now + budget.final_wait_ms / 1000, self._hard_s), 6)
                commands.append(ForceFinal())
                self._consult(now, commands, ended=False)
            else:
                self._decide_now(now, commands, Trigger.LISTEN_DEADLINE)
        elif not self._spoke_in_window and now >= self._no_speech_until_s:
            if self._may_ask(now):
                self._ask(commands)
            else:
                self._decide_now(now, commands, Trigger.NO_SPEECH)
        else:
            ended = self._utterance_over and (not self._final_awaited() or now >= self._final_until_s)
            self._consult(now, commands, ended=ended)

    def _consult(self, now: float, commands: list[Command], *, ended: bool) -> None:
        """Ask the decider, and do what it says."""
        trigger = Trigger.END_OF_SPEECH if ended else Trigger.WORDS
        verdict = decide(self._moment(now, trigger, ended=ended), self.generation)
        self._waiting_for_tone = isinstance(verdict, Wait) and verdict.for_tone
        if isinstance(verdict, Decision):
            self._settle(verdict, commands)
        elif isinstance(verdict, Ask):
            self._ask(commands)

    def _decide_now(self, now: float, commands: list[Command], trigger: Trigger, key: str | None = None) -> None:
        verdict = decide(self._moment(now, trigger, ended=False, forced=True, key=key), self.generation)
        if not isinstance(verdict, Decision):
            raise AssertionError(f"a forced decision came back as {verdict}")
        self._settle(verdict, commands)

    def _settle(self, decision: Decision, commands: list[Command]) -> None:
        self.decision = decision
        commands += self._stop_everything()
        commands.append(Decide(decision))
        self._go(State.DECIDED)

    def _stop_everything(self) -> list[Command]:
        commands: list[Command] = []
        if self.state in (State.ANNOUNCING, State.ASKING):
            commands.append(StopPrompt())
        if self.state in _ANALYSING:
            commands.append(StopAnalysis())
        return commands

    def _may_ask(self, now: float) -> bool:
        config = self.generation.config
        return (
            self.state is State.LISTENING
            and config.decision.ask
            and not config.shadow
            and not self._asked
            and self._recogniser
            and self._ask_language is not None
            and self._hard_s - now >= ASK_NEEDS_S
        )

    def _ask(self, commands: list[Command]) -> None:
        assert self._ask_language is not None
        self._asked = True
        self._transcript.question_put()
        self._utterance_over = self._spoke_while_asked = self._forcing = False
        self._final_until_s = math.inf
        self._go(State.ASKING)
        commands.append(PlayPrompt("ask", self._ask_language))

    def _moment(
        self, now: float, trigger: Trigger, *, ended: bool, forced: bool = False, key: str | None = None
    ) -> Moment:
        config = self.generation.config
        transcript = self._transcript
        tone = self._tone.now(now) if self._tone_on else UNHEARD
        return Moment(
            facts=self.call,
            understood=transcript.understood,
            text=transcript.text,
            hard=transcript.hard,
            ended=ended,
            forced=forced,
            trigger=trigger,
            may_ask=self._may_ask(now),
            asked=self._asked,
            spoke=self._spoke,
            tone=tone,
            tone_awaited=self._tone_on and not tone.heard and self.state in _ANALYSING,
            footing=Footing(
                recogniser=self._recogniser,
                lost=self._lost_reason is not None and not self._recogniser,
                spoke=self._spoke,
                words=transcript.understood.words > 0,
                partial=transcript.partial,
                ended=ended or self._utterance_over,
                tone_off=not self._tone_on,
                tone_heard=tone.heard,
            ),
            audio_s=self._audio_s,
            now_s=now,
            key=key,
            key_destination=config.keys.get(key) if key is not None else None,
            context=self._context(trigger),
        )

    def _context(self, trigger: Trigger) -> tuple[Reason, ...]:
        """The reasons that only the session knows."""
        say, config = self.generation.speaker.reason, self.generation.config
        reasons: list[Reason] = []
        if trigger is Trigger.NO_SPEECH:
            reasons.append(say(Code.NO_SPEECH, seconds=config.budget.no_speech_s))
        elif trigger is Trigger.LISTEN_DEADLINE:
            reasons.append(say(Code.LISTEN_DEADLINE, seconds=config.budget.listen_s))
        elif trigger is Trigger.TOTAL_DEADLINE:
            reasons.append(say(Code.TOTAL_DEADLINE, seconds=config.budget.total_s))
        if not self._recogniser_at_start:
            reasons.append(say(Code.NO_RECOGNISER))
        if self._lost_reason is not None:
            reasons.append(say(Code.RECOGNISER_LOST, reason=self._lost_reason))
        if self._tone_off_by_key:
            reasons.append(say(Code.TONE_OFF_BY_CALLER))
        elif not config.tone.enabled:
            reasons.append(say(Code.TONE_OFF_BY_SITE))
        elif self._notice_language is None:
            reasons.append(say(Code.NO_NOTICE))
        return tuple(reasons)

    def _note(self, event: Event, now: float, commands: list[Command]) -> None:
        understood = self._transcript.understood
        words = isinstance(event, Words)
        if words and not self.generation.config.records.keep_text:
            assert isinstance(event, Words)
            event = replace(event, text="")
        self._timeline.append(
            Entry(
                event=event,
                now_s=now,
                state=self.state.value,
                commands=tuple(commands),
                understood=understood if words else None,
                waiting_for_tone=self._waiting_for_tone,
            )
        )


def _speech_end(event: SpeechPaused | EndOfUtterance) -> float:
    """When speech ended, on the session's clock: as long before the event as in the audio."""
    return round(event.at_s - max(0.0, event.audio_s - event.speech_end_audio_s), 6)
