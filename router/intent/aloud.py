"""Held-out examples read word by word, misheard as on a bad line: what early decisions are measured by.

They are read as a call is: key phrases make their intents likelier, and a hard word gives its own most of the
probability. Where a hard word was heard twice running it has decided the call, whatever the words say: there the
reading ends.

What is heard in place of a word is any word of the examples, common ones more often than rare ones. So recognisers
err, whose language models know what is common; and so an error counts: a rare word says nothing to a model that has
not learnt it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from router.generation import BACKGROUND
from router.intent import calibration
from router.intent.copies import BAD_LINE, Text, mishear
from router.intent.lexical import LexicalModel, bucket_of
from router.intent.phrases import HARD_WORD_SHARE, HardWord, PhraseHits, Phrases, boost
from router.stopping import Aloud

MAX_WORDS = 24
"""More are not said while a call is listened to."""
READINGS = 4
"""Of each example: with fewer, what is misheard by chance moves the thresholds of a few hundred examples."""
MISHEARD = 1.5 * BAD_LINE
"""Share of the words: more than on the line on which early decisions are to keep what is promised of them, because
callers are less like the examples than those are like each other. Chosen on texts of public sets' training parts, where
3 in 100 were allowed: of those read at BAD_LINE itself 3.0 in English and 3.3 in Arabic went wrong, so 2.7 and 3.1."""


@dataclass(frozen=True, slots=True)
class _Read:
    """One text as a model read it: scores after 1, 2, ... words, float32 (words, classes), and the phrases in them."""

    scores: NDArray[np.float32]
    hits: tuple[PhraseHits, ...]
    label: int


@dataclass(slots=True)
class Reader:
    """Reads texts to models that have not learnt them, one after the other.

    Parameters
    ----------
    texts : every text that is learnt from; what may be heard in place of a word is in the whole ones.
    phrases : of the language.
    seed : of what is misheard.
    """

    texts: Sequence[Text]
    phrases: Phrases
    seed: int
    _vocabulary: list[str] = field(init=False)
    _read: list[_Read] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._vocabulary = [word for text in self.texts if text.whole for word in text.words]

    def read(self, model: LexicalModel, texts: Sequence[Text]) -> None:
        """Read the whole ones of these texts to a model, READINGS times, each time misheard anew."""
        for text in texts:
            if text.whole:
                rng = np.random.default_rng([self.seed, text.example])
                for _ in range(READINGS):
                    words = list(mishear(text.words, self._vocabulary, rng, MISHEARD))[:MAX_WORDS]
                    hits = tuple(self._until_decided(words))
                    self._read.append(_Read(model.growing(words[: len(hits)]), hits, text.label))

    def heard(
        self, intents: Sequence[str], destinations: Sequence[str], temperatures: NDArray[np.float32]
    ) -> Aloud | None:
        """What was thought of the texts after each word; None where none was read.

        Parameters
        ----------
        intents : names of the classes; what BACKGROUND has of a destination is evidence for none.
        destinations : of each class.
        temperatures : of each bucket of word counts.
        """
        if not self._read:
            return None
        hard = {hits.hard.destination for read in self._read for hits in read.hits if hits.hard is not None}
        names = sorted({*destinations, *hard})
        counted = np.array([name != BACKGROUND for name in intents])
        sums = (np.array(destinations)[:, None] == np.array(names)) & counted[:, None]
        lengths = np.array([len(read.hits) for read in self._read])
        longest = int(lengths.max())
        counts = np.concatenate([np.arange(length) for length in lengths])
        scale = np.array([1 / temperatures[bucket_of(n)] for n in range(1, longest + 1)], dtype=np.float64)
        scores = np.concatenate([read.scores for read in self._read]) * scale[counts, None]
        heard = list(enumerate(chain.from_iterable(read.hits for read in self._read)))
        for at, hits in heard:
            if hits.boosts:
                scores[at] += boost(intents, hits.boosts)
        by_destination = calibration.probabilities(scores) @ sums
        for at, hits in heard:
            if hits.hard is not None:
                by_destination[at] *= 1 - HARD_WORD_SHARE
                by_destination[at, names.index(hits.hard.destination)] += HARD_WORD_SHARE
        belongs = np.repeat([names.index(destinations[read.label]) for read in self._read], lengths)
        sure = np.zeros((len(lengths), longest), dtype=np.float32)
        right = np.zeros(sure.shape, dtype=np.bool_)
        place = np.repeat(np.arange(len(lengths)), lengths), counts
        sure[place] = by_destination.max(axis=1)
        right[place] = by_destination.argmax(axis=1) == belongs
        of_text = (-1, READINGS, longest)
        return Aloud(sure.reshape(of_text), right.reshape(of_text))

    def _until_decided(self, words: Sequence[str]) -> Iterator[PhraseHits]:
        """Yield the phrases after each word, until a hard word was heard twice running."""
        whole = self.phrases.search(" ".join(words))
        before: HardWord | None = None
        for count in range(1, len(words) + 1):
            hits = self.phrases.search(" ".join(words[:count])) if whole.boosts else whole
            if before is not None and hits.hard == before:
                return
            before = hits.hard
            yield hits
