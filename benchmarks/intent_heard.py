"""How often what a real recogniser hears is understood, against simulated errors in the same texts.

Sixty texts of each of six sets are spoken and heard once: on a quiet line, in noise, and cut short after five words in
noise. The models of each draw read what was heard; the same texts as they are written; and the same texts with as many
words misheard as the recogniser got wrong in that set: for any word, and for ones that sound alike. Where a set has no
test part, its judged texts are taken out of what examples are drawn from.

Intervals of what is right are over texts, because the texts are the same in each draw; those of routing are over
draws.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.asr_figures import Figure, Finding
from benchmarks.asr_words import Errors, rate_interval, word_errors
from benchmarks.intent_accuracy import EXAMPLES_PER_LABEL, PERCENT, Measured, drawn, fitted, judge, misheard
from benchmarks.intent_alike import SoundingAlike
from benchmarks.intent_confusions import Confusions
from benchmarks.intent_sets import Example, IntentTexts
from benchmarks.intent_spoken import (
    NOISE_DB,
    SHORT_NOISE_DB,
    SPOKEN,
    VOICES,
    NotHere,
    Recogniser,
    cut_short,
    judged_texts,
    learnable,
    speak,
)
from router.intent import IntentModel, SentenceEncoder, spoken

QUIET, NOISE, SHORT = "quiet line", "in noise", "5 words, in noise"
ANY, ALIKE = "any word", "sounding alike"
WRITTEN = "as written"
KINDS = (WRITTEN, QUIET, NOISE, ANY, ALIKE)
SHORT_KINDS = (SHORT, f"5 words, {ANY}", f"5 words, {ALIKE}")


@dataclass(slots=True)
class Spoken:
    """The texts of one set and what was heard of them, by line; and whether each was right, by reading and kind."""

    rows: list[Example]
    heard: dict[str, list[str]]
    right: dict[tuple[str, str], list[NDArray[np.bool_]]] = field(default_factory=dict)

    def said(self, line: str) -> list[str]:
        return [cut_short(text) if line == SHORT else text for text, _ in self.rows]

    def errors(self, line: str) -> list[Errors]:
        return [word_errors(*both) for both in zip(self.said(line), self.heard[line], strict=True)]


def set_up(sets: Sequence[IntentTexts], alike: SoundingAlike, quick: bool) -> Heard | str:
    """Speak and recognise everything once; return why where a voice or a recogniser is missing."""
    try:
        recogniser = Recogniser.installed()
    except NotHere as problem:
        return str(problem)
    found: dict[str, Spoken] = {}
    for texts in sets:
        rows = judged_texts(texts, SPOKEN)[: SPOKEN // 10 if quick else SPOKEN]
        whole, short = speak(rows), speak([(cut_short(text), label) for text, label in rows])
        heard = {
            QUIET: recogniser.hears(whole),
            NOISE: recogniser.hears(whole, NOISE_DB),
            SHORT: recogniser.hears(short, SHORT_NOISE_DB),
        }
        found[texts.name] = Spoken(rows, heard)
    return Heard(found, alike, recogniser.model)


class Heard:
    """What was heard of the sets, and what the models of each draw made of it."""

    def __init__(self, found: dict[str, Spoken], alike: SoundingAlike, recogniser: str) -> None:
        self._found = found
        self._alike = alike
        self._recogniser = recogniser
        self._routed: dict[tuple[str, str], dict[int, list[tuple[float, float]]]] = {}

    def judge(self, texts: IntentTexts, seed: int, model: IntentModel | None, encoder: SentenceEncoder | None) -> None:
        """Judge one set by a model of one draw.

        `model` never learnt a judged text, or is None: one is then fitted to examples among which none of them is.
        """
        one = self._found[texts.name]
        if model is None:
            pool = learnable(texts, one.rows)
            groups, _ = drawn(pool, EXAMPLES_PER_LABEL, np.random.default_rng(seed))
            model = fitted(groups, texts.language, texts.destinations.__getitem__, seed, encoder)
        rng = np.random.default_rng([seed, 3])
        order = rng.permutation(len(one.rows))  # the halves that thresholds are set on differ from draw to draw
        destinations = [texts.destinations[label] for _, label in one.rows]
        for kind, heard in self._kinds(texts, one, rng).items():
            said = [(spoken(heard[i]), destinations[i]) for i in order]
            for reading, judged in judge(model, texts.language, said, encoder).items():
                right = np.empty(len(order), np.bool_)
                right[order] = judged.right
                one.right.setdefault((reading, kind), []).append(right)
                routed = judged.routed(0.42 if kind in SHORT_KINDS else 0.9)
                self._routed.setdefault((reading, kind), {}).setdefault(seed, []).append(routed)

    def _kinds(self, texts: IntentTexts, one: Spoken, rng: np.random.Generator) -> dict[str, Sequence[str]]:
        vocabulary = sorted({word for text, _ in texts.test or texts.train for word in spoken(text).split()})
        found: dict[str, Sequence[str]] = {WRITTEN: one.said(NOISE), **one.heard}
        for line, before in ((NOISE, ""), (SHORT, "5 words, ")):
            rate = min(1.0, sum(one.errors(line), Errors(0, 0)).percent / 100)
            words = [spoken(text).split() for text in one.said(line)]
            found[before + ANY] = [" ".join(misheard(said, rate, vocabulary, rng)) for said in words]
            found[before + ALIKE] = [" ".join(self._alike.misheard(said, rate, rng)) for said in words]
        return found

    def findings(self, data: str, draws: int) -> Iterator[Finding]:
        """Return what was found: words wrong; what is right; what is wrong among routed."""
        yield self._words_wrong(data)
        count = sum(len(one.rows) for one in self._found.values())
        told = (
            f"{count} texts, the same in each of {draws} draws of {EXAMPLES_PER_LABEL} examples a label, by flite "
            f"({', '.join(VOICES)}) through G.711; in noise: {NOISE_DB:g} dB under the speech, {SHORT_NOISE_DB:g} dB "
            "where cut short; any word, sounding alike: simulated in the same texts, as many words wrong as the "
            "recogniser got wrong in that set. What is right has intervals over texts, what is wrong among routed "
            "over draws; thresholds come from the other half of the texts"
        )
        for reading in dict.fromkeys(reading for reading, _ in self._routed):
            for kinds, heard, share in ((KINDS, NOISE, "90 %"), (SHORT_KINDS, SHORT, "42 %")):
                for kind in kinds:
                    stage = f"intent: the recogniser's texts, {kind}, {share} routed, by {reading}"
                    figures = (
                        _over_texts("right", self._by_text(reading, kind)),
                        self._less(reading, kind, heard),
                        self._routing(reading, kind, "coverage", 0),
                        self._routing(reading, kind, "error among routed", 1),
                    )
                    yield Finding(stage, data, f"{reading}; {self._recogniser}", count, figures, told)

    def _words_wrong(self, data: str) -> Finding:
        figures = []
        for line in (QUIET, NOISE, SHORT):
            by_text = (wrong for one in self._found.values() for wrong in one.errors(line))
            errors: dict[Hashable, Errors] = dict(enumerate(by_text))
            low, high = rate_interval(errors) or (None, None)
            figures.append(
                Figure(f"WER, {line}", sum(errors.values(), Errors(0, 0)).percent, PERCENT, None, None, low, high)
            )
        pairs = [pair for one in self._found.values() for pair in zip(one.said(NOISE), one.heard[NOISE], strict=True)]
        confusions = Confusions.of([said for said, _ in pairs], [heard for _, heard in pairs])
        taken, lost, put_in = confusions.shares()
        alike = float(np.mean(confusions.alike())) if confusions.taken else 0.0
        note = (
            f"of the errors in noise {taken:.0f} % are a word taken for another, {lost:.0f} % lost, {put_in:.0f} % "
            f"put in; words taken for one another are {alike:.2f} alike in letters (1: the same); "
            f"{confusions.untouched():.0f} % of the texts are heard without an error"
        )
        return Finding("intent: words heard wrong", data, self._recogniser, len(pairs), tuple(figures), note)

    def _by_text(self, reading: str, kind: str) -> list[NDArray[np.float64]]:
        """How often each text is right, %, for each set: float64 (texts,)."""
        return [100 * np.mean(one.right[reading, kind], axis=0) for one in self._found.values()]

    def _less(self, reading: str, kind: str, heard: str) -> Figure:
        """How much more of a kind is right than of what was heard in noise, paired; nothing for that itself."""
        name = "right, less in noise"
        if kind == heard:
            return Figure(name, None, "points", more_is_better=True)
        pairs = zip(self._by_text(reading, kind), self._by_text(reading, heard), strict=True)
        return replace(_over_texts(name, [one - other for one, other in pairs]), unit="points")

    def _routing(self, reading: str, kind: str, name: str, which: int) -> Figure:
        draws = self._routed[reading, kind].values()
        measured = Measured([float(np.mean([one[which] for one in of_sets])) for of_sets in draws])
        return measured.figure(name, None, None, more=name == "coverage")


def _over_texts(name: str, by_set: Sequence[NDArray[np.float64]], draws: int = 2000) -> Figure:
    """The mean over sets of values of their texts; the interval draws the texts of each set with replacement."""
    rng = np.random.default_rng(1)
    means = np.mean(
        [one[rng.integers(0, len(one), (draws, len(one)))].mean(axis=1) for one in by_set],
        axis=0,
    )
    low, high = np.quantile(means, [0.025, 0.975])
    value = float(np.mean([one.mean() for one in by_set]))
    return Figure(name, value, PERCENT, None, None, float(low), float(high), more_is_better=True)
