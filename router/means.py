"""What a call can be heard with, a recogniser, a sentence encoder and an ear for tone, and why one is missing."""

from __future__ import annotations

from config.schema import Config
from router.evidence import Tone
from router.reasons import Code, Reason, Speaker
from router.tone import UNHEARD, ToneEvidence, ToneNow


class Means:
    """The means of one call.

    Parameters
    ----------
    config : says whether tone is analysed at all.
    notice : whether the caller is told so; without a notice it is not.
    recogniser : whether one can hear this call.
    encoder : whether its words are to be read by a sentence encoder too.

    Attributes
    ----------
    recogniser : whether one hears the call now; `recogniser_at_start` whether one did when the call began.
    lost_reason : why it was lost, the last time; None where it never was.
    limited_reason : why it heard key phrases only, the last time; None where it always heard everything.
    encoder : whether a sentence encoder reads the call now; `encoder_lost` why it does no more, None where it does.
    tone_on : whether tone is analysed; `tone_off_by_caller` that the caller objected.
    tone_deleted : how many estimates were deleted then.
    """

    def __init__(self, config: Config, *, notice: bool, recogniser: bool, encoder: bool = False) -> None:
        self._config = config
        self._notice = notice
        self._tone = ToneEvidence(config.tone)
        self.recogniser = self.recogniser_at_start = recogniser
        self.lost_reason: str | None = None
        self.limited_reason: str | None = None
        self.encoder = encoder
        self.encoder_lost: str | None = None
        self.tone_on = config.tone.enabled and notice
        self.tone_off_by_caller = False
        self.tone_deleted = 0

    @property
    def recogniser_lost(self) -> bool:
        """Whether the recogniser went away and has not come back."""
        return self.lost_reason is not None and not self.recogniser

    def lose_recogniser(self, reason: str) -> None:
        """The recogniser is gone."""
        self.recogniser, self.lost_reason = False, reason

    def limit_recogniser(self, limited: bool, reason: str) -> None:
        """The recogniser hears key phrases only, or everything again."""
        if limited:
            self.limited_reason = reason

    def lose_encoder(self, reason: str) -> bool:
        """The sentence encoder reads this call no more; return whether it did."""
        if not self.encoder:
            return False
        self.encoder, self.encoder_lost = False, reason
        return True

    def hear_tone(self, tone: Tone) -> bool:
        """Take one estimate; return whether it may be used."""
        if self.tone_on:
            self._tone.add(tone, tone.at_s)
        return self.tone_on

    def tone_now(self, now_s: float) -> ToneNow:
        """Return how the caller sounds at `now_s`."""
        return self._tone.now(now_s) if self.tone_on else UNHEARD

    @property
    def tone_awaited(self) -> bool:
        """Whether what the voice says is not known yet, and may still be."""
        return self.tone_on and not self._tone.weighed and not self._tone.lost

    def switch_tone_off(self) -> None:
        """The caller objects: delete what was gathered, and gather no more."""
        self.tone_off_by_caller = True
        self.tone_deleted = self._tone.clear()
        self.tone_on = False

    def missing(self, speaker: Speaker) -> tuple[Reason, ...]:
        """Say what is or was missing, and why."""
        say = speaker.reason
        reasons: list[Reason] = []
        if not self.recogniser_at_start:
            reasons.append(say(Code.NO_RECOGNISER))
        if self.lost_reason is not None:
            reasons.append(say(Code.RECOGNISER_LOST, reason=self.lost_reason))
        if self.limited_reason is not None:
            reasons.append(say(Code.PHRASES_ONLY, reason=self.limited_reason))
        if self.encoder_lost is not None:
            reasons.append(say(Code.ENCODER_LOST, reason=self.encoder_lost))
        if self.tone_off_by_caller:
            reasons.append(say(Code.TONE_OFF_BY_CALLER))
        elif not self._config.tone.enabled:
            reasons.append(say(Code.TONE_OFF_BY_SITE))
        elif not self._notice:
            reasons.append(say(Code.NO_NOTICE))
        return tuple(reasons)
