"""Six English sets, three destinations: what is promised of them, and beside it what tells how hard that is.

Promised are figures of every judged text, any word standing in for one that is misheard. Beside them, in the same run
and by the same draws: words misheard for ones that sound alike (`intent_alike`), a peer (`intent_recipe`), and what a
real recogniser hears (`intent_heard`). What a set does to its own texts is told in the notes (`intent_parts`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from benchmarks.asr_figures import Figure, Finding, left_out
from benchmarks.intent_accuracy import (
    BOTH,
    CONDITIONS,
    CORPORA,
    DRAWS,
    EXAMPLES_PER_LABEL,
    MAX_TESTED,
    Judged,
    Measured,
    Remembering,
    arabic,
    drawn,
    fitted,
    heard_as,
    judge,
    many_labels,
)
from benchmarks.intent_alike import SoundingAlike, said_by_people
from benchmarks.intent_heard import Heard, set_up
from benchmarks.intent_parts import aside, contradicted, parts_of
from benchmarks.intent_recipe import INSTALL as INSTALL_RECIPE
from benchmarks.intent_recipe import Recipe, available
from benchmarks.intent_sets import clinc150, english_sets
from nabra.sentence_encoder import INSTALL, UseEncoder, installed
from router.intent import SentenceEncoder

OURS, ALIKE, RECIPE = "", ", sounding alike", ", the recipe"
"""Whose values: ours of words misheard for any word, or for ones that sound alike; the peer's of any word."""


