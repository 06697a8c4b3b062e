"""What sequence networks are taught from recordings, and what they say of others (`beside` says who is asked what).

Recordings are drawn so that every corpus has the same say, and in it every feeling. What is shown of one is a piece,
clean or worsened, through another handset, from another throat and at another speed, all simulated on its descriptors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotion.kernels.steps import SHAPE_STATE, shape_all
from emotion.layout import F0, MEL, MEL_BANDS, STEP_CHANNELS, STRIDE
from emotion.training.cache import Cache
from emotion.training.fit import TARGETS
from emotion.training.sequences import GAP, Batch, Descent, Drops, Net, loss_slope
from emotion.training.table import Sound, Table

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

TAUGHT = 1
"""Counts changes to how networks are taught, so that a cache of before finds nothing."""

_WARP_AT = 6.0
_CURVE = np.array([1.0, 0.7, 0.5, 0.4])
_COSINES = np.cos(np.pi * np.arange(1, len(_CURVE) + 1)[:, None] * (np.arange(MEL_BANDS) + 0.5) / MEL_BANDS)
_HIDDEN_FRAMES = 25
_MASKS = 2
_TOGETHER = 64


@dataclass(frozen=True, slots=True)
class Effort:
    """Size and teaching of a sequence network.

    units, head: widths. steps: of `batch` recordings, fewer where there are few: no recording is drawn more than about
    `rounds` times. rate, decay: of the descent. drop: share of units left out.
    smooth: share of every answer that is given to the others. sides: what arousal, valence and anger count;
    categories: what the feeling does. worsened: share of draws from worsened copies. short: share of pieces of 1 to 3
    s; the others have at most `longest` frames. from_start: share of pieces that begin with the recording. eq_db, warp,
    pitch_st, speed: deviations of a smooth equaliser, of the length of the vocal tract, of the pitch, and of the
    logarithm of the speed.
    """

    units: int = 64
    head: int = 64
    steps: int = 800
    rounds: int = 32
    batch: int = 128
    rate: float = 2e-3
    decay: float = 0.02
    drop: float = 0.3
    smooth: float = 0.1
    sides: tuple[float, ...] = (0.3, 0.1, 0.3)
    categories: float = 2.0
    worsened: float = 0.5
    short: float = 0.25
    longest: int = 330
    from_start: float = 0.3
    eq_db: float = 1.0
    warp: float = 0.03
    pitch_st: float = 2.0
    speed: float = 0.08


@dataclass(frozen=True, slots=True)
class Examples:
    """What there is to be taught from: an entry for each recording, the first of `sounds` is clean.

    sides (n, TARGETS): 0..1, NaN where unknown. category (n,): 0..k-1. corpus (n,): 0, 1, ... known (corpora, k): the
    categories that each corpus tells apart. groups: of each corpus, the recordings of each of its categories.
    """

    sounds: tuple[tuple[Sound, ...], ...]
    sides: Floats
    category: NDArray[np.int64]
    corpus: NDArray[np.int64]
    known: NDArray[np.bool_]
    groups: tuple[tuple[NDArray[np.int64], ...], ...]

    def digest(self) -> str:
        """Name them by all that a network is taught of them."""
        seen = hashlib.blake2b(digest_size=16)
        for told in (self.sides, self.category, self.corpus, self.known):
            seen.update(told.tobytes())
        for sounds in self.sounds:
            for sound in sounds:
                seen.update(sound.rows.tobytes())
                seen.update(sound.counted.tobytes())
        return seen.hexdigest()


def examples(table: Table, rows: NDArray[np.bool_], categories: Sequence[str]) -> Examples | None:
    """Those recordings of `rows` whose feeling is one of `categories`, of corpora that tell two apart; None if none."""
    heard = [int(place) for place in np.unique(table.clip[rows]) if table.clips[place].emotion in categories]
    feelings: dict[str, set[str]] = {}
    for place in heard:
        feelings.setdefault(table.clips[place].corpus, set()).add(table.clips[place].emotion)
    corpora = [name for name, own in feelings.items() if len(own) > 1]
    clips = [place for place in heard if table.clips[place].corpus in corpora]
    if not clips:
        return None
    category = np.array([categories.index(table.clips[place].emotion) for place in clips])
    corpus = np.array([corpora.index(table.clips[place].corpus) for place in clips])
    known = np.array([[name in feelings[one] for name in categories] for one in corpora])
    sides = [[getattr(table.clips[place], target) for target in TARGETS] for place in clips]
    return Examples(
        tuple(table.sounds[place] for place in clips),
        np.array([[np.nan if value is None else value for value in row] for row in sides], dtype=np.float64),
        category,
        corpus,
        known,
        tuple(
            tuple(np.flatnonzero((corpus == c) & (category == k)) for k in np.flatnonzero(known[c]))
            for c in range(len(corpora))
        ),
    )


def fit_net(what: Examples, effort: Effort, seed: int) -> Net:
    """Teach one network; the same examples, effort and seed give the same bits."""
    rng = np.random.default_rng(seed)
    net = _untaught(what, effort, rng)
    steps = min(effort.steps, max(1, effort.rounds * len(what.corpus) // effort.batch))
    descent = Descent(net.weights, effort.rate, effort.decay, steps)
    positive = _positive(what)
    for _ in range(steps):
        picked = np.array([_draw(what, rng) for _ in range(effort.batch)])
        corpus = what.corpus[picked]
        sides = what.sides[picked]
        told = np.isfinite(sides)
        sides, high = np.nan_to_num(sides), positive[corpus]
        counts = told * np.array(effort.sides) * (sides * 0.5 / high + (1.0 - sides) * 0.5 / (1.0 - high))
        sides = sides * (1.0 - effort.smooth) + 0.5 * effort.smooth
        known = what.known[corpus]
        category = effort.smooth * known / known.sum(axis=1, keepdims=True)
        category[np.arange(len(picked)), what.category[picked]] += 1.0 - effort.smooth
        out, back = net.forward(
            together([piece(what.sounds[one], effort, rng) for one in picked]), Drops(effort.drop, rng)
        )
        _, slope = loss_slope(
            out,
            sides.astype(np.float32),
            counts.astype(np.float32),
            category.astype(np.float32),
            known,
            effort.categories,
        )
        descent.update(net.weights, back(slope))
    return net


def kept_net(what: Examples, effort: Effort, seed: int, kept: Cache) -> Net:
    """`fit_net`, or the network that it gave when it was asked before."""
    name = f"{what.digest()}-{seed}"
    parameters = kept.get(name)
    if parameters is None:
        net = fit_net(what, effort, seed)
        kept.put(name, net.parameters())
        return net
    net = _untaught(what, effort, np.random.default_rng(seed))
    net.take(parameters)
    return net


def piece(sounds: Sequence[Sound], effort: Effort, rng: np.random.Generator) -> tuple[Singles, Singles]:
    """Draw one of a recording's sounds, a piece of it, and what is changed: inputs (S, C), and weight (S,)."""
    worse = rng.random() < effort.worsened and len(sounds) > 1
    sound = sounds[int(rng.integers(1, len(sounds)))] if worse else sounds[0]
    speed = float(np.clip(np.exp(effort.speed * rng.standard_normal()), 0.8, 1.25))
    full = max(int(len(sound.rows) / speed), STRIDE)
    most = int(rng.uniform(100.0, 300.0)) if rng.random() < effort.short else effort.longest
    frames = min(full, most) // STRIDE * STRIDE
    first = 0 if rng.random() < effort.from_start else int((full - frames) * rng.random() * speed)
    shift = effort.pitch_st * rng.standard_normal()
    warp = 1.0 + effort.warp * rng.standard_normal() + 0.01 * shift
    at = np.minimum(first + (np.arange(frames) * speed).astype(np.int64), len(sound.rows) - 1)
    counted = sound.counted[at]
    rows = Sound(sound.rows[at], counted).descriptors()
    inputs: Singles = np.empty((frames, STEP_CHANNELS), dtype=np.float32)
    change(rows, warp, _curve(rng, effort.eq_db), shift)
    shape_all(rows, counted, np.zeros(SHAPE_STATE), inputs)
    for _ in range(_MASKS):
        start = int(frames * rng.random())
        hidden = slice(start, start + int(_HIDDEN_FRAMES * rng.random()))
        inputs[hidden], counted[hidden] = 0.0, False
    return _steps(inputs, counted)


