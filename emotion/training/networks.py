"""Committees of small networks that learn several things at once, in NumPy: one hidden layer, exact gradients.

Each network has a logit for every yes-or-no question (`Lesson.sides`) and one for every category. The questions
are judged by cross-entropy each; the categories by that of a softmax over those which the row's corpus knows: a
corpus without boredom says nothing against boredom. Fitted by AdamW (Loshchilov and Hutter, "Decoupled weight decay
regularization", ICLR 2019) under one cycle of the learning rate (Smith, "Super-convergence", 2018).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]
Parameters = tuple[Singles, Singles, Singles, Singles]
"""As `Networks` has them."""

_WARM = 0.1
_START, _END = 1 / 25, 1e-6
_BETAS, _EPSILON = (0.9, 0.999), 1e-8


@dataclass(frozen=True, slots=True)
class Shape:
    """Size and effort of a committee.

    hidden: units of each network. members: networks. passes: over all rows. batch: rows a step. rate: highest
    learning rate. decay: of all weights, per step and rate. drop, drop_inputs: shares of hidden units and inputs left
    out at a step, to 1/256. side_weights: what each yes-or-no question counts. category_weight: what the categories
    count.
    """

    hidden: int = 192
    members: int = 3
    passes: int = 12
    batch: int = 512
    rate: float = 3e-3
    decay: float = 0.3
    drop: float = 0.5
    drop_inputs: float = 0.1
    side_weights: tuple[float, ...] = (1.0, 0.5, 1.0)
    category_weight: float = 2.0


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is learnt from n rows.

    inputs (n, features), standardised. sides (n, questions): 0..1, with side_weights of the same shape, 0 where
    nothing is known. category (n,): 0..k-1, with category_weights (n,), 0 where none is known. known (n, k): which
    categories the row could have had.
    """

    inputs: Singles
    sides: Singles
    side_weights: Singles
    category: NDArray[np.int64]
    category_weights: Singles
    known: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Networks:
    """Fitted networks; all arrays begin with the member: hidden_w (m, features, units), hidden_b (m, 1, units),
    out_w (m, units, outputs), out_b (m, 1, outputs). Outputs are the questions, then the categories.
    """

    hidden_w: Singles
    hidden_b: Singles
    out_w: Singles
    out_b: Singles

    def logits(self, standardised: NDArray[np.floating]) -> NDArray[np.float64]:
        """Logits of all outputs, mean of the networks, shape (n, outputs)."""
        x = np.asarray(standardised, dtype=np.float32)
        total = np.zeros((len(x), self.out_w.shape[2]))
        for w, b, v, c in zip(self.hidden_w, self.hidden_b, self.out_w, self.out_b, strict=True):
            total += np.maximum(x @ w + b, 0.0) @ v + c
        return total / len(self.hidden_w)

    def side_by_side(self) -> tuple[Singles, Singles, Singles, Singles]:
        """The committee as one network with the same logits: hidden_w, hidden_b, out_w, out_b."""
        m, d, h = self.hidden_w.shape
        return (
            self.hidden_w.transpose(1, 0, 2).reshape(d, m * h),
            self.hidden_b.reshape(m * h),
            self.out_w.reshape(m * h, -1) / np.float32(m),
            self.out_b.mean(axis=(0, 1)),
        )


