"""Recogniser processes and the calls they serve, kept going from one event loop.

Each slot of the pool runs one worker process (``asr.worker``) and its supervisor task: start it, wait until
its models are warm, read its answers, and when it crashes, hangs or has grown too big, kill it and start
another. A call keeps the audio of its open segments; when its worker is lost it moves to another one and
that audio is replayed there, with the finals that were awaited. Nothing here waits for a worker: messages
go into the transport's buffer, partial requests are dropped when that fills, and a worker whose buffer
keeps growing counts as hung.

A new call is taken while the time that finals (and audio of streaming engines) cost leaves room; partials
are shed by the workers themselves. Otherwise ``decoder`` returns None and the call starts a rung lower.
"""

import asyncio
import contextlib
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path

from asr.decoder import Decoder
from asr.engine import EngineFacts
from asr.engines import EngineSpec
from asr.errors import PoolClosed, WireError, WorkerStartFailed
from asr.pool_types import PoolHealth, PoolSettings, Refusal
from asr.pooled import PooledDecoder
from asr.slot import Slot
from asr.wire import Kind, Message, WireReader, object_body, read_object

_LOG = logging.getLogger(__name__)
_WATCH_EVERY_S = 0.1
_LOAD_WINDOW_S = 5.0
_LONGEST_BACKOFF_S = 10.0
# A process that lived this long did not die of starting: the next one is started at once.
_HEALTHY_S = 2.0
_TOO_BIG = "the recogniser process had grown too big"
_ROOT = str(Path(__file__).resolve().parent.parent)
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class RecogniserPool:
    """Recogniser processes of one service.

    Parameters
    ----------
    specs : mapping of str to EngineSpec
        Engine for each language.
    settings : PoolSettings
        See there.
    """

    def __init__(self, specs: Mapping[str, EngineSpec], settings: PoolSettings | None = None) -> None:
        self._specs = dict(specs)
        self._settings = settings or PoolSettings()
        self._slots = [Slot(index) for index in range(self._settings.workers)]
        self._tasks: list[asyncio.Task[None]] = []
        self._warm = asyncio.Event()
        self._homeless: dict[int, PooledDecoder] = {}
        self._young: deque[tuple[float, float]] = deque()
        self._problems: dict[str, str] = {}
        self._numbers = 0
        self._stopping = False
        self._starts = self._crashes = self._hangs = self._recycles = self._refused = 0
        self.partials_dropped = 0
        self.refusals: deque[Refusal] = deque(maxlen=1000)

    async def start(self) -> None:
        """Start every worker and wait until all are warm, or the time for that is over.

        Raises
        ------
        WorkerStartFailed
            Where not a single one came up; the pool goes on trying until ``stop``.
        """
        if self._tasks:
            raise PoolClosed("this pool was started before")
        self._tasks = [asyncio.create_task(self._supervise(slot)) for slot in self._slots]
        self._tasks.append(asyncio.create_task(self._watch()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.start_timeout_s):
                await self._warm.wait()
                # A worker that was ready and is lost again by now is started again: wait for that.
                while not any(slot.ready for slot in self._slots):
                    self._warm.clear()
                    await self._warm.wait()
        if not any(slot.ready for slot in self._slots):
            raise WorkerStartFailed(
                f"no recogniser process came up in {self._settings.start_timeout_s:g} s: "
                "see the log for what it said"
            )

    async def stop(self) -> None:
        """Kill every worker and wait for the end of each."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for slot in self._slots:
            if slot.process is not None:
                slot.kill(None)
                await slot.process.wait()
        self._homeless.clear()

    def decoder(self, call_id: str, language: str) -> Decoder | None:
        """Take a call on, or return None where it is better off without a recogniser.

        Parameters
        ----------
        call_id : str
            For the log and the refusals.
        language : str
            Language code.

        Returns
        -------
        Decoder or None
            The call's own decoder, for a Listener. None: the reason is the last of ``refusals``.
        """
        reason = self._why_not(language)
        if reason is not None:
            self._refused += 1
            self.refusals.append(Refusal(call_id, language, reason))
            _LOG.info("call %s goes on without a recogniser: %s", call_id, reason)
            return None
        self._numbers += 1
        call = PooledDecoder(self, self._numbers, language)
        self._young.append((time.monotonic(), self._expected(language)))
        self.place(call)
        return call

    def facts(self, language: str) -> EngineFacts | None:
        """Return what the engine for a language is, or None where no ready worker has one."""
        return next((s.facts[language] for s in self._slots if s.ready and language in s.facts), None)

    def health(self) -> PoolHealth:
        """Return the state of every worker and what happened so far."""
        workers = tuple(slot.health() for slot in self._slots)
        languages = sorted({language for slot in self._slots if slot.ready for language in slot.facts})
        return PoolHealth(
            workers,
            tuple(languages),
            self._starts,
            self._crashes,
            self._hangs,
            self._recycles,
            self._refused,
            self.partials_dropped,
        )

    # For the calls.

    def place(self, call: PooledDecoder) -> None:
        """Give a call to the least loaded ready worker, or keep it until there is one."""
        if call.closed:
            # It was given up on hearing that its worker is lost: nobody would ever take it out again.
            return
        able = [slot for slot in self._slots if slot.ready and call.language in slot.facts]
        if not able:
            self._homeless[call.number] = call
            return
        slot = min(able, key=lambda s: (round(s.loads()[0], 1), len(s.calls), s.index))
        self._homeless.pop(call.number, None)
        slot.calls[call.number] = call
        call.move_to(slot)

    def forget(self, call: PooledDecoder) -> None:
        """Let go of a call that was closed."""
        self._homeless.pop(call.number, None)
        for slot in self._slots:
            slot.calls.pop(call.number, None)

    def crowded(self, slot: Slot) -> bool:
        """True where partial requests are better not sent; they are counted as dropped."""
        if slot.buffered > self._settings.soft_buffer:
            self.partials_dropped += 1
            return True
        return False

    # Admission.

    def _why_not(self, language: str) -> str | None:
        if self._stopping or not self._tasks:
            return "the recognisers are stopped"
        if language not in self._specs:
            return self._say_once(language, f"no model for the language {language!r} is configured")
        able = [slot for slot in self._slots if slot.ready and language in slot.facts]
        if not able:
            if language in self._problems:
                return self._problems[language]
            return "no recogniser process is ready"
        backlog_s = min(slot.backlog_s for slot in able)
        if backlog_s > self._settings.max_backlog_s:
            return f"the machine is full: final words wait {backlog_s:.1f} s"
        now_s = time.monotonic()
        while self._young and now_s - self._young[0][0] > self._settings.settle_s:
            self._young.popleft()
        coming = sum(
            load * (1 - (now_s - at_s) / self._settings.settle_s) for at_s, load in self._young
        ) + self._expected(language)
        load = sum(slot.loads()[0] for slot in able)
        room = self._settings.max_load * len(able)
        if load + coming > room:
            return f"the machine is full: load {load:.2f} and {coming:.2f} expected, room for {room:.2f}"
        return None

    def _expected(self, language: str) -> float:
        facts = self.facts(language)
        if facts is not None and facts.streaming:
            return self._settings.expected_streaming_load
        return self._settings.expected_load

    def _say_once(self, language: str, problem: str) -> str:
        if self._problems.get(language) != problem:
            self._problems[language] = problem
            _LOG.error("calls in %s go on without a recogniser: %s", language, problem)
        return problem

    # Supervision.

    async def _supervise(self, slot: Slot) -> None:
        backoff_s = 0.0
        while True:
            began_s = time.monotonic()
            try:
                await self._run(slot)
            except (OSError, WireError) as problem:
                _LOG.error("recogniser process %d: %s", slot.index, problem)
            except Exception:
                # A fault of ours: without its supervisor the place would stay empty for good.
                _LOG.exception("recogniser process %d: its messages could not be taken", slot.index)
            finally:
                slot.kill(None)
            self._bury(slot)
            if slot.process is not None:
                await slot.process.wait()
            lived_s = time.monotonic() - began_s
            backoff_s = 0.0 if lived_s > _HEALTHY_S else min(_LONGEST_BACKOFF_S, 0.2 + backoff_s * 2)
            await asyncio.sleep(backoff_s)

    async def _run(self, slot: Slot) -> None:
        paths = [_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
        slot.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "asr.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # A Ctrl-C in the terminal is the service's to handle: it still needs its recognisers to drain.
            start_new_session=True,
            env={
                **os.environ,
                **_ONE_THREAD,
                "PYTHONPATH": os.pathsep.join(paths),
                "NABRA_POOL_PID": str(os.getpid()),
            },
        )
        self._starts += 1
        slot.sent = slot.handled = 0
        slot.why_killed = None
        slot.load.clear()
        slot.heard_s = time.monotonic()
        specs = {language: spec.to_json() for language, spec in self._specs.items()}
        slot.send(Message(Kind.CONFIG, body=object_body(specs)))
        reader = WireReader()
        assert slot.process.stdout is not None
        while data := await slot.process.stdout.read(1 << 16):
            slot.heard_s = time.monotonic()
            reader.receive_data(data)
            while (message := reader.next_message()) is not None:
                self._receive(slot, message)

    def _receive(self, slot: Slot, message: Message) -> None:
        if message.kind is Kind.READY:
            self._welcome(slot, message)
        elif message.kind is Kind.HEALTH:
            self._note(slot, message)
        elif (call := slot.calls.get(message.call)) is not None:
            with self._alone(call):
                call.receive(message)

    def _welcome(self, slot: Slot, message: Message) -> None:
        slot.facts = {}
        for language, told in read_object(message).items():
            if not isinstance(told, dict) or not isinstance(told.get("facts"), dict):
                self._say_once(language, str(told.get("problem") if isinstance(told, dict) else told))
                continue
            fields = {**told["facts"], "languages": tuple(told["facts"]["languages"])}
            slot.facts[language] = EngineFacts(**fields)
        slot.ready = True
        slot.handled = slot.sent
        if all(other.ready for other in self._slots):
            self._warm.set()
        for call in list(self._homeless.values()):
            with self._alone(call):
                self.place(call)

    @contextlib.contextmanager
    def _alone(self, call: PooledDecoder) -> Iterator[None]:
        """Let a call that cannot take its words lose them alone: the process serves others too."""
        try:
            yield
        except WireError:
            raise
        except Exception:
            _LOG.exception("a call could not take its words; it goes on without a recogniser")
            call.close()

    def _note(self, slot: Slot, message: Message) -> None:
        told = read_object(message)
        try:
            handled, slot.rss_mb, slot.backlog_s, firm_s, partial_s = (
                float(str(told[name]))
                for name in ("handled", "rss_mb", "backlog_s", "firm_busy_s", "partial_busy_s")
            )
        except (KeyError, ValueError) as problem:
            raise WireError("HEALTH without its figures") from problem
        slot.handled = int(handled)
        now_s = time.monotonic()
        slot.load.append((now_s, firm_s, partial_s))

    def _bury(self, slot: Slot) -> None:
        """Take a lost worker's calls elsewhere."""
        was_ready, slot.ready = slot.ready, False
        slot.backlog_s = slot.rss_mb = 0.0
        reason = slot.why_killed or "the recogniser process ended by itself"
        recycled = slot.why_killed == _TOO_BIG
        if not recycled and not self._stopping:
            self._crashes += slot.why_killed is None
            _LOG.warning("recogniser process %d is started again: %s", slot.index, reason)
        calls, slot.calls = slot.calls, {}
        for call in calls.values():
            with self._alone(call):
                call.lose(None if recycled else reason)
                if was_ready:
                    self.place(call)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            now_s = time.monotonic()
            for slot in self._slots:
                while slot.load and now_s - slot.load[0][0] > _LOAD_WINDOW_S:
                    slot.load.popleft()
                if slot.running and slot.why_killed is None:
                    self._check(slot, now_s)

    def _check(self, slot: Slot, now_s: float) -> None:
        limit_s = self._settings.hang_timeout_s if slot.ready else self._settings.start_timeout_s
        silent_s = now_s - slot.heard_s
        if slot.sent > slot.handled and silent_s > limit_s:
            self._hangs += 1
            slot.kill(f"the recogniser process said nothing for {silent_s:.1f} s and was killed")
        elif slot.buffered > self._settings.hard_buffer:
            self._hangs += 1
            slot.kill("the recogniser process stopped reading and was killed")
        elif slot.ready and slot.rss_mb > self._settings.max_rss_mb and not slot.busy:
            self._recycles += 1
            slot.kill(_TOO_BIG)
