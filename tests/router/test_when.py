"""When a call was decided is said in one way, and how far the machine was behind."""

from __future__ import annotations

import pytest

from router.explain import explain
from router.when import by_end_of_speech, lag_ms
from tests.router.test_record import a_call, as_json


@pytest.mark.parametrize(
    ("latency_ms", "behind", "english", "arabic"),
    [
        (None, 0.0, "nobody spoke", "لم يتكلم أحد"),
        (-839.2, 0.0, "839 ms before the end of speech", "قبل نهاية الكلام بمقدار 839 مللي ثانية"),
        (640.0, 30.0, "640 ms after the end of speech", "بعد نهاية الكلام بمقدار 640 مللي ثانية"),
        (
            -350.0,
            2012.4,
            "350 ms before the end of speech; the machine was 2012 ms behind",
            "قبل نهاية الكلام بمقدار 350 مللي ثانية؛ وكان الجهاز متأخرًا 2012 مللي ثانية",
        ),
    ],
)
def test_when_a_call_was_decided_is_said_in_one_way(
    latency_ms: float | None, behind: float, english: str, arabic: str
) -> None:
    assert by_end_of_speech(latency_ms, behind_ms=behind) == english
    assert by_end_of_speech(latency_ms, "ar", behind) == arabic


def test_how_far_the_machine_was_behind_the_audio_is_said() -> None:
    record = as_json(a_call())
    assert "behind" not in explain(record)
    for entry in record["timeline"]:
        entry["audio_s"] = entry["now_s"]
    assert lag_ms(record) == 0.0
    words = next(entry for entry in reversed(record["timeline"]) if entry["event"] == "words")
    for entry in record["timeline"][record["timeline"].index(words) :]:
        entry["audio_s"] = entry["now_s"] - 1.5
    assert lag_ms(record) == pytest.approx(1500.0)
    assert "600 ms after the end of speech; the machine was 1500 ms behind" in explain(record)
