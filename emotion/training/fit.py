"""The fit: standardisation, what each row teaches and how much, and one committee for everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from emotion.baseline import CalmSpeech
from emotion.functionals import FEATURES
from emotion.training.calibrate import both_classes
from emotion.training.labels import EMOTIONS
from emotion.training.manifest import Clip
from emotion.training.networks import Lesson, Networks, Shape, fit_networks
from emotion.training.table import Table

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

TARGETS = ("arousal", "valence", "anger")
ANGER = TARGETS.index("anger")
LIMIT_SD = 4.0
FREE_SD = 2.5
"""A feature within so many deviations of the mean is not unfamiliar."""
ANGER_BY_CATEGORY = 0.5
"""How much the log-odds of anger among the categories count beside the logit of anger itself."""
BASELINE_SD = 0.5
"""How far a caller's own baseline may move a feature, in deviations of the training data."""

_HEAVIEST = 20.0
# Frustration stands between: it is neither angry nor not.
_CATEGORIES = ("anger", *(name for name in EMOTIONS if name not in ("anger", "frustration")))


@dataclass(frozen=True, slots=True)
class FitSettings:
    """The committee, and the seed from which it starts."""

    shape: Shape = field(default_factory=Shape)
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Scaler:
    """Standardisation with training statistics: (x - mean) / deviation, kept within +-LIMIT_SD."""

    mean: Floats
    deviation: Floats

    def distances(self, features: Floats) -> Floats:
        """Standardised features before the limit, shape as given."""
        return (features - self.mean) / self.deviation

    def __call__(self, features: Floats) -> Floats:
        return np.clip(self.distances(features), -LIMIT_SD, LIMIT_SD)


@dataclass(frozen=True, slots=True)
class ToneFit:
    """A whole model but for the scales of its probabilities.

    taught: the TARGETS of which there were both kinds. categories: names of the networks' outputs after the
    targets, anger first where it is among them. half_distance: the distance that halves familiarity. calm: what the
    caller's own baseline starts from, None where nobody is known to be calm.
    """

    scaler: Scaler
    networks: Networks
    taught: tuple[str, ...]
    categories: tuple[str, ...]
    half_distance: float
    calm: CalmSpeech | None

    def logits(self, features: Floats) -> Floats:
        """Logits of TARGETS and categories, shape (n, len(TARGETS) + len(categories)); that of anger knows both."""
        found = self.networks.logits(self.scaler(features))
        if self.categories[:1] == ("anger",):
            found[:, ANGER] += ANGER_BY_CATEGORY * first_of_all(found[:, len(TARGETS) :])
        return found


def first_of_all(logits: Floats) -> Floats:
    """Log-odds of the first of the categories in a softmax over all of them, shape (n,)."""
    others = logits[:, 1:]
    most = others.max(axis=1)
    result: Floats = logits[:, 0] - most - np.log(np.exp(others - most[:, None]).sum(axis=1))
    return result


def categories_of(clips: Sequence[Clip]) -> tuple[str, ...]:
    """Names of the feelings that some corpus tells from others, anger first; empty where no corpus tells two apart."""
    found: dict[str, set[str]] = {}
    for clip in clips:
        if clip.emotion in _CATEGORIES:
            found.setdefault(clip.corpus, set()).add(clip.emotion)
    names = {name for known in found.values() if len(known) > 1 for name in known}
    return tuple(name for name in _CATEGORIES if name in names)


def balanced_weights(table: Table, rows: Mask, label: Floats) -> Floats:
    """Weights that give every corpus the same say, both classes of it the same, and every clip in a class the same.

    `label` may be 0.5 (half of the row in each class), or the number of a category; rows outside `rows` weigh
    nothing. The mean over `rows` is one.
    """
    weights = np.zeros(len(label))
    per_clip = np.bincount(table.clip, weights=rows, minlength=len(table.clips))
    weights[rows] = 1.0 / per_clip[table.clip[rows]]
    corpus = table.corpus()
    for name in np.unique(corpus[rows]):
        here = rows & (corpus == name)
        # Half-positive rows count as a class of their own: they pull both ways and leave the balance alone.
        for value in np.unique(label[here]):
            members = here & (label == value)
            weights[members] /= weights[members].sum()
    result: Floats = weights / weights[rows].mean()
    return result


