"""What sequence networks are taught: which recordings are drawn, how they are changed, and what is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emotion.layout import F0, MEL, MEL_BANDS, STEP_CHANNELS, STRIDE, WIDTH
from emotion.training import feelings, fit
from emotion.training.cache import Cache
from emotion.training.feelings import examples, fit_net, kept_net
from tests.emotion.tables import CATEGORIES, SMALL, every, sound, table


def test_corpora_and_their_feelings_have_the_same_say() -> None:
    made = table([("a", "anger"), ("a", "calm"), ("b", "anger"), ("b", "fear"), ("c", "anger"), ("d", "")])
    made = replace(made, clips=(*made.clips[:-4], *(replace(clip, emotion="frustration") for clip in made.clips[-4:])))
    what = examples(made, every(made), CATEGORIES)
    assert what is not None
    assert len(what.sounds) == 16, "a corpus of one feeling tells none apart"
    assert what.known.tolist() == [[True, False, True], [True, True, False]]
    rng = np.random.default_rng(1)
    drawn = np.array([feelings._draw(what, rng) for _ in range(4000)])
    shares = np.bincount(drawn, minlength=16) / 4000
    np.testing.assert_allclose(shares, 1.0 / 16, atol=0.02)
    assert examples(made, made.corpus() == "c", CATEGORIES) is None


def test_uncommon_feelings_are_drawn_as_often() -> None:
    made = table([("a", "anger"), ("a", "calm")])
    what = examples(made, np.arange(8) < 5, CATEGORIES)
    assert what is not None
    rng = np.random.default_rng(1)
    drawn = np.array([feelings._draw(what, rng) for _ in range(2000)])
    assert np.mean(drawn == 4) == pytest.approx(0.5, abs=0.05), "one calm recording against four angry ones"


def test_a_piece_is_of_the_size_that_was_asked_for() -> None:
    rng = np.random.default_rng(2)
    long, worse = sound(700), sound(700)
    for effort, most in ((SMALL, 330), (replace(SMALL, short=1.0), 300), (replace(SMALL, longest=50, short=0.0), 50)):
        for _ in range(20):
            inputs, weight = feelings.piece((long, worse), effort, rng)
            assert inputs.shape == (len(weight), STRIDE * STEP_CHANNELS)
            assert 0 < len(weight) <= most // STRIDE
            assert ((weight >= 0.0) & (weight <= 1.0)).all()
    untouched = replace(SMALL, worsened=0.0, short=0.0, from_start=1.0, eq_db=0.0, warp=0.0, pitch_st=0.0, speed=0.0)
    found, _ = feelings.piece((sound(120), worse), untouched, rng)
    other, _ = feelings.piece((sound(120), worse), replace(untouched, worsened=1.0), rng)
    assert len(found) == 120 // STRIDE
    assert len(other) == 330 // STRIDE, "the worsened copy"


def test_voices_are_changed_as_they_say() -> None:
    rows = np.zeros((4, WIDTH))
    rows[:, MEL : MEL + MEL_BANDS] = np.arange(MEL_BANDS)
    rows[:2, F0] = 30.0
    same, higher = rows.copy(), rows.copy()
    feelings.change(same, 1.0, np.zeros(MEL_BANDS), 0.0)
    np.testing.assert_allclose(same, rows, atol=1e-2)
    feelings.change(higher, 1.5, np.full(MEL_BANDS, 2.0), 3.0)
    assert higher[:, F0].tolist() == [33.0, 33.0, 0.0, 0.0], "what is unpitched stays so"
    assert higher[0, MEL + 8] == pytest.approx((8 - 6) * 1.5 + 6 + 2.0)
    assert higher[0, MEL + 6] == pytest.approx(8.0), "around this band"


def test_the_same_seed_gives_the_same_bits_and_another_others() -> None:
    made = table([("a", "anger"), ("a", "calm"), ("b", "anger"), ("b", "fear")])
    what = examples(made, every(made), CATEGORIES)
    assert what is not None
    one, same, other = (fit_net(what, SMALL, seed) for seed in (1, 1, 2))
    assert all((one.weights[name] == same.weights[name]).all() for name in one.weights)
    assert not (one.weights["w0"] == other.weights["w0"]).all()


def test_a_network_is_taught_once_where_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = table([("a", "anger"), ("a", "calm")])
    what, fewer = examples(made, every(made), CATEGORIES), examples(made, made.clip > 0, CATEGORIES)
    assert what is not None
    assert fewer is not None
    plain, kept = fit_net(what, SMALL, 1), Cache(tmp_path, "a recipe")
    taught: list[int] = []
    real = feelings.fit_net

    def counted(what: feelings.Examples, effort: feelings.Effort, seed: int) -> feelings.Net:
        taught.append(seed)
        return real(what, effort, seed)

    monkeypatch.setattr(feelings, "fit_net", counted)
    for _ in range(2):
        again = kept_net(what, SMALL, 1, kept)
        assert all((again.parameters()[name] == value).all() for name, value in plain.parameters().items())
    assert taught == [1]
    kept_net(what, SMALL, 2, kept)
    kept_net(fewer, SMALL, 1, kept)
    kept_net(replace(what, sides=1.0 - what.sides), SMALL, 1, kept)
    assert taught == [1, 2, 1, 1], "another seed, others' recordings, other labels"


def test_a_high_voice_is_told_from_a_low_one() -> None:
    made = table([("a", "anger"), ("a", "calm")], each=12)
    sounds = tuple((sound(high=4.0 * (clip.emotion == "anger") - 2.0),) * 2 for clip in made.clips)
    made = replace(made, sounds=sounds)
    what = examples(made, every(made), ("anger", "calm"))
    assert what is not None
    taught = fit_net(what, replace(SMALL, steps=60, rounds=60, batch=24, pitch_st=0.5, drop=0.1, rate=5e-3), 1)
    fresh = [sound(high=2.0) for _ in range(8)] + [sound(high=-2.0) for _ in range(8)]
    named = feelings.heard([taught], fresh)[:, len(fit.TARGETS) :]
    assert (named.argmax(axis=1) == np.repeat([0, 1], 8)).mean() > 0.9
