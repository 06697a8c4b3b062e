"""A telephone line for clean recordings: for sample calls and training, never on the live path."""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from telephony.audio._types import Pcm, checked
from telephony.audio.errors import AudioError
from telephony.audio.g711 import mulaw_decode, mulaw_encode

RATE_HZ: Final = 8000
BAND_HZ: Final = (300.0, 3400.0)
FULL_SCALE: Final = 32768.0
ACTIVE_DB: Final = 30.0  # frames this far under the loudest frame count as pauses, not as speech

_Float = npt.NDArray[np.float64]


@lru_cache(maxsize=1)
def _band_pass() -> _Float:
    from scipy.signal import butter

    return np.asarray(butter(4, BAND_HZ, btype="bandpass", fs=RATE_HZ, output="sos"), dtype=np.float64)


def _active_rms(x: _Float) -> float:
    """Root mean square of `x` over its 20 ms frames that are not pauses, in units of a sample."""
    frames = x[: x.size // 160 * 160].reshape(-1, 160) if x.size >= 160 else x[None, :]
    power = np.mean(frames * frames, axis=1)
    loudest = float(power.max(initial=0.0))
    return float(np.sqrt(power[power >= loudest * 10 ** (-ACTIVE_DB / 10)].mean())) if loudest > 0 else 0.0


def telephone_channel(
    pcm: Pcm, rng: np.random.Generator, snr_db: float | None = None, level_dbov: float | None = None
) -> Pcm:
    """Send clean speech through a telephone line: level, noise, the band of 300-3400 Hz, mu-law.

    Parameters
    ----------
    pcm : numpy.ndarray
        int16, shape [n], 8000 Hz.
    rng : numpy.random.Generator
        Source of the noise: the same state gives the same line.
    snr_db : float, optional
        Speech over noise, both measured in the band and speech without its pauses. None: no noise added.
    level_dbov : float, optional
        Level of the speech without its pauses, in dB of full scale (a sine of full scale is -3; telephone
        speech is often near -26, ITU-T P.56 without its hang-over). None: as it came.

    Returns
    -------
    numpy.ndarray
        int16, shape [n], 8000 Hz, of values that mu-law has.

    Raises
    ------
    AudioError
        The samples are not one-dimensional int16, or a level is not a number.
    """
    from scipy.signal import sosfilt

    pcm = checked(pcm)
    for name, value in (("snr_db", snr_db), ("level_dbov", level_dbov)):
        if value is not None and not np.isfinite(value):
            raise AudioError(f"{name} must be a number, not {value}")
    if pcm.size == 0:
        return pcm.copy()
    speech = np.asarray(sosfilt(_band_pass(), pcm.astype(np.float64)), dtype=np.float64)
    rms = _active_rms(speech)
    if level_dbov is not None and rms > 0:
        gain = FULL_SCALE * 10 ** (level_dbov / 20) / rms
        speech *= gain
        rms *= gain
    if snr_db is not None and rms > 0:
        noise = np.asarray(sosfilt(_band_pass(), rng.standard_normal(pcm.size)), dtype=np.float64)
        speech += noise * (rms * 10 ** (-snr_db / 20) / max(float(np.sqrt(np.mean(noise * noise))), 1e-12))
    return mulaw_decode(mulaw_encode(np.clip(np.rint(speech), -32768, 32767).astype(np.int16)))
