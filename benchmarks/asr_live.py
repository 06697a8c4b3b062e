"""Callers in real time: each speaks at the pace of a telephone line, in one event loop, into the live service's pool.

What a caller says is laid out before: utterances with pauses between. Everything its listener says is kept with the
time at which it came, so that it can be set against the time at which each sample was spoken.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np

from asr.decoder import Decoder
from asr.endpoint import Patience
from asr.engines import EngineSpec
from asr.events import Endpoint, Final, Partial, SpeechEvent
from asr.listener import Listener, ListenerSettings
from asr.pool import RecogniserPool
from asr.pool_types import PoolSettings, Rung
from asr.pooled import PooledDecoder
from asr.vad import shipped_silero
from benchmarks.asr_audio import RATE_HZ, Samples, Utterance
from nabra.ears import Deaf

FRAME = 160
FRAME_S = FRAME / RATE_HZ
_QUIET_DB = -65.0
_EDGE_S = 0.15


@dataclass(frozen=True, slots=True)
class Spoken:
    """An utterance in a script: its words, and where its speech begins and ends, audio time, s."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Script:
    """All that one caller says: the sound, and what is said where."""

    pcm: Samples
    spoken: tuple[Spoken, ...]

    @property
    def duty(self) -> float:
        """Share of the time in which the caller speaks, 0..1."""
        return sum(one.end_s - one.start_s for one in self.spoken) / (len(self.pcm) / RATE_HZ)


@dataclass(slots=True)
class Heard:
    """What a listener said, each with the time at which it came (monotonic, s)."""

    began_s: float
    """Monotonic time at which the first sample was spoken, s."""
    rung: Rung = Rung.NONE
    """What the call was listened to with at its end."""
    events: list[tuple[float, SpeechEvent]] = field(default_factory=list)

    def lags(self) -> list[float]:
        """Return, for each endpoint that was answered, seconds from its audio to the final text.

        An endpoint's own silence is over when its audio was spoken: it is not in these.
        """
        lags: list[float] = []
        ends: list[Endpoint] = []
        for at_s, event in self.events:
            if isinstance(event, Endpoint):
                ends.append(event)
            elif isinstance(event, Final) and ends and event.end_s > ends[0].speech_end_s - 0.5:
                lags.append(at_s - self.began_s - ends.pop(0).at_s)
        return lags

    def text(self, start_s: float, end_s: float) -> str:
        """Return the final words of the segments of which at least half lies between two audio times, s."""
        return " ".join(
            event.text
            for _, event in self.events
            if isinstance(event, Final)
            and min(event.end_s, end_s) - max(event.start_s, start_s) >= 0.5 * (event.end_s - event.start_s)
        )

    def finals(self) -> list[Final]:
        """Return all finals, in order."""
        return [event for _, event in self.events if isinstance(event, Final)]

    @property
    def unanswered(self) -> int:
        """How many endpoints had no final."""
        return sum(isinstance(event, Endpoint) for _, event in self.events) - len(self.lags())


def quiet(seconds: float, rng: np.random.Generator) -> Samples:
    """Return the faint noise of an idle line, -65 dBov."""
    return np.rint(rng.standard_normal(int(seconds * RATE_HZ)) * 32767 * 10 ** (_QUIET_DB / 20)).astype(np.int16)


def script(
    utterances: Sequence[Utterance], seconds: float, seed: int, *, pauses_s: tuple[float, float] = (0.7, 2.0)
) -> Script:
    """Lay out utterances in random order with random pauses, until `seconds` are full; the last is always whole.

    The silence that a recording has around its speech is cut off: pauses are those given.
    """
    rng = np.random.default_rng(seed)
    parts: list[Samples] = [quiet(float(rng.uniform(0.2, pauses_s[1])), rng)]
    spoken: list[Spoken] = []
    size = len(parts[0])
    while size < seconds * RATE_HZ:
        for number in rng.permutation(len(utterances)):
            one = utterances[int(number)]
            cut_s = max(0.0, one.start_s - _EDGE_S)
            begin_s = size / RATE_HZ - cut_s
            spoken.append(Spoken(one.text, begin_s + one.start_s, begin_s + one.end_s))
            speech = one.pcm[int(cut_s * RATE_HZ) : int((one.end_s + _EDGE_S) * RATE_HZ)]
            parts += [speech, quiet(float(rng.uniform(*pauses_s)), rng)]
            size += len(parts[-1]) + len(parts[-2])
            if size >= seconds * RATE_HZ:
                break
    return Script(np.concatenate([*parts, quiet(1.0, rng)]), tuple(spoken))


@asynccontextmanager
async def recognisers(
    specs: Mapping[str, EngineSpec], settings: PoolSettings | None = None
) -> AsyncIterator[RecogniserPool]:
    """Run the pool with one process a core, or as the settings say; the network of voice activity is warm too."""
    shipped_silero()
    pool = RecogniserPool(specs, settings or PoolSettings(workers=2))
    await pool.start()
    try:
        yield pool
    finally:
        await pool.stop()


async def talk(
    decoder: Decoder | None,
    pcm: Samples,
    heard: Heard,
    settings: ListenerSettings | None = None,
    *,
    patience: Callable[[Partial | Final], Patience] | None = None,
    enough: Callable[[], bool] = lambda: False,
    grace_s: float = 5.0,
) -> Heard:
    """Speak at the pace of a line from `heard.began_s` on, and keep what is heard.

    Parameters
    ----------
    decoder : Decoder or None
        The call's own; None for a call without a recogniser.
    pcm : the sound.
    heard : where to keep it.
    settings : of the listener; the default ones where None.
    patience : given words as they come, says how long the silence behind them may last; the same for all where None.
    enough : ends the call early where it says True; asked at each frame.
    grace_s : how long to wait at the end for finals that are due, s.
    """

    def keep(event: SpeechEvent) -> None:
        heard.events.append((time.monotonic(), event))
        if patience is not None and isinstance(event, Partial | Final):
            listener.expect(patience(event))

    listener = Listener(decoder or Deaf(), settings or ListenerSettings(), keep)
    for number in range(len(pcm) // FRAME):
        # A frame is there when its last sample was spoken.
        wait_s = heard.began_s + (number + 1) * FRAME_S - time.monotonic()
        await asyncio.sleep(max(0.0, wait_s))
        if enough():
            break
        listener.push(pcm[number * FRAME : (number + 1) * FRAME])
    if decoder is not None and not enough():
        for _ in range(round(grace_s / FRAME_S)):
            if not listener.force_final():
                break
            await asyncio.sleep(FRAME_S)
    heard.rung = rung_of(decoder)
    listener.close()
    return heard


async def talk_all(
    pool: RecogniserPool, scripts: Sequence[Script], language: str, *, spread_s: float = 1.0
) -> list[Heard]:
    """Let all callers speak at once; they begin evenly over `spread_s`."""
    begin_s = time.monotonic() + 0.1
    calls = []
    for number, one in enumerate(scripts):
        decoder = pool.decoder(f"bench-{number}", language)
        heard = Heard(begin_s + spread_s * number / len(scripts))
        calls.append(talk(decoder, one.pcm, heard))
    return list(await asyncio.gather(*calls))


def rung_of(decoder: Decoder | None) -> Rung:
    """Return what a call is listened to with now."""
    return decoder.rung if isinstance(decoder, PooledDecoder) else Rung.NONE
