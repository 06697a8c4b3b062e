"""What networks say beside the committee: who is asked about whom, what is made of it, and what the file says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emotion import Tracker, TrackerSettings, ask
from emotion.model import ToneModel
from emotion.training import beside, fit, judging
from emotion.training.beside import AROUSAL, Beside, Teacher, aroused, hear, joined, networks_of
from emotion.training.cache import Cache
from emotion.training.calibrate import Scale
from emotion.training.feelings import Examples, examples, fit_net
from emotion.training.judging import Witness
from emotion.training.networks import Shape
from emotion.training.sequences import Net
from emotion.training.table import Sound, Table
from tests.emotion.tables import CATEGORIES, SMALL, every, table

RNG = np.random.default_rng(41)
SETTINGS = fit.FitSettings(Shape(hidden=4, members=2, passes=3))
TOLD = [("a", "anger"), ("a", "calm"), ("b", "anger"), ("b", "fear"), ("z", "anger"), ("z", "calm")]


def fold_of(made: Table) -> NDArray[np.str_]:
    """Four groups of speakers; of z, which is judged only, none."""
    return np.array([name[-1] if name[0] != "z" else "" for name in made.speaker()])


def test_nobody_is_judged_by_networks_that_knew_the_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    made = table(TOLD)
    corpus, speaker, fold = made.corpus(), made.speaker(), fold_of(made)
    known: list[set[str]] = []
    asked: list[set[str]] = []
    real_examples, real_heard = beside.examples, beside.heard

    def spied(table: Table, rows: NDArray[np.bool_], categories: Sequence[str]) -> Examples | None:
        known.append(set(table.speaker()[rows]))
        return real_examples(table, rows, categories)

    def listened(nets: Sequence[Net], sounds: Sequence[Sound]) -> NDArray[np.float32]:
        at = {id(made.sounds[place][0]): place for place in range(len(made.clips))}
        asked.append({speaker[at[id(one)]] for one in sounds})
        assert not asked[-1] & known[-1]
        return real_heard(nets, sounds)

    monkeypatch.setattr(beside, "examples", spied)
    monkeypatch.setattr(beside, "heard", listened)
    plain = judging.witnesses(made, ["a", "b"], fold, CATEGORIES, SETTINGS)
    done: list[int] = []
    teacher = Teacher(made, fold, CATEGORIES, SMALL, 1, Cache(None, ""), lambda: done.append(1))
    found = hear(teacher, ["a", "b"], plain)
    assert len(done) == networks_of(["a", "b"], 4) == beside.NETS * 7
    trained = set(speaker[corpus != "z"])
    assert all(voices <= trained for voices in known), "what judges only teaches nobody"
    for voices, part, other in zip(known[:2], "ab", "ba", strict=True):
        assert {name[0] for name in voices} == {other}, "the part left out, and a fold of the others"
        assert voices == {name for name in trained if name[0] == other and name[-1] != "1"}, part
    assert known[-1] == trained, "what ships knows everybody"
    assert asked[-1] == set(speaker[corpus == "z"])
    assert np.isnan(found.named[corpus == "z"]).all()
    assert np.isfinite(found.named[corpus != "z"]).all()
    assert found.beside.nets is not None
    assert len(found.beside.nets.heads) == beside.NETS
    assert found.beside.arousal > 0.0
    others = [column for column in range(len(fit.TARGETS) + len(CATEGORIES)) if column != AROUSAL]
    for name, witness in plain.items():
        mine = found.witnesses[name]
        np.testing.assert_array_equal(mine.inside[:, others], witness.inside[:, others])
        np.testing.assert_array_equal(mine.outside[:, others], witness.outside[:, others])
        assert {target: mine.scales[target] for target in ("anger", "valence")} == {
            target: witness.scales[target] for target in ("anger", "valence")
        }
        judged = corpus == (name or "z")
        assert np.isfinite(mine.outside[judged, AROUSAL]).all()
        assert (mine.outside[judged, AROUSAL] != witness.outside[judged, AROUSAL]).all()


def witness_of(made: Table, arousal: NDArray[np.float64]) -> Witness:
    """One whose logits of arousal are given, of everything else noise."""
    fitted = fit.fit_tone(made, every(made), CATEGORIES, SETTINGS)
    logits = RNG.normal(size=(len(made.clip), len(fit.TARGETS) + len(CATEGORIES)))
    logits[:, AROUSAL] = arousal
    return Witness(fitted, np.full_like(logits, np.nan), {}, logits, dict.fromkeys(fit.TARGETS, Scale(1.0, 0.0)))


def test_committee_and_networks_have_the_same_say_of_arousal() -> None:
    made = table([("a", "anger"), ("a", "calm"), ("b", "anger"), ("b", "fear")], each=400)
    rng = np.random.default_rng(5)
    true = np.where(made.label("arousal") == 1.0, 1.0, -1.0)
    own, said = (2.0 * (true + rng.normal(size=len(true))) for _ in range(2))
    loud, soft = aroused(made, witness_of(made, own), 10.0 * said - 3.0), aroused(made, witness_of(made, own), said)
    assert soft[1] == pytest.approx(1.0, abs=0.1)
    assert loud[1] == pytest.approx(soft[1] / 10.0), "however loudly they speak"
    chances = [found.probability("arousal", found.inside) for found, _ in (loud, soft)]
    np.testing.assert_allclose(chances[0], chances[1], atol=1e-6)
    # Each says the log-odds that it has, and their errors are their own: the log-odds of both are the sum.
    assert soft[0].scales["arousal"].slope == pytest.approx(1.0, rel=0.15)
    assert soft[0].scales["arousal"].shift == pytest.approx(0.0, abs=0.25)


def test_networks_that_say_nothing_of_arousal_change_nothing() -> None:
    made = table([("a", "anger"), ("a", "calm")])
    plain = witness_of(made, RNG.normal(size=len(made.clip)))
    nothing, same = np.full(len(made.clip), np.nan), np.full(len(made.clip), 0.3)
    one_kind = np.where(made.label("arousal") == 1.0, 0.1, np.nan)
    for said in (nothing, same, one_kind):
        assert aroused(made, plain, said) == (plain, 0.0)


def test_sharpness_makes_probabilities_honest() -> None:
    made = table([("a", "anger"), ("a", "calm")], each=400)
    true = np.array([name == "anger" for name in (clip.emotion for clip in made.clips)])
    # Log-odds of 2 that are right in 88 of 100, told with three times the certainty.
    right = RNG.uniform(size=len(true)) < 1.0 / (1.0 + np.exp(-2.0))
    sign = np.where(true == right, 1.0, -1.0)
    logits = np.stack((3.0 * sign, np.zeros_like(sign), -3.0 * sign), axis=1)
    assert beside.sharpness(made, logits, CATEGORIES) == pytest.approx(1.0 / 3.0, rel=0.15)


def test_the_file_says_what_committee_and_networks_say(tmp_path: Path, speech: NDArray[np.int16]) -> None:
    from emotion.training.export import export

    made = table([("a", "anger"), ("a", "calm"), ("b", "anger"), ("b", "fear")])
    committee = fit.fit_tone(made, every(made), CATEGORIES, SETTINGS)
    what = examples(made, every(made), CATEGORIES)
    assert what is not None
    told = Beside(joined([fit_net(what, SMALL, seed) for seed in (1, 2)]), 0.7, 16.0)
    scales = {target: Scale(0.7, -0.2) for target in fit.TARGETS}
    file = tmp_path / "tone.onnx"
    export(committee, scales, file, version="t", prior=0.5, corpora="a,b", beside=told)
    alone = tmp_path / "alone.onnx"
    export(committee, scales, alone, version="t", prior=0.5, corpora="a,b")
    model, plain = ToneModel.load(file), ToneModel.load(alone)
    assert model.feelings == CATEGORIES
    assert (plain.layers, plain.feelings) == (None, ())
    assert model.layers is not None
    assert told.nets is not None
    for name in ("first_w", "first_b", "later_w", "later_b"):
        np.testing.assert_array_equal(getattr(model.layers, name), getattr(told.nets.layers, name))
    tracker = Tracker(model, TrackerSettings(min_familiarity=0.0))
    asked = [one for one in tracker.feed(speech, True) if one.features is not None]
    assert len(asked) > 5
    features = np.stack([one.features for one in asked if one.features is not None])
    pooled = np.stack([one.pooled for one in asked if one.pooled is not None])
    columns = slice(len(fit.TARGETS), None)
    by_nets = told.nets.logits(pooled)
    by_all = committee.logits(features)[:, columns] + 2.0 * by_nets[:, columns]
    sharpened = np.exp(0.7 * by_all / 3.0)
    expected = sharpened / sharpened.sum(axis=1, keepdims=True)
    found, without = model.predict(features, pooled), plain.predict(features)
    np.testing.assert_allclose(found.feelings, expected, atol=1e-5)
    both = committee.logits(features)[:, AROUSAL] + 16.0 * by_nets[:, AROUSAL]
    np.testing.assert_allclose(found.arousal, scales["arousal"](both), atol=1e-5)
    assert np.abs(found.arousal - without.arousal).max() > 0.01
    for name in ("anger", "valence", "familiarity"):
        np.testing.assert_array_equal(getattr(found, name), getattr(without, name), err_msg="rests on features alone")
    for inquiry, answer in zip(asked, ask(model, asked), strict=True):
        estimate = tracker.settle(inquiry, answer)
        assert estimate is not None
        assert answer is not None
        assert sum(answer.feelings) == pytest.approx(1.0, abs=1e-5)
        assert estimate.feeling_share == max(answer.feelings)
        assert estimate.feeling == CATEGORIES[answer.feelings.index(estimate.feeling_share)]
