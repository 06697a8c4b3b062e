"""The Asterisk manager interface, for asyncio: a client that stays connected, and answers that are complete.

`AmiClient` keeps one login per PBX: it connects, logs in, pings, notices a half-open connection, and comes
back with a growing, jittered delay, the first time as well as later. Callbacks run on the event loop. An
action either returns the PBX's answer or raises `AmiDown`, `AmiRefused` or `AmiTimeout` within its time
limit; it is never repeated by itself. The connection proper is `telephony.ami_connection`, the wire format
`telephony.ami_packets`.
"""

import asyncio
import contextlib
import enum
import logging
import random
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from telephony.ami_connection import AmiConnection
from telephony.ami_packets import AmiEvent, AmiResponse, check_action
from telephony.errors import AmiDown, AmiError, AmiRefused, AmiTimeout, AmiValueError

__all__ = ["WANTED_EVENTS", "AmiClient", "AmiEvent", "AmiResponse", "AmiSettings", "AmiState"]

_log = logging.getLogger(__name__)

# What a router of calls needs to know: that a call is there, what became of it in the queues, and that it
# ended.
WANTED_EVENTS = frozenset(
    {
        "UserEvent", "Hangup", "QueueCallerJoin", "QueueCallerLeave", "QueueCallerAbandon", "AgentCalled",
        "AgentConnect", "AgentComplete", "AgentRingNoAnswer", "AttendedTransfer", "BlindTransfer", "Rename",
        "QueueMemberStatus", "QueueMemberAdded", "QueueMemberRemoved", "QueueMemberPause", "Shutdown",
    }
)  # fmt: skip
_MAX_LIST_EVENTS = 10_000
_STOP_TIMEOUT_S = 1.0
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}\Z")


class AmiState(enum.Enum):
    """Where the client stands with its PBX."""

    STOPPED = "stopped"
    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    REFUSED = "refused"
    """The PBX is there and does not accept the account: somebody has to mend the account."""


@dataclass(frozen=True, slots=True)
class AmiSettings:
    """How to reach one PBX's manager interface.

    Attributes
    ----------
    name : str
        What we call this PBX, in logs and records.
    host, port : str, int
        Address; names, IPv4 and IPv6.
    username, secret : str
        The account that `nabra pbx-files` writes.
    wanted_events : frozenset of str or None
        Names of the events handed to `on_event`; None hands over all that the account may read.
    connect_timeout_s, login_timeout_s : float
        Limits for connecting, and from there to the answer to the login.
    ping_every_s, ping_timeout_s : float
        A connection that does not answer a ping in time is given up; together they are how long a half-open
        connection stays unnoticed.
    alive_variable : str or None
        Global variable of the PBX that says when we were last ready for calls, in the PBX's own seconds; see
        `AmiClient.set_ready`.
    backoff_first_s, backoff_most_s : float
        Delay before the second attempt, and the ceiling to which it doubles. After a refused login the
        ceiling is used at once, so that a wrong secret does not look like an attack.
    tls : bool
        Speak TLS (Asterisk's ``tlsenable``).
    tls_ca : Path or None
        Certificate authority to trust instead of the system's.
    """

    name: str
    host: str
    port: int
    username: str
    secret: str = field(repr=False)
    wanted_events: frozenset[str] | None = WANTED_EVENTS
    connect_timeout_s: float = 3.0
    login_timeout_s: float = 5.0
    ping_every_s: float = 1.0
    ping_timeout_s: float = 2.0
    alive_variable: str | None = "NABRA_ALIVE"
    backoff_first_s: float = 0.25
    backoff_most_s: float = 10.0
    tls: bool = False
    tls_ca: Path | None = None


class _LoginRefused(AmiRefused):
    """The PBX answered and did not accept the account."""


@dataclass(slots=True)
class _Pending:
    """An action whose answer is awaited; `complete` names the event that ends its list, if it is a list."""

    done: asyncio.Future[AmiResponse]
    complete: str | None = None
    events: list[AmiEvent] = field(default_factory=list)
    response: AmiResponse | None = None


