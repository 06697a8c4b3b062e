"""Learns the model of one language from an operator's examples.

A recogniser mishears and a decision may come before the caller has finished, so each example is learnt also
misheard and cut short (`copies`). Calibration is measured on folds that were held out, never on what was learnt
(`calibration`). Everything is seeded: the same examples give the same model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from router.intent import bayes, calibration, familiar, regression
from router.intent.aloud import Reader
from router.intent.artifact import Fitted
from router.intent.copies import Text, copies
from router.intent.lexical import BUCKETS, LexicalModel, bucket_of
from router.intent.phrases import Phrases
from router.intent.sentences import SentenceEncoder, SentenceModel
from router.intent.tfidf import Pieces

FOLDS = 3
WORDS_STRENGTH = 3.0
SENTENCES_STRENGTH = 10.0
"""Of the evidence against the penalty, chosen on texts of public sets' training parts."""


def fit_language(
    intents: Sequence[str],
    destinations: Sequence[str],
    examples: Sequence[Sequence[str]],
    seed: int,
    phrases: Phrases | None = None,
    encoder: SentenceEncoder | None = None,
) -> Fitted:
    """A calibrated model.

    Parameters
    ----------
    intents : names of the classes, at least two.
    destinations : the destination of each class; calibration is of destinations, because they are decided on.
    examples : texts of each class as `normalise.spoken` leaves them, none of them empty when normalised.
    seed : of all that is random.
    phrases : of the language, for what is read aloud, or None where there are none.
    encoder : gives the vectors of a second reading, or None for words alone.
    """
    # More threads cost more than they bring at this size, and calls are running.
    with threadpool_limits(limits=1):
        rng = np.random.default_rng(seed)
        texts = copies(examples, rng)
        fold = np.concatenate([rng.permutation(len(group)) % FOLDS for group in examples])
        vectors = None if encoder is None else encoder.encode([text.spoken for text in texts])
        leads_to = _numbered(destinations)
        reader = Reader(texts, phrases or Phrases(()), seed)
        learner = _Learner(tuple(intents), leads_to, texts, Pieces.of(texts), vectors)
        held_out = _hold_out(learner, fold, reader)
        learnt = learner.learn(np.arange(len(texts)))
        lexical = learnt.lexical
        lexical.temperatures[:] = 1 / held_out.factors(1)[:, 0]
        sentences = None
        if learnt.sentences is not None:
            sentences = SentenceModel(learnt.sentences, held_out.factors(2).astype(np.float32), held_out.usual)
        aloud = reader.heard(intents, destinations, lexical.temperatures)
        return Fitted(lexical, held_out.of_examples(len(fold), lexical, sentences), aloud, sentences)


