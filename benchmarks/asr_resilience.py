"""What lasts: memory over thousands of calls, and words while recogniser processes are killed.

Killed is SIGKILL to one process of the pool after the other, while four callers talk without end and a fifth line
brings call after call to be routed. Words kept are those of the same audio heard without kills, in order, utterance by
utterance.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from uuid import UUID

import numpy as np

import config
from asr.decoder import InlineDecoder
from asr.engine import Engine
from asr.engines import EngineSpec, create_engine
from asr.events import Final, RecognitionDegraded
from asr.listener import Listener, ListenerSettings
from asr.pool import RecogniserPool
from asr.pool_types import PoolSettings
from benchmarks.asr_audio import Samples, Utterance
from benchmarks.asr_figures import Figure, Finding
from benchmarks.asr_live import FRAME, FRAME_S, Heard, Script, quiet, recognisers, script, talk
from benchmarks.asr_words import words_kept, words_of
from nabra.call import Call
from nabra.ears import offline_ears
from nabra.generations import Loaded, load
from nabra.offline import Tape
from nabra.operations.bus import EventKind
from router.session import CallFacts

_SHORT_PARTIALS_MS = 5000

# ------------------------------------------------------------------------------------------------- memory


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory after a number of calls, MB: of the process that has the calls, and of each worker."""

    calls: int
    parent_mb: float
    workers_mb: tuple[float, ...]


