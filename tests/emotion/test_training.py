"""Training: labels, balance, calibration, figures, and a whole small run on voices made by computing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from emotion.errors import CorpusError
from emotion.functionals import FEATURES
from emotion.model import ToneModel
from emotion.train import train
from emotion.training import figures, fit
from emotion.training.manifest import Clip, read_manifest
from emotion.training.table import Table, degrade, prefixes
from tests.emotion import reference
from tests.emotion.corpus import write_corpus

RNG = np.random.default_rng(9)


def clip(corpus: str, emotion: str, number: int = 0) -> Clip:
    angry = float(emotion == "anger")
    return Clip(Path(f"{number}.wav"), corpus, f"{corpus}/{number}", emotion, "ours", angry, angry, 1.0 - angry)


def table(clips: list[Clip], rows_each: int = 1) -> Table:
    index = np.repeat(np.arange(len(clips)), rows_each)
    n = len(index)
    flags = np.zeros(n, dtype=np.bool_)
    features = RNG.normal(size=(n, len(FEATURES)))
    return Table(tuple(clips), features, index, np.ones(n), np.full(n, np.inf), ~flags, flags)


def test_prefixes_hear_no_more_than_they_say() -> None:
    found = prefixes(reference.buzz(150.0, 2.6))
    assert [prefix for prefix, _, _ in found] == [1.0, 1.5, 2.0, np.inf]
    assert [heard for _, heard, _ in found[:3]] == pytest.approx([1.0, 1.5, 2.0], abs=0.03)
    assert found[-1][1] == pytest.approx(2.6, abs=0.05)
    cut = prefixes(reference.buzz(150.0, 2.6)[: int(1.1 * 8000)])
    np.testing.assert_array_equal(cut[0][2], found[0][2])
    assert prefixes(np.zeros(16000, np.int16)) == []


def test_worse_lines_are_worse_and_repeatable() -> None:
    pcm = reference.buzz(150.0, 1.0)
    first, again = degrade(pcm, np.random.default_rng(1)), degrade(pcm, np.random.default_rng(1))
    np.testing.assert_array_equal(first, again)
    assert first.shape == pcm.shape
    assert (first != pcm).mean() > 0.5


def test_corpora_and_classes_have_the_same_say() -> None:
    clips = [clip("a", "anger")] + [clip("a", "calm", n) for n in range(9)] + [clip("b", "anger"), clip("b", "calm")]
    made = table(clips, rows_each=3)
    rows = np.ones(len(made.clip), dtype=np.bool_)
    label, corpus = made.label("anger"), made.corpus()
    weights = fit.balanced_weights(made, rows, label)
    assert weights.mean() == pytest.approx(1.0)
    shares = [weights[(corpus == c) & (label == v)].sum() for c in "ab" for v in (0.0, 1.0)]
    assert shares == pytest.approx([weights.sum() / 4] * 4)


@pytest.mark.parametrize("true", [fit.Scale(0.3, -1.0), fit.Scale(4.0, 2.0)])
def test_the_scale_is_found_again(true: fit.Scale) -> None:
    logits = RNG.normal(0.0, 4.0, 40_000)
    label = (RNG.uniform(size=40_000) < true(logits)).astype(np.float64)
    found = fit.fit_scale(logits, label, np.ones(40_000))
    assert found.slope == pytest.approx(true.slope, rel=0.1)
    assert found.shift == pytest.approx(true.shift, rel=0.1)
    assert figures.calibration_error(found(logits), label, np.ones(40_000)) < 0.02


def test_the_scale_survives_labels_that_hardly_err() -> None:
    logits = np.concatenate((np.linspace(-30, -5, 500), np.linspace(5, 30, 500)))
    label = (logits > 0).astype(np.float64)
    label[[250, 750]] = 1.0 - label[[250, 750]]
    found = fit.fit_scale(logits, label, np.ones(1000))
    assert np.isfinite([found.slope, found.shift]).all()
    assert 0.0 < found.slope < 2.0


def test_area_under_the_curve_is_scikit_learns() -> None:
    from sklearn.metrics import roc_auc_score

    score = RNG.integers(0, 30, 500).astype(np.float64)
    positive = RNG.uniform(size=500) < 0.3 + 0.01 * score
    weights = RNG.uniform(size=500)
    assert figures.auc(score, positive) == pytest.approx(roc_auc_score(positive, score))
    weighted = roc_auc_score(positive, score, sample_weight=weights)
    assert figures.auc(score, positive, weights) == pytest.approx(weighted)
    assert np.isnan(figures.auc(score, np.ones(500, dtype=np.bool_)))


def test_the_interval_is_about_speakers() -> None:
    positive = np.tile([True, False], 200)
    score = positive + RNG.normal(0, 1, 400)
    few = figures.auc_interval(score, positive, np.repeat(["a", "b", "c", "d"], 100), seed=1)
    assert few[0] < figures.auc(score, positive) < few[1]


def test_recall_at_a_share_of_false_alarms() -> None:
    score = np.concatenate((np.arange(100), [96.0, 98.5, 20.0, 99.5])).astype(np.float64)
    positive = np.arange(104) >= 100
    assert figures.recall_at_false_alarms(score, positive, 0.05) == pytest.approx(0.75)


def test_a_whole_run_makes_a_model_that_loads_and_is_the_same_again(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the train extra is not installed")
    clips = {
        name: read_manifest(write_corpus(tmp_path / "corpora" / name, 4).parent) for name in ("one", "two", "three")
    }
    steps: list[tuple[str, int, int]] = []
    for out, cache in (("first", tmp_path / "kept"), ("second", tmp_path / "kept"), ("third", None)):
        train(
            [*clips["one"], *clips["two"]],
            clips["three"],
            out=tmp_path / out,
            cache=cache,
            quick=True,
            seeds=2,
            progress=lambda *step: steps.append(step),
        )
    assert {(what, of) for what, done, of in steps if done == of} == {("features", 36), ("fitting", 7)}
    made = tmp_path / "first" / "tone.onnx"
    for other in ("second", "third"):
        assert made.read_bytes() == (tmp_path / other / "tone.onnx").read_bytes(), other
    model = ToneModel.load(made)
    assert model.trained_on == ("one", "two")
    facts = json.loads((tmp_path / "first" / "tone.json").read_text(encoding="utf-8"))
    assert facts["sha256"].startswith(model.model_id)
    assert 0.0 <= facts["figures"]["anger"]["never_trained"]["three"]["auc"] <= 1.0
    card = (tmp_path / "first" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card.startswith("Trained on data whose licences allow commercial use.")


def test_one_corpus_of_anger_alone_is_judged_by_its_speakers(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the train extra is not installed")
    clips = read_manifest(write_corpus(tmp_path / "own", 4, columns=("path", "speaker", "anger")))
    facts = train(clips, out=tmp_path / "out", quick=True, seeds=1)
    assert list(facts["figures"]["anger"]["left_out"]) == [f"speakers {part} of 4" for part in (1, 2, 3, 4)]
    model = ToneModel.load(tmp_path / "out" / "tone.onnx")
    tones = model.predict(RNG.normal(size=(3, len(FEATURES))))
    np.testing.assert_allclose(tones.arousal, 0.5, atol=1e-6, err_msg="no label says anything about arousal")
    assert len(np.unique(tones.anger)) == 3


def test_a_corpus_cannot_judge_what_it_taught(tmp_path: Path) -> None:
    clips = read_manifest(write_corpus(tmp_path / "own", 2))
    with pytest.raises(CorpusError, match="own: named both"):
        train(clips, clips, out=tmp_path / "out")


def test_the_exported_model_is_the_fitted_one(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the train extra is not installed")
    from emotion.training.export import export

    made = table([clip(c, e, n) for c in "ab" for e in ("anger", "calm") for n in range(10)])
    scales = {target: fit.Scale(0.7, -0.2) for target in fit.TARGETS}
    fitted = fit.fit_tone(made, ["a", "b"], scales, fit.FitSettings(committee=2, passes=3))
    export(fitted, tmp_path / "tone.onnx", version="t", prior=0.25, corpora="a,b")
    model = ToneModel.load(tmp_path / "tone.onnx")
    got = model.predict(made.features)
    for target in fit.TARGETS:
        expected = scales[target](fitted.committees[target].logits(fitted.scaler(made.features)))
        np.testing.assert_allclose(getattr(got, target), expected, atol=2e-5)
    assert model.prior == 0.25


def test_alarms_are_shares_of_each_group() -> None:
    probability = np.array([0.95, 0.4, 0.8, 0.1, 0.55, 0.3])
    angry = np.array([True, True, False, False, False, False])
    calm = np.array([False, False, False, True, True, False])
    found = figures.alarms(probability, angry, calm)
    assert found["0.5"] == {"angry": 0.5, "others": 0.5, "calm": 0.5}
    assert found["0.8"] == {"angry": 0.5, "others": 0.25, "calm": 0.0}
    assert figures.alarms(probability, angry, np.zeros(6, dtype=np.bool_))["0.9"] == {"angry": 0.5, "others": 0.0}
