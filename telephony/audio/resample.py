"""A streaming resampler whose output does not depend on how its input is cut into pieces.

Theory: to go from rate `from` to rate `to`, reduce to/from to up/down. Conceptually, insert up-1 zeros after
each sample, low-pass, keep every down-th. Output n needs the input around position n*down/up only, and of the
low-pass only every up-th tap: one of `up` short filters, the phases (polyphase; Crochiere and Rabiner,
Multirate Digital Signal Processing, 1983). The low-pass is a Kaiser-windowed sinc: 80 dB down from 1.055
times the lower Nyquist frequency on, flat to 0.845 of it (3380 Hz at 8 kHz: the telephone band passes whole).

Exactness: taps are rounded to multiples of 2**-24 and samples are integers, so every product and every
partial sum is an integer far below 2**53 (in units of 2**-24) and float64 holds it exactly. Sums in any order
are therefore equal to the last bit, and NumPy may take whichever routine suits the length of a chunk.
"""

import math
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from telephony.audio._types import Pcm, checked
from telephony.audio.errors import AudioError

ZERO_CROSSINGS: Final = 24
KAISER_BETA: Final = 7.857  # 80 dB; Kaiser's formula 0.1102 (A - 8.7)
CUTOFF: Final = 0.95  # of the lower Nyquist frequency
TAP_SCALE: Final = float(2**24)
MIN_RATE_HZ: Final = 4000
MAX_RATE_HZ: Final = 192_000
BLOCK: Final = 1024  # outputs computed at once: bounds the memory of one push

_Float = npt.NDArray[np.float64]


@lru_cache(maxsize=32)
def _phases(up: int, down: int) -> _Float:
    """Filters of shape [up, taps], each in the order of its input samples, in units of 1/TAP_SCALE."""
    stretch = max(up, down) / up
    half = math.ceil(ZERO_CROSSINGS * stretch)
    taps = 2 * half
    # Output at phase p lies p/up of a sample after input `half - 1` of its window.
    offset = np.arange(taps)[None, :] - (half - 1) - np.arange(up)[:, None] / up
    inside = np.maximum(1.0 - (offset / half) ** 2, 0.0)
    bank = np.sinc(CUTOFF / stretch * offset) * np.i0(KAISER_BETA * np.sqrt(inside))
    # Each phase passes a constant unchanged: else the phases would differ in gain and a constant would ring.
    bank /= bank.sum(axis=1, keepdims=True)
    scaled = np.rint(bank * TAP_SCALE)
    scaled[:, half - 1] += TAP_SCALE - scaled.sum(axis=1)
    scaled.setflags(write=False)
    return scaled


class StreamResampler:
    """Resample a stream of int16 chunks of any lengths from one rate to another.

    The first output sample belongs to the time of the first input sample; an output is given as soon as the
    input that it needs has arrived, which is 24 samples of the lower of the two rates later (3 ms at 8 kHz).
    `flush` ends the stream and gives what is left. In all, n input samples give ceil(n * to_hz / from_hz)
    output samples, the same ones for any cutting.

    Parameters
    ----------
    from_hz, to_hz : int
        Rates between 4000 and 192000 Hz.

    Raises
    ------
    AudioError
        A rate is out of range, or a chunk is not one-dimensional int16, or it came after `flush`.
    """

    __slots__ = ("_bank", "_buffer", "_down", "_ended", "_half", "_position", "_received", "_sent", "_up")

    def __init__(self, from_hz: int, to_hz: int) -> None:
        for rate_hz in (from_hz, to_hz):
            if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
                raise AudioError(f"cannot resample at {rate_hz} Hz: {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz work")
        shared = math.gcd(from_hz, to_hz)
        self._up, self._down = to_hz // shared, from_hz // shared
        self._bank = _phases(self._up, self._down)
        self._half = self._bank.shape[1] // 2
        # Silence before the first sample, so that output 0 is centred on it.
        self._buffer: _Float = np.zeros(self._half - 1)
        self._position = 0  # window of the next output, in 1/up samples from the start of the buffer
        self._received = 0
        self._sent = 0
        self._ended = False

    def push(self, pcm: Pcm) -> Pcm:
        """Take a chunk of input of shape [n] and return a new array of the output that it completes."""
        if self._ended:
            raise AudioError("the stream was flushed: make a new resampler")
        pcm = checked(pcm)
        self._received += pcm.size
        if self._up == self._down:
            return pcm.copy()
        return self._advance(pcm)

    def flush(self) -> Pcm:
        """End the stream and return the rest of its output."""
        if self._ended or self._up == self._down:
            self._ended = True
            return np.empty(0, np.int16)
        self._ended = True
        wanted = -(-self._received * self._up // self._down) - self._sent
        return self._advance(np.zeros(self._half + 1, np.int16))[:wanted]

    def _advance(self, pcm: Pcm) -> Pcm:
        self._buffer = np.concatenate((self._buffer, pcm))
        taps = self._bank.shape[1]
        windows = self._buffer.size - taps + 1
        # Output i of this chunk starts at window (position + i * down) // up.
        count = max(0, -(-(windows * self._up - self._position) // self._down))
        if count == 0:
            return np.empty(0, np.int16)
        out = np.empty(count)
        for first in range(0, count, BLOCK):
            self._compute(out[first : first + BLOCK], self._position + first * self._down)
        end = self._position + count * self._down
        used = min(end // self._up, self._buffer.size)
        self._buffer = self._buffer[used:].copy()
        self._position = end - used * self._up
        self._sent += count
        np.rint(np.clip(out * (1.0 / TAP_SCALE), -32768.0, 32767.0, out=out), out=out)
        return out.astype(np.int16)

    def _compute(self, out: _Float, position: int) -> None:
        """Fill `out` with the outputs from `position` on (1/up input samples), in units of 1/TAP_SCALE."""
        taps = self._bank.shape[1]
        if self._down == 1 and position % self._up == 0 and out.size % self._up == 0:
            start = position // self._up
            span = self._buffer[start : start + out.size // self._up + taps - 1]
            for phase in range(self._up):
                out[phase :: self._up] = np.correlate(span, self._bank[phase], "valid")
            return
        at = position + np.arange(out.size) * self._down
        windows = np.lib.stride_tricks.sliding_window_view(self._buffer, taps)[at // self._up]
        if self._up == 1:
            np.dot(windows, self._bank[0], out=out)
        else:
            np.einsum("ij,ij->i", windows, self._bank[at % self._up], out=out)


def resample(pcm: Pcm, from_hz: int, to_hz: int) -> Pcm:
    """Resample a whole signal of shape [n] to ceil(n * to_hz / from_hz) samples; see `StreamResampler`."""
    stream = StreamResampler(from_hz, to_hz)
    return np.concatenate((stream.push(pcm), stream.flush()))
