"""Sequence networks over one call: steps, what they look back on, and what is pooled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from emotion import layout
from emotion.extract import descriptors
from emotion.functionals import SpeechWindow
from emotion.kernels import steps
from emotion.layout import STEP_CHANNELS, STRIDE
from emotion.sequence import Layers, Sequence

RNG = np.random.default_rng(12)
NETS, UNITS = 2, 6
INPUTS = STRIDE * STEP_CHANNELS


def weights(*shape: int) -> NDArray[np.float32]:
    return (RNG.standard_normal(shape) / np.sqrt(shape[-2] if len(shape) > 1 else 4)).astype(np.float32)


LAYERS = Layers(
    weights(INPUTS, NETS * UNITS),
    weights(NETS * UNITS),
    weights(2, NETS, 3 * UNITS, UNITS),
    weights(2, NETS * UNITS),
)


def sound(pcm: NDArray[np.int16], times: int = 1) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Descriptors with their counted flags; every third second is not flagged as speech."""
    rows = descriptors(np.tile(pcm, times))
    window, counted = SpeechWindow(), np.zeros(len(rows), dtype=np.bool_)
    for at in range(len(rows)):
        window.add(rows[at : at + 1], at // 100 % 3 != 2)
        counted[at] = window.counted[0]
    return rows, counted


def shaped(rows: NDArray[np.float64], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The inputs of every frame, from their definitions."""
    out = np.zeros((len(rows), STEP_CHANNELS))
    for t, row in enumerate(rows):
        bands = row[layout.MEL : layout.MEL + layout.MEL_BANDS]
        out[t, :20] = np.clip((bands - bands.mean()) / 8.0, -4.0, 4.0)
        energy, pitch = row[layout.ENERGY], row[layout.F0]
        voiced = pitch > 0.0
        before = rows[t - 1] if t >= 1 else None
        if before is not None:
            out[t, 20] = np.clip((energy - before[layout.ENERGY]) / 5.0, -4.0, 4.0)
        if t >= 5:
            out[t, 21] = np.clip((energy - rows[t - 5, layout.ENERGY]) / 10.0, -4.0, 4.0)
        if voiced:
            out[t, 22:24] = (pitch - 31.0) / 6.0, 1.0
            if before is not None and before[layout.F0] > 0.0:
                out[t, 24] = np.clip(pitch - before[layout.F0], -3.0, 3.0)
            out[t, 26] = (row[layout.HNR] - 8.0) / 8.0
            qualities = row[layout.QUALITY : layout.QUALITY + 10]
            out[t, 28:38] = np.clip((qualities - steps.MIDDLE) / steps.SPAN, -3.0, 3.0)
        out[t, 25] = 2.0 * (row[layout.PERIODICITY] - 0.5)
        out[t, 27] = (row[layout.FLUX] - 5.0) / 4.0
        newest = slice(max(0, t + 1 - 200), t + 1)
        if counted[newest].any():
            out[t, 38] = np.clip((energy - rows[newest, layout.ENERGY][counted[newest]].mean()) / 10.0, -3.0, 2.0)
    return out


def earlier(h: NDArray[np.float64], by: int) -> NDArray[np.float64]:
    return np.concatenate((np.zeros((by, h.shape[1])), h))[: len(h)]


def plain(rows: NDArray[np.float64], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """What is pooled, in the slow, obvious way: all steps at once, network by network."""
    count = len(rows) // STRIDE
    x = shaped(rows, counted)[: count * STRIDE].reshape(count, -1)
    share = counted[: count * STRIDE].reshape(count, STRIDE).sum(axis=1)
    kept = np.flatnonzero(share)[-steps.WINDOW_STEPS :]
    weight = share[kept] / share[kept].sum()
    found = []
    for net in range(NETS):
        own = slice(net * UNITS, (net + 1) * UNITS)
        h = np.maximum(x @ LAYERS.first_w[:, own] + LAYERS.first_b[own], 0.0)
        for layer, back in enumerate((1, 2)):
            joined = np.concatenate((earlier(h, 2 * back), earlier(h, back), h), axis=1)
            h = h + np.maximum(joined @ LAYERS.later_w[layer, net] + LAYERS.later_b[layer, own], 0.0)
        mean = weight @ h[kept]
        found += [mean, np.sqrt(np.maximum(weight @ (h[kept] - mean) ** 2, 1e-4))]
    return np.concatenate(found)


@pytest.mark.parametrize("times", [1, 4])
def test_what_is_pooled_is_what_the_layers_make_of_the_newest_steps(speech: NDArray[np.int16], times: int) -> None:
    rows, counted = sound(speech, times)
    entered = counted[: len(counted) // 5 * 5].reshape(-1, 5).any(axis=1).sum()
    assert (entered > steps.WINDOW_STEPS) == (times == 4), "older steps fall out only in the longer one"
    assert 0.1 < counted.mean() < 0.9
    heard = Sequence(LAYERS)
    heard.add(rows, counted)
    np.testing.assert_allclose(heard.pooled(), plain(rows, counted), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [1, 2, 7, 25, 1000])
def test_the_same_bits_however_the_rows_are_cut(speech: NDArray[np.int16], size: int) -> None:
    rows, counted = sound(speech, 3)
    whole, pieces = Sequence(LAYERS), Sequence(LAYERS)
    whole.add(rows, counted)
    for at in range(0, len(rows), size):
        pieces.add(rows[at : at + size], counted[at : at + size])
    np.testing.assert_array_equal(whole.pooled(), pieces.pooled())
    assert whole.pooled().any()


def test_nothing_is_pooled_of_what_does_not_count(speech: NDArray[np.int16]) -> None:
    rows, counted = sound(speech)
    heard = Sequence(LAYERS)
    heard.add(rows, np.zeros(len(rows), dtype=np.bool_))
    assert heard.pooled().shape == (LAYERS.pooled,)
    assert not heard.pooled().any()
    heard.add(rows, counted)
    before = heard.pooled()
    heard.add(rows[:50], np.zeros(50, dtype=np.bool_))
    heard.add(rows[:-50], np.zeros(len(rows) - 50, dtype=np.bool_))
    np.testing.assert_array_equal(heard.pooled(), before)


def test_loud_is_what_soft_is(speech: NDArray[np.int16]) -> None:
    rows, counted = sound(speech)
    louder = rows.copy()
    louder[:, [layout.ENERGY, *range(layout.MEL, layout.MEL + layout.MEL_BANDS)]] += 12.0
    soft, loud = Sequence(LAYERS), Sequence(LAYERS)
    soft.add(rows, counted)
    loud.add(louder, counted)
    np.testing.assert_allclose(loud.pooled(), soft.pooled(), atol=1e-5)


def test_a_step_is_heard_when_its_last_frame_is(speech: NDArray[np.int16]) -> None:
    rows, counted = sound(speech)
    first = int(np.flatnonzero(counted)[0]) // STRIDE * STRIDE
    heard = Sequence(LAYERS)
    heard.add(rows[: first + STRIDE - 1], counted[: first + STRIDE - 1])
    assert not heard.pooled().any()
    heard.add(rows[first + STRIDE - 1 : first + STRIDE], counted[first + STRIDE - 1 : first + STRIDE])
    assert heard.pooled().any()


def test_the_kernel_in_plain_python_agrees(speech: NDArray[np.int16]) -> None:
    rows, counted = sound(speech[:8000])
    results = []
    for run in (lambda compiled: compiled, lambda compiled: compiled.py_func):
        follow: Any = run(steps.follow)
        sums = np.zeros(2 * NETS * UNITS + 1)
        follow(
            rows,
            counted,
            LAYERS.first_w,
            LAYERS.first_b,
            LAYERS.later_w,
            LAYERS.later_b,
            np.zeros(steps.SHAPE_STATE),
            np.zeros(steps.STEP_STATE, dtype=np.int64),
            np.zeros(INPUTS, dtype=np.float32),
            np.zeros(NETS * UNITS, dtype=np.float32),
            np.zeros((3, steps.KEPT, NETS * UNITS), dtype=np.float32),
            np.zeros((8, NETS * UNITS + 1), dtype=np.float32),
            sums,
        )
        results.append(sums)
    np.testing.assert_allclose(results[0], results[1], rtol=1e-9)
    assert results[0].any()
