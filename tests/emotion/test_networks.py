"""The networks: their gradients against differences, what they learn, and what they leave alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from emotion.training import networks
from emotion.training.networks import Lesson, Networks, Shape, fit_networks

RNG = np.random.default_rng(4)
QUICK = Shape(hidden=16, members=2, passes=40, batch=64, drop=0.1, drop_inputs=0.0, decay=0.01, side_weights=(1.0, 1.0))


def lesson(n: int = 256) -> Lesson:
    """Two questions and three categories; rows of odd number come from where the last category is not known."""
    inputs = RNG.normal(size=(n, 6)).astype(np.float32)
    sides = np.stack((inputs[:, 0] > 0, inputs[:, 0] * inputs[:, 1] > 0), axis=1).astype(np.float32)
    category = np.where(inputs[:, 2] > 0.6, 2, (inputs[:, 2] > -0.4).astype(int))
    known = np.ones((n, 3), dtype=np.bool_)
    known[1::2, 2] = False
    category = np.where(known[np.arange(n), category], category, 1)
    ones = np.ones(n, dtype=np.float32)
    return Lesson(inputs, sides, np.ones_like(sides), category.astype(np.int64), ones, known)


def loss(what: Lesson, rows: np.ndarray, fitted: Networks, kept: np.ndarray, passed: np.ndarray) -> np.ndarray:
    """Mean loss by network, in the slow, obvious way, in double precision."""
    total = np.zeros(len(fitted.hidden_w))
    for member in range(len(total)):
        w, b, v, c = (
            np.asarray(a[member], dtype=np.float64)
            for a in (fitted.hidden_w, fitted.hidden_b, fitted.out_w, fitted.out_b)
        )
        for place, row in enumerate(rows):
            hidden = np.maximum((what.inputs[row] * kept[member, place]) @ w + b[0], 0.0) * passed[member, place]
            out = hidden @ v + c[0]
            for question, logit in enumerate(out[:2]):
                crossed = np.logaddexp(0.0, logit) - what.sides[row, question] * logit
                total[member] += what.side_weights[row, question] * crossed
            feelings = out[2:][what.known[row]]
            sure = np.log(np.exp(feelings).sum()) - out[2 + what.category[row]]
            total[member] += what.category_weights[row] * sure
    return total / len(rows)


def test_gradients_are_the_slopes_of_the_loss() -> None:
    what = replace(lesson(20), side_weights=RNG.uniform(0.0, 2.0, (20, 2)).astype(np.float32))
    what.category_weights[:5] = 0.0
    rows = np.arange(20)
    _, parameters = networks._arrays(2, 6, 4, 5)
    _, gradients = networks._arrays(2, 6, 4, 5)
    for array in parameters:
        array[:] = RNG.normal(size=array.shape)
    kept = RNG.uniform(0.5, 1.5, (2, 20, 6)).astype(np.float32)
    passed = RNG.choice([0.0, 2.0], (2, 20, 4)).astype(np.float32)
    networks.fill_gradients(what, rows, parameters, gradients, kept.copy(), passed.copy())
    for array, gradient in zip(parameters, gradients, strict=True):
        for _ in range(6):
            place = tuple(int(RNG.integers(size)) for size in array.shape)
            was, found = array[place], []
            for step in (0.01, -0.01):
                array[place] = was + step
                found.append(loss(what, rows, Networks(*parameters), kept, passed)[place[0]])
            array[place] = was
            assert gradient[place] == pytest.approx((found[0] - found[1]) / 0.02, abs=2e-3)


def test_a_committee_learns_several_things_at_once() -> None:
    what = lesson(2000)
    fitted = fit_networks(what, QUICK, seed=1)
    out = fitted.logits(what.inputs)
    for question in (0, 1):
        assert np.mean((out[:, question] > 0) == (what.sides[:, question] > 0)) > 0.93
    said = np.where(what.known, out[:, 2:], -np.inf).argmax(axis=1)
    assert np.mean(said == what.category) > 0.93


def test_what_is_not_known_teaches_nothing() -> None:
    what = lesson(300)
    silent = replace(what, side_weights=np.zeros_like(what.sides), category_weights=np.zeros(300, dtype=np.float32))
    other = replace(silent, sides=1.0 - what.sides, category=(what.category * 0))
    one, two = (fit_networks(which, QUICK, seed=3) for which in (silent, other))
    np.testing.assert_array_equal(one.logits(what.inputs), two.logits(what.inputs))


def test_without_categories_the_questions_are_learnt() -> None:
    what = replace(lesson(600), known=np.zeros((600, 0), dtype=np.bool_))
    out = fit_networks(what, QUICK, seed=1).logits(what.inputs)
    assert out.shape == (600, 2)
    assert np.mean((out[:, 0] > 0) == (what.sides[:, 0] > 0)) > 0.9


def test_the_same_seed_gives_the_same_bits_and_another_others() -> None:
    what = lesson()
    first, again, other = (fit_networks(what, QUICK, seed=seed).hidden_w for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.9


def test_a_committee_is_one_network_with_its_mean_logits() -> None:
    what = lesson()
    fitted = fit_networks(what, QUICK, seed=1)
    hidden_w, hidden_b, out_w, out_b = fitted.side_by_side()
    together = np.maximum(what.inputs @ hidden_w + hidden_b, 0.0) @ out_w + out_b
    np.testing.assert_allclose(together, fitted.logits(what.inputs), atol=1e-4)


def test_the_rate_rises_and_falls_to_nothing() -> None:
    rates = [networks._cycle(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.04)
    assert max(rates) == rates[9] == pytest.approx(1.0)
    assert rates[-1] < 1e-5
    assert (np.diff(rates[9:]) <= 0.0).all()