def whole_steps(sound: Sound) -> tuple[Singles, Singles]:
    """All steps of a sound as it is: inputs (S, C), and weight (S,)."""
    frames = len(sound.rows) // STRIDE * STRIDE
    inputs: Singles = np.empty((frames, STEP_CHANNELS), dtype=np.float32)
    shape_all(sound.descriptors()[:frames], sound.counted[:frames], np.zeros(SHAPE_STATE), inputs)
    return _steps(inputs, sound.counted[:frames])


def together(pieces: Sequence[tuple[Singles, Singles]]) -> Batch:
    """Pieces one after the other, with gaps."""
    lengths = np.array([len(inputs) for inputs, _ in pieces])
    starts = np.cumsum(lengths + GAP) - lengths - GAP
    total = int(starts[-1] + lengths[-1] + GAP)
    inputs = np.zeros((total, STRIDE * STEP_CHANNELS), dtype=np.float32)
    there, weight = np.zeros((total, 1), dtype=np.float32), np.zeros(total, dtype=np.float32)
    for start, (own, counts) in zip(starts, pieces, strict=True):
        own_steps = slice(start, start + len(own))
        inputs[own_steps], weight[own_steps], there[own_steps] = own, counts, 1.0
    return Batch(inputs, there, weight, starts)


def heard(nets: Sequence[Net], sounds: Sequence[Sound]) -> Singles:
    """Mean logits of networks, for each of `sounds` whole, shape (n, outputs)."""
    found: list[Singles] = []
    for start in range(0, len(sounds), _TOGETHER):
        batch = together([whole_steps(sound) for sound in sounds[start : start + _TOGETHER]])
        found.append(np.mean([net.forward(batch)[0] for net in nets], axis=0))
    return np.concatenate(found)


