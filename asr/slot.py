"""One place for a worker process: what is known of it, and how to start it, send to it and end it."""

import asyncio
import contextlib
import mmap
import os
import signal
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from asr.engine import EngineFacts
from asr.pool_types import Rung, WorkerHealth
from asr.wire import NOBODY, ON_PAGE, Message

if TYPE_CHECKING:
    from asr.pooled import PooledDecoder

_ROOT = str(Path(__file__).resolve().parent.parent)
# A process that gets less than this share of a core does nothing by itself.
_STARVED = 0.01
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(slots=True)
class Slot:
    """One worker process and what is known of it.

    Attributes
    ----------
    leaving : bool
        True from the moment it is to be replaced: it gets no call any more, and loses those that fall silent.
    last : bool
        True where no process follows this one here: its replacement stands in a slot of its own.
    """

    index: int
    process: asyncio.subprocess.Process | None = None
    ready: bool = False
    leaving: bool = False
    last: bool = False
    facts: dict[str, EngineFacts] = field(default_factory=dict)
    calls: dict[int, "PooledDecoder"] = field(default_factory=dict)
    sent: int = 0
    handled: int = 0
    began_s: float = 0.0
    heard_s: float = 0.0
    cpu_mark: tuple[float, float] = (0.0, 0.0)
    rss_mb: float = 0.0
    backlog_s: float = 0.0
    why_killed: str | None = None
    recycled: bool = False
    load: deque[tuple[float, float, float]] = field(default_factory=deque)
    warm_mb: float = 0.0
    costs: dict[tuple[str, Rung], tuple[float, float]] = field(default_factory=dict)
    page: mmap.mmap | None = None

    @property
    def running(self) -> bool:
        """True while there is a process."""
        return self.process is not None and self.process.returncode is None

    @property
    def busy(self) -> bool:
        """True while one of its calls is speaking."""
        return any(call.busy for call in self.calls.values())

    async def start(self) -> None:
        """Start a process; what was known of the one before is forgotten."""
        paths = [_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
        page_fd = os.memfd_create("nabra-recogniser")
        try:
            os.ftruncate(page_fd, ON_PAGE.size)
            self.page = mmap.mmap(page_fd, ON_PAGE.size)
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "asr.worker",
                str(page_fd),
                pass_fds=(page_fd,),
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
        finally:
            os.close(page_fd)
        self.sent = self.handled = 0
        self.why_killed = None
        self.recycled = self.leaving = False
        self.load.clear()
        self.began_s = self.heard_s = time.monotonic()

    def send(self, message: Message) -> None:
        """Put a message into the transport's buffer; silently nothing where the process is gone."""
        if self.process is None or self.process.stdin is None or self.process.stdin.is_closing():
            return
        if self.sent == self.handled:
            self.heard_s = time.monotonic()
        self.sent += 1
        self.process.stdin.write(message.to_bytes())

    @property
    def buffered(self) -> int:
        """Bytes that the process has not taken yet."""
        if self.process is None or self.process.stdin is None:
            return 0
        return self.process.stdin.transport.get_write_buffer_size()

    def kill(self, why: str | None) -> None:
        """End the process by its own id; its supervisor starts another."""
        if self.process is not None and self.process.returncode is None:
            self.why_killed = self.why_killed or why
            # Not process.send_signal: that reaps a child that is already dead, behind asyncio's back.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)

    def stuck_s(self, now_s: float) -> float:
        """Return how long a process that owes an answer has been stuck, s; to be asked ten times a second.

        That is the time of its own that it has spent since it was heard of last; where it has had next to none, the
        time that has passed: it is stopped, or waits for what never comes. One that merely starves is not stuck.
        """
        if self.process is None or self.sent <= self.handled:
            return 0.0
        spent_s = _cpu_s(self.process.pid)
        if self.cpu_mark[0] != self.heard_s:
            self.cpu_mark = (self.heard_s, spent_s)
        own_s, silent_s = spent_s - self.cpu_mark[1], now_s - self.heard_s
        return silent_s if own_s < _STARVED * silent_s else own_s

    def suspect(self) -> tuple[int, int] | None:
        """Return the call and segment whose audio a process that has ended may have ended of, None for none.

        A process that somebody else killed did not end of what it heard.
        """
        killed_outside = (
            self.why_killed is None and self.process is not None and self.process.returncode == -signal.SIGKILL
        )
        if self.page is None or self.recycled or killed_outside:
            return None
        call, segment = ON_PAGE.unpack_from(self.page)
        return None if (call, segment) == NOBODY else (call, segment)

    def loads(self) -> tuple[float, float]:
        """Return (load, partial load) over the last seconds."""
        if len(self.load) < 2:
            return 0.0, 0.0
        first, last = self.load[0], self.load[-1]
        span_s = max(1.0, last[0] - first[0])
        return (last[1] - first[1]) / span_s, (last[2] - first[2]) / span_s

    def health(self, now_s: float) -> WorkerHealth:
        """Return the worker as it was last heard of."""
        load, partial_load = self.loads()
        pid = self.process.pid if self.process is not None and self.running else None
        return WorkerHealth(
            pid,
            self.ready,
            len(self.calls),
            load,
            partial_load,
            self.backlog_s,
            self.rss_mb,
            now_s - self.began_s if pid is not None else 0.0,
            self.leaving,
        )


def _cpu_s(pid: int) -> float:
    """Return the CPU time that a process has used, s; 0 where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
