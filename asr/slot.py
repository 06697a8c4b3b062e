"""One place for a worker process: what is known of it, and how to send to it and end it."""

import asyncio
import contextlib
import os
import signal
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asr.engine import EngineFacts
from asr.pool_types import WorkerHealth
from asr.wire import Message

if TYPE_CHECKING:
    from asr.pooled import PooledDecoder


@dataclass(slots=True)
class Slot:
    """One worker process and what is known of it; the pool's own."""

    index: int
    process: asyncio.subprocess.Process | None = None
    ready: bool = False
    facts: dict[str, EngineFacts] = field(default_factory=dict)
    calls: dict[int, "PooledDecoder"] = field(default_factory=dict)
    sent: int = 0
    handled: int = 0
    heard_s: float = 0.0
    rss_mb: float = 0.0
    backlog_s: float = 0.0
    why_killed: str | None = None
    load: deque[tuple[float, float, float]] = field(default_factory=deque)

    @property
    def running(self) -> bool:
        """True while there is a process."""
        return self.process is not None and self.process.returncode is None

    @property
    def busy(self) -> bool:
        """True while one of its calls is speaking."""
        return any(call.busy for call in self.calls.values())

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

    def loads(self) -> tuple[float, float]:
        """Return (load, partial load) over the last seconds."""
        if len(self.load) < 2:
            return 0.0, 0.0
        first, last = self.load[0], self.load[-1]
        span_s = max(1.0, last[0] - first[0])
        return (last[1] - first[1]) / span_s, (last[2] - first[2]) / span_s

    def health(self) -> WorkerHealth:
        """Return the worker as it was last heard of."""
        load, partial_load = self.loads()
        pid = self.process.pid if self.process is not None and self.running else None
        return WorkerHealth(
            pid, self.ready, len(self.calls), load, partial_load, self.backlog_s, self.rss_mb
        )
