"""What a recogniser must be to stand behind a call.

An :class:`Engine` holds the model, loaded once per process and shared; an :class:`EngineSession` is one
caller's decoder, used by one thread. ``final()`` speaks for everything fed since ``reset()`` and does not
end it: a speculative final is asked for at every pause, and more audio may follow. Sessions are fed voiced
segments only: on silence or tones neural engines invent words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from asr.errors import AudioInvalid, EngineError

Samples = npt.NDArray[np.int16]

LINE_RATE_HZ = 8000
MAX_SEGMENT_S = 30.0


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What an engine is and can do.

    Attributes
    ----------
    name : str
        ``moonshine``, ``vosk``, ``whisper``, ``scripted``, or two of them joined by ``+``.
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
    grammar : bool
        True where a session can be limited to the key phrases.
    unknown_words : tuple of str
        Words of the key phrases that the model cannot hear, in alphabetical order; empty before ``load()``.
    final_only : bool
        True where the engine has finals only, and slow ones: ``partial()`` is always empty.
    """

    name: str
    native_rate_hz: int
    languages: tuple[str, ...]
    partials: bool
    confidences: bool
    streaming: bool
    model_id: str
    grammar: bool = False
    unknown_words: tuple[str, ...] = ()
    final_only: bool = False

    @classmethod
    def from_plain(cls, fields: Mapping[str, Any]) -> "EngineFacts":
        """Return the facts that ``dataclasses.asdict`` turned into what JSON can hold."""
        lists = {name: tuple(fields.get(name, ())) for name in ("languages", "unknown_words")}
        return cls(**{**fields, **lists})


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a hypothesis.

    Attributes
    ----------
    text : str
        The word, without spaces.
    confidence : float or None
        0..1, calibrated; None where the engine has no honest one.
    start_s, end_s : float or None
        Where it was said, s from the segment's first sample; None where the engine does not know.
    """

    text: str
    confidence: float | None
    start_s: float | None
    end_s: float | None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Words, and how sure the engine is of them.

    Attributes
    ----------
    text : str
        Words with single spaces between; may be empty.
    confidence : float or None
        0..1; None where the engine has no honest one or there are no words.
    words : tuple of Word
        The words of ``text`` one by one, in order; empty where the engine knows nothing of single words.
    doubted : bool
        True where somebody speaks, but the engine does not believe its own words and left them out.
    """

    text: str
    confidence: float | None
    words: tuple[Word, ...] = ()
    doubted: bool = False


class EngineSession(Protocol):
    """One caller's decoder; used by one thread from first call to last."""

    def feed(self, pcm: Samples) -> None:
        """Take int16 mono samples at the engine's native rate, any length."""

    def partial(self) -> Hypothesis:
        """Words since ``reset()`` so far; cheap where the engine streams."""

    def final(self, quick: bool = False) -> Hypothesis:
        """Best words since ``reset()``; more audio may be fed behind it.

        ``quick`` gives up a better text that takes longer, where the engine has two ways (RefinedEngine).
        """

    def reset(self, start_s: float = 0.0) -> None:
        """Forget everything; the next sample fed is at ``start_s`` of the call (audio time, s)."""

    def close(self) -> None:
        """Give the memory back; anything after it raises SessionClosed."""


class Engine(Protocol):
    """A model, shared by the sessions of one process."""

    @property
    def facts(self) -> EngineFacts:
        """What it is and can do; known before ``load()``, but for ``unknown_words``."""

    def load(self) -> None:
        """Read and warm the model; later calls do nothing. Raises EngineError."""

    def session(self, limited: bool = False) -> EngineSession:
        """Make one caller's decoder; loads the model where that has not been done.

        ``limited`` makes one that hears the engine's key phrases only, cheaply; raises EngineError where
        ``facts.grammar`` is False.
        """


def refuse_limited(facts: EngineFacts) -> None:
    """Raise EngineError: this engine makes no session that is limited to key phrases."""
    raise EngineError(f"the engine {facts.name} cannot be limited to key phrases")


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
