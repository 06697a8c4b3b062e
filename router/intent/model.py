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
from router.intent.artifact import Fitted
from router.intent.familiar import weighed
from router.intent.lexical import bucket_of
from router.intent.normalise import normalise, spoken
from router.intent.phrases import HARD_WORD_SHARE, HardWord, PhraseHits, Phrases, boost
from router.intent.sentences import SentenceEncoder
from router.later import Later
from router.stopping import Aloud

CODE_VERSION = 11
"""Raised whenever the same examples would give another model: stored ones are then learnt anew."""

MAX_WORDS = 200
_SCORE_DIGITS = 3
"""After the point: what is decided on is what a record can hold; the next digit is less than the encoder's noise."""


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


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What an example looks like to a model that has not learnt it.

    Attributes
    ----------
    intent : the one it is an example of.
    text : as `normalise` leaves it; each once, in the order of the configuration.
    by_intent : calibrated probabilities, without phrases; sums to 1.
    """

    intent: str
    text: str
    by_intent: Mapping[str, float]


class IntentModel:
    """Intents of every language, learnt from an operator's examples: the same model for the same examples.

    `model_id` is the SHA-256, in hex, of all that was learnt, of phrases and destinations, and of the name of the
    sentence encoder that it was learnt with.
    """

    def __init__(self, intents: Iterable[Intent], models: Mapping[str, Fitted], encoder_id: str = "") -> None:
        self._intents = tuple(intents)
        self._models = dict(models)
        languages = dict.fromkeys(intent.language for intent in self._intents)
        self._phrases = {
            language: Phrases(intent for intent in self._intents if intent.language == language)
            for language in languages
        }
        self._destinations = {(intent.language, intent.name): intent.destination for intent in self._intents}
        phrases = [[i.language, i.name, i.destination, i.key_phrases, i.hard_words] for i in self._intents]
        self._encoder_id = encoder_id
        about = [CODE_VERSION, artifact.content_hash(self._models), phrases, *([encoder_id] if encoder_id else [])]
        self.model_id = hashlib.sha256(json.dumps(about, ensure_ascii=False).encode()).hexdigest()

    @classmethod
    def fit(
        cls,
        intents: Sequence[Intent],
        languages: Sequence[str] | None = None,
        seed: int = 0,
        cache_dir: Path | None = None,
        encoder: SentenceEncoder | None = None,
    ) -> IntentModel:
        """Learn from examples, or take what was learnt from the same examples before.

        Parameters
        ----------
        intents : of every language, as config holds them.
        languages : those to learn; None is all that occur.
        seed : of everything random.
        cache_dir : where fitted models are kept by what they were learnt from, or None to learn anew. Where it
            cannot be written the next start is slower, nothing else.
        encoder : whose vectors `predict` will be handed, or None where it will have words alone.
        """
        chosen = [intent for intent in intents if languages is None or intent.language in languages]
        encoder_id = "" if encoder is None else encoder.encoder_id
        key = _key(chosen, seed, encoder_id)
        file = None if cache_dir is None else artifact.file_of(cache_dir, key)
        stored = None if file is None else artifact.load(file)
        if stored is not None:
            return cls(chosen, stored, encoder_id)
        models = {}
        for language in dict.fromkeys(intent.language for intent in chosen):
            model = _learn([intent for intent in chosen if intent.language == language], seed, encoder)
            if model is not None:
                models[language] = model
        if file is not None:
            with contextlib.suppress(OSError):
                artifact.save(file, models)
        return cls(chosen, models, encoder_id)

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that something can be said about."""
        return tuple(self._phrases)

    def predict(self, text: str, language: str, vector: NDArray[np.float32] | None = None) -> IntentPosterior:
        """What a text in a language means; never fails, and says nothing where it knows nothing.

        Parameters
        ----------
        text : as it was heard so far.
        language : of the call.
        vector : the encoder's, of `normalise.spoken` of this very text, or None for words alone. It counts where
            the model was fitted with an encoder.
        """
        given = None if vector is None or not self.encoder_of(language) else self.scores(vector, language)
        return self._posterior(text, language, given)

    def encoder_of(self, language: str) -> str:
        """The id of the encoder whose vectors are read in a language; "" where words alone are."""
        fitted = self._models.get(language)
        return "" if fitted is None or fitted.sentences is None else self._encoder_id

    def scores(self, vector: NDArray[np.float32], language: str) -> dict[str, float]:
        """What is read from a vector of a text: the scores of the intents, before calibration, rounded.

        Of a language that `encoder_of` names an encoder for.
        """
        fitted = self._models[language]
        assert fitted.sentences is not None
        rounded = np.round(fitted.sentences.logits(vector).astype(np.float64), _SCORE_DIGITS)
        return dict(zip(fitted.lexical.intents, rounded.tolist(), strict=True))

    def fused(self, text: str, language: str, scores: Mapping[str, float]) -> IntentPosterior:
        """What a text means by its words and by `scores` of it; KeyError where they are of other intents."""
        return self._posterior(text, language, scores)

    def _posterior(self, text: str, language: str, scores: Mapping[str, float] | None) -> IntentPosterior:
        normalised = normalise(text)
        words = normalised.split()
        phrases = self._phrases.get(language)
        if phrases is None or not words:
            return IntentPosterior({}, {}, len(words))
        hits = phrases.search(normalised)
        fitted = self._models.get(language)
        sentence = None
        if scores is not None and fitted is not None:
            sentence = np.array([scores[name] for name in fitted.lexical.intents], dtype=np.float64)
        by_intent = Later(lambda: self._by_intent(words, language, hits, sentence))
        by_destination = Later(lambda: self._by_destination(by_intent.all(), language))
        return IntentPosterior(by_intent, by_destination, len(words), hits.hard, bool(hits.boosts))

    def held_out(self, language: str) -> Sequence[HeldOut]:
        """What models that had not learnt them make of the examples; none where nothing was learnt or held out."""
        fitted = self._models.get(language)
        if fitted is None:
            return ()
        names = fitted.lexical.intents
        examples = _examples(intent for intent in self._intents if intent.language == language)
        texts = [(name, normalised) for name, group in examples.items() for normalised in group]
        return tuple(
            HeldOut(name, text, dict(zip(names, row.tolist(), strict=True)))
            for (name, text), row in zip(texts, fitted.held_out, strict=True)
            if row.any()
        )

    def aloud(self, language: str) -> Aloud | None:
        """The held-out examples of a language, misheard and read word by word; None where there are none."""
        fitted = self._models.get(language)
        return None if fitted is None else fitted.aloud

    def _by_intent(
        self, words: list[str], language: str, hits: PhraseHits, sentence: NDArray[np.float64] | None
    ) -> dict[str, float]:
        fitted = self._models.get(language)
        by_intent: dict[str, float] = {}
        if fitted is not None:
            scores = _scores(fitted, words[:MAX_WORDS], sentence)
            if hits.boosts:
                scores = scores + boost(fitted.lexical.intents, hits.boosts)
            raised = np.exp(scores - scores.max())
            by_intent = dict(zip(fitted.lexical.intents, (raised / raised.sum()).tolist(), strict=True))
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


