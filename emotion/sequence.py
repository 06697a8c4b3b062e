"""Small causal networks over a call's descriptors: what they make of the speech heard, for the model's last layers.

A network takes steps of 50 ms (five frames side by side), joins each with what came one to six steps before it, and
is asked for the mean and deviation of its units over the newest steps in which speech counted. Steps run as the
samples come, in the call's own memory; the layers after them are part of the model, which is thereby asked by every
call at any moment without knowing what it was asked before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotion.layout import STEP_CHANNELS, STRIDE

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layers:
    """Layers of one or more networks that see the same steps; norms are merged into them.

    first_w: shape (STRIDE * STEP_CHANNELS, networks * units), first_b: (networks * units,). later_w: (layers - 1,
    networks, 3 * units, units), the oldest of three steps first; later_b: (layers - 1, networks * units).
    """

    first_w: Singles
    first_b: Singles
    later_w: Singles
    later_b: Singles

    @property
    def pooled(self) -> int:
        """How many numbers `Sequence.pooled` gives."""
        return 2 * len(self.first_b)


class Sequence:
    """What the networks made of one call so far; the same however its samples were cut."""

    __slots__ = ("_first", "_frames", "_kept", "_kernels", "_layers", "_ring", "_shaped", "_state", "_sums", "_units")

    def __init__(self, layers: Layers) -> None:
        # Compiles, or loads what was compiled.
        from emotion.kernels import steps

        self._kernels = steps
        self._layers = layers
        self._units = layers.later_w.shape[3]
        total = len(layers.first_b)
        self._shaped: Floats = np.zeros(steps.SHAPE_STATE)
        self._state = np.zeros(steps.STEP_STATE, dtype=np.int64)
        self._frames: Singles = np.zeros(STRIDE * STEP_CHANNELS, dtype=np.float32)
        self._first: Singles = np.zeros(total, dtype=np.float32)
        self._kept: Singles = np.zeros((len(layers.later_w) + 1, steps.KEPT, total), dtype=np.float32)
        self._ring: Singles = np.zeros((steps.WINDOW_STEPS, total + 1), dtype=np.float32)
        self._sums: Floats = np.zeros(2 * total + 1)

    def add(self, rows: Floats, counted: NDArray[np.bool_]) -> None:
        """Take rows of descriptors (from `Extractor.push`), and for each whether it counts as speech heard."""
        layers = self._layers
        self._kernels.follow(
            rows,
            counted,
            layers.first_w,
            layers.first_b,
            layers.later_w,
            layers.later_b,
            self._shaped,
            self._state,
            self._frames,
            self._first,
            self._kept,
            self._ring,
            self._sums,
        )

    def pooled(self) -> Singles:
        """Mean, then deviation of the units of each network in turn, float32, shape (layers.pooled,).

        Over the newest WINDOW_STEPS steps in which speech counted, each weighed by how much of it did; zeros before
        the first.
        """
        out: Singles = np.empty(2 * len(self._first), dtype=np.float32)
        self._kernels.pool(self._sums, self._units, out)
        return out
