"""How often what callers say is understood: public sets, learnt from a few examples, judged on other texts of theirs.

Each draw takes some examples of each label of a set, fits the model that ships to them and judges it on other
texts: clean, misheard, and cut short after five words. Misheard is a word error rate, as in `misheard`. Every
threshold is set on one half of the judged texts for the other half, and the other way round. Both readings are
judged: by words alone, and by words and sentences where the sentence encoder is installed. Intervals are 95 %, over
draws.

Here is what every measurement shares, and those of Arabic and of many labels; that of six English sets is
`intent_six`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.asr_figures import Figure, Finding, of_mean
from benchmarks.intent_alike import SoundingAlike
from benchmarks.intent_sets import Example, IntentTexts, arabic_sets, clinc150, english_sets
from config.schema import Intent
from router.intent import IntentModel, SentenceEncoder, spoken

CORPORA = Path(__file__).resolve().parent.parent.parent / "shared" / "corpora"
"""Beside the checkout."""

EXAMPLES_PER_LABEL = 20
FEW_EXAMPLES = 10
DRAWS = 10
MAX_TESTED = 300
MANY_TESTED = 1000
CONDITIONS = {"clean": (0.0, None), "WER 20": (0.2, None), "WER 30": (0.3, None), "5 words, WER 20": (0.2, 5)}
"""Word error rate, and after how many words the caller is cut short."""

WORDS, BOTH = "words alone", "words and sentences"
PERCENT = "%"


@dataclass(slots=True)
class Judged:
    """Texts of one set under one condition as one reading of one fitted model saw them.

    Attributes
    ----------
    right : the strongest destination was the right one.
    sure : its probability.
    """

    right: NDArray[np.bool_]
    sure: NDArray[np.float64]

    def accuracy(self) -> float:
        """Share that is right, %."""
        return 100 * float(self.right.mean())

    def only(self, chosen: NDArray[np.bool_]) -> Judged:
        """Return some of the texts."""
        return Judged(self.right[chosen], self.sure[chosen])

    def routed(self, share: float) -> tuple[float, float]:
        """Coverage and error among what is routed, %, where thresholds are to route this share.

        The threshold for one half of the texts is set on the other half.
        """
        covered, wrong = [], 0
        for judged in (0, 1):
            threshold = np.quantile(self.sure[1 - judged :: 2], 1 - share)
            chosen = self.sure[judged::2] >= threshold
            covered += chosen.tolist()
            wrong += int((~self.right[judged::2][chosen]).sum())
        return 100 * float(np.mean(covered)), 100 * wrong / max(1, sum(covered))


@dataclass(slots=True)
class Measured:
    """Values of one figure, one for each draw."""

    values: list[float] = field(default_factory=list)

    def less(self, other: Measured) -> Measured:
        """Return by how much it is more than another, draw by draw."""
        return Measured([one - two for one, two in zip(self.values, other.values, strict=True)])

    def figure(self, name: str, floor: float | None, aim: float | None, *, more: bool = True) -> Figure:
        """Return the mean and its interval."""
        low, high = of_mean(self.values) if len(self.values) > 1 else (None, None)
        return Figure(name, float(np.mean(self.values)), PERCENT, floor, aim, low, high, more)


def misheard(words: Sequence[str], rate: float, vocabulary: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Words with errors as recognisers make them: six in ten taken for another word, two lost, two put in."""
    heard: list[str] = []
    for word, chance in zip(words, rng.random(len(words)), strict=True):
        if chance >= rate:
            heard.append(word)
            continue
        kind = chance / rate
        if kind < 0.6:
            heard.append(vocabulary[int(rng.integers(len(vocabulary)))])
        elif kind < 0.8:
            heard += [word, vocabulary[int(rng.integers(len(vocabulary)))]]
    return heard


def drawn(rows: Sequence[Example], count: int, rng: np.random.Generator) -> tuple[dict[str, list[str]], list[Example]]:
    """Draw up to `count` examples of each label; return them by label, and the rest."""
    groups: dict[str, list[str]] = {}
    rest: list[Example] = []
    for i in rng.permutation(len(rows)):
        text, label = rows[i]
        group = groups.setdefault(label, [])
        if len(group) < count:
            group.append(text)
        else:
            rest.append((text, label))
    return dict(sorted(groups.items())), rest


