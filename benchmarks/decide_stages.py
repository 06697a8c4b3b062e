"""When it is decided, and how often that is right: accuracy against the seconds that callers are listened to.

Public sets (`intent_sets`), learnt from a few examples of each label by the model that ships; other texts of the
set are then said by callers in time (`decide_calls`), clean and misheard, and whole sessions decide them: the rule that
ships, as `decision.early_error` sets it; one threshold for all, which it once was; and, for a curve, whatever is
known after each second. Words alone are read. Every caller calls under every setting. DRAWS draws of examples, texts
and callers; intervals are 95 %, over draws; one draw has none. A share that is the same in every draw, no early
decision wrong for example, has that of its calls (Clopper & Pearson 1934), as its note says. Then what a real
recogniser hears (`decide_heard`).

Run alone: python -m benchmarks.decide_stages [--draws N] [--texts N] [--without SET ...] [--of-train]
With --of-train the callers say texts of the training part that were not learnt: what defaults are chosen on.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betaincinv, stdtrit

import config
from benchmarks.asr_figures import Figure, Finding
from benchmarks.decide_calls import LEAD_S, Ended, Spoken, live, speak
from benchmarks.intent_accuracy import CORPORA, EXAMPLES_PER_LABEL, drawn, fitted, misheard
from benchmarks.intent_sets import Example, IntentTexts, arabic_sets, english_sets
from config.schema import Config, DecisionSettings, Intent, IntentSet
from router import Generation
from router.generation import Posterior
from router.intent import IntentModel, spoken
from router.stopping import STRICT, Aloud

if TYPE_CHECKING:
    from benchmarks.report import Row

DRAWS = 10
TEXTS = 20
"""Said in each draw, of each set, at each word error rate."""
QUICK = ("natcs banking", "arbanking77 MSA")
ERROR_RATES = {"clean": 0.0, "WER 20": 0.2}
ALLOWED = (0.01, 0.02, 0.03, 0.05, 0.1)
SECONDS = (1, 2, 3, 4, 6, 8)
NEVER_SO_MANY = 1000
TO_THE_END = "heard to the end"
FIXED = "early from 0.95, for any number of words"
LISTENED, EARLY, WRONG_EARLY, RIGHT, PERSON = (
    "seconds of speech listened",
    "decided early",
    "wrong among early",
    "right among routed",
    "to a person",
)
LANGUAGES = {"en": "English", "ar": "Arabic"}


def allowing(error: float) -> str:
    """Return the name of the rule that ships, with so many early decisions allowed to be wrong."""
    return f"early, at most {100 * error:g} % wrong"


def cut_at(seconds: int) -> str:
    """Return the name of listening for so long."""
    return f"cut at {seconds} s"


HEARD_OUT = (TO_THE_END, *map(cut_at, SECONDS))
"""The settings under which nobody is decided early."""


class Remembering:
    """A model that reads each text once, however many settings ask."""

    def __init__(self, model: IntentModel) -> None:
        self.model_id = model.model_id
        self._model = model
        self._read = lru_cache(maxsize=None)(model.predict)

    def predict(self, text: str, language: str) -> Posterior:
        """Return what the model makes of the text."""
        return self._read(text, language)

    def aloud(self, language: str) -> Aloud | None:
        """Return what the model holds out."""
        return self._model.aloud(language)


@cache
def _shipped() -> Config:
    return config.load()


def settings() -> dict[str, tuple[DecisionSettings, float]]:
    """Return every way to decide by its name: what decides, and for how many seconds of speech at most."""
    shipped = replace(_shipped().decision, ask=False)
    whole = replace(shipped, early_threshold=None, min_words=NEVER_SO_MANY)
    listen_s = _shipped().budget.listen_s - LEAD_S
    return {
        **{cut_at(second): (whole, float(second)) for second in SECONDS},
        TO_THE_END: (whole, listen_s),
        FIXED: (replace(shipped, early_threshold=STRICT, min_words=5), listen_s),
        **{allowing(error): (replace(shipped, early_error=error), listen_s) for error in ALLOWED},
    }


@dataclass(slots=True)
class Tally:
    """The calls of one draw under one setting."""

    calls: list[Ended]

    def share(self, name: str) -> float | None:
        """Return one of the figures; None where there is nothing to divide by."""
        if name == LISTENED:
            return statistics.fmean(call.listened_s for call in self.calls)
        hits, of = self.counted(name)
        return 100 * hits / of if of else None

    def counted(self, name: str) -> tuple[int, int]:
        """Return of how many calls a share is, after how many of them have what it is a share of."""
        routed = [call for call in self.calls if call.routed]
        early = [call for call in self.calls if call.early]
        match name:
            case "decided early":
                return len(early), len(self.calls)
            case "wrong among early":
                return sum(not call.right for call in early), len(early)
            case "right among routed":
                return sum(call.right for call in routed), len(routed)
            case _:
                return len(self.calls) - len(routed), len(self.calls)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured: of which sets, in how many draws, and how many texts a draw."""

    sets: tuple[IntentTexts, ...]
    draws: int
    texts: int
    of_train: bool = False

    @classmethod
    def of(cls, quick: bool) -> Plan:
        """Return the plan of a look, or of figures to quote."""
        sets = (*english_sets(CORPORA), *arabic_sets(CORPORA))
        if quick:
            return cls(tuple(texts for texts in sets if texts.name in QUICK), 1, 20)
        return cls(sets, DRAWS, TEXTS)


