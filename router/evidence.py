"""What a session can be told about a call.

Every event says when it happened twice: `at_s`, monotonic seconds on the clock of whoever drives the
session, and `audio_s`, seconds of the caller's audio since its first sample. All fields are given by
keyword. Scales are 0..1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Something happened on the call.

    Attributes
    ----------
    at_s : monotonic seconds.
    audio_s : seconds of caller audio since the first sample.
    """

    at_s: float
    audio_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeStarted(Evidence):
    """The notice began to play."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeEnded(Evidence):
    """The notice was heard to its end; analysis may begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptEnded(Evidence):
    """A prompt that the session asked for is over: `name` is that of its PlayPrompt command."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStarted(Evidence):
    """The caller began to speak at `audio_s`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechPaused(Evidence):
    """First silence after speech: the caller may go on; speech ended at `speech_end_audio_s`."""

    speech_end_audio_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EndOfUtterance(Evidence):
    """The caller stopped for long enough to have finished; speech ended at `speech_end_audio_s`."""

    speech_end_audio_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Words(Evidence):
    """What the recogniser heard of the phrase being spoken.

    A partial replaces the partial before it. A final replaces the partial and stands; a final with the same
    `segment_start_s` as an earlier one replaces that.

    Attributes
    ----------
    text : the phrase so far.
    final : the recogniser will not change it any more.
    confidence : 0..1, or None where the engine gives none.
    decode_s : seconds of work it took.
    segment_start_s : audio time at which the phrase began, or None where the engine does not say.
    """

    text: str
    final: bool
    confidence: float | None = None
    decode_s: float = 0.0
    segment_start_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence(Evidence):
    """What a sentence encoder makes of words that were heard (`router.intent.sentences`), some time after them.

    Attributes
    ----------
    text : the words it read: all that were said by then, or the answer to the question, redacted.
    scores : of each intent, before calibration, rounded as they are decided on.
    """

    text: str
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderLost(Evidence):
    """The sentence encoder reads this call no more; `reason` says why."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tone(Evidence):
    """One estimate of how the caller sounds.

    Attributes
    ----------
    t_s : audio time of the estimate.
    voiced_s : seconds of voiced speech it rests on.
    arousal, valence, anger, confidence : 0..1.
    abstained : the numbers must not be used; `reason` says why.
    prior : share of angry calls that the probabilities of anger assume, in (0, 1).
    call_anger : how likely what was heard makes anger, weighed as an alarm must be, 0..1 (0 where too little was
        heard for an alarm); None where the tracker does not say.
    trend : log-odds of anger gained in 10 s; 0 where it is not known.
    lost : no further estimate will come on this call; `reason` says why.
    """

    t_s: float
    voiced_s: float
    arousal: float
    valence: float
    anger: float
    confidence: float
    abstained: bool = False
    reason: str = ""
    prior: float = 0.5
    call_anger: float | None = None
    trend: float = 0.0
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Key(Evidence):
    """The caller pressed a key: one of 0-9, *, #, A-D."""

    digit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecogniserLost(Evidence):
    """The recogniser of this call is gone; `reason` says why."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecogniserBack(Evidence):
    """The recogniser hears this call again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecogniserLimited(Evidence):
    """From now on the recogniser hears key phrases only (`limited`), or everything again; `reason` says why."""

    limited: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HungUp(Evidence):
    """The caller, or the PBX, ended the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick(Evidence):
    """Time passed."""


Event = (
    NoticeStarted
    | NoticeEnded
    | PromptEnded
    | SpeechStarted
    | SpeechPaused
    | EndOfUtterance
    | Words
    | Sentence
    | EncoderLost
    | Tone
    | Key
    | RecogniserLost
    | RecogniserBack
    | RecogniserLimited
    | HungUp
    | Tick
)

EVENT_KINDS: dict[str, type[Event]] = {
    "notice_started": NoticeStarted,
    "notice_ended": NoticeEnded,
    "prompt_ended": PromptEnded,
    "speech_started": SpeechStarted,
    "speech_paused": SpeechPaused,
    "end_of_utterance": EndOfUtterance,
    "words": Words,
    "sentence": Sentence,
    "encoder_lost": EncoderLost,
    "tone": Tone,
    "key": Key,
    "recogniser_lost": RecogniserLost,
    "recogniser_back": RecogniserBack,
    "recogniser_limited": RecogniserLimited,
    "hung_up": HungUp,
    "tick": Tick,
}
"""The name of each event in a decision record."""

KIND_OF: dict[type[Event], str] = {event: kind for kind, event in EVENT_KINDS.items()}
