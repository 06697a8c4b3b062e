"""The engine under test: `nabra serve` as a process, its configuration, its records."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

_READY_TIMEOUT_S = 120.0


class Engine:
    """`nabra serve CONFIG` in the network namespace of the thread that starts it.

    Parameters
    ----------
    config : Path
        The configuration file.
    state : Path
        State directory: compiled kernels, records and the log are in it.
    audio_port : int
        Where its configuration lets it listen; answering there is what `start` waits for.
    """

    def __init__(self, config: Path, state: Path, audio_port: int) -> None:
        self.config = config
        self.state = state
        self.audio_port = audio_port
        self.log_path = state / "engine.log"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until it listens."""
        self.state.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                "setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "nabra", "serve", str(self.config),
                cwd=ROOT, env=os.environ | {"NABRA_STATE": str(self.state)},
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        async with asyncio.timeout(_READY_TIMEOUT_S):
            while not self._listens():
                if self._process.returncode is not None:
                    raise RuntimeError(f"the engine ended with {self._process.returncode}:\n{self.log()[-4000:]}")
                await asyncio.sleep(0.1)

    async def ensure(self) -> None:
        """See to it that it runs and can deliver: it listens, and is logged in to the PBX."""
        self.resume()
        if not self.running:
            await self.start()
        async with asyncio.timeout(30.0):
            while not self.logged_in():  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0.05)

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.returncode is None

    def resume(self) -> None:
        """Let it go on, and its recognisers, where a test has stopped them."""
        if self.running:
            for pid in (self.pid, *self.workers()):
                os.kill(pid, signal.SIGCONT)

    def logged_in(self) -> bool:
        """Whether its last word about the manager interface is that it is logged in."""
        states = [line for line in self.log().splitlines() if "PBX main: manager interface" in line]
        return bool(states) and "interface up" in states[-1]

    def _listens(self) -> bool:
        """Whether its listening socket is there, without opening a connection that would be a call."""
        wanted = f"0100007F:{self.audio_port:04X} 00000000:0000 0A"
        return wanted in Path("/proc/thread-self/net/tcp").read_text()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def workers(self) -> list[int]:
        """Process ids of its recognisers."""
        return _children(self.pid)

    async def kill(self) -> None:
        """End it as a crash would."""
        self.signal(signal.SIGKILL)
        await self.ended()

    async def ended(self, timeout_s: float = 40.0) -> int:
        """Wait for its end and return its status."""
        assert self._process is not None
        async with asyncio.timeout(timeout_s):
            return await self._process.wait()

    async def stop(self) -> None:
        """End it in an orderly way, or else by force; harmless where it has ended."""
        if not self.running:
            return
        self.resume()
        self.signal(signal.SIGTERM)
        try:
            await self.ended()
        except TimeoutError:
            await self.kill()

    def log(self) -> str:
        """Everything that it logged so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def lines(self) -> list[dict[str, Any]]:
        """Everything in its record store so far, oldest first."""
        lines = []
        for path in sorted((self.state / "records").glob("**/*.jsonl")):
            for line in path.read_text(encoding="utf-8").splitlines():
                lines.append(json.loads(line))
        return lines


def _children(parent: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            pid = int(path.parent.name)
            found += [pid, *_children(pid)]
    return found
