"""The streaming extractor: samples in, rows of descriptors out, one row each 10 ms."""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emotion.errors import SamplesError
from emotion.layout import HOP, RATE_HZ, WIDTH, WINDOW

if TYPE_CHECKING:
    from telephony.audio import StreamResampler

Floats = NDArray[np.float64]
Samples = NDArray[np.int16]

WIDEBAND_HZ = 16000

_ROWS_AT_START = 64


def check_samples(pcm: Samples) -> None:
    """Raise SamplesError unless `pcm` is a one-dimensional C-contiguous int16 array."""
    if not isinstance(pcm, np.ndarray) or pcm.dtype != np.int16 or pcm.ndim != 1 or not pcm.flags.c_contiguous:
        got = f"{pcm.dtype} of shape {pcm.shape}" if isinstance(pcm, np.ndarray) else type(pcm).__name__
        raise SamplesError(f"samples must be a 1-D C-contiguous int16 array, not {got}")


class _Scratch(threading.local):
    """Working memory of the kernels, shared by a thread's calls: nothing in it outlives a push."""

    def __init__(self) -> None:
        from emotion.kernels.frames import SCRATCH_ROWS, SCRATCH_WIDTH

        self.rows: Floats = np.zeros((SCRATCH_ROWS, SCRATCH_WIDTH))


@cache
def _working_memory() -> _Scratch:
    """That of every thread; made when first needed, because making it compiles."""
    return _Scratch()


class Extractor:
    """Descriptors of one call's samples, every 10 ms, the same bits however the samples are cut.

    The first row comes with sample 320 (40 ms), then one each 80 samples. `emotion.layout` names the columns
    with their units and says what each of them hears. No row looks ahead of the newest sample pushed; after
    the first push of each size nothing is allocated.

    Parameters
    ----------
    rate_hz
        8000, or 16000: such samples are brought to 8000 Hz first, the band that the descriptors are made for,
        which delays rows by 3 ms and does allocate.

    Raises
    ------
    SamplesError
        If `rate_hz` is anything else.
    """

    __slots__ = ("_advance", "_counters", "_held", "_memory", "_out", "_resampler", "_scratch")

    def __init__(self, rate_hz: int = RATE_HZ) -> None:
        if rate_hz not in (RATE_HZ, WIDEBAND_HZ):
            raise SamplesError(f"samples must come at {RATE_HZ} or {WIDEBAND_HZ} Hz, not {rate_hz}")
        # Imported here because importing compiles: `import emotion` must be quick, and the cache folder set
        # first.
        from emotion.kernels.frames import COUNTERS, MEMORY, advance

        self._resampler: StreamResampler | None = None
        if rate_hz != RATE_HZ:
            from telephony.audio import StreamResampler

            self._resampler = StreamResampler(rate_hz, RATE_HZ)
        self._advance = advance
        self._scratch = _working_memory()
        self._held: Floats = np.zeros(WINDOW + 1)
        self._memory: Floats = np.zeros(MEMORY)
        self._counters = np.zeros(COUNTERS, dtype=np.int64)
        self._out: Floats = np.zeros((_ROWS_AT_START, WIDTH))

    def push(self, pcm: Samples) -> Floats:
        """Take any number of samples and return the rows they complete.

        Parameters
        ----------
        pcm
            int16, shape (n,), at the extractor's rate.

        Returns
        -------
        float64, shape (frames, len(DESCRIPTORS)): a view that the next push overwrites; copy what must stay.

        Raises
        ------
        SamplesError
            If `pcm` is anything else.
        """
        check_samples(pcm)
        if self._resampler is not None:
            pcm = self._resampler.push(pcm)
        most = len(pcm) // HOP + 1
        if most > len(self._out):
            self._out = np.zeros((most, WIDTH))
        frames = self._advance(pcm, self._held, self._memory, self._counters, self._scratch.rows, self._out)
        return self._out[:frames]


def descriptors(pcm: Samples, rate_hz: int = RATE_HZ) -> Floats:
    """All descriptors of a whole recording at 8000 or 16000 Hz, shape (frames, len(DESCRIPTORS))."""
    return Extractor(rate_hz).push(pcm).copy()