def rss_mb(pid: int) -> float:
    """Return the resident memory of a process, MB; 0 where there is none."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE") / (1 << 20)
    except OSError:
        return 0.0


def worker_pids(pool: RecogniserPool) -> list[int]:
    """Return the processes of a pool that are warm."""
    return [worker.pid for worker in pool.health().workers if worker.pid is not None and worker.ready]


async def _short_calls(spec: EngineSpec, pcm: Samples, marks: Sequence[int]) -> tuple[list[Memory], int, int]:
    # As many calls as the machine can take, one after the other on each of four lines: admission is not measured here.
    open_doors = PoolSettings(workers=2, admit_all=True)
    settings = replace(ListenerSettings(), partial_every_ms=_SHORT_PARTIALS_MS)
    memory: list[Memory] = []
    begun = done = worded = 0
    async with recognisers({spec.language: spec}, open_doors) as pool:

        async def line() -> None:
            nonlocal begun, done, worded
            while begun < marks[-1]:
                begun += 1
                decoder = None
                while decoder is None:
                    decoder = pool.decoder(f"bench-{begun}", spec.language)
                    await asyncio.sleep(0.0 if decoder is not None else 0.05)
                finals: list[str] = []
                answered = asyncio.Event()

                def hear(event: object, finals: list[str] = finals, answered: asyncio.Event = answered) -> None:
                    if isinstance(event, Final):
                        finals.append(event.text)
                        answered.set()

                listener = Listener(decoder, settings, hear)
                for at in range(0, len(pcm), FRAME):
                    listener.push(pcm[at : at + FRAME])
                    if at % (50 * FRAME) == 0:
                        await asyncio.sleep(0)
                listener.force_final()
                await asyncio.wait_for(answered.wait(), 60.0)
                listener.close()
                worded += any(finals)
                done += 1
                if done in marks:
                    sizes = tuple(round(rss_mb(pid), 1) for pid in worker_pids(pool))
                    memory.append(Memory(done, round(rss_mb(os.getpid()), 1), sizes))

        await asyncio.gather(*(line() for _ in range(4)))
        recycles = pool.health().recycles
    return memory, worded, recycles


def _run_short_calls(spec: EngineSpec, pcm: Samples, marks: Sequence[int]) -> tuple[list[Memory], int, int]:
    return asyncio.run(_short_calls(spec, pcm, marks))


def memory_after_calls(spec: EngineSpec, model: str, speech: Samples, audio: str, marks: Sequence[int]) -> Finding:
    """Measure resident memory after numbers of short calls, each of a new listener and a new place in the pool.

    Parameters
    ----------
    spec, model : what hears, and its id.
    speech, audio : what each call says, and what that is.
    marks : numbers of calls, rising; the growth counts from the second on.
    """
    rng = np.random.default_rng(1)
    pcm = np.concatenate([quiet(0.4, rng), speech, quiet(0.9, rng)])
    # In a process of its own: what other measurements hold would hide what this one gathers.
    with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
        memory, worded, recycles = fresh.submit(_run_short_calls, spec, pcm, tuple(marks)).result()
    warm, last = memory[1], memory[-1]
    growth = [
        100 * (after - before) / before
        for before, after in zip((warm.parent_mb, *warm.workers_mb), (last.parent_mb, *last.workers_mb), strict=False)
        if before
    ]
    figures = (Figure(f"growth from call {warm.calls} to {last.calls}, the worst process", max(growth), "%", 2, 2),)
    told = ", ".join(f"{one.calls}: {one.parent_mb:.0f} and {one.workers_mb}" for one in memory)
    note = (
        f"flat is taken to be 2 %; the process with the calls and its workers, MB, {told}; {worded} calls with words, "
        f"{recycles} workers recycled"
    )
    return Finding(f"memory after {last.calls} short calls", audio, model, last.calls, figures, note)


# -------------------------------------------------------------------------------------------------- kills


@dataclass(slots=True)
class Routed:
    """Calls of the fifth line: how many came, how many were decided, and how many of those by words."""

    begun: int = 0
    decided: int = 0
    by_words: int = 0


async def _kill(pool: RecogniserPool, every_s: float, seconds: float) -> int:
    killed = 0
    for number in range(int(seconds / every_s)):
        await asyncio.sleep(every_s)
        if pids := worker_pids(pool):
            os.kill(pids[number % len(pids)], signal.SIGKILL)
            killed += 1
    return killed


async def _route(pool: RecogniserPool, loaded: Loaded, calls: Sequence[Samples], seconds: float) -> Routed:
    """Bring call after call: each is decided by the whole path, its words from the pool."""
    routed = Routed()
    ears = replace(
        offline_ears(loaded.config, languages=()), languages=frozenset(("en",)), decoder=pool.decoder, tone=None
    )
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        pcm = calls[routed.begun % len(calls)]
        routed.begun += 1
        line = Tape()
        heard: list[EventKind] = []

        def publish(
            kind: EventKind, _at_s: float, _audio_s: float, data: Mapping[str, object], heard: list[EventKind] = heard
        ) -> None:
            if data.get("text") or kind is EventKind.DECIDED:
                heard.append(kind)

        facts = CallFacts(
            call=str(UUID(int=routed.begun)),
            pbx="bench",
            caller_number="",
            caller_name="",
            dialled="",
            language="en",
            wall_anchor=0.0,
        )
        call = Call(facts, loaded, ears, line, publish, line.clock)
        call.start()
        began_s = time.monotonic()
        frames = int(loaded.config.budget.total_s / FRAME_S)
        silence = np.zeros(FRAME, np.int16)
        for number in range(frames):
            line.finish_prompts()
            if line.decision is not None:
                break
            await asyncio.sleep(max(0.0, began_s + (number + 1) * FRAME_S - time.monotonic()))
            frame = pcm[number * FRAME : (number + 1) * FRAME]
            line.samples += FRAME
            call.on_audio(frame if len(frame) == FRAME else silence, line.clock())
            deadline = call.deadline()
            if deadline is not None and deadline <= line.clock():
                call.on_timer(line.clock())
        call.on_hung_up(line.clock())
        routed.decided += line.decision is not None
        routed.by_words += any(kind in (EventKind.PARTIAL, EventKind.FINAL) for kind in heard)
    return routed


async def _talk_under_kills(
    spec: EngineSpec,
    scripts: Sequence[Script],
    loaded: Loaded,
    calls: Sequence[Samples],
    every_s: float,
    seconds: float,
) -> tuple[list[Heard], int, Routed, RecogniserPool]:
    async with recognisers({spec.language: spec}) as pool:
        begin_s = time.monotonic() + 0.1
        lines = []
        for number, one in enumerate(scripts):
            decoder = pool.decoder(f"bench-{number}", spec.language)
            heard = Heard(begin_s + 0.5 * number)
            lines.append(talk(decoder, one.pcm, heard, grace_s=15.0))
        heard_all, killed, routed = await asyncio.gather(
            asyncio.gather(*lines), _kill(pool, every_s, seconds), _route(pool, loaded, calls, seconds)
        )
    return list(heard_all), killed, routed, pool


def undisturbed(engine: Engine, one: Script) -> Heard:
    """Return what a listener hears of a script in this process, where nothing is killed."""
    heard = Heard(0.0)
    listener = Listener(InlineDecoder(engine), ListenerSettings(), lambda event: heard.events.append((0.0, event)))
    for at in range(0, len(one.pcm), FRAME):
        listener.push(one.pcm[at : at + FRAME])
    listener.force_final()
    listener.close()
    return heard


def kept_words(scripts: Sequence[Script], expected: Sequence[Heard], heard: Sequence[Heard]) -> tuple[int, int]:
    """Return (words kept, words expected) of all utterances of all callers."""
    kept = said = 0
    for one, before, after in zip(scripts, expected, heard, strict=True):
        for spoken in one.spoken:
            around = spoken.start_s - 0.6, spoken.end_s + 0.6
            words = before.text(*around)
            said += len(words_of(words))
            kept += words_kept(words, after.text(*around))
    return kept, said


def words_under_kills(
    spec: EngineSpec,
    model: str,
    utterances: Sequence[Utterance],
    audio: str,
    *,
    every_s: float,
    seconds: float,
    told: Callable[[str], None] = lambda what: None,
) -> Finding:
    """Measure what four talking callers lose, and which calls are not decided, while processes are killed.

    Parameters
    ----------
    spec, model, utterances, audio : as in the other measurements.
    every_s, seconds : float
        Between two kills, and in all.
    told : callable
        Is given what is being done.
    """
    scripts = [script(utterances, seconds, seed) for seed in range(4)]
    loaded = load(config.load(), number=1)
    told("with kills")
    heard, killed, routed, pool = asyncio.run(
        _talk_under_kills(spec, scripts, loaded, [one.pcm for one in utterances], every_s, seconds)
    )
    told("without kills")
    engine = create_engine(spec)
    engine.load()
    kept, said = kept_words(scripts, [undisturbed(engine, one) for one in scripts], heard)
    share = 100.0 * kept / said if said else None
    decided = 100.0 * routed.decided / routed.begun if routed.begun else None
    figures = (
        Figure("words kept", share, "%", 99.0, 99.9, more_is_better=True),
        Figure("calls decided", decided, "%", 100.0, 100.0, more_is_better=True),
    )
    degraded = sum(isinstance(event, RecognitionDegraded) for one in heard for _, event in one.events)
    note = (
        f"{killed} kills in {seconds:.0f} s, one of two worker processes each {every_s:g} s; {kept} of {said} words "
        f"that the same audio gives without kills; {sum(one.unanswered for one in heard)} endpoints without a final, "
        f"{degraded} times a caller's recogniser was away; {routed.decided} of {routed.begun} calls of a fifth line "
        f"decided, {routed.by_words} of them with words heard; processes started {pool.health().starts}"
    )
    return Finding("a worker killed under four talking calls", audio, model, said, figures, note)