class AmiClient:
    """A login to one PBX that is kept up.

    Parameters
    ----------
    settings : AmiSettings
        The PBX and the limits.
    on_event : callable
        Gets every wanted event, on the event loop. An exception in it is logged and harms nothing else.
    on_state : callable
        Told of every change of `state`, on the event loop.
    """

    def __init__(
        self,
        settings: AmiSettings,
        on_event: Callable[[AmiEvent], None],
        on_state: Callable[[AmiState], None],
    ) -> None:
        self.settings = settings
        self.last_error = ""
        self.logins = 0
        self._on_event = on_event
        self._on_state = on_state
        self._state = AmiState.STOPPED
        self._connection: AmiConnection | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._pending: dict[str, _Pending] = {}
        self._next_id = 0
        self._dropped_before = 0
        self._ready = False
        self._said_ready = False
        self._said_refused = False
        self._hurry = asyncio.Event()
        self._last_logged: tuple[AmiState, str] | None = None

    @property
    def state(self) -> AmiState:
        """Where the client stands with its PBX."""
        return self._state

    @property
    def events_dropped(self) -> int:
        """Events lost because the event loop did not keep up, since the start."""
        return self._dropped_before + (self._connection.events_dropped if self._connection else 0)

    def start(self) -> None:
        """Begin to connect, in the running event loop; `on_state` tells when it is up."""
        if self._supervisor is None:
            self._supervisor = asyncio.get_running_loop().create_task(
                self._supervise(), name=f"ami-{self.settings.name}"
            )

    async def stop(self) -> None:
        """Log off, end the connection and stop; actions still waiting get `AmiDown`."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is None:
            return
        if self._state is AmiState.UP:
            with contextlib.suppress(AmiError):
                if self._said_ready and self.settings.alive_variable is not None:
                    fields = {"Variable": self.settings.alive_variable, "Value": "0"}
                    await self.action("Setvar", fields, _STOP_TIMEOUT_S)
                await self.action("Logoff", {}, _STOP_TIMEOUT_S)
        while not supervisor.done():
            # More than once: before Python 3.12 a wait_for whose wait ends in that moment swallows a cancellation.
            supervisor.cancel()
            await asyncio.wait({supervisor}, timeout=_STOP_TIMEOUT_S)
        self._set_state(AmiState.STOPPED)

    def set_ready(self, ready: bool) -> None:
        """Say whether calls may be sent to us; the dialplan is told at once, and again with every ping while it is so.

        The dialplan passes us by where it was not told so for some seconds: because we stopped, crashed or
        hang, or because it could not be reached, and then neither could a decision be delivered. Not even
        trying matters: an Asterisk 22 that is refused an AudioSocket connection closes the same descriptor
        twice, and so may close another call's.
        """
        if ready != self._ready:
            self._ready = ready
            self._hurry.set()

    # Actions.

    async def action(self, name: str, fields: Mapping[str, str], timeout_s: float) -> AmiResponse:
        """Send one action and wait for its answer.

        Raises
        ------
        AmiDown
            There is no login, or it was lost before the answer; whether the PBX acted is then not known.
        AmiRefused
            The PBX answered with an error; its message is the text.
        AmiTimeout
            No answer within `timeout_s` seconds.
        AmiValueError
            A value holds a line break or NUL; nothing was sent.
        """
        self._require_up()
        return await self._wait(name, self._send(name, fields), timeout_s)

    async def setvars(self, channel: str, variables: Mapping[str, str], timeout_s: float) -> None:
        """Set variables of a channel, in their order, and wait until every one is confirmed.

        All are sent at once. The PBX carries out the actions of one login one after the other, so when the
        last is confirmed all are set; put the variable that the dialplan acts upon last.

        Raises
        ------
        AmiDown, AmiRefused, AmiTimeout, AmiValueError
            As for `action`; `timeout_s` is for all of them together. `AmiRefused` for the first one refused,
            for example because the channel is gone. On `AmiValueError` nothing was sent.
        """
        self._require_up()
        packets = [
            {"Channel": channel, "Variable": name, "Value": value} for name, value in variables.items()
        ]
        for name, packet in zip(variables, packets, strict=True):
            # Beforehand for all, so that a value that cannot be sent does not leave half of them set.
            if not _VARIABLE_NAME.match(name):
                raise AmiValueError(f"{name!r} is not the name of a channel variable")
            check_action("Setvar", packet)
        waiting: list[tuple[str, _Pending]] = []
        try:
            for packet in packets:
                waiting.append(self._send("Setvar", packet))
        except AmiDown:
            for action_id, _ in waiting:
                self._pending.pop(action_id, None)
            raise
        answers = await asyncio.gather(
            *(
                self._wait(f"Setvar {name}", item, timeout_s)
                for name, item in zip(variables, waiting, strict=True)
            ),
            return_exceptions=True,
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer

    async def collect(
        self, name: str, fields: Mapping[str, str], complete_event: str, timeout_s: float = 5.0
    ) -> list[AmiEvent]:
        """Send an action that is answered by a list, and return the list's events in their order.

        The event `complete_event` ends the list and is not part of it. Raises as `action` does.
        """
        self._require_up()
        item = self._send(name, fields, complete_event)
        await self._wait(name, item, timeout_s)
        return item[1].events

    def _require_up(self) -> None:
        if self._state is not AmiState.UP:
            raise AmiDown(f"no login to PBX {self.settings.name}: {self.last_error or self._state.value}")

    def _send(
        self, name: str, fields: Mapping[str, str], complete: str | None = None
    ) -> tuple[str, _Pending]:
        if self._connection is None:
            raise AmiDown(f"no connection to PBX {self.settings.name}")
        self._next_id += 1
        action_id = f"nabra-{self._next_id}"
        self._connection.send_fields(name, {**fields, "ActionID": action_id})
        pending = _Pending(asyncio.get_running_loop().create_future(), complete)
        self._pending[action_id] = pending
        return action_id, pending

    async def _wait(self, what: str, item: tuple[str, _Pending], timeout_s: float) -> AmiResponse:
        action_id, pending = item
        try:
            async with asyncio.timeout(timeout_s):
                response = await pending.done
        except TimeoutError:
            raise AmiTimeout(
                f"PBX {self.settings.name} did not answer {what} within {timeout_s:g} s"
            ) from None
        finally:
            self._pending.pop(action_id, None)
        if not response.success:
            why = response.message or "no reason given"
            raise AmiRefused(f"PBX {self.settings.name} refused {what}: {why}")
        return response

    # The connection.

    async def _supervise(self) -> None:
        settings = self.settings
        delay_s = settings.backoff_first_s
        while True:
            self._set_state(AmiState.CONNECTING)
            logins_before = self.logins
            refused = False
            try:
                await self._live()
            except AmiError as error:
                refused = isinstance(error, _LoginRefused)
                self.last_error = str(error)
            except Exception as error:
                # No descriptor or no thread left, for one: whatever it is, it passes, and nobody else would
                # try again.
                self.last_error = f"connection to PBX {settings.name}: {error}"
                _log.exception("connection to PBX %s failed", settings.name)
            if self.logins > logins_before:
                delay_s = settings.backoff_first_s
            elif refused:
                delay_s = settings.backoff_most_s
            self._set_state(AmiState.REFUSED if refused else AmiState.DOWN)
            await asyncio.sleep(delay_s * random.uniform(0.75, 1.25))
            delay_s = min(settings.backoff_most_s, delay_s * 2)

    async def _live(self) -> None:
        """Run one connection to its end; always raises, `_LoginRefused` only for a refused login."""
        settings = self.settings
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()
        ended: asyncio.Future[None] = loop.create_future()

        def on_end(reason: str) -> None:
            where = f"PBX {settings.name} at {settings.host}:{settings.port}"
            self.last_error = f"connection to {where}: {reason}"
            self._fail_pending()
            self._hurry.set()
            if not ended.done():
                ended.set_result(None)

        connection = AmiConnection(
            settings.host,
            settings.port,
            loop=loop,
            on_packet=self._on_packet,
            on_open=lambda: opened.set_result(None),
            on_end=on_end,
            wanted=settings.wanted_events,
            connect_timeout_s=settings.connect_timeout_s,
            tls=self._tls_context() if settings.tls else None,
        )
        self._connection = connection
        connection.connect()
        try:
            await self._log_in(opened, ended)
            while not ended.done():
                await self._ping()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._hurry.wait(), settings.ping_every_s)
                self._hurry.clear()
            raise AmiDown(self.last_error)
        except AmiDown:
            if not connection.finished.is_set():
                raise
            # The thread's reason, which may still be on its way, says more than that something could not be
            # sent.
            await asyncio.wait({ended}, timeout=_STOP_TIMEOUT_S)
            raise AmiDown(self.last_error) from None
        finally:
            connection.disconnect()
            # A thread that hangs in a name look-up is left behind: it is a daemon and will find itself
            # unwanted.
            if not (await asyncio.wait({ended}, timeout=_STOP_TIMEOUT_S))[0]:
                on_end("given up")
            self._dropped_before += connection.events_dropped
            self._connection = None

    async def _ping(self) -> None:
        """See that the connection lives, and tell the dialplan that we do."""
        settings = self.settings
        answer = await self._wait("Ping", self._send("Ping", {}), settings.ping_timeout_s)
        if settings.alive_variable is None or not (self._ready or self._said_ready):
            return
        # The PBX's own time, so that clocks which differ do not matter.
        seconds = answer.fields.get("Timestamp", "").partition(".")[0]
        value = seconds if self._ready and seconds.isdecimal() else "0"
        fields = {"Variable": settings.alive_variable, "Value": value}
        self._said_ready = self._ready
        try:
            await self._wait("Setvar", self._send("Setvar", fields), settings.ping_timeout_s)
        except AmiRefused as error:
            if not self._said_refused:
                _log.warning("PBX %s: no call will come: %s; the account needs write=call", settings.name, error)
            self._said_refused = True

    async def _log_in(self, opened: asyncio.Future[None], ended: asyncio.Future[None]) -> None:
        settings = self.settings
        # The thread limits connecting; this also covers a peer that accepts and does not greet, and a name
        # look-up that hangs.
        limit_s = settings.connect_timeout_s + settings.login_timeout_s
        await asyncio.wait({opened, ended}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            raise AmiDown(self.last_error)
        if not opened.done():
            raise AmiTimeout(f"no greeting from PBX {settings.name} at {settings.host}:{settings.port}")
        login = {"Username": settings.username, "Secret": settings.secret, "Events": "call,user,agent"}
        try:
            await self._wait("the login", self._send("Login", login), settings.login_timeout_s)
        except AmiRefused as error:
            raise _LoginRefused(str(error)) from None
        self.logins += 1
        self.last_error = ""
        self._set_state(AmiState.UP)

    def _tls_context(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.settings.tls_ca)
        except OSError as error:
            raise AmiDown(
                f"certificate authority {self.settings.tls_ca} of PBX {self.settings.name}: {error}"
            ) from None

    def _on_packet(self, packet: AmiEvent | AmiResponse) -> None:
        pending = self._pending.get(packet.fields.get("ActionID", ""))
        if isinstance(packet, AmiResponse):
            if pending is not None and not pending.done.done():
                if pending.complete is not None and packet.success:
                    pending.response = packet
                else:
                    pending.done.set_result(packet)
            return
        if pending is not None and pending.complete is not None:
            self._collect(pending, packet)
            return
        if "ActionID" in packet.fields and self._not_wanted(packet.name):
            return
        try:
            self._on_event(packet)
        except Exception:
            _log.exception("handling event %s of PBX %s failed", packet.name, self.settings.name)

    def _not_wanted(self, name: str) -> bool:
        return self.settings.wanted_events is not None and name not in self.settings.wanted_events

    def _collect(self, pending: _Pending, event: AmiEvent) -> None:
        if event.name == pending.complete:
            if not pending.done.done():
                pending.done.set_result(pending.response or AmiResponse("Success", {}))
        elif len(pending.events) < _MAX_LIST_EVENTS:
            pending.events.append(event)
        elif not pending.done.done():
            pending.done.set_result(
                AmiResponse("Error", {"Message": f"the list has more than {_MAX_LIST_EVENTS} entries"})
            )

    def _fail_pending(self) -> None:
        for pending in self._pending.values():
            if not pending.done.done():
                pending.done.set_exception(AmiDown(self.last_error))

    def _log_state(self, state: AmiState) -> None:
        """Log what is new: an outage once, not every attempt to end it."""
        if state is AmiState.CONNECTING:
            return
        news = (state, self.last_error)
        if news != self._last_logged:
            self._last_logged = news
            level = logging.WARNING if state in (AmiState.DOWN, AmiState.REFUSED) else logging.INFO
            why = f": {self.last_error}" if self.last_error else ""
            _log.log(level, "PBX %s: manager interface %s%s", self.settings.name, state.value, why)

    def _set_state(self, state: AmiState) -> None:
        if state is self._state:
            return
        self._state = state
        self._log_state(state)
        try:
            self._on_state(state)
        except Exception:
            _log.exception("handling state %s of PBX %s failed", state.value, self.settings.name)