def fit_networks(lesson: Lesson, shape: Shape, seed: int) -> Networks:
    """Fit a committee; the same lesson, shape and seed give the same bits."""
    rng = np.random.default_rng(seed)
    n, d = lesson.inputs.shape
    m, h, outputs = shape.members, shape.hidden, lesson.sides.shape[1] + lesson.known.shape[1]
    flat, parameters = _arrays(m, d, h, outputs)
    slope, gradients = _arrays(m, d, h, outputs)
    parameters[0][:] = rng.standard_normal(parameters[0].shape, dtype=np.float32) * np.sqrt(2.0 / d)
    parameters[2][:] = rng.standard_normal(parameters[2].shape, dtype=np.float32) * np.sqrt(1.0 / h)
    weighed = replace(
        lesson,
        side_weights=lesson.side_weights * np.asarray(shape.side_weights, dtype=np.float32),
        category_weights=lesson.category_weights * np.float32(shape.category_weight),
    )
    first, second = np.zeros_like(flat), np.zeros_like(flat)
    batch = min(shape.batch, n)
    steps = shape.passes * (n // batch)
    for step in range(steps):
        if step % (n // batch) == 0:
            order = rng.permutation(n)
        rows = order[step % (n // batch) * batch :][:batch]
        kept = _kept(rng, (m, batch, d), shape.drop_inputs)
        passed = _kept(rng, (m, batch, h), shape.drop)
        fill_gradients(weighed, rows, parameters, gradients, kept, passed)
        rate = np.float32(shape.rate * _cycle(step, steps))
        first += (slope - first) * np.float32(1.0 - _BETAS[0])
        second += (slope * slope - second) * np.float32(1.0 - _BETAS[1])
        mean = first / np.float32(1.0 - _BETAS[0] ** (step + 1))
        spread = np.sqrt(second / np.float32(1.0 - _BETAS[1] ** (step + 1)))
        flat *= np.float32(1.0) - rate * np.float32(shape.decay)
        flat -= rate * mean / (spread + np.float32(_EPSILON))
    return Networks(*parameters)


def fill_gradients(
    lesson: Lesson,
    rows: NDArray[np.int64],
    parameters: Parameters,
    gradients: Parameters,
    kept: Singles,
    passed: Singles,
) -> None:
    """Put the gradients of the loss over `rows` into `gradients`: of each network's mean over the rows.

    The loss of a row is the weighted sum of the cross-entropies of its questions and of its category. `kept` (m, rows,
    features) and `passed` (m, rows, units) are factors of inputs and hidden units; they are overwritten.
    """
    hidden_w, hidden_b, out_w, out_b = parameters
    questions = lesson.sides.shape[1]
    kept *= lesson.inputs[rows]
    active = kept @ hidden_w + hidden_b
    passed *= active > 0.0
    active *= passed
    out: Singles = np.matmul(active, out_w)
    out += out_b
    wrong = np.empty_like(out)
    wrong[..., :questions] = (_sigmoid(out[..., :questions]) - lesson.sides[rows]) * lesson.side_weights[rows]
    if out.shape[2] > questions:
        barred = np.where(lesson.known[rows], np.float32(0.0), np.float32(-1e4))
        chance = _softmax(out[..., questions:] + barred)
        chance[:, np.arange(len(rows)), lesson.category[rows]] -= 1.0
        wrong[..., questions:] = chance * lesson.category_weights[rows, None]
    wrong /= len(rows)
    np.matmul(active.transpose(0, 2, 1), wrong, out=gradients[2])
    gradients[3][:, 0] = wrong.sum(axis=1)
    back = wrong @ out_w.transpose(0, 2, 1)
    back *= passed
    np.matmul(kept.transpose(0, 2, 1), back, out=gradients[0])
    gradients[1][:, 0] = back.sum(axis=1)


def _arrays(m: int, d: int, h: int, outputs: int) -> tuple[Singles, Parameters]:
    """Zeros for all parameters side by side, and the four arrays within."""
    sizes = ((m, d, h), (m, 1, h), (m, h, outputs), (m, 1, outputs))
    ends = np.cumsum([int(np.prod(size)) for size in sizes])
    flat = np.zeros(ends[-1], dtype=np.float32)
    one, two, three, four = (part.reshape(size) for part, size in zip(np.split(flat, ends[:-1]), sizes, strict=True))
    return flat, (one, two, three, four)


def _kept(rng: np.random.Generator, shape: tuple[int, ...], drop: float) -> Singles:
    """Factors that leave out a share `drop`, to 1/256, and keep the mean."""
    out = round(256 * drop)
    drawn = rng.integers(0, 256, shape, dtype=np.uint8)
    return (drawn >= out).astype(np.float32) * np.float32(256 / (256 - out))


def _cycle(step: int, steps: int) -> float:
    """Share of the highest rate: from 1/25 up over the first tenth and down to nothing, both along a cosine."""
    up = max(_WARM * steps - 1.0, 1.0)
    if step <= up:
        return 1.0 + (_START - 1.0) * 0.5 * (1.0 + math.cos(math.pi * step / up))
    return _END + (1.0 - _END) * 0.5 * (1.0 + math.cos(math.pi * (step - up) / max(steps - 1.0 - up, 1.0)))


def _sigmoid(x: Singles) -> Singles:
    result: Singles = np.float32(0.5) + np.float32(0.5) * np.tanh(np.float32(0.5) * x)
    return result


def _softmax(x: Singles) -> Singles:
    x = np.exp(x - x.max(axis=-1, keepdims=True))
    result: Singles = x / x.sum(axis=-1, keepdims=True)
    return result
