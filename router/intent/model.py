"""What a caller wants, from what was heard so far: models and phrases of every language in one `predict`."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from config.schema import Intent
from router.intent import artifact
from router.intent.lexical import LexicalModel
from router.intent.normalise import normalise
from router.intent.phrases import HardWord, PhraseHits, Phrases
from router.later import Later

CODE_VERSION = 2
"""Raised whenever the same examples would give another model: stored ones are then learnt anew."""

MAX_WORDS = 200
KEY_PHRASE_NATS = 1.0
"""What a key phrase adds to its intent's score; more than two of them add no more."""

HARD_WORD_SHARE = 0.97


@dataclass(frozen=True, slots=True)
class IntentPosterior:
    """What a text means, as calibrated probabilities.

    Attributes
    ----------
    by_intent, by_destination : each sums to 1, or is empty; worked out at the first look.
    words : how many words were heard.
    hard : the hard word that decided, or None.
    key_phrase : a key phrase or a hard word was heard.
    """

    by_intent: Mapping[str, float]
    by_destination: Mapping[str, float]
    words: int
    hard: HardWord | None = None
    key_phrase: bool = False

    @property
    def intent(self) -> str:
        """The strongest intent, "" where nothing can be said."""
        return min(self.by_intent, key=lambda name: (-self.by_intent[name], name), default="")

    @property
    def destination(self) -> str:
        """The strongest destination, "" where nothing can be said."""
        return min(self.by_destination, key=lambda name: (-self.by_destination[name], name), default="")

    @property
    def probability(self) -> float:
        """That of the strongest destination, 0..1."""
        return max(self.by_destination.values(), default=0.0)


class IntentModel:
    """Intents of every language, learnt from an operator's examples: the same model for the same examples.

    `model_id` is the SHA-256, in hex, of all that inference uses, phrases and destinations included.
    """

    def __init__(self, intents: Iterable[Intent], models: Mapping[str, LexicalModel]) -> None:
        self._intents = tuple(intents)
        self._models = dict(models)
        languages = dict.fromkeys(intent.language for intent in self._intents)
        self._phrases = {
            language: Phrases(intent for intent in self._intents if intent.language == language)
            for language in languages
        }
        self._destinations = {(intent.language, intent.name): intent.destination for intent in self._intents}
        phrases = [[i.language, i.name, i.destination, i.key_phrases, i.hard_words] for i in self._intents]
        about = [CODE_VERSION, artifact.content_hash(self._models), phrases]
        self.model_id = hashlib.sha256(json.dumps(about, ensure_ascii=False).encode()).hexdigest()

    @classmethod
    def fit(
        cls,
        intents: Sequence[Intent],
        languages: Sequence[str] | None = None,
        seed: int = 0,
        cache_dir: Path | None = None,
    ) -> IntentModel:
        """Learn from examples, or take what was learnt from the same examples before.

        Parameters ---------- intents : of every language, as config holds them. languages : those to learn;
        None is all that occur. seed : of everything random. cache_dir : where fitted models are kept by
        what they were learnt from, or None to learn anew. Where it cannot be written the next start is
        slower, nothing else.
        """
        chosen = [intent for intent in intents if languages is None or intent.language in languages]
        file = None if cache_dir is None else cache_dir / f"intents-{_key(chosen, seed)[:32]}.npz"
        stored = None if file is None else artifact.load(file)
        if stored is not None:
            return cls(chosen, stored)
        models = {}
        for language in dict.fromkeys(intent.language for intent in chosen):
            model = _learn([intent for intent in chosen if intent.language == language], seed)
            if model is not None:
                models[language] = model
        if file is not None:
            with contextlib.suppress(OSError):
                artifact.save(file, models)
        return cls(chosen, models)

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that something can be said about."""
        return tuple(self._phrases)

    def predict(self, text: str, language: str) -> IntentPosterior:
        """What a text in a language means; never fails, and says nothing where it knows nothing."""
        normalised = normalise(text)
        words = normalised.split()
        phrases = self._phrases.get(language)
        if phrases is None or not words:
            return IntentPosterior({}, {}, len(words))
        hits = phrases.search(normalised)
        by_intent = Later(lambda: self._by_intent(words, language, hits))
        by_destination = Later(lambda: self._by_destination(by_intent.all(), language))
        return IntentPosterior(by_intent, by_destination, len(words), hits.hard, bool(hits.boosts))

    def _by_intent(self, words: list[str], language: str, hits: PhraseHits) -> dict[str, float]:
        model = self._models.get(language)
        by_intent: dict[str, float] = {}
        if model is not None:
            found = model.probabilities(words[:MAX_WORDS], _boost(model, hits.boosts))
            by_intent = dict(zip(model.intents, found.tolist(), strict=True))
        if hits.hard is not None:
            left = 1 - HARD_WORD_SHARE if by_intent else 0.0
            by_intent = {name: left * probability for name, probability in by_intent.items()}
            by_intent[hits.hard.intent] = by_intent.get(hits.hard.intent, 0.0) + 1 - left
        return by_intent

    def _by_destination(self, by_intent: Mapping[str, float], language: str) -> dict[str, float]:
        by_destination: dict[str, float] = {}
        for name, probability in by_intent.items():
            destination = self._destinations[language, name]
            by_destination[destination] = by_destination.get(destination, 0.0) + probability
        return by_destination


def _learn(intents: Sequence[Intent], seed: int) -> LexicalModel | None:
    """The model of one language; None where there are not two intents to tell apart."""
    examples = {intent.name: list(dict.fromkeys(filter(None, map(normalise, intent.examples)))) for intent in intents}
    usable = [intent for intent in intents if examples[intent.name]]
    if len(usable) < 2:
        return None
    from router.intent.fitting import fit_language

    names = [intent.name for intent in usable]
    return fit_language(names, [intent.destination for intent in usable], [examples[name] for name in names], seed)


def _boost(model: LexicalModel, boosts: Mapping[str, int]) -> NDArray[np.float32] | None:
    if not boosts:
        return None
    return np.array([KEY_PHRASE_NATS * min(boosts.get(name, 0), 2) for name in model.intents], dtype=np.float32)


def _key(intents: Sequence[Intent], seed: int) -> str:
    """Hash of everything that learning depends on."""
    learnt = [[intent.language, intent.name, intent.destination, list(intent.examples)] for intent in intents]
    return hashlib.sha256(json.dumps([CODE_VERSION, seed, learnt], ensure_ascii=False).encode()).hexdigest()
