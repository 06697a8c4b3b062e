"""What the rooms hear, translated: speech and tone become the router's evidence, and what is published of it.

Pure. Speech and tone count from where they began to listen; here what they say is moved to the call's own audio time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import asr.events as speech
from emotion import Estimate
from nabra.operations.bus import EventKind
from router import evidence


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing that was heard.

    Attributes
    ----------
    kind, audio_s, data : as it is published; audio time in seconds.
    event : as the session is told it.
    """

    kind: EventKind
    audio_s: float
    data: Mapping[str, object]
    event: evidence.Event


def of_speech(event: speech.SpeechEvent, now_s: float, audio_s: float, from_s: float) -> Heard:
    """Translate what the listener says.

    Parameters
    ----------
    now_s : monotonic seconds.
    audio_s : seconds of the caller's audio so far.
    from_s : audio time from which the listener counts.
    """
    match event:
        case speech.SpeechStarted(at_s=at_s) | speech.SpeechResumed(at_s=at_s):
            resumed = {"resumed": True} if isinstance(event, speech.SpeechResumed) else {}
            at_s += from_s
            return Heard(EventKind.SPEECH_STARTED, at_s, resumed, evidence.SpeechStarted(at_s=now_s, audio_s=at_s))
        case speech.SpeechPaused(speech_end_s=end_s, at_s=at_s):
            end_s, at_s = from_s + end_s, from_s + at_s
            paused = evidence.SpeechPaused(at_s=now_s, audio_s=at_s, speech_end_audio_s=end_s)
            return Heard(EventKind.SPEECH_PAUSED, at_s, {"speech_end_audio_s": end_s}, paused)
        case speech.Endpoint(speech_end_s=end_s):
            end_s += from_s
            ended = evidence.EndOfUtterance(at_s=now_s, audio_s=audio_s, speech_end_audio_s=end_s)
            return Heard(EventKind.END_OF_UTTERANCE, audio_s, {"speech_end_audio_s": end_s}, ended)
        case speech.Partial() | speech.Final():
            final, start_s = isinstance(event, speech.Final), from_s + event.start_s
            return Heard(
                EventKind.FINAL if final else EventKind.PARTIAL,
                from_s + event.end_s,
                {"text": event.text, "start_s": start_s, "decode_s": event.decode_s},
                evidence.Words(
                    at_s=now_s,
                    audio_s=audio_s,
                    text=event.text,
                    final=final,
                    confidence=event.confidence,
                    decode_s=event.decode_s,
                    segment_start_s=start_s,
                ),
            )
        case speech.RecognitionDegraded(reason=reason):
            lost = evidence.RecogniserLost(at_s=now_s, audio_s=audio_s, reason=reason)
            return Heard(EventKind.DEGRADED, audio_s, {"reason": reason}, lost)
        case speech.RecognitionRecovered():
            return Heard(EventKind.RECOVERED, audio_s, {}, evidence.RecogniserBack(at_s=now_s, audio_s=audio_s))
        case speech.RecognitionLimited(limited=limited, reason=reason):
            kind = EventKind.DEGRADED if limited else EventKind.RECOVERED
            said = f"only key phrases are listened for: {reason}" if limited else reason
            told = evidence.RecogniserLimited(at_s=now_s, audio_s=audio_s, limited=limited, reason=reason)
            return Heard(kind, audio_s, {"reason": said}, told)


def of_tone(estimate: Estimate, now_s: float, audio_s: float, from_s: float, prior: float) -> Heard:
    """Translate an estimate of tone.

    Parameters
    ----------
    now_s, audio_s, from_s : as in `of_speech`, of the tracker.
    prior : share of angry callers that it was reckoned with.
    """
    t_s = from_s + estimate.t_s
    values = {
        "arousal": estimate.arousal,
        "valence": estimate.valence,
        "anger": estimate.anger,
        "call_anger": estimate.call_anger,
        "alarmed": estimate.alarmed,
        "trend": estimate.trend,
        "prior": prior,
        "confidence": estimate.confidence,
        "abstained": estimate.abstained,
        "voiced_s": estimate.voiced_s,
        "reason": estimate.reason,
    }
    tone = evidence.Tone(
        at_s=now_s,
        audio_s=audio_s,
        t_s=t_s,
        voiced_s=estimate.voiced_s,
        arousal=estimate.arousal,
        valence=estimate.valence,
        anger=estimate.anger,
        confidence=estimate.confidence,
        abstained=estimate.abstained,
        reason=estimate.reason,
        prior=prior,
        call_anger=estimate.call_anger,
        trend=estimate.trend,
    )
    return Heard(EventKind.TONE, t_s, values, tone)


def no_tone(reason: str, now_s: float, audio_s: float) -> evidence.Tone:
    """Return the evidence that tone is listened to no more, and why."""
    return evidence.Tone(
        at_s=now_s,
        audio_s=audio_s,
        t_s=audio_s,
        voiced_s=0.0,
        arousal=0.0,
        valence=0.0,
        anger=0.0,
        confidence=0.0,
        abstained=True,
        reason=reason,
        lost=True,
    )
