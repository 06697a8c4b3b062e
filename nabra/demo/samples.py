"""The sample calls that ship: who calls, what is said, and where a person would send the call."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nabra.errors import NabraError
from telephony.audio import read_audio

FOLDER = Path(__file__).resolve().parent / "samples"

# The order in which calls are placed: callers who keep the engine waiting come early, so that all end soon.
_ORDER = (
    "complaint-bill", "sales-new-line", "silent", "self-balance", "complaint-staff", "hold-music",
    "arabic-bill", "sales-upgrade", "self-hours", "mumbled", "key-zero", "complaint-cancel",
    "agent", "sales-price", "self-order", "complaint-fault",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SampleCall:
    """One sample call.

    Attributes
    ----------
    name : of the sample; also of its picture.
    path : the recording of the caller's side.
    text : what is said, as a person would write it down; empty where nobody speaks.
    language : of the caller.
    caller_number : as the PBX announces it.
    keys : keys the caller presses, with seconds from the start of the recording.
    expected : destination that a person would choose.
    about : what is special about it, or empty.
    speech_end_s : where the last word ends, in seconds from the start; None where nobody speaks.
    """

    name: str
    path: Path
    text: str
    language: str
    caller_number: str
    keys: tuple[tuple[float, str], ...]
    expected: str
    about: str
    speech_end_s: float | None

    def audio(self) -> npt.NDArray[np.int16]:
        """Return the recording: int16, 8 kHz."""
        return read_audio(self.path)


def load_samples(folder: Path = FOLDER) -> tuple[SampleCall, ...]:
    """Return every sample call in the order in which the demonstration places them.

    Raises
    ------
    NabraError
        The list of samples or a recording is missing.
    """
    index = folder / "samples.json"
    try:
        rows = json.loads(index.read_text(encoding="utf-8"))["samples"]
    except OSError as error:
        raise NabraError(f"{index}: the sample calls are missing ({error.strerror}); install nabra again") from error
    samples = {
        row["name"]: SampleCall(
            name=row["name"],
            path=folder / row["file"],
            text=row["text"],
            language=row["language"],
            caller_number=row["caller_number"],
            keys=tuple((float(key["at_s"]), str(key["digit"])) for key in row["keys"]),
            expected=row["expected"],
            about=row["about"],
            speech_end_s=row["speech_end_s"],
        )
        for row in rows
    }
    known = [samples[name] for name in _ORDER if name in samples]
    return (*known, *(sample for name, sample in samples.items() if name not in _ORDER))
