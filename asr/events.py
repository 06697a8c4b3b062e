"""What speech recognition says about one call, in audio time.

Audio time is seconds since the first sample of the call: samples / 8000. A caller's speech is cut into
segments; each ends with one :class:`Final`, which the reader of these events puts behind the finals before
it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to speak.

    Attributes
    ----------
    at_s : float
        Audio time of the first speech frame, s. The event itself comes about 0.1 s later.
    """

    at_s: float


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """First silence after speech; it may yet go on.

    Attributes
    ----------
    speech_end_s : float
        Audio time of the end of the last speech frame, s.
    at_s : float
        Audio time at which the pause was noticed, s.
    """

    speech_end_s: float
    at_s: float


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """Speech goes on after a pause.

    Attributes
    ----------
    at_s : float
        Audio time at which it was noticed, s.
    """

    at_s: float


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The utterance is over: the silence lasted the whole hang-over.

    Attributes
    ----------
    speech_end_s : float
        Audio time of the end of the last speech frame, s.
    at_s : float
        Audio time at which the end was noticed, s.
    """

    speech_end_s: float
    at_s: float


@dataclass(frozen=True, slots=True)
class Partial:
    """Words of the running segment so far; a later one replaces it.

    Attributes
    ----------
    text : str
        All words of the segment so far.
    start_s, end_s : float
        Audio time that the text covers, s.
    confidence : float or None
        0..1, None where the engine has no honest one.
    decode_s : float
        CPU time of the decoding, s.
    """

    text: str
    start_s: float
    end_s: float
    confidence: float | None
    decode_s: float


@dataclass(frozen=True, slots=True)
class Final:
    """Words of a segment that is over; nothing will replace them.

    Attributes
    ----------
    text : str
        All words of the segment; empty where there were none.
    start_s, end_s : float
        Audio time that the text covers, s.
    confidence : float or None
        0..1, None where the engine has no honest one.
    decode_s : float
        CPU time of the decoding, s.
    speculative : bool
        True where it was decoded at the first silence, before the endpoint was sure.
    """

    text: str
    start_s: float
    end_s: float
    confidence: float | None
    decode_s: float
    speculative: bool


@dataclass(frozen=True, slots=True)
class RecognitionDegraded:
    """The recogniser of this call is not answering.

    Attributes
    ----------
    at_s : float
        Audio time, s.
    reason : str
        Plain English.
    lost_audio_s : float
        Speech that will never be decoded, s; 0 where all of it is kept for a replay.
    """

    at_s: float
    reason: str
    lost_audio_s: float


@dataclass(frozen=True, slots=True)
class RecognitionRecovered:
    """The recogniser of this call answers again, and has heard what it missed.

    Attributes
    ----------
    at_s : float
        Audio time, s.
    """

    at_s: float


@dataclass(frozen=True, slots=True)
class RecognitionLimited:
    """What the recogniser of this call listens for has changed.

    Attributes
    ----------
    at_s : float
        Audio time, s.
    limited : bool
        True where only key phrases are heard from here on, False where everything is again.
    reason : str
        Plain English.
    """

    at_s: float
    limited: bool
    reason: str


SpeechEvent = (
    SpeechStarted
    | SpeechPaused
    | SpeechResumed
    | Endpoint
    | Partial
    | Final
    | RecognitionDegraded
    | RecognitionRecovered
    | RecognitionLimited
)