Found = dict[tuple[str, str, str], list[Tally]]
"""By language, error rate and setting: the calls of each draw."""


def calls(plan: Plan) -> Found:
    """Let every caller call under every setting, draw by draw."""
    found: Found = {}
    for seed in range(plan.draws):
        for key, tally in one_draw(plan, seed).items():
            found.setdefault(key, []).append(tally)
    return found


def one_draw(plan: Plan, seed: int) -> dict[tuple[str, str, str], Tally]:
    """Draw examples, texts and callers once; sets that are learnt from the same texts share their model."""
    found: dict[tuple[str, str, str], Tally] = {}
    fits: dict[int, tuple[IntentModel, list[Example]]] = {}
    for texts in plan.sets:
        if plan.of_train and not texts.test:
            continue
        key = hash(texts.train)
        if key not in fits:
            groups, rest = drawn(texts.train, EXAMPLES_PER_LABEL, np.random.default_rng(seed))
            fits[key] = fitted(groups, texts.language, texts.destinations.__getitem__, seed, None), rest
        model, rest = fits[key]
        judged = rest if plan.of_train else list(texts.test) or rest
        generations = dict(_generations(texts, model, settings()))
        for rate, callers in _callers(texts, judged, plan.texts, seed).items():
            for name, generation in generations.items():
                tally = found.setdefault((texts.language, rate, name), Tally([]))
                tally.calls += [live(generation, caller) for caller in callers]
    return found


def _callers(texts: IntentTexts, judged: Sequence[Example], count: int, seed: int) -> dict[str, list[Spoken]]:
    """The same callers at each word error rate."""
    chosen = [judged[i] for i in np.random.default_rng([seed, 2]).permutation(len(judged))[:count]]
    said = [(spoken(text), texts.destinations[label]) for text, label in chosen]
    vocabulary = sorted({word for text, _ in said for word in text.split()})
    found: dict[str, list[Spoken]] = {}
    for name, rate in ERROR_RATES.items():
        rng = np.random.default_rng([seed, 3])
        found[name] = [
            speak(text, texts.language, right, partial(_heard, rate, vocabulary), rng) for text, right in said if text
        ]
    return found


def _heard(rate: float, vocabulary: Sequence[str], word: str, rng: np.random.Generator) -> list[str]:
    return misheard([word], rate, vocabulary, rng)


def _generations(
    texts: IntentTexts, model: IntentModel, ways: Mapping[str, tuple[DecisionSettings, float]]
) -> Iterator[tuple[str, Generation]]:
    reader = Remembering(model)
    for number, (name, (decision, listen_s)) in enumerate(ways.items()):
        yield name, Generation.of(site_of(texts, decision, listen_s, name), number, reader)


def site_of(texts: IntentTexts, decision: DecisionSettings, listen_s: float, name: str) -> Config:
    """Return the shipped configuration for a set's intents, decided in one of these ways."""
    base = _shipped()
    intents = tuple(
        Intent(name=label, language=texts.language, destination=destination)
        for label, destination in sorted(texts.destinations.items())
    )
    return replace(
        base,
        intents=IntentSet(intents=intents),
        decision=decision,
        budget=replace(base.budget, listen_s=LEAD_S + listen_s),
        rules=tuple(rule for rule in base.rules if "intent" not in rule.when),
        fingerprint=name,
    )


