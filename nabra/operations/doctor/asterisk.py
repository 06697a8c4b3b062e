"""Examines one Asterisk through its manager interface, with the rights that Nabra's own account has.

A lean account may not ask everything; what it may not ask is a warning with the command that an administrator
can type instead, never a guess.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable

from config.schema import Config, Pbx
from nabra.operations.doctor.findings import Finding, Level
from nabra.operations.doctor.trial import CONTEXT, place_call
from telephony.ami import AmiClient, AmiEvent, AmiSettings, AmiState
from telephony.errors import AmiError, AmiRefused

MODULES = {
    "res_audiosocket": "carries the audio",
    "app_audiosocket": "carries the audio",
    "app_exec": "keeps a caller when the engine is away",
    "app_userevent": "announces calls",
    "app_queue": "queues callers",
    "func_callerid": "shows agents why a call comes",
    "func_db": "the on/off switch",
    "func_rand": "the pilot percentage",
    "func_strings": "keeps what callers choose out of expressions",
    "func_timeout": "the watchdog",
    "func_uuid": "names calls",
    "pbx_config": "reads the dialplan",
}
OLDEST_MAJOR = 18
TESTED_MAJOR = 22

_ACTION_S = 5.0
_DENIED = "permission denied"


class AsteriskDoctor:
    """One examination of one PBX.

    Parameters
    ----------
    config, pbx
        The configuration, and which of its PBXs.
    """

    def __init__(self, config: Config, pbx: Pbx) -> None:
        self._config = config
        self._pbx = pbx
        self.events: list[AmiEvent] = []
        self._heard = asyncio.Event()
        self._settled = asyncio.Event()
        self.client = AmiClient(
            AmiSettings(
                name=pbx.name,
                host=pbx.host,
                port=pbx.port,
                username=pbx.username,
                secret=pbx.secret or "",
                tls=pbx.tls,
                tls_ca=pbx.tls_ca,
                wanted_events=None,
            ),
            self._on_event,
            self._on_state,
        )

    async def examine(self, test_call: str | None = None) -> AsyncIterator[Finding]:
        """Try everything, and yield what is found as it is found.

        Parameters
        ----------
        test_call
            Number to call through the dialplan, or None for no test call.
        """
        if not self._pbx.secret:
            yield self.finding(
                Level.FAILED,
                "login",
                "there is no password for the manager account",
                f"set the variable {self._pbx.secret_env}" if self._pbx.secret_env else "set pbx.secret_file",
            )
            return
        self.client.start()
        try:
            login = await self._login()
            yield login
            if login.level is Level.FAILED:
                return
            for examination in (
                self._version,
                self._rights,
                self._modules,
                self._dialplan,
                self._switch,
                self._queues,
            ):
                try:
                    async for finding in examination():
                        yield finding
                except AmiError as error:
                    yield self.finding(
                        Level.FAILED, "manager", str(error), "see whether Asterisk is well, and ask again"
                    )
            if test_call is not None:
                yield await place_call(self, test_call, self._config.budget.total_s)
            else:
                yield self.finding(
                    Level.OK,
                    "test call",
                    "not asked for; `nabra doctor --call` places one through the dialplan",
                )
        finally:
            await self.client.stop()

    def finding(self, level: Level, part: str, text: str, mend: str = "") -> Finding:
        """Return a finding about this PBX."""
        return Finding(level, f"PBX {self._pbx.name}: {part}", text, mend)

    def _on_event(self, event: AmiEvent) -> None:
        if len(self.events) < 10_000:
            self.events.append(event)
        self._heard.set()

    def _on_state(self, state: AmiState) -> None:
        if state in {AmiState.UP, AmiState.REFUSED, AmiState.DOWN}:
            self._settled.set()

    async def wait_for(self, match: Callable[[AmiEvent], bool], seconds: float) -> AmiEvent | None:
        """Return the first event, past or to come, that matches; None after `seconds`."""
        seen = 0
        try:
            async with asyncio.timeout(seconds):
                while True:
                    for event in self.events[seen:]:
                        if match(event):
                            return event
                    seen = len(self.events)
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            return None

    async def _login(self) -> Finding:
        where = f"{self._pbx.host}:{self._pbx.port}"
        try:
            async with asyncio.timeout(10.0):
                await self._settled.wait()
        except TimeoutError:
            return self.finding(
                Level.FAILED,
                "login",
                f"no answer from {where}",
                "see whether Asterisk runs and manager.conf is on",
            )
        if self.client.state is AmiState.UP:
            return self.finding(Level.OK, "login", f"{self._pbx.username} is logged in at {where}")
        if self.client.state is AmiState.REFUSED:
            return self.finding(
                Level.FAILED,
                "login",
                self.client.last_error,
                f"compare user '{self._pbx.username}' and its password with manager.conf, and its permit= "
                "with this "
                "machine's address; then `manager reload` on the Asterisk command line",
            )
        return self.finding(
            Level.FAILED,
            "login",
            self.client.last_error,
            "set enabled=yes and bindaddr in manager.conf, and open the port between the two machines",
        )

    async def _ask(self, function: str) -> str:
        """Return what a dialplan function says; empty where it is not there or says nothing.

        Any account that may route calls may ask this way, so a lean account is enough for the doctor.
        """
        answer = await self.client.action("Getvar", {"Variable": function}, _ACTION_S)
        return answer.fields.get("Value", "")

    async def _version(self) -> AsyncIterator[Finding]:
        version = await self._ask("VERSION()")
        digits = version.removeprefix("certified/").removeprefix("certified-").partition(".")[0]
        if not digits.isdigit():
            yield self.finding(
                Level.WARNING,
                "version",
                "it does not tell its version",
                "type `core show version` on the Asterisk command line: 18 or newer is needed",
            )
        elif int(digits) < OLDEST_MAJOR:
            yield self.finding(
                Level.FAILED,
                "version",
                f"Asterisk {version} has no AudioSocket",
                f"upgrade to {OLDEST_MAJOR} or newer; Nabra was tried with {TESTED_MAJOR}",
            )
        else:
            yield self.finding(Level.OK, "version", f"Asterisk {version}")

    async def _rights(self) -> AsyncIterator[Finding]:
        # A channel that cannot exist: "no such channel" proves the right without touching a call.
        try:
            await self.client.action(
                "Setvar", {"Channel": "Nabra/doctor", "Variable": "NABRA_DOCTOR", "Value": "1"}, _ACTION_S
            )
            allowed = True
        except AmiRefused as error:
            allowed = _DENIED not in str(error).lower()
        if allowed:
            yield self.finding(Level.OK, "right to route", "the account may set channel variables")
        else:
            yield self.finding(
                Level.FAILED,
                "right to route",
                "the account may not set channel variables",
                "add `call` to its write= in manager.conf; then `manager reload`",
            )
        mark = uuid.uuid4().hex
        try:
            await self.client.action("UserEvent", {"UserEvent": "NabraDoctor", "Mark": mark}, _ACTION_S)
        except AmiRefused:
            yield self.finding(
                Level.WARNING,
                "right to listen",
                "not tried: the account may not raise events itself",
                "make sure that its read= in manager.conf has call, user and agent, or place a test call (--call)",
            )
            return
        if await self.wait_for(lambda event: event.fields.get("Mark") == mark, 2.0):
            yield self.finding(Level.OK, "right to listen", "announcements of calls arrive")
        else:
            yield self.finding(
                Level.FAILED,
                "right to listen",
                "announcements of calls do not arrive",
                "add `call,user,agent` to the account's read= in manager.conf; then `manager reload`",
            )

    async def _modules(self) -> AsyncIterator[Finding]:
        missing: list[str] = []
        unknown: list[str] = []
        for module in MODULES:
            loaded = await self._loaded(module)
            if loaded is None:
                unknown.append(module)
            elif not loaded:
                missing.append(module)
        for module in missing:
            yield self.finding(
                Level.FAILED,
                "modules",
                f"{module} is not loaded ({MODULES[module]})",
                f"`module load {module}.so` on the Asterisk command line, and load it in modules.conf",
            )
        if unknown:
            yield self.finding(
                Level.WARNING,
                "modules",
                f"this account may not ask for {', '.join(unknown)}",
                "type `module show` on the Asterisk command line and look for them",
            )
        if not missing and not unknown:
            yield self.finding(Level.OK, "modules", f"all {len(MODULES)} that are needed are loaded")

    async def _loaded(self, module: str) -> bool | None:
        """Return whether a module is loaded, None where the account may ask neither way."""
        value = await self._ask(f"IFMODULE({module}.so)")
        if value in {"0", "1"}:
            return value == "1"
        try:
            await self.client.action("ModuleCheck", {"Module": module}, _ACTION_S)
        except AmiRefused as error:
            return None if _DENIED in str(error).lower() else False
        return True

    async def _dialplan(self) -> AsyncIterator[Finding]:
        wanted = [(CONTEXT, "s"), (f"{CONTEXT}-call", "listen"), (f"{CONTEXT}-call", "T")]
        wanted += [(f"{CONTEXT}-route", name) for name in self._config.destinations]
        missing = []
        for context, extension in wanted:
            there = await self._ask(f"DIALPLAN_EXISTS({context},{extension},1)")
            if there not in {"0", "1"}:
                yield self.finding(
                    Level.WARNING,
                    "dialplan",
                    "it cannot be looked at without func_dialplan",
                    f"type `dialplan show {CONTEXT}` on the Asterisk command line, or load func_dialplan.so",
                )
                return
            if there == "0":
                missing.append(f"{extension}@{context}")
        if missing:
            yield self.finding(
                Level.FAILED,
                "dialplan",
                f"{', '.join(missing)} is missing",
                "run `nabra pbx-files` with this configuration, include its dialplan from extensions.conf "
                "(extensions_custom.conf on FreePBX), then `dialplan reload`",
            )
        else:
            yield self.finding(
                Level.OK,
                "dialplan",
                f"context '{CONTEXT}' is there, with its watchdog and all {len(self._config.destinations)} "
                "destinations",
            )

    async def _switch(self) -> AsyncIterator[Finding]:
        # Without a call's channel, Asterisk tells which keys are set and not their values.
        keys = (await self._ask(f"DB_KEYS({CONTEXT})")).split(",")
        for key, on in (("enabled", "1"), ("percent", "100")):
            if key in keys:
                yield self.finding(
                    Level.WARNING,
                    "switch",
                    f"{CONTEXT}/{key} is set in this PBX: it may keep calls from Nabra",
                    f"`database get {CONTEXT} {key}` on the Asterisk command line shows it, "
                    f"`database put {CONTEXT} {key} {on}` lets every call through",
                )

    async def _queues(self) -> AsyncIterator[Finding]:
        events = await self.client.collect("QueueStatus", {}, "QueueStatusComplete", _ACTION_S)
        there = {event.fields.get("Queue", "") for event in events if event.name == "QueueParams"}
        members: dict[str, int] = {}
        for event in events:
            if event.name == "QueueMember":
                queue = event.fields.get("Queue", "")
                members[queue] = members.get(queue, 0) + 1
        for destination in self._config.destinations.values():
            name = destination.queue
            if name is None:
                continue
            part = f"queue {name}"
            if name not in there:
                yield self.finding(
                    Level.FAILED,
                    part,
                    f"destination '{destination.name}' leads to it, and it does not exist",
                    f"add [{name}] to queues.conf, then `queue reload all`; or change destinations."
                    f"{destination.name}.queue",
                )
            elif not members.get(name):
                yield self.finding(
                    Level.WARNING, part, "it has no agents", f"add members to {name} before callers come"
                )
            else:
                yield self.finding(Level.OK, part, f"{members[name]} agent{'s' * (members[name] > 1)}")
