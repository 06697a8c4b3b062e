"""Where an utterance begins, pauses and ends, from the speech probability of each frame.

Speech begins when most of a few frames in a row are speech, and ends when silence has lasted the hang-over.
Between them the first silence is told as a pause, at which a final text can already be decoded. One loud
frame in a pause (a click, a breath) does not end the pause; two in a row do. How long the hang-over is depends
on what was said: who reads the words sets the patience for the pause that runs, and each pause begins with
the normal one.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto

from asr.errors import SettingsInvalid

_SURE_SHARE = 2 / 3
_HESITATION_SHARE = 2.0


class Patience(Enum):
    """How long a silence may last before the utterance is over."""

    SHORT = auto()
    NORMAL = auto()
    LONG = auto()


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """When speech counts as begun, paused and ended.

    Attributes
    ----------
    speech_at : float
        Probability that begins speech, 0..1.
    silence_under : float
        Probability under which a frame of running speech is silent, 0..1.
    start_frames : int
        Speech frames (32 ms) among the last ``start_frames`` + 1 that begin speech.
    speculative_ms : int
        Silence after which a pause is told, ms.
    endpoint_ms : int
        Silence after which the utterance is over, ms.
    sure_ms : int or None
        The same where patience is short: a finished thought whose meaning is sure. None: two thirds of
        ``endpoint_ms``, and not less than ``speculative_ms``.
    hesitation_ms : int or None
        The same where patience is long: a hesitation. None: twice ``endpoint_ms``.
    """

    speech_at: float = 0.4
    silence_under: float = 0.35
    start_frames: int = 3
    speculative_ms: int = 200
    endpoint_ms: int = 600
    sure_ms: int | None = None
    hesitation_ms: int | None = None

    def __post_init__(self) -> None:
        """Refuse thresholds and times that contradict each other."""
        if not 0 < self.silence_under <= self.speech_at < 1:
            raise SettingsInvalid("0 < silence_under <= speech_at < 1 is needed")
        if not 0 < self.speculative_ms <= self.endpoint_ms:
            raise SettingsInvalid("0 < speculative_ms <= endpoint_ms is needed")
        if not self.speculative_ms <= self.silence_ms(Patience.SHORT) <= self.endpoint_ms:
            raise SettingsInvalid("speculative_ms <= sure_ms <= endpoint_ms is needed")
        if self.silence_ms(Patience.LONG) < self.endpoint_ms:
            raise SettingsInvalid("endpoint_ms <= hesitation_ms is needed")
        if self.start_frames < 1:
            raise SettingsInvalid("start_frames is at least 1")

    def silence_ms(self, patience: Patience) -> int:
        """Return the silence after which the utterance is over, ms."""
        if patience is Patience.SHORT:
            shorter = max(self.speculative_ms, round(self.endpoint_ms * _SURE_SHARE))
            return shorter if self.sure_ms is None else self.sure_ms
        if patience is Patience.LONG:
            return round(self.endpoint_ms * _HESITATION_SHARE) if self.hesitation_ms is None else self.hesitation_ms
        return self.endpoint_ms


class Turn(Enum):
    """What a frame changed."""

    STARTED = auto()
    PAUSED = auto()
    RESUMED = auto()
    ENDED = auto()


class Endpointer:
    """Follows one call; told each frame in order."""

    def __init__(self, settings: EndpointSettings) -> None:
        self._settings = settings
        self._recent: deque[tuple[bool, float]] = deque(maxlen=settings.start_frames + 1)
        self._in_speech = False
        self._paused = False
        self._endpoint_ms = settings.endpoint_ms
        self._run = 0
        self._speech_end_s = 0.0
        self._began_s = 0.0
        self._told_s = 0.0

    @property
    def in_speech(self) -> bool:
        """True from the start of an utterance to its end, pauses included."""
        return self._in_speech

    @property
    def paused(self) -> bool:
        """True from the first silence to the end of the utterance, or until speech goes on."""
        return self._paused

    @property
    def began_s(self) -> float:
        """Audio time of the first frame of the latest utterance, s."""
        return self._began_s

    @property
    def speech_end_s(self) -> float:
        """Audio time of the end of the latest speech frame, s; never before one that a pause or an end told."""
        return self._speech_end_s

    def expect(self, patience: Patience) -> None:
        """Set the patience for the pause that runs; nothing where none does."""
        if self._paused:
            self._endpoint_ms = self._settings.silence_ms(patience)

    def step(self, probability: float, start_s: float, end_s: float, steady_s: float = 0.0) -> Turn | None:
        """Take one frame and say what it changed.

        Parameters
        ----------
        probability : float
            Of speech, 0..1.
        start_s, end_s : float
            Of the frame, audio time, s.
        steady_s : float
            How long the sound has been too steady for a voice, s: what seemed speech in it was none.
        """
        if steady_s > 0:
            self._speech_end_s = max(self._began_s, self._told_s, min(self._speech_end_s, end_s - steady_s))
        if not self._in_speech:
            return self._outside(probability, start_s, end_s)
        at = self._settings.speech_at if self._paused else self._settings.silence_under
        self._run = self._run + 1 if probability >= at else 0
        if self._run >= (2 if self._paused else 1):
            self._speech_end_s = end_s
            if self._paused:
                self._paused = False
                self._endpoint_ms = self._settings.endpoint_ms
                return Turn.RESUMED
            return None
        silence_ms = (end_s - self._speech_end_s) * 1000 + 1e-6
        if silence_ms >= self._endpoint_ms:
            self._in_speech = self._paused = False
            self._told_s = self._speech_end_s
            self._recent.clear()
            return Turn.ENDED
        if not self._paused and silence_ms >= self._settings.speculative_ms:
            self._paused = True
            self._told_s = self._speech_end_s
            return Turn.PAUSED
        return None

    def _outside(self, probability: float, start_s: float, end_s: float) -> Turn | None:
        self._recent.append((probability >= self._settings.speech_at, start_s))
        speech = [at_s for voiced, at_s in self._recent if voiced]
        if not self._recent[-1][0] or len(speech) < self._settings.start_frames:
            return None
        self._in_speech, self._paused, self._run = True, False, 1
        self._endpoint_ms = self._settings.endpoint_ms
        self._began_s, self._speech_end_s = speech[0], end_s
        return Turn.STARTED