def change(rows: Floats, warp: float, curve: Floats, shift: float) -> None:
    """Draw the mel bands of `rows` apart by `warp`, put them through an equaliser (dB), shift the pitch (semitones)."""
    place = np.clip((np.arange(MEL_BANDS) - _WARP_AT) * warp + _WARP_AT, 0.0, MEL_BANDS - 1.001)
    low = place.astype(np.int64)
    part = place - low
    rows[:, MEL : MEL + MEL_BANDS] = rows[:, MEL + low] * (1.0 - part) + rows[:, MEL + low + 1] * part + curve
    rows[:, F0] += shift * (rows[:, F0] > 0.0)


def _untaught(what: Examples, effort: Effort, rng: np.random.Generator) -> Net:
    return Net(STRIDE * STEP_CHANNELS, effort.units, effort.head, len(TARGETS) + what.known.shape[1], rng)


def _steps(inputs: Singles, counted: NDArray[np.bool_]) -> tuple[Singles, Singles]:
    steps = len(inputs) // STRIDE
    return inputs.reshape(steps, -1), counted.reshape(steps, STRIDE).mean(axis=1).astype(np.float32)


def _draw(what: Examples, rng: np.random.Generator) -> int:
    groups = what.groups[int(rng.integers(len(what.groups)))]
    group = groups[int(rng.integers(len(groups)))]
    return int(group[int(rng.integers(len(group)))])


def _curve(rng: np.random.Generator, db: float) -> Floats:
    """A random smooth equaliser over the mel bands, dB: a tilt and three slower cosines."""
    curve: Floats = (rng.standard_normal(len(_CURVE)) * db * _CURVE) @ _COSINES
    return curve


def _positive(what: Examples) -> Floats:
    """Share of each target's high side among what is drawn of a corpus, (corpora, TARGETS), within .05 and .95."""
    shares = np.full((len(what.groups), len(TARGETS)), 0.5)
    for c, groups in enumerate(what.groups):
        for target in range(len(TARGETS)):
            of_groups = [what.sides[group, target] for group in groups]
            means = [float(np.nanmean(own)) for own in of_groups if np.isfinite(own).any()]
            if means:
                shares[c, target] = np.clip(np.mean(means), 0.05, 0.95)
    return shares
