"""What was promised, beside what was measured: a table and a picture of the figures that have a floor and an aim.

A figure is a mapping with "name", "value" (None where it was not measured), "unit", "floor", "aim", "low", "high" (its
95 % interval), "more_is_better", "holds" and "aim_met". Figures that nothing is promised of have tables of their own:
each figure is printed once. Of a quick look nothing is said to be kept or broken, only where the figures stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from benchmarks.report import Row

Values = Mapping[str, Any]
"""A figure."""

QUICK = "quick look"
_COLOURS = {"aim": "#2a7f4f", "floor": "#c98a1b", "neither": "#b03a2e", QUICK: "#6b7480"}
_EDGE = 1.6
_ALIKE = 3
"""So many rows of the same figures are shown side by side."""
_LOOK = (
    "a quick look: few draws or repetitions, so intervals are wide, or missing. No promise is kept or broken by it: "
    "that is measured without --quick"
)


def has_mark(figure: Values) -> bool:
    """Return whether something is promised of a figure."""
    return figure["floor"] is not None or figure["aim"] is not None


def table(rows: Sequence[Row]) -> Table:
    """Return every figure that something is promised of: its interval, floor and aim, and which it reaches."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    caption = _LOOK if any(row.quick for row in rows) else None
    shown = Table(title="promised, and measured", box=SIMPLE_HEAD, pad_edge=False, caption=caption)
    shown.add_column("what", overflow="fold")
    for name in ("measured", "95 %", "floor", "aim"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("reaches", no_wrap=True, min_width=7)
    for row, figure in _figures(rows):
        if has_mark(figure):
            cells = (_value(figure, unit=True), _between(figure), _mark(figure, "floor"), _mark(figure, "aim"))
            shown.add_row(escape(_label(row, figure)), *cells, verdict(row, figure))
    return shown


def others(rows: Sequence[Row]) -> Iterator[Table]:
    """Return tables of the figures that nothing is promised of: those of like rows side by side, then all others."""
    alone: list[Row] = []
    for (module, names), alike in groupby(rows, lambda row: (row.module, tuple(one["name"] for one in row.figures))):
        same = list(alike)
        if len(same) < _ALIKE:
            alone += same
        elif any(not has_mark(figure) for _, figure in _figures(same)):
            yield _side_by_side(module, names, same)
    if any(not has_mark(figure) for _, figure in _figures(alone)):
        yield _one_by_one(alone)


def reached(figure: Values) -> str:
    """Return "aim", "floor" or "neither"; nothing where neither was set or nothing was measured."""
    if figure["aim_met"]:
        return "aim"
    if figure["holds"] is None:
        return ""
    return "floor" if figure["holds"] else "neither"


def verdict(row: Row, figure: Values) -> str:
    """Return what may be said of a row's figure: what it has reached, or that this was only a look."""
    found = reached(figure)
    return QUICK if found and row.quick else found


def place(figure: Values, value: float) -> float:
    """Return where a value of a figure stands: 0 at its floor, 1 at its aim, more where it is better than that.

    Where both are the same mark, a value reaches both (1 and more, by how much better it is than the mark) or neither
    (below 0, by how much worse): nothing is between. Where the mark is 0, it is counted in units.
    """
    floor, aim = float(figure["floor"]), float(figure["aim"])
    if floor != aim:
        return (value - floor) / (aim - floor)
    better = (value - aim if figure["more_is_better"] else aim - value) / (abs(aim) or 1.0)
    return 1.0 + better if better >= 0 else better


def in_picture(rows: Sequence[Row]) -> list[tuple[Row, Values]]:
    """Return the figures that can be drawn between a floor and an aim, each with its row."""
    names = ("value", "floor", "aim")
    return [(row, figure) for row, figure in _figures(rows) if all(figure[name] is not None for name in names)]


def write_plot(path: Path, facts: Mapping[str, object], rows: Sequence[Row]) -> None:
    """Draw each figure between its floor and its aim, with its interval; what lies far outside is drawn at the edge.

    Figures of a quick look are grey rings.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = in_picture(rows)
    drawing, axes = pyplot.subplots(figsize=(12, 1.6 + 0.36 * len(shown)), layout="constrained")
    for at, (row, figure) in enumerate(reversed(shown)):
        said = verdict(row, figure)
        colour, inside = _COLOURS[said], "white" if said == QUICK else None
        ends = [figure["value"] if figure[end] is None else figure[end] for end in ("low", "high")]
        axes.plot([_inside(place(figure, end)) for end in ends], [at, at], color=colour, linewidth=3, alpha=0.4)
        here = [_inside(place(figure, figure["value"]))]
        axes.plot(here, [at], "o", color=colour, markerfacecolor=inside or colour, markersize=7, clip_on=False)
        text = f"{_value(figure, unit=True)}  ({_mark(figure, 'floor')} / {_mark(figure, 'aim')})"
        axes.text(1.02, at, text, transform=axes.get_yaxis_transform(), va="center", fontsize=8)
    axes.set_yticks(range(len(shown)), [_label(row, figure) for row, figure in reversed(shown)], fontsize=8)
    for mark in (0.0, 1.0):
        axes.axvline(mark, color="#444444", linewidth=1, linestyle="--")
    axes.set_xlim(-_EDGE, 1 + _EDGE)
    axes.set_xticks([-_EDGE, 0, 1, 1 + _EDGE], ["worse", "floor", "aim", "better"])
    axes.set_title(title(facts, [row for row, _ in shown]), fontsize=10)
    axes.grid(axis="y", alpha=0.2)
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(path, dpi=110)
    pyplot.close(drawing)


def title(facts: Mapping[str, object], rows: Sequence[Row]) -> str:
    """Return what is written over the picture."""
    told = f"Promised and measured: {facts['cpu']}, {facts['cores']} cores (floor / aim)"
    if not any(row.quick for row in rows):
        return told
    return f"{told}\nA quick look, few draws: no promise is kept or broken by it"


def _side_by_side(module: str, names: Sequence[str], rows: Sequence[Row]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    figures = [{figure["name"]: figure for figure in row.figures} for row in rows]
    columns = [name for name in names if any(not has_mark(of[name]) for of in figures)]
    left_out = any(has_mark(of[name]) for of in figures for name in columns)
    shown = Table(
        title=f"{module}: measured (95 %), nothing promised",
        box=SIMPLE_HEAD,
        pad_edge=False,
        caption="what is empty is promised, and stands above" if left_out else None,
    )
    shown.add_column("what", overflow="fold")
    shown.add_column("n", justify="right")
    cells = [["" if has_mark(of[name]) else _cell(of[name]) for name in columns] for of in figures]
    for name, below in zip(columns, zip(*cells, strict=True), strict=True):
        header = f"{escape(name)}, {figures[0][name]['unit']}"
        lines = [line for cell in below for line in cell.splitlines()]
        shown.add_column(header, justify="right", max_width=max(map(len, [*header.split(), *lines])))
    for row, of_row in zip(rows, cells, strict=True):
        shown.add_row(escape(row.name), str(row.count), *of_row)
    return shown


def _one_by_one(rows: Sequence[Row]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    shown = Table(title="measured, nothing promised", box=SIMPLE_HEAD, pad_edge=False)
    shown.add_column("what", overflow="fold")
    shown.add_column("measured", justify="right")
    shown.add_column("95 %", justify="right")
    for row, figure in _figures(rows):
        if not has_mark(figure):
            shown.add_row(escape(_label(row, figure)), _value(figure, unit=True), _between(figure))
    return shown


def _figures(rows: Sequence[Row]) -> list[tuple[Row, Values]]:
    return [(row, figure) for row in rows for figure in row.figures]


def _label(row: Row, figure: Values) -> str:
    return f"{row.module}: {row.name}: {figure['name']}"


def _cell(figure: Values) -> str:
    return f"{_value(figure)}\n{_between(figure)}" if _between(figure) else _value(figure)


def _value(figure: Values, *, unit: bool = False) -> str:
    if figure["value"] is None:
        return "-"
    return f"{_short(figure['value'])} {figure['unit']}" if unit else _short(figure["value"])


def _between(figure: Values) -> str:
    return "" if figure["low"] is None else f"{_short(figure['low'])} - {_short(figure['high'])}"


def _inside(at: float) -> float:
    return min(1 + _EDGE, max(-_EDGE, at))


def _mark(figure: Values, name: str) -> str:
    return "" if figure[name] is None else _short(figure[name])


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"
