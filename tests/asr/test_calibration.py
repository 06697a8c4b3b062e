"""What recognition costs, measured before the first call."""

import threading
import time
from dataclasses import replace

import numpy as np

from asr.calibration import cost_of, speech_like
from asr.decoder import SegmentDecoder
from asr.engine import Engine, EngineFacts, EngineSession, Hypothesis, Samples
from asr.scripted_engine import ScriptedEngine, ScriptedLine


class Elsewhere:
    """Decodes in a thread of its own, as CTranslate2 does, and knows what that took."""

    def __init__(self) -> None:
        self._inner = ScriptedEngine((ScriptedLine(0.0, 1.0, "one"),))
        self.spent_s: list[float] = []

    @property
    def facts(self) -> EngineFacts:
        return replace(self._inner.facts, name="elsewhere")

    def load(self) -> None:
        self._inner.load()

    def session(self, limited: bool = False) -> EngineSession:
        return _Session(self, self._inner.session(limited))

    def work(self) -> None:
        began_s = time.thread_time()
        while (spent_s := time.thread_time() - began_s) < 0.02:
            pass
        self.spent_s.append(spent_s)


class _Session:
    def __init__(self, engine: Elsewhere, inner: EngineSession) -> None:
        self._engine, self._inner = engine, inner

    def feed(self, pcm: Samples) -> None:
        self._inner.feed(pcm)

    def partial(self) -> Hypothesis:
        return self.final()

    def final(self, quick: bool = False) -> Hypothesis:
        thread = threading.Thread(target=self._engine.work)
        thread.start()
        thread.join()
        return self._inner.final(quick)

    def reset(self, start_s: float = 0.0) -> None:
        self._inner.reset(start_s)

    def close(self) -> None:
        self._inner.close()


def test_work_in_threads_of_the_engine_counts() -> None:
    engine = Elsewhere()
    made: Engine = engine
    cost = cost_of(made, limited=False)
    assert cost * speech_like().size / 8000 >= engine.spent_s[-1]
    decoder = SegmentDecoder(made)
    decoder.begin(0.0)
    decoder.feed(speech_like())
    assert decoder.words(final=True)[1] >= engine.spent_s[-1]


def test_the_sound_is_the_same_each_time_and_loud() -> None:
    sound = speech_like()
    assert sound.dtype == np.int16
    assert sound.size == 4 * 8000
    assert 8000 < np.abs(sound).max() <= 12_000
    speech_like.cache_clear()
    assert np.array_equal(speech_like(), sound)
