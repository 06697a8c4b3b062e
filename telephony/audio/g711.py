"""G.711: the two logarithmic laws of the telephone network, by table.

Both directions are one look-up per sample. The tables are computed once from the definition in ITU-T G.711
(1988), with 16-bit samples standing for the standard's 14-bit (mu-law) and 13-bit (A-law) ones, left-aligned.
A magnitude on a decision value goes to the upper interval, the same for both signs.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from telephony.audio._types import Pcm, checked

MULAW_BIAS: Final = 132
MULAW_CLIP: Final = 32635


def _mulaw_decode_table() -> Pcm:
    code = ~np.arange(256) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + MULAW_BIAS) << ((code >> 4) & 7)) - MULAW_BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _mulaw_encode_table() -> npt.NDArray[np.uint8]:
    sample = np.arange(65536).astype(np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.minimum(np.abs(sample), MULAW_CLIP) + MULAW_BIAS
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (segment + 3)) & 0x0F
    sign = np.where(sample < 0, 0x80, 0)
    code: npt.NDArray[np.uint8] = (~(sign | (segment << 4) | mantissa) & 0xFF).astype(np.uint8)
    return code


def _alaw_decode_table() -> Pcm:
    code = np.arange(256) ^ 0x55
    segment = (code >> 4) & 7
    magnitude = ((code & 0x0F) << 4) + 8
    magnitude = np.where(segment > 0, (magnitude + 0x100) << np.maximum(segment - 1, 0), magnitude)
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _alaw_encode_table() -> npt.NDArray[np.uint8]:
    sample = np.arange(65536).astype(np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.where(sample < 0, ~sample, sample) >> 3
    segment = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    mantissa = (magnitude >> np.maximum(segment, 1)) & 0x0F
    sign = np.where(sample < 0, 0, 0x80)
    code: npt.NDArray[np.uint8] = ((sign | (segment << 4) | mantissa) ^ 0x55).astype(np.uint8)
    return code


_MULAW_TO_PCM: Final = _mulaw_decode_table()
_PCM_TO_MULAW: Final = _mulaw_encode_table()
_ALAW_TO_PCM: Final = _alaw_decode_table()
_PCM_TO_ALAW: Final = _alaw_encode_table()


def mulaw_decode(data: bytes) -> Pcm:
    """Decode mu-law bytes to samples, one each (ITU-T G.711, table 2a/2b)."""
    return _MULAW_TO_PCM[np.frombuffer(data, np.uint8)]


def mulaw_encode(pcm: Pcm) -> bytes:
    """Encode samples to mu-law bytes, one each (ITU-T G.711, table 2a/2b)."""
    return _PCM_TO_MULAW[checked(pcm).view(np.uint16)].tobytes()


def alaw_decode(data: bytes) -> Pcm:
    """Decode A-law bytes to samples, one each (ITU-T G.711, table 1a/1b)."""
    return _ALAW_TO_PCM[np.frombuffer(data, np.uint8)]


def alaw_encode(pcm: Pcm) -> bytes:
    """Encode samples to A-law bytes, one each (ITU-T G.711, table 1a/1b)."""
    return _PCM_TO_ALAW[checked(pcm).view(np.uint16)].tobytes()
