"""The calling side: as strict as Asterisk, so that what would end a real call fails a test."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import numpy as np
import pytest

from telephony.audiosocket import frame_audio, frame_dtmf, frame_error, frame_hangup, frame_uuid
from telephony.errors import PeerConnectError
from telephony.peer import AudioSocketPeer

WAIT_S = 10.0
CALL = UUID(int=42)


def against(said: bytes, scenario: Callable[[AudioSocketPeer, bytearray], Awaitable[None]]) -> None:
    """Run a scenario against an engine that says some bytes to a named call, and keeps what it is sent."""

    async def main() -> None:
        heard = bytearray()

        async def engine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.extend(await reader.readexactly(19))
            writer.write(said)
            while data := await reader.read(65536):
                heard.extend(data)
            writer.close()

        server = await asyncio.start_server(engine, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        peer = await AudioSocketPeer.connect(host, port, CALL)
        await scenario(peer, heard)
        peer.hang_up()
        server.close()

    asyncio.run(main())


def test_it_names_the_call_and_sends_frames_of_20_ms() -> None:
    pcm = np.arange(400).astype(np.int16)

    async def scenario(peer: AudioSocketPeer, heard: bytearray) -> None:
        assert await peer.send_audio(pcm) == 400
        peer.send_dtmf("7")
        wanted = b"".join(
            [frame_uuid(CALL), *(frame_audio(pcm[at : at + 160]) for at in (0, 160, 320)), frame_dtmf("7")]
        )
        async with asyncio.timeout(WAIT_S):
            while len(heard) < len(wanted):  # noqa: ASYNC110 - the engine has no event to set
                await asyncio.sleep(0.005)
        assert bytes(heard) == wanted
        assert not peer.over

    against(b"", scenario)


def test_it_hears_audio_and_leaves_when_handed_back() -> None:
    pcm = np.arange(160).astype(np.int16)

    async def scenario(peer: AudioSocketPeer, heard: bytearray) -> None:
        sent = await peer.send_audio(np.zeros(8000 * 60, np.int16))
        assert sent < 8000 * 60
        assert peer.over
        assert peer.handed_back_s is not None
        np.testing.assert_array_equal(peer.heard(), pcm)
        assert peer.frames_heard == 1
        assert peer.problem == ""
        peer.send_dtmf("1")  # nobody is there any more: nothing happens

    against(frame_audio(pcm) + frame_hangup(), scenario)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (frame_error(1), "0xff"),
        (frame_dtmf("1"), "0x03"),
        (frame_uuid(CALL), "0x01"),
        (b"\x10\x00\x00", "without audio"),
        (b"\x55", "unknown kind"),
    ],
)
def test_what_would_end_a_real_call_is_a_problem(said: bytes, problem: str) -> None:
    async def scenario(peer: AudioSocketPeer, heard: bytearray) -> None:
        assert await peer.wait_over(WAIT_S)
        assert problem in peer.problem
        assert peer.handed_back_s is None

    against(said, scenario)


def test_nobody_there_is_named() -> None:
    async def main() -> None:
        server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        with pytest.raises(PeerConnectError, match=f"127.0.0.1 port {port}"):
            await AudioSocketPeer.connect("127.0.0.1", port, uuid4())

    asyncio.run(main())
