"""Recogniser processes kept going: started, watched, replaced, and started again when they are lost.

Each slot runs one worker process (``asr.worker``) under a supervisor task: start it, wait until its models are
warm, read what it says, and when it ends, start another. A process that says nothing while it has work, or stops
reading, counts as hung and is killed.

A process that has grown too big or too old is replaced, one at a time. Where memory allows, a second one is warmed
beside it first; then its calls leave it one by one, each when nobody is speaking on it, and at last it is ended.
Where memory does not allow that, its calls go to the other processes, or it waits for a moment in which none of its
callers speaks. One that has grown far beyond its limit is not waited for: its calls replay what they keep.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from asr.engine import MAX_SEGMENT_S, EngineFacts
from asr.engines import EngineSpec
from asr.errors import PoolClosed, WireError, WorkerStartFailed
from asr.pool_types import PoolSettings, Rung
from asr.slot import Slot
from asr.wire import Kind, Message, WireReader, object_body, read_object

_LOG = logging.getLogger(__name__)
_WATCH_EVERY_S = 0.1
_LOAD_WINDOW_S = 5.0
_LONGEST_BACKOFF_S = 10.0
# A process that lived this long did not die of starting: the next one is started at once.
_HEALTHY_S = 2.0
# Nothing that a call keeps is longer than this.
_LONGEST_LEAVE_S = 40.0
# A process may grow to this multiple of what its models took when they were warm, whatever the limit says.
_ROOM_TO_GROW = 1.25
_FAR_TOO_BIG = 1.5


class CrewClient(Protocol):
    """Who has calls on the processes; everything is told on the event loop."""

    def on_ready(self, slot: Slot) -> None:
        """Learn that a process is warm."""

    def on_gone(self, slot: Slot, reason: str | None, suspect: tuple[int, int] | None) -> None:
        """Learn that a process has ended: why (None where it was replaced), and on what it may have ended."""

    def on_leaving(self, slot: Slot) -> None:
        """Take the calls that are silent away from a process that is being replaced; told again and again."""

    def on_cost(self, language: str, rung: Rung, busy_s: float | None, speech_s: float) -> None:
        """Learn what speech cost; the first time as measured before any call."""

    def cost_known(self, language: str) -> bool:
        """Return whether the cost of a language need not be measured again at a start: that takes time."""

    def on_message(self, slot: Slot, message: Message) -> None:
        """Take what a process says of a call."""

    def on_tick(self, now_s: float) -> None:
        """Learn that a tenth of a second has passed."""


@dataclass(slots=True)
class _Renewal:
    """One process being replaced."""

    old: Slot
    spare: Slot | None
    why: str
    leaving_s: float | None = None


class Crew:
    """The worker processes of one pool.

    Parameters
    ----------
    specs : mapping of str to EngineSpec
        Engine for each language.
    settings : PoolSettings
        See there.
    client : CrewClient
        Told of everything.
    """

    def __init__(self, specs: Mapping[str, EngineSpec], settings: PoolSettings, client: CrewClient) -> None:
        self._specs = dict(specs)
        self._settings = settings
        self._client = client
        self.slots = [Slot(index) for index in range(settings.workers)]
        self._tasks: set[asyncio.Task[None]] = set()
        self._warm = asyncio.Event()
        self._renewal: _Renewal | None = None
        self._slots_made = settings.workers
        self._started = self._stopping = False
        self.starts = self.crashes = self.hangs = self.recycles = 0
        self.problems: dict[str, str] = {}
        self._longest_s = 0.0

    @property
    def running(self) -> bool:
        """True from ``start`` to ``stop``."""
        return self._started and not self._stopping

    async def start(self) -> None:
        """Start every process and wait until all are warm, or the time for that is over; see RecogniserPool.start."""
        if self._started:
            raise PoolClosed("this pool was started before")
        self._started = True
        for slot in self.slots:
            self._begin(self._supervise(slot))
        self._begin(self._watch())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.start_timeout_s):
                await self._warm.wait()
                # A worker that was ready and is lost again by now is started again: wait for that.
                while not any(slot.ready for slot in self.slots):
                    self._warm.clear()
                    await self._warm.wait()
        if not any(slot.ready for slot in self.slots):
            raise WorkerStartFailed(
                f"no recogniser process came up in {self._settings.start_timeout_s:g} s: see the log for what it said"
            )

    async def stop(self) -> None:
        """Kill every process and wait for the end of each."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for slot in self.slots:
            if slot.process is not None:
                slot.kill(None)
                await slot.process.wait()

    def say_once(self, language: str, problem: str) -> str:
        """Log why a language has no recogniser, unless that was the last thing logged of it."""
        if self.problems.get(language) != problem:
            self.problems[language] = problem
            _LOG.error("calls in %s go on without a recogniser: %s", language, problem)
        return problem

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # One process.

    async def _supervise(self, slot: Slot) -> None:
        backoff_s = 0.0
        while not slot.last or slot.process is None:
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
            slot.ready = False
            if slot.process is not None:
                await slot.process.wait()
            self._bury(slot)
            if slot.last:
                break
            lived_s = time.monotonic() - began_s
            backoff_s = 0.0 if lived_s > _HEALTHY_S else min(_LONGEST_BACKOFF_S, 0.2 + backoff_s * 2)
            await asyncio.sleep(backoff_s)
        self.slots.remove(slot)

    async def _run(self, slot: Slot) -> None:
        await slot.start()
        self.starts += 1
        specs = {
            language: {"spec": spec.to_json(), "measure": not self._client.cost_known(language)}
            for language, spec in self._specs.items()
        }
        slot.send(Message(Kind.CONFIG, body=object_body(specs)))
        reader = WireReader()
        assert slot.process is not None
        assert slot.process.stdout is not None
        while data := await slot.process.stdout.read(1 << 16):
            slot.heard_s = time.monotonic()
            reader.receive_data(data)
            while (message := reader.next_message()) is not None:
                if message.kind is Kind.READY:
                    self._welcome(slot, message)
                elif message.kind is Kind.HEALTH:
                    self._note(slot, message)
                else:
                    self._client.on_message(slot, message)

    def _welcome(self, slot: Slot, message: Message) -> None:
        slot.facts = {}
        for language, told in read_object(message).items():
            if not isinstance(told, dict) or not isinstance(told.get("facts"), dict):
                self.say_once(language, str(told.get("problem") if isinstance(told, dict) else told))
                continue
            slot.facts[language] = facts = EngineFacts.from_plain(told["facts"])
            self.problems.pop(language, None)
            for rung, cost in zip((Rung.FULL, Rung.PHRASES), told["costs"], strict=False):
                self._client.on_cost(language, rung, None, float(cost))
                if not facts.streaming or self._specs[language].final is not None:
                    # It decodes a whole segment at once, and says nothing meanwhile.
                    self._longest_s = max(self._longest_s, MAX_SEGMENT_S * float(cost))
        slot.ready = True
        slot.handled = slot.sent
        slot.warm_mb = 0.0
        slot.costs = {}
        if all(other.ready for other in self.slots):
            self._warm.set()
        self._client.on_ready(slot)

    def _note(self, slot: Slot, message: Message) -> None:
        told = read_object(message)
        try:
            handled, slot.rss_mb, slot.backlog_s, firm_s, partial_s = (
                float(str(told[name])) for name in ("handled", "rss_mb", "backlog_s", "firm_busy_s", "partial_busy_s")
            )
            costs = told["costs"]
            assert isinstance(costs, list)
            for language, limited, busy_s, speech_s in costs:
                way = (str(language), Rung.PHRASES if limited else Rung.FULL)
                before = slot.costs.get(way, (0.0, 0.0))
                slot.costs[way] = now = (float(busy_s), float(speech_s))
                if now != before:
                    self._client.on_cost(*way, now[0] - before[0], now[1] - before[1])
        except (KeyError, ValueError, TypeError, AssertionError) as problem:
            raise WireError("HEALTH without its figures") from problem
        slot.warm_mb = slot.warm_mb or slot.rss_mb
        slot.handled = int(handled)
        slot.load.append((time.monotonic(), firm_s, partial_s))

    def _bury(self, slot: Slot) -> None:
        slot.backlog_s = slot.rss_mb = 0.0
        reason = slot.why_killed or "the recogniser process ended by itself"
        suspect = slot.suspect()
        if not slot.recycled and not self._stopping:
            self.crashes += slot.why_killed is None
            _LOG.warning("recogniser process %d is started again: %s", slot.index, reason)
        self._client.on_gone(slot, None if slot.recycled else reason, suspect)

    # All of them.

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            now_s = time.monotonic()
            for slot in self.slots:
                while slot.load and now_s - slot.load[0][0] > _LOAD_WINDOW_S:
                    slot.load.popleft()
                if slot.running and slot.why_killed is None:
                    self._check(slot, now_s)
            try:
                self._renew(now_s)
                self._client.on_tick(now_s)
            except Exception:
                # A fault of ours: nobody else looks after hung processes.
                _LOG.exception("the watch over the recogniser processes goes on")

    def _check(self, slot: Slot, now_s: float) -> None:
        limit_s = max(self._settings.hang_timeout_s, self._longest_s) if slot.ready else self._settings.start_timeout_s
        stuck_s = slot.stuck_s(now_s)
        if stuck_s > limit_s:
            self.hangs += 1
            slot.kill(f"the recogniser process was stuck for {stuck_s:.1f} s and was killed")
        elif slot.buffered > self._settings.hard_buffer:
            self.hangs += 1
            slot.kill("the recogniser process stopped reading and was killed")

    def _why_renew(self, slot: Slot, now_s: float) -> str | None:
        limit_mb = max(self._settings.max_rss_mb, slot.warm_mb * _ROOM_TO_GROW)
        if slot.rss_mb > limit_mb:
            return f"it has grown to {slot.rss_mb:.0f} MB"
        age_s = now_s - slot.began_s
        return f"it is {age_s / 3600:.1f} h old" if age_s > self._settings.max_age_s else None

    def _renew(self, now_s: float) -> None:
        """Replace what is due, one at a time, and go on with what was begun."""
        if self._renewal is None:
            due = [slot for slot in self.slots if slot.ready and self._why_renew(slot, now_s) is not None]
            if due:
                self._plan(max(due, key=lambda slot: (slot.rss_mb, -slot.began_s)), now_s)
            return
        renewal = self._renewal
        old, spare = renewal.old, renewal.spare
        if old.recycled or not old.ready:
            # It is gone, by our doing or its own; the next one waits until this place is filled.
            if (spare or old).ready:
                self._renewal = None
            return
        huge = old.rss_mb > _FAR_TOO_BIG * max(self._settings.max_rss_mb, old.warm_mb * _ROOM_TO_GROW)
        if spare is not None and not spare.ready and not huge:
            return
        if renewal.leaving_s is None:
            renewal.leaving_s = now_s
        others = any(slot.ready and slot is not old for slot in self.slots)
        if others:
            old.leaving = True
            self._client.on_leaving(old)
        waited = now_s - renewal.leaving_s > _LONGEST_LEAVE_S
        if not old.calls or huge or (others and waited) or (not others and not old.busy):
            self.recycles += 1
            _LOG.info("recogniser process %d is replaced: %s", old.index, renewal.why)
            old.recycled = True
            old.kill(renewal.why)

    def _plan(self, old: Slot, now_s: float) -> None:
        why = self._why_renew(old, now_s) or ""
        spare = None
        if available_mb() > 1.2 * old.rss_mb + 100:
            spare = Slot(self._slots_made)
            self._slots_made += 1
            self.slots.append(spare)
            old.last = True
            self._begin(self._supervise(spare))
        self._renewal = _Renewal(old, spare, why)


def available_mb() -> float:
    """Return the memory that a new process can have, MB: the machine's, or its control group's where that is less."""
    left_mb = 0.0
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            left_mb = int(line.split()[1]) / 1024
    group = Path("/sys/fs/cgroup")
    with contextlib.suppress(OSError, ValueError):
        limit, used = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
        left_mb = min(left_mb, (int(limit) - int(used)) / (1 << 20))
    return left_mb
