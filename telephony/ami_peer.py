"""A small PBX side of the manager interface, for demonstrations and tests where no Asterisk is at hand.

`AmiPeer` greets, checks logins, keeps channel variables, answers `Ping`, `Setvar`, `QueueStatus` and `Logoff`
as Asterisk does, and sends the events it is told to send to everybody who is logged in. It is no PBX: it
moves no calls.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from uuid import UUID

from telephony.ami_packets import encode_packet

_GREETING = b"Asterisk Call Manager/11.0.0\r\n"
_MAX_ACTION_BYTES = 65_536


class AmiPeer:
    """A scripted manager interface on a local port.

    Parameters
    ----------
    username, secret : str
        The one account that is accepted.
    host, port : str, int
        Where to listen; port 0 takes a free one, told by `port` after `start`.
    on_variable : callable, optional
        Called as ``on_variable(channel, name, value)`` for each variable that a client sets.

    Attributes
    ----------
    channels : dict of str to dict
        Variables by channel; a channel that is not in here does not exist, as for `Setvar`.
    globals : dict of str to str
        Variables that belong to no channel.
    queues : list of (str, Mapping)
        Events that answer `QueueStatus`.
    actions : list of (str, Mapping)
        Every action that came, logins included.
    """

    def __init__(
        self,
        username: str,
        secret: str,
        host: str = "127.0.0.1",
        port: int = 0,
        on_variable: Callable[[str, str, str], None] | None = None,
    ) -> None:
        self.host, self.port = host, port
        self.channels: dict[str, dict[str, str]] = {}
        self.globals: dict[str, str] = {}
        self.queues: list[tuple[str, Mapping[str, str]]] = []
        self.actions: list[tuple[str, Mapping[str, str]]] = []
        self._account = (username, secret)
        self._on_variable = on_variable
        self._server: asyncio.Server | None = None
        self._sessions: set[asyncio.StreamWriter] = set()
        self._logged_in: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._accept, self.host, self.port, limit=_MAX_ACTION_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and close what is open."""
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._server = None

    def cut(self) -> None:
        """Break every connection; new ones are accepted."""
        for writer in list(self._sessions):
            writer.transport.abort()

    @property
    def clients(self) -> int:
        """How many clients are logged in."""
        return len(self._logged_in)

    def event(self, name: str, fields: Mapping[str, str]) -> None:
        """Send an event to everybody who is logged in.

        Raises
        ------
        AmiValueError
            A value holds a line break or NUL.
        """
        self.send_raw(encode_packet(("Event", name), fields))

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are to everybody who is logged in."""
        for writer in self._logged_in:
            writer.write(data)

    def announce(
        self,
        call: UUID,
        channel: str,
        *,
        uniqueid: str,
        caller_number: str = "",
        caller_name: str = "",
        dialled: str = "",
        language: str = "",
    ) -> None:
        """Make `channel` exist and send the event with which the dialplan announces a call."""
        self.channels.setdefault(channel, {})
        self.event(
            "UserEvent",
            {
                "Privilege": "user,all",
                "UserEvent": "NabraCall",
                "Channel": channel,
                "CallerIDNum": caller_number or "<unknown>",
                # Asterisk escapes caller names, and nothing else.
                "CallerIDName": caller_name.replace("\\", "\\\\") or "<unknown>",
                "Uniqueid": uniqueid,
                "Linkedid": uniqueid,
                "Language": "en",
                "CallUUID": str(call),
                "Dialled": dialled,
                "CallLanguage": language,
            },
        )

    def hangup(self, channel: str, uniqueid: str) -> None:
        """Let `channel` cease to exist and say so."""
        self.channels.pop(channel, None)
        self.event(
            "Hangup",
            {"Channel": channel, "Uniqueid": uniqueid, "Linkedid": uniqueid, "Cause": "16"},
        )

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._sessions.add(writer)
        try:
            writer.write(_GREETING)
            while not writer.transport.is_closing():
                raw = await reader.readuntil(b"\r\n\r\n")
                self._answer(writer, _fields(raw))
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass
        finally:
            self._sessions.discard(writer)
            self._logged_in.discard(writer)
            writer.close()

    def _answer(self, writer: asyncio.StreamWriter, fields: dict[str, str]) -> None:
        action = fields.pop("Action", "")
        self.actions.append((action, fields))
        known = {
            "login": self._log_in,
            "logoff": self._log_off,
            "ping": self._ping,
            "setvar": self._set_variable,
            "queuestatus": self._queue_status,
        }
        handler = known.get(action.lower())
        if handler is None:
            self._respond(writer, fields, "Error", "Invalid/unknown command")
        elif writer not in self._logged_in and action.lower() != "login":
            self._respond(writer, fields, "Error", "Permission denied")
        else:
            handler(writer, fields)

    def _respond(
        self, writer: asyncio.StreamWriter, fields: Mapping[str, str], status: str, message: str, **more: str
    ) -> None:
        headers = {"ActionID": fields["ActionID"]} if "ActionID" in fields else {}
        writer.write(encode_packet(("Response", status), headers | {"Message": message} | more))

    def _log_in(self, writer: asyncio.StreamWriter, fields: Mapping[str, str]) -> None:
        if (fields.get("Username"), fields.get("Secret")) == self._account:
            self._respond(writer, fields, "Success", "Authentication accepted")
            self._logged_in.add(writer)
        else:
            self._respond(writer, fields, "Error", "Authentication failed")
            writer.close()

    def _log_off(self, writer: asyncio.StreamWriter, fields: Mapping[str, str]) -> None:
        self._respond(writer, fields, "Goodbye", "Thanks for all the fish.")
        writer.close()

    def _ping(self, writer: asyncio.StreamWriter, fields: Mapping[str, str]) -> None:
        headers = {"ActionID": fields["ActionID"]} if "ActionID" in fields else {}
        pong = {"Ping": "Pong", "Timestamp": f"{time.time():.6f}"}
        writer.write(encode_packet(("Response", "Success"), headers | pong))

    def _set_variable(self, writer: asyncio.StreamWriter, fields: Mapping[str, str]) -> None:
        channel, name = fields.get("Channel", ""), fields.get("Variable", "")
        if not channel:
            self.globals[name] = fields.get("Value", "")
            self._respond(writer, fields, "Success", "Variable Set")
            return
        if channel not in self.channels:
            self._respond(writer, fields, "Error", "No such channel")
            return
        self.channels[channel][name] = fields.get("Value", "")
        self._respond(writer, fields, "Success", "Variable Set")
        if self._on_variable is not None:
            self._on_variable(channel, name, fields.get("Value", ""))

    def _queue_status(self, writer: asyncio.StreamWriter, fields: Mapping[str, str]) -> None:
        self._respond(writer, fields, "Success", "Queue status will follow", EventList="start")
        headers = {"ActionID": fields["ActionID"]} if "ActionID" in fields else {}
        for name, event in self.queues:
            writer.write(encode_packet(("Event", name), {**event, **headers}))
        end = {"EventList": "Complete", "ListItems": str(len(self.queues))}
        writer.write(encode_packet(("Event", "QueueStatusComplete"), headers | end))


def _fields(raw: bytes) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in raw.decode("utf-8", errors="replace").split("\r\n"):
        key, colon, value = line.partition(": ")
        if colon:
            fields.setdefault(key, value)
    return fields
