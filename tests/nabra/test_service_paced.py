"""A recording on the virtual clock is decided as the same caller is on a live line."""

import config
from nabra.ears import offline_ears
from nabra.generations import load
from nabra.offline import route_recording
from telephony.audio import read_audio
from tests.nabra.calls_side import SAMPLES, Run, speak
from tests.nabra.pbx_side import Site

NAMES = ("complaint-bill", "sales-new-line", "self-balance", "complaint-staff")


def test_paced_and_unpaced_calls_are_decided_alike(run: Run) -> None:
    async def scenario(site: Site) -> None:
        for name in NAMES:
            caller = await site.place()
            await speak(caller, name)
            variables = site.variables(caller)
            assert (variables["NABRA_ROUTE"], variables["NABRA_INTENT"] or None) == unpaced[name], name

    settings = config.load()
    loaded, ears = load(settings, 1), offline_ears(settings, ("en",))
    unpaced = {}
    for name in NAMES:
        routed = route_recording(read_audio(SAMPLES / f"{name}.flac"), loaded, ears, language="en", name=name)
        unpaced[name] = (routed.decision.destination, routed.decision.intent)
    assert len({destination for destination, _ in unpaced.values()}) > 1, "the samples go to different places"
    run(scenario)
