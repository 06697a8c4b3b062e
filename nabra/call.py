"""One call: what the rooms hear becomes evidence, what the session asks for becomes deeds.

Theory of operation: a `Call` holds the router's session and, while analysis runs, the call's listener (words) and
tracker (tone). It is driven by `on_audio`, `on_key`, `on_hung_up` and `on_timer`, and drives a `Phone`: the live
service gives it a real leg and the real clock, the offline commands a file and a clock made of its samples. Nothing
here waits or reads a clock of its own, so both take the same decisions from the same audio.

Listener and tracker count from where analysis began; `nabra.translation` moves what they say to the call's own audio
time.

A caller who speaks over the question stops it. Nothing is analysed before the notice has ended, but for the last
moment of it (`nabra.caller_line`).

A fault in what hears tone costs the call its tone, one in the sentence encoder the reading of its sentences, one in
what takes our prompt out costs it that for this prompt; any other costs it our part in it, and the caller goes on
without.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial, update_wrapper
from typing import Concatenate, ParamSpec, Protocol

import asr.events as speech
from asr.completeness import Ending, ending
from asr.endpoint import Patience
from asr.listener import Listener
from emotion import Answer, Inquiry, Tracker
from nabra.caller_line import CallerLine, Samples
from nabra.ears import Deaf, Ears, tracker_settings
from nabra.generations import Loaded
from nabra.operations.bus import EventKind
from nabra.sentences import Place as SentencePlace
from nabra.sentences import Vectors
from nabra.tone_batches import Place
from nabra.translation import Heard, no_tone, of_speech, of_tone
from router import evidence
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
from router.session import CallFacts, Session

log = logging.getLogger(__name__)

P = ParamSpec("P")
Publish = Callable[[EventKind, float, float, Mapping[str, object]], None]
"""Called with kind, monotonic time, audio time and details of everything that happens to the call."""


class Phone(Protocol):
    """What a call can do to its caller's line."""

    def play(self, pcm: Samples, on_done: Callable[[bool, float], None]) -> None:
        """Play a prompt; `on_done(finished, now_s)` follows once, `finished` False where it was stopped."""

    def stop_playing(self) -> None:
        """Stop the prompt being played."""

    def carry_out(self, decision: Decision) -> None:
        """Send the caller where the decision says."""

    def moved(self) -> None:
        """Look at the call's deadline again: it may have moved without the line's doing."""

    def failed(self, error: Exception) -> None:
        """Let the caller go on without us: something in this call is broken."""


