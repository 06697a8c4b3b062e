"""A recording on the virtual clock is decided as the same caller is on a live line."""

import asyncio
from pathlib import Path

import config
from nabra.ears import offline_ears
from nabra.generations import load
from nabra.offline import route_recording
from telephony.audio import read_audio
from tests.conftest import ROOT
from tests.nabra.pbx_side import Caller, Site, quiet, running_site

SAMPLES = ROOT / "nabra" / "demo" / "samples"
NAMES = ("complaint-bill", "sales-new-line", "self-balance", "complaint-staff")


def unpaced() -> dict[str, tuple[str, str | None]]:
    settings = config.load()
    loaded = load(settings, 1)
    ears = offline_ears(settings, ("en",))
    found = {}
    for name in NAMES:
        routed = route_recording(read_audio(SAMPLES / f"{name}.flac"), loaded, ears, language="en", name=name)
        found[name] = (routed.decision.destination, routed.decision.intent)
    return found


async def paced(folder: Path) -> dict[str, tuple[str, str | None]]:
    async def call(site: Site, name: str) -> tuple[str, str | None]:
        caller: Caller = await site.place()
        notice_s = len(read_audio(config.load().notice.prompts["en"])) / 8000
        await caller.peer.send_audio(quiet(notice_s + 0.3))
        await caller.peer.send_audio(read_audio(SAMPLES / f"{name}.flac"))
        while not caller.peer.over:
            await caller.peer.send_audio(quiet(0.2))
        variables = site.variables(caller)
        return variables["NABRA_ROUTE"], variables["NABRA_INTENT"] or None

    async with running_site(folder) as site:
        return {name: await call(site, name) for name in NAMES}


def test_paced_and_unpaced_calls_are_decided_alike(tmp_path: Path) -> None:
    expected = unpaced()
    assert len({destination for destination, _ in expected.values()}) > 1, "the samples go to different places"
    assert asyncio.run(paced(tmp_path)) == expected
