"""What a recogniser must be to stand behind a call.

An :class:`Engine` holds the model, loaded once per process and shared; an :class:`EngineSession` is one
caller's decoder, used by one thread. ``final()`` speaks for everything fed since ``reset()`` and does not
end it: a speculative final is asked for at every pause, and more audio may follow. Sessions are fed voiced
segments only: on silence or tones neural engines invent words.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from asr.errors import AudioInvalid

Samples = npt.NDArray[np.int16]

LINE_RATE_HZ = 8000
MAX_SEGMENT_S = 30.0


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What an engine is and can do.

    Attributes
    ----------
    name : str
        ``moonshine``, ``vosk`` or ``scripted``.
    native_rate_hz : int
        Rate of the samples that its sessions take, Hz.
    languages : tuple of str
        Language codes it understands.
    partials : bool
        True where the words of a running segment may be asked for.
    confidences : bool
        True where a hypothesis carries a confidence that means something.
    streaming : bool
        True where ``feed`` decodes, False where it only keeps the audio.
    model_id : str
        Name and digest of the model, for the decision record.
    """

    name: str
    native_rate_hz: int
    languages: tuple[str, ...]
    partials: bool
    confidences: bool
    streaming: bool
    model_id: str


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Words, and how sure the engine is of them.

    Attributes
    ----------
    text : str
        Words with single spaces between; may be empty.
    confidence : float or None
        0..1; None where the engine has no honest one or there are no words.
    """

    text: str
    confidence: float | None


class EngineSession(Protocol):
    """One caller's decoder; used by one thread from first call to last."""

    def feed(self, pcm: Samples) -> None:
        """Take int16 mono samples at the engine's native rate, any length."""

    def partial(self) -> Hypothesis:
        """Words since ``reset()`` so far; cheap where the engine streams."""

    def final(self) -> Hypothesis:
        """Best words since ``reset()``; more audio may be fed behind it."""

    def reset(self, start_s: float = 0.0) -> None:
        """Forget everything; the next sample fed is at ``start_s`` of the call (audio time, s)."""

    def close(self) -> None:
        """Give the memory back; anything after it raises SessionClosed."""


class Engine(Protocol):
    """A model, shared by the sessions of one process."""

    @property
    def facts(self) -> EngineFacts:
        """What it is and can do; known before ``load()``."""

    def load(self) -> None:
        """Read and warm the model; later calls do nothing. Raises EngineError."""

    def session(self) -> EngineSession:
        """Make one caller's decoder; loads the model where that has not been done."""


def checked(pcm: object) -> Samples:
    """Return samples as they were given, or raise AudioInvalid unless int16, one-dimensional and contiguous.

    Parameters
    ----------
    pcm : object
        Meant to be int16, shape (n,), any n >= 0.
    """
    if not isinstance(pcm, np.ndarray) or pcm.dtype != np.int16 or pcm.ndim != 1:
        what = type(pcm).__name__
        if isinstance(pcm, np.ndarray):
            what = f"{pcm.dtype} of {pcm.ndim} dimensions"
        raise AudioInvalid(f"expected a one-dimensional int16 array of samples, got {what}")
    return np.ascontiguousarray(pcm)
