"""Running statistics over the speech heard, and the names of the features made of them.

Frames count while the voice-activity flag says speech and a pitched frame lies at most 80 ms back, so that
the pauses that one detector keeps and another cuts change nothing. The newest WINDOW_FRAMES counted frames
(8 s of them) are kept; older ones fall out. Nothing depends on the level: energy enters by its spread and
its changes, spectra by their shape.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from emotion.layout import (
    ALPHA,
    CENTROID,
    CEP,
    CEPSTRA,
    CLIPPED,
    DESCRIPTORS,
    ENERGY,
    F0,
    FLUX,
    HAMMARBERG,
    HNR,
    HOP,
    MEL,
    MEL_BANDS,
    RATE_HZ,
    SLOPE_HIGH,
    SLOPE_LOW,
    WIDTH,
)

Floats = NDArray[np.float64]

WINDOW_FRAMES = 800
FRAME_S = HOP / RATE_HZ

_SHAPES = (CENTROID, FLUX, ALPHA, HAMMARBERG, SLOPE_LOW, SLOPE_HIGH, *range(CEP, CEP + CEPSTRA))
_SPREAD = (*_SHAPES, ENERGY, *range(MEL, MEL + MEL_BANDS))
_MOVEMENT = (
    "f0_mean_st",
    "f0_sd_st",
    "periodicity_mean",
    "hnr_mean_db",
    "hnr_sd_db",
    "pitched_share",
    "pitched_run_s",
    "f0_change_st",
    "energy_change_db",
    "energy_rise_db",
)

FEATURES: tuple[str, ...] = (
    *(f"{DESCRIPTORS[c]}:mean" for c in _SHAPES),
    *(f"{DESCRIPTORS[c]}:sd" for c in _SPREAD),
    *_MOVEMENT,
    "energy_db:p50-p10",
    "energy_db:p90-p50",
    "f0_st:p50-p10",
    "f0_st:p50",
    "f0_st:p90-p50",
    "hnr_db:p10",
    "hnr_db:p90",
    "centroid_hz:p90-p50",
)
# Changes whenever a feature is added, dropped, renamed, or (by raising the number) computed in another way.
FEATURES_HASH = hashlib.sha256(("1|" + "|".join(FEATURES)).encode()).hexdigest()[:16]


class SpeechWindow:
    """The newest 8 s of counted speech of one call, and features over it.

    Attributes of quality (`clipped_share`, `still_share`, `pitched_share_of_flagged`, `signal_to_noise_db`)
    say whether the features can be believed.
    """

    __slots__ = (
        "_deviation",
        "_histogram",
        "_kernels",
        "_mean",
        "_movement",
        "_noise_db",
        "_noise_frames",
        "_quantiles",
        "_ring",
        "_shapes",
        "_spread",
        "_state",
    )

    def __init__(self) -> None:
        from emotion.kernels import statistics  # compiles, or loads what was compiled

        self._kernels = statistics
        self._ring: Floats = np.zeros((WINDOW_FRAMES, WIDTH + 1))
        self._state = np.zeros(statistics.STATE, dtype=np.int64)
        self._state[statistics.SINCE_PITCHED] = statistics.HANGOVER + 1
        self._mean: Floats = np.zeros(WIDTH)
        self._deviation: Floats = np.zeros(WIDTH)
        self._movement: Floats = np.zeros(11)
        self._quantiles: Floats = np.zeros(3)
        self._histogram: Floats = np.zeros(statistics.BINS)
        self._shapes = np.array(_SHAPES)
        self._spread = np.array(_SPREAD)
        self._noise_db = 0.0
        self._noise_frames = 0

    def add(self, rows: Floats, speech: bool) -> int:
        """Take rows of descriptors (from `Extractor.push`) with the voice-activity flag; return how many count."""
        if not speech:
            for energy in rows[:, ENERGY]:
                # The first second is a plain mean, later a slow one: about a second of memory.
                self._noise_frames += 1
                self._noise_db += (float(energy) - self._noise_db) / min(self._noise_frames, 100)
        return int(self._kernels.admit(rows, speech, self._state, self._ring))

    @property
    def voiced_s(self) -> float:
        """Seconds of speech counted since the start of the call (not only those still in the window)."""
        return int(self._state[self._kernels.ADMITTED]) * FRAME_S

    @property
    def count(self) -> int:
        """Frames in the window."""
        return min(int(self._state[self._kernels.ADMITTED]), WINDOW_FRAMES)

    @property
    def pitched_share_of_flagged(self) -> float:
        """Share of the frames flagged as speech that had a pitch, since the start; 1.0 before there were any."""
        flagged = int(self._state[self._kernels.FLAGGED])
        return int(self._state[self._kernels.FLAGGED_PITCHED]) / flagged if flagged else 1.0

    @property
    def flagged_s(self) -> float:
        """Seconds flagged as speech since the start, counted or not."""
        return int(self._state[self._kernels.FLAGGED]) * FRAME_S

    @property
    def clipped_share(self) -> float:
        """Share of clipped samples in the window; as of the last `features`."""
        return float(self._mean[CLIPPED])

    @property
    def still_share(self) -> float:
        """Share of neighbouring pitched frames whose pitch hardly moves; as of the last `features`."""
        return float(self._movement[10])

    @property
    def signal_to_noise_db(self) -> float | None:
        """Mean energy of counted frames over that of frames without speech; None until 200 ms without were heard."""
        if self._noise_frames < 20 or not self.count:
            return None
        return float(self._mean[ENERGY]) - self._noise_db

    def features(self) -> Floats:
        """Features over the window, in the order of FEATURES, not standardised; all finite.

        Returns
        -------
        float64, shape (len(FEATURES),); zeros while nothing has counted.
        """
        count = self.count
        if not count:
            return np.zeros(len(FEATURES))
        k = self._kernels
        ring = self._ring
        first = int(self._state[k.NEXT]) if count == WINDOW_FRAMES else 0
        k.moments(ring, first, count, self._mean, self._deviation)
        k.movement(ring, first, count, self._movement)
        energy = self._quantile(first, count, ENERGY, pitched_only=False, low=-80.0, high=16.0)
        pitch = self._quantile(first, count, F0, pitched_only=True, low=12.0, high=52.0)
        hnr = self._quantile(first, count, HNR, pitched_only=True, low=-8.0, high=40.0)
        centroid = self._quantile(first, count, CENTROID, pitched_only=False, low=200.0, high=3608.0)
        return np.concatenate(
            (
                self._mean[self._shapes],
                self._deviation[self._spread],
                self._movement[:10],
                (energy[1] - energy[0], energy[2] - energy[1]),
                (pitch[1] - pitch[0], pitch[1], pitch[2] - pitch[1]),
                (hnr[0], hnr[2], centroid[2] - centroid[1]),
            )
        )

    def _quantile(
        self, first: int, count: int, column: int, *, pitched_only: bool, low: float, high: float
    ) -> tuple[float, float, float]:
        self._kernels.quantiles(
            self._ring, first, count, column, pitched_only, low, high, self._histogram, self._quantiles
        )
        return float(self._quantiles[0]), float(self._quantiles[1]), float(self._quantiles[2])
