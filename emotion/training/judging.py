"""Who judges whom: logits and models of one seed, each of what the model knows nothing of.

Parts are what is left out together (corpora). Thresholds and scales for a part left out come from the other
parts only, and there from models that knew neither the part nor the speakers whom they are asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from emotion.training.calibrate import UNKNOWN, Scale, both_classes, fit_scale
from emotion.training.fit import TARGETS, FitSettings, ToneFit, balanced_weights, fit_tone
from emotion.training.table import Table

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

NOBODY: Final = ""
"""The part that is left out where none is."""


@dataclass(frozen=True, slots=True)
class Witness:
    """All that judges one part left out (or none): logits of every row, NaN where a row was not asked about.

    fit: knows nothing of the part. outside: its logits, of rows that it was not trained on. fits: by fold, models that
    know nothing of the part nor of the speakers of the fold. inside: their logits of those speakers. scales: of
    probabilities at a prior of one half, found on `inside`.
    """

    fit: ToneFit
    outside: Floats
    fits: dict[str, ToneFit]
    inside: Floats
    scales: dict[str, Scale]

    def probability(self, target: str, logits: Floats) -> Floats:
        """Probability of a target at a prior of one half, from logits of this witness."""
        return self.scales[target](logits[:, TARGETS.index(target)])


def witnesses(
    table: Table,
    parts: Sequence[str],
    fold: NDArray[np.str_],
    categories: Sequence[str],
    settings: FitSettings,
    done: Callable[[], None] = lambda: None,
) -> dict[str, Witness]:
    """Fit all witnesses of one seed: by part left out, and NOBODY for the model that ships.

    Parameters
    ----------
    table
        Rows to train on (corpus in `parts`) and rows of others.
    fold
        Group of speakers, by row.
    done
        Is called after each fit; `fits_of` says how often.
    """
    corpus = table.corpus()
    found = {}
    for part in (*parts, NOBODY):
        rows = np.isin(corpus, [name for name in parts if name != part])
        fit = fit_tone(table, rows, categories, settings)
        done()
        outside = np.full((len(corpus), len(TARGETS) + len(categories)), np.nan)
        outside[~rows] = fit.logits(table.features[~rows])
        inside = np.full_like(outside, np.nan)
        fits = {}
        for name in np.unique(fold[np.isin(corpus, list(parts))]):
            asked = rows & (fold == name)
            known = rows & ~asked
            if asked.any() and both_classes(table.label("anger")[known]):
                fits[str(name)] = fit_tone(table, known, categories, settings)
                inside[asked] = fits[str(name)].logits(table.features[asked])
            done()
        found[part] = Witness(fit, outside, fits, inside, _scales(table, fit, inside))
    return found


def fits_of(parts: Sequence[str], folds: int) -> int:
    """How many fits `witnesses` makes."""
    return (len(parts) + 1) * (folds + 1)


def whole(table: Table) -> Mask:
    """Rows that hear all of a recording as it is."""
    return table.whole & table.clean


def _scales(table: Table, fit: ToneFit, inside: Floats) -> dict[str, Scale]:
    """Scales by target, both classes and all corpora with the same say (prior 0.5), over all that is heard."""
    scales = dict.fromkeys(TARGETS, UNKNOWN)
    for target in fit.taught:
        label, logits = table.label(target), inside[:, TARGETS.index(target)]
        rows = np.isfinite(label) & np.isfinite(logits) & table.clean
        scales[target] = Scale(1.0, 0.0)
        if both_classes(label[rows]):
            scales[target] = fit_scale(logits[rows], label[rows], balanced_weights(table, rows, label)[rows])
    return scales
