"""A TCP connection that a test can listen to, cut and hold up: between Asterisk and the engine."""

import asyncio
import contextlib


class Relay:
    """Passes connections on from a local port to another, until it is told to misbehave.

    Attributes
    ----------
    recorded : list of (bytearray, bytearray)
        For each connection what went to the target, and what came back.
    """

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.port = 0
        self.recorded: list[tuple[bytearray, bytearray]] = []
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._refusing = False

    async def start(self, port: int = 0) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and break what is open."""
        if self._server is not None:
            self._server.close()
        self.break_all()

    def break_all(self) -> None:
        """Break every connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    def cut(self) -> None:
        """Break every connection, and every new one, until `restore`."""
        self._refusing = True
        self.break_all()

    def hold_up(self) -> None:
        """Let nothing through, and break nothing, until `restore`."""
        self._flowing.clear()

    def restore(self) -> None:
        """Pass everything on again."""
        self._refusing = False
        self._flowing.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        try:
            away_reader, away_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            writer.transport.abort()
            return
        record = (bytearray(), bytearray())
        self.recorded.append(record)
        self._writers |= {writer, away_writer}
        try:
            await asyncio.gather(self._pump(reader, away_writer, record[0]), self._pump(away_reader, writer, record[1]))
        finally:
            self._writers -= {writer, away_writer}
            writer.close()
            away_writer.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, record: bytearray) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                await self._flowing.wait()
                record += data
                sink.write(data)
                await sink.drain()
        if sink.can_write_eof() and not sink.transport.is_closing():
            with contextlib.suppress(OSError):
                sink.write_eof()
