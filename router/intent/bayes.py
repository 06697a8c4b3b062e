"""How much likelier each word is in a class than in all of them: naive Bayes, the second voice in a reading of words.

Logistic regression finds what tells classes apart and so trusts a few words; naive Bayes counts them all, and errs
elsewhere. Together they mistake fewer of the few words that a partial has (Wang & Manning 2012, "Baselines and
bigrams: simple, good sentiment and topic classification").
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

SHARE = 0.15
"""Of its log-odds in a score, chosen on texts of public sets' training parts."""
_PRIOR = 20.0
"""Pieces that a class is thought to have had as all classes have, before its own are counted."""
_UNSEEN = 0.1
"""What a piece is counted that occurs in no text: it tells nothing."""


def log_odds(
    counts: csr_matrix, labels: NDArray[np.intp], weights: NDArray[np.float64], classes: int
) -> NDArray[np.float32]:
    """Log of how much likelier each piece is in each class than in all, float32 (pieces, classes); 0 of unseen ones.

    Parameters
    ----------
    counts : how often each piece occurs in each text, (texts, pieces).
    labels, weights : class of each text, and how much it counts, (texts,).
    classes : how many there are, also without a text.
    """
    texts = np.arange(len(labels))
    by_class = (csr_matrix((weights, (labels, texts)), shape=(classes, len(labels))) @ counts).toarray()
    overall = by_class.sum(axis=0)
    usual = (overall + _UNSEEN) / (overall + _UNSEEN).sum()
    likely = (by_class + _PRIOR * usual) / (by_class.sum(axis=1, keepdims=True) + _PRIOR)
    found = np.where(overall > 0, np.log(likely / usual), 0.0)
    return np.ascontiguousarray(SHARE * found.T, dtype=np.float32)
