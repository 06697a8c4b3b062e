"""Sequence networks while they are taught: gradients against differences, what is merged, what is learnt."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from emotion.extract import descriptors
from emotion.functionals import SpeechWindow
from emotion.kernels.steps import LEAST_VARIANCE
from emotion.layout import STEP_CHANNELS, STRIDE
from emotion.sequence import Sequence
from emotion.training.beside import joined
from emotion.training.feelings import heard, together
from emotion.training.sequences import GAP, Batch, Descent, Drops, Net, loss_slope
from emotion.training.table import SOUND, Sound

RNG = np.random.default_rng(21)


def drawn(lengths: tuple[int, ...], inputs: int) -> Batch:
    pieces = [(RNG.standard_normal((n, inputs)).astype(np.float32), RNG.uniform(size=n)) for n in lengths]
    starts = np.cumsum([0, *(n + GAP for n in lengths[:-1])])
    total = int(starts[-1] + lengths[-1] + GAP)
    x, there, weight = np.zeros((total, inputs)), np.zeros((total, 1)), np.zeros(total)
    for start, (own, counts) in zip(starts, pieces, strict=True):
        x[start : start + len(own)], weight[start : start + len(own)] = own, counts
        there[start : start + len(own)] = 1.0
    return Batch(x, there, weight, starts)  # type: ignore[arg-type]


def exact(net: Net) -> Net:
    """The network in double precision, its norms not at rest."""
    net.weights = {k: v + 0.1 * RNG.standard_normal(v.shape) for k, v in net.weights.items()}  # type: ignore[misc]
    return net


def plain(net: Net, batch: Batch) -> NDArray[np.float64]:
    """Outputs in the slow, obvious way, norms by the statistics of the batch, recording by recording."""
    w = net.weights
    ends = [int(start + batch.there[start:next_].sum()) for start, next_ in zip(
        batch.starts, [*batch.starts[1:], len(batch.there)], strict=True
    )]  # fmt: skip

    def normed(name: str, parts: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
        both = np.concatenate(parts)
        mean, variance = both.mean(axis=0), both.var(axis=0)
        return [w[f"gain_{name}"] * (z - mean) / np.sqrt(variance + 1e-5) + w[f"shift_{name}"] for z in parts]

    parts = [batch.inputs[start:end] for start, end in zip(batch.starts, ends, strict=True)]
    h = [np.maximum(z, 0.0) for z in normed("0", [x @ w["w0"] for x in parts])]
    for layer, back in ((1, 1), (2, 2)):
        z = []
        for own in h:
            padded = np.concatenate((np.zeros((2 * back, own.shape[1])), own))
            three = [padded[: len(own)], padded[back : back + len(own)], own]
            z.append(np.concatenate(three, axis=1) @ w[f"w{layer}"])
        h = [own + np.maximum(n, 0.0) for own, n in zip(h, normed(str(layer), z), strict=True)]
    pooled = []
    for own, start, end in zip(h, batch.starts, ends, strict=True):
        share = batch.weight[start:end] / batch.weight[start:end].sum()
        mean = share @ own
        spread = np.sqrt(np.maximum(share @ (own - mean) ** 2, LEAST_VARIANCE))
        pooled.append(np.concatenate((mean, spread))[None])
    head = np.concatenate(normed("pool", pooled))
    return np.maximum(head @ w["head_w"] + w["head_b"], 0.0) @ w["out_w"] + w["out_b"]


def test_recordings_do_not_hear_each_other() -> None:
    net, batch = exact(Net(10, 6, 7, 8, RNG)), drawn((9, 7, 8, 3), 10)
    np.testing.assert_allclose(net.forward(batch, Drops(0.0, RNG))[0], plain(net, batch), atol=1e-6)


def test_gradients_are_the_slopes_of_the_loss() -> None:
    net, batch = exact(Net(10, 6, 7, 8, RNG)), drawn((9, 7, 8, 3), 10)
    sides, weights = RNG.uniform(size=(4, 3)), RNG.uniform(0.0, 2.0, (4, 3))
    known = np.ones((4, 5), dtype=np.bool_)
    known[1, 2] = False
    category = RNG.uniform(size=(4, 5)) * known
    category /= category.sum(axis=1, keepdims=True)

    def loss() -> tuple[float, NDArray[np.float32], object]:
        out, back = net.forward(batch, Drops(0.0, RNG))
        total, slope = loss_slope(out, sides, weights, category, known, 2.0)  # type: ignore[arg-type]
        return total, slope, back

    _, slope, back = loss()
    gradients = back(slope)  # type: ignore[operator]
    assert set(gradients) == set(net.weights)
    for name, weight in net.weights.items():
        for _ in range(4):
            place = tuple(int(RNG.integers(size)) for size in weight.shape)
            was, found = weight[place], []
            for step in (1e-5, -1e-5):
                weight[place] = was + step
                found.append(loss()[0])
            weight[place] = was
            expected = (found[0] - found[1]) / 2e-5
            assert gradients[name][place] == pytest.approx(expected, rel=1e-4, abs=1e-6), name


def test_what_a_corpus_could_not_have_said_teaches_nothing() -> None:
    out = RNG.standard_normal((6, 5)).astype(np.float32)
    known = np.array([[True, True, False]] * 6)
    category = np.tile([0.9, 0.1, 0.0], (6, 1)).astype(np.float32)
    nothing = np.zeros((6, 2), np.float32)
    _, slope = loss_slope(out, nothing, nothing, category, known, 1.0)
    assert not slope[:, :2].any()
    assert not slope[:, 4].any()
    assert slope[:, 2:4].any()
    other = out.copy()
    other[:, 4] = 50.0
    assert loss_slope(other, nothing, nothing, category, known, 1.0)[0] == pytest.approx(
        loss_slope(out, nothing, nothing, category, known, 1.0)[0]
    )


def taught(steps: int, seed: int) -> tuple[Net, float]:
    """A network that learns to tell from one input whether it rises or falls, and its share of right answers."""
    rng = np.random.default_rng(seed)
    net = Net(4, 8, 8, 2, rng)
    descent = Descent(net.weights, 1e-2, 0.01, steps)

    def draw(n: int) -> tuple[Batch, NDArray[np.float32]]:
        rises = rng.integers(0, 2, n)
        ramps = np.linspace(-1.0, 1.0, 20)[None, :] * (2 * rises[:, None] - 1)
        pieces = []
        for ramp in ramps:
            x = 0.1 * rng.standard_normal((20, 4))
            x[:, 0] += ramp
            pieces.append((np.repeat(x, 1, axis=0).astype(np.float32), np.ones(20, np.float32)))
        starts = np.arange(n) * (20 + GAP)
        total = n * (20 + GAP)
        batch = Batch(
            np.zeros((total, 4), np.float32), np.zeros((total, 1), np.float32), np.zeros(total, np.float32), starts
        )
        for start, (x, weight) in zip(starts, pieces, strict=True):
            batch.inputs[start : start + 20], batch.weight[start : start + 20] = x, weight
            batch.there[start : start + 20] = 1.0
        return batch, rises.astype(np.float32)

    for _ in range(steps):
        batch, rises = draw(32)
        out, back = net.forward(batch, Drops(0.1, rng))
        category = np.stack((1.0 - rises, rises), axis=1)
        known = np.ones((32, 2), dtype=np.bool_)
        none = np.zeros((32, 0), np.float32)
        descent.update(net.weights, back(loss_slope(out, none, none, category, known, 1.0)[1]))
    batch, rises = draw(200)
    out, _ = net.forward(batch)
    return net, float(np.mean(out.argmax(axis=1) == rises))


def test_it_learns_the_order_of_things() -> None:
    assert taught(120, 1)[1] > 0.95
    assert taught(1, 1)[1] < 0.8


def test_the_same_seed_gives_the_same_bits_and_another_others() -> None:
    (one, _), (same, _), (other, _) = taught(5, 1), taught(5, 1), taught(5, 2)
    assert all((one.weights[name] == same.weights[name]).all() for name in one.weights)
    assert not (one.weights["w0"] == other.weights["w0"]).all()


def test_the_rate_rises_and_falls_to_nothing() -> None:
    weights = {"w": np.zeros(1, np.float32)}
    descent, rates = Descent(weights, 0.1, 0.0, 100), []
    for _ in range(100):
        rates.append(descent.rate())
        descent.update(weights, {"w": np.ones(1, np.float32)})
    assert rates[0] == pytest.approx(0.004)
    assert int(np.argmax(rates)) == 15
    assert max(rates) == pytest.approx(0.1)
    assert rates[-1] < 1e-4


def test_a_call_hears_what_the_taught_network_heard(speech: NDArray[np.int16]) -> None:
    """Merged, step by step, from unrounded descriptors; what was taught had them rounded and whole."""
    rows = descriptors(speech)
    window = SpeechWindow()
    window.add(rows, True)
    counted = window.counted[: len(rows)].copy()
    sound = Sound(rows[:, np.array(SOUND)].astype(np.float16), counted)
    nets = []
    for _ in range(2):
        net = Net(STRIDE * STEP_CHANNELS, 8, 7, 6, RNG)
        batch = together(
            [(RNG.standard_normal((30, STRIDE * STEP_CHANNELS)).astype(np.float32), np.ones(30, np.float32))] * 4
        )
        for _ in range(20):
            net.forward(batch, Drops(0.0, RNG))
        nets.append(net)
    committee = joined(nets)
    call = Sequence(committee.layers)
    call.add(rows, counted)
    expected = heard(nets, [sound])
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(
        committee.logits(call.pooled()[None]), expected, atol=0.02 * float(np.abs(expected).max())
    )
