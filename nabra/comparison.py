"""Two configurations over the same calls: gathered from records or results, and said in plain words."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from config.schema import Config, DestinationKind
from nabra.errors import NabraError
from nabra.operations.bus import EventKind
from nabra.operations.outcomes import LINE_KIND
from nabra.record_files import Broken, default_jobs, pieces_of, read_pieces, record_files
from nabra.whatif import config_file, loaded, what_if
from nabra.whatif_words import Words
from router.errors import RecordError
from router.recorded import RecordLine, read_record
from router.replay import WhatIf
from router.shares import Difference, Of, Pairs, Unit
from router.tally import Seconds
from router.whatif import NOWHERE, Side, compare, compare_records, from_row

FEW_CALLS = 100


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

    def view(self, language: str, seed: int) -> RenderableType:
        """Return the comparison in plain words, one sentence for each difference, and the queues below."""
        words = Words(language, self.config, isolates=sys.stdout.isatty())
        say = _SENTENCES[language]
        a, b = map(words.named, self.names)
        counts = say["calls"].format(calls=self.pairs.calls, unknown=self.pairs.unknown)
        parts: list[RenderableType] = [say["names"].format(a=a, b=b), Text(words.isolated(counts), style="bold")]
        if self.pairs.unknown:
            parts.append(say["left_out"])
        if self.pairs.calls < FEW_CALLS:
            parts.append(say["few"])
        found = self.differences(seed)
        same = [one for one in found if _is_none(one)]
        clear = [one for one in found if one.clear and one not in same]
        rest = [one for one in found if not one.clear and one not in same]
        parts += ["", Text(say["differs"], style="bold")]
        parts += [sentence(one, words) for one in clear] or [say["nothing"]]
        if rest:
            parts += ["", Text(say["not_clear"], style="bold"), *(sentence(one, words) for one in rest)]
        if same:
            alike = words.semicolon.join(f"{_what(one, words)} {_figure(one, one.a, words)}" for one in same)
            parts += ["", Text(say["same"], style="bold"), words.isolated(alike)]
        if self.happened:
            parts += ["", self._queues(words, say)]
        return Group(*parts)

    def _queues(self, words: Words, say: Mapping[str, str]) -> Table:
        table = Table(title=say["queues"], title_justify="left", title_style="bold", box=None, pad_edge=False)
        table.add_column(words["destination"])
        table.add_column(words["calls"], justify="right")
        for name in ("joined", "half_waited", "most_waited", "abandoned", "transferred"):
            table.add_column(say[name], justify="right")
        for name, it in sorted(self.happened.items(), key=lambda item: -item[1].calls):
            joined = max(it.joined, it.answered + it.abandoned)
            table.add_row(
                words.destination(name), f"{it.calls:,}", f"{joined:,}",
                f"{it.waited.quantile(0.5):.0f} {words['seconds']}" if len(it.waited) else "-",
                f"{it.waited.quantile(0.9):.0f} {words['seconds']}" if len(it.waited) else "-",
                words.isolated(words.percent(it.abandoned / joined)) if joined else "-",
                words.isolated(words.percent(it.transferred / joined)) if joined else "-",
            )  # fmt: skip
        return table

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


_SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "names": "A: {a}\nB: {b}",
        "calls": "{calls:,} calls are known under A and under B; {unknown:,} are not, and left out.",
        "left_out": "What follows holds for the calls that are known: those where one would listen longer, or ask, are "
        "not among them.",
        "few": "So few calls say little: the intervals are wide.",
        "differs": "What B does differently",
        "nothing": "Nothing that these calls can show.",
        "not_clear": "What may be chance, or no difference",
        "queues": "What really happened in the queues, by where the calls went then (not under A, nor under B)",
        "joined": "joined",
        "half_waited": "half wait to",
        "most_waited": "9 of 10 to",
        "abandoned": "abandoned",
        "transferred": "transferred",
        Of.DESTINATION: "B sends {size} {more} calls to {name}",
        Of.PERSON: "B sends {size} {more} calls to a person",
        Of.SELF_SERVICE: "B sends {size} {more} calls to self-service",
        Of.ANGRY_TO: "Of callers who sound angry, B sends {size} {more} to {name}",
        Of.ANGRY: "B takes {size} {more} calls for angry",
        Of.EARLY: "B decides {size} {more} calls while the caller speaks",
        Of.LISTENED: "B listens {size} {longer}",
        Of.PRIORITY: "B counts callers as having waited {size} {longer}",
        "more": "more",
        "fewer": "fewer",
        "longer": "longer",
        "shorter": "less",
        Unit.SHARE: "{size:.1f} points",
        Unit.SECONDS: "{size:.2f} s",
        Unit.MINUTES: "{size:.2f} min",
        "range": "{sentence}: {b} instead of {a} (95 %: {low} to {high})",
        "balanced": "{what}: {a} on average under both (95 %: {low} to {high})",
        "no_difference": "no difference",
        "same": "What is the same under both",
        "hung_up": "callers who hung up first",
    },
    "ar": {
        "names": "أ: {a}\nب: {b}",
        "calls": "المكالمات المعروفة في أ وفي ب: {calls:,}؛ وغير المعروفة متروكة: {unknown:,}.",
        "left_out": "ما يلي يخص المكالمات المعروفة: وليس منها ما كانت إحداهما ستستمع فيه مدة أطول أو تسأل.",
        "few": "هذا العدد القليل من المكالمات لا يقول الكثير: المجالات واسعة.",
        "differs": "ما تفعله ب على نحو مختلف",
        "nothing": "لا شيء يمكن لهذه المكالمات أن تُظهره.",
        "not_clear": "ما قد يكون مصادفة أو لا فرق فيه",
        "queues": "ما حدث فعلًا في الطوابير بحسب وجهة المكالمات حينها (لا في أ ولا في ب)",
        "joined": "دخلت",
        "half_waited": "نصفها حتى",
        "most_waited": "9 من 10 حتى",
        "abandoned": "انسحبت",
        "transferred": "حُوّلت",
        Of.DESTINATION: "ترسل ب إلى {name} مكالمات {more} بمقدار {size}",
        Of.PERSON: "ترسل ب إلى موظف مكالمات {more} بمقدار {size}",
        Of.SELF_SERVICE: "ترسل ب إلى الخدمة الذاتية مكالمات {more} بمقدار {size}",
        Of.ANGRY_TO: "من المتصلين الذين يبدون غاضبين ترسل ب إلى {name} عددًا {more} بمقدار {size}",
        Of.ANGRY: "تعدّ ب من الغاضبين مكالمات {more} بمقدار {size}",
        Of.EARLY: "تقرر ب أثناء كلام المتصل مكالمات {more} بمقدار {size}",
        Of.LISTENED: "تستمع ب مدة {longer} بمقدار {size}",
        Of.PRIORITY: "تحسب ب للمتصلين انتظارًا {longer} بمقدار {size}",
        "more": "أكثر",
        "fewer": "أقل",
        "longer": "أطول",
        "shorter": "أقصر",
        Unit.SHARE: "{size:.1f} نقطة مئوية",
        Unit.SECONDS: "{size:.2f} ث",
        Unit.MINUTES: "{size:.2f} د",
        "range": "{sentence}: {b} بدلًا من {a} (95%: من {low} إلى {high})",
        "balanced": "{what}: {a} في المتوسط في الحالتين (95%: من {low} إلى {high})",
        "no_difference": "لا فرق",
        "same": "ما هو نفسه في الحالتين",
        "hung_up": "من أنهوا المكالمة أولًا",
    },
}


_NOUNS: Mapping[str, Mapping[Of, str]] = {
    "en": {
        Of.DESTINATION: "calls to {name}",
        Of.PERSON: "calls to a person",
        Of.SELF_SERVICE: "calls to self-service",
        Of.ANGRY_TO: "callers who sound angry to {name}",
        Of.ANGRY: "calls taken for angry",
        Of.EARLY: "calls decided while the caller speaks",
        Of.LISTENED: "listening",
        Of.PRIORITY: "waiting that callers are credited with",
    },
    "ar": {
        Of.DESTINATION: "المكالمات إلى {name}",
        Of.PERSON: "المكالمات إلى موظف",
        Of.SELF_SERVICE: "المكالمات إلى الخدمة الذاتية",
        Of.ANGRY_TO: "من يبدون غاضبين إلى {name}",
        Of.ANGRY: "المكالمات المعدودة غاضبة",
        Of.EARLY: "المكالمات المقرَّرة أثناء كلام المتصل",
        Of.LISTENED: "مدة الاستماع",
        Of.PRIORITY: "الانتظار المحسوب للمتصلين",
    },
}


def sentence(one: Difference, words: Words) -> str:
    """Return a difference in plain words: how much, which way, from what to what, and between what it lies."""
    say = _SENTENCES[words.language]
    more = one.less >= 0
    # First the end that is nearer to none, or on its other side.
    ends = (one.low, one.high) if more else (one.high, one.low)
    low, high = (_way(one, end, words) for end in ends)
    a, b = (_figure(one, value, words) for value in (one.a, one.b))
    if not _shown(one, one.less):
        return words.isolated(say["balanced"].format(what=_what(one, words), a=a, low=low, high=high))
    told = say[one.measure.of].format(
        size=_size(one, one.less, words),
        more=say["more" if more else "fewer"],
        longer=say["longer" if more else "shorter"],
        name=_name(one, words),
    )
    return words.isolated(say["range"].format(sentence=told, a=a, b=b, low=low, high=high))


def _is_none(one: Difference) -> bool:
    """Whether a difference and its interval are nothing, as far as they are shown."""
    return not any(_shown(one, value) for value in (one.less, one.low, one.high))


def _shown(one: Difference, value: float) -> float:
    """A value of a measure as it is shown: rounded, shares in points; never a negative zero."""
    share = one.measure.unit is Unit.SHARE
    return round(100.0 * value if share else value, 1 if share else 2) + 0.0


def _size(one: Difference, value: float, words: Words) -> str:
    return _SENTENCES[words.language][one.measure.unit].format(size=abs(_shown(one, value)))


def _way(one: Difference, value: float, words: Words) -> str:
    """A difference with its direction in words."""
    say, shown = _SENTENCES[words.language], _shown(one, value)
    if not shown:
        return say["no_difference"]
    ways = ("fewer", "more") if one.measure.unit is Unit.SHARE else ("shorter", "longer")
    return f"{_size(one, value, words)} {say[ways[shown > 0]]}"


def _figure(one: Difference, value: float, words: Words) -> str:
    """What a measure is under one of the two."""
    return words.percent(value) if one.measure.unit is Unit.SHARE else _size(one, value, words)


def _what(one: Difference, words: Words) -> str:
    return _NOUNS[words.language][one.measure.of].format(name=_name(one, words))


def _name(one: Difference, words: Words) -> str:
    destination = one.measure.destination
    return _SENTENCES[words.language]["hung_up"] if destination == NOWHERE else words.destination(destination)
