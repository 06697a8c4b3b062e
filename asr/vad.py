"""Is somebody speaking? A cheap energy gate first, then Silero on the frames that pass it.

Frames are 256 samples (32 ms at 8 kHz). The gate follows the noise floor and lets everything through that
stands out of it, and a while longer; what it holds back costs 10 us instead of 100. Silero keeps a state
and 32 samples of context between frames, without which its probabilities are wrong; when the gate opens,
the frames before are run first, so that it is not deaf to the onset. The model, models/silero_vad.onnx, is
the one of its family that is right at 8 kHz.
"""

import math
from collections import deque
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.engine import LINE_RATE_HZ, Samples, checked
from asr.errors import ModelInvalid, SettingsInvalid
from asr.runtime import one_thread_session

FRAME = 256
FRAME_S = FRAME / LINE_RATE_HZ
_CONTEXT = 32
_SILENT_DB = -96.0
_RATE = np.array(LINE_RATE_HZ, np.int64)


@dataclass(frozen=True, slots=True)
class GateSettings:
    """When a frame is worth a look.

    Attributes
    ----------
    over_floor_db : float
        Level over the noise floor that opens the gate, dB.
    always_closed_db : float
        Below this level nothing opens it, dBFS.
    hold_s : float
        Time that it stays open after the last reason to, s.
    floor_rise_db_per_s : float
        How fast the floor follows noise that grows, dB/s; it falls at once.
    """

    over_floor_db: float = 5.0
    always_closed_db: float = -60.0
    hold_s: float = 0.64
    floor_rise_db_per_s: float = 3.0

    def __post_init__(self) -> None:
        """Refuse what would keep the gate shut for good."""
        if not (0 < self.over_floor_db <= 30 and -90 <= self.always_closed_db <= -30 and self.hold_s >= 0):
            raise SettingsInvalid(f"energy gate settings out of range: {self}")


@dataclass(frozen=True, slots=True)
class VoiceFrame:
    """One frame of 256 samples and what was heard in it.

    Attributes
    ----------
    pcm : int16 array, shape (256,)
        The samples themselves.
    start_s, end_s : float
        Audio time, s.
    probability : float
        Of speech, 0..1; 0 where the gate was closed.
    level_db : float
        Power without its mean, dB under full scale; -96 for digital silence.
    """

    pcm: Samples
    start_s: float
    end_s: float
    probability: float
    level_db: float


class Silero:
    """The voice activity network, shared by all calls of a process."""

    def __init__(self, model: Path) -> None:
        try:
            self._session: Any = one_thread_session(model)
        except Exception as problem:
            raise ModelInvalid(f"cannot read the voice activity model {model}: {problem}") from problem

    def step(
        self, window: npt.NDArray[np.float32], state: npt.NDArray[np.float32]
    ) -> tuple[float, npt.NDArray[np.float32]]:
        """Return (probability, next state) of one frame.

        Parameters
        ----------
        window : float32 array, shape (1, 288)
            32 samples of context and the 256 of the frame, -1..1.
        state : float32 array, shape (2, 1, 128)
            As the last step gave it; zeros to begin with.
        """
        out, after = self._session.run(None, {"input": window, "state": state, "sr": _RATE})
        return float(out[0, 0]), after


@cache
def shipped_silero() -> Silero:
    """Return the network that ships with this package, opened and warmed once per process."""
    model = Silero(Path(__file__).parent / "models" / "silero_vad.onnx")
    state = np.zeros((2, 1, 128), np.float32)
    for _ in range(3):
        _, state = model.step(np.zeros((1, _CONTEXT + FRAME), np.float32), state)
    return model


class VoiceActivity:
    """Voice activity of one call.

    Parameters
    ----------
    model : Silero
        Shared network.
    gate : GateSettings or None
        None looks at every frame.
    """

    _WARM = 4

    def __init__(self, model: Silero, gate: GateSettings | None) -> None:
        self._model = model
        self._gate = gate
        self._rest = np.zeros(0, np.int16)
        self._done = 0
        self._window = np.zeros((1, _CONTEXT + FRAME), np.float32)
        self._state = np.zeros((2, 1, 128), np.float32)
        self._mean = 0.0
        self._floor_db = -50.0
        self._hold = 0
        self._before: deque[npt.NDArray[np.float32]] = deque(maxlen=self._WARM)
        self.frames = 0
        self.looked_at = 0

    def push(self, pcm: Samples) -> list[VoiceFrame]:
        """Take samples and return the frames that they complete.

        Parameters
        ----------
        pcm : int16 array, shape (n,)
            8 kHz mono, any length; what does not fill a frame waits for the next call.

        Raises
        ------
        AudioInvalid
            Where it is something else.
        """
        pcm = checked(pcm)
        if self._rest.size:
            pcm = np.concatenate([self._rest, pcm])
        whole = pcm.size // FRAME * FRAME
        frames = [self._frame(pcm[at : at + FRAME]) for at in range(0, whole, FRAME)]
        self._rest = pcm[whole:].copy()
        return frames

    def _frame(self, pcm: Samples) -> VoiceFrame:
        samples = pcm.astype(np.float32)
        samples *= np.float32(1 / 32768)
        mean = float(samples.mean())
        power = float(np.dot(samples, samples)) / FRAME - mean * mean
        level_db = max(_SILENT_DB, 10 * math.log10(power)) if power > 1e-12 else _SILENT_DB
        # A slow mean: a line with a constant offset must not look like a loud one to the network.
        self._mean += 0.1 * (mean - self._mean)
        samples -= np.float32(self._mean)
        probability = self._listen(samples, level_db)
        start = self._done
        self._done += FRAME
        self.frames += 1
        return VoiceFrame(
            pcm, start / LINE_RATE_HZ, (start + FRAME) / LINE_RATE_HZ, probability, level_db
        )

    def _listen(self, samples: npt.NDArray[np.float32], level_db: float) -> float:
        if self._gate is None:
            return self._look(samples)
        loud = level_db > max(self._floor_db + self._gate.over_floor_db, self._gate.always_closed_db)
        opening = loud and self._hold == 0
        if loud:
            self._hold = 1 + round(self._gate.hold_s / FRAME_S)
        if opening:
            self._state = np.zeros((2, 1, 128), np.float32)
            for earlier in self._before:
                self._look(earlier)
        probability = 0.0
        if self._hold:
            probability = self._look(samples)
            self._hold = max(self._hold - 1, round(self._gate.hold_s / FRAME_S) if probability > 0.3 else 0)
        self._before.append(samples)
        if level_db < self._floor_db:
            self._floor_db += 0.5 * (level_db - self._floor_db)
        elif probability < 0.2:
            self._floor_db = min(level_db, self._floor_db + self._gate.floor_rise_db_per_s * FRAME_S)
        return probability

    def _look(self, samples: npt.NDArray[np.float32]) -> float:
        self.looked_at += 1
        window = self._window
        window[0, :_CONTEXT] = window[0, FRAME:]
        window[0, _CONTEXT:] = samples
        probability, self._state = self._model.step(window, self._state)
        if not math.isfinite(probability):
            self._state = np.zeros((2, 1, 128), np.float32)
            return 0.0
        return probability
