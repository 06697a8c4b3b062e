"""Weights of pieces are those of the library, and what is learnt from them is what inference gives."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from router.intent.copies import Text
from router.intent.tfidf import Pieces

SAID = ["pay my bill", "pay pay pay", "i want to pay # now", "رصيدي كم", "my bill my bill"]


def texts() -> list[Text]:
    return [Text(said, tuple(said.split()), 0, 1.0, i, True) for i, said in enumerate(SAID)]


@pytest.mark.parametrize("rows", [[0, 1, 2, 3, 4], [0, 2]])
def test_weights_are_those_of_the_library(rows: list[int]) -> None:
    """Also of texts that the weights were not taken from: what those have alone counts for nothing."""
    pieces = Pieces.of(texts())
    found = pieces.tfidf(pieces.idf(np.array(rows)))
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+")
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5))
    for library, known in ((words, pieces.word_rows), (letters, pieces.letter_rows)):
        library.fit([SAID[row] for row in rows])
        expected = library.transform(SAID).toarray()
        columns = [known[piece] for piece in library.get_feature_names_out()]
        assert found.toarray()[:, columns] == pytest.approx(expected, abs=1e-6)
        others = sorted(set(known.values()) - set(columns))
        assert not found.toarray()[:, others].any()
    assert found.toarray()[:, -1].tolist() == [1.0] * len(SAID)
