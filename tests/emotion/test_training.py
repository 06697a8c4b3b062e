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
from emotion.training import calibrate, fit, measures
from emotion.training.calibrate import Scale
from emotion.training.judging import NOBODY, whole, witnesses
from emotion.training.manifest import Clip, read_manifest
from emotion.training.networks import Shape
from emotion.training.parts import folds
from emotion.training.table import COPIES, Table, build_table, prefixes
from tests.emotion import reference
from tests.emotion.corpus import write_corpus

RNG = np.random.default_rng(9)
SMALL = fit.FitSettings(Shape(hidden=4, members=2, passes=3))


def clip(corpus: str, emotion: str, number: int = 0) -> Clip:
    angry = float(emotion == "anger")
    return Clip(Path(f"{number}.wav"), corpus, f"{corpus}/{number}", emotion, "ours", angry, angry, 1.0 - angry)


def table(clips: list[Clip], rows_each: int = 1) -> Table:
    index = np.repeat(np.arange(len(clips)), rows_each)
    n = len(index)
    features = RNG.normal(size=(n, len(FEATURES)))
    copies = np.zeros(n, dtype=np.int64)
    return Table(tuple(clips), features, index, np.ones(n), np.full(n, np.inf), copies == 0, copies)


def test_prefixes_hear_no_more_than_they_say() -> None:
    found = prefixes(reference.buzz(150.0, 2.6))
    assert [prefix for prefix, _, _ in found] == [1.0, 1.5, 2.0, np.inf]
    assert [heard for _, heard, _ in found[:3]] == pytest.approx([1.0, 1.5, 2.0], abs=0.03)
    assert found[-1][1] == pytest.approx(2.6, abs=0.05)
    cut = prefixes(reference.buzz(150.0, 2.6)[: int(1.1 * 8000)])
    np.testing.assert_array_equal(cut[0][2], found[0][2])
    assert prefixes(np.zeros(16000, np.int16)) == []


def test_every_recording_enters_as_it_is_and_over_lines_of_its_own(tmp_path: Path) -> None:
    clips = read_manifest(write_corpus(tmp_path / "own", 2, seconds=1.2))
    made, again = (build_table(clips, seed=3) for _ in range(2))
    np.testing.assert_array_equal(made.features, again.features)
    for number in range(len(clips)):
        own = made.clip == number
        assert len(made.sounds[number]) == COPIES + 1
        assert all(0 < sound.counted.sum() <= len(sound.rows) for sound in made.sounds[number])
        assert sorted(set(made.copy[own])) == list(range(COPIES + 1))
        last = made.features[own & made.whole]
        assert len(last) == COPIES + 1
        assert all((last[i] != last[j]).mean() > 0.5 for i in range(len(last)) for j in range(i))
    alone = build_table(clips[:3], seed=3)
    rows = made.clean & (made.clip < 3)
    np.testing.assert_array_equal(alone.features[alone.clean], made.features[rows])


def test_a_row_hears_its_sound_up_to_its_seconds_of_speech(tmp_path: Path) -> None:
    clips = read_manifest(write_corpus(tmp_path / "own", 1, seconds=2.6))
    made = build_table(clips, seed=3)
    lengths = set()
    for row in range(len(made.clip)):
        heard, kept = made.sound(row), made.sounds[made.clip[row]][made.copy[row]]
        if made.whole[row]:
            assert heard is kept
            continue
        lengths.add(len(heard.rows))
        assert heard.counted.sum() == pytest.approx(100 * made.heard_s[row], abs=2)
        assert heard.counted[-1]
        np.testing.assert_array_equal(heard.rows, kept.rows[: len(heard.rows)])
    assert len(lengths) > 2


def test_corpora_and_classes_have_the_same_say() -> None:
    clips = [clip("a", "anger")] + [clip("a", "calm", n) for n in range(9)] + [clip("b", "anger"), clip("b", "calm")]
    made = table(clips, rows_each=3)
    rows = np.ones(len(made.clip), dtype=np.bool_)
    label, corpus = made.label("anger"), made.corpus()
    weights = fit.balanced_weights(made, rows, label)
    assert weights.mean() == pytest.approx(1.0)
    shares = [weights[(corpus == c) & (label == v)].sum() for c in "ab" for v in (0.0, 1.0)]
    assert shares == pytest.approx([weights.sum() / 4] * 4)


