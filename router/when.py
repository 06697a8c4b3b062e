"""When a call was decided, in words: whatever tells it to people says it so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BEHIND_MS = 200.0
"""A machine that is further behind the caller's audio than this is said to be; less is how frames come and go."""

_TELL_THE_AUDIO = frozenset({"notice_ended", "words", "tone", "end_of_utterance", "prompt_ended"})
"""Events that say how far the caller's audio has come by now; the others say where in it they were."""


def by_end_of_speech(latency_ms: float | None, language: str = "en", behind_ms: float = 0.0) -> str:
    """Say when a call was decided, by the end of speech.

    Parameters
    ----------
    latency_ms : from the end of the caller's last word to the decision, both in the time of the caller's audio;
        negative where it was decided before; None where nobody spoke.
    language : "ar" for Arabic, else English.
    behind_ms : how much longer than the audio the machine took to get there.
    """
    arabic = language == "ar"
    if latency_ms is None:
        said = "لم يتكلم أحد" if arabic else "nobody spoke"
    else:
        number, before = f"{abs(latency_ms):.0f}", round(latency_ms) < 0
        if arabic:
            said = f"{'قبل' if before else 'بعد'} نهاية الكلام بمقدار {number} مللي ثانية"
        else:
            said = f"{number} ms {'before' if before else 'after'} the end of speech"
    late = behind(behind_ms, language)
    return f"{said}{'؛ و' if arabic else '; '}{late}" if late else said


def behind(behind_ms: float, language: str = "en") -> str:
    """Say how far the machine was behind the caller's audio; nothing where it kept up."""
    if behind_ms < BEHIND_MS:
        return ""
    if language == "ar":
        return f"كان الجهاز متأخرًا {behind_ms:.0f} مللي ثانية"
    return f"the machine was {behind_ms:.0f} ms behind"


def lag_ms(record: Mapping[str, Any]) -> float:
    """Return how much longer than the caller's audio a call took from the end of the notice on, in milliseconds.

    On an idle machine the two go together. As of the last event that tells how far the audio had come; 0 where none
    does.
    """
    late_s = [entry["now_s"] - entry["audio_s"] for entry in record["timeline"] if entry["event"] in _TELL_THE_AUDIO]
    return max(0.0, 1000.0 * float(late_s[-1] - late_s[0])) if late_s else 0.0
