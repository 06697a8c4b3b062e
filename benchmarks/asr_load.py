"""How many callers can talk at once: more and more of them, in real time, until their words come late.

Lag is the time from the end of an endpoint's audio to the final text: the wait for words less the silence that the
endpoint itself takes. A number of callers is held where every one of them got the recogniser in question, 95 of 100
finals lagged less than a second, and no endpoint went without a final.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from asr.engines import EngineSpec
from asr.pool_types import PoolSettings, Rung
from benchmarks.asr_audio import Utterance
from benchmarks.asr_figures import Figure, Finding, percentile
from benchmarks.asr_live import Heard, Script, recognisers, script, talk_all

LIMIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Step:
    """How it went with a number of callers.

    Attributes
    ----------
    callers, served : int
        Who called, and who was listened to on the rung in question to the end.
    lags_s : tuple of float
        Of every final, s.
    unanswered : int
        Endpoints without a final.
    wordless : float
        Share of finals without a word, 0..1.
    duty : float
        Share of the time in which the callers spoke, 0..1.
    """

    callers: int
    served: int
    lags_s: tuple[float, ...]
    unanswered: int
    wordless: float
    duty: float

    @property
    def held(self) -> bool:
        """Whether so many can talk at once."""
        p95_s = percentile(self.lags_s, 95)
        return p95_s is not None and p95_s < LIMIT_S and self.served == self.callers and self.unanswered == 0

    def __str__(self) -> str:
        """Return the step as the note tells it."""
        p95_s = percentile(self.lags_s, 95)
        lag = "no final" if p95_s is None else f"p95 {1000 * p95_s:.0f} ms"
        refused = "" if self.served == self.callers else f", {self.callers - self.served} on another rung"
        lost = f", {self.unanswered} without a final" if self.unanswered else ""
        return f"{self.callers}: {lag}{refused}{lost}"


async def _climb(
    spec: EngineSpec,
    settings: PoolSettings,
    utterances: Sequence[Utterance],
    numbers: Sequence[int],
    seconds: float,
) -> list[Step]:
    steps: list[Step] = []
    async with recognisers({spec.language: spec}, settings) as pool:
        for callers in numbers:
            scripts = [script(utterances, seconds, 1000 * callers + number) for number in range(callers)]
            calls = await talk_all(pool, scripts, spec.language, spread_s=3.0)
            steps.append(step_of(scripts, calls, settings.best_rung))
            if not steps[-1].held:
                break
    return steps


def step_of(scripts: Sequence[Script], calls: Sequence[Heard], rung: Rung) -> Step:
    """Return how it went with these callers."""
    finals = [final for heard in calls for final in heard.finals()]
    return Step(
        callers=len(calls),
        served=sum(heard.rung is rung for heard in calls),
        lags_s=tuple(lag for heard in calls for lag in heard.lags()),
        unanswered=sum(heard.unanswered for heard in calls),
        wordless=sum(not final.text for final in finals) / max(1, len(finals)),
        duty=float(np.mean([one.duty for one in scripts])),
    )


def most_callers(
    spec: EngineSpec,
    settings: PoolSettings,
    what: str,
    model: str,
    utterances: Sequence[Utterance],
    audio: str,
    *,
    numbers: Sequence[int],
    seconds: float,
    floor: float,
    aim: float,
    ask_admission: bool = True,
) -> Finding:
    """Find the greatest of these numbers of callers that is held.

    Parameters
    ----------
    spec, settings : what hears, and the pool it runs in; its best rung is what every caller must be listened to with.
        Everybody is let in.
    what : which recogniser, for the stage's name.
    model, utterances, audio : as in the other measurements.
    numbers : of callers to try, rising; it ends with the first that is not held.
    seconds : float
        That each number of callers talks.
    floor, aim : float
        Callers.
    ask_admission : bool
        Whether the pool's own admission is asked then, with two callers more than were held.
    """
    steps = asyncio.run(_climb(spec, replace(settings, admit_all=True), utterances, numbers, seconds))
    held = [step.callers for step in steps if step.held]
    admission = ""
    if ask_admission:
        step = asyncio.run(_climb(spec, settings, utterances, [max(held, default=0) + 2], seconds))[0]
        admission = f"; of {step.callers} the pool's own admission listened to {step.served}"
    figures = (Figure("talking callers", float(max(held, default=0)), "callers", floor, aim, more_is_better=True),)
    ended = "" if not steps[-1].held else f"; more than {numbers[-1]} were not tried"
    note = (
        f"lag p95 < {LIMIT_S:g} s, of each endpoint's final, the endpoint's silence taken off; {settings.workers} "
        f"worker processes, callers speak {100 * np.mean([step.duty for step in steps]):.0f} % of {seconds:.0f} s; "
        f"{', '.join(str(step) for step in steps)}{ended}{admission}; finals without a word "
        f"{100 * np.mean([step.wordless for step in steps]):.0f} %"
    )
    return Finding(f"talking callers, {what}", audio, model, len(steps), figures, note)
