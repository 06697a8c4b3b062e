"""Causal sequence networks in NumPy, with their own gradients: three layers over steps of 50 ms, pooled, and a head.

Steps and what they look back on are those of `emotion.kernels.steps`. What the last layer makes of the steps is pooled
by mean and deviation, weighed by how much of each step counts as speech; a head of one hidden layer answers the
questions (arousal, valence, anger) and names the feeling. Layers are followed by batch norm (Ioffe and Szegedy, 2015),
which `Net.layers` and `Net.head` merge into the weights.

Recordings are put one after the other, with GAP steps of nothing after each, so that nothing looks back into the one
before. Shapes: B recordings, S steps of all of them and the gaps, C inputs a step, E units, H units of the head, K
outputs (questions, then categories).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotion.kernels.steps import LEAST_VARIANCE
from emotion.layout import LOOK_BACK
from emotion.sequence import Layers

Singles = NDArray[np.float32]
Parameters = dict[str, Singles]
Back = Callable[[Singles], Parameters]
"""From the slope of the loss by the outputs to that by each parameter."""

_TINY = 1e-5
_FORGET = 0.1
_WARM, _START = 0.15, 0.04
_BETAS, _EPSILON = (0.9, 0.999), 1e-8
_LONGEST_STEP = 5.0
GAP = 2 * max(LOOK_BACK)


@dataclass(frozen=True, slots=True)
class Batch:
    """Recordings, or pieces of them, one after the other.

    inputs (S, C): shaped descriptors. there (S, 1): 0 in the gaps, else 1. weight (S,): share of each step's frames
    that count as speech. starts (B,): the first step of each.
    """

    inputs: Singles
    there: Singles
    weight: Singles
    starts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Drops:
    """What is left out in training: a share of the head's units, and half that share of what is pooled."""

    share: float
    rng: np.random.Generator

    def factors(self, shape: tuple[int, ...], share: float) -> Singles:
        """Factors that leave out `share` and keep the mean."""
        kept = self.rng.random(shape, dtype=np.float32) >= share
        return kept.astype(np.float32) * np.float32(1.0 / (1.0 - share))


@dataclass(frozen=True, slots=True)
class Head:
    """What follows the pooled units: hidden_w (2 E, H), hidden_b (H,), out_w (H, K), out_b (K,)."""

    hidden_w: Singles
    hidden_b: Singles
    out_w: Singles
    out_b: Singles

    def logits(self, pooled: Singles) -> Singles:
        """Logits (n, K) of what is pooled (n, 2 E)."""
        active: Singles = np.maximum(pooled @ self.hidden_w + self.hidden_b, 0.0)
        return active @ self.out_w + self.out_b


