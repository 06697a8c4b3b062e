"""The model that ships, and files that must be refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from emotion.errors import FeatureError, ModelError, ModelMismatch, ModelMissing
from emotion.functionals import FEATURES, FEATURES_HASH
from emotion.model import DEFAULT_MODEL, OUTPUTS, ToneModel, Tones, at_prior

RNG = np.random.default_rng(2)


def with_facts(path: Path, **facts: str) -> Path:
    changed = onnx.load(DEFAULT_MODEL)
    kept = {entry.key: entry.value for entry in changed.metadata_props} | facts
    onnx.helper.set_model_props(changed, {key: value for key, value in kept.items() if value})
    onnx.save(changed, path)
    return path


def predict(model: ToneModel, rows: np.ndarray) -> Tones:
    """Ask it of features; what is pooled beside each row is drawn from that row."""
    pooled = None
    if model.layers is not None:
        times = -(-model.layers.pooled // len(FEATURES))
        pooled = np.abs(np.tile(rows, (1, times))[:, : model.layers.pooled]).astype(np.float32)
    return model.predict(rows, pooled)


def test_the_shipped_model_is_small_and_says_what_it_is(model: ToneModel) -> None:
    assert DEFAULT_MODEL.stat().st_size < 1_000_000
    assert model.layers is not None
    assert model.layers.later_w.shape[1] == 2
    assert model.prior == 0.5
    assert model.trained_on == ("ravdess", "nemo", "emodb")
    card = (DEFAULT_MODEL.parent / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "non-commercial" in card.splitlines()[0]
    assert model.model_id in card
    facts = json.loads((DEFAULT_MODEL.parent / "tone.json").read_text(encoding="utf-8"))
    assert facts["sha256"].startswith(model.model_id)
    assert facts["features"] == FEATURES_HASH
    assert facts["trained_on"] == ["ravdess", "nemo", "emodb"]
    assert 0.03 < facts["alarm_at"]["0.01"] < 0.5, "evidence beyond the prior, and within reach"
    assert facts["alarm_at"]["0.05"] < facts["alarm_at"]["0.01"]
    for name in facts["trained_on"]:
        assert facts["figures"]["anger"]["left_out"][name]["auc"] > 0.75, "by a model that knows nothing of it"


def test_many_calls_in_one_run_are_what_each_alone_is(model: ToneModel) -> None:
    rows = RNG.normal(0.0, 20.0, (40, len(FEATURES)))
    together = predict(model, rows)
    for name in OUTPUTS:
        values = getattr(together, name)
        assert values.shape == (40,)
        assert ((values >= 0.0) & (values <= 1.0)).all()
        alone = [float(getattr(predict(model, row[None, :]), name)[0]) for row in rows]
        np.testing.assert_allclose(values, alone, atol=1e-6)


def test_no_calls_are_no_answers(model: ToneModel) -> None:
    assert predict(model, np.zeros((0, len(FEATURES)))).anger.shape == (0,)


def test_what_was_never_seen_is_unfamiliar(model: ToneModel) -> None:
    assert predict(model, np.full((1, len(FEATURES)), 1e4)).familiarity[0] < 0.01


@pytest.mark.parametrize("wrong", [np.zeros(len(FEATURES)), np.zeros((2, 3)), np.full((1, len(FEATURES)), np.nan)])
def test_wrong_features_are_refused(model: ToneModel, wrong: np.ndarray) -> None:
    with pytest.raises(FeatureError):
        predict(model, wrong)


def test_what_is_pooled_must_be_there_and_fit(model: ToneModel) -> None:
    assert model.layers is not None
    rows, width = np.zeros((2, len(FEATURES))), model.layers.pooled
    nan = np.full((2, width), np.nan, dtype=np.float32)
    for wrong in (None, np.zeros((2, width - 1), np.float32), np.zeros((1, width), np.float32), nan):
        with pytest.raises(FeatureError):
            model.predict(rows, wrong)
    assert model.predict(rows, np.zeros((2, width), np.float32)).feelings.shape == (2, len(model.feelings))


def damaged(file: Path, kept: Callable[[str, np.ndarray], bool]) -> Path:
    """The shipped model with numbers that are none in all tables of weights but those that are kept."""
    changed = onnx.load(DEFAULT_MODEL)
    for weights in changed.graph.initializer:
        values = onnx.numpy_helper.to_array(weights)
        if values.dtype == np.float32 and values.ndim >= 2 and not kept(weights.name, values):
            weights.CopyFrom(onnx.numpy_helper.from_array(np.full(values.shape, np.nan, np.float32), weights.name))
    onnx.save(changed, file)
    return file


def test_answers_that_are_no_numbers_are_an_error_not_an_estimate(tmp_path: Path) -> None:
    for number, mine in enumerate(("hidden_w", "head_w_0")):
        file = damaged(tmp_path / f"{number}.onnx", lambda name, _, mine=mine: name != mine)  # type: ignore[misc]
        with pytest.raises(ModelError, match="not finite"):
            predict(ToneModel.load(file), np.zeros((1, len(FEATURES))))


def test_layers_that_cannot_be_run_are_refused(tmp_path: Path, model: ToneModel) -> None:
    with pytest.raises(ModelError, match="layers are not finite"):
        ToneModel.load(damaged(tmp_path / "nan.onnx", lambda name, _: not name.startswith("its_")))
    changed = onnx.load(DEFAULT_MODEL)
    for weights in changed.graph.initializer:
        if weights.name == "its_first_w":
            shorter = onnx.numpy_helper.to_array(weights)[:-1]
            weights.CopyFrom(onnx.numpy_helper.from_array(shorter, weights.name))
    for output in changed.graph.output:
        if output.name == "first_w":
            output.type.tensor_type.shape.dim[0].dim_value -= 1
    onnx.save(changed, tmp_path / "short.onnx")
    with pytest.raises(ModelError, match="layers do not fit"):
        ToneModel.load(tmp_path / "short.onnx")


def test_feelings_are_chances(model: ToneModel) -> None:
    assert set(model.feelings) >= {"anger", "sadness", "neutral"}
    found = predict(model, RNG.normal(0.0, 5.0, (20, len(FEATURES)))).feelings
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-5)
    assert (found >= 0.0).all()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"nowhere\.onnx"):
        ToneModel.load(tmp_path / "nowhere.onnx")


def test_bytes_that_are_no_model_are_refused(tmp_path: Path) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(DEFAULT_MODEL.read_bytes()[:5000])
    with pytest.raises(ModelError, match=r"bad\.onnx"):
        ToneModel.load(bad)


def test_a_model_of_other_features_is_refused(tmp_path: Path) -> None:
    other = with_facts(tmp_path / "other.onnx", **{"nabra.features": "0123456789abcdef"})
    with pytest.raises(ModelMismatch, match=r"0123456789abcdef.*nabra train"):
        ToneModel.load(other)


def test_another_projects_model_is_refused(tmp_path: Path) -> None:
    other = with_facts(tmp_path / "other.onnx", **{"nabra.features": ""})
    with pytest.raises(ModelError, match="not a tone model"):
        ToneModel.load(other)


@pytest.mark.parametrize("prior", ["often", "0.0", "1.0", "2", "-0.1", "nan", "inf"])
def test_a_model_without_a_usable_prior_is_refused(tmp_path: Path, prior: str) -> None:
    other = with_facts(tmp_path / "other.onnx", **{"nabra.prior": prior})
    with pytest.raises(ModelError, match="prior"):
        ToneModel.load(other)


def test_a_model_may_state_how_calm_speech_sounds(tmp_path: Path, model: ToneModel) -> None:
    assert model.calm is None or model.calm.centre.shape == (len(FEATURES),)
    told = {"centre": [1.0] * len(FEATURES), "deviation": [2.0] * len(FEATURES), "most": [0.5] * len(FEATURES)}
    calm = ToneModel.load(with_facts(tmp_path / "calm.onnx", **{"nabra.calm": json.dumps(told)})).calm
    assert calm is not None
    assert (calm.centre == 1.0).all()
    assert (calm.most == 0.5).all()
    wrong = ["[]", "no", json.dumps(told | {"most": [0.5]}), json.dumps(told | {"deviation": [0.0] * len(FEATURES)})]
    wrong += [json.dumps({"centre": told["centre"]}), json.dumps(told | {"centre": ["x"] * len(FEATURES)})]
    for number, fact in enumerate(wrong):
        with pytest.raises(ModelError, match="calm"):
            ToneModel.load(with_facts(tmp_path / f"wrong{number}.onnx", **{"nabra.calm": fact}))


def test_restating_a_probability() -> None:
    assert at_prior(0.5, 0.5, 0.03) == pytest.approx(0.03)
    assert at_prior(0.97, 0.5, 0.03) == pytest.approx(0.5, abs=0.01)
    assert at_prior(1.0, 0.5, 0.03) == pytest.approx(1.0, abs=1e-6)
    assert at_prior(0.2, 0.3, 0.3) == pytest.approx(0.2)
