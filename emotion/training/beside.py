"""What sequence networks say beside the committee over features: which feeling it is, and arousal.

Of feelings the committee counts as one network more. Of arousal it has the same say as the networks together: logits
are added so that both vary alike. So it is by design: nothing here is chosen by how well it does. Valence and anger
rest on the committee alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from emotion.sequence import Layers
from emotion.training.cache import Cache
from emotion.training.calibrate import both_classes, fit_scale
from emotion.training.feelings import Effort, examples, heard, kept_net
from emotion.training.fit import TARGETS, balanced_weights
from emotion.training.judging import NOBODY, Witness, whole
from emotion.training.sequences import Head, Net
from emotion.training.table import Table

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Singles = NDArray[np.float32]

NETS = 2
"""Sequence networks that are averaged."""
AROUSAL = TARGETS.index("arousal")

_SILENT = 1e-6
"""A deviation of logits below which nothing is said."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Networks of which each hears the same steps; their logits are averaged."""

    layers: Layers
    heads: tuple[Head, ...]

    def logits(self, pooled: Singles) -> Singles:
        """Logits of TARGETS, then of the categories, from what `Sequence.pooled` gives, shape (n, outputs)."""
        parts = np.split(pooled, len(self.heads), axis=1)
        found: Singles = np.mean([head.logits(part) for head, part in zip(self.heads, parts, strict=True)], axis=0)
        return found


def joined(nets: Sequence[Net]) -> Joined:
    """Taught networks, side by side."""
    layers = [net.layers() for net in nets]
    return Joined(
        Layers(
            np.ascontiguousarray(np.concatenate([one.first_w for one in layers], axis=1)),
            np.concatenate([one.first_b for one in layers]),
            np.concatenate([one.later_w for one in layers], axis=1),
            np.concatenate([one.later_b for one in layers], axis=1),
        ),
        tuple(net.head() for net in nets),
    )


@dataclass(frozen=True, slots=True)
class Beside:
    """What ships beside the committee over features.

    nets: None where there is nothing more to learn from. sharpness: what the mean of all logits of the categories is
    multiplied with, so that its softmax is a probability. arousal: what the networks' mean logit of arousal is
    multiplied with before it is added to the committee's; 0 where they know nothing of it.
    """

    nets: Joined | None
    sharpness: float
    arousal: float


@dataclass(frozen=True, slots=True)
class Teacher:
    """Teaches the networks of one seed.

    fold: group of speakers, by row of `table`. kept: keeps networks between runs. done: is called after each network.
    """

    table: Table
    fold: NDArray[np.str_]
    categories: Sequence[str]
    effort: Effort
    seed: int
    kept: Cache
    done: Callable[[], None] = lambda: None

    def taught(self, rows: Mask) -> list[Net]:
        """NETS networks that know the recordings of `rows`; none where these tell no feelings apart."""
        what = examples(self.table, rows, self.categories)
        nets = []
        for number in range(NETS):
            if what is not None:
                nets.append(kept_net(what, self.effort, NETS * self.seed + number, self.kept))
            self.done()
        return nets


@dataclass(frozen=True, slots=True)
class Hearing:
    """Judges of one seed, networks and all.

    witnesses: those of the committee, whose arousal rests on the networks too: NaN in rows that these were not asked
    about. named: logits of the categories by row, by models that do not know the speaker; NaN for those that do not
    hear all of a recording as it is.
    """

    witnesses: dict[str, Witness]
    named: Floats
    beside: Beside


def networks_of(parts: Sequence[str], folds: int) -> int:
    """How many networks `hear` teaches."""
    return NETS * (len(parts) + folds + 1)