def fit_scaler(table: Table, rows: Mask) -> Scaler:
    """Mean and deviation over `rows`, every corpus with the same say."""
    weights = np.zeros(len(table.clip))
    corpus = table.corpus()
    for name in np.unique(corpus[rows]):
        here = rows & (corpus == name)
        weights[here] = 1.0 / here.sum()
    used = table.features[rows]
    mean = np.average(used, axis=0, weights=weights[rows])
    variance = np.average((used - mean) ** 2, axis=0, weights=weights[rows])
    return Scaler(mean, np.sqrt(np.maximum(variance, 1e-12)))


def lesson(table: Table, rows: Mask, scaler: Scaler, categories: Sequence[str]) -> tuple[Lesson, tuple[str, ...]]:
    """What `rows` teach, and which of TARGETS they teach: those with labels of both kinds."""
    n, used = len(table.clip), np.flatnonzero(rows)
    taught = tuple(target for target in TARGETS if both_classes(table.label(target)[rows]))
    sides = np.nan_to_num(np.stack([table.label(target) for target in TARGETS], axis=1))
    side_weights = np.zeros((n, len(TARGETS)))
    for target in taught:
        label = table.label(target)
        side_weights[:, TARGETS.index(target)] = _shared_out(table, rows & np.isfinite(label), label, rows)
    number = {name: place for place, name in enumerate(categories)}
    category = np.array([number.get(clip.emotion, -1) for clip in table.clips], dtype=np.int64)[table.clip]
    known = np.zeros((n, len(categories)), dtype=np.bool_)
    corpus = table.corpus()
    for name in np.unique(corpus[rows]):
        here = rows & (corpus == name)
        known[np.ix_(here, np.unique(category[here & (category >= 0)]))] = True
    sorted_out = rows & (category >= 0) & (known.sum(axis=1) > 1)
    category_weights = _shared_out(table, sorted_out, category.astype(np.float64), rows)
    made = Lesson(
        inputs=scaler(table.features[used]).astype(np.float32),
        sides=sides[used].astype(np.float32),
        side_weights=side_weights[used].astype(np.float32),
        category=np.maximum(category[used], 0),
        category_weights=category_weights[used].astype(np.float32),
        known=known[used],
    )
    return made, taught


def fit_tone(table: Table, rows: Mask, categories: Sequence[str], settings: FitSettings) -> ToneFit:
    """Fit a model on `rows`."""
    scaler = fit_scaler(table, rows)
    what, taught = lesson(table, rows, scaler, categories)
    far = excess(scaler.distances(table.features[rows]))
    return ToneFit(
        scaler=scaler,
        networks=fit_networks(what, settings.shape, settings.seed),
        taught=taught,
        categories=tuple(categories),
        # Never nothing, or a row that is not far away would be nothing of nothing.
        half_distance=max(float(np.quantile(far, 0.99)), 1e-3),
        calm=calm_speech(table, rows, scaler),
    )


def calm_speech(table: Table, rows: Mask, scaler: Scaler) -> CalmSpeech | None:
    """How whole calm recordings of `rows` sound, every corpus with the same say; None where there are none.

    A caller's baseline may move what is the same for all of a voice (means, medians), by BASELINE_SD, and nothing
    that tells how the voice moves.
    """
    corpus = table.corpus()
    calm = rows & table.whole & table.clean & (table.label("anger") == 0.0) & (table.label("arousal") == 0.0)
    if not calm.any():
        return None
    centres = [table.features[calm & (corpus == name)].mean(axis=0) for name in np.unique(corpus[calm])]
    steady = np.array([name.endswith(("mean", ":p50")) for name in FEATURES])
    return CalmSpeech(np.mean(centres, axis=0), scaler.deviation, np.where(steady, BASELINE_SD, 0.0))


def excess(standardised: Floats) -> Floats:
    """How far a row lies outside what was trained on: mean over features of the part beyond FREE_SD, (n,)."""
    result: Floats = np.maximum(np.abs(standardised) - FREE_SD, 0.0).mean(axis=1)
    return result


def _shared_out(table: Table, known: Mask, label: Floats, rows: Mask) -> Floats:
    """Balanced weights of the `known` among `rows`: together they weigh what all `rows` would, none too much."""
    if not known.any():
        return np.zeros(len(label))
    result: Floats = np.minimum(balanced_weights(table, known, label) * (rows.sum() / known.sum()), _HEAVIEST)
    return result
