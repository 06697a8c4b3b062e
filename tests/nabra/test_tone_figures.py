"""What the published figures of a model say of a threshold."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import config
from config.schema import Tone
from emotion.model import at_prior
from nabra.commands.check import Remark, examine
from nabra.tone_figures import Alarmed, AlarmFigures, unwise
from router.evidence import Tone as Heard
from router.tone import ToneEvidence, highest

SHIPPED = config.load().tone


def shares(angry: float, calm: float) -> dict[str, float]:
    return {"angry": angry, "others": calm, "calm": calm}


@pytest.fixture
def own(tmp_path: Path) -> Tone:
    """The tone of a site with a model of its own, whose figures alarm as these two corpora do."""
    first = {"0.9": shares(0.1, 0.0), "0.5": shares(0.9, 0.2), "0.7": shares(0.5, 0.05)}
    second = {"0.9": shares(0.0, 0.0), "0.5": shares(0.7, 0.1), "0.7": {"angry": 0.3}}
    facts = {"prior": 0.5, "figures": {"anger": {"left_out": {"a": {"alarms": first}, "b": {"alarms": second}}}}}
    (tmp_path / "own.json").write_text(json.dumps(facts), encoding="utf-8")
    return replace(SHIPPED, model=tmp_path / "own.onnx")


def at(tone: Tone, threshold: float) -> Tone:
    """The same, with the threshold that is `threshold` on the model's scale."""
    return replace(tone, angry_at=at_prior(threshold, 0.5, tone.anger_prior))


def test_rows_are_averaged_over_corpora_and_rise(own: Tone) -> None:
    figures = AlarmFigures.of(own)
    assert figures is not None
    assert [(row.threshold, round(row.angry, 3), round(row.calm, 3)) for row in figures.rows] == [
        (0.5, 0.8, 0.15),
        (0.7, 0.4, 0.05),
        (0.9, 0.05, 0.0),
    ]


@pytest.mark.parametrize("rows", [{"angry": 0.9, "others": 0.2}, {"angry": 0.9, "others": 0.2, "calm": 0.2}])
def test_recordings_that_do_not_say_who_is_calm_are_judged_by_all_others(own: Tone, rows: dict[str, float]) -> None:
    """Labels of anger alone; one corpus has too few calls to be counted."""
    assert own.model is not None
    parts = {"a": {"alarms": {"0.5": rows}}, "b": {"auc": 0.9}, "c": None}
    facts = {"prior": 0.5, "figures": {"anger": {"left_out": parts}}}
    own.model.with_suffix(".json").write_text(json.dumps(facts), encoding="utf-8")
    figures = AlarmFigures.of(own)
    assert figures is not None
    assert figures.rows == (Alarmed(0.5, 0.9, 0.2),)


@pytest.mark.parametrize(
    ("threshold", "said", "advice"),
    [
        (0.45, "more than 15 of 100 calm callers", "raise it: 0.067 alarms fewer"),
        (0.55, "", ""),
        (0.7001, "", ""),
        (0.95, "hardly any angry caller", "lower it: 0.22 alarms 5 of 100"),
    ],
)
@pytest.mark.parametrize("prior", [0.03, 0.2])
def test_a_threshold_is_judged_on_the_scale_of_the_model(
    own: Tone, threshold: float, said: str, advice: str, prior: float
) -> None:
    figures = AlarmFigures.of(own)
    assert figures is not None
    found = figures.problem(at(replace(own, anger_prior=prior), threshold))
    if not said:
        assert found is None
        return
    assert found is not None
    assert said in found[0]
    if prior == 0.03:
        assert found[1] == advice


def test_a_model_without_figures_is_not_judged(own: Tone) -> None:
    assert own.model is not None
    file = own.model.with_suffix(".json")
    left_out = ("{}", '{"a": null}', '{"a": {"alarms": {}}}', '{"a": {"alarms": {"0.5": {}}}}')
    figures = [f'{{"prior": 0.5, "figures": {{"anger": {{"left_out": {part}}}}}}}' for part in left_out]
    for content in ("", "{}", "[]", *figures):
        file.write_text(content, encoding="utf-8")
        assert AlarmFigures.of(own) is None
    file.unlink()
    assert AlarmFigures.of(own) is None


def test_the_shipped_threshold_is_wise_by_the_figures_of_the_shipped_model() -> None:
    figures = AlarmFigures.of(SHIPPED)
    assert figures is not None
    assert figures.problem(SHIPPED) is None


