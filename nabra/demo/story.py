"""What is known of one call so far, folded from its events: table, view and JSON all tell this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from emotion.model import at_prior


class Happened(Protocol):
    """An event of a call, live (`CallEvent`) or from a recording (`Heard`)."""

    @property
    def kind(self) -> str:
        """One of `EventKind`."""

    @property
    def audio_s(self) -> float:
        """Seconds of the caller's audio."""

    @property
    def data(self) -> Mapping[str, object]:
        """Details by kind."""


@dataclass(frozen=True, slots=True)
class ToneAt:
    """How the caller sounded: audio time in seconds, the rest 0..1; not to be used where `abstained`.

    `anger` is the probability where `prior` of all calls are angry, so a few per cent is already much; `evidence`
    is what it says of anger, 0.5 nothing either way. `call_anger` is what was heard of the call so far, which an alarm
    is held against, 0 where that is too little; `alarmed` whether the alarm is on.
    """

    t_s: float
    arousal: float
    anger: float
    abstained: bool
    reason: str
    prior: float = 0.5
    call_anger: float = 0.0
    alarmed: bool = False

    @property
    def evidence(self) -> float:
        """Anger as if half of all calls were angry: what can be drawn on one scale with arousal."""
        return self.on_that_scale(self.anger)

    def on_that_scale(self, anger: float) -> float:
        """Put another probability of anger, at the same prior, on the scale of `evidence`."""
        return at_prior(anger, self.prior, 0.5)


@dataclass(frozen=True, slots=True)
class WordsAt:
    """Text of one stretch of speech, from its start to the time up to which it was heard."""

    start_s: float
    end_s: float
    text: str
    final: bool