def fitted(
    groups: dict[str, list[str]],
    language: str,
    leads_to: Callable[[str], str],
    seed: int,
    encoder: SentenceEncoder | None,
) -> IntentModel:
    """Return the model that ships, learnt from these examples."""
    intents = [
        Intent(name=label, language=language, destination=leads_to(label), examples=tuple(group))
        for label, group in groups.items()
    ]
    return IntentModel.fit(intents, seed=seed, encoder=encoder)


def judge(
    model: IntentModel,
    language: str,
    texts: Sequence[tuple[str, str]],
    encoder: SentenceEncoder | None,
    passes: Callable[[str], bool] = lambda destination: True,
) -> dict[str, Judged]:
    """Return by reading what the model makes of texts, each given with its right destination.

    `passes` says which destinations may be chosen; probabilities of the others only lower how sure it is.
    """
    vectors = None if encoder is None else encoder.encode([text for text, _ in texts])
    found: dict[str, Judged] = {}
    for reading in (WORDS,) if vectors is None else (WORDS, BOTH):
        right, sure = [], []
        for i, (text, destination) in enumerate(texts):
            vector = vectors[i] if vectors is not None and reading == BOTH else None
            by_destination = model.predict(text, language, vector).by_destination
            best = max((name for name in by_destination if passes(name)), key=by_destination.__getitem__, default="")
            right.append(best == destination)
            sure.append(by_destination.get(best, 0.0))
        found[reading] = Judged(np.array(right), np.array(sure))
    return found


def heard_as(
    texts: IntentTexts, held_out: Sequence[Example], seed: int, alike: SoundingAlike | None = None
) -> dict[str, list[tuple[str, str]]]:
    """Return a set's texts as they are heard under each condition, with their right destinations.

    Without `alike` any word may stand for another; with it, one that sounds alike.
    """
    rng = np.random.default_rng([seed, 1] if alike is None else [seed, 2])
    said = [(spoken(text).split(), texts.destinations[label]) for text, label in held_out]
    vocabulary = sorted({word for words, _ in said for word in words})
    found: dict[str, list[tuple[str, str]]] = {}
    for name, (rate, cut) in CONDITIONS.items():
        found[name] = []
        for words, right in said:
            kept = words[:cut]
            heard = misheard(kept, rate, vocabulary, rng) if alike is None else alike.misheard(kept, rate, rng)
            found[name].append((" ".join(heard), right))
    return found


