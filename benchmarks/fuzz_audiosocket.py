"""Hostile bytes against AudioSocket: a million of them by a command, ten thousand in the tests.

    python -m benchmarks.fuzz_audiosocket --cases 1000000

Each case is a run of bytes (random ones; each kind with each length; valid conversations that are cut,
mutated, repeated or shuffled) in random pieces. It is fed to the protocol without I/O, and sent to a real
server on loopback by a peer that then hangs up, half-closes, resets or just stays. The protocol must answer
with events or `RemoteProtocolError`, the server with a closed connection (after a hand-back where it
applies), in time. Beside them, a well-behaved call talks on the same server all the while and must lose not
one sample. At the end no connection may be left and no memory used up.
"""

import argparse
import asyncio
import gc
import hashlib
import json
import logging
import random
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np

from telephony.audiosocket import (
    AUDIO_RATE_HZ,
    DTMF_DIGITS,
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    NEED_DATA,
    Audio,
    Closed,
    Connection,
    Role,
    frame_dtmf,
    frame_error,
    frame_hangup,
    frame_uuid,
)
from telephony.errors import RemoteProtocolError
from telephony.peer import AudioSocketPeer
from telephony.server import AudioSocketServer, CallLeg, CloseReason, ServerSettings

AT_ONCE = 96  # hostile connections
ENDS = ("half-close", "reset", "close", "stay")
END_WEIGHTS = (50, 30, 18, 2)
PATIENCE_S = 30.0  # for a connection to end; the server's own limits are all far below
EDGE_LENGTHS = (0, 1, 2, 15, 16, 17, 319, 320, 321, 640, 7680, 8000, 8002, 32767, 32768, 65534, 65535)
PAGE_BYTES = 4096
MAX_GROWTH_BYTES = 32 << 20  # of the process, after warming up


class FuzzFailure(Exception):
    """The protocol or the server did something else than it may."""


@dataclass(slots=True)
class Report:
    """What the cases did, and what the well-behaved call beside them saw."""

    cases: int
    seed: int
    seconds: float = 0.0
    core_refused: int = 0
    core_accepted: int = 0
    server_ends: dict[str, int] = field(default_factory=dict)
    longest_end_s: float = 0.0
    good_samples_sent: int = 0
    good_samples_heard: int = 0
    good_unharmed: bool = False
    memory_growth_bytes: int = 0
    connections_left: int = 0


# ---- making cases


def _frame(kind: int, payload: bytes) -> bytes:
    return struct.pack(">BH", kind, len(payload)) + payload


def _valid_frame(rng: random.Random) -> bytes:
    pick = rng.random()
    if pick < 0.8:
        kind = rng.choice(list(AUDIO_RATE_HZ)) if rng.random() < 0.3 else 0x10
        return _frame(kind, rng.randbytes(2 * rng.choice((0, 1, 80, 160, 160, 160, 480))))
    if pick < 0.95:
        return frame_dtmf(rng.choice(DTMF_DIGITS))
    return frame_hangup() if pick < 0.98 else frame_error(rng.randrange(256))


def _conversation(rng: random.Random) -> list[bytes]:
    name = frame_uuid(UUID(bytes=rng.randbytes(16)))
    return [name, *(_valid_frame(rng) for _ in range(rng.randrange(12)))]


def _any_header(rng: random.Random, index: int) -> bytes:
    """Each kind in turn, with edge or random lengths, and a payload of that length, shorter or longer."""
    length = rng.choice(EDGE_LENGTHS) if rng.random() < 0.5 else rng.randrange(65536)
    there = rng.choice((0, length, max(0, length - 1), length + 1, rng.randrange(min(length, 400) + 1)))
    start = frame_uuid(UUID(bytes=rng.randbytes(16))) if rng.random() < 0.7 else b""
    return start + struct.pack(">BH", index % 256, length) + rng.randbytes(there)


def _mutated(rng: random.Random) -> bytes:
    frames = _conversation(rng)
    if rng.random() < 0.3:
        rng.shuffle(frames)
    if rng.random() < 0.2:
        frames *= 2
    data = bytearray(b"".join(frames))
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(data))
        change = rng.randrange(4)
        if change == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif change == 1:
            data[at:at] = rng.randbytes(rng.randrange(1, 5))
        elif change == 2 and len(data) > 8:
            del data[at : at + rng.randrange(1, 5)]
        else:
            data[at] = rng.choice((0x00, 0x01, 0x02, 0x03, 0x10, 0x18, 0x19, 0xFF))
        if not data:
            return b"\x00"
    return bytes(data)


