"""Our own prompt, taken out of what comes back from the line.

We know what was played and when. In each 64 ms that come back, the stretch of the prompt that is most like them
is looked for among those of the last half second (normalised cross-correlation), a short filter that makes the
one from the other is fitted by least squares, and what it explains is taken away. What is left of a block that
was nearly all prompt is silence; a caller over the prompt is left with little of it. Nothing is learnt from one
block for the next but how late the line gives back, so there is nothing to diverge; a block costs about 0.2 ms,
only while a prompt is played.
"""

import numpy as np
import numpy.typing as npt

from asr.engine import LINE_RATE_HZ, Samples, checked

_BLOCK = 160
_WINDOW = 512
_LAGS = LINE_RATE_HZ // 2
_BEFORE, _TAPS = 12, 48
_FFT = 4608
_LIKE = 0.3
_SURE = 0.7
_REST = 0.3
_QUIET = 4.0

_Float = npt.NDArray[np.float64]


class EchoGate:
    """The echo of one prompt.

    Parameters
    ----------
    prompt : int16 array, shape (n,)
        What is played, 8 kHz.
    """

    def __init__(self, prompt: Samples) -> None:
        ahead = np.zeros(_LAGS + _WINDOW + _TAPS)
        self._prompt: _Float = np.concatenate([ahead, checked(prompt).astype(np.float64), ahead])
        self._window: _Float = np.zeros(_WINDOW)
        self._lead = ahead.size
        self._late: int | None = None

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
        self._window = np.concatenate([self._window[size:], pcm.astype(np.float64)])
        heard = self._window
        end = self._lead + at + size
        played = self._prompt[end - _WINDOW - _LAGS - _TAPS : end]
        power = float(np.dot(heard, heard))
        if played.size < _WINDOW + _LAGS + _TAPS or power < _WINDOW * _QUIET**2 or not played.any():
            return pcm
        start, likeness = self._likest(played, heard, power)
        if likeness >= _SURE:
            self._late = start
        elif self._late is not None:
            start = self._late
        elif likeness < _LIKE:
            return pcm
        columns = np.lib.stride_tricks.sliding_window_view(played, _WINDOW)[start - _BEFORE : start - _BEFORE + _TAPS]
        gram = columns @ columns.T
        gram[np.diag_indices(_TAPS)] += 1e-3 * gram.trace() / _TAPS + 1.0
        rest = (heard - np.linalg.solve(gram, columns @ heard) @ columns)[_WINDOW - size :]
        block = heard[_WINDOW - size :]
        if float(np.dot(rest, rest)) < _REST * float(np.dot(block, block)):
            return np.zeros(size, np.int16)
        return np.clip(np.rint(rest), -32768, 32767).astype(np.int16)

    @staticmethod
    def _likest(played: _Float, heard: _Float, power: float) -> tuple[int, float]:
        """Where in what was played the stretch begins that is most like what was heard, and how like, 0..1."""
        spectrum = np.fft.rfft(played, _FFT + _TAPS) * np.conj(np.fft.rfft(heard, _FFT + _TAPS))
        alike = np.fft.irfft(spectrum, _FFT + _TAPS)[: _LAGS + _TAPS]
        powers = np.concatenate([[0.0], np.cumsum(played * played)])
        powers = powers[_WINDOW : _WINDOW + alike.size] - powers[: alike.size]
        likeness = alike * alike / (np.maximum(powers, _WINDOW * _QUIET**2) * power)
        best = int(likeness[_BEFORE : alike.size - _TAPS].argmax()) + _BEFORE
        return best, float(np.sqrt(likeness[best]))
