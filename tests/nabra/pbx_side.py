"""The PBX's side of a running service, for tests: a manager interface and callers with real sockets."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
from numpy.typing import NDArray

import config
from config.schema import Config, Health, Listen, Pbx, Records, Secret
from nabra.operations.bus import CallEvent
from nabra.service import Service
from telephony.ami_peer import AmiPeer
from telephony.audio import read_audio, write_wav
from telephony.peer import AudioSocketPeer

SECRET = "only-for-this-test"
NOTICE_S = 1.5


@dataclass
class Seen:
    """Observer that keeps every event."""

    events: list[CallEvent] = field(default_factory=list)

    def on_call_event(self, call: str, event: CallEvent) -> None:
        self.events.append(event)

    def kinds(self, call: UUID) -> list[str]:
        return [event.kind.value for event in self.events if event.call == str(call)]


@dataclass
class Caller:
    """One caller: its socket and its channel."""

    peer: AudioSocketPeer
    call: UUID
    channel: str


class Site:
    """A service with one PBX beside it."""

    def __init__(self, service: Service, ami: AmiPeer, seen: Seen, records: Path) -> None:
        self.service = service
        self.ami = ami
        self.seen = seen
        self.records_folder = records
        self.set: list[tuple[str, str, str]] = []

    async def place(
        self, *, announce: bool = True, announce_first: bool = True, language: str = "", dialled: str = "1000"
    ) -> Caller:
        """Place a call; nothing is said yet."""
        call = uuid4()
        channel = f"PJSIP/caller-{call.hex[:8]}"

        def tell() -> None:
            self.ami.announce(
                call,
                channel,
                uniqueid=f"{call.hex[:10]}.1",
                caller_number="+12025550123",
                caller_name="Test",
                dialled=dialled,
                language=language,
            )

        if announce and announce_first:
            tell()
        host, port = self.service.audio_address
        peer = await AudioSocketPeer.connect(host, port, call)
        if announce and not announce_first:
            await asyncio.sleep(0.05)
            tell()
        return Caller(peer, call, channel)

    def variables(self, caller: Caller) -> dict[str, str]:
        """Return what was set on the caller's channel."""
        return dict(self.ami.channels.get(caller.channel, {}))

    async def lines(self, caller: Caller, outcome: str = "") -> list[dict[str, object]]:
        """Return what the record store wrote about a call, once its decision record (and this outcome) is there."""
        for _ in range(100):
            found = [
                line
                for file in sorted(self.records_folder.glob("*.jsonl"))
                for line in map(json.loads, file.read_text(encoding="utf-8").splitlines())
                if str(caller.call) in json.dumps(line)
            ]
            recorded = any(line.get("kind") != "outcome" for line in found)
            if recorded and (not outcome or any(line.get("outcome") == outcome for line in found)):
                return found
            await asyncio.sleep(0.05)
        return []

    async def until(self, true: Callable[[], bool], timeout_s: float = 10.0) -> bool:
        """Wait until something is true."""
        for _ in range(int(timeout_s / 0.02)):
            if true():
                return True
            await asyncio.sleep(0.02)
        return False


def site_config(folder: Path, ami_port: int, **changes: object) -> Config:
    """Return the shipped configuration on free ports, with everything that it writes in a folder.

    The notices are the shipped ones, cut off after NOTICE_S: every call waits for its notice, in real time.
    """
    shipped = config.load()
    prompts = {language: folder / f"notice.{language}.wav" for language in shipped.notice.prompts}
    for language, path in prompts.items():
        write_wav(path, read_audio(shipped.notice.prompts[language])[: int(NOTICE_S * 8000)])
    return dataclasses.replace(
        shipped,
        state_dir=folder / "state",
        notice=dataclasses.replace(shipped.notice, prompts=prompts),
        listen=Listen(port=0, max_new_per_second=100),
        pbx=(Pbx(name="main", port=ami_port, username="nabra", secret=Secret(SECRET), announce_grace_s=0.5),),
        health=Health(port=0),
        records=Records(directory=folder / "records"),
        **changes,  # type: ignore[arg-type]
    )


@asynccontextmanager
async def running_site(folder: Path, **changes: object) -> AsyncIterator[Site]:
    """Run a service and its PBX side."""
    ami = AmiPeer("nabra", SECRET)
    await ami.start()
    settings = site_config(folder, ami.port, **changes)
    seen = Seen()
    service = Service(settings, observers=[seen])
    try:
        await service.start()
        site = Site(service, ami, seen, folder / "records")
        assert await site.until(service.ami_up)
        yield site
    finally:
        await service.stop()
        await ami.stop()


def quiet(seconds: float) -> NDArray[np.int16]:
    """Return a quiet line."""
    return np.random.default_rng(7).normal(0, 8, int(seconds * 8000)).astype(np.int16)
