"""A recogniser process: ``python -m asr.worker``, started, fed and killed by the pool.

It reads messages from standard input and writes answers to what was standard output (native code that
prints goes to standard error instead). One thread does everything, so every recogniser has one owner.
Between two pieces of decoding it reads all that came, and picks what matters most: finals whose endpoint has
come, finals asked for early, audio of engines that decode as they are fed, then partials, which get a share of
the time and are skipped when they are old. What nobody waits for any more is thrown away as soon as that is read.
It ends when standard input does, or when its parent dies. Whose audio it works on is noted on a page that it
shares with the pool, which reads there who may have been its end.
"""

import contextlib
import ctypes
import mmap
import os
import select
import signal
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass, field

from asr.calibration import cost_of
from asr.decoder import SegmentDecoder
from asr.engine import LINE_RATE_HZ, Engine
from asr.engines import EngineSpec, create_engine
from asr.errors import AsrError, EngineError, WireError
from asr.wire import (
    NOBODY,
    ON_PAGE,
    Kind,
    Message,
    WireReader,
    object_body,
    read_audio,
    read_object,
    read_start,
    words_body,
)

_NICE = 5
_PARTIAL_SHARE = 0.6
_PARTIAL_BURST_S = 0.3
_PARTIAL_STALE_S = 1.0
# Recognisers of calls that are over, kept for the next ones: making one takes up to 150 ms, keeping it up to 140 MB.
_MOST_SPARE = 2
_HEALTH_EVERY_S = 0.1
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class _Ward:
    """One way to hear: a language, everything of it or key phrases only."""

    engine: Engine
    limited: bool
    spare: list[SegmentDecoder] = field(default_factory=list)
    busy_s: float = 0.0
    samples: int = 0


@dataclass(slots=True)
class _Call:
    ward: _Ward
    todo: deque[tuple[Message, float]] = field(default_factory=deque)
    work: SegmentDecoder | None = None
    segment: int | None = None
    finals: int = 0
    failed: bool = False
    # Why nothing of its segment can be decoded: its beginning failed, or audio in it.
    problem: str = ""
    # Finals asked for early whose endpoint has come.
    due: set[int] = field(default_factory=set)

    @property
    def engine(self) -> Engine:
        """What hears it."""
        return self.ward.engine


