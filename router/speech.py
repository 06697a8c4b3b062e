"""Whether the caller speaks, has spoken, and has finished: one call's speech, without its words."""

from __future__ import annotations

import math

from router.evidence import EndOfUtterance, SpeechPaused


class Speech:
    """The speech of one call.

    Attributes
    ----------
    spoke : the caller spoke at all; `in_window` since listening began, the last time it did.
    speaking : right now. `over` : the caller has finished.
    final_heard : the last words are final.
    over_question : the caller spoke while the question was put.
    end_s : when speech ended, seconds since the session began; None while it lasts, or where there was none.
    began_audio_s : where speech first began, seconds of the caller's audio; None where that was not told.
    """

    def __init__(self) -> None:
        self.spoke = False
        self.in_window = False
        self.speaking = False
        self.over = False
        self.final_heard = False
        self.over_question = False
        self.end_s: float | None = None
        self.began_audio_s: float | None = None

    @property
    def owes_final(self) -> bool:
        """Whether the caller has finished and the final text has not come."""
        return self.over and not self.final_heard

    @property
    def paused_now(self) -> bool:
        """Whether the caller is silent, and may go on."""
        return self.end_s is not None and not self.over

    def heard_s(self, audio_s: float) -> float:
        """Return the seconds since speech first began, pauses included; infinite where that was not told."""
        return math.inf if self.began_audio_s is None else max(0.0, audio_s - self.began_audio_s)

    def started(self, *, asking: bool, audio_s: float | None = None) -> None:
        """The caller begins to speak, while the question is put where `asking`."""
        if self.began_audio_s is None:
            self.began_audio_s = audio_s
        self.spoke = self.speaking = self.in_window = True
        self.over = self.final_heard = False
        self.end_s = None
        self.over_question = self.over_question or asking

    def paused(self, event: SpeechPaused) -> None:
        """The caller is silent, and may go on."""
        self.end_s = end_of_speech(event)

    def ended(self, event: EndOfUtterance) -> None:
        """The caller has been silent for long enough to have finished."""
        self.spoke = self.in_window = self.over = True
        self.speaking = False
        self.end_s = end_of_speech(event)

    def heard(self, *, words: bool, final: bool) -> None:
        """The recogniser answers, with the caller's words or with none."""
        self.final_heard = final
        if words:
            self.spoke = self.in_window = True

    def question_put(self) -> None:
        """The caller is asked; an answer begins anew."""
        self.over = self.over_question = False

    def window_opened(self) -> None:
        """Listening begins, perhaps in the middle of what the caller says."""
        self.in_window = self.speaking or self.over_question


def end_of_speech(event: SpeechPaused | EndOfUtterance) -> float:
    """Return when speech ended, on the clock of `at_s`: as long before the event as in the audio."""
    return round(event.at_s - max(0.0, event.audio_s - event.speech_end_audio_s), 6)
