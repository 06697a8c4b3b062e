"""The sentence encoder, asked by many calls off the event loop, or by one recording at once.

Theory of operation: a call joins and gets a place. It asks there for the texts it wants read, which replace those it
asked for before: of each call only the latest wait. One thread reads for all calls, one call's texts at a time, each
call in the turn in which it came. Answers come back on the loop, never for texts that are asked for no more, and
never to a call that has left.

What goes wrong with the encoder is lost to the reading of sentences alone. A call whose texts it fails on is told so,
and reads words. A run that is not over after `deadline_s` costs every call that has a place its encoder, and until it
is over no call gets one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import ParamSpec, Protocol

import numpy as np
from numpy.typing import NDArray

from router.intent import SentenceEncoder, spoken

DEADLINE_S = 1.0

P = ParamSpec("P")
Texts = tuple[str, ...]
Vectors = NDArray[np.float32]
Told = Callable[[str, Vectors], None]
"""Given a text and its vector, float32 (size,)."""
Lost = Callable[[str], None]
"""Given why the encoder will not read this call any more."""

log = logging.getLogger(__name__)


class Place(Protocol):
    """Where one call asks."""

    def ask(self, texts: Texts) -> None:
        """Have these texts read, and none of those asked for before; asking for the same again changes nothing."""

    def leave(self) -> None:
        """Be told nothing any more, not even what was asked already."""


class SentenceAsker(Protocol):
    """A sentence encoder and the way to it."""

    @property
    def trouble(self) -> str:
        """Why nobody may join just now; empty where they may."""

    def join(self, told: Told, lost: Lost) -> Place:
        """Return a place for one call."""


class SentencesAtOnce:
    """Reads for each call by itself, before `ask` returns: for recordings. An error of the encoder leaves `ask`."""

    trouble = ""

    def __init__(self, encoder: SentenceEncoder) -> None:
        self._encoder = encoder

    def join(self, told: Told, lost: Lost) -> Place:
        """Return a place for one call."""
        return _PlaceAtOnce(self._encoder, told)


class _PlaceAtOnce:
    def __init__(self, encoder: SentenceEncoder, told: Told) -> None:
        self._encoder = encoder
        self._told: Told | None = told
        self._telling = False

    def ask(self, texts: Texts) -> None:
        # Whoever is told of the first of two texts asks for the second, which is told next.
        if not texts or self._telling:
            return
        self._telling = True
        try:
            for text, vector in zip(texts, encoded(self._encoder, texts), strict=True):
                if self._told is not None:
                    self._told(text, vector)
        finally:
            self._telling = False

    def leave(self) -> None:
        self._told = None


class SentenceThread:
    """Reads for all calls of a process, in a thread.

    Parameters
    ----------
    encoder : shared by the calls.
    deadline_s : a run that takes longer is given up.
    """

    def __init__(self, encoder: SentenceEncoder, *, deadline_s: float = DEADLINE_S) -> None:
        self._encoder = encoder
        self._deadline_s = deadline_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._jobs: SimpleQueue[Texts | None] = SimpleQueue()
        self._places: set[_ThreadPlace] = set()
        self._waiting: dict[_ThreadPlace, Texts] = {}
        self._reading: _ThreadPlace | None = None
        self._hangs = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def trouble(self) -> str:
        """Why nobody may join just now; empty where they may."""
        return "the sentence encoder does not answer" if self._hangs else ""

    def start(self) -> None:
        """Begin to read, in the running loop."""
        self._loop = asyncio.get_running_loop()
        # A daemon: an encoder that hangs must not keep the process from ending.
        threading.Thread(target=self._work, args=(self._loop,), name="sentences", daemon=True).start()

    def stop(self) -> None:
        """Answer nothing any more; harmless twice."""
        self._quiet()
        for place in list(self._places):
            place.leave()
        self._loop = None
        self._jobs.put(None)

    def join(self, told: Told, lost: Lost) -> Place:
        """Return a place for one call."""
        place = _ThreadPlace(self, told, lost)
        self._places.add(place)
        return place

    # --------------------------------------------------------------------------------------- on the loop

    def put(self, place: _ThreadPlace, texts: Texts) -> None:
        """Let texts wait for their turn, in place of those that the call asked for before."""
        if texts:
            self._waiting[place] = texts
        else:
            self._waiting.pop(place, None)
        self._next()

    def forget(self, place: _ThreadPlace) -> None:
        """Let go of a place and of what waits there."""
        self._places.discard(place)
        self._waiting.pop(place, None)

    def _next(self) -> None:
        if self._loop is None or self._reading is not None or not self._waiting:
            return
        place = next(iter(self._waiting))
        texts = self._waiting.pop(place)
        self._reading = place
        self._timer = self._loop.call_later(self._deadline_s, self._give_up)
        self._jobs.put(texts)

    def _give_up(self) -> None:
        """The run is not over in time: no call waits for it any longer."""
        self._timer = None
        self._hangs = True
        log.error("the sentence encoder has not answered for %.1f s: calls are read by words alone", self._deadline_s)
        for place in list(self._places):
            _guarded(place.lose, self.trouble)

    def _done(self, texts: Texts, vectors: Vectors | Exception) -> None:
        if self._loop is None:
            return
        self._quiet()
        place = self._reading
        if self._hangs:
            self._hangs = False
            log.warning("the sentence encoder answers again: new calls are read with it")
        if place is not None and isinstance(vectors, Exception):
            _guarded(place.lose, f"the sentence encoder failed: {type(vectors).__name__}")
        elif place is not None and not isinstance(vectors, Exception):
            for text, vector in zip(texts, vectors, strict=True):
                _guarded(place.tell, text, vector)
        self._reading = None
        self._next()

    def _quiet(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ------------------------------------------------------------------------------------- in its thread

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while (texts := self._jobs.get()) is not None:
            vectors: Vectors | Exception
            try:
                vectors = encoded(self._encoder, texts)
            except Exception as error:
                log.error("the sentence encoder failed on a text", exc_info=error)
                vectors = error
            # A loop that is closed meanwhile has nobody left who waits.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._done, texts, vectors)


class _ThreadPlace:
    __slots__ = ("_lost", "_texts", "_thread", "_told")

    def __init__(self, thread: SentenceThread, told: Told, lost: Lost) -> None:
        self._thread: SentenceThread | None = thread
        self._told = told
        self._lost = lost
        self._texts: Texts = ()

    def ask(self, texts: Texts) -> None:
        if self._thread is not None and texts != self._texts:
            self._texts = texts
            self._thread.put(self, texts)

    def leave(self) -> None:
        if self._thread is not None:
            self._thread.forget(self)
            self._thread = None

    def tell(self, text: str, vector: Vectors) -> None:
        if self._thread is not None and text in self._texts:
            self._told(text, vector)

    def lose(self, reason: str) -> None:
        if self._thread is not None:
            self.leave()
            self._lost(reason)


def encoded(encoder: SentenceEncoder, texts: Texts) -> Vectors:
    """Return the vectors of texts as callers are heard, float32 (texts, size).

    Raises
    ------
    ValueError
        The encoder gave no vector for each, or one that is no number; and whatever it raises itself.
    """
    vectors = encoder.encode([spoken(text) for text in texts])
    if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
        raise ValueError(f"vectors of shape {vectors.shape}, or not finite, for {len(texts)} texts")
    return vectors


def _guarded(tell: Callable[P, None], /, *args: P.args, **kwargs: P.kwargs) -> None:
    """Tell one call something; what goes wrong in it must not reach the calls that are told after it."""
    try:
        tell(*args, **kwargs)
    except Exception:
        log.exception("a call failed on what the sentence encoder said")