def test_a_threshold_stated_as_if_half_of_all_callers_were_angry_is_remarked_on(tmp_path: Path) -> None:
    shutil.copytree(config.SHIPPED.parent, tmp_path / "site")
    file = tmp_path / "site" / "nabra.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(f"angry_at: {SHIPPED.angry_at}", "angry_at: 0.75"), encoding="utf-8")
    (remark,) = [remark for remark in examine(file) if "angry_at" in remark.text]
    assert not remark.error
    assert "hardly any angry caller is alarmed" in remark.text
    assert remark.position is not None
    assert "0.75" in file.read_text(encoding="utf-8").splitlines()[remark.position.line - 1]


def remarks_on(tmp_path: Path, angry_at: float, when: str) -> list[Remark]:
    """What is said of tone where the shipped site has this threshold and one more rule."""
    shutil.copytree(config.SHIPPED.parent, tmp_path / "site")
    file = tmp_path / "site" / "nabra.yaml"
    text = file.read_text(encoding="utf-8").replace(f"angry_at: {SHIPPED.angry_at}", f"angry_at: {angry_at}")
    rule = f"rules:\n  - name: loud\n    when: {when}\n    then: {{raise_minutes: 1}}\n"
    file.write_text(text.replace("rules:\n", rule, 1), encoding="utf-8")
    return [remark for remark in examine(file) if "anger" in remark.text or "angry" in remark.text]


@pytest.mark.parametrize("angry_at", [0.972, 0.999])
def test_a_threshold_that_no_evidence_reaches_is_remarked_on(tmp_path: Path, angry_at: float) -> None:
    (remark,) = remarks_on(tmp_path, angry_at, "angry")
    assert not remark.error
    assert f"angry_at {angry_at}: no call is ever alarmed: at anger_prior 0.03 anger is at most 0.971" in remark.text
    assert remark.advice.startswith("lower it: 0.3 alarms")


def test_where_a_model_has_no_figures_a_threshold_that_nothing_reaches_is_remarked_on(own: Tone) -> None:
    assert own.model is not None
    own.model.with_suffix(".json").unlink()
    assert list(unwise(replace(own, angry_at=0.9), ())) == []
    ((where, _, advice),) = unwise(replace(own, angry_at=0.98), ())
    assert (where, advice) == ("tone.angry_at", "lower it")


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("anger > 0.6", "compares anger with 0.6, which will hardly ever hold"),
        ("words > 3 and (angry or 0.55 <= anger)", "compares anger with 0.55, which will hardly ever hold"),
        ("anger >= 0.98", "compares anger with 0.98, which can never hold"),
        ("anger > 0.3", ""),
        ("arousal > 0.9", ""),
    ],
)
def test_a_rule_that_asks_for_more_anger_than_callers_show_is_remarked_on(tmp_path: Path, when: str, said: str) -> None:
    found = remarks_on(tmp_path, SHIPPED.angry_at, when)
    if not said:
        assert found == []
        return
    (remark,) = found
    assert not remark.error
    assert f"'loud' {said}" in remark.text
    assert remark.advice == "write angry instead, which holds from tone.angry_at, 0.045"
    assert remark.position is not None
    assert when in remark.position.file.read_text(encoding="utf-8").splitlines()[remark.position.line - 1]


def test_how_likely_anger_is_at_most_follows_the_prior() -> None:
    tone = ToneEvidence(replace(SHIPPED, anger_prior=0.2))
    certain = Heard(at_s=1, t_s=1, voiced_s=1, arousal=1, valence=0, anger=1, confidence=1, prior=0.2, call_anger=1)
    tone.add(certain, 1.0)
    assert tone.now(1.0).call_anger == pytest.approx(highest(0.2))
    assert tone.now(1.0).anger < highest(0.2)


def test_no_threshold_at_the_prior_is_advised(own: Tone) -> None:
    """At the prior everybody counts as angry, which is warned of elsewhere."""
    assert own.model is not None
    table = {"0.4": shares(1.0, 0.4), "0.5": shares(0.9, 0.04), "0.7": shares(0.5, 0.01)}
    facts = {"prior": 0.5, "figures": {"anger": {"left_out": {"a": {"alarms": table}}}}}
    own.model.with_suffix(".json").write_text(json.dumps(facts), encoding="utf-8")
    figures = AlarmFigures.of(own)
    assert figures is not None
    found = figures.problem(at(own, 0.3))
    assert found is not None
    assert found[1] == "raise it: 0.067 alarms fewer"
