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
    FLUX,
    HAMMARBERG,
    HOP,
    MEL,
    MEL_BANDS,
    QUALITIES,
    QUALITY,
    RATE_HZ,
    SLOPE_HIGH,
    SLOPE_LOW,
    WIDTH,
)

Floats = NDArray[np.float64]

WINDOW_FRAMES = 800
FRAME_S = HOP / RATE_HZ
_ROWS_AT_START = 64

_CEPSTRAL = tuple(range(CEP, CEP + CEPSTRA))
_BANDS = tuple(range(MEL, MEL + MEL_BANDS))
_QUALITY = tuple(range(QUALITY, QUALITY + QUALITIES))
_SHAPES = (CENTROID, FLUX, ALPHA, HAMMARBERG, SLOPE_LOW, SLOPE_HIGH, *_CEPSTRAL)
_SPREAD = (*_SHAPES, ENERGY, *_BANDS)
_SHAPES_AT = np.array(_SHAPES)
_SPREAD_AT = np.array(_SPREAD)

FEATURES: tuple[str, ...] = (
    *(f"{DESCRIPTORS[c]}:mean" for c in _SHAPES),
    *(f"{DESCRIPTORS[c]}:sd" for c in _SPREAD),
    "f0_st:mean",
    "f0_st:sd",
    "periodicity:pitched_mean",
    "hnr_db:pitched_mean",
    "hnr_db:pitched_sd",
    *(f"{DESCRIPTORS[c]}:pitched_mean" for c in (*_CEPSTRAL, *_QUALITY)),
    *(f"{DESCRIPTORS[c]}:pitched_sd" for c in _QUALITY),
    "pitched_share",
    "pitched_run_s",
    "f0_st:change",
    "energy_db:change",
    "energy_db:rise",
    *(f"{DESCRIPTORS[c]}:change_20ms" for c in _CEPSTRAL),
    *(f"{DESCRIPTORS[c]}:change_50ms" for c in _BANDS),
    "h1_h2_db:mean",
    "h1_h2_db:sd",
    "h1_a3_db:mean",
    "h1_a3_db:sd",
    "first_harmonic_share",
    "energy_db:p50-p10",
    "energy_db:p90-p50",
    "f0_st:p50-p10",
    "f0_st:p50",
    "f0_st:p90-p50",
    "hnr_db:p10",
    "hnr_db:p90",
    "centroid_hz:p90-p50",
    "flux_db:p50",
    "flux_db:p90",
    "flux_db:pitched_p10",
    "flux_db:pitched_p50",
)
# Changes whenever a feature is added, dropped, renamed, or (by raising the number) computed in another way.
FEATURES_HASH = hashlib.sha256(("2|" + "|".join(FEATURES)).encode()).hexdigest()[:16]


class SpeechWindow:
    """The newest 8 s of counted speech of one call, and features over it.

    Attributes of quality (`clipped_share`, `still_share`, `pitched_share_of_flagged`, `signal_to_noise_db`)
    say whether the features can be believed.
    """

    __slots__ = (
        "_counted",
        "_histograms",
        "_kernels",
        "_noise_db",
        "_noise_frames",
        "_quantiles",
        "_ring",
        "_state",
        "_summarise",
        "_sums",
    )

    def __init__(self) -> None:
        # Compiles, or loads what was compiled.
        from emotion.kernels import statistics, summary

        self._kernels = statistics
        self._summarise = summary.summarise
        self._ring = np.zeros((WINDOW_FRAMES, WIDTH + 1), dtype=np.float32)
        self._state = np.zeros(statistics.STATE, dtype=np.int64)
        self._state[statistics.SINCE_PITCHED] = statistics.HANGOVER + 1
        self._sums: Floats = np.zeros((statistics.SUMS, WIDTH))
        self._histograms = np.zeros((statistics.HISTOGRAMS, statistics.BINS), dtype=np.int64)
        self._quantiles: Floats = np.zeros((statistics.HISTOGRAMS, 3))
        self._noise_db = 0.0
        self._noise_frames = 0
        self._counted = np.zeros(_ROWS_AT_START, dtype=np.bool_)

    def add(self, rows: Floats, speech: bool | None) -> int:
        """Take rows of descriptors (from `Extractor.push`) with the voice-activity flag; return how many count.

        Where `speech` is None they are not the caller's: neither speech nor what lies between it.
        """
        if speech is not None and not speech:
            for energy in rows[:, ENERGY]:
                # The first second is a plain mean, later a slow one: about a second of memory.
                self._noise_frames += 1
                self._noise_db += (float(energy) - self._noise_db) / min(self._noise_frames, 100)
        if len(rows) > len(self._counted):
            self._counted = np.zeros(len(rows), dtype=np.bool_)
        return int(
            self._kernels.admit(
                rows, bool(speech), self._state, self._ring, self._sums, self._histograms, self._counted
            )
        )

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Which of the rows taken last count, from the first of them on: a view that the next `add` overwrites."""
        return self._counted

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
        """Share of clipped samples in the window; 0.0 while nothing has counted."""
        return float(self._sums[self._kernels.ALL, CLIPPED]) / max(self.count, 1)

    @property
    def still_share(self) -> float:
        """Share of neighbouring pitched frames in the window whose pitch hardly moves; 0.0 where there are none."""
        k, numbers = self._kernels, self._sums[self._kernels.NUMBERS]
        return float(numbers[k.STILL]) / max(float(numbers[k.MOVES]), 1.0)

    @property
    def signal_to_noise_db(self) -> float | None:
        """Mean energy of counted frames over that of frames without speech; None until 200 ms without were heard."""
        if self._noise_frames < 20 or not self.count:
            return None
        return float(self._sums[self._kernels.ALL, ENERGY]) / self.count - self._noise_db

    def features(self) -> Floats:
        """Features over the window, in the order of FEATURES, not standardised; all finite.

        Returns
        -------
        float64, shape (len(FEATURES),); zeros while nothing has counted.
        """
        count = self.count
        if not count:
            return np.zeros(len(FEATURES))
        out: Floats = np.empty(len(FEATURES))
        self._kernels.quantiles(self._histograms, self._quantiles)
        self._summarise(self._sums, self._quantiles, float(count), _SHAPES_AT, _SPREAD_AT, out)
        return out
