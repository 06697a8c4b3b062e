"""Which of many sentences are nearly the same: the same telling words, whatever stands between them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

ALIKE = 0.8
"""Share of the weight of two sentences' words that both must have; a word weighs by how rare it is."""


def alike(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Numbers (i, j), i < j, of every two sentences that are nearly the same, in order of i, then j.

    Words weigh log(1 + n / sentences with the word), so that "please" hardly counts and "refund" does; two sentences
    are alike where the words of both weigh at least ALIKE of the words of either. Sums are rounded once (`math.fsum`):
    nothing hangs on the order in which a set gives its words. Only sentences that share one of their rarest words can
    be alike (Bayardo et al. 2007, "Scaling up all pairs similarity search"), so few are compared.

    Parameters
    ----------
    texts : normalised.
    """
    words = [frozenset(text.split()) for text in texts]
    seen = Counter(word for one in words for word in one)
    weight = {word: math.log(1 + len(texts) / count) for word, count in seen.items()}
    holders: dict[str, list[int]] = {}
    found: list[tuple[int, int]] = []
    for j, one in enumerate(words):
        ranked = sorted(one, key=lambda word: (-weight[word], word))
        near: set[int] = set()
        left = math.fsum(weight[word] for word in ranked)
        needed = ALIKE * left * (1 - 1e-9)  # what is left is rounded at every step
        for word in ranked:
            if left < needed:
                break
            near.update(holders.get(word, ()))
            holders.setdefault(word, []).append(j)
            left -= weight[word]
        for i in near:
            shared = math.fsum(weight[word] for word in one & words[i])
            if shared >= ALIKE * math.fsum(weight[word] for word in one | words[i]):
                found.append((i, j))
    return iter(sorted(found))