@dataclass(slots=True)
class CallStory:
    """One call, growing.

    Attributes
    ----------
    state : one word for people: rings, notice, listens, speaks, thinks, decided, queued or over.
    words : every text as it came, partial ones included.
    tones : every estimate as it came.
    speech_end_s, decided_s : audio time in seconds; None before, and while the caller speaks (again).
    intent, about : what the caller wants, by its name in the configuration and by its label.
    decided_at_s : monotonic time of the decision; `listened_from_s` of the end of the notice, and its audio time.
    behind_ms : how much longer than the caller's audio it took from the end of the notice to the decision; 0 where the
        events have no monotonic times.
    join_ms : from the decision to the queue's join event, as told by the PBX.
    """

    state: str = "rings"
    words: list[WordsAt] = field(default_factory=list)
    tones: list[ToneAt] = field(default_factory=list)
    keys: list[tuple[float, str]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    notice_s: tuple[float, float | None] | None = None
    speech_start_s: float | None = None
    speech_end_s: float | None = None
    decided_s: float | None = None
    destination: str = ""
    intent: str = ""
    about: str = ""
    probability: float | None = None
    priority: int | None = None
    rung: str = ""
    reasons: list[str] = field(default_factory=list)
    reasons_ar: list[str] = field(default_factory=list)
    behind_ms: float = 0.0
    queue: str = ""
    join_ms: float | None = None
    decided_at_s: float | None = None
    listened_from_s: tuple[float, float] | None = None

    def receive(self, event: Happened, at_s: float | None = None) -> None:
        """Fold in one event; `at_s` is its monotonic time, where there is one."""
        data, audio_s = event.data, event.audio_s
        match str(event.kind):
            case "notice_started":
                self.state, self.notice_s = "notice", (audio_s, None)
            case "notice_ended":
                self.state = "listens" if not self.destination else self.state
                self.notice_s = (self.notice_s[0] if self.notice_s else 0.0, audio_s)
                self.listened_from_s = None if at_s is None else (at_s, audio_s)
            case "speech_started":
                self.state, self.speech_end_s = "speaks", None
                if self.speech_start_s is None:
                    self.speech_start_s = audio_s
            case "end_of_utterance":
                self.state = "thinks"
                self.speech_end_s = _number(data.get("speech_end_audio_s"))
            case "partial" | "final" as kind:
                start_s = _number(data.get("start_s"))
                start_s = audio_s if start_s is None else start_s
                self.words.append(WordsAt(start_s, audio_s, str(data.get("text", "")), kind == "final"))
            case "tone":
                self.tones.append(
                    ToneAt(
                        audio_s,
                        _number(data.get("arousal")) or 0.0,
                        _number(data.get("anger")) or 0.0,
                        bool(data.get("abstained")),
                        str(data.get("reason", "")),
                        _number(data.get("prior")) or 0.5,
                        _number(data.get("call_anger")) or 0.0,
                        bool(data.get("alarmed")),
                    )
                )
            case "key":
                self.keys.append((audio_s, str(data.get("digit", ""))))
            case "degraded":
                self.troubles.append(str(data.get("reason", "")))
            case "decided":
                self._decide(data, audio_s, at_s)
            case "queue_join":
                self.state, self.queue = "queued", str(data.get("queue", ""))
                if at_s is not None and self.decided_at_s is not None:
                    self.join_ms = (at_s - self.decided_at_s) * 1000.0
            case "hung_up":
                self.state = "over"

    def _decide(self, data: Mapping[str, object], audio_s: float, at_s: float | None) -> None:
        self.state = "decided"
        self.decided_s = _number(data.get("decided_audio_s")) or audio_s
        self.decided_at_s = at_s
        self.destination = str(data.get("destination", ""))
        self.intent = str(data.get("intent") or "")
        self.about = str(data.get("about") or self.intent)
        self.probability = _number(data.get("probability"))
        self.rung = str(data.get("rung", ""))
        priority = _number(data.get("priority"))
        self.priority = None if priority is None else int(priority)
        self.reasons = _texts(data.get("reasons"))
        self.reasons_ar = _texts(data.get("reasons_ar"))
        if at_s is not None and self.listened_from_s is not None:
            since_s, since_audio_s = self.listened_from_s
            self.behind_ms = max(0.0, 1000.0 * ((at_s - since_s) - (self.decided_s - since_audio_s)))

    @property
    def stretches(self) -> list[WordsAt]:
        """What holds of each stretch of speech: its final text, or the newest partial where it is not final yet."""
        found: dict[float, WordsAt] = {}
        for words in self.words:
            # A final text replaces the partials of its stretch, whose starts may differ a little.
            for start_s in [start_s for start_s in found if start_s >= words.start_s - 0.3]:
                del found[start_s]
            found[words.start_s] = words
        return [words for words in found.values() if words.text]

    @property
    def text(self) -> str:
        """All that was heard so far."""
        return " ".join(words.text for words in self.stretches)

    @property
    def news(self) -> list[tuple[float, str]]:
        """What each partial text changed: audio time up to which was heard, and its words from the first new one on."""
        found: list[tuple[float, str]] = []
        start_s, before = -1.0, list[str]()
        for words in self.words:
            if abs(words.start_s - start_s) > 0.3:
                start_s, before = words.start_s, []
            parts = words.text.split()
            same = 0
            while same < min(len(parts), len(before)) and _bare(parts[same]) == _bare(before[same]):
                same += 1
            if not words.final and parts[same:]:
                found.append((words.end_s, " ".join(parts[same:])))
            before = parts
        return found

    @property
    def decided(self) -> bool:
        """Whether it is known where the call goes."""
        return self.decided_s is not None

    @property
    def abstains(self) -> str:
        """Why the newest estimate of tone may not be used, or empty."""
        if self.tones and self.tones[-1].abstained:
            return self.tones[-1].reason or "not sure"
        return ""


def _bare(word: str) -> str:
    """Return a word without what a recogniser writes differently from one text to the next."""
    return word.strip(".,;:?!…،؛؟").casefold()


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list | tuple) else []
