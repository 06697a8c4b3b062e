"""One numbered generation of everything that decides: configuration, fitted intents, compiled rules."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from config.schema import Config
from router.deciding import DECIDING
from router.hours import Calendar
from router.later import Later
from router.reasons import Speaker
from router.rules import Rules, compile_rules
from router.stopping import UNLEARNT, Thresholds, thresholds
from router.understanding import HardHit, Understanding

if TYPE_CHECKING:
    from router.intent.sentences import SentenceEncoder

BACKGROUND = "other"
"""The intent of what is said about nothing in particular: greetings, "can you hear me", other people."""


class Hard(Protocol):
    """A hard word that was heard (`router.intent.phrases.HardWord`)."""

    @property
    def phrase(self) -> str: ...
    @property
    def intent(self) -> str: ...
    @property
    def destination(self) -> str: ...


class Posterior(Protocol):
    """What a reader of intents makes of a text: probabilities calibrated for its number of words."""

    @property
    def by_intent(self) -> Mapping[str, float]: ...
    @property
    def by_destination(self) -> Mapping[str, float]: ...
    @property
    def words(self) -> int: ...
    @property
    def hard(self) -> Hard | None: ...
    @property
    def key_phrase(self) -> bool: ...


@runtime_checkable
class SentenceReader(Protocol):
    """A reader of intents that was also fitted with a sentence encoder (`router.intent.IntentModel`)."""

    def encoder_of(self, language: str) -> str: ...
    def scores(self, vector: NDArray[np.float32], language: str) -> Mapping[str, float]: ...
    def fused(self, text: str, language: str, scores: Mapping[str, float]) -> Posterior: ...


class IntentReader(Protocol):
    """Anything that reads intents from text: the fitted model, or what stands beside or in for it."""

    @property
    def model_id(self) -> str: ...
    def predict(self, text: str, language: str) -> Posterior: ...


@dataclass(frozen=True, slots=True)
class Generation:
    """What calls are decided with. Calls keep the generation they began with.

    Attributes
    ----------
    number : counts the configurations that a service has loaded, from 1.
    config : as loaded.
    intent_model : fitted to the operator's examples.
    rules : compiled.
    hash : SHA-256, in hex, of the version of deciding, the configuration, the fitted model, and `early`.
    speaker : writes reasons with this configuration's labels.
    calendar : hours and holidays.
    early : by language, how sure the words must be while the caller still speaks, where that was learnt.
    """

    number: int
    config: Config
    intent_model: IntentReader
    rules: Rules
    hash: str
    speaker: Speaker = field(repr=False)
    calendar: Calendar = field(repr=False, compare=False)
    _destinations: dict[tuple[str, str], str] = field(repr=False)
    early: Mapping[str, Thresholds] = field(repr=False, compare=False, default_factory=dict)
    _encoders: Mapping[str, str] = field(repr=False, compare=False, default_factory=dict)

    @classmethod
    def fit(
        cls, config: Config, number: int, cache_dir: Path | None = None, encoder: SentenceEncoder | None = None
    ) -> Generation:
        """Compile the rules and fit the intents of a configuration; about a second of CPU.

        Parameters
        ----------
        config : as loaded.
        number : of this generation.
        cache_dir : where fitted models are kept by content, or None to fit anew.
        encoder : reads whole sentences, where calls are to be read by one; None for words alone.

        Raises
        ------
        RulesError
            Where a rule cannot be used.
        """
        from router.intent import IntentModel

        return cls.of(config, number, IntentModel.fit(config.intents.intents, cache_dir=cache_dir, encoder=encoder))

    @classmethod
    def of(cls, config: Config, number: int, intent_model: IntentReader) -> Generation:
        """Put a generation together around a reader of intents that is already there.

        Raises
        ------
        RulesError
            Where a rule cannot be used.
        """
        rules = compile_rules(config)
        early = thresholds(intent_model, config.languages, config.decision)
        needed = {language: early[language].needed for language in sorted(early)}
        about = f"{DECIDING}\n{config.fingerprint}\n{intent_model.model_id}\n{json.dumps(needed)}"
        digest = hashlib.sha256(about.encode()).hexdigest()
        destinations = {(known.language, known.name): known.destination for known in config.intents.intents}
        speaker = Speaker(config.destinations, config.skills, config.intents.labels())
        calendar = Calendar(config)
        encoders: dict[str, str] = {}
        if isinstance(intent_model, SentenceReader):
            encoders = {language: intent_model.encoder_of(language) for language in config.languages}
        return cls(number, config, intent_model, rules, digest, speaker, calendar, destinations, early, encoders)

    def encoder_of(self, language: str) -> str:
        """Return the id of the sentence encoder whose vectors are read in a language; "" where words alone are."""
        return self._encoders.get(language, "")

    def scores(self, vector: NDArray[np.float32], language: str) -> Mapping[str, float]:
        """Return what is read from a sentence encoder's vector, as evidence has it; where `encoder_of` names one."""
        assert isinstance(self.intent_model, SentenceReader)
        return self.intent_model.scores(vector, language)

    def understand(self, text: str, language: str, scores: Mapping[str, float] | None = None) -> Understanding:
        """Return what a text means, by this generation's intents.

        The share of BACKGROUND is evidence for no destination: it makes every destination less sure.

        Parameters
        ----------
        text, language : as heard.
        scores : what was read from a sentence encoder's vector of this text; None for words alone.
        """
        if scores is None:
            posterior = self.intent_model.predict(text, language)
        else:
            assert isinstance(self.intent_model, SentenceReader)
            posterior = self.intent_model.fused(text, language, scores)
        hard = posterior.hard
        return Understanding(
            by_intent=posterior.by_intent,
            by_destination=Later(lambda: self._by_destination(posterior, language)),
            words=posterior.words,
            hard=None if hard is None else HardHit(hard.phrase, hard.intent, hard.destination),
            key_phrase=posterior.key_phrase,
        )

    def _by_destination(self, posterior: Posterior, language: str) -> dict[str, float]:
        by_destination = dict(posterior.by_destination.items())
        background = posterior.by_intent.get(BACKGROUND, 0.0)
        if background and posterior.hard is None:
            leads_to = self.destination_of(BACKGROUND, language)
            by_destination[leads_to] = max(0.0, by_destination.get(leads_to, 0.0) - background)
        return by_destination

    def early_threshold(self, language: str, words: int) -> float:
        """Return the probability that a destination needs after so many words, while the caller still speaks."""
        settings = self.config.decision
        if settings.early_threshold is not None:
            return settings.early_threshold
        return max(settings.threshold, self.early.get(language, UNLEARNT).after(words))

    def prompt_language(self, available: Mapping[str, object], language: str) -> str | None:
        """Return the language in which a prompt is available: the call's, else the site's first, else None."""
        return next((one for one in (language, self.config.default_language) if one in available), None)

    def destination_of(self, intent: str, language: str) -> str:
        """Return the destination that an intent leads to, "" for one that leads nowhere."""
        return self._destinations.get((language, intent), "")
