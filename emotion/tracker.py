"""One call's tone: samples and the voice-activity flag in, an estimate each 250 ms of audio out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from emotion.alarm import Alarm, log_odds
from emotion.baseline import Baseline
from emotion.errors import EmotionError
from emotion.extract import Extractor, Samples, check_samples
from emotion.functionals import SpeechWindow
from emotion.inquiry import Answer, Inquiry, ask
from emotion.layout import RATE_HZ
from emotion.model import ToneModel, at_prior
from emotion.sequence import Sequence
from emotion.trend import Trend


class Abstention(StrEnum):
    """Why an estimate must not be used; the words an operator reads.

    A second voice is not among them. Over 8 s of telephone band neither pitch nor spectrum tells two people from one
    who is lively: a rule that hears 28 % of a man and a woman taking turns, and 3 % of two who speak at once, also
    refuses 16 % of callers who flare up and calm down, which is what must be heard.
    """

    NONE = ""
    TOO_LITTLE = "too little voice"
    TOO_NOISY = "too noisy"
    NOT_SPEECH = "tones or music"
    CLIPPED = "clipped"
    UNFAMILIAR = "unlike anything the model was trained on"


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """When to estimate and when to abstain.

    every_s: audio time between estimates. min_voiced_s: speech that must be counted before the first usable
    one. min_snr_db: least level of speech (with the noise in it) above what lies between it: so far down the
    order of angry and other callers holds (what noise does is in the model card). min_pitched_share:
    least share of the frames flagged as speech that have a pitch (noise has none). max_still_share: most
    neighbouring pitched frames whose pitch hardly moves (tones and held notes are still; speech is not).
    max_clipped_share: most samples at the edge of G.711's range. min_familiarity: least likeness to what the
    model was trained on. anger_prior: share of angry calls to assume, None for the model's own. alarm_at:
    probability of anger, at the model's own prior, that the evidence of a call must reach to raise an alarm
    (see `emotion.alarm`); a threshold for a call, not for an estimate.
    """

    every_s: float = 0.25
    min_voiced_s: float = 1.0
    min_snr_db: float = 4.0
    min_pitched_share: float = 0.2
    max_still_share: float = 0.4
    max_clipped_share: float = 0.15
    min_familiarity: float = 0.15
    anger_prior: float | None = None
    alarm_at: float = 0.6


@dataclass(frozen=True, slots=True)
class Estimate:
    """How the caller sounds at one moment, from the newest 8 s of counted speech.

    t_s: audio time since the first sample, s. voiced_s: speech counted so far, s. arousal, valence, anger:
    probabilities 0..1 (0.5 where the model was not asked). confidence: 0..1, how far the input can be
    trusted (speech heard, likeness to what was trained on), whatever the probabilities say. abstained: the
    numbers must not be used, for `reason`; what follows stands nevertheless, it is about the call. alarmed:
    the caller sounds angry enough for an alarm, now. call_anger: what an alarm is held against
    (`Alarm.evidence`), as a probability at the prior of `anger`; 0.0 where too little was heard. alarmed_at_s:
    audio time of the first alarm of the call, s, None if there was none; it stays. trend: change of the log-odds
    of anger per 10 s over the last 8 s, above 0 where anger rises, 0.0 where too little was heard to say. feeling:
    the likeliest of `ToneModel.feelings`, empty where the model tells none apart or was not asked; feeling_share:
    its probability among them.
    """

    t_s: float
    voiced_s: float
    arousal: float
    valence: float
    anger: float
    confidence: float
    abstained: bool
    reason: str
    alarmed: bool = False
    call_anger: float = 0.0
    alarmed_at_s: float | None = None
    trend: float = 0.0
    feeling: str = ""
    feeling_share: float = 0.0


class Tracker:
    """The tone of one call.

    Estimates fall due on every `every_s` of audio time, from the first one after speech was flagged; they
    depend on samples and flags, not on how the samples were cut. `push` runs the model at once. Where many
    calls share a run, `feed` hands out what to ask and `settle` takes what was answered: any number of
    inquiries may be under way, and are settled in the order in which they were handed out. After `close`
    everything gathered is gone; feeding and settling do nothing.
    """

    __slots__ = (
        "_alarm",
        "_asked",
        "_baseline",
        "_every",
        "_extractor",
        "_handed_out",
        "_latest",
        "_model",
        "_samples",
        "_sequence",
        "_settings",
        "_settled",
        "_trend",
        "_window",
    )

    def __init__(self, model: ToneModel, settings: TrackerSettings | None = None) -> None:
        self._model = model
        self._settings = settings or TrackerSettings()
        if self._settings.anger_prior is not None and not 0.0 < self._settings.anger_prior < 1.0:
            raise EmotionError(f"anger_prior must lie between 0 and 1, not {self._settings.anger_prior}")
        if not 0.0 < self._settings.alarm_at < 1.0:
            raise EmotionError(f"alarm_at must lie between 0 and 1, not {self._settings.alarm_at}")
        self._every = max(1, round(self._settings.every_s * RATE_HZ))
        self._extractor: Extractor | None = Extractor()
        self._window: SpeechWindow | None = SpeechWindow()
        self._sequence = None if model.layers is None else Sequence(model.layers)
        self._samples = 0
        self._asked = 0.0
        self._baseline = None if model.calm is None else Baseline(model.calm)
        self._handed_out = 0
        self._settled = -1
        self._latest: Estimate | None = None
        self._alarm = Alarm(log_odds(self._settings.alarm_at))
        self._trend = Trend()

    @property
    def latest(self) -> Estimate | None:
        """The newest estimate, None before the first and after `close`."""
        return self._latest

    def push(self, pcm: Samples, voiced: bool) -> Estimate | None:
        """Take samples with their voice-activity flag; return the newest estimate that fell due within them, if any.

        Runs the model for this call alone. Parameters and errors are those of `feed`.
        """
        check_samples(pcm)
        due: Estimate | None = None
        # In pieces that bring one inquiry each: what is answered to it may bear on those after it.
        for start in range(0, len(pcm), self._every):
            for inquiry in self.feed(pcm[start : start + self._every], voiced):
                due = self.settle(inquiry, ask(self._model, (inquiry,))[0])
        return due

    def feed(self, pcm: Samples, voiced: bool | None) -> tuple[Inquiry, ...]:
        """Take samples with their voice-activity flag; return the inquiries that fell due within them, oldest first.

        The model is not run. Samples of at most `every_s` bring at most one inquiry.

        Parameters
        ----------
        pcm
            int16, shape (n,), 8000 Hz; usually 160 samples.
        voiced
            Whether the voice-activity detector heard speech in them; None where it may be somebody else's, such as a
            prompt that comes back from the line: such samples say nothing of the caller, nor of the noise.

        Raises
        ------
        SamplesError
            If `pcm` is anything else.
        """
        check_samples(pcm)
        if self._extractor is None or self._window is None:
            return ()
        due: tuple[Inquiry, ...] = ()
        start = 0
        while start < len(pcm):
            stop = min(len(pcm), start + self._every - self._samples % self._every)
            rows = self._extractor.push(pcm[start:stop])
            self._window.add(rows, voiced)
            if self._sequence is not None:
                self._sequence.add(rows, self._window.counted)
            self._samples += stop - start
            start = stop
            if self._samples % self._every == 0 and self._window.flagged_s > 0.0:
                due = (*due, self._inquire(self._window))
        return due

    def settle(self, inquiry: Inquiry, answer: Answer | None) -> Estimate | None:
        """Turn an inquiry of this call and the model's answer to it into the newest estimate.

        Parameters
        ----------
        inquiry
            Handed out by `feed`; one that was never answered may be left out.
        answer
            What `ask` said of it.

        Returns
        -------
        None, and nothing changes, after `close` and for an inquiry that is older than one already settled.

        Raises
        ------
        EmotionError
            If the model was to be asked and there is no answer.
        """
        if self._window is None or inquiry.number <= self._settled:
            return None
        if inquiry.features is not None and answer is None:
            raise EmotionError(f"inquiry {inquiry.number} asks the model, but no answer was given")
        self._settled = inquiry.number
        self._latest = self._estimate(inquiry, answer)
        return self._latest

    def close(self) -> None:
        """Forget everything that was gathered."""
        self._extractor = None
        self._window = None
        self._sequence = None
        self._baseline = None
        self._alarm = Alarm(log_odds(self._settings.alarm_at))
        self._trend = Trend()
        self._latest = None

    def _inquire(self, window: SpeechWindow) -> Inquiry:
        number = self._handed_out
        self._handed_out += 1
        t_s, voiced_s = self._samples / RATE_HZ, window.voiced_s
        if voiced_s < self._settings.min_voiced_s:
            little = Abstention.TOO_NOISY if self._too_noisy(window) else Abstention.TOO_LITTLE
            return Inquiry(number, t_s, voiced_s, None, False, little.value)
        if voiced_s == self._asked:
            return Inquiry(number, t_s, voiced_s, None, True, "")
        fresh_s, self._asked = voiced_s - self._asked, voiced_s
        pooled = None if self._sequence is None else self._sequence.pooled()
        doubt = self._doubt(window).value
        heard = Inquiry(number, t_s, voiced_s, window.features(), False, doubt, fresh_s, pooled=pooled)
        return self.adapted(heard)

    def adapted(self, inquiry: Inquiry) -> Inquiry:
        """Return the inquiry with this caller's baseline, as it stands for it, taken away from the features.

        `feed` does so itself; this is for inquiries of a call that was listened to by another tracker, of which all
        before this one were settled here.
        """
        if self._baseline is None or inquiry.features is None:
            return inquiry
        shift = self._baseline.shift(inquiry.number)
        return replace(inquiry, features=inquiry.features - shift, shift=shift)

    def _estimate(self, inquiry: Inquiry, answer: Answer | None) -> Estimate:
        settings = self._settings
        t_s, voiced_s = inquiry.t_s, inquiry.voiced_s
        if inquiry.unchanged and self._latest is not None:
            return replace(self._latest, t_s=t_s, voiced_s=voiced_s)
        if answer is None:
            reason = inquiry.reason or Abstention.TOO_LITTLE.value
            return Estimate(t_s, voiced_s, 0.5, 0.5, 0.5, 0.0, True, reason)
        reason = inquiry.reason
        if not reason and answer.familiarity < settings.min_familiarity:
            reason = Abstention.UNFAMILIAR.value
        # Two seconds say nearly all that a voice will say: 1 s counts 0.67, 2 s 0.8, 4 s 0.89.
        confidence = answer.familiarity * voiced_s / (voiced_s + 0.5)
        if not reason:
            anger_log_odds = log_odds(answer.anger)
            self._alarm.add(t_s, voiced_s, anger_log_odds, confidence)
            self._trend.add(t_s, anger_log_odds)
            if self._baseline is not None and inquiry.features is not None and inquiry.shift is not None:
                unprejudiced = anger_log_odds - log_odds(self._model.prior)
                self._baseline.add(inquiry.number, inquiry.features + inquiry.shift, inquiry.fresh_s, unprejudiced)
        anger, call_anger = answer.anger, 1.0 / (1.0 + math.exp(-self._alarm.evidence))
        if settings.anger_prior is not None:
            anger, call_anger = (at_prior(p, self._model.prior, settings.anger_prior) for p in (anger, call_anger))
        feeling, share = "", 0.0
        if answer.feelings:
            share, feeling = max(zip(answer.feelings, self._model.feelings, strict=True))
        return Estimate(
            t_s,
            voiced_s,
            answer.arousal,
            answer.valence,
            anger,
            confidence,
            bool(reason),
            reason,
            self._alarm.on,
            call_anger,
            self._alarm.raised_at_s,
            self._trend.per_10_s,
            feeling,
            share,
        )

    def _too_noisy(self, window: SpeechWindow) -> bool:
        """Whether much was flagged as speech of which hardly any has a pitch."""
        return (
            window.flagged_s >= 2.0 * self._settings.min_voiced_s
            and window.pitched_share_of_flagged < self._settings.min_pitched_share
        )

    def _doubt(self, window: SpeechWindow) -> Abstention:
        settings = self._settings
        if window.clipped_share > settings.max_clipped_share:
            return Abstention.CLIPPED
        if window.still_share > settings.max_still_share:
            return Abstention.NOT_SPEECH
        ratio_db = window.signal_to_noise_db
        if self._too_noisy(window) or (ratio_db is not None and ratio_db < settings.min_snr_db):
            return Abstention.TOO_NOISY
        return Abstention.NONE
