"""The one type of samples, and the check that a public function makes of them."""

import numpy as np
import numpy.typing as npt

from telephony.audio.errors import AudioError

Pcm = npt.NDArray[np.int16]


def checked(pcm: Pcm) -> Pcm:
    """Return `pcm` if it is a one-dimensional int16 array; raise `AudioError` otherwise."""
    if not isinstance(pcm, np.ndarray) or pcm.dtype != np.int16 or pcm.ndim != 1:
        shape = getattr(pcm, "shape", None)
        kind = getattr(pcm, "dtype", type(pcm).__name__)
        raise AudioError(f"samples must be a one-dimensional int16 array, not {kind} of shape {shape}")
    return pcm