class Net:
    """A network while it is taught: its weights, and the running statistics of its norms."""

    def __init__(self, inputs: int, units: int, head: int, outputs: int, rng: np.random.Generator) -> None:
        def layer(n: int, m: int) -> Singles:
            # A variance of 1 / (3 n): larger ones learn worse voices of people who were not heard.
            return rng.standard_normal((n, m), dtype=np.float32) * np.float32(math.sqrt(1.0 / (3.0 * n)))

        self.weights: Parameters = {"w0": layer(inputs, units)}
        for i in range(len(LOOK_BACK)):
            self.weights[f"w{i + 1}"] = layer(3 * units, units)
        self.weights |= {"head_w": layer(2 * units, head), "out_w": layer(head, outputs)}
        self.weights |= {"head_b": np.zeros(head, np.float32), "out_b": np.zeros(outputs, np.float32)}
        self.statistics: Parameters = {}
        for name, width in (*((str(i), units) for i in range(len(LOOK_BACK) + 1)), ("pool", 2 * units)):
            self.weights |= {f"gain_{name}": np.ones(width, np.float32), f"shift_{name}": np.zeros(width, np.float32)}
            self.statistics |= {f"mean_{name}": np.zeros(width, np.float32), f"var_{name}": np.ones(width, np.float32)}

    def parameters(self) -> Parameters:
        """Weights and statistics, by names that differ: all that was learnt."""
        return self.weights | self.statistics

    def take(self, parameters: Parameters) -> None:
        """Become the network of the same size whose `parameters` these are."""
        self.weights = {name: parameters[name] for name in self.weights}
        self.statistics = {name: parameters[name] for name in self.statistics}

    def forward(self, batch: Batch, drops: Drops | None = None) -> tuple[Singles, Back]:
        """Outputs (B, K), and the way back. With `drops` norms use, and remember, the batch's own statistics."""
        w, there = self.weights, batch.there
        taught = drops is not None
        z, undo = self._norm("0", batch.inputs @ w["w0"], there, taught)
        undone, active = [undo], [_open(z, there)]
        made: list[Singles] = [z * active[0]]
        units = z.shape[1]
        for i, back in enumerate(LOOK_BACK):
            # One product for all three steps that are joined; what is earlier is added later.
            joined: Singles = made[i] @ _side_by_side(w[f"w{i + 1}"])
            z = joined[:, 2 * units :]
            z[back:] += joined[:-back, units : 2 * units]
            z[2 * back :] += joined[: -2 * back, :units]
            z, undo = self._norm(str(i + 1), z, there, taught)
            undone.append(undo)
            active.append(_open(z, there))
            z *= active[i + 1]
            made.append(made[i] + z)
        h = made[-1]
        totals = np.maximum(np.add.reduceat(batch.weight, batch.starts), 1e-3)
        lengths = np.diff(batch.starts, append=len(h))
        share = (batch.weight / np.repeat(totals, lengths))[:, None]
        shared = h * share
        mean: Singles = np.add.reduceat(shared, batch.starts, axis=0)
        variance = np.add.reduceat(shared * h, batch.starts, axis=0) - mean * mean
        deviation = np.sqrt(np.maximum(variance, LEAST_VARIANCE))
        ones = np.ones((len(mean), 1), np.float32)
        pooled, undo_pool = self._norm("pool", np.concatenate([mean, deviation], axis=1), ones, taught)
        kept = np.ones_like(pooled) if drops is None else drops.factors(pooled.shape, 0.5 * drops.share)
        passed = np.ones((len(mean), w["head_w"].shape[1]), np.float32)
        if drops is not None:
            passed = drops.factors(passed.shape, drops.share)
        pooled *= kept
        hidden: Singles = pooled @ w["head_w"] + w["head_b"]
        passed *= _open(hidden, ones)
        hidden *= passed
        out = hidden @ w["out_w"] + w["out_b"]

        def gradients(d_out: Singles) -> Parameters:
            g: Parameters = {"out_w": hidden.T @ d_out, "out_b": d_out.sum(axis=0)}
            d_hidden: Singles = (d_out @ w["out_w"].T) * passed
            g |= {"head_w": pooled.T @ d_hidden, "head_b": d_hidden.sum(axis=0)}
            d_kept: Singles = d_hidden @ w["head_w"].T
            d_pooled = undo_pool(d_kept * kept, g)
            d_variance = d_pooled[:, units:] * (variance > LEAST_VARIANCE) / (2.0 * deviation)
            d_mean = d_pooled[:, :units] - 2.0 * mean * d_variance
            d_h = np.repeat(2.0 * d_variance, lengths, axis=0)
            d_h *= h
            d_h += np.repeat(d_mean, lengths, axis=0)
            d_h *= share
            for i in reversed(range(len(LOOK_BACK))):
                back = LOOK_BACK[i]
                d_z = undone[i + 1](d_h * active[i + 1], g)
                d_joined = np.zeros((len(d_z), 3 * units), dtype=d_z.dtype)
                d_joined[: -2 * back, :units] = d_z[2 * back :]
                d_joined[:-back, units : 2 * units] = d_z[back:]
                d_joined[:, 2 * units :] = d_z
                g[f"w{i + 1}"] = _one_below_the_other(made[i].T @ d_joined)
                d_h += d_joined @ _side_by_side(w[f"w{i + 1}"]).T
            d_z = undone[0](d_h * active[0], g)
            g["w0"] = batch.inputs.T @ d_z
            return g

        return out, gradients

    def layers(self) -> Layers:
        """The layers over steps, norms merged: one network."""
        w, later = self.weights, range(1, len(LOOK_BACK) + 1)
        gains = {i: self._gain(str(i)) for i in (0, *later)}
        return Layers(
            first_w=w["w0"] * gains[0][0],
            first_b=gains[0][1],
            later_w=np.stack([w[f"w{i}"] * gains[i][0] for i in later])[:, None],
            later_b=np.stack([gains[i][1] for i in later]),
        )

    def head(self) -> Head:
        """What follows them, norm merged."""
        w, (gain, shift) = self.weights, self._gain("pool")
        return Head(w["head_w"] * gain[:, None], w["head_b"] + shift @ w["head_w"], w["out_w"], w["out_b"])

    def _gain(self, name: str) -> tuple[Singles, Singles]:
        gain: Singles = self.weights[f"gain_{name}"] / np.sqrt(self.statistics[f"var_{name}"] + np.float32(_TINY))
        return gain, self.weights[f"shift_{name}"] - self.statistics[f"mean_{name}"] * gain

    def _norm(
        self, name: str, z: Singles, there: Singles, own: bool
    ) -> tuple[Singles, Callable[[Singles, Parameters], Singles]]:
        """Batch norm of z (n, m) over rows that are `there`, by their `own` statistics or the running ones.

        Also returned is the way back; what is given to it must be 0 for rows that are not there.
        """
        gain, shift = self.weights[f"gain_{name}"], self.weights[f"shift_{name}"]
        if own:
            count = there.sum()
            mean = (there.T @ z)[0] / count
            z = z - mean
            variance = (there.T @ (z * z))[0] / count
            for key, value in ((f"mean_{name}", mean), (f"var_{name}", variance)):
                self.statistics[key] += np.float32(_FORGET) * (value - self.statistics[key])
        else:
            z, variance = z - self.statistics[f"mean_{name}"], self.statistics[f"var_{name}"]
        scale = np.float32(1.0) / np.sqrt(variance + np.float32(_TINY))
        z *= scale

        def undo(d: Singles, g: Parameters) -> Singles:
            g[f"gain_{name}"], g[f"shift_{name}"] = np.einsum("ij,ij->j", d, z), d.sum(axis=0)
            pulled = z * (g[f"gain_{name}"] / there.sum())
            pulled += g[f"shift_{name}"] / there.sum()
            pulled *= there
            result: Singles = (gain * scale) * (d - pulled)
            return result

        return gain * z + shift, undo


