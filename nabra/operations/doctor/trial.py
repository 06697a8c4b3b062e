"""Places one silent call through the dialplan, follows it to its route, and hangs it up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

from nabra.operations.doctor.findings import Finding, Level
from telephony.ami import AmiClient, AmiEvent
from telephony.errors import AmiRefused

CONTEXT = "nabra"
"""The dialplan context that `nabra pbx-files` writes."""

_PART = "test call"
_PASSED_BY = {
    "no-engine": "the engine has not said for 5 s that it is there: start `nabra serve`, and see that it logs in here",
    "switched-off": "type `database put nabra enabled 1` on the Asterisk command line",
    "not-in-pilot": "type `database put nabra percent 100` on the Asterisk command line, or try again",
}
"""What to do where the dialplan did not try the engine, by the reason that it gives."""
_ACTION_S = 5.0
_ANNOUNCE_S = 5.0
_LOOK_EVERY_S = 0.25
_OVER_BUDGET_S = 5.0


class Examination(Protocol):
    """What a test call needs of the examination that it is part of."""

    client: AmiClient

    def finding(self, level: Level, part: str, text: str, mend: str = "") -> Finding: ...

    async def wait_for(self, match: Callable[[AmiEvent], bool], seconds: float) -> AmiEvent | None: ...


async def place_call(on: Examination, number: str, total_s: float) -> Finding:
    """Call `number` in the context through a Local channel, and tell where the call went.

    Parameters
    ----------
    on
        The examination of the PBX that carries the call.
    number
        What is dialled in the context.
    total_s
        The PBX's own watchdog.
    """
    try:
        await on.client.action(
            "Originate",
            {
                "Channel": f"Local/{number}@{CONTEXT}/n",
                "Application": "Wait",
                "Data": "60",
                "Async": "true",
                "CallerID": '"Nabra doctor" <000>',
                "Timeout": "5000",
            },
            _ACTION_S,
        )
    except AmiRefused as error:
        return on.finding(
            Level.WARNING,
            _PART,
            f"not placed: {error}",
            f"type `channel originate Local/{number}@{CONTEXT}/n application Wait 60` on the Asterisk "
            "command "
            "line, and then ask `nabra explain`; or call the number from a telephone",
        )
    announced = await on.wait_for(
        lambda event: (
            event.fields.get("UserEvent") in {"NabraCall", "NabraRoute"}
            and event.fields.get("Channel", "").startswith(f"Local/{number}@{CONTEXT}")
        ),
        _ANNOUNCE_S,
    )
    if announced is None:
        return on.finding(
            Level.FAILED,
            _PART,
            f"the dialplan did not announce the call within {_ANNOUNCE_S:.0f} s",
            f"look at `dialplan show {number}@{CONTEXT}`; is it switched on, and at 100 percent?",
        )
    try:
        if announced.fields["UserEvent"] == "NabraRoute":
            why = announced.fields.get("Why", "")
            return on.finding(
                Level.FAILED,
                _PART,
                f"the call took the default route without asking the engine: {why}",
                _PASSED_BY.get(why, f"look at `dialplan show {number}@{CONTEXT}`"),
            )
        return await _follow(on, announced, number, total_s + _OVER_BUDGET_S)
    finally:
        with contextlib.suppress(AmiRefused):
            await on.client.action("Hangup", {"Channel": announced.fields["Channel"]}, _ACTION_S)


async def _follow(on: Examination, announced: AmiEvent, number: str, limit_s: float) -> Finding:
    channel, uniqueid = announced.fields["Channel"], announced.fields.get("Uniqueid", "")
    call = announced.fields.get("CallUUID", "")[:8]
    clock = asyncio.get_running_loop().time
    start_s = clock()
    while clock() - start_s < limit_s:
        moved = await on.wait_for(
            lambda event: (
                event.name in {"QueueCallerJoin", "Hangup"} and event.fields.get("Uniqueid") == uniqueid
            ),
            _LOOK_EVERY_S,
        )
        try:
            answer = await on.client.action(
                "Getvar", {"Channel": channel, "Variable": "NABRA_ROUTE"}, _ACTION_S
            )
            route = answer.fields.get("Value", "")
        except AmiRefused:
            route = ""
        if route:
            return on.finding(
                Level.OK,
                _PART,
                f"call {call} to {number} was routed to '{route}' after {clock() - start_s:.1f} s of "
                "silence, "
                "as a silent caller is",
            )
        if moved is not None:
            return on.finding(
                Level.FAILED,
                _PART,
                f"call {call} took the PBX's default route: the engine set none",
                "see whether the service runs and listens where the dialplan sends calls; "
                f"`nabra explain {call}` says what it knows",
            )
    return on.finding(
        Level.FAILED,
        _PART,
        f"call {call} was not routed within {limit_s:.0f} s",
        "the watchdog did not work either: write the dialplan again with `nabra pbx-files`",
    )