class Tally:
    """Values by reading and name, one for each draw: the mean of the sets in it."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, dict[int, list[float]]]] = {}

    def add(self, reading: str, name: str, draw: int, value: float) -> None:
        """Add that of one set."""
        self._values.setdefault(reading, {}).setdefault(name, {}).setdefault(draw, []).append(value)

    def by_reading(self) -> dict[str, dict[str, Measured]]:
        """Return what was added."""
        return {
            reading: {name: Measured([float(np.mean(one)) for one in draws.values()]) for name, draws in named.items()}
            for reading, named in self._values.items()
        }


def accuracy(quick: bool) -> Iterator[dict[str, object]]:
    """Return every figure of accuracy, as rows of a report: six sets, Arabic, many labels."""
    if not (CORPORA / "intent").is_dir():
        yield left_out("intent: accuracy", "the corpora beside the checkout are missing").as_row()
        return
    encoder = Remembering(UseEncoder()) if installed() else None
    if encoder is None:
        yield left_out(f"intent: accuracy by {BOTH}", f"the sentence encoder is not installed: {INSTALL}").as_row()
    draws = 1 if quick else DRAWS
    for findings in (six_sets(draws, quick, encoder), arabic(draws, encoder), many_labels(draws, quick, encoder)):
        yield from (finding.as_row() for finding in findings)


def six_sets(draws: int, quick: bool, encoder: SentenceEncoder | None) -> Iterator[Finding]:
    """Measure them; see the module."""
    sets = list(english_sets(CORPORA))
    clinc = clinc150(CORPORA)
    alike = SoundingAlike(said_by_people(sets, clinc["train"], clinc["oos_train"]))
    unclear = {texts.name: contradicted(texts) for texts in sets}
    heard = set_up(sets, alike, quick)
    tally, each = Tally(), Tally()
    for seed in range(draws):
        for texts in sets:
            rng = np.random.default_rng(seed)
            groups, rest = drawn(texts.train, EXAMPLES_PER_LABEL, rng)
            judged = list(texts.test) or rest
            judged = [judged[i] for i in rng.permutation(len(judged))[:MAX_TESTED]]
            parts = parts_of(judged, groups, unclear[texts.name])
            model = fitted(groups, texts.language, texts.destinations.__getitem__, seed, encoder)
            recipe = Recipe(groups, texts.destinations, encoder) if available() else None
            for condition, said in heard_as(texts, judged, seed).items():
                for reading, one in judge(model, texts.language, said, encoder).items():
                    each.add(reading, f"{texts.name}, {condition}", seed, one.accuracy())
                    for name, chosen in parts.items():
                        found = values(condition, one.only(chosen)) | {"share": 100 * float(chosen.mean())}
                        for figure, value in found.items():
                            tally.add(reading, figure + name, seed, value)
                for reading, one in recipe.judge(said).items() if recipe else ():
                    for figure, value in values(condition, one).items():
                        tally.add(reading, figure + RECIPE, seed, value)
            for condition, said in heard_as(texts, judged, seed, alike).items():
                for reading, one in judge(model, texts.language, said, encoder).items():
                    for figure, value in values(condition, one).items():
                        tally.add(reading, figure + ALIKE, seed, value)
            if isinstance(heard, Heard):
                heard.judge(texts, seed, model if texts.test else None, encoder)
    data = ", ".join(texts.name for texts in sets)
    by_set = each.by_reading()
    for reading, found_by_name in tally.by_reading().items():
        yield from _promised(reading, found_by_name, by_set[reading], data, draws)
        yield from _beside(reading, found_by_name, data, draws)
    if not available():
        why = f"scikit-learn is not installed: {INSTALL_RECIPE}"
        yield left_out("intent: the plain recipe of scikit-learn", why)
    if isinstance(heard, Heard):
        yield from heard.findings(data, draws)
    else:
        yield left_out("intent: heard by a recogniser", heard)


def values(condition: str, judged: Judged) -> dict[str, float]:
    """Return every value that is promised of texts under a condition, %."""
    found = {condition: judged.accuracy()}
    for name, of_condition, share in (("most", "WER 20", 0.9), ("few", "5 words, WER 20", 0.42)):
        if condition == of_condition:
            coverage, error = judged.routed(share)
            found |= {f"{name} covered": coverage, f"{name} wrong": error, f"{name} right": 100 - error}
    return found


_TOLD = f"mean of six sets, {EXAMPLES_PER_LABEL} examples a label"
_HALVES = f"{_TOLD}; thresholds from the other half of the judged texts, set to route"


def _promised(
    reading: str, found: dict[str, Measured], each: dict[str, Measured], data: str, draws: int
) -> Iterator[Finding]:
    drawn_values = {name: one.values for name, one in found.items()}
    by_set = "; ".join(f"{name} {np.mean(one.values):.1f}" for name, one in each.items())
    least = {"more": False}
    rows: tuple[tuple[str, tuple[Figure, ...], str], ...] = (
        (
            "right, of three destinations",
            (
                found["clean"].figure("clean", 96.1, 96.5),
                found["WER 20"].figure("WER 20", 93.6, 94.5),
                found["WER 30"].figure("WER 30", 91.9, 92.5),
            ),
            f"{_TOLD}; any word of the judged texts stands in for one that is misheard. {by_set}. "
            f"{aside(drawn_values, {name: name for name in CONDITIONS})}",
        ),
        (
            "routed and wrong, WER 20",
            (
                found["most covered"].figure("coverage", 87.9, 90.0),
                found["most wrong"].figure("error among routed", 3.1, 3.0, **least),
            ),
            f"{_HALVES} 90 %. {aside(drawn_values, {'most wrong': 'error among routed'})}",
        ),
        (
            "right among routed, a tenth to a person, WER 20",
            (found["most right"].figure("right among routed", 96.0, 98.0),),
            f"{_HALVES} 90 %; 93.8 % were right in Chu-Carroll & Carpenter 1999. "
            f"{aside(drawn_values, {'most right': 'right among routed'})}",
        ),
        (
            "first 5 words, WER 20, the surest routed",
            (
                found["few covered"].figure("coverage", 40.0, 40.0),
                found["few wrong"].figure("error among routed", 8.0, 5.0, **least),
            ),
            f"{_HALVES} 42 %. {aside(drawn_values, {'few wrong': 'error among routed'})}",
        ),
    )
    for name, figures, note in rows:
        yield Finding(f"intent: {name}, by {reading}", data, reading, draws, figures, note)


_SIDE = (
    ("clean", "right, clean", True),
    ("WER 20", "right, WER 20", True),
    ("WER 30", "right, WER 30", True),
    ("most wrong", "error, 90 % routed, WER 20", False),
    ("few wrong", "error, 5 words, 42 % routed, WER 20", False),
)


def _beside(reading: str, found: dict[str, Measured], data: str, draws: int) -> Iterator[Finding]:
    """Rows that nothing is promised of, with the same columns."""
    rows = [("ours, any word misheard", OURS, "as promised"), ("ours, misheard for words that sound alike", ALIKE, "")]
    if f"clean{RECIPE}" in found:
        rows.append(("the plain recipe of scikit-learn, any word misheard", RECIPE, "the same examples and texts"))
    for name, whose, note in rows:
        figures = tuple(found[key + whose].figure(called, None, None, more=more) for key, called, more in _SIDE)
        yield Finding(f"intent: {name}, by {reading}", data, reading, draws, figures, f"{_HALVES} that share. {note}")
    if f"clean{RECIPE}" in found:
        less = {key: found[key].less(found[key + RECIPE]) for key, _, _ in _SIDE}
        figures = tuple(
            replace(less[key].figure(called, None, None, more=more), unit="points") for key, called, more in _SIDE
        )
        note = f"{_TOLD}; paired over draws; an error that is less is better"
        yield Finding(f"intent: ours less the recipe, in points, by {reading}", data, reading, draws, figures, note)
