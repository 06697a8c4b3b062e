"""The report on an operator's examples, as tables in a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from types import MappingProxyType

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from config.errors import Position
from nabra.printed import fitted, isolated
from router.intent.findings import Example, IntentFigures, Kind, LanguageReport, Remark, Report, Share

__all__ = ["as_json", "isolated", "view"]

SHOWN_EXAMPLES = 5
WIDE = 110
"""Columns of a terminal that has room for an intent's label beside its name; on others it stands below."""

Labels = Mapping[str, Mapping[str, str]]

_HEADINGS: Mapping[Kind, str] = {
    Kind.NO_INTENTS: "What is missing",
    Kind.NO_CLASS: "What is missing",
    Kind.ONE_LANGUAGE: "What is missing",
    Kind.FEW: "Where examples are few",
    Kind.TWICE: "Sentences that stand in two places",
    Kind.ALIKE: "Sentences of two intents that are nearly the same",
    Kind.HARD_WORD: "Hard words that are also said for something else",
    Kind.ASTRAY: "Examples that read like another intent",
    Kind.CONFUSED: "Intents that are confused",
    Kind.MISSED: "Intents that are rarely recognised",
}


def view(
    report: Report, places: Mapping[str, Position], width: int | None = None, labels: Labels = MappingProxyType({})
) -> RenderableType:
    """Return the whole report: of each language how many examples go where they should, then what to mend and where.

    Parameters
    ----------
    report : of `router.intent.report.examine`.
    places : of the configuration.
    width : of the terminal in columns; None for other programs, which get every remark as one line.
    labels : of the intents, by their language; shown with the names, which are what to look for in the file.
    """
    called = {name: label["en"] for name, label in labels.items() if "en" in label}
    beside = bool(called) and width is not None and width >= WIDE
    parts: list[RenderableType] = []
    for one in report.languages:
        parts += [Text(fitted(_headline(one), width), style="bold"), ""]
        if one.intents:
            parts += [_figures(one, called, beside), ""]
        for heading, remarks in groupby(one.remarks, key=lambda remark: _HEADINGS[remark.kind]):
            parts.append(Text(heading, style="bold"))
            for remark in remarks:
                parts += _told(remark, places, width)
            parts.append("")
        if not one.remarks:
            parts += [Text("Nothing to mend."), ""]
    return Group(*parts[:-1])


def _headline(one: LanguageReport) -> str:
    have = f"{one.language}: {one.examples} examples of {len(one.intents)} intents"
    if not one.reached.of:
        return f"{have}; too few to judge any by the others"
    return (
        f"{have}. Each judged by what was learnt from the others: {_percent(one.reached)} would be sent where they "
        f"should, {_percent(one.astray)} elsewhere; the rest is unclear, and such a caller is asked."
    )


def _percent(share: Share) -> str:
    return f"{share.value:.0%} ({100 * share.low:.0f}-{share.high:.0%})"


def _figures(one: LanguageReport, called: Mapping[str, str], beside: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    beside_it = [("about", "left")] if beside else []
    for name, justify in (
        ("intent", "left"), *beside_it, ("goes to", "left"), ("examples", "right"), ("right", "right"),
        ("unclear", "right"), ("elsewhere", "right"), ("taken for", "left"),
    ):  # fmt: skip
        folds = name == "taken for" or (name == "intent" and not beside)
        widest = max(len(intent.name) for intent in one.intents) if name == "intent" else None
        table.add_column(name, justify=justify, no_wrap=not folds, overflow="fold", width=widest)  # type: ignore[arg-type]
    for intent in one.intents:
        about = called.get(intent.name, "")
        first = Text(intent.name)
        if about and not beside:
            first.append(f"\n{about}", style="dim")
        cells = (intent.destination, str(intent.examples), *_shares(intent), _taken_for(intent))
        table.add_row(first, *([Text(about)] if beside else []), *(Text(cell) for cell in cells))
    return table


def _shares(intent: IntentFigures) -> tuple[str, str, str]:
    if not intent.reached.of:
        return "-", "-", "-"
    unclear = intent.reached.of - intent.reached.right - intent.astray.right
    return f"{intent.reached.value:.0%}", f"{unclear / intent.reached.of:.0%}", f"{intent.astray.value:.0%}"


def _taken_for(intent: IntentFigures) -> str:
    return ", ".join(f"{name} {count}" for name, count in intent.taken_for[:2])


def _told(remark: Remark, places: Mapping[str, Position], width: int | None) -> Iterator[Text]:
    place = places.get(remark.place)
    where = f"{place}: " if place is not None else ""
    said = fitted(f"{where}{remark.message}; {remark.advice}", width, indent="  ")
    yield Text(said, style="dim" if remark.mild else "")
    if remark.kind is not Kind.CONFUSED:
        return
    for example in remark.examples[:SHOWN_EXAMPLES]:
        yield Text(fitted(f"{_where(example, places)}{example.text}", width, indent="    "), style="dim")
    if len(remark.examples) > SHOWN_EXAMPLES:
        yield Text(f"    and {len(remark.examples) - SHOWN_EXAMPLES} more (--json has all)", style="dim")


def _where(example: Example, places: Mapping[str, Position]) -> str:
    place = places.get(example.place)
    return f"line {place.line}: " if place is not None else ""


def as_json(report: Report, places: Mapping[str, Position]) -> dict[str, object]:
    """Return the report as JSON-ready values: {languages: [{language, examples, ..., intents, remarks}]}."""
    return {
        "languages": [
            {
                "language": one.language,
                "examples": one.examples,
                "reached": _share(one.reached),
                "astray": _share(one.astray),
                "by_intent": _share(one.by_intent),
                "intents": [
                    {
                        "intent": intent.name,
                        "destination": intent.destination,
                        "examples": intent.examples,
                        "reached": _share(intent.reached),
                        "astray": _share(intent.astray),
                        "by_intent": _share(intent.by_intent),
                        "taken_for": dict(intent.taken_for),
                    }
                    for intent in one.intents
                ],
                "remarks": [
                    {
                        "kind": remark.kind.value,
                        "mild": remark.mild,
                        **_position(remark.place, places),
                        "message": remark.message,
                        "advice": remark.advice,
                        "intents": list(remark.intents),
                        "examples": [
                            {"text": example.text, "intent": example.intent, **_position(example.place, places)}
                            for example in remark.examples
                        ],
                    }
                    for remark in one.remarks
                ],
            }
            for one in report.languages
        ]
    }


def _share(share: Share) -> dict[str, float | int] | None:
    if not share.of:
        return None
    return {
        "right": share.right,
        "of": share.of,
        "share": round(share.value, 4),
        "low": round(share.low, 4),
        "high": round(share.high, 4),
    }


def _position(path: str, places: Mapping[str, Position]) -> dict[str, object]:
    place = places.get(path)
    if place is None:
        return {"file": None, "line": None, "column": None}
    return {"file": str(place.file), "line": place.line, "column": place.column}
