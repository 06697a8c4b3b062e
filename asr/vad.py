"""Is somebody speaking? A cheap energy gate first, then Silero on the frames that pass it.

Frames are 256 samples (32 ms at 8 kHz). The gate follows the noise floor, which is the quietest of the last
half second, and lets everything through that stands out of it, and a while longer; what it holds back costs
10 us instead of 100. Silero keeps a state and 32 samples of context between frames, without which its
probabilities are wrong. The state begins as a little silence leaves it: from a state of zeros the network takes
ringing, music and coughs for speech, and short words for none. It is kept while the gate is shut for a moment, so
that each ring of many is not new. After 2 s it begins anew: music or coughs leave a state that is deaf to nine short
words in ten, and no silence mends it. When the gate opens, the frames before are run first, so that the network is
not deaf to the onset. The model, models/silero_vad.onnx, is the one of its family that is right at 8 kHz.

A frame that one or two frequencies make up is a tone of the line: it has no probability where it could begin speech.

Noise that follows speech keeps the network up for half a second and more. A level that stays within 2 dB for a
third of a second is no voice: of 14,000 speech frames of acted sentences one is that steady. Such frames have
no probability, and say how long it has lasted, so that an endpoint need not wait for it.
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
_FLOOR_FRAMES = 16
_FIRST_FLOOR_DB = -50.0
_STEADY_FRAMES = 10
_STEADY_DB = 2.0
_QUIET_DB = -75.0
_HELD_OPEN_BY = 0.3
_IDLE_FRAMES = 20
_FORGET_FRAMES = 62
_TONE_SHARE = 0.97
_HANN = np.hanning(FRAME + 2)[1:-1].astype(np.float32)
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
    """

    over_floor_db: float = 5.0
    always_closed_db: float = -60.0
    hold_s: float = 0.32

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
        Of speech, 0..1; 0 where the gate was closed, the level is steady, or a tone begins.
    level_db : float
        Power without its mean, dB under full scale; -96 for digital silence.
    steady_s : float
        How long the level has been as steady as no voice is, s; 0 where it is not.
    """

    pcm: Samples
    start_s: float
    end_s: float
    probability: float
    level_db: float
    steady_s: float = 0.0


class Silero:
    """The voice activity network, shared by all calls of a process.

    Attributes
    ----------
    idle : float32 array, shape (2, 1, 128)
        The state that a little silence leaves; never written to.
    """

    def __init__(self, model: Path) -> None:
        try:
            self._session: Any = one_thread_session(model)
        except Exception as problem:
            raise ModelInvalid(f"cannot read the voice activity model {model}: {problem}") from problem
        self.idle = np.zeros((2, 1, 128), np.float32)
        for _ in range(_IDLE_FRAMES):
            _, self.idle = self.step(np.zeros((1, _CONTEXT + FRAME), np.float32), self.idle)

    def step(
        self, window: npt.NDArray[np.float32], state: npt.NDArray[np.float32]
    ) -> tuple[float, npt.NDArray[np.float32]]:
        """Return (probability, next state) of one frame.

        Parameters
        ----------
        window : float32 array, shape (1, 288)
            32 samples of context and the 256 of the frame, -1..1.
        state : float32 array, shape (2, 1, 128)
            As the last step gave it; ``idle`` to begin with.
        """
        out, after = self._session.run(None, {"input": window, "state": state, "sr": _RATE})
        return float(out[0, 0]), after


@cache
def shipped_silero() -> Silero:
    """Return the network that ships with this package, opened and warmed once per process."""
    return Silero(Path(__file__).parent / "models" / "silero_vad.onnx")


def is_tone(samples: npt.NDArray[np.float32]) -> bool:
    """Whether two frequencies at most make up a frame: float32, shape (256,), of any scale."""
    spectrum = np.abs(np.fft.rfft(samples * _HANN)) ** 2
    total = float(spectrum.sum())
    found = 0.0
    for _ in range(2):
        peak = int(spectrum.argmax())
        lobe = spectrum[max(0, peak - 2) : peak + 3]
        found += float(lobe.sum())
        lobe[:] = 0.0
    return found > _TONE_SHARE * total


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
        self._state = model.idle
        self._mean = 0.0
        self._levels_db: deque[float] = deque([_FIRST_FLOOR_DB], maxlen=_FLOOR_FRAMES)
        self._steady = 0
        self._hold_frames = 0 if gate is None else round(gate.hold_s / FRAME_S)
        self._hold = 0
        self._shut = 0
        self._voiced = False
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
        if probability > _HELD_OPEN_BY and not self._voiced and is_tone(samples):
            probability = 0.0
        self._voiced = probability > _HELD_OPEN_BY
        self._levels_db.append(level_db)
        if self._is_steady():
            self._steady = self._steady + 1 if self._steady else _STEADY_FRAMES
            probability = 0.0
        else:
            self._steady = 0
        start = self._done
        self._done += FRAME
        self.frames += 1
        end_s = self._done / LINE_RATE_HZ
        return VoiceFrame(pcm, start / LINE_RATE_HZ, end_s, probability, level_db, self._steady * FRAME_S)

    def _is_steady(self) -> bool:
        levels = self._levels_db
        if len(levels) < _STEADY_FRAMES or levels[-1] < _QUIET_DB or abs(levels[-1] - levels[-2]) >= _STEADY_DB:
            return False
        last = list(levels)[-_STEADY_FRAMES:]
        return max(last) - min(last) < _STEADY_DB

    def _listen(self, samples: npt.NDArray[np.float32], level_db: float) -> float:
        if self._gate is None:
            return self._look(samples)
        loud = level_db > max(min(self._levels_db) + self._gate.over_floor_db, self._gate.always_closed_db)
        if loud and self._hold == 0:
            if self._shut >= _FORGET_FRAMES:
                self._state = self._model.idle
            for earlier in self._before:
                self._look(earlier)
        if loud:
            self._hold = 1 + self._hold_frames
        probability = 0.0
        self._shut = 0 if self._hold else self._shut + 1
        if self._hold:
            probability = self._look(samples)
            speech = probability > _HELD_OPEN_BY and not self._steady
            self._hold = max(self._hold - 1, self._hold_frames if speech else 0)
        self._before.append(samples)
        return probability

    def _look(self, samples: npt.NDArray[np.float32]) -> float:
        self.looked_at += 1
        window = self._window
        window[0, :_CONTEXT] = window[0, FRAME:]
        window[0, _CONTEXT:] = samples
        probability, self._state = self._model.step(window, self._state)
        if not math.isfinite(probability):
            self._state = self._model.idle
            return 0.0
        return probability
