"""What a caller's line gives us: a little of it from before we listen, and none of our own prompts.

While a prompt is played, and ECHO_S longer, it is taken out of what comes back from the line. Before listening begins
no more than PRE_ROLL_S is held, and heard then, so that the first word is whole where a caller begins a little early.
"""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from asr.echo import EchoGate

log = logging.getLogger(__name__)

SAMPLES_PER_SECOND = 8000
ECHO_S = 0.4
"""How long after a prompt some of it may still come back from the line (0.3 s), or still be taken for speech, s."""
PRE_ROLL_S = 0.3
"""Sound before the end of the notice that is heard after it, s: for words only; none of a caller who objected."""
Samples = NDArray[np.int16]


class CallerLine:
    """The samples of one call, counted, and cleaned of what we played.

    Parameters
    ----------
    call : its name in the log.
    """

    def __init__(self, call: str) -> None:
        self._call = call
        self._samples = 0
        self._held: Samples = np.zeros(0, np.int16)
        self._may_hold = True
        self._playing_from_s: float | None = None
        self._echo_until_s = 0.0
        self._echo: tuple[EchoGate, int] | None = None
        """What was played last, and the samples that had come from the line when it began."""

    @property
    def audio_s(self) -> float:
        """Seconds of audio so far."""
        return self._samples / SAMPLES_PER_SECOND

    @property
    def held_s(self) -> float:
        """Seconds held from before listening."""
        return self._held.size / SAMPLES_PER_SECOND

    @property
    def hears_us(self) -> bool:
        """Whether what comes back may be our own prompt."""
        return self._playing_from_s is not None or self.audio_s < self._echo_until_s

    def hold(self, pcm: Samples) -> None:
        """Take samples, int16, that nobody listens to yet."""
        self._samples += len(pcm)
        if self._may_hold:
            self._held = np.concatenate([self._held, pcm])[-int(PRE_ROLL_S * SAMPLES_PER_SECOND) :]

    def hold_nothing(self) -> None:
        """Forget what came before listening, and keep no more of it."""
        self._may_hold = False
        self._held = self._held[:0]

    def take(self, pcm: Samples) -> Samples:
        """Take samples, int16, and return what is to be heard: those held first, and nothing of our prompt."""
        self._samples += len(pcm)
        if self._held.size:
            pcm = np.concatenate([self._held, pcm])
            self._held = self._held[:0]
        if self._echo is None or not self.hears_us:
            return pcm
        gate, began = self._echo
        try:
            return gate.clean(pcm, self._samples - len(pcm) - began)
        except Exception as error:
            log.error("our prompt is not taken out", exc_info=error, extra={"data": {"call": self._call}})
            self._echo = None
            return pcm

    def playing(self, prompt: Samples) -> None:
        """Take that a prompt, int16, begins to be played now."""
        self._playing_from_s = self.audio_s
        self._echo = EchoGate(prompt), self._samples

    def silent(self) -> None:
        """Take that nothing is played any more."""
        if self._playing_from_s is not None:
            # On a recording a prompt takes no time, and nothing of it comes back.
            if self.audio_s > self._playing_from_s:
                self._echo_until_s = self.audio_s + ECHO_S
            self._playing_from_s = None