def findings(found: Found, plan: Plan) -> Iterator[Finding]:
    """Return one row for each language, error rate and setting, with its intervals."""
    for (language, rate, name), tallies in found.items():
        names = ", ".join(texts.name for texts in plan.sets if texts.language == language)
        marks = {allowing(error): 100 * error for error in ALLOWED}
        figures = [
            _figure(one, tallies, marks.get(name) if one == WRONG_EARLY else None, certain=name in HEARD_OUT)
            for one in (LISTENED, EARLY, WRONG_EARLY, RIGHT, PERSON)
        ]
        count = sum(len(tally.calls) for tally in tallies)
        draws = "one draw" if len(tallies) == 1 else f"{len(tallies)} draws"
        note = f"{draws} of {EXAMPLES_PER_LABEL} examples a label; {names}"
        alike = [one for one in (WRONG_EARLY, RIGHT, PERSON) if len(tallies) > 1 and _alike(_values(one, tallies))]
        if alike:
            note += f"; {', '.join(alike)}: the same in every draw, so the interval is of the calls (Clopper-Pearson)"
        yield Finding(f"{LANGUAGES[language]}, {rate}: {name}", names, "words alone", count, tuple(figures), note)


def _figure(name: str, tallies: Sequence[Tally], mark: float | None, *, certain: bool = False) -> Figure:
    """Mean over draws and its interval, by Student's t; one draw has none. What cannot be is left out of it.

    A share that is the same in every draw is not certain for that: its interval is `over_calls`. Nobody is decided
    early where that is not allowed: that is `certain`, and has none.
    """
    unit, most = ("s", math.inf) if name == LISTENED else ("%", 100.0)
    values = _values(name, tallies)
    if not values:
        return Figure(name, None, unit, mark, mark)
    mean, low, high = statistics.fmean(values), None, None
    if _alike(values) and name != LISTENED:
        if not (certain and name == EARLY):
            low, high = over_calls([tally.counted(name) for tally in tallies])
    elif len(values) > 1:
        half = float(stdtrit(len(values) - 1, 0.975)) * statistics.stdev(values) / len(values) ** 0.5
        low, high = max(0.0, mean - half), min(most, mean + half)
    return Figure(name, mean, unit, mark, mark, low, high, more_is_better=name == RIGHT)


def _values(name: str, tallies: Sequence[Tally]) -> list[float]:
    """Return a figure of each draw that has it."""
    return [value for tally in tallies if (value := tally.share(name)) is not None]


def _alike(values: Sequence[float]) -> bool:
    """Whether several draws do not differ at all."""
    return len(values) > 1 and min(values) == max(values)


def over_calls(counted: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Return the 95 % interval of a share of calls, in %, from (hits, calls): Clopper & Pearson 1934."""
    hits, of = (sum(column) for column in zip(*counted, strict=True))
    low = float(betaincinv(hits, of - hits + 1, 0.025)) if hits else 0.0
    high = float(betaincinv(hits + 1, of - hits, 0.975)) if hits < of else 1.0
    return 100 * low, 100 * high


def measure(quick: bool) -> Iterator[dict[str, object]]:
    """Return a row for each language, word error rate and setting; raises where the corpora are missing."""
    if not (CORPORA / "intent").is_dir():
        raise FileNotFoundError("the corpora beside the checkout are missing")
    plan = Plan.of(quick)
    yield from (finding.as_row() for finding in findings(calls(plan), plan))
    from benchmarks.decide_heard import heard  # which needs what is here

    yield from (finding.as_row() for finding in heard(plan, quick))


def draw(path: Path, facts: Mapping[str, object], rows: Sequence[Row]) -> None:
    """Draw the rows of `measure`: see `decide_picture`."""
    from benchmarks.decide_picture import draw_rows

    draw_rows(path, rows)


def main() -> None:
    """Print every row as a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--texts", type=int, default=TEXTS)
    parser.add_argument("--without", nargs="*", default=[], metavar="SET")
    parser.add_argument("--of-train", action="store_true")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    whole = Plan.of(options.quick)
    sets = tuple(texts for texts in whole.sets if texts.name not in options.without)
    plan = Plan(sets, options.draws, options.texts, options.of_train)
    for finding in findings(calls(plan), plan):
        print(json.dumps(finding.as_row(), ensure_ascii=False))


if __name__ == "__main__":
    main()