@pytest.mark.parametrize("true", [Scale(0.3, -1.0), Scale(4.0, 2.0)])
def test_the_scale_is_found_again(true: Scale) -> None:
    logits = RNG.normal(0.0, 4.0, 40_000)
    label = (RNG.uniform(size=40_000) < true(logits)).astype(np.float64)
    found = calibrate.fit_scale(logits, label, np.ones(40_000))
    assert found.slope == pytest.approx(true.slope, rel=0.1)
    assert found.shift == pytest.approx(true.shift, rel=0.1)
    assert measures.calibration_error(found(logits), label, np.ones(40_000)) < 0.02


def test_the_scale_survives_labels_that_hardly_err() -> None:
    logits = np.concatenate((np.linspace(-30, -5, 500), np.linspace(5, 30, 500)))
    label = (logits > 0).astype(np.float64)
    label[[250, 750]] = 1.0 - label[[250, 750]]
    found = calibrate.fit_scale(logits, label, np.ones(1000))
    assert np.isfinite([found.slope, found.shift]).all()
    assert 0.0 < found.slope < 2.0


def test_area_under_the_curve_is_scikit_learns() -> None:
    from sklearn.metrics import roc_auc_score

    score = RNG.integers(0, 30, 500).astype(np.float64)
    positive = RNG.uniform(size=500) < 0.3 + 0.01 * score
    weights = RNG.uniform(size=500)
    assert measures.auc(score, positive) == pytest.approx(roc_auc_score(positive, score))
    weighted = roc_auc_score(positive, score, sample_weight=weights)
    assert measures.auc(score, positive, weights) == pytest.approx(weighted)
    assert np.isnan(measures.auc(score, np.ones(500, dtype=np.bool_)))


def test_the_interval_is_about_speakers() -> None:
    positive = np.tile([True, False], 200)
    score = positive + RNG.normal(0, 1, 400)
    few = measures.auc_interval(score, positive, np.repeat(["a", "b", "c", "d"], 100), seed=1)
    assert few[0] < measures.auc(score, positive) < few[1]


def test_recall_at_a_share_of_false_alarms() -> None:
    score = np.concatenate((np.arange(100), [96.0, 98.5, 20.0, 99.5])).astype(np.float64)
    positive = np.arange(104) >= 100
    assert measures.recall_at_false_alarms(score, positive, 0.05) == pytest.approx(0.75)


