"""Two configurations over the same calls, gathered from records or results; `nabra.comparison_view` says it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.schema import Config, DestinationKind
from nabra.errors import NabraError
from nabra.operations.bus import EventKind
from nabra.operations.outcomes import LINE_KIND
from nabra.record_files import Broken, default_jobs, pieces_of, read_pieces, record_files
from nabra.whatif import config_file, loaded, what_if
from router.errors import RecordError
from router.recorded import RecordLine, read_record
from router.replay import WhatIf
from router.shares import Difference, Of, Pairs
from router.tally import Seconds
from router.whatif import Side, compare, compare_records, from_row


@dataclass(slots=True)
class Happened:
    """What the queues did with the calls of one destination, as the store has it."""

    calls: int = 0
    joined: int = 0
    answered: int = 0
    abandoned: int = 0
    transferred: int = 0
    waited: Seconds = field(default_factory=Seconds)

    def take(self, kind: str, waited_s: object) -> None:
        """Count one outcome."""
        self.joined += kind == EventKind.QUEUE_JOIN
        self.answered += kind == EventKind.QUEUE_ANSWER
        self.abandoned += kind == EventKind.QUEUE_ABANDON
        self.transferred += kind == EventKind.TRANSFERRED
        if kind in (EventKind.QUEUE_ANSWER, EventKind.QUEUE_ABANDON) and isinstance(waited_s, int | float):
            self.waited.add(float(waited_s))


@dataclass(slots=True)
class Gathered:
    """What one piece of the records holds: calls decided under both, where each really went, and outcomes."""

    pairs: Pairs = field(default_factory=Pairs)
    went: dict[str, str] = field(default_factory=dict)
    outcomes: list[tuple[str, str, object]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DecideUnderBoth:
    """Work for `nabra.record_files`: each record under two configurations."""

    a: Path
    b: Path

    def reader(self) -> UnderBoth:
        """Load both configurations into this process."""
        whatifs = [what_if(path) for path in (self.a, self.b)]
        return UnderBoth(whatifs, self_service(one.generation.config for one in whatifs))


class UnderBoth:
    """Reader of records that decides them under two configurations."""

    def __init__(self, whatifs: Sequence[WhatIf], self_service: frozenset[str]) -> None:
        self._whatifs = whatifs
        self._self_service = self_service
        self._gathered = Gathered()

    def take(self, value: Mapping[str, Any] | RecordLine) -> bool:
        """Take a record or an outcome; False where the line is neither."""
        if not isinstance(value, RecordLine):
            kind = value.get("kind")
            if kind == LINE_KIND:
                outcome = value.get("call"), value.get("outcome"), value.get("waited_s")
                self._gathered.outcomes.append((str(outcome[0]), str(outcome[1]), outcome[2]))
                return True
            if kind != "decision":
                return False
        under_a, under_b = (whatif.decide(value) for whatif in self._whatifs)
        self._gathered.pairs.add(compare(under_a).now, compare(under_b).now, self._self_service)
        recorded = under_a.recorded
        if recorded.decision is not None:
            # Where it really went: the default, in shadow mode.
            self._gathered.went[recorded.call.call] = recorded.decision.destination
        return True

    def found(self) -> Gathered:
        """Return what there is since the last time."""
        gathered, self._gathered = self._gathered, Gathered()
        return gathered


def self_service(configs: Iterable[Config]) -> frozenset[str]:
    """Return the destinations where nobody answers."""
    return frozenset(
        destination.name
        for config in configs
        for destination in config.destinations.values()
        if destination.kind is DestinationKind.SELF_SERVICE
    )


@dataclass(slots=True)
class Comparison:
    """Two configurations over the same calls.

    Attributes
    ----------
    names : what is called A, and B.
    pairs : the calls.
    happened : what the queues did, by the destination that calls really went to; empty where it is not known.
    config : names the destinations, and says which are people; None where there is none.
    broken : lines that cannot be used.
    """

    names: tuple[str, str]
    pairs: Pairs
    happened: dict[str, Happened]
    config: Config | None
    broken: list[Broken]

    def differences(self, seed: int) -> list[Difference]:
        """Return what can be said."""
        hidden = () if self.config is not None else (Of.PERSON, Of.SELF_SERVICE)
        return [one for one in self.pairs.differences(seed) if one.measure.of not in hidden]

    def as_json(self, seed: int) -> dict[str, object]:
        """Return the comparison as JSON-ready values; shares 0..1, times in seconds, priority in minutes."""
        return {
            "kind": "comparison",
            "calls": self.pairs.calls,
            "unknown": self.pairs.unknown,
            "seed": seed,
            "differences": [
                {
                    "of": one.measure.of.value,
                    "destination": one.measure.destination or None,
                    "unit": one.measure.unit.value,
                    "a": round(one.a, 6),
                    "b": round(one.b, 6),
                    "b_less_a": round(one.less, 6),
                    "low": round(one.low, 6),
                    "high": round(one.high, 6),
                    "calls": one.calls,
                }
                for one in self.differences(seed)
            ],
            "really_happened": {
                name: {
                    "calls": it.calls,
                    "joined": it.joined,
                    "answered": it.answered,
                    "abandoned": it.abandoned,
                    "transferred": it.transferred,
                    "waited_p50_s": it.waited.quantile(0.5) if len(it.waited) else None,
                    "waited_p90_s": it.waited.quantile(0.9) if len(it.waited) else None,
                }
                for name, it in self.happened.items()
            },
            "broken_lines": len(self.broken),
        }


def of_records(a: Path, b: Path, records: Sequence[Path], jobs: int | None) -> Comparison:
    """Decide records under two configurations.

    Raises
    ------
    NabraError, RecordsError, ConfigError, RouterError
    """
    pieces = pieces_of(record_files(records))
    paths = config_file(a), config_file(b)
    config = [loaded(path) for path in paths][1].config
    pairs, went, broken = Pairs(), dict[str, str](), list[Broken]()
    outcomes: dict[str, list[tuple[str, object]]] = {}
    for read in read_pieces(pieces, DecideUnderBoth(*paths), jobs or default_jobs(pieces), lambda _: None):
        pairs.merge(read.found.pairs)
        went.update(read.found.went)
        broken += read.broken
        for call, kind, waited_s in read.found.outcomes:
            outcomes.setdefault(call, []).append((kind, waited_s))
    if not pairs.calls + pairs.unknown:
        raise NabraError(f"no decision record in {', '.join(map(str, records))}")
    return Comparison((str(a), str(b)), pairs, _happened(went, outcomes), config, broken)


def _happened(went: Mapping[str, str], outcomes: Mapping[str, Sequence[tuple[str, object]]]) -> dict[str, Happened]:
    happened: dict[str, Happened] = {}
    for call, told in outcomes.items():
        if call in went:
            it = happened.setdefault(went[call], Happened())
            it.calls += 1
            # A caller who was transferred joins again: what counts of each kind is the first.
            for kind, waited_s in dict(reversed(told)).items():
                it.take(kind, waited_s)
    return happened


def of_results(a: Path, b: Path, config: Path | None) -> Comparison:
    """Compare two files of results, of `nabra replay --json`, or of records.

    Raises
    ------
    NabraError
        A file cannot be used, or the two have no call in common.
    """
    broken: list[Broken] = []
    settings = None if config is None else loaded(config_file(config)).config
    quiet = self_service([] if settings is None else [settings])
    sides = dict(_results(a, broken))
    pairs = Pairs()
    seen = 0
    for call, side in _results(b, broken):
        if call in sides:
            seen += 1
            pairs.add(sides[call], side, quiet)
    if not seen:
        raise NabraError(f"{a} and {b} have no call in common; to compare configurations, give --records")
    pairs.unknown += len(sides) - seen
    return Comparison((str(a), str(b)), pairs, {}, settings, broken)


def _results(file: Path, broken: list[Broken]) -> Iterator[tuple[str, Side | None]]:
    if file.is_dir() or not file.exists():
        raise NabraError(f"{file} is no file of results; to compare configurations, give --records")
    with file.open("rb") as lines:
        for number, raw in enumerate(lines, 1):
            try:
                value = json.loads(raw)
                if value.get("kind") == "replayed":
                    compared = from_row(value)
                    yield compared.call, compared.now
                elif value.get("kind") == "decision":
                    recorded = read_record(value)
                    yield recorded.call.call, compare_records(recorded, recorded).now
            except (ValueError, AttributeError):
                if raw.strip():
                    broken.append(Broken(file, number, "this line is no JSON object"))
            except RecordError as error:
                broken.append(Broken(file, number, str(error)))
