"""The recordings that callers hear: one format, so that playing one needs no conversion and no surprise."""

from __future__ import annotations

import wave
from pathlib import Path

RATE_HZ = 8000
MAX_SECONDS = 60.0
FORMAT = "a WAV of 8000 Hz, mono, 16 bit, at most 60 s"


def prompt_fault(file: Path) -> str | None:
    """What is wrong with a prompt, in words, or None where it can be played."""
    try:
        with wave.open(str(file), "rb") as recording:
            rate_hz, channels = recording.getframerate(), recording.getnchannels()
            bits, frames = recording.getsampwidth() * 8, recording.getnframes()
    except OSError as error:
        return f"the recording {file} cannot be read: {error.strerror or error}"
    except (wave.Error, EOFError) as error:
        return f"{file} is not a plain WAV file: {str(error) or 'it ends early'}"
    if (rate_hz, channels, bits) != (RATE_HZ, 1, 16):
        return f"{file} has {rate_hz} Hz, {channels} channel(s), {bits} bit"
    if frames == 0:
        return f"{file} holds no sound"
    if frames > MAX_SECONDS * RATE_HZ:
        return f"{file} lasts {frames / RATE_HZ:.0f} s"
    return None


def prompt_seconds(file: Path) -> float:
    """Length of a prompt that has no fault, in seconds."""
    with wave.open(str(file), "rb") as recording:
        return recording.getnframes() / recording.getframerate()
