"""How many records a second are decided again: under their own configuration, under other rules, under other examples.

Records are replayed from a file as `nabra replay` reads it, JSON included, on one core: DRAWS draws of other calls
each (`benchmarks.recorded_calls`), with nothing remembered from the draw before. Where only the rules are others, what
was understood then is on the record; where the intents have other examples, another model reads every text.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.asr_figures import Figure, Finding
from benchmarks.recorded_calls import recorded_calls
from config.schema import Action, Config, Rule
from nabra.record_files import pieces_of, read_pieces
from nabra.whatif import DecidesAgain, silence_of
from router import Generation
from router.replay import WhatIf
from router.tally import Tally

DRAWS = 10
T_95 = 2.262
"""Student's t of nine degrees of freedom, 95 % both sides."""
FLOOR_PER_S, AIM_PER_S = 1000.0, 4000.0
_MORE = {"en": "please", "ar": "من فضلك"}

Row = dict[str, object]


@dataclass(slots=True)
class _Rate:
    """What deciding again under one configuration came to: microseconds of thread CPU a record, for each draw."""

    name: str
    generation: Generation
    spent_us: list[float] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    def read(self, file: Path, count: int) -> None:
        """Decide the records of a file again, with a reader that remembers nothing."""
        config = self.generation.config
        reader = DecidesAgain(WhatIf(self.generation, silence_of(config), brief=True), "none")
        began = time.thread_time()
        found = [read.found.tally for read in read_pieces(pieces_of([file]), _Ready(reader), 1, lambda _: None)]
        self.spent_us.append((time.thread_time() - began) / count * 1e6)
        for tally in found:
            self.tally.merge(tally)

    def row(self, about: str) -> Row:
        """Return the row of the report."""
        rates = [1e6 / one for one in self.spent_us]
        mean, half = statistics.fmean(rates), T_95 * statistics.stdev(rates) / len(rates) ** 0.5
        total, known = self.tally.calls, self.tally.known
        figure = Figure(
            "records a second, one core",
            round(mean, 1),
            "/s",
            FLOOR_PER_S,
            AIM_PER_S,
            round(mean - half, 1),
            round(mean + half, 1),
            more_is_better=True,
        )
        note = (
            f"thread CPU, file and JSON included; {about}. {100 * self.tally.same / total:.1f} % the same, "
            f"{100 * self.tally.changed / total:.1f} % changed, {100 * (total - known) / total:.1f} % unknown"
        )
        name = f"replay of a record, {self.name}"
        finding = Finding(
            name, "records of made-up calls", self.generation.intent_model.model_id, total, (figure,), note
        )
        return {
            **finding.as_row(),
            "unit": "us",
            "mean": statistics.fmean(self.spent_us),
            "p50": statistics.median(self.spent_us),
            "max": max(self.spent_us),
        }


@dataclass(frozen=True, slots=True)
class _Ready:
    """Work whose reader is there already: what it costs to load is not measured."""

    ready: DecidesAgain

    def reader(self) -> DecidesAgain:
        return self.ready


def measure_replays(made_by: Generation, count: int) -> Iterator[Row]:
    """Decide DRAWS times `count` calls again under three configurations; return a row of each.

    Raises
    ------
    AssertionError
        A record is decided otherwise than it was under its own configuration.
    """
    own = _Rate("its own configuration", made_by)
    rates = (
        own,
        _Rate("other rules", Generation.of(other_rules(made_by.config), 2, made_by.intent_model)),
        _Rate("other examples", Generation.fit(other_examples(made_by.config), 3)),
    )
    size = events = 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "calls.jsonl"
        for seed in range(DRAWS):
            with file.open("w", encoding="utf-8") as lines:
                for record in recorded_calls(made_by, count, seed):
                    timeline = record["timeline"]
                    events += len(timeline) if isinstance(timeline, list) else 0
                    lines.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
            size += file.stat().st_size
            for rate in rates:
                rate.read(file, count)
    total = DRAWS * count
    if own.tally.same != total:
        raise AssertionError(f"{total - own.tally.same} records of {total} are decided otherwise than they were")
    about = f"{DRAWS} draws of {count} calls, {events / total:.0f} events and {size / total / 1000:.1f} kB each"
    for rate in rates:
        yield rate.row(about)


def other_rules(settings: Config) -> Config:
    """Return a configuration with a rule less and a rule more."""
    more = Rule(name="said much", when="words > 6", then=Action(raise_minutes=1.0))
    return replace(settings, rules=(*settings.rules[1:], more), fingerprint="other rules")


def other_examples(settings: Config) -> Config:
    """Return a configuration without a tenth of its examples, and with another tenth said with a word more."""
    intents = [
        replace(
            intent,
            examples=(
                *[text for place, text in enumerate(intent.examples) if place % 10],
                *[f"{text} {_MORE.get(intent.language, '')}".strip() for text in intent.examples[5::10]],
            ),
        )
        for intent in settings.intents.intents
    ]
    others = replace(settings.intents, intents=tuple(intents))
    return replace(settings, intents=others, fingerprint="other examples")
