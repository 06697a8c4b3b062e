"""The tone model, asked by many calls: together and off the event loop, or by one recording at once.

Theory of operation: a call joins and gets a place. What its tracker wants to know (`emotion.Inquiry`) waits there
for the next run. At most every `every_s` a run takes all that waits and puts it to the model as one batch, in a
thread of its own; onnxruntime lets go of the interpreter while it computes. One run is under way at a time. Answers
come back on the loop, to each call in the order in which it asked, and never to one that has left its place.

What goes wrong with the model is lost to tone alone. After a run that failed each call is asked for by itself, and
those that fail again lose their tone: one call's bad numbers cost no other call anything. A run that is not over
after `deadline_s` costs every call that has a place its tone, and until it is over no call gets one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import ParamSpec, Protocol

from emotion import Answer, Inquiry, ToneModel, ask

EVERY_S = 0.02
DEADLINE_S = 1.0
MOST_WAITING = 16
"""Inquiries that one call may have waiting, 4 s of them; of more, the oldest are left out."""

P = ParamSpec("P")
Told = Callable[[Inquiry, Answer | None], None]
"""Given an inquiry and its answer, which is None where the model need not be asked."""
Lost = Callable[[str], None]
"""Given why the model will not answer this call any more."""

log = logging.getLogger(__name__)


class Place(Protocol):
    """Where one call asks."""

    def ask(self, inquiry: Inquiry) -> None:
        """Put one inquiry; its answer follows, or the call is told that tone is lost."""

    def leave(self) -> None:
        """Be told nothing any more, not even what was asked already."""


class ToneAsker(Protocol):
    """A tone model and the way to it."""

    @property
    def model(self) -> ToneModel:
        """The model."""

    @property
    def trouble(self) -> str:
        """Why nobody may join just now; empty where they may."""

    def join(self, told: Told, lost: Lost) -> Place:
        """Return a place for one call."""


class ToneAtOnce:
    """Asks for each call by itself, before `ask` returns: for recordings. An error of the model leaves `ask`."""

    trouble = ""

    def __init__(self, model: ToneModel) -> None:
        self.model = model

    def join(self, told: Told, lost: Lost) -> Place:
        """Return a place for one call."""
        return _PlaceAtOnce(self.model, told)


class _PlaceAtOnce:
    def __init__(self, model: ToneModel, told: Told) -> None:
        self._model = model
        self._told: Told | None = told

    def ask(self, inquiry: Inquiry) -> None:
        if self._told is not None:
            self._told(inquiry, ask(self._model, (inquiry,))[0])

    def leave(self) -> None:
        self._told = None


class ToneBatches:
    """Asks for all calls of a process together.

    Parameters
    ----------
    model : shared by the calls.
    every_s : least time from the start of one run to the start of the next.
    deadline_s : a run that takes longer is given up.
    on_run : told after each run of the model how many calls' inquiries it answered and how many seconds it took.
    """

    def __init__(
        self,
        model: ToneModel,
        *,
        every_s: float = EVERY_S,
        deadline_s: float = DEADLINE_S,
        on_run: Callable[[int, float], None] = lambda _asked, _seconds: None,
    ) -> None:
        self.model = model
        self._every_s = every_s
        self._deadline_s = deadline_s
        self._on_run = on_run
        self._loop: asyncio.AbstractEventLoop | None = None
        self._jobs: SimpleQueue[list[Inquiry] | None] = SimpleQueue()
        self._places: set[_BatchPlace] = set()
        self._waiting: dict[_BatchPlace, deque[Inquiry]] = {}
        self._running: list[_BatchPlace] = []
        self._hangs = False
        self._began_s = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    @property
    def trouble(self) -> str:
        """Why nobody may join just now; empty where they may."""
        return "the tone model does not answer" if self._hangs else ""

    def start(self) -> None:
        """Begin to take inquiries, in the running loop."""
        self._loop = asyncio.get_running_loop()
        # A daemon: a model that hangs must not keep the process from ending.
        threading.Thread(target=self._work, args=(self._loop,), name="tone-batches", daemon=True).start()

    def stop(self) -> None:
        """Answer nothing any more; harmless twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for place in list(self._places):
            place.leave()
        self._loop = None
        self._jobs.put(None)

    def join(self, told: Told, lost: Lost) -> Place:
        """Return a place for one call."""
        place = _BatchPlace(self, told, lost)
        self._places.add(place)
        return place

    # --------------------------------------------------------------------------------------- on the loop

    def put(self, place: _BatchPlace, inquiry: Inquiry) -> None:
        """Let an inquiry wait for the next run."""
        self._waiting.setdefault(place, deque(maxlen=MOST_WAITING)).append(inquiry)
        self._plan()

    def forget(self, place: _BatchPlace) -> None:
        """Let go of a place and of what waits there."""
        self._places.discard(place)
        self._waiting.pop(place, None)

    def _plan(self) -> None:
        """Keep the one timer: of the next run, or while one is under way of its deadline."""
        if self._loop is None or self._timer is not None or self._running or not self._waiting:
            return
        delay_s = max(0.0, self._began_s + self._every_s - self._loop.time())
        self._timer = self._loop.call_later(delay_s, self._run)

    def _run(self) -> None:
        assert self._loop is not None
        self._timer = None
        waiting = [(place, inquiry) for place, inquiries in self._waiting.items() for inquiry in inquiries]
        self._waiting.clear()
        inquiries = [inquiry for _, inquiry in waiting]
        if all(inquiry.features is None for inquiry in inquiries):
            self._deliver([place for place, _ in waiting], inquiries, [None] * len(inquiries))
            return
        self._began_s = self._loop.time()
        self._running = [place for place, _ in waiting]
        self._timer = self._loop.call_later(self._deadline_s, self._give_up)
        self._jobs.put(inquiries)

    def _give_up(self) -> None:
        """The run is not over in time: no call waits for it any longer."""
        self._timer = None
        self._hangs = True
        log.error("the tone model has not answered for %.1f s: calls go on without tone", self._deadline_s)
        for place in list(self._places):
            _guarded(place.lose, self.trouble)

    def _done(self, inquiries: list[Inquiry], answers: Sequence[Answer | Exception | None], took_s: float) -> None:
        if self._loop is None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        places, self._running = self._running, []
        if self._hangs:
            self._hangs = False
            log.warning("the tone model answers again: new calls are heard with it")
        self._on_run(sum(inquiry.features is not None for inquiry in inquiries), took_s)
        self._deliver(places, inquiries, answers)
        self._plan()

    def _deliver(
        self,
        places: Sequence[_BatchPlace],
        inquiries: Sequence[Inquiry],
        answers: Sequence[Answer | Exception | None],
    ) -> None:
        for place, inquiry, answer in zip(places, inquiries, answers, strict=True):
            if isinstance(answer, Exception):
                _guarded(place.lose, f"the tone model failed: {type(answer).__name__}")
            else:
                _guarded(place.tell, inquiry, answer)

    # ------------------------------------------------------------------------------------- in its thread

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while (inquiries := self._jobs.get()) is not None:
            began_s = time.perf_counter()
            answers = _answers(self.model, inquiries)
            took_s = time.perf_counter() - began_s
            # A loop that is closed meanwhile has nobody left who waits.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._done, inquiries, answers, took_s)


