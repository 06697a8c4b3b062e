"""What a record holds and a session need not be told in full, because it comes to nothing.

Most of a record is of this kind: estimates of tone while the words cannot decide yet, and words that cannot decide
either and that other words replace before anything looks at them. An estimate is then only added to the others; of
such words only the time at which they came is taken.

What is passed over is exactly what would have come to nothing. Where that cannot be said for less than it costs to
tell the session, it is told.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from router.decider import said, too_early
from router.entries import EntryLine, audio_of, end_in, final_in, silence_in, text_of, tone_in, tone_of, words_in
from router.evidence import Tone
from router.redact import redact
from router.rereading import Rereading
from router.session import Session
from router.states import ANALYSING, State
from router.understanding import HardHit, Understanding


class SkimmedSession(Session):
    """A session that knows what comes to nothing now, and takes it for less than `receive` does."""

    @property
    def hurried(self) -> bool:
        """Whether more words were heard than so much speech can hold: with more audio, more of them count."""
        words = self._transcript.understood.words
        return said(words, self._speech_s) < words

    @property
    def quiet(self) -> bool:
        """Whether nothing that the voice sounds like could lead to anything now: the words cannot decide yet."""
        return self.would_wait(self._transcript.understood, self._transcript.hard)

    @property
    def plain(self) -> bool:
        """Whether there is no hard word in what was heard last."""
        return self._transcript.understood.hard is None

    @property
    def final_to_come(self) -> bool:
        """Whether the end of an utterance would be followed by a final text."""
        return self._means.recogniser

    def would_wait(self, understood: Understanding, hard: HardHit | None = None) -> bool:
        """Whether such words are too early to decide on while the caller speaks, whatever else is known or comes.

        Not where a sentence is waited for: words of which there is nothing to read end that.
        """
        if self.state not in ANALYSING or self._deadlines.awaiting_sentence:
            return False
        if self._speech.over and not self._final_awaited():
            return False
        speech_s = self._speech_s
        if said(understood.words, speech_s) < understood.words:
            return False
        return too_early(understood, hard, self.generation, self.call.language, speech_s)

    def final_after(self, now_s: float) -> float:
        """Return until when the final text would be waited for, had the caller finished at `now_s`."""
        return self._opened_s + self._deadlines.final_after(round(now_s - self._opened_s, 6))

    @property
    def sentence_missed(self) -> bool:
        """Whether a decision had to do without what the sentence encoder makes of the words, or waits for that."""
        return self.words_alone or (self._deadlines.awaiting_sentence and self._sentence_missing)

    def pass_over(self, audio_s: float, now_s: float) -> None:
        """Take no more of an event than that it came."""
        self._clock(now_s)
        self._timeline.reach(audio_s)

    def overhear(self, tones: Sequence[Tone], now_s: float) -> None:
        """Take estimates of tone that came while `quiet`, before the deadline, the last of them at `now_s`."""
        self._clock(now_s)
        for tone in tones:
            if self._means.hear_tone(tone):
                self._timeline.audio_s = max(self._timeline.audio_s, tone.audio_s)


class Skimmer:
    """Takes what comes to nothing out of a record's way to a session.

    Parameters
    ----------
    session : the new one.
    entries : of the record, up to the decision.
    generation : reads the words.
    recogniser : whether the session has one.
    """

    def __init__(
        self, session: SkimmedSession, entries: Sequence[EntryLine], generation: Rereading, *, recogniser: bool
    ) -> None:
        self._session = session
        self._entries = entries
        self._generation = generation
        self._recall = generation.recall
        self._recogniser = recogniser
        self._final = False
        self._quiet_until_s: float | None = 0.0

    def told(self, entry: EntryLine) -> None:
        """Note that the session was told of an entry."""
        self._quiet_until_s = None
        self._final = self._final or final_in(entry)

    def past(self, place: int, *, words: bool) -> int:
        """Take what comes to nothing, from an entry on; return the place of the next one that must be told.

        Parameters
        ----------
        place : of the entry.
        words : whether words may be passed over; not where they say how long a silence is waited out.
        """
        entries = self._entries
        while place < len(entries):
            heard = self._overheard(place)
            if heard == place and not (words and self._replaced(place, entries[place])):
                break
            place = max(heard, place + 1)
        return place

    def _overheard(self, place: int) -> int:
        """Let the session overhear estimates of tone that come to nothing now, from an entry on; return what follows.

        None comes to anything while the words cannot decide, until the next deadline.
        """
        tones: list[Tone] = []
        last_s = 0.0
        for entry in self._entries[place:]:
            tone = tone_of(entry)
            if tone is None or entry.commands:
                break
            if self._quiet_until_s is None:
                self._quiet_until_s = (self._session.deadline() or 0.0) if self._session.quiet else 0.0
            if entry.now_s >= self._quiet_until_s:
                break
            tones.append(tone)
            last_s = max(last_s, entry.now_s)
        if tones:
            self._session.overhear(tones, last_s)
        return place + len(tones)

    def _replaced(self, place: int, entry: EntryLine) -> bool:
        """Whether an entry was words that come to nothing, and that the next words replace before they are looked at.

        Only of the first phrase, and only where no hard word is in it, nor in what was told before.
        """
        session = self._session
        if self._final or not self._recogniser or not words_in(entry) or final_in(entry) or entry.commands:
            return False
        following = self._following(place)
        if following is None or session.state is not State.LISTENING:
            return False
        if not text_of(entry).strip() or not text_of(following).strip():
            return False
        deadline_s = session.deadline()
        if deadline_s is None or max(entry.now_s, following.now_s) >= deadline_s:
            return False
        understood = self._understood(entry)
        if understood is None:
            return False
        session.pass_over(audio_of(entry), entry.now_s)
        if not session.would_wait(understood):
            return False
        self._quiet_until_s = deadline_s
        return True

    def _following(self, place: int) -> EntryLine | None:
        """The words that replace those of an entry; None where something may look at these before.

        Nothing does while the words before these, which the session still has, cannot decide either: not a silence
        after which a final text is to come in time, nor an estimate of tone. What is overheard never does.
        """
        session, final_by_s = self._session, math.inf
        for entry in self._entries[place + 1 :]:
            if words_in(entry):
                return entry if entry.now_s < final_by_s else None
            if tone_in(entry) and not entry.commands and tone_of(entry) is not None:
                continue
            if entry.commands or not session.quiet:
                return None
            if silence_in(entry) and session.final_to_come:
                if end_in(entry):
                    final_by_s = min(final_by_s, session.final_after(entry.now_s))
            elif not tone_in(entry):
                return None
        return None

    def _understood(self, entry: EntryLine) -> Understanding | None:
        """What words mean that are all that was said so far; None where a hard word is in them, or may be."""
        recall = self._recall
        if recall.same_model:
            return Understanding({}, entry.destinations or {}, entry.words or 0) if recall.plain else None
        if recall.asked or not self._session.plain:
            return None
        understood = self._generation.understand(redact(text_of(entry)).strip(), self._session.call.language)
        return understood if understood.hard is None else None