class Descent:
    """AdamW (Loshchilov and Hutter, 2019), its rate up to `top` and down to nothing, both along a cosine."""

    def __init__(self, weights: Parameters, top: float, decay: float, steps: int) -> None:
        self._first = {name: np.zeros_like(value) for name, value in weights.items()}
        self._second = {name: np.zeros_like(value) for name, value in weights.items()}
        self._top, self._decay, self._steps, self._step = top, decay, steps, 0

    def rate(self) -> float:
        """That of the step to come."""
        at = self._step / self._steps
        if at < _WARM:
            return self._top * (_START + (1.0 - _START) * 0.5 * (1.0 - math.cos(math.pi * at / _WARM)))
        return self._top * 0.5 * (1.0 + math.cos(math.pi * (at - _WARM) / (1.0 - _WARM)))

    def update(self, weights: Parameters, g: Parameters) -> None:
        """One step down `g`, which counts as no longer than _LONGEST_STEP."""
        rate = np.float32(self.rate())
        self._step += 1
        length = math.sqrt(sum(float(np.vdot(slope, slope)) for slope in g.values()))
        limit = np.float32(min(1.0, _LONGEST_STEP / (length + 1e-9)))
        for name, weight in weights.items():
            slope = g[name] * limit
            self._first[name] += np.float32(1.0 - _BETAS[0]) * (slope - self._first[name])
            self._second[name] += np.float32(1.0 - _BETAS[1]) * (slope * slope - self._second[name])
            mean = self._first[name] / np.float32(1.0 - _BETAS[0] ** self._step)
            spread = np.sqrt(self._second[name] / np.float32(1.0 - _BETAS[1] ** self._step))
            down = mean / (spread + np.float32(_EPSILON)) + np.float32(self._decay) * weight
            np.subtract(weight, rate * down, out=weight)


def loss_slope(
    out: Singles, sides: Singles, side_weights: Singles, category: Singles, known: NDArray[np.bool_], weight: float
) -> tuple[float, Singles]:
    """Mean loss of outputs (B, K), and its slope by them: cross-entropies of the questions, and of the category.

    sides, side_weights (B, questions): 0..1, and what each counts. category (B, K - questions): what each should be
    given, in sum 1, 0 where not `known`: the category could not have been told in that corpus. weight: of it.
    """
    n, questions = len(out), sides.shape[1]
    z = out[:, :questions]
    chance = 0.5 * (1.0 + np.tanh(0.5 * z))
    loss = float((side_weights * (np.logaddexp(0.0, z) - sides * z)).sum())
    c = np.where(known, out[:, questions:], np.float32(-1e4))
    c = c - c.max(axis=1, keepdims=True)
    log_chance = c - np.log(np.exp(c).sum(axis=1, keepdims=True))
    loss -= weight * float((category * np.where(known, log_chance, 0.0)).sum())
    slope = [side_weights * (chance - sides), weight * (np.exp(log_chance) - category)]
    return loss / n, np.concatenate(slope, axis=1).astype(np.float32) / np.float32(n)


def _open(z: Singles, there: Singles) -> Singles:
    """1 where a unit is above 0 in a row that is there, else 0."""
    result: Singles = (z > 0.0) * there
    return result


def _side_by_side(w: Singles) -> Singles:
    """Weights (3 E, E) of three steps, as (E, 3 E)."""
    return np.ascontiguousarray(w.reshape(3, -1, w.shape[1]).transpose(1, 0, 2)).reshape(w.shape[1], -1)


def _one_below_the_other(w: Singles) -> Singles:
    """The other way round."""
    units = len(w)
    return np.ascontiguousarray(w.reshape(units, 3, units).transpose(1, 0, 2)).reshape(3 * units, units)
