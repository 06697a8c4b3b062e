"""One connection to a manager interface: the package's client, with its input and output replaced.

`asterisk.ami.AMIClient` brings the client, its actions and its listeners. What it does with the socket is not
fit for a service, and all of that is done here instead, by one daemon thread per connection that owns the
socket alone:

- connecting (IPv4 or IPv6, TLS where asked) happens in the thread, with a time limit; later idleness is no
  error;
- reading is strict (`telephony.ami_packets`) and bounded, and no exception leaves the thread: it ends the
  connection;
- writing is everything or nothing: what is sent is queued, bounded, and written by the thread as the peer
  takes it, so that neither a short write nor a peer that stops reading is ever felt by the caller of `send`;
- listeners get packets by `call_soon_threadsafe` in bunches, through a bounded queue: they run on the event
  loop, and nothing that they do can stop the reader. When the loop does not keep up, the oldest events are
  dropped and counted; responses never are, as there are only as many as there were actions.

Reconnecting is not done here: a connection that ended stays ended, and `telephony.ami` makes another.
"""

import asyncio
import contextlib
import select
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping

from asterisk.ami import Action, AMIClient

from telephony.ami_packets import AmiEvent, AmiResponse, PacketReader, check_action
from telephony.errors import AmiDown, AmiError, AmiPacketError

MAX_UNSENT_BYTES = 1 << 20
MAX_QUEUED = 5_000
_READ_BYTES = 65_536


class AmiConnection(AMIClient):  # type: ignore[misc]  # the package has no types
    """One connection, from dialling to its end.

    Parameters
    ----------
    host, port : str, int
        Address of the manager interface.
    loop : asyncio.AbstractEventLoop
        Where the three callbacks below run.
    on_packet : callable
        Gets every event wanted and every response, in the order in which they came.
    on_open : callable
        Called once, when the PBX has greeted.
    on_end : callable
        Called once, with the reason, when the connection is over or could not be opened.
    wanted : frozenset of str or None
        Names of the events to pass on; None passes all. Events that answer an action are always passed on.
    connect_timeout_s : float
        Limit for connecting and the TLS handshake together with the name look-up's own.
    tls : ssl.SSLContext or None
        Speaks TLS where given.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        loop: asyncio.AbstractEventLoop,
        on_packet: Callable[[AmiEvent | AmiResponse], None],
        on_open: Callable[[], None],
        on_end: Callable[[str], None],
        wanted: frozenset[str] | None,
        connect_timeout_s: float,
        tls: ssl.SSLContext | None,
    ) -> None:
        super().__init__(address=host, port=port, timeout=None)
        self.events_dropped = 0
        self._loop = loop
        self._on_packet, self._on_open, self._on_end = on_packet, on_open, on_end
        self._wanted = wanted
        self._connect_timeout_s = connect_timeout_s
        self._tls = tls
        self._reader = PacketReader()
        self._lock = threading.Lock()
        self._unsent = bytearray()
        self._packets: deque[AmiEvent | AmiResponse] = deque()
        self._drain_scheduled = False
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_sender.setblocking(False)
        self.finished = threading.Event()

    # What the event loop calls.

    def connect(self) -> None:
        """Start the thread; `on_open` or `on_end` follows."""
        self._thread = threading.Thread(target=self.listen, name=f"ami-{self._address}", daemon=True)
        self._thread.start()

    def send_fields(self, name: str, fields: Mapping[str, str]) -> None:
        """Queue one action.

        Raises
        ------
        AmiValueError
            A value would break out of its line.
        AmiDown
            The connection is over, or the peer has not taken what was queued before.
        """
        check_action(name, fields)
        self.send(Action(name, dict(fields)))

    def send(self, pack: object) -> None:
        """Queue the text of an action that has been checked; never blocks."""
        data = f"{pack}\r\n".encode()
        with self._lock:
            if self.finished.is_set():
                raise AmiDown("the connection to the PBX's manager interface is over")
            if len(self._unsent) + len(data) > MAX_UNSENT_BYTES:
                raise AmiDown("the PBX's manager interface takes no more actions")
            self._unsent += data
        self._wake()

    def disconnect(self) -> None:
        """End the connection; what was queued and not sent is dropped. The thread ends by itself."""
        self.finished.set()
        self._wake()

    def _wake(self) -> None:
        # A full pipe has already woken the thread; a closed one means that it is gone.
        with contextlib.suppress(OSError):
            self._wake_sender.send(b"\0")

    # What the thread runs.

    def listen(self) -> None:
        """Run the connection; the body of the thread."""
        reason = "closed by us"
        connection: socket.socket | None = None
        try:
            connection = self._open()
            reason = self._serve(connection)
        except (OSError, AmiError) as error:
            # str() of an OSError of the resolver or of TLS says what failed; some have no text at all.
            reason = str(error) or type(error).__name__
        finally:
            self.finished.set()
            for end in (connection, self._wake_receiver, self._wake_sender):
                if end is not None:
                    end.close()
            self._call(self._on_end, reason)

    def _open(self) -> socket.socket:
        connection = socket.create_connection((self._address, self._port), timeout=self._connect_timeout_s)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_hostname=self._address)
            connection.setblocking(False)
        except BaseException:
            connection.close()
            raise
        return connection

    def _serve(self, connection: socket.socket) -> str:
        poller = select.poll()
        poller.register(self._wake_receiver, select.POLLIN)
        greeted = False
        while not self.finished.is_set():
            with self._lock:
                has_unsent = bool(self._unsent)
            poller.register(connection, select.POLLIN | (select.POLLOUT if greeted and has_unsent else 0))
            poller.poll()
            with contextlib.suppress(BlockingIOError):
                self._wake_receiver.recv(4096, socket.MSG_DONTWAIT)
            if not self._read(connection):
                return "closed by the PBX"
            if not greeted and self._reader.version is not None:
                greeted = True
                self._call(self._on_open)
            if greeted:
                self._write(connection)
        return "closed by us"

    def _read(self, connection: socket.socket) -> bool:
        """Take what has come; False at the end of the stream."""
        while True:
            try:
                data = connection.recv(_READ_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return True
            if not data:
                return False
            self._reader.receive_data(data)
            while (packet := self._reader.next_packet()) is not None:
                self.fire_recv_pack(packet)
            if len(data) < _READ_BYTES and self._tls is None:
                return True

    def _write(self, connection: socket.socket) -> None:
        with self._lock:
            while self._unsent:
                try:
                    sent = connection.send(self._unsent)
                except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    return
                del self._unsent[:sent]

    def fire_recv_pack(self, pack: AmiEvent | AmiResponse) -> None:
        """Queue a packet for the event loop."""
        if (
            isinstance(pack, AmiEvent)
            and self._wanted is not None
            and pack.name not in self._wanted
            and "ActionID" not in pack.fields
        ):
            return
        with self._lock:
            if len(self._packets) >= MAX_QUEUED:
                self._drop_oldest_event()
            self._packets.append(pack)
            if self._drain_scheduled:
                return
            self._drain_scheduled = True
        self._call(self._drain)

    def _drop_oldest_event(self) -> None:
        for position, packet in enumerate(self._packets):
            if isinstance(packet, AmiEvent):
                del self._packets[position]
                self.events_dropped += 1
                return
        raise AmiPacketError("the PBX sent more responses than there were actions")

    def _drain(self) -> None:
        with self._lock:
            packets = list(self._packets)
            self._packets.clear()
            self._drain_scheduled = False
        for packet in packets:
            self._on_packet(packet)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        # The loop may have been closed under us at the end of a program: then nobody waits for this.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)
