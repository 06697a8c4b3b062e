"""The session of one call: an explicit state machine, told the time, that turns evidence into commands.

Its states and their changes are drawn in `router.states`, its clocks in `router.deadlines`. The notice comes
first, and analysis begins when it has ended. Every event and every tick is folded in and then the decider is
asked, so a session gives exactly one Decide, unless the caller hangs up before. `deadline()` is the next
moment at which anything can change without an event: a shell needs one timer, for a `tick` at that time.

Inside, time is seconds since the session began, rounded to microseconds, and text is redacted. That is what
the record holds, so feeding a record's evidence to a new session repeats the decision bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

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
from router.deadlines import Deadlines, Due, hard_deadline_s, out_of_time
from router.decider import Ask, Wait, decide, said, too_early, would_settle
from router.evidence import (
    EncoderLost,
    EndOfUtterance,
    Event,
    HungUp,
    Key,
    NoticeEnded,
    NoticeStarted,
    PromptEnded,
    RecogniserBack,
    RecogniserLimited,
    RecogniserLost,
    Sentence,
    SpeechPaused,
    SpeechStarted,
    Tick,
    Tone,
    Words,
)
from router.generation import Generation
from router.keys import Keys, Meaning
from router.ladder import Footing
from router.means import Means
from router.moment import Moment
from router.reasons import Code, Reason
from router.record import CallFacts, DecisionRecord
from router.speech import Speech, end_of_speech
from router.states import ANALYSING, HEEDED_IN, OPEN, TRANSITIONS, State
from router.timeline import Timeline
from router.transcript import Transcript
from router.understanding import Understanding

__all__ = ["HEEDED_IN", "TRANSITIONS", "CallFacts", "Session", "State"]

ASK_NEEDS_S = 5.0
"""The question is put only where this much time is left, for the question and an answer."""


class Session:
    """One call.

    Parameters
    ----------
    call : its facts; number and name are masked at once where the configuration says so.
    generation : what it is decided with.
    now_s : monotonic seconds.
    recogniser_available : False where no recogniser can hear this call.
    models : identities of other models that hear this call (tone, recogniser), for the record.
    timeline : what keeps the call's events; None for one that the record is made of.
    encoder : whether a sentence encoder is to read the words too; None where that is as the generation says.

    Attributes
    ----------
    words_alone : it was time to decide, or to ask, and what the encoder makes of the words was missing.
    """

    def __init__(
        self,
        call: CallFacts,
        generation: Generation,
        now_s: float,
        recogniser_available: bool = True,
        models: Mapping[str, str] | None = None,
        timeline: Timeline | None = None,
        encoder: bool | None = None,
    ) -> None:
        config = generation.config
        self.call = call.masked() if config.records.mask_number else call
        self.generation = generation
        self.state = State.WAITING_NOTICE
        self.decision: Decision | None = None
        self._opened_s = now_s
        self._now = 0.0
        self._models = dict(models or {})
        self._hard_s = hard_deadline_s(config.budget)
        self._deadlines = Deadlines(config.budget, self._hard_s)
        self._notice_language = generation.prompt_language(config.notice.prompts, call.language)
        self._ask_language = generation.prompt_language(config.notice.ask, call.language)
        self._means = Means(
            config,
            notice=self._notice_language is not None,
            recogniser=recogniser_available,
            encoder=bool(generation.encoder_of(call.language)) if encoder is None else encoder,
        )
        self.words_alone = False
        self._transcript = Transcript(generation, call.language)
        self._asked = False
        self._speech = Speech()
        self._waiting_for_tone = False
        self._waited_on: tuple[object, ...] | None = None
        self._hung_up_at_s: float | None = None
        self._notice_s: tuple[float | None, float | None] = (None, None)
        self._timeline = timeline or Timeline(keep_text=config.records.keep_text)
        self._keys = Keys(config)

    def receive(self, event: Event, now_s: float) -> list[Command]:
        """Fold one event in and return what is to be done, in order."""
        now = self._clock(now_s)
        if self.state not in HEEDED_IN[type(event)]:
            self._ignore(event)
            return []
        event = _at(event, round(event.at_s - self._opened_s, 6))
        late_s = self._late_s(now)
        heard_s, self._timeline.audio_s = self._timeline.audio_s, max(self._timeline.audio_s, event.audio_s)
        commands: list[Command] = []
        if self.state is State.WAITING_NOTICE and not isinstance(event, NoticeStarted | NoticeEnded | HungUp):
            commands += self._begin(now)
        kept = self._fold(event, now, commands)
        if kept is None:
            # The record forgets it: it was no more than a moment, and a replay must see it so.
            self._timeline.audio_s = heard_s
        if self.state in OPEN:
            commands += self._advance(now)
        if kept is not None or commands:
            self._note(kept or Tick(at_s=now, audio_s=self._timeline.audio_s), now, commands, late_s)
        return commands

    def tick(self, now_s: float) -> list[Command]:
        """Let time pass; return what is to be done. Does nothing before `deadline()`."""
        now = self._clock(now_s)
        if self.state not in OPEN or now < self._next_s():
            return []
        late_s = self._late_s(now)
        commands = self._begin(now) if self.state is State.WAITING_NOTICE else []
        if self.state in OPEN:
            commands += self._advance(now)
        self._note(Tick(at_s=now, audio_s=self._timeline.audio_s), now, commands, late_s)
        return commands

    def deadline(self) -> float | None:
        """Return the monotonic time by which `tick` must be called if nothing else happens, or None."""
        return self._opened_s + self._next_s() if self.state in OPEN else None

    @property
    def unread(self) -> tuple[str, ...]:
        """The texts that a sentence encoder is to read now.

        While the caller speaks there are none. What is early is decided by words alone, for which the thresholds are
        learnt, and what a sentence means that is not over would be gone with its next word.
        """
        silent = self._speech.end_s is not None or self._deadlines.forcing
        return self._transcript.unread if silent and self._means.encoder and self.state in ANALYSING else ()

    @property
    def intent_sure(self) -> bool:
        """Whether the words so far would settle the call, had the caller finished; reading it changes nothing."""
        transcript = self._transcript
        return would_settle(transcript.understood, transcript.hard, self._asked, self.generation)

    def record(self, now_s: float) -> DecisionRecord:
        """Return everything there is to know of this call so far, for the log."""
        now = self._clock(now_s)
        return DecisionRecord(
            call=self.call,
            customers=self.generation.config.customers.file is not None,
            generation=self.generation.number,
            generation_hash=self.generation.hash,
            intent_model=self.generation.intent_model.model_id,
            sentence_encoder=self.generation.encoder_of(self.call.language),
            models=self._models,
            recogniser_available=self._means.recogniser_at_start,
            decision=self.decision,
            text=self._transcript.text if self.generation.config.records.keep_text else None,
            asked=self._asked,
            notice_started_s=self._notice_s[0],
            notice_ended_s=self._notice_s[1],
            tone_analysed=self._means.tone_on,
            tone_off_by_caller=self._means.tone_off_by_caller,
            tone_deleted=self._means.tone_deleted,
            tone_now=self._means.tone_now(self._now),
            speech_end_s=self._speech.end_s,
            hung_up_at_s=self._hung_up_at_s,
            written_at_s=now,
            calendar=self.generation.calendar.at(self.call),
            ignored=self._timeline.ignored,
            timeline=self._timeline.entries,
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
                return min(self._hard_s, self._deadlines.next_s(self._speech))
            case _:
                return self._hard_s

    def _late_s(self, now: float) -> float:
        """How overdue the next deadline is, for the record: whoever keeps the timer is behind."""
        if not self._timeline.kept or self.state not in OPEN or self.state is State.WAITING_NOTICE:
            return 0.0
        return max(0.0, round(now - self._next_s(), 6))

    def _go(self, state: State) -> None:
        if state not in TRANSITIONS[self.state]:
            raise AssertionError(f"no way from {self.state} to {state}")
        self.state = state

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
        return [StartAnalysis(tone=self._means.tone_on)]

    def _open_window(self, now: float) -> None:
        self._deadlines.open_window(now)
        self._speech.window_opened()

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
                self._speech_started(event)
            case SpeechPaused():
                self._speech.paused(event)
            case EndOfUtterance():
                self._utterance_ended(event, now)
            case Words():
                event = self._transcript.redacted(event)
                self._words(event, now, commands)
            case Sentence(text=text, scores=scores):
                if not (self._means.encoder and self._transcript.read(text, scores)):
                    self._ignore(event)
                    return None
            case EncoderLost(reason=reason):
                if not self._means.lose_encoder(reason):
                    self._ignore(event)
                    return None
            case Tone():
                if not self._means.hear_tone(event):
                    self._ignore(event)
                    return None
            case Key():
                return self._key(event, now, commands)
            case RecogniserLost():
                self._means.lose_recogniser(event.reason)
            case RecogniserBack():
                self._means.recogniser = True
            case RecogniserLimited():
                self._means.limit_recogniser(event.limited, event.reason)
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
                self._speech.over = False
            self._go(State.LISTENING)
            self._open_window(now)

    def _speech_started(self, event: SpeechStarted) -> None:
        self._speech.started(asking=self.state is State.ASKING, audio_s=event.audio_s)
        self._deadlines.speech_resumed()

    def _utterance_ended(self, event: EndOfUtterance, now: float) -> None:
        self._speech.ended(event)
        if self._final_awaited():
            self._deadlines.await_final(now)

    def _words(self, event: Words, now: float, commands: list[Command]) -> None:
        heard = self._transcript.hear(event)
        self._speech.heard(words=heard, final=event.final)
        if event.final and (self._speech.over or self._deadlines.forcing):
            self._deadlines.final_came(now)
        if self.state is State.ASKING and self._speech.over_question and event.text.strip():
            commands.append(StopPrompt())
            self._go(State.LISTENING)
            self._open_window(now)

    def _key(self, event: Key, now: float, commands: list[Command]) -> Event | None:
        meaning = self._keys.meaning(event.digit)
        if meaning is Meaning.TONE_OFF:
            if self._means.tone_off_by_caller:
                self._ignore(event)
                return None
            if self._means.tone_on and self.state in ANALYSING:
                commands.append(StopTone())
            self._means.switch_tone_off()
            self._timeline.forget_tone(event)
            return event
        if meaning is Meaning.DESTINATION:
            self._decide_now(now, commands, Trigger.KEY, key=event.digit)
            return event
        kept = self._keys.unmapped(event)
        if kept is None:
            self._ignore(event)
        return kept

    def _hang_up(self, now: float, commands: list[Command]) -> None:
        self._hung_up_at_s = now
        if self.state in OPEN:
            commands += self._stop_everything()
        self._go(State.ENDED)

    def _ignore(self, event: Event) -> None:
        self._timeline.ignore(event)
        late_end = isinstance(event, EndOfUtterance) and self.state in (State.DECIDED, State.ENDED)
        if late_end and self.decision is not None and self._speech.end_s is None:
            assert isinstance(event, EndOfUtterance)
            self._speech.end_s = end_of_speech(replace(event, at_s=round(event.at_s - self._opened_s, 6)))

    def _final_awaited(self) -> bool:
        """Whether the caller has finished and the recogniser still owes its final text."""
        return self._means.recogniser and self._speech.owes_final

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
        due = self._deadlines.due(now, self._speech)
        # Where the sentence is waited for, the rest is there, or over.
        waited = self._deadlines.awaiting_sentence
        if self._deadlines.forcing and (waited or due is Due.FORCED_FINAL or not self._means.recogniser):
            if not self._await_sentence(now):
                self._decide_now(now, commands, Trigger.LISTEN_DEADLINE)
        elif due is Due.LISTENING:
            if self._means.recogniser and (self._speech.speaking or self._transcript.partial or self._final_awaited()):
                self._deadlines.force_final(now)
                commands.append(ForceFinal())
                self._consult(now, commands, ended=False)
            else:
                self._decide_now(now, commands, Trigger.LISTEN_DEADLINE)
        elif due is Due.NO_SPEECH:
            if self._may_ask(now):
                self._ask(commands)
            else:
                self._decide_now(now, commands, Trigger.NO_SPEECH)
        else:
            ended = waited or (self._speech.over and (due is Due.FINAL or not self._final_awaited()))
            if not (ended and self._await_sentence(now)):
                self._consult(now, commands, ended=ended)

    def _await_sentence(self, now: float) -> bool:
        """Whether a decision waits for what the sentence encoder makes of the words."""
        if not self._sentence_missing:
            return False
        self._deadlines.await_sentence(now)
        return now < self._deadlines.next_s(self._speech)

    @property
    def _sentence_missing(self) -> bool:
        """Whether the sentence encoder still owes what it makes of the words, and that could matter."""
        return self._means.encoder and bool(self._transcript.unread) and self._transcript.hard is None

    def _consult(self, now: float, commands: list[Command], *, ended: bool) -> None:
        """Ask the decider, and do what it says."""
        transcript = self._transcript
        if not ended and too_early(
            transcript.understood, transcript.hard, self.generation, self.call.language, self._speech_s
        ):
            self._waited_on, self._waiting_for_tone = None, False
            return
        grounds = self._grounds()
        if not ended and grounds == self._waited_on:
            return
        self.words_alone = self.words_alone or (ended and self._sentence_missing)
        trigger = Trigger.END_OF_SPEECH if ended else Trigger.WORDS
        verdict = decide(self._moment(now, trigger, ended=ended), self.generation)
        self._waited_on = grounds if isinstance(verdict, Wait) and not ended else None
        self._waiting_for_tone = isinstance(verdict, Wait) and verdict.for_tone
        if isinstance(verdict, Decision):
            self._settle(verdict, commands)
        elif isinstance(verdict, Ask):
            self._ask(commands)

    def _grounds(self) -> tuple[object, ...]:
        """All that a wait rests on before the caller has finished: while it stays, the decider would say the same."""
        transcript = self._transcript
        return (
            transcript.text,
            transcript.understood,
            transcript.hard,
            self._needed,
            self._asked,
            self._speech.spoke,
            self._tone_awaited,
        )

    @property
    def _needed(self) -> tuple[bool, float]:
        """Whether enough words were said for an early decision, and how sure they must be."""
        words = said(self._transcript.understood.words, self._speech_s)
        enough = words >= self.generation.config.decision.min_words
        return enough, self.generation.early_threshold(self.call.language, words)

    @property
    def _speech_s(self) -> float:
        return self._speech.heard_s(self._timeline.audio_s)

    @property
    def _tone_awaited(self) -> bool:
        return self._means.tone_awaited and self.state in ANALYSING

    def _decide_now(self, now: float, commands: list[Command], trigger: Trigger, key: str | None = None) -> None:
        self.words_alone = self.words_alone or (key is None and self._sentence_missing)
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
        if self.state in ANALYSING:
            commands.append(StopAnalysis())
        return commands

    def _may_ask(self, now: float) -> bool:
        config = self.generation.config
        return (
            self.state is State.LISTENING
            and config.decision.ask
            and not config.shadow
            and not self._asked
            and self._means.recogniser
            and self._ask_language is not None
            and self._hard_s - now >= ASK_NEEDS_S
        )

    def _ask(self, commands: list[Command]) -> None:
        assert self._ask_language is not None
        self._asked = True
        self._transcript.question_put()
        self._speech.question_put()
        self._deadlines.question_put()
        self._go(State.ASKING)
        commands.append(PlayPrompt("ask", self._ask_language))

    def _moment(
        self, now: float, trigger: Trigger, *, ended: bool, forced: bool = False, key: str | None = None
    ) -> Moment:
        config, speaker = self.generation.config, self.generation.speaker
        transcript = self._transcript
        tone = self._means.tone_now(now)
        meant = transcript.meant if ended or forced else None
        return Moment(
            facts=self.call,
            understood=transcript.understood if meant is None else meant,
            text=transcript.text,
            hard=transcript.hard,
            ended=ended,
            forced=forced,
            trigger=trigger,
            may_ask=self._may_ask(now),
            asked=self._asked,
            spoke=self._speech.spoke,
            tone=tone,
            tone_awaited=self._tone_awaited,
            footing=Footing(
                recogniser=self._means.recogniser,
                lost=self._means.recogniser_lost,
                spoke=self._speech.spoke,
                words=transcript.understood.words > 0,
                partial=transcript.partial,
                ended=ended or self._speech.over,
                tone_off=not self._means.tone_on,
                tone_heard=tone.heard,
                paused=self._speech.paused_now,
            ),
            audio_s=self._timeline.audio_s,
            now_s=now,
            key=key,
            key_destination=config.keys.get(key) if key is not None else None,
            context=(
                *self._of_sentence(meant, settled=(ended or forced) and key is None),
                *out_of_time(trigger, config.budget, speaker),
                *self._means.missing(speaker),
            ),
            speech_s=self._speech_s,
        )

    def _of_sentence(self, meant: Understanding | None, *, settled: bool) -> tuple[Reason, ...]:
        """Say what the words alone would have meant, or that they are all there is."""
        transcript, say = self._transcript, self.generation.speaker.reason
        if not settled or transcript.hard is not None:
            return ()
        if meant is not None:
            destination, probability = transcript.understood.strongest()
            return (say(Code.SENTENCE, destination=destination, probability=probability),)
        if self._sentence_missing:
            return (say(Code.WORDS_ALONE, milliseconds=self.generation.config.budget.sentence_ms),)
        return ()

    def _note(self, event: Event, now: float, commands: list[Command], late_s: float) -> None:
        understood = self._transcript.understood
        if isinstance(event, Sentence):
            understood = self._transcript.meant or understood
        self._timeline.note(event, now, self.state.value, commands, understood, self._waiting_for_tone, late_s)


def _at(event: Event, at_s: float) -> Event:
    """Return the event as of that time; most events of a replay already are."""
    return event if event.at_s == at_s and type(event.at_s) is float else replace(event, at_s=at_s)