def _scores(fitted: Fitted, words: list[str], sentence: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Calibrated scores of the classes, by the words, and by the scores of the sentence where they are known."""
    if sentence is None or fitted.sentences is None:
        return fitted.lexical.scores(words)
    bucket = bucket_of(len(words))
    by_words, by_sentence = fitted.sentences.factors[bucket].astype(np.float64)
    told = weighed(sentence, fitted.lexical.intents, float(fitted.sentences.usual[bucket]))
    scores: NDArray[np.float64] = by_words * fitted.lexical.logits(words) + by_sentence * told
    return scores


def _examples(intents: Iterable[Intent]) -> dict[str, dict[str, str]]:
    """The examples of each intent that has any, by what `normalise` makes of them: each text once."""
    found: dict[str, dict[str, str]] = {}
    for intent in intents:
        once: dict[str, str] = {}
        for example in intent.examples:
            once.setdefault(normalise(example), example)
        once.pop("", None)
        if once:
            found[intent.name] = once
    return found


def _learn(intents: Sequence[Intent], seed: int, encoder: SentenceEncoder | None) -> Fitted | None:
    """The model of one language; None where there are not two intents to tell apart."""
    examples = _examples(intents)
    if len(examples) < 2:
        return None
    from router.intent.fitting import fit_language

    destinations = {intent.name: intent.destination for intent in intents}
    texts = [[spoken(example) for example in group.values()] for group in examples.values()]
    leads_to = [destinations[name] for name in examples]
    return fit_language(list(examples), leads_to, texts, seed, Phrases(intents), encoder)


def stored_file(intents: Sequence[Intent], cache_dir: Path, encoder_id: str = "") -> Path:
    """Where `IntentModel.fit` keeps what it learns of all the languages of some intents, whether it is there or not."""
    return artifact.file_of(cache_dir, _key(intents, 0, encoder_id))


def _key(intents: Sequence[Intent], seed: int, encoder_id: str) -> str:
    """Hash of everything that learning depends on."""
    learnt = [[i.language, i.name, i.destination, i.examples, i.key_phrases, i.hard_words] for i in intents]
    about = [CODE_VERSION, seed, encoder_id, learnt]
    return hashlib.sha256(json.dumps(about, ensure_ascii=False).encode()).hexdigest()