class _BatchPlace:
    __slots__ = ("_batches", "_lost", "_told")

    def __init__(self, batches: ToneBatches, told: Told, lost: Lost) -> None:
        self._batches: ToneBatches | None = batches
        self._told = told
        self._lost = lost

    def ask(self, inquiry: Inquiry) -> None:
        if self._batches is not None:
            self._batches.put(self, inquiry)

    def leave(self) -> None:
        if self._batches is not None:
            self._batches.forget(self)
            self._batches = None

    def tell(self, inquiry: Inquiry, answer: Answer | None) -> None:
        if self._batches is not None:
            self._told(inquiry, answer)

    def lose(self, reason: str) -> None:
        if self._batches is not None:
            self.leave()
            self._lost(reason)


def _guarded(tell: Callable[P, None], /, *args: P.args, **kwargs: P.kwargs) -> None:
    """Tell one call something; what goes wrong in it must not reach the calls that are told after it."""
    try:
        tell(*args, **kwargs)
    except Exception:
        log.exception("a call failed on what the tone model said")


def _answers(model: ToneModel, inquiries: Sequence[Inquiry]) -> list[Answer | Exception | None]:
    """Ask for all together; where that fails, for each alone, so that only those fail that must."""
    try:
        return list(ask(model, inquiries))
    except Exception as error:
        if len(inquiries) > 1:
            return [answer for inquiry in inquiries for answer in _answers(model, [inquiry])]
        log.error("the tone model failed on an inquiry", exc_info=error)
        return [error]