class Worker:
    """Calls of one process.

    Parameters
    ----------
    read_fd, write_fd : int
        Pipes from and to the pool.
    page : writable buffer
        Where the call and segment being worked on are noted, as ON_PAGE packs them.
    """

    def __init__(self, read_fd: int, write_fd: int, page: mmap.mmap | bytearray) -> None:
        self._read_fd, self._write_fd = read_fd, write_fd
        self._page = page
        self._reader = WireReader()
        self._wards: dict[tuple[str, bool], _Ward] = {}
        self._calls: dict[int, _Call] = {}
        self._handled = self._told = 0
        self._firm_busy_s = 0.0
        self._partial_busy_s = 0.0
        self._allowance_s = _PARTIAL_BURST_S
        self._allowed_at_s = time.monotonic()
        self._health_at_s = 0.0

    def run(self) -> None:
        """Serve until the pool closes the pipe."""
        while self._intake():
            picked = self._pick()
            if picked is not None:
                self._handle(picked)
            self._tell_health()

    # What comes in.

    def _intake(self) -> bool:
        """Read everything that came; wait for something where there is nothing to do. False at the end."""
        wait_s: float | None = None
        if self._untold():
            wait_s = max(0.0, self._health_at_s + _HEALTH_EVERY_S - time.monotonic())
        if any(call.todo for call in self._calls.values()):
            wait_s = 0.02 if self._pick() is None else 0.0
        while select.select([self._read_fd], [], [], wait_s)[0]:
            data = os.read(self._read_fd, 1 << 16)
            if not data:
                return False
            self._reader.receive_data(data)
            wait_s = 0.0
        now_s = time.monotonic()
        while (message := self._reader.next_message()) is not None:
            self._sort(message, now_s)
        return True

    def _sort(self, message: Message, now_s: float) -> None:
        if message.kind is Kind.CONFIG:
            self._configure(message)
        elif message.kind is Kind.OPEN:
            told = read_object(message)
            ward = self._wards.get((str(told.get("language")), bool(told.get("limited"))))
            if ward is None:
                body = object_body({"problem": "no such language"})
                self._send(Message(Kind.ERROR, message.call, body=body))
            else:
                self._calls[message.call] = _Call(ward)
            self._handled += 1
        elif message.kind is Kind.CLOSE:
            call = self._calls.pop(message.call, None)
            if call is not None:
                self._handled += len(call.todo)
                self._let_go(call)
            self._handled += 1
        elif message.kind in (Kind.HURRY, Kind.RECALL, Kind.END):
            self._hasten(message)
            self._handled += 1
        elif (call := self._calls.get(message.call)) is not None:
            call.todo.append((message, now_s))
            call.finals += message.kind is Kind.ASK_FINAL
        else:
            if message.kind in (Kind.ASK_PARTIAL, Kind.ASK_FINAL):
                self._refuse(message, "this call was not taken")
            self._handled += 1

    def _hasten(self, message: Message) -> None:
        """Take what changes the worth of things not done yet: they move up, or cost nothing any more."""
        call = self._calls.get(message.call)
        if call is None:
            return
        if message.kind is Kind.END:
            self._drop(call, [entry for entry in call.todo if entry[0].segment == message.segment])
            if call.segment == message.segment:
                call.segment = None
            return
        asked = [
            entry for entry in call.todo if entry[0].kind is Kind.ASK_FINAL and entry[0].request == message.request
        ]
        if asked and message.kind is Kind.HURRY:
            call.due.add(message.request)
        elif asked:
            self._drop(call, asked)
            self._send(Message(Kind.SKIPPED, message.call, message.segment, message.request))

    def _drop(self, call: _Call, entries: list[tuple[Message, float]]) -> None:
        gone = {id(message) for message, _ in entries}
        call.todo = deque(entry for entry in call.todo if id(entry[0]) not in gone)
        self._handled += len(entries)
        for message, _ in entries:
            call.finals -= message.kind is Kind.ASK_FINAL
            call.due.discard(message.request)

    def _let_go(self, call: _Call) -> None:
        if call.work is None:
            return
        if len(call.ward.spare) < _MOST_SPARE and not call.failed:
            call.ward.spare.append(call.work)
        else:
            call.work.close()
        call.work = None

    def _configure(self, message: Message) -> None:
        told: dict[str, object] = {}
        for language, wanted in read_object(message).items():
            if not isinstance(wanted, dict):
                raise WireError("CONFIG without the description of an engine")
            try:
                engine = create_engine(EngineSpec.from_json(str(wanted.get("spec"))))
                engine.load()
                ways = (False, True) if engine.facts.grammar else (False,)
                costs = [cost_of(engine, limited) for limited in ways] if wanted.get("measure") else []
            except AsrError as problem:
                told[language] = {"problem": str(problem)}
                continue
            for limited in ways:
                self._wards[language, limited] = _Ward(engine, limited)
            told[language] = {"facts": asdict(engine.facts), "costs": costs}
        # Reading models leaves behind what nobody uses any more: a fifth of the process.
        with contextlib.suppress(AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
        self._handled += 1
        self._send(Message(Kind.READY, body=object_body(told)))

    # What is done first.

    def _pick(self) -> int | None:
        """Return the call to work on now, or None where everything left may wait."""
        now_s = time.monotonic()
        self._allowance_s = min(_PARTIAL_BURST_S, self._allowance_s + (now_s - self._allowed_at_s) * _PARTIAL_SHARE)
        self._allowed_at_s = now_s
        best: tuple[int, float, int] | None = None
        for number, call in self._calls.items():
            if not call.todo:
                continue
            message, came_s = call.todo[0]
            if call.finals:
                came_s = next(at_s for todo, at_s in call.todo if todo.kind is Kind.ASK_FINAL)
                rank = 0 if call.due else 1
            elif message.kind is Kind.ASK_PARTIAL and not call.engine.facts.streaming:
                if self._allowance_s <= 0 and now_s - came_s < _PARTIAL_STALE_S:
                    continue
                rank = 3
            else:
                rank = 2
            if best is None or (rank, came_s) < best[:2]:
                best = (rank, came_s, number)
        return None if best is None else best[2]

    def _handle(self, number: int) -> None:
        call = self._calls[number]
        message, came_s = call.todo.popleft()
        began_s = time.monotonic()
        ON_PAGE.pack_into(self._page, 0, number, message.segment)
        try:
            self._do(call, message, began_s - came_s)
        except EngineError as problem:
            call.failed = True
            if message.kind in (Kind.ASK_PARTIAL, Kind.ASK_FINAL):
                self._refuse(message, str(problem))
            else:
                call.problem = str(problem)
        ON_PAGE.pack_into(self._page, 0, *NOBODY)
        spent_s = time.monotonic() - began_s
        if message.kind is Kind.ASK_PARTIAL and not call.engine.facts.streaming:
            self._partial_busy_s += spent_s
            self._allowance_s -= spent_s
        else:
            self._firm_busy_s += spent_s
            call.ward.busy_s += spent_s
        if message.kind is Kind.ASK_FINAL:
            call.finals -= 1
            call.due.discard(message.request)
        self._handled += 1

    def _do(self, call: _Call, message: Message, waited_s: float) -> None:
        if message.kind is Kind.BEGIN:
            if call.failed and call.work is not None:
                call.work.close()
                call.work = None
            call.failed, call.problem, call.segment = False, "", message.segment
            if call.work is None:
                spare = call.ward.spare
                call.work = spare.pop() if spare else SegmentDecoder(call.engine, call.ward.limited)
            call.work.begin(read_start(message))
            return
        ask = message.kind in (Kind.ASK_PARTIAL, Kind.ASK_FINAL)
        if call.problem and call.segment == message.segment:
            if ask:
                self._refuse(message, call.problem)
        elif call.work is None or call.segment != message.segment:
            if ask:
                self._send(Message(Kind.SKIPPED, message.call, message.segment, message.request))
        elif message.kind is Kind.AUDIO:
            pcm = read_audio(message)
            call.ward.samples += pcm.size
            call.work.feed(pcm)
        elif message.kind is Kind.ASK_FINAL:
            self._answer(call.work, message, Kind.FINAL)
        elif call.finals or waited_s > _PARTIAL_STALE_S or not call.engine.facts.partials:
            self._send(Message(Kind.SKIPPED, message.call, message.segment, message.request))
        else:
            self._answer(call.work, message, Kind.PARTIAL)

    def _answer(self, work: SegmentDecoder, message: Message, kind: Kind) -> None:
        final = kind is Kind.FINAL
        others_wait = final and sum(call.finals for call in self._calls.values()) > 1
        hypothesis, decode_s = work.words(final, quick=others_wait)
        body = words_body(hypothesis, decode_s)
        self._send(Message(kind, message.call, message.segment, message.request, body))

    # What goes out.

    def _refuse(self, message: Message, problem: str) -> None:
        body = object_body({"problem": problem})
        self._send(Message(Kind.ERROR, message.call, message.segment, message.request, body))

    def _tell_health(self) -> None:
        """Say that this process lives, and how busy it is: the pool takes silence for a hang."""
        now_s = time.monotonic()
        busy = any(call.todo for call in self._calls.values())
        if now_s - self._health_at_s < _HEALTH_EVERY_S or not (busy or self._untold()):
            return
        self._health_at_s = now_s
        oldest_s = min(
            (
                at_s
                for call in self._calls.values()
                for message, at_s in call.todo
                if message.kind is Kind.ASK_FINAL or (message.kind is Kind.AUDIO and call.engine.facts.streaming)
            ),
            default=now_s,
        )
        told: dict[str, object] = {
            "handled": self._handled,
            "rss_mb": _rss_mb(),
            "firm_busy_s": self._firm_busy_s,
            "partial_busy_s": self._partial_busy_s,
            "backlog_s": now_s - oldest_s,
            "costs": [
                [language, limited, ward.busy_s, ward.samples / LINE_RATE_HZ]
                for (language, limited), ward in self._wards.items()
            ],
        }
        self._told = self._handled
        self._send(Message(Kind.HEALTH, body=object_body(told)))

    def _untold(self) -> bool:
        return self._told != self._handled

    def _send(self, message: Message) -> None:
        data = message.to_bytes()
        while data:
            data = data[os.write(self._write_fd, data) :]


def _rss_mb() -> float:
    with open("/proc/self/statm", "rb") as statm:
        pages = int(statm.read().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / (1 << 20)


def _die_with_parent() -> None:
    """Ask the kernel to kill this process with its parent, even where a decode never comes back."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if str(os.getppid()) != os.environ.get("NABRA_POOL_PID", str(os.getppid())):
        os._exit(1)


def main() -> int:
    """Run a worker on the pipes it was started with."""
    _die_with_parent()
    os.nice(_NICE)
    # Waking up for audio must not push the event loop, which sent it, off its core.
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    page = mmap.mmap(int(sys.argv[1]), ON_PAGE.size)
    write_fd = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        Worker(sys.stdin.fileno(), write_fd, page).run()
    except (BrokenPipeError, KeyboardInterrupt):
        return 0
    except WireError as problem:
        print(f"recogniser process: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    # Threads of native libraries must not outlive the decision to leave.
    os._exit(main())