@dataclass(frozen=True, slots=True)
class _Learnt:
    """Both readings, uncalibrated; `by_words` is what all texts score, as `lexical.logits` says: (texts, classes)."""

    lexical: LexicalModel
    sentences: NDArray[np.float32] | None
    by_words: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Learner:
    """Learns from some of the texts: from all but a fold just as from all, lest it be less sure of everything."""

    intents: tuple[str, ...]
    leads_to: NDArray[np.intp]
    texts: list[Text]
    pieces: Pieces
    vectors: NDArray[np.float32] | None

    def learn(self, rows: NDArray[np.intp]) -> _Learnt:
        idf = self.pieces.idf(rows)
        tfidf = self.pieces.tfidf(idf)
        labels = np.array([self.texts[i].label for i in rows.tolist()], dtype=np.intp)
        weights = self._weights(rows)
        coefficients = regression.learn(tfidf[rows], labels, weights, len(self.intents), WORDS_STRENGTH)
        words = self.pieces.words[:, : len(self.pieces.word_rows)]
        odds = bayes.log_odds(words[rows], labels, weights, len(self.intents))
        lexical = LexicalModel(
            intents=self.intents,
            word_rows={piece: row for piece, row in self.pieces.word_rows.items() if idf[row]},
            letter_rows={piece: row for piece, row in self.pieces.letter_rows.items() if idf[row]},
            weights=np.ascontiguousarray(coefficients[:-1] * idf[:, None], dtype=np.float32),
            idf_squared=(idf * idf).astype(np.float32),
            odds=odds,
            intercept=coefficients[-1].copy(),
            temperatures=np.ones(len(BUCKETS) + 1, dtype=np.float32),
        )
        sentences = None
        if self.vectors is not None:
            chosen = _with_constant(self.vectors[rows])
            sentences = regression.learn(chosen, labels, weights, len(self.intents), SENTENCES_STRENGTH)
        lengths = np.sqrt([len(text.words) for text in self.texts]).astype(np.float32)
        by_words = np.asarray(tfidf @ coefficients) + np.asarray(words @ odds) / lengths[:, None]
        return _Learnt(lexical, sentences, by_words.astype(np.float32))

    def _weights(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """How much each text counts, (rows,): a class with four times the examples counts only twice as much.

        Otherwise `other`, of which there are many examples because it is so wide, would swallow whatever is unclear.
        """
        chosen = [self.texts[i] for i in rows.tolist()]
        weights = np.array([text.weight for text in chosen])
        totals = np.bincount([text.label for text in chosen], weights)
        balance = np.sqrt(np.median(totals[totals > 0]) / np.maximum(totals, 1e-9))
        return weights * balance[[text.label for text in chosen]]


@dataclass(frozen=True, slots=True)
class _HeldOut:
    """What models that had not learnt them made of texts.

    `scores`, float64 (readings, texts, classes), those of sentences weighed by what is `usual`, float32 (buckets,).
    """

    texts: list[Text]
    scores: NDArray[np.float64]
    usual: NDArray[np.float32]
    leads_to: NDArray[np.intp]

    @classmethod
    def of(
        cls, texts: list[Text], scores: NDArray[np.float64], intents: Sequence[str], leads_to: NDArray[np.intp]
    ) -> _HeldOut:
        """Learn from scores, before anything is made of them, what is usual, and weigh them by it."""
        labels, buckets = _labels(texts), _buckets(texts)
        words, sentences = scores[:1], scores[1:]
        usual = np.zeros(len(BUCKETS) + 1, dtype=np.float32)
        if len(sentences):
            usual = familiar.usual(sentences[0], intents, labels, buckets, len(usual))
            sentences = familiar.weighed(sentences, intents, usual[buckets])
        return cls(texts, np.concatenate([words, sentences]), usual, leads_to)

    def factors(self, readings: int) -> NDArray[np.float64]:
        """Calibration with this many of the readings, (buckets, readings)."""
        return calibration.factors(self.scores[:readings], _labels(self.texts), _buckets(self.texts), self.leads_to)

    def of_examples(self, examples: int, lexical: LexicalModel, sentences: SentenceModel | None) -> NDArray[np.float32]:
        """Calibrated probabilities of the whole examples, float32 (examples, classes)."""
        factors = (1 / lexical.temperatures[:, None]) if sentences is None else sentences.factors
        of_text = factors[_buckets(self.texts)].astype(np.float64).T[:, :, None]
        found = np.zeros((examples, len(lexical.intents)), dtype=np.float32)
        if self.texts:
            likely = calibration.probabilities((self.scores * of_text).sum(axis=0))
            for text, row in zip(self.texts, likely, strict=True):
                if text.whole:
                    found[text.example] = row
        return found


def _hold_out(learner: _Learner, fold: NDArray[np.intp], reader: Reader) -> _HeldOut:
    """Learn without each fold of examples in turn, and judge its texts."""
    texts, vectors = learner.texts, learner.vectors
    of_text = np.array([fold[text.example] for text in texts])
    judged: list[Text] = []
    scores: list[NDArray[np.float32]] = []
    for k in range(FOLDS):
        rows, left_out = np.flatnonzero(of_text != k), np.flatnonzero(of_text == k)
        if len({texts[i].label for i in rows.tolist()}) < 2:
            continue
        learnt = learner.learn(rows)
        judged += [texts[i] for i in left_out.tolist()]
        of_fold = [learnt.by_words[left_out]]
        if learnt.sentences is not None and vectors is not None:
            of_fold.append(_with_constant(vectors[left_out]) @ learnt.sentences)
        scores.append(np.stack(of_fold))
        reader.read(learnt.lexical, [texts[i] for i in left_out.tolist()])
    readings = 1 if vectors is None else 2
    empty = np.zeros((readings, 0, len(learner.intents)), dtype=np.float32)
    of_texts = np.concatenate([empty, *scores], axis=1).astype(np.float64)
    return _HeldOut.of(judged, of_texts, learner.intents, learner.leads_to)


def _labels(texts: Sequence[Text]) -> NDArray[np.intp]:
    return np.array([text.label for text in texts], dtype=np.intp)


def _buckets(texts: Sequence[Text]) -> NDArray[np.intp]:
    return np.array([bucket_of(len(text.words)) for text in texts], dtype=np.intp)


def _with_constant(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.column_stack([vectors, np.ones(len(vectors), dtype=np.float32)])


def _numbered(destinations: Sequence[str]) -> NDArray[np.intp]:
    """Destination of each class as a number from 0, (classes,)."""
    names = sorted(set(destinations))
    return np.array([names.index(name) for name in destinations], dtype=np.intp)
