"""Caller audio in, text events out.

A :class:`Listener` per call runs voice activity and finds utterances; only voiced segments reach a
recogniser, behind a :class:`Decoder`: :class:`InlineDecoder` in this process for files and tests,
:class:`RecogniserPool` for live calls, in supervised worker processes that are killed when they hang,
restarted with the audio since the last final, and take no more callers than the machine can decode. Engines
(embedded Moonshine, any Vosk model directory) stand behind one interface. All audio is int16, mono, 8 kHz;
all times are audio time in seconds.
"""

from asr.decoder import Answer, Decoder, InlineDecoder
from asr.endpoint import EndpointSettings
from asr.engine import Engine, EngineFacts, Hypothesis
from asr.engines import EngineKind, EngineSpec, create_engine
from asr.errors import AsrError
from asr.events import (
    Endpoint,
    Final,
    Partial,
    RecognitionDegraded,
    RecognitionLimited,
    RecognitionRecovered,
    SpeechEvent,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
)
from asr.listener import Listener, ListenerSettings
from asr.pool import RecogniserPool
from asr.pool_types import PoolHealth, PoolSettings, Refusal, Rung
from asr.scripted_engine import ScriptedLine

__all__ = [
    "Answer",
    "AsrError",
    "Decoder",
    "Endpoint",
    "EndpointSettings",
    "Engine",
    "EngineFacts",
    "EngineKind",
    "EngineSpec",
    "Final",
    "Hypothesis",
    "InlineDecoder",
    "Listener",
    "ListenerSettings",
    "Partial",
    "PoolHealth",
    "PoolSettings",
    "RecogniserPool",
    "RecognitionDegraded",
    "RecognitionLimited",
    "RecognitionRecovered",
    "Refusal",
    "Rung",
    "ScriptedLine",
    "SpeechEvent",
    "SpeechPaused",
    "SpeechResumed",
    "SpeechStarted",
    "create_engine",
]