def hear(teacher: Teacher, parts: Sequence[str], witnesses: Mapping[str, Witness]) -> Hearing:
    """Teach the networks beside `witnesses` (of `judging.witnesses`), none of which is asked about a voice it knew.

    Those who judge a part left out have not heard one fold of the other speakers either, another for each seed: by
    these arousal gets its scale.
    """
    table, fold = teacher.table, teacher.fold
    corpus, columns = table.corpus(), slice(len(TARGETS), None)
    known = np.isin(corpus, list(parts))
    found = {}
    for part in parts:
        others = known & (corpus != part)
        names = np.unique(fold[others])
        held = others & (fold == names[teacher.seed % len(names)])
        said = _nothing(witnesses[part])
        _say(said, table, teacher.taught(others & ~held), (held & table.clean) | (corpus == part))
        found[part], _ = aroused(table, witnesses[part], said[:, AROUSAL])
    ships, said = witnesses[NOBODY], _nothing(witnesses[NOBODY])
    for name in np.unique(fold[known]):
        _say(said, table, teacher.taught(known & (fold != name)), known & (fold == name) & table.clean)
    named = ships.inside[:, columns].copy()
    named[~(known & whole(table))] = np.nan
    both = np.isfinite(said).all(axis=1)
    named[both] = (named[both] + NETS * said[both, columns]) / (1 + NETS)
    nets = teacher.taught(known)
    _say(said, table, nets, ~known)
    found[NOBODY], factor = aroused(table, ships, said[:, AROUSAL])
    beside = Beside(joined(nets) if nets else None, sharpness(table, named, teacher.categories), factor)
    return Hearing(found, named, beside)


def aroused(table: Table, witness: Witness, said: Floats) -> tuple[Witness, float]:
    """The witness with the networks' logit of arousal, `said` by row, added to its own; and what it is multiplied with.

    That is the witness's deviation over the networks', among voices that neither knew: both have the same say. Where
    nothing is known of these, the witness stays as it is, and 0 is returned.
    """
    label, own = table.label("arousal"), witness.inside[:, AROUSAL]
    rows = table.clean & np.isfinite(label) & np.isfinite(own) & np.isfinite(said)
    if "arousal" not in witness.fit.taught or not both_classes(label[rows]):
        return witness, 0.0
    weights = balanced_weights(table, rows, label)[rows]
    spread = _deviation(said[rows], weights)
    if spread < _SILENT:
        return witness, 0.0
    factor = _deviation(own[rows], weights) / spread
    inside, outside = witness.inside.copy(), witness.outside.copy()
    for logits in (inside, outside):
        logits[:, AROUSAL] += factor * said
    scale = fit_scale(inside[rows, AROUSAL], label[rows], weights)
    return replace(witness, inside=inside, outside=outside, scales=witness.scales | {"arousal": scale}), factor


def sharpness(table: Table, logits: Floats, categories: Sequence[str]) -> float:
    """What makes probabilities of `logits` likeliest: among the feelings of its corpus, each with the same say."""
    emotion = np.array([clip.emotion for clip in table.clips])[table.clip]
    corpus, usable = table.corpus(), np.isfinite(logits).all(axis=1) & np.isin(emotion, list(categories))
    scales = np.geomspace(0.1, 10.0, 81)
    losses = np.zeros(len(scales))
    for name in np.unique(corpus[usable]):
        own = usable & (corpus == name)
        known = [place for place, category in enumerate(categories) if category in emotion[own]]
        for category in known:
            z = scales[:, None, None] * logits[own & (emotion == categories[category])][None, :, known]
            most = z.max(axis=2)
            chance = z[:, :, known.index(category)] - most - np.log(np.exp(z - most[:, :, None]).sum(axis=2))
            losses -= chance.mean(axis=1) / len(known)
    return float(scales[int(losses.argmin())]) if losses.any() else 1.0


def _nothing(witness: Witness) -> Floats:
    """Room for logits of every row, NaN until somebody says them."""
    return np.full_like(witness.inside, np.nan)


def _say(said: Floats, table: Table, nets: Sequence[Net], asked: Mask) -> None:
    """Put what `nets` say of the rows `asked` into `said`."""
    if nets and asked.any():
        said[asked] = heard(nets, [table.sound(row) for row in np.flatnonzero(asked).tolist()])


def _deviation(values: Floats, weights: Floats) -> float:
    mean = np.average(values, weights=weights)
    return float(np.sqrt(np.average((values - mean) ** 2, weights=weights)))
