"""Our own prompt, taken out of what comes back from the line.

We know what was played and when. The stretch of the prompt that is most like what comes back is looked for among
those of the last half second (normalised cross-correlation), a short filter that makes the one from the other is
fitted by least squares, and what it explains is taken away. What is left of a block that was nearly all prompt is
silence; a caller over the prompt is left with little of it.

Of a line that gives back the same way all the time only the filter is applied (20 us for 20 ms). What it does not
explain is fitted anew, and where that stretch lies is looked for again in one such block of three (0.3 ms each). So
nothing can diverge. Blocks too quiet to open the energy gate of voice activity are left as they are.
"""

import numpy as np
import numpy.typing as npt

from asr.engine import LINE_RATE_HZ, Samples, checked

_BLOCK = 160
_WINDOW = 512
_LAGS = LINE_RATE_HZ // 2
_BEFORE, _TAPS = 12, 48
_FFT = 5120
_LIKE = 0.3
_SURE = 0.7
_REST = 0.3
_QUIET = 26.0
_FAINT = 4.0
_SEARCH_EVERY = 3

_Float = npt.NDArray[np.float32]


class EchoGate:
    """The echo of one prompt.

    Parameters
    ----------
    prompt : int16 array, shape (n,)
        What is played, 8 kHz.

    Attributes
    ----------
    fitted, searched : int
        Blocks of 20 ms for which a filter was fitted, and a stretch looked for.
    """

    def __init__(self, prompt: Samples) -> None:
        ahead = np.zeros(_LAGS + _WINDOW + _TAPS, np.float32)
        self._prompt: _Float = np.concatenate([ahead, checked(prompt).astype(np.float32), ahead])
        self._window: _Float = np.zeros(_WINDOW, np.float32)
        self._lead = ahead.size
        self._late: int | None = None
        self._filter: _Float | None = None
        self._start = 0
        self._search_in = 0
        self.fitted = 0
        self.searched = 0

    def clean(self, pcm: Samples, at: int) -> Samples:
        """Return samples from the line without the prompt in them.

        Parameters
        ----------
        pcm : int16 array, shape (n,)
            8 kHz, any length, following what was given before.
        at : int
            Samples that had come from the line, since the prompt began to be played, before these.
        """
        pcm = checked(pcm)
        blocks = [self._block(pcm[i : i + _BLOCK], at + i) for i in range(0, pcm.size, _BLOCK)]
        return np.concatenate(blocks) if blocks else pcm

    def _block(self, pcm: Samples, at: int) -> Samples:
        size = pcm.size
        self._window = np.concatenate([self._window[size:], pcm.astype(np.float32)])
        heard = self._window
        end = self._lead + at + size
        played = self._prompt[end - _WINDOW - _LAGS - _TAPS : end]
        power = float(np.dot(heard, heard))
        if played.size < _WINDOW + _LAGS + _TAPS or power < _WINDOW * _QUIET**2:
            self._search_in = 0
            return pcm
        if self._filter is not None:
            rest = self._rest(played, size)
            if self._is_silence(rest):
                return np.zeros(size, np.int16)
        if not self._find(played, power):
            self._filter = None
            return pcm
        self._fit(played)
        rest = self._rest(played, size)
        return np.zeros(size, np.int16) if self._is_silence(rest) else _whole(rest)

    def _find(self, played: _Float, power: float) -> bool:
        """Set where the stretch begins that is made into what was heard; False where there is none."""
        if self._search_in > 0:
            self._search_in -= 1
            return self._filter is not None
        self._search_in = _SEARCH_EVERY - 1
        self.searched += 1
        start, likeness = self._likest(played, self._window, power)
        if likeness >= _SURE:
            self._late = start
        elif self._late is not None:
            start = self._late
        elif likeness < _LIKE:
            return False
        self._start = start
        return True

    def _fit(self, played: _Float) -> None:
        self.fitted += 1
        first = self._start - _BEFORE
        columns = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(played, _WINDOW)[first : first + _TAPS])
        gram = columns @ columns.T
        gram[np.diag_indices(_TAPS)] += 1e-3 * gram.trace() / _TAPS + 1.0
        self._filter = np.linalg.solve(gram, columns @ self._window)

    def _rest(self, played: _Float, size: int) -> _Float:
        """The latest samples less what the filter makes of the prompt."""
        assert self._filter is not None
        first = self._start - _BEFORE + _WINDOW - size
        return self._window[_WINDOW - size :] - np.correlate(played[first : first + size + _TAPS - 1], self._filter)

    def _is_silence(self, rest: _Float) -> bool:
        block = self._window[_WINDOW - rest.size :]
        return float(np.dot(rest, rest)) < _REST * float(np.dot(block, block))

    @staticmethod
    def _likest(played: _Float, heard: _Float, power: float) -> tuple[int, float]:
        """Where in what was played the stretch begins that is most like what was heard, and how like, 0..1."""
        spectrum = np.fft.rfft(played, _FFT) * np.conj(np.fft.rfft(heard, _FFT))
        alike = np.fft.irfft(spectrum, _FFT)[: _LAGS + _TAPS]
        powers = np.concatenate([[0.0], np.cumsum(played.astype(np.float64) ** 2)])
        powers = powers[_WINDOW : _WINDOW + alike.size] - powers[: alike.size]
        likeness = alike * alike / (np.maximum(powers, _WINDOW * _FAINT**2) * power)
        best = int(likeness[_BEFORE : alike.size - _TAPS].argmax()) + _BEFORE
        return best, float(np.sqrt(likeness[best]))


def _whole(wave: _Float) -> Samples:
    return np.clip(np.rint(wave), -32768, 32767).astype(np.int16)