def make_case(seed: int, index: int) -> tuple[bytes, list[int], str]:
    """Return the bytes of a case, the sizes of the pieces they come in, and how the peer ends."""
    rng = random.Random(f"{seed}:{index}")
    family = index // 256 % 4
    if family == 0:
        data = _any_header(rng, index)
    elif family == 1:
        whole = b"".join(_conversation(rng))
        data = whole[: rng.randrange(len(whole) + 1)] if rng.random() < 0.7 else whole
    elif family == 2:
        data = _mutated(rng)
    else:
        start = frame_uuid(UUID(bytes=rng.randbytes(16))) if rng.random() < 0.5 else b""
        data = start + rng.randbytes(rng.randrange(1, 600))
    pieces: list[int] = []
    left = len(data)
    while left > 0:
        size = min(left, rng.choice((1, 2, 3, 17, 323, 5000, left)) if len(pieces) < 8 else left)
        pieces.append(size)
        left -= size
    return data, pieces, rng.choices(ENDS, END_WEIGHTS)[0]


# ---- the protocol without I/O


def check_core(data: bytes, pieces: list[int], role: Role) -> bool:
    """Feed a case to the protocol; return whether it was accepted; raise `FuzzFailure` on the unexpected."""
    connection = Connection(role)
    at = 0
    try:
        for size in pieces:
            connection.receive_data(data[at : at + size])
            at += size
            while (event := connection.next_event()) is not NEED_DATA:
                if isinstance(event, Audio) and (event.pcm.dtype != np.int16 or event.pcm.ndim != 1):
                    raise FuzzFailure(f"audio of another shape out of {data.hex()}")
            if connection.buffered_bytes >= HEADER_BYTES + MAX_PAYLOAD_BYTES:
                raise FuzzFailure(f"{connection.buffered_bytes} bytes kept of {data.hex()}")
        connection.receive_data(None)
        return isinstance(connection.next_event(), Closed)
    except RemoteProtocolError:
        return False
    except FuzzFailure:
        raise
    except Exception as error:
        raise FuzzFailure(f"{error!r} out of {data.hex()}") from error


# ---- the server


class _Target:
    """Handler of one call on the server under attack; keeps only a digest of what it heard."""

    def __init__(self, leg: CallLeg) -> None:
        self.leg = leg
        self.samples = 0
        self.digest = hashlib.sha256()
        self.closed: CloseReason | None = None
        leg.play(_PROMPT, _ignore)

    def on_audio(self, pcm: np.ndarray, now_s: float) -> None:
        self.samples += pcm.size
        self.digest.update(pcm.tobytes())

    def on_key(self, digit: str, now_s: float) -> None:
        if digit == "9":
            self.leg.hand_back()
        else:
            self.leg.play(_PROMPT, _ignore)

    def on_closed(self, why: CloseReason, now_s: float) -> None:
        self.closed = why


_PROMPT = np.zeros(8000, np.int16)


def _ignore(finished: bool, now_s: float) -> None:
    """Nobody waits for the prompt of a hostile call."""


async def _attack(address: tuple[str, int], index: int, data: bytes, pieces: list[int], end: str) -> str:
    """Send one case and wait for the end of its connection; return how it ended."""
    loop = asyncio.get_running_loop()
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        # Loopback is a whole network: ports in TIME_WAIT do not run out.
        sock.bind((f"127.{1 + index // 256 % 250}.{index % 256}.1", 0))
        await loop.sock_connect(sock, address)
        at = 0
        for size in pieces:
            await loop.sock_sendall(sock, data[at : at + size])
            at += size
            if len(pieces) < 4:
                await asyncio.sleep(0)
        if end == "half-close":
            sock.shutdown(socket.SHUT_WR)
        elif end == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return "cut by the peer"
        elif end == "close":
            return "closed by the peer"
        last = b""
        while got := await loop.sock_recv(sock, 65536):
            last = (last + got)[-3:]
        return "handed back" if last == frame_hangup() else "closed"
    except (ConnectionError, BrokenPipeError):
        return "reset"
    finally:
        sock.close()


async def _talk(peer: AudioSocketPeer, stop: asyncio.Event, report: Report) -> str:
    """Talk well-behaved in real time until told to stop; return the digest of what was said."""
    rng = np.random.default_rng(report.seed)
    digest = hashlib.sha256()
    while not stop.is_set() and not peer.over:
        pcm = rng.integers(-8000, 8000, 1600).astype(np.int16)
        sent = await peer.send_audio(pcm)
        digest.update(pcm[:sent].tobytes())
        report.good_samples_sent += sent
    return digest.hexdigest()


