"""From the caller's last sample of speech to the queue: a whole Asterisk, a whole engine, 1, 10 and 40 calls at once.

    python -m benchmarks.pbx_latency        (root on Debian, with NABRA_TEST_INSTALL=1)

Everything runs on this machine and takes its time from the same clock: the SIP callers, Asterisk and the
engine. The figure is the time between the wall clock at which the caller's RTP stream sent the last 20 ms
that hold speech, and the timestamp of Asterisk's own QueueCallerJoin event. It holds the endpoint's silence,
the decision, the manager interface and the dialplan. It is negative where the engine was sure before the
caller had finished. Samples are synthetic and speak English; those that end in self-service join no queue and
are left out.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import RESULTS, machine
from nabra.cli import main as nabra
from telephony.audio import read_audio
from tests.conftest import ROOT
from tests.pbx.asterisk import AMI_PORT
from tests.pbx.asterisk_root import AsteriskUnavailable, ensure_root
from tests.pbx.calls import after_notice, dial, record_of
from tests.pbx.engine import Engine
from tests.pbx.relay import Relay
from tests.pbx.sip import Pcm
from tests.pbx.site import AMI_RELAY_PORT, ENGINE_PORT, write_site
from tests.pbx.world import World

SCHEMA = 1
AT_ONCE = (1, 10, 40)
QUEUES: dict[str, list[str]] = {"complaints": [], "sales": [], "reception": []}
_TAIL_S = 2.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One thing to say.

    Attributes
    ----------
    name, expected : str
        Its name, and where it should lead.
    pcm : int16 array
        8 kHz.
    speech_end_s : float
        Where in it the last speech ends.
    """

    name: str
    expected: str
    pcm: Pcm
    speech_end_s: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One call.

    Attributes
    ----------
    latency_ms : float
        From the last sample of speech to the join of a queue.
    decide_to_join_ms : float
        Of it, from the engine's decision on.
    destination, rung : str
        Where it went, and on which evidence.
    right : bool
        Whether that is where it should go.
    """

    sample: str
    latency_ms: float
    decide_to_join_ms: float
    destination: str
    rung: str
    right: bool


def read_samples() -> list[Sample]:
    """English samples of the demonstration that lead to a queue."""
    folder = ROOT / "nabra" / "demo" / "samples"
    listed = json.loads((folder / "samples.json").read_text(encoding="utf-8"))["samples"]
    return [
        Sample(item["name"], item["expected"], read_audio(folder / item["file"]), item["speech_end_s"])
        for item in listed
        if item["language"] == "en" and item["expected"] in ("complaints", "sales") and not item["keys"]
    ]


async def place_at_once(world: World, engine: Engine, samples: list[Sample], count: int) -> list[Measured]:
    """Place so many calls at once, let each say something, and measure each."""

    async def one(number: int) -> Measured:
        sample = samples[number % len(samples)]
        call = await dial(world)
        await after_notice()
        padded = np.concatenate([sample.pcm, np.zeros(int(_TAIL_S * 8000), np.int16)])
        speaking = asyncio.ensure_future(call.speak(padded))
        joined = (await world.wait_for("QueueCallerJoin", CallerIDNum=call.peer_number, timeout_s=60.0))[0]
        record = await record_of(engine, world, call, timeout_s=60.0)
        spoken_at = await speaking
        await world.caller.hang_up(call)
        joined_at = float(joined.fields["Timestamp"])
        decision = record["decision"]
        return Measured(
            sample=sample.name,
            latency_ms=1000 * (joined_at - (spoken_at - len(padded) / 8000 + sample.speech_end_s)),
            decide_to_join_ms=1000 * (joined_at - record["wall_anchor"] - decision["decided_at_s"]),
            destination=decision["destination"],
            rung=decision["rung"],
            right=decision["destination"] == sample.expected,
        )

    return list(await asyncio.gather(*(one(number) for number in range(count))))


def summary(calls: Iterable[Measured]) -> dict[str, Any]:
    """Percentiles of a set of calls, of all of them and of those that were decided on words."""
    calls = list(calls)
    on_words = [call for call in calls if call.rung in ("final_text", "partial_text")]
    return {
        "calls": len(calls),
        "before_end_of_speech": sum(call.latency_ms < 0 for call in calls),
        "latency_ms": _spread([call.latency_ms for call in calls]),
        "decided_on_words": len(on_words),
        "latency_on_words_ms": _spread([call.latency_ms for call in on_words]),
        "decide_to_join_ms": _spread([call.decide_to_join_ms for call in calls]),
        "right": sum(call.right for call in calls),
        "rungs": dict(Counter(call.rung for call in calls)),
    }


def _spread(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    points = {"p50": 50, "p95": 95, "p99": 99, "max": 100}
    return {name: round(float(np.percentile(values, point)), 1) for name, point in points.items()}


def measure(rounds: dict[int, int]) -> dict[str, Any]:
    """Measure on an Asterisk and an engine of its own; `rounds` says how often for each number of calls at once."""
    root = ensure_root(lambda line: print(line, file=sys.stderr, flush=True))
    with tempfile.TemporaryDirectory(prefix="nabra-latency-") as name:
        folder = Path(name)
        site = write_site(folder / "site")
        assert nabra(["pbx-files", str(folder / "pbx"), "--config", str(site)]) == 0
        world = World(root, QUEUES, folder / "pbx")
        relay = Relay(AMI_PORT)
        engine = Engine(site, folder / "state", ENGINE_PORT)
        results: dict[str, Any] = {}
        try:
            world.run(world.open())
            world.run(relay.start(AMI_RELAY_PORT))
            world.run(engine.ensure(), timeout_s=300)
            samples = read_samples()
            for count, times in rounds.items():
                calls: list[Measured] = []
                for number in range(times):
                    world.run(world.fresh())
                    turned = samples[number % len(samples) :] + samples[: number % len(samples)]
                    calls += world.run(place_at_once(world, engine, turned, count), timeout_s=180)
                results[str(count)] = summary(calls) | {"each": [asdict(call) for call in calls]}
                print(f"{count:3} at once: {_line(results[str(count)])}", flush=True)
        finally:
            world.run(engine.stop())
            world.run(relay.stop())
            world.run(world.close())
            world.namespace.close()
    return results


def _line(result: dict[str, Any]) -> str:
    both = [("all", result["latency_ms"]), ("on words", result["latency_on_words_ms"])]
    text = "; ".join(
        f"{name} p50 {spread['p50']:.0f} ms, p95 {spread['p95']:.0f} ms" for name, spread in both if spread
    )
    text += f"; {result['before_end_of_speech']} before the end of speech"
    return f"{text}; {result['right']} of {result['calls']} to the right queue; {result['rungs']}"


def main() -> int:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--output", type=Path, default=RESULTS / "pbx_latency.json", help="where the figures go"
    )
    parser.add_argument(
        "--quick", action="store_true", help="one round of each: a look, not figures to quote"
    )
    arguments = parser.parse_args()
    facts = machine()
    try:
        results = measure({1: 1, 10: 1, 40: 1} if arguments.quick else {1: 14, 10: 4, 40: 2})
    except AsteriskUnavailable as error:
        print(f"no Asterisk to measure with: {error}", file=sys.stderr)
        return 1
    document = {
        "schema": SCHEMA,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "quick": arguments.quick,
        "machine": facts,
        "at_once": results,
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(arguments.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
