"""What a benchmark promises: a figure beside its floor and its aim, and what it was measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that is promised.

    Attributes
    ----------
    name : str
        What it is, in a few words.
    value : float or None
        None where it could not be measured; the finding's note says why.
    unit : str
        Of value, floor, aim and interval.
    floor, aim : float or None
        What must hold, and what is wanted; None where neither was set.
    low, high : float or None
        95 % interval, where there is one.
    more_is_better : bool
        Whether a greater value is the better one.
    """

    name: str
    value: float | None
    unit: str
    floor: float | None = None
    aim: float | None = None
    low: float | None = None
    high: float | None = None
    more_is_better: bool = False

    @property
    def holds(self) -> bool | None:
        """Whether the floor is kept; None where there is none, or nothing was measured."""
        return self._reaches(self.floor)

    @property
    def aim_met(self) -> bool | None:
        """Whether the aim is met; None where there is none, or nothing was measured."""
        return self._reaches(self.aim)

    def _reaches(self, mark: float | None) -> bool | None:
        if self.value is None or mark is None:
            return None
        return self.value >= mark if self.more_is_better else self.value <= mark


@dataclass(frozen=True, slots=True)
class Finding:
    """What one measurement found.

    Attributes
    ----------
    stage : str
        What was measured.
    audio, model : str
        What was heard, and the id of what heard it.
    count : int
        Of what the figures are drawn from: utterances, callers, calls.
    figures : tuple of Figure
        The numbers; empty where the measurement was left out, and the note says why.
    note : str
        How the figures are defined, and what else was seen.
    """

    stage: str
    audio: str
    model: str
    count: int
    figures: tuple[Figure, ...]
    note: str

    def as_row(self) -> dict[str, object]:
        """Return the finding as the report takes it."""
        return {
            "stage": self.stage,
            "n": self.count,
            "note": self.note,
            "audio": self.audio,
            "model": self.model,
            "figures": [
                {**asdict(figure), "holds": figure.holds, "aim_met": figure.aim_met} for figure in self.figures
            ],
        }


def left_out(stage: str, why: str) -> Finding:
    """Return the finding of a measurement that cannot be made here."""
    return Finding(stage, "", "", 0, (), f"not measured: {why}")


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Return a percentile of values in any order; None of none."""
    return float(np.percentile(values, percent)) if len(values) else None


def of_mean(values: Sequence[float], draws: int = 2000, seed: int = 1) -> tuple[float, float]:
    """Return the 95 % interval of a mean, by drawing the values with replacement."""
    rng = np.random.default_rng(seed)
    drawn = np.asarray(values, np.float64)[rng.integers(0, len(values), (draws, len(values)))]
    low, high = np.quantile(drawn.mean(axis=1), [0.025, 0.975])
    return float(low), float(high)
