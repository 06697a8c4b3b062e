"""How long a caller waits for words, and how long everything else waits for recognition.

The wait: one call at a time, spoken at the pace of a line, through a worker process of the pool. It is counted from the
last sample of speech, as the recording itself has it (by its level), to the final text.

The stall: how late an event loop is that has calls on it, against the same loop with the same frames and no listener.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from asr.completeness import Ending, ending
from asr.endpoint import Patience
from asr.engines import EngineSpec
from asr.events import Endpoint, Final, Partial, SpeechEvent
from asr.listener import Listener, ListenerSettings
from asr.pool_types import PoolSettings, Rung
from benchmarks.asr_audio import Samples, Utterance
from benchmarks.asr_figures import Figure, Finding, percentile
from benchmarks.asr_live import FRAME, FRAME_S, Heard, Script, quiet, recognisers, rung_of, script, talk
from benchmarks.asr_words import word_errors
from nabra.ears import Deaf
from router.decider import would_settle
from router.evidence import Words
from router.generation import Generation
from router.transcript import Transcript

_BEAT_S = 0.001


class CallersPatience:
    """How long a silence may last, as a live call has it: by how the words end, and whether they would settle the call.

    Parameters
    ----------
    generation : Generation
        Understands the words.
    language : str
        Of the call.
    """

    def __init__(self, generation: Generation, language: str) -> None:
        self._generation, self._language = generation, language
        self._transcript = Transcript(generation, language)

    def __call__(self, event: Partial | Final) -> Patience:
        """Take words and return the patience behind them."""
        final = isinstance(event, Final)
        words = Words(at_s=0.0, audio_s=0.0, text=event.text, final=final, segment_start_s=event.start_s)
        self._transcript.hear(self._transcript.redacted(words))
        end = ending(event.text, self._language)
        if end is Ending.HESITANT:
            return Patience.LONG
        sure = would_settle(self._transcript.understood, self._transcript.hard, False, self._generation)
        return Patience.SHORT if end is Ending.FINISHED and sure else Patience.NORMAL


async def _one_call(spec: EngineSpec, utterances: Sequence[Utterance], generation: Generation | None) -> list[Heard]:
    """Let each utterance be a call of its own, one after the other."""
    calls = []
    rng = np.random.default_rng(1)
    async with recognisers({spec.language: spec}, PoolSettings(workers=1)) as pool:
        for number, one in enumerate(utterances):
            pcm = np.concatenate([quiet(0.4, rng), one.pcm, quiet(2.5, rng)])
            decoder = pool.decoder(f"bench-{number}", spec.language)
            heard = Heard(time.monotonic() + 0.05)
            patience = None if generation is None else CallersPatience(generation, spec.language)
            await talk(decoder, pcm, heard, patience=patience, enough=partial(_answered, heard, 0.4 + one.end_s))
            calls.append(heard)
    return calls


def _answered(heard: Heard, end_s: float) -> bool:
    return _last(heard.events, end_s) is not None


def _last(events: Sequence[tuple[float, SpeechEvent]], end_s: float) -> tuple[float, float] | None:
    """Return when the endpoint behind the end of speech came, and when its final; None where they did not."""
    endpoint_s: float | None = None
    for at_s, event in events:
        if isinstance(event, Endpoint) and event.at_s >= end_s:
            endpoint_s = at_s
        elif isinstance(event, Final) and endpoint_s is not None:
            return endpoint_s, at_s
    return None


def wait_for_words(
    spec: EngineSpec,
    model: str,
    utterances: Sequence[Utterance],
    audio: str,
    generation: Generation | None,
) -> Finding:
    """Measure from the last sample of speech to the final text, one call at a time in real time.

    Parameters
    ----------
    spec, model : what hears, and its id.
    utterances, audio : what is said, and what that is.
    generation : understands the words, so that a silence lasts as it does in a live call; None: the same for all.
    """
    calls = asyncio.run(_one_call(spec, utterances, generation))
    waits_ms, after_ms, silence_ms = [], [], []
    kinds: dict[str, list[float]] = {}
    errors = 0
    for one, heard in zip(utterances, calls, strict=True):
        last = _last(heard.events, 0.4 + one.end_s)
        if last is None:
            continue
        spoken_s = heard.began_s + 0.4 + one.end_s
        waits_ms.append(1000 * (last[1] - spoken_s))
        after_ms.append(1000 * (last[1] - last[0]))
        silence_ms.append(1000 * (last[0] - spoken_s))
        kinds.setdefault(one.speaker.split()[0], []).append(waits_ms[-1])
        errors += word_errors(one.text, " ".join(final.text for final in heard.finals())).wrong
    figures = (
        Figure("p50", percentile(waits_ms, 50), "ms", 900, 600),
        Figure("p95", percentile(waits_ms, 95), "ms", 1500, 900),
        Figure("p95 of the part after the endpoint", percentile(after_ms, 95), "ms", 400, 100),
    )
    missing = len(calls) - len(waits_ms)
    each = ", ".join(f"{kind} {_ms(found, 50)}" for kind, found in kinds.items())
    note = (
        f"one call at a time in real time, one worker process; p50 by speaker {each}; worst {_ms(waits_ms, 100)}; "
        "to the endpoint itself "
        f"p50 {_ms(silence_ms, 50)}, p95 {_ms(silence_ms, 95)}; after it p50 {_ms(after_ms, 50)}, "
        f"worst {_ms(after_ms, 100)}; {missing} without a final, {errors} words wrong in all"
    )
    patience = "the same silence for all" if generation is None else "patience as in a live call"
    return Finding(f"last sample of speech to final text, {patience}", audio, model, len(waits_ms), figures, note)


def _ms(values: Sequence[float], percent: float) -> str:
    found = percentile(values, percent)
    return "none" if found is None else f"{found:.0f} ms"


async def heartbeat(seconds: float) -> list[float]:
    """Return how late each of the beats was that were due every millisecond, s.

    The beats stand on a fixed grid: a stall of 10 ms is ten late beats, not one.
    """
    late: list[float] = []
    begin_s = time.monotonic()
    for number in range(1, round(seconds / _BEAT_S) + 1):
        due_s = begin_s + number * _BEAT_S
        now_s = time.monotonic()
        if now_s < due_s:
            await asyncio.sleep(due_s - now_s)
        late.append(time.monotonic() - due_s)
    return late


async def _stalls(spec: EngineSpec, scripts: Sequence[Script], seconds: float) -> tuple[list[float], list[float], int]:
    async with recognisers({spec.language: spec}) as pool:
        without = await _with_calls([lambda pcm: None for _ in scripts], scripts, seconds)
        decoders = [pool.decoder(f"bench-{number}", spec.language) for number in range(len(scripts))]
        listeners = [Listener(one or Deaf(), ListenerSettings(), lambda event: None) for one in decoders]
        with_calls = await _with_calls([one.push for one in listeners], scripts, seconds)
        served = sum(rung_of(one) is Rung.FULL for one in decoders)
        for listener in listeners:
            listener.close()
    return without, with_calls, served


async def _with_calls(
    takers: Sequence[Callable[[Samples], object]], scripts: Sequence[Script], seconds: float
) -> list[float]:
    """Give every taker its frames in real time, each at its own moment of the 20 ms, and return the beats."""
    begin_s = time.monotonic() + 0.05

    async def line(take: Callable[[Samples], object], pcm: Samples, offset_s: float) -> None:
        for number in range(int(seconds / FRAME_S)):
            at = number * FRAME % (len(pcm) - FRAME)
            await asyncio.sleep(max(0.0, begin_s + offset_s + number * FRAME_S - time.monotonic()))
            take(pcm[at : at + FRAME])

    lines = [
        asyncio.create_task(line(take, one.pcm, FRAME_S * number / len(scripts)))
        for number, (take, one) in enumerate(zip(takers, scripts, strict=True))
    ]
    late = await heartbeat(seconds)
    await asyncio.gather(*lines)
    return late


def loop_stall(
    spec: EngineSpec, model: str, utterances: Sequence[Utterance], audio: str, *, calls: int, seconds: float
) -> Finding:
    """Measure how late the loop is with and without recognition of `calls` calls that talk at once.

    Parameters
    ----------
    spec, model, utterances, audio : as in `wait_for_words`.
    calls : int
        Lines that talk at once.
    seconds : float
        Of each of the two runs.
    """
    scripts = [script(utterances, seconds, seed) for seed in range(calls)]
    without, with_calls, served = asyncio.run(_stalls(spec, scripts, seconds))
    p999 = 1000 * float(np.percentile(with_calls, 99.9))
    base = 1000 * float(np.percentile(without, 99.9))
    figures = (Figure("p99.9 over the same loop without", max(0.0, p999 - base), "ms", 10, 3),)
    duty = float(np.mean([one.duty for one in scripts]))
    note = (
        f"{calls} callers, who speak {100 * duty:.0f} % of the time, {served} of them with all their words; lateness "
        f"of beats on a grid of 1 ms: with recognition p50 {_late(with_calls, 50)}, p99 {_late(with_calls, 99)}, "
        f"p99.9 {p999:.2f} ms, worst {_late(with_calls, 100)}; the same frames without p50 {_late(without, 50)}, "
        f"p99 {_late(without, 99)}, p99.9 {base:.2f} ms, worst {_late(without, 100)}; {seconds:.0f} s each"
    )
    return Finding(f"event loop stall, {calls} calls at once", audio, model, len(with_calls), figures, note)


def _late(late_s: Sequence[float], percent: float) -> str:
    return f"{1000 * float(np.percentile(late_s, percent)):.2f} ms"