def _entry(method: Callable[Concatenate[Call, P], None]) -> Callable[Concatenate[Call, P], None]:
    """Make a method that the outside calls lose its own call at worst, whatever goes wrong in it."""

    def guarded(self: Call, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception as error:
            self.phone.failed(error)

    update_wrapper(guarded, method)
    return guarded


class Call:
    """One call from its first sample to its decision.

    Parameters
    ----------
    facts : who calls whom.
    loaded : the config, intents, rules and prompts that this call is decided under, to its end.
    ears : recognisers, tone model and prompts.
    phone : the line.
    publish : told of everything that happens.
    clock : monotonic seconds; used where an answer arrives on its own.
    opened_s : monotonic time from which the call's deadlines count; now, where it is not given.
    """

    def __init__(
        self,
        facts: CallFacts,
        loaded: Loaded,
        ears: Ears,
        phone: Phone,
        publish: Publish,
        clock: Callable[[], float],
        *,
        opened_s: float | None = None,
    ) -> None:
        self._loaded = loaded
        self._ears = ears
        self.phone = phone
        self._publish = publish
        self._clock = clock
        self._line = CallerLine(facts.call)
        self._analysis_from_s = 0.0
        self._listener: Listener | None = None
        self._tracker: Tracker | None = None
        self._tone_place: Place | None = None
        self._sentence_place: SentencePlace | None = None
        self._heard_from_s = 0.0
        self._asking = False
        self.facts = facts
        self.decision: Decision | None = None
        self.speech_end_s: float | None = None
        """Audio time of the last sample of speech heard so far, or None."""
        self._last_audio_s = clock()
        self._session = Session(
            facts,
            loaded.generation,
            clock() if opened_s is None else opened_s,
            recogniser_available=facts.language in ears.languages,
            models=ears.models(facts.language),
        )
        self.deadline = self._session.deadline

    @property
    def audio_s(self) -> float:
        """Seconds of the caller's audio so far."""
        return self._line.audio_s

    @_entry
    def start(self) -> None:
        """Begin: the session asks for the notice."""
        self._obey(self._session.tick(self._clock()))

    @_entry
    def on_audio(self, pcm: Samples, now_s: float) -> None:
        """Take caller audio: int16, 8 kHz, any length."""
        self._last_audio_s = now_s
        listener = self._listener
        if listener is None:
            self._line.hold(pcm)
            return
        listener.push(self._line.take(pcm))
        if self._listener is None:
            return
        tracker, place = self._tracker, self._tone_place
        if tracker is None or place is None:
            return
        try:
            due = tracker.feed(pcm, None if self._line.hears_us else listener.voiced)
        except Exception as error:
            self.shed_tone(self._tone_failed(error), now_s)
            return
        for inquiry in due:
            place.ask(inquiry)

    @_entry
    def on_key(self, digit: str, now_s: float) -> None:
        """Take a key that the caller pressed."""
        self._publish(EventKind.KEY, now_s, self.audio_s, {"digit": digit})
        if self._listener is None and digit == self._loaded.config.notice.tone_off_key:
            self._line.hold_nothing()
        self._receive(evidence.Key(at_s=now_s, audio_s=self.audio_s, digit=digit))

    @_entry
    def on_hung_up(self, now_s: float) -> None:
        """Take the end of the call by the caller."""
        self._receive(evidence.HungUp(at_s=now_s, audio_s=self.audio_s))
        self._stop_analysis()

    @_entry
    def on_let_go(self) -> None:
        """Take the end of our part: the caller is still there, and goes on without us."""
        self._stop_analysis()

    @_entry
    def on_timer(self, now_s: float) -> None:
        """Take the time; due when `deadline()` has come."""
        self._obey(self._session.tick(now_s))

    @_entry
    def shed_tone(self, reason: str, now_s: float) -> None:
        """Stop analysing tone, for want of time or of a model that answers; words and keys go on."""
        if self._tracker is None:
            return
        self._drop_tracker()
        self._publish(EventKind.DEGRADED, now_s, self.audio_s, {"reason": reason})
        self._receive(no_tone(reason, now_s, self.audio_s))

    def record(self, now_s: float) -> dict[str, object]:
        """Return the decision record as a JSON-ready dict."""
        return self._session.record(now_s).to_json()

    # ------------------------------------------------------------------------------------------ evidence

    def _receive(self, event: evidence.Event) -> None:
        self._obey(self._session.receive(event, event.at_s))

    @_entry
    def _on_speech(self, event: speech.SpeechEvent) -> None:
        """Take what the listener says."""
        heard = of_speech(event, self._clock(), self.audio_s, self._heard_from_s)
        match event:
            case speech.SpeechStarted() | speech.SpeechResumed():
                self.speech_end_s = None
            case speech.SpeechPaused(speech_end_s=end_s) | speech.Endpoint(speech_end_s=end_s):
                self.speech_end_s = self._heard_from_s + end_s
        self._take(heard)
        match event:
            case speech.SpeechStarted() if self._asking:
                self.phone.stop_playing()
            case speech.Partial(text=text) if self._listener is not None:
                # A final belongs to a pause that is over: another may run by now.
                self._listener.expect(self._patience(text))
        self.phone.moved()

    def _take(self, heard: Heard) -> None:
        self._publish(heard.kind, heard.event.at_s, heard.audio_s, heard.data)
        self._receive(heard.event)

    def _patience(self, text: str) -> Patience:
        """How long the caller's silence is waited out, by the words before it and what they already mean."""
        end = ending(text, self.facts.language)
        if end is Ending.HESITANT:
            return Patience.LONG
        return Patience.SHORT if end is Ending.FINISHED and self._session.intent_sure else Patience.NORMAL

    @_entry
    def _on_sentence(self, text: str, vector: Vectors) -> None:
        """Take what the sentence encoder makes of a text of this call."""
        try:
            scores = self._loaded.generation.scores(vector, self.facts.language)
        except Exception as error:
            log.error("a sentence could not be read", exc_info=error, extra={"data": {"call": self.facts.call}})
            self._on_encoder_lost(f"the sentence encoder failed: {type(error).__name__}")
            return
        self._receive(evidence.Sentence(at_s=self._clock(), audio_s=self.audio_s, text=text, scores=scores))
        self.phone.moved()

    @_entry
    def _on_encoder_lost(self, reason: str) -> None:
        """Take that the sentence encoder reads this call no more."""
        self._no_sentences(reason, self._clock())
        self.phone.moved()

    def _no_sentences(self, reason: str, now_s: float) -> None:
        """Go on by words alone, and leave on the record why."""
        self._leave_sentences()
        self._publish(EventKind.DEGRADED, now_s, self.audio_s, {"reason": reason})
        self._receive(evidence.EncoderLost(at_s=now_s, audio_s=self.audio_s, reason=reason))

    @_entry
    def _on_tone(self, inquiry: Inquiry, answer: Answer | None) -> None:
        """Take what the tone model says to an inquiry of this call."""
        try:
            estimate = None if self._tracker is None else self._tracker.settle(inquiry, answer)
        except Exception as error:
            self._on_tone_lost(self._tone_failed(error))
            return
        if estimate is not None:
            prior = self._loaded.config.tone.anger_prior
            self._take(of_tone(estimate, self._clock(), self.audio_s, self._analysis_from_s, prior))
            self.phone.moved()

    @_entry
    def _on_tone_lost(self, reason: str) -> None:
        """Take that the tone model answers this call no more."""
        self.shed_tone(reason, self._clock())
        self.phone.moved()

    def _tone_failed(self, error: Exception) -> str:
        log.error("tone failed: the call goes on without", exc_info=error, extra={"data": {"call": self.facts.call}})
        return f"tone failed: {type(error).__name__}"

    # --------------------------------------------------------------------------------------------- deeds

    def _obey(self, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case PlayPrompt(name=name, language=language):
                    self._play(name, language)
                case StopPrompt():
                    self._silent()
                    self.phone.stop_playing()
                case StartAnalysis(tone=tone):
                    self._start_analysis(tone)
                case StopTone():
                    self._drop_tracker()
                case ForceFinal():
                    if self._listener is not None:
                        self._listener.force_final()
                case Decide(decision=decision):
                    self._decide(decision)
                case StopAnalysis():
                    self._stop_analysis()
        if self._sentence_place is not None:
            self._sentence_place.ask(self._session.unread)

    def _play(self, name: str, language: str) -> None:
        if name == "notice":
            now_s = self._clock()
            self._publish(EventKind.NOTICE_STARTED, now_s, self.audio_s, {})
            self._receive(evidence.NoticeStarted(at_s=now_s, audio_s=self.audio_s))

        self._asking = name == "ask"
        prompt = self._loaded.prompts[name, language]
        self._line.playing(prompt)
        self.phone.play(prompt, partial(self._on_played, name))

    def _silent(self) -> None:
        self._line.silent()
        self._asking = False

    @_entry
    def _on_played(self, name: str, finished: bool, at_s: float) -> None:
        self._silent()
        if name == "notice":
            if not finished:
                self._line.hold_nothing()
            self._publish(EventKind.NOTICE_ENDED, at_s, self.audio_s, {"finished": finished})
            self._receive(evidence.NoticeEnded(at_s=at_s, audio_s=self.audio_s))
        else:
            self._receive(evidence.PromptEnded(at_s=at_s, audio_s=self.audio_s, name=name))

    def _start_analysis(self, tone: bool) -> None:
        if self._listener is not None:
            return
        self._analysis_from_s = self.audio_s
        self._heard_from_s = self.audio_s - self._line.held_s
        now_s = self._clock()
        decoder = self._ears.decoder(self.facts.call, self.facts.language)
        self._listener = Listener(decoder or Deaf(), self._ears.listener, self._on_speech)
        if decoder is None:
            # Of a language that has none at all, the session was told when it began.
            configured = self.facts.language in self._ears.languages
            reason = f"no recogniser for '{self.facts.language}'" + (": all of them are busy" if configured else "")
            self._publish(EventKind.DEGRADED, now_s, self.audio_s, {"reason": reason})
            if configured:
                self._receive(evidence.RecogniserLost(at_s=now_s, audio_s=self.audio_s, reason=reason))
        if self._loaded.generation.encoder_of(self.facts.language):
            self._join_sentences(now_s)
        asker = self._ears.tone
        if not tone or asker is None:
            return
        missing = self._ears.no_tone()
        if not missing:
            try:
                self._tracker = Tracker(asker.model, tracker_settings(self._loaded.config, asker.model))
                self._tone_place = asker.join(self._on_tone, self._on_tone_lost)
            except Exception as error:
                self._drop_tracker()
                missing = self._tone_failed(error)
        if missing:
            self._publish(EventKind.DEGRADED, now_s, self.audio_s, {"reason": missing})
            self._receive(no_tone(missing, now_s, self.audio_s))

    def _join_sentences(self, now_s: float) -> None:
        asker, why_not = self._ears.sentences, self._ears.no_sentences()
        if asker is None or why_not:
            self._no_sentences(why_not, now_s)
        else:
            self._sentence_place = asker.join(self._on_sentence, self._on_encoder_lost)

    def _leave_sentences(self) -> None:
        if self._sentence_place is not None:
            self._sentence_place.leave()
            self._sentence_place = None

    def _drop_tracker(self) -> None:
        if self._tone_place is not None:
            self._tone_place.leave()
            self._tone_place = None
        if self._tracker is not None:
            self._tracker.close()
            self._tracker = None

    def _decide(self, decision: Decision) -> None:
        self.decision = decision
        now_s = self._clock()
        latency_ms = None
        if self.speech_end_s is not None:
            latency_ms = round((now_s - self._last_audio_s + self.audio_s - self.speech_end_s) * 1000.0, 1)
        self._publish(
            EventKind.DECIDED,
            now_s,
            self.audio_s,
            {
                "destination": decision.destination,
                "priority": decision.priority,
                "intent": decision.intent,
                "about": decision.intent and self._loaded.generation.speaker.intent(decision.intent),
                "probability": decision.probability,
                "rung": decision.rung.value,
                "reasons": [reason.en for reason in decision.reasons],
                "reasons_ar": [reason.ar for reason in decision.reasons],
                "speech_end_audio_s": self.speech_end_s,
                "decided_audio_s": self.audio_s,
                "latency_ms": latency_ms,
            },
        )
        self.phone.carry_out(decision)

    def _stop_analysis(self) -> None:
        self._drop_tracker()
        self._leave_sentences()
        self._line.hold_nothing()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
