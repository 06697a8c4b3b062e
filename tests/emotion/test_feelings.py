"""Which feeling: what is drawn, who is judged by whom, and that the file says what the networks say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emotion import Tracker, TrackerSettings, ask
from emotion.functionals import FEATURES
from emotion.layout import F0, MEL, MEL_BANDS, STEP_CHANNELS, STRIDE, WIDTH
from emotion.model import ToneModel
from emotion.training import feelings, fit
from emotion.training.calibrate import Scale
from emotion.training.feelings import Effort, Feelings, examples, fit_net, joined
from emotion.training.manifest import Clip
from emotion.training.networks import Shape
from emotion.training.sequences import Net
from emotion.training.table import SOUND, Sound, Table

RNG = np.random.default_rng(31)
CATEGORIES = ("anger", "fear", "calm")
SMALL = Effort(units=6, head=5, steps=3, batch=8)


def sound(frames: int = 120, high: float = 0.0) -> Sound:
    rows = RNG.normal(-30.0, 5.0, (frames, len(SOUND)))
    rows[:, SOUND.index(F0)] = 30.0 + high
    return Sound(rows.astype(np.float16), np.arange(frames) % 20 < 15)


def table(told: list[tuple[str, str]], each: int = 4) -> Table:
    """`each` recordings of each corpus and feeling, of a speaker of their own."""
    clips = []
    for corpus, emotion in told:
        for number in range(each):
            angry = float(emotion == "anger")
            name = f"{corpus}/{number}"
            clips.append(Clip(Path(f"{number}.wav"), corpus, name, emotion, "ours", angry, angry, None))
    n = len(clips)
    copies = np.zeros(n, dtype=np.int64)
    sounds = tuple((sound(), sound()) for _ in clips)
    features = RNG.normal(size=(n, len(FEATURES)))
    return Table(tuple(clips), features, np.arange(n), np.ones(n), np.full(n, np.inf), copies == 0, copies, sounds)


def every(made: Table) -> NDArray[np.bool_]:
    return np.ones(len(made.clip), dtype=np.bool_)


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


def test_nobody_is_judged_by_networks_that_knew_the_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    made = table([("a", "anger"), ("a", "calm"), ("b", "anger"), ("b", "fear"), ("z", "anger"), ("z", "calm")])
    speaker = made.speaker()
    fold = np.array([name[-1] if name[0] != "z" else "" for name in speaker])
    known: list[set[str]] = []
    asked: list[int] = []
    real_examples, real_heard = feelings.examples, feelings.heard

    def spied(table: Table, rows: NDArray[np.bool_], categories: tuple[str, ...]) -> feelings.Examples | None:
        known.append(set(table.speaker()[rows]))
        return real_examples(table, rows, categories)

    def listened(nets: list[Net], sounds: list[Sound]) -> NDArray[np.float32]:
        at = {id(made.sounds[place][0]): place for place in range(len(made.clips))}
        voices = {speaker[at[id(one)]] for one in sounds}
        assert not voices & known[-1]
        asked.append(len(sounds))
        return real_heard(nets, sounds)

    monkeypatch.setattr(feelings, "examples", spied)
    monkeypatch.setattr(feelings, "heard", listened)
    named = np.where((made.corpus() == "z")[:, None], np.nan, RNG.normal(size=(len(made.clip), 3)))
    done: list[int] = []
    logits = feelings.judged(made, ["a", "b"], fold, named, CATEGORIES, SMALL, 1, lambda: done.append(1))
    assert len(done) == feelings.NETS * 4
    ships = feelings.shipped(made, ["a", "b"], logits, CATEGORIES, SMALL, 1)
    assert sum(asked) == 16
    assert all(not any(name.startswith("z") for name in voices) for voices in known)
    assert known[-1] == set(speaker[made.corpus() != "z"]), "what ships knows everybody"
    assert np.isnan(logits[made.corpus() == "z"]).all()
    assert np.isfinite(logits[made.corpus() != "z"]).all()
    assert ships.committee is not None
    assert len(ships.committee.heads) == feelings.NETS


def test_sharpness_makes_probabilities_honest() -> None:
    made = table([("a", "anger"), ("a", "calm")], each=400)
    true = np.array([name == "anger" for name in (clip.emotion for clip in made.clips)])
    # Log-odds of 2 that are right in 88 of 100, told with three times the certainty.
    right = RNG.uniform(size=len(true)) < 1.0 / (1.0 + np.exp(-2.0))
    sign = np.where(true == right, 1.0, -1.0)
    logits = np.stack((3.0 * sign, np.zeros_like(sign), -3.0 * sign), axis=1)
    assert feelings._sharpness(made, logits, CATEGORIES) == pytest.approx(1.0 / 3.0, rel=0.15)


def test_the_file_says_what_committee_and_networks_say(tmp_path: Path, speech: NDArray[np.int16]) -> None:
    pytest.importorskip("onnx", reason="the train extra is not installed")
    from emotion.training.export import export

    made = table([("a", "anger"), ("a", "calm"), ("b", "anger"), ("b", "fear")])
    settings = fit.FitSettings(Shape(hidden=4, members=2, passes=3))
    committee = fit.fit_tone(made, every(made), CATEGORIES, settings)
    what = examples(made, every(made), CATEGORIES)
    assert what is not None
    told = Feelings(joined([fit_net(what, SMALL, seed) for seed in (1, 2)]), 0.7)
    scales = {target: Scale(0.7, -0.2) for target in fit.TARGETS}
    file = tmp_path / "tone.onnx"
    export(committee, scales, file, version="t", prior=0.5, corpora="a,b", feelings=told)
    alone = tmp_path / "alone.onnx"
    export(committee, scales, alone, version="t", prior=0.5, corpora="a,b")
    model, plain = ToneModel.load(file), ToneModel.load(alone)
    assert model.feelings == CATEGORIES
    assert (plain.layers, plain.feelings) == (None, ())
    assert model.layers is not None
    assert told.committee is not None
    for name in ("first_w", "first_b", "later_w", "later_b"):
        np.testing.assert_array_equal(getattr(model.layers, name), getattr(told.committee.layers, name))
    tracker = Tracker(model, TrackerSettings(min_familiarity=0.0))
    asked = [one for one in tracker.feed(speech, True) if one.features is not None]
    assert len(asked) > 5
    features = np.stack([one.features for one in asked if one.features is not None])
    pooled = np.stack([one.pooled for one in asked if one.pooled is not None])
    columns = slice(len(fit.TARGETS), None)
    by_all = committee.logits(features)[:, columns] + 2.0 * told.committee.logits(pooled)[:, columns]
    sharpened = np.exp(0.7 * by_all / 3.0)
    expected = sharpened / sharpened.sum(axis=1, keepdims=True)
    found = model.predict(features, pooled)
    np.testing.assert_allclose(found.feelings, expected, atol=1e-5)
    np.testing.assert_allclose(found.anger, plain.predict(features).anger, atol=1e-6, err_msg="rests on features alone")
    for inquiry, answer in zip(asked, ask(model, asked), strict=True):
        estimate = tracker.settle(inquiry, answer)
        assert estimate is not None
        assert answer is not None
        assert sum(answer.feelings) == pytest.approx(1.0, abs=1e-5)
        assert estimate.feeling_share == max(answer.feelings)
        assert estimate.feeling == CATEGORIES[answer.feelings.index(estimate.feeling_share)]
