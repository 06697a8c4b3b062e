"""What was heard is judged by each draw's models: heard as written it is as right as written, and any error is told."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.asr_figures import Finding
from benchmarks.intent_accuracy import fitted
from benchmarks.intent_alike import SoundingAlike, said_by_people
from benchmarks.intent_heard import NOISE, QUIET, SHORT, Heard, Spoken
from benchmarks.intent_sets import IntentTexts
from benchmarks.intent_spoken import cut_short, judged_texts

VERBS = {"pay": "selfservice", "buy": "sales", "mend": "complaints"}
ROWS = [
    (f"{verb} {how} {thing} if you please", verb)
    for verb in VERBS
    for how in ("the", "my", "our", "that")
    for thing in ("bill", "phone", "line", "plan")
]
SET = IntentTexts("a set", "en", tuple(ROWS), (), VERBS)


def found(in_noise: list[str] | None = None) -> dict[str, Finding]:
    rows = judged_texts(SET, 12)
    written = [text for text, _ in rows]
    short = [cut_short(text) for text in written]
    spoken = Spoken(rows, {QUIET: written, NOISE: in_noise or written, SHORT: short})
    heard = Heard({SET.name: spoken}, SoundingAlike(said_by_people([SET])), "a recogniser")
    for seed in range(2):
        heard.judge(SET, seed, None, None)
    return {one.stage: one for one in heard.findings("a set", 2)}


def right(findings: dict[str, Finding], kind: str) -> float:
    (one,) = (one for stage, one in findings.items() if f"texts, {kind}, " in stage)
    assert one.figures[0].name == "right"
    assert one.figures[0].value is not None
    return one.figures[0].value


def test_heard_as_written_it_is_as_right_as_written() -> None:
    findings = found()
    wrong = findings["intent: words heard wrong"]
    assert [figure.value for figure in wrong.figures] == [0.0, 0.0, 0.0]
    for kind in ("as written", QUIET, NOISE, "any word", "sounding alike", SHORT, "5 words, any word"):
        assert right(findings, kind) == 100
    assert all(figure.floor is None and figure.aim is None for one in findings.values() for figure in one.figures)


def test_errors_of_the_recogniser_are_told_and_simulated_at_its_rate() -> None:
    heard = [" ".join(["mend", *text.split()[1:]]) for text, _ in judged_texts(SET, 12)]
    findings = found(heard)
    wrong = {figure.name: figure.value for figure in findings["intent: words heard wrong"].figures}
    said_wrong = np.mean([not text.startswith("mend") for text, _ in judged_texts(SET, 12)])
    assert wrong[f"WER, {NOISE}"] == pytest.approx(100 * said_wrong / len(ROWS[0][0].split()))
    assert right(findings, NOISE) == pytest.approx(100 * (1 - said_wrong))
    assert right(findings, "any word") > right(findings, NOISE)
    (less,) = (one.figures[1] for stage, one in findings.items() if "texts, any word, 90 %" in stage)
    assert less.value == pytest.approx(right(findings, "any word") - right(findings, NOISE))


def test_a_model_that_is_given_is_used() -> None:
    rows = judged_texts(SET, 12)
    written = [text for text, _ in rows]
    spoken = Spoken(rows, {QUIET: written, NOISE: written, SHORT: [cut_short(text) for text in written]})
    heard = Heard({SET.name: spoken}, SoundingAlike(said_by_people([SET])), "a recogniser")
    turned = {
        "pay": [text for text, label in ROWS if label == "buy"],
        "buy": [text for text, label in ROWS if label == "pay"],
    }
    model = fitted(turned, "en", VERBS.__getitem__, 0, None)
    heard.judge(SET, 0, model, None)
    findings = {one.stage: one for one in heard.findings("a set", 1)}
    assert right(findings, "as written") == 0
