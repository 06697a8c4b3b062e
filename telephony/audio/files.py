"""Sound files in and out, as a telephone line would carry them."""

import wave
from pathlib import Path
from typing import Final

import numpy as np

from telephony.audio._types import Pcm, checked
from telephony.audio.errors import AudioError
from telephony.audio.g711 import alaw_decode, mulaw_decode, mulaw_encode
from telephony.audio.resample import MAX_RATE_HZ, MIN_RATE_HZ, resample

RATE_HZ: Final = 8000
MULAW_SUFFIXES: Final = frozenset({".ulaw", ".ul", ".mulaw", ".pcmu"})
ALAW_SUFFIXES: Final = frozenset({".alaw", ".al", ".pcma"})
MAX_FILE_S: Final = 4 * 3600  # security limit: a file that claims to be longer is not read
MAX_CHANNELS: Final = 32  # security limit


def read_audio(path: str | Path) -> Pcm:
    """Read a sound file and return it as an 8 kHz telephone line would give it.

    WAV, FLAC, Ogg and AIFF of any rate from 4 to 192 kHz; channels are averaged, the rate is converted, and
    the result goes through mu-law and back. Files ending in .ulaw, .ul, .mulaw or .pcmu (.alaw, .al, .pcma)
    are raw G.711 at 8 kHz.

    Returns
    -------
    numpy.ndarray
        int16, shape [samples], 8000 Hz, at least one sample.

    Raises
    ------
    AudioError
        The file is missing, empty, unreadable or not audio; the message says which, and what would help.
    """
    path = Path(path)
    if not path.exists():
        raise AudioError(f"{path}: there is no such file")
    if path.is_dir():
        raise AudioError(f"{path}: is a folder; name the sound files in it")
    try:
        size = path.stat().st_size
        if size == 0:
            raise AudioError(f"{path}: the file is empty")
        suffix = path.suffix.lower()
        if suffix in MULAW_SUFFIXES or suffix in ALAW_SUFFIXES:
            if size > MAX_FILE_S * RATE_HZ:
                raise AudioError(f"{path}: longer than {MAX_FILE_S // 3600} hours; cut it")
            raw = path.read_bytes()
            if suffix in MULAW_SUFFIXES:
                return mulaw_decode(raw)
            return mulaw_decode(mulaw_encode(alaw_decode(raw)))
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise AudioError(f"{path}: cannot be read: {error.strerror or error}") from error
    return _read_container(path)


def _read_container(path: Path) -> Pcm:
    import soundfile

    try:
        with soundfile.SoundFile(str(path)) as file:
            rate_hz, channels, frames = int(file.samplerate), int(file.channels), int(file.frames)
            if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
                raise AudioError(f"{path}: its rate is {rate_hz} Hz; {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz work")
            if channels > MAX_CHANNELS:
                raise AudioError(f"{path}: it has {channels} channels; up to {MAX_CHANNELS} work")
            if frames > MAX_FILE_S * rate_hz:
                raise AudioError(f"{path}: longer than {MAX_FILE_S // 3600} hours; cut it")
            data = file.read(dtype="float64", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, ValueError, OSError) as error:
        raise AudioError(
            f"{path}: not a sound file that can be read ({_reason(error)}). WAV and FLAC work; "
            "raw mu-law must be named .ulaw, raw A-law .alaw"
        ) from error
    if data.shape[0] == 0:
        raise AudioError(f"{path}: the file holds no sound, only a header")
    mono = np.nan_to_num(data.mean(axis=1))
    pcm = np.clip(np.rint(mono * 32768.0), -32768, 32767).astype(np.int16)
    return mulaw_decode(mulaw_encode(resample(pcm, rate_hz, RATE_HZ)))


def _reason(error: Exception) -> str:
    text = str(getattr(error, "error_string", "") or error)
    return text.splitlines()[0].rstrip(".") if text else type(error).__name__


def write_wav(path: str | Path, pcm: Pcm, rate_hz: int = RATE_HZ) -> None:
    """Write samples of shape [n] as a 16-bit mono WAV file, replacing what is there.

    Raises
    ------
    AudioError
        The samples are not one-dimensional int16, the rate is not positive, or the file cannot be written.
    """
    pcm = checked(pcm)
    if rate_hz <= 0:
        raise AudioError(f"{path}: a rate of {rate_hz} Hz cannot be written")
    try:
        with open(path, "wb") as raw, wave.open(raw, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate_hz)
            file.writeframes(pcm.astype("<i2").tobytes())
    except OSError as error:
        raise AudioError(f"{path}: cannot be written: {error.strerror or error}") from error