def _memory_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


async def _run(report: Report, progress: Callable[[int], None]) -> None:
    problems: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(repr(context)))
    targets: dict[UUID, _Target] = {}
    good_call = uuid4()

    def take(leg: CallLeg) -> _Target:
        target = _Target(leg)
        if leg.uuid == good_call:
            targets[good_call] = target
        return target

    settings = ServerSettings(
        port=0,
        max_calls=4 * AT_ONCE,
        max_per_second=1_000_000,
        first_frame_timeout_s=0.5,
        idle_timeout_s=2.0,
        hand_back_timeout_s=0.3,
    )
    server = AudioSocketServer(settings, take)
    await server.start()
    address = server.address
    good = await AudioSocketPeer.connect(*address, good_call)
    stop = asyncio.Event()
    talking = asyncio.ensure_future(_talk(good, stop, report))
    ends: Counter[str] = Counter()
    indexes = iter(range(report.cases))
    baseline = 0

    async def attacker() -> None:
        nonlocal baseline
        for index in indexes:
            data, pieces, end = make_case(report.seed, index)
            for role in Role:
                if check_core(data, pieces, role):
                    report.core_accepted += 1
                else:
                    report.core_refused += 1
            began_s = time.monotonic()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    ends[await _attack(address, index, data, pieces, end)] += 1
            except TimeoutError:
                raise FuzzFailure(f"case {index} ({end}) was left hanging: {data.hex()}") from None
            report.longest_end_s = max(report.longest_end_s, time.monotonic() - began_s)
            if problems:
                raise FuzzFailure(f"case {index} or one beside it: {problems[0]}")
            if index == min(report.cases // 5, 20_000):
                baseline = _memory_bytes()
            progress(index)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(attacker())
    stop.set()
    said = await talking
    async with asyncio.timeout(PATIENCE_S):
        while not good.over and (  # noqa: ASYNC110 - what is waited for is not ours to signal
            server.connections + server.leaving > 1
            or targets[good_call].samples < report.good_samples_sent
        ):
            await asyncio.sleep(0.01)
    report.memory_growth_bytes = _memory_bytes() - baseline
    report.connections_left = server.connections + server.leaving - 1
    target = targets[good_call]
    report.good_samples_heard = target.samples
    stats = target.leg.stats()
    report.good_unharmed = (
        not good.over
        and good.problem == ""
        and target.closed is None
        and stats.dropped_in == 0
        and target.digest.hexdigest() == said
    )
    report.server_ends = dict(ends)
    await server.stop()
    if problems:
        raise FuzzFailure(problems[0])


def fuzz(cases: int, seed: int = 1, progress: Callable[[int], None] = lambda _: None) -> Report:
    """Run cases 0 to `cases` - 1 of `seed` and report.

    Raises
    ------
    FuzzFailure
        An exception outside the error tree, a connection left hanging, memory used up, or the well-behaved
        call was harmed.
    """
    report = Report(cases, seed)
    began_s = time.monotonic()
    # Thousands of well-earned complaints about peers are not what is being looked for; errors are.
    logger = logging.getLogger("telephony")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        asyncio.run(_run(report, progress))
    except* FuzzFailure as group:
        raise group.exceptions[0] from None
    finally:
        logger.setLevel(level)
    report.seconds = time.monotonic() - began_s
    if not report.good_unharmed:
        raise FuzzFailure(f"the well-behaved call was harmed: {report}")
    if report.connections_left:
        raise FuzzFailure(f"{report.connections_left} connections are left")
    if report.memory_growth_bytes > MAX_GROWTH_BYTES:
        raise FuzzFailure(f"memory grew by {report.memory_growth_bytes} bytes")
    return report


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; 0 if all is well."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz_audiosocket", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    if options.cases < 1:
        parser.error("--cases must be at least 1")
    began_s = time.monotonic()

    def progress(index: int) -> None:
        if index % 1000 == 999 and sys.stderr.isatty():
            rate = (index + 1) / (time.monotonic() - began_s)
            print(f"\r{index + 1} of {options.cases} cases, {rate:.0f} a second", end="", file=sys.stderr)

    try:
        report = fuzz(options.cases, options.seed, progress)
    except FuzzFailure as failure:
        print(f"failed (seed {options.seed}): {failure}", file=sys.stderr)
        return 1
    print(json.dumps(asdict(report)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