def test_a_whole_run_makes_a_model_that_loads_and_is_the_same_again(tmp_path: Path) -> None:
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
    assert {(what, of) for what, done, of in steps if done == of and what in ("features", "fitting", "networks")} == {
        ("features", 36),
        ("fitting", 30),
        ("networks", 2 * 2 * (2 + 4 + 1)),
    }
    made = tmp_path / "first" / "tone.onnx"
    for other in ("second", "third"):
        assert made.read_bytes() == (tmp_path / other / "tone.onnx").read_bytes(), other
    model = ToneModel.load(made)
    assert model.trained_on == ("one", "two")
    assert model.feelings == ("anger", "happiness", "calm")
    assert model.layers is not None
    facts = json.loads((tmp_path / "first" / "tone.json").read_text(encoding="utf-8"))
    assert facts["sha256"].startswith(model.model_id)
    assert facts["sequence_networks"] == 2
    assert facts["sequence_arousal"] > 0.0
    assert len(facts["figures"]["categories"]["one"]["uar_by_seed"]) == 2
    assert 0.0 <= facts["figures"]["anger"]["never_trained"]["three"]["auc"] <= 1.0
    card = (tmp_path / "first" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "Feelings told apart: anger, happiness, calm. 2 causal sequence networks" in card
    assert "Arousal rests on the committee and on these networks" in " ".join(card.split())
    assert card.startswith("Trained on data whose licences allow commercial use.")


def test_one_corpus_of_anger_alone_is_judged_by_its_speakers(tmp_path: Path) -> None:
    clips = read_manifest(write_corpus(tmp_path / "own", 4, columns=("path", "speaker", "anger")))
    facts = train(clips, out=tmp_path / "out", quick=True, seeds=1)
    assert list(facts["figures"]["anger"]["left_out"]) == [f"speakers {part} of 4" for part in (1, 2, 3, 4)]
    model = ToneModel.load(tmp_path / "out" / "tone.onnx")
    assert (model.layers, model.feelings) == (None, ()), "no label says which feeling it is"
    tones = model.predict(RNG.normal(size=(3, len(FEATURES))))
    np.testing.assert_allclose(tones.arousal, 0.5, atol=1e-6, err_msg="no label says anything about arousal")
    assert len(np.unique(tones.anger)) == 3


def test_a_corpus_cannot_judge_what_it_taught(tmp_path: Path) -> None:
    clips = read_manifest(write_corpus(tmp_path / "own", 2))
    with pytest.raises(CorpusError, match="own: named both"):
        train(clips, clips, out=tmp_path / "out")


@pytest.mark.parametrize("feelings", [("anger", "calm", "fear"), ("anger", "")])
def test_the_exported_model_is_the_fitted_one(feelings: tuple[str, ...], tmp_path: Path) -> None:
    from emotion.training.export import export

    made = table([clip(c, e, n) for c in "ab" for e in feelings for n in range(10)])
    scales = {target: Scale(0.7, -0.2) for target in fit.TARGETS}
    categories = fit.categories_of(made.clips)
    assert categories == (() if "" in feelings else ("anger", "fear", "calm"))
    fitted = fit.fit_tone(made, np.ones(len(made.clip), dtype=np.bool_), categories, SMALL)
    facts = {"nabra.more": "x"}
    export(fitted, scales, tmp_path / "tone.onnx", version="t", prior=0.25, corpora="a,b", facts=facts)
    model = ToneModel.load(tmp_path / "tone.onnx")
    got, logits = model.predict(made.features), fitted.logits(made.features)
    for column, target in enumerate(fit.TARGETS):
        np.testing.assert_allclose(getattr(got, target), scales[target](logits[:, column]), atol=1e-5)
    far = fit.excess(fitted.scaler.distances(made.features))
    np.testing.assert_allclose(got.familiarity, fitted.half_distance / (fitted.half_distance + far), atol=1e-5)
    assert model.prior == 0.25


def test_log_odds_of_the_first_category() -> None:
    logits = RNG.normal(0.0, 3.0, (50, 4))
    chance = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = np.log(chance[:, 0] / (1.0 - chance[:, 0]))
    np.testing.assert_allclose(fit.first_of_all(logits), expected, atol=1e-9)
    np.testing.assert_allclose(fit.first_of_all(logits + 900.0), expected, atol=1e-9)


def test_categories_are_those_that_a_corpus_tells_apart() -> None:
    clips = [clip("a", "calm"), clip("a", "anger"), clip("b", "fear"), clip("b", "frustration"), clip("c", "")]
    assert fit.categories_of(clips) == ("anger", "calm")
    assert fit.categories_of(clips[2:]) == ()


def test_a_lesson_knows_what_its_corpus_could_have_said() -> None:
    clips = [clip("a", "anger"), clip("a", "calm"), clip("b", "anger"), clip("b", "fear"), clip("c", "anger")]
    made = table(clips)
    rows = np.ones(5, dtype=np.bool_)
    what, taught = fit.lesson(made, rows, fit.fit_scaler(made, rows), ("anger", "fear", "calm"))
    assert taught == fit.TARGETS
    assert what.known.tolist() == [
        [True, False, True],
        [True, False, True],
        [True, True, False],
        [True, True, False],
        [True, False, False],
    ]
    assert what.category.tolist() == [0, 2, 0, 1, 0]
    assert what.category_weights[-1] == 0.0, "a corpus of one feeling tells none apart"
    _, angry = fit.lesson(made, rows & (made.label("anger") == 1.0), fit.fit_scaler(made, rows), ())
    assert angry == ()


def test_a_witness_never_knew_whom_it_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    clips = [clip(c, e, n) for c in "abz" for e in ("anger", "calm") for n in range(6)]
    made = table(clips, rows_each=2)
    group = np.array(folds(clips))[made.clip]
    fitted: list[tuple[set[str], set[str]]] = []
    real = fit.fit_tone

    def spied(table: Table, rows: np.ndarray, categories: tuple[str, ...], settings: fit.FitSettings) -> fit.ToneFit:
        found = real(table, rows, categories, settings)
        known = set(table.speaker()[rows]), set(table.corpus()[rows])
        fitted.append(known)
        return found

    monkeypatch.setattr("emotion.training.judging.fit_tone", spied)
    found = witnesses(made, ["a", "b"], group, ("anger", "calm"), SMALL)
    assert len(fitted) == 3 * (1 + len(set(group)))
    assert set(found) == {"a", "b", NOBODY}
    corpus, speaker = made.corpus(), made.speaker()
    for part, other in (("a", "b"), ("b", "a")):
        assert np.isfinite(found[part].outside[corpus != other]).all()
        assert np.isnan(found[part].outside[corpus == other]).all(), "trained on"
        assert np.isfinite(found[part].inside[corpus == other]).all()
        assert np.isnan(found[part].inside[corpus != other]).all()
    assert np.isfinite(found[NOBODY].outside[corpus == "z"]).all()
    assert all("z" not in corpora for _, corpora in fitted)
    for name in set(group):
        left = set(speaker[(group == name) & np.isin(corpus, ["a", "b"])])
        assert any(not left & speakers and corpora == {"a", "b"} for speakers, corpora in fitted)
    assert whole(made).all()


def test_restated_probabilities_and_what_they_save() -> None:
    positive = np.arange(2000) < 1000
    logits = np.where(positive, 1.0, -1.0) + RNG.normal(size=2000)
    honest = calibrate.sigmoid(2.0 * logits)
    assert calibrate.restated(np.array([0.5, 0.97]), 0.5, 0.03) == pytest.approx([0.03, 0.5], abs=0.01)
    assert measures.calibration_error_at(honest, positive, 0.5) < 0.03
    assert measures.calibration_error_at(honest, positive, 0.03) < 0.01
    assert measures.log_loss_gain(honest, positive, 0.03) > 0.3
    assert measures.log_loss_gain(np.full(2000, 0.5), positive, 0.03) == pytest.approx(0.0)
    assert measures.log_loss_gain(1.0 - honest, positive, 0.03) < 0.0


def test_errors_left_where_the_least_sure_are_not_judged() -> None:
    positive = np.tile([True, False], 5000)
    score = np.where(positive, 1.0, -1.0) + RNG.normal(0.0, 1.0, 10_000)
    weights = measures.class_weights(positive, 0.5)
    assert measures.best_threshold(score, positive, weights) == pytest.approx(0.0, abs=0.3)
    assert measures.errors_left(score, positive, 0.0, 0.1) < 0.85
    guessed = RNG.normal(size=10_000)
    assert measures.errors_left(guessed, positive, 0.0, 0.1) == pytest.approx(0.9, abs=0.03)


def test_recall_is_averaged_over_categories() -> None:
    true = np.array(["a"] * 8 + ["b"] * 2)
    said = np.array(["a"] * 8 + ["a", "b"])
    assert measures.unweighted_average_recall(said, true) == pytest.approx(0.75)


def test_folds_keep_speakers_together() -> None:
    clips = [clip(c, e, n) for c in "ab" for e in ("anger", "calm") for n in range(7)]
    found = folds(clips)
    assert len(set(found)) == 5
    by_speaker: dict[str, set[str]] = {}
    for one, name in zip(clips, found, strict=True):
        by_speaker.setdefault(one.speaker, set()).add(name)
    assert all(len(names) == 1 for names in by_speaker.values())
