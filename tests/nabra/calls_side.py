"""What callers of a running service say and what it wrote down about them, for tests."""

from collections.abc import Callable, Coroutine
from typing import Any

from telephony.audio import read_audio
from tests.conftest import ROOT
from tests.nabra.pbx_side import NOTICE_S, Caller, Site, quiet

SAMPLES = ROOT / "nabra" / "demo" / "samples"
Run = Callable[[Callable[[Site], Coroutine[Any, Any, None]]], None]


async def speak(caller: Caller, name: str, after_notice_s: float = 0.3) -> None:
    """Wait for the notice to be over, then say a sample and stay on the line until it is handed back."""
    await wait_for_notice(caller)
    await caller.peer.send_audio(quiet(after_notice_s))
    await caller.peer.send_audio(read_audio(SAMPLES / f"{name}.flac"))
    while not caller.peer.over:
        await caller.peer.send_audio(quiet(0.2))


async def wait_for_notice(caller: Caller) -> None:
    """Be silent until the notice was played."""
    await caller.peer.send_audio(quiet(NOTICE_S + 0.2))


def decision_of(lines: list[dict[str, Any]]) -> dict[str, Any]:
    records = [line for line in lines if line.get("kind") != "outcome"]
    assert len(records) == 1, "one call leaves one decision record"
    return records[0]