class Remembering:
    """An encoder that keeps the vectors of the last texts it met: whole examples are drawn again and again."""

    _MOST = 40_000

    def __init__(self, encoder: SentenceEncoder) -> None:
        self._encoder = encoder
        self._known: dict[str, NDArray[np.float32]] = {}

    @property
    def encoder_id(self) -> str:
        """That of the encoder itself."""
        return self._encoder.encoder_id

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors of unit length, float32 (texts, size)."""
        if len(self._known) > self._MOST:
            self._known.clear()
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        self._known.update(zip(new, self._encoder.encode(new), strict=True))
        return np.stack([self._known[text] for text in texts])


_ARABIC = {"MSA": (88.4, 90.0), "PAL": (83.6, 86.0), "Saudi": (79.1, 82.0)}


def arabic(draws: int, encoder: SentenceEncoder | None) -> Iterator[Finding]:
    """One fit for each draw serves all ways of speaking: they share their training part."""
    sets = list(arabic_sets(CORPORA))
    found: dict[str, dict[str, Measured]] = {}
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        groups, _ = drawn(sets[0].train, EXAMPLES_PER_LABEL, rng)
        model = fitted(groups, "ar", sets[0].destinations.__getitem__, seed, encoder)
        for texts in sets:
            chosen = [texts.test[i] for i in rng.permutation(len(texts.test))[:MAX_TESTED]]
            said = [(spoken(text), texts.destinations[label]) for text, label in chosen]
            for reading, one in judge(model, "ar", said, encoder).items():
                name = texts.name.removeprefix("arbanking77 ")
                found.setdefault(reading, {}).setdefault(name, Measured()).values.append(one.accuracy())
    for reading, named in found.items():
        figures = tuple(one.figure(name, *_ARABIC.get(name, (None, None))) for name, one in named.items())
        note = (
            f"arbanking77: learnt from {EXAMPLES_PER_LABEL} standard and Palestinian examples a label, no other dialect"
        )
        yield Finding(
            f"intent: right, of three destinations, Arabic, by {reading}", "arbanking77", reading, draws, figures, note
        )


def many_labels(draws: int, quick: bool, encoder: SentenceEncoder | None) -> Iterator[Finding]:
    """Many labels, each a destination of its own."""
    banking = next(texts for texts in english_sets(CORPORA) if texts.name == "banking77")
    clinc = clinc150(CORPORA)
    found: dict[str, dict[str, Measured]] = {}
    for seed in range(draws):
        _add(found, "banking77", _banking(banking, seed, encoder))
        if not quick:
            for name, by_reading in _clinc(clinc, seed, encoder).items():
                _add(found, name, by_reading)
    for reading, named in found.items():
        figures = [named["banking77"].figure("banking77, 77 labels", 82.3, 84.0)]
        if not quick:
            figures.append(named["CLINC150"].figure("CLINC150, 150 labels", 88.2, 89.0))
            figures.append(named["out of scope"].figure("out of scope, recall with 90 % of the rest kept", 86.0, 88.0))
            figures.append(named["kept"].figure("in scope, really kept by that threshold", None, None))
        note = f"{FEW_EXAMPLES} examples a label, every label by itself, all test texts of banking77, {MANY_TESTED} of "
        note += "CLINC150; there 100 examples of `other` stand beside the labels, but may not be chosen, and the "
        note += "threshold that keeps 90 % is set on the validation part"
        data = "banking77" if quick else "banking77, CLINC150"
        yield Finding(f"intent: right, of many labels, by {reading}", data, reading, draws, tuple(figures), note)


def _add(found: dict[str, dict[str, Measured]], name: str, by_reading: dict[str, float]) -> None:
    for reading, value in by_reading.items():
        found.setdefault(reading, {}).setdefault(name, Measured()).values.append(value)


def _banking(banking: IntentTexts, seed: int, encoder: SentenceEncoder | None) -> dict[str, float]:
    groups, _ = drawn(banking.train, FEW_EXAMPLES, np.random.default_rng(seed))
    model = fitted(groups, "en", str, seed, encoder)
    judged = judge(model, "en", [(spoken(text), label) for text, label in banking.test], encoder)
    return {reading: one.accuracy() for reading, one in judged.items()}


def _clinc(
    clinc: dict[str, tuple[Example, ...]], seed: int, encoder: SentenceEncoder | None
) -> dict[str, dict[str, float]]:
    """Accuracy in scope; recall of texts that no label is for where a threshold of the validation part keeps nine in
    ten of all others; and how many of the others in the test part it really keeps.
    """
    rng = np.random.default_rng(seed)
    groups, _ = drawn(clinc["train"], FEW_EXAMPLES, rng)
    groups["other"] = [text for text, _ in clinc["oos_train"]]
    model = fitted(groups, "en", str, seed, encoder)
    judged: dict[str, dict[str, Judged]] = {}
    for part in ("val", "test", "oos_test"):
        chosen = [clinc[part][i] for i in rng.permutation(len(clinc[part]))[:MANY_TESTED]]
        said = [(spoken(text), label) for text, label in chosen]
        judged[part] = judge(model, "en", said, encoder, lambda name: name != "other")
    thresholds = {reading: np.quantile(one.sure, 0.1) for reading, one in judged["val"].items()}
    return {
        "CLINC150": {reading: one.accuracy() for reading, one in judged["test"].items()},
        "out of scope": {
            reading: 100 * float(np.mean(one.sure < thresholds[reading])) for reading, one in judged["oos_test"].items()
        },
        "kept": {
            reading: 100 * float(np.mean(one.sure >= thresholds[reading])) for reading, one in judged["test"].items()
        },
    }
