"""A recorded caller on the line of a new session: the call lived again, by that session's own deadlines.

Taken as it was: what the recognisers and the tone model heard, what the customer record said, and how long the notice
and the question lasted. The other generation's own intents read the words again. Its own deadlines are kept between
the recorded events. So is how long a silence it would have waited out (`Silence`); where that is shorter than it was,
the end of speech is as much sooner.

Timers ring late, by LATE_S or by as much as the engine was behind on that call (`RecordedCall.behind_s`). While a
deadline is on record as due and not rung, no other rings either. Otherwise, where something was told so soon after a
deadline that it may have come first, the call is decided both ways, and is known where that is the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum

from router.commands import Command, ForceFinal, PlayPrompt, StartAnalysis
from router.entries import EntryLine, event_of, prompt_told, told_by, words_in
from router.evidence import (
    EncoderLost,
    EndOfUtterance,
    Event,
    Key,
    RecogniserBack,
    RecogniserLimited,
    RecogniserLost,
    Sentence,
    SpeechPaused,
    SpeechStarted,
    Tick,
    Words,
)
from router.keys import UNKNOWN_DIGIT
from router.record import FORCED, CallFacts
from router.recorded import RecordedCall
from router.rereading import Rereading
from router.resentenced import Resentenced
from router.session import Session
from router.skimming import SkimmedSession, Skimmer
from router.states import State
from router.timeline import Unwritten

LATE_S = 0.05
"""How late a timer may be on a machine that keeps up."""
FRAME_S = 0.032
"""Of voice activity: no silence is measured more finely, and a frame of speech ends none."""
SOONER_S = 0.1
"""A silence that would have been waited out less long than it was, by less than this, is as long."""

Silence = Callable[[str, str, bool], float]
"""Seconds of silence after which a caller has finished, by the words before it ("" where there are none), the language,
and whether they would settle the call (`Session.intent_sure`)."""


class Unknown(StrEnum):
    """Why a record cannot say what another generation would have done with its call.

    The caller was listened to no longer than was recorded; a pause that the caller made would have been the end of what
    the caller said; something was heard at the very moment at which time is up; the engine was behind, and may have
    taken what was heard before a time that was up; the recogniser was not told then to finish; the question was put
    then, or not; the notice was played then, or not, or in another language; the caller would have been spoken to in
    another language; words, tone, a key, the last agent or the whole number are not on the record, or no recogniser
    heard the call; what its sentences mean would have counted, and nothing here can read them; the engine died during
    it.
    """

    LISTENED_LONGER = "listened_longer"
    ENDED_SOONER = "ended_sooner"
    TOO_CLOSE = "too_close"
    TIMERS_LATE = "timers_late"
    FORCED = "forced"
    ASKED = "asked"
    NOT_ASKED = "not_asked"
    NOTICE = "notice"
    LANGUAGE = "language"
    WORDS_NOT_KEPT = "words_not_kept"
    NOT_RECOGNISED = "not_recognised"
    TONE_NOT_HEARD = "tone_not_heard"
    KEY_NOT_KEPT = "key_not_kept"
    AGENT_NOT_KEPT = "agent_not_kept"
    NUMBER_MASKED = "number_masked"
    SENTENCE_NOT_READ = "sentence_not_read"
    ENGINE_DIED = "engine_died"


class Line:
    """A recorded caller on the line of a new session.

    Parameters
    ----------
    recorded : the call; `call` its facts, as the new session knows them.
    generation : what it is decided with.
    recogniser : whether one hears it.
    sentences : where what a sentence encoder makes of its words comes from.

    Attributes
    ----------
    spoke : the caller began to speak before the decision; `objected` that the caller turned tone off.
    tone_wanted : tone was to be analysed; `tone_missing` that it was, and is not on the record.
    close : something was told so soon after a deadline that the one may have come before the other; `behind` that it
        would not be so on a machine that keeps up.
    sooner_s : by how much sooner the last silence would have been the end of speech.
    """

    def __init__(
        self,
        recorded: RecordedCall,
        call: CallFacts,
        generation: Rereading,
        *,
        recogniser: bool,
        sentences: Resentenced,
    ) -> None:
        self._recorded = recorded
        self._recall = generation.recall
        self._recall.asked = False
        self._tone_off_key = generation.config.notice.tone_off_key
        self._sentences = sentences
        self._entries = sentences.entries(recorded)
        self.session = SkimmedSession(
            call,
            generation,
            0.0,
            recogniser_available=recogniser,
            timeline=Unwritten(),
            encoder=sentences.wanted,
        )
        self._skimmer = Skimmer(self.session, self._entries, generation, recogniser=recogniser)
        self.recogniser = recogniser
        self.spoke = self.objected = self.tone_wanted = self.close = self.behind = False
        self.sooner_s = 0.0

    def decided(self) -> bool:
        """Whether the new decision fell."""
        return self.session.decision is not None

    def repeat(self) -> Unknown | None:
        """Play the call as it was; return why that cannot be, None where it can."""
        place = 0
        while (place := self._skimmer.past(place, words=True)) < len(self._entries):
            entry = self._entries[place]
            place += 1
            if self._not_kept(entry):
                return Unknown.WORDS_NOT_KEPT
            commands = self._tell(event_of(entry), entry)
            if self.decided():
                return None
            parted = self._parted(commands, told_by(entry))
            if parted is not None:
                return parted
        return self._ended()

    def live(self, silence: Silence | None, *, punctual: bool, keys: bool) -> Unknown | None:
        """Play the call up to the new decision, by the new session's own deadlines; return why that cannot be.

        Parameters
        ----------
        silence : how long a silence would be waited out, or None.
        punctual : what was told at a deadline came after it; else before.
        keys : what key was pressed matters.
        """
        pauses = None if silence is None else Pauses(silence, self.session, self._recorded)
        place = 0
        while (place := self._skimmer.past(place, words=pauses is None or not pauses.running)) < len(self._entries):
            entry = self._entries[place]
            place += 1
            event = event_of(entry)
            commands: list[Command] = []
            unasked = self._let_time_pass(event, entry, commands, punctual=punctual)
            if self.decided() or unasked is not None:
                return unasked
            if self.recogniser and self._not_kept(entry):
                return Unknown.WORDS_NOT_KEPT
            if isinstance(event, Key):
                if keys and event.digit == UNKNOWN_DIGIT:
                    return Unknown.KEY_NOT_KEPT
                self.objected = self.objected or event.digit == self._tone_off_key
            if isinstance(event, SpeechStarted | EndOfUtterance):
                self.spoke = True
            otherwise = None if pauses is None else pauses.before(event)
            if otherwise is not None:
                return otherwise
            if self.recogniser or not isinstance(event, _OF_RECOGNISERS):
                commands += self._tell(event, entry)
                if pauses is not None:
                    pauses.after(event)
                    self.sooner_s = pauses.sooner_s
            if self.decided():
                return None
            parted = self._parted(commands, told_by(entry))
            if parted is not None:
                return parted
            if self.session.hurried and self.tone_missing:
                # Every estimate is a moment at which more of the words may count.
                return Unknown.TONE_NOT_HEARD
        return self._ended()

    @property
    def sentence_missing(self) -> bool:
        """Whether what a sentence means would have counted, and nothing here can read it."""
        return self._sentences.lacking and self.session.sentence_missed

    @property
    def tone_missing(self) -> bool:
        """Whether tone is listened for here, and what was heard of it is not on the record."""
        recorded = self._recorded
        objected = recorded.line.tone.off_by_caller and not self.objected
        return self.tone_wanted and (objected or not recorded.tone_heard or bool(recorded.line.tone.deleted))

    def _tell(self, event: Event, entry: EntryLine) -> list[Command]:
        told = self._sentences.again(event)
        if told is None:
            return []
        self._recall.turn_to(entry)
        commands = tell(self.session, told, entry.now_s)
        self._recall.check()
        commands += self._sentences.at_once(self.session, entry.now_s)
        self._skimmer.told(entry)
        return commands

    def _not_kept(self, entry: EntryLine) -> bool:
        return not self._recorded.has_text and words_in(entry)

    def _ended(self) -> Unknown | None:
        """What is to be said where the record ends before a decision."""
        recorded = self._recorded
        return None if recorded.decision is None and recorded.hung_up else Unknown.LISTENED_LONGER

    def _let_time_pass(
        self, event: Event, entry: EntryLine, commands: list[Command], *, punctual: bool
    ) -> Unknown | None:
        """Let the session's own deadlines fall before an event; those that it comes close to add to `commands`.

        What was told at an event may have been told at the deadline just before it.
        """
        session, until_s = self.session, entry.now_s
        unrung_s = round(until_s - entry.late_s, 6) if entry.late_s > 0 else math.inf
        while session.state is not State.WAITING_NOTICE:
            due = session.deadline()
            if due is None or due > until_s or due >= unrung_s:
                return None
            near = due + LATE_S >= until_s
            if near and isinstance(event, Tick):
                return None
            if near or due + self._recorded.behind_s >= until_s:
                self.close = True
                self.behind = self.behind or not near
                if not punctual:
                    return None
            told = [*session.tick(due), *self._sentences.at_once(session, due)]
            if self.decided():
                return None
            if near and isinstance(event, Words) and any(_asks(one) for one in told):
                # What is on record as said before the question would have answered it.
                return Unknown.TOO_CLOSE
            if near:
                commands += told
            else:
                parted = self._parted(told, ())
                if parted is not None:
                    return parted
            if session.deadline() == due:
                return None
        return None

    def _parted(self, commands: list[Command], was_told: tuple[str, ...]) -> Unknown | None:
        """Whether from here on something else would have been heard than was recorded."""
        if not commands and not was_told:
            return None
        tells: tuple[str, ...] = ()
        for command in commands:
            if isinstance(command, PlayPrompt):
                tells = (*tells, prompt_told(command.name, command.language))
                self._recall.asked = self._recall.asked or _asks(command)
            elif isinstance(command, ForceFinal):
                tells = (*tells, FORCED)
            elif isinstance(command, StartAnalysis):
                self.tone_wanted = command.tone
        if tells == was_told:
            return None
        if any(one.startswith("notice ") for one in (*tells, *was_told)):
            return Unknown.NOTICE
        if any(one.startswith("ask ") for one in tells):
            return Unknown.ASKED
        if FORCED in tells:
            return Unknown.FORCED
        return Unknown.LISTENED_LONGER if was_told == (FORCED,) else Unknown.NOT_ASKED


_OF_RECOGNISERS = (Words, Sentence, EncoderLost, RecogniserLost, RecogniserBack, RecogniserLimited)


class Pauses:
    """The caller's silences, and how long the new session would have waited out each of them.

    Parameters
    ----------
    silence : says so.
    session : the new one; what its words mean counts, as it does on a live call.
    recorded : the call; an end of speech that waited for words alone may be as late as its engine was.

    Attributes
    ----------
    sooner_s : by how much the last end of speech would have come sooner than it did.
    """

    def __init__(self, silence: Silence, session: Session, recorded: RecordedCall) -> None:
        self._silence = silence
        self._recorded = recorded
        self._words_late = False
        self._session = session
        self._language = session.call.language
        self._from_s: float | None = None
        self._until_s = 0.0
        self.sooner_s = 0.0

    def before(self, event: Event) -> Unknown | None:
        """Say whether an event would not have come, or not yet."""
        if isinstance(event, SpeechStarted):
            ended = self._from_s is not None and self._until_s <= event.audio_s - FRAME_S
            self._from_s, self.sooner_s = None, 0.0
            return Unknown.ENDED_SOONER if ended else None
        if isinstance(event, EndOfUtterance):
            if self._from_s is None:
                self._open(event)
            self._from_s = None
            if self._until_s > event.audio_s + FRAME_S:
                return Unknown.LISTENED_LONGER
            sooner_s = round(event.audio_s - self._until_s, 6)
            if self._words_late and SOONER_S < sooner_s <= self._recorded.behind_s:
                return Unknown.TIMERS_LATE
            self.sooner_s = sooner_s if sooner_s > SOONER_S else 0.0
        return None

    @property
    def running(self) -> bool:
        """Whether the caller is silent, and may go on."""
        return self._from_s is not None

    def after(self, event: Event) -> None:
        """Take what was heard: words in a silence say how long it is waited out, from when they come."""
        if isinstance(event, SpeechPaused):
            self._open(event)
        elif isinstance(event, Words) and not event.final and self._from_s is not None:
            wait_s = self._silence(event.text, self._language, self._session.intent_sure)
            self._words_late = event.audio_s > self._from_s + wait_s
            self._until_s = max(self._from_s + wait_s, event.audio_s)

    def _open(self, event: SpeechPaused | EndOfUtterance) -> None:
        self._from_s = event.speech_end_audio_s
        self._words_late = False
        self._until_s = self._from_s + self._silence("", self._language, False)


def _asks(command: Command) -> bool:
    return isinstance(command, PlayPrompt) and command.name == "ask"


def tell(session: Session, event: Event, now_s: float) -> list[Command]:
    """Tell a session of an event, or let time pass; return what is to be done."""
    return session.tick(now_s) if isinstance(event, Tick) else session.receive(event, now_s)
