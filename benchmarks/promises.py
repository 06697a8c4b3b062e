"""What was promised, beside what was measured: a table and a picture of the figures that have a floor and an aim.

A figure is a mapping with "name", "value" (None where it was not measured), "unit", "floor", "aim", "low", "high" (its
95 % interval), "more_is_better", "holds" and "aim_met".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from benchmarks.report import Row

_COLOURS = {"aim": "#2a7f4f", "floor": "#c98a1b", "neither": "#b03a2e"}
_EDGE = 1.6


def table(rows: Sequence[Row]) -> Table:
    """Return every figure with its interval, its floor and its aim, and which of the two it reaches."""
    from rich.markup import escape
    from rich.table import Table

    shown = Table(title="promised, and measured")
    shown.add_column("what", overflow="fold")
    for name, width in (("measured", 10), ("95 %", 11), ("floor", 5), ("aim", 5)):
        shown.add_column(name, justify="right", min_width=width)
    shown.add_column("reaches", no_wrap=True, min_width=7)
    for row in rows:
        for number, figure in enumerate(row.figures):
            title = f"{'' if number else escape(row.name) + chr(10)}[dim]  {escape(figure['name'])}[/]"
            unit = figure["unit"]
            between = "" if figure["low"] is None else f"{_short(figure['low'])} - {_short(figure['high'])}"
            value = "-" if figure["value"] is None else f"{_short(figure['value'])} {unit}"
            shown.add_row(title, value, between, _mark(figure, "floor"), _mark(figure, "aim"), reached(figure))
    return shown


def reached(figure: Mapping[str, Any]) -> str:
    """Return "aim", "floor" or "neither"; nothing where neither was set or nothing was measured."""
    if figure["aim_met"]:
        return "aim"
    if figure["holds"] is None:
        return ""
    return "floor" if figure["holds"] else "neither"


def place(figure: Mapping[str, Any], value: float) -> float:
    """Return where a value of a figure stands: 0 at its floor, 1 at its aim, more where it is better than that.

    Where both are the same, 1 is there, and 0 is a value twice as bad (or one unit off, where the mark is 0).
    """
    floor, aim = float(figure["floor"]), float(figure["aim"])
    if floor != aim:
        return (value - floor) / (aim - floor)
    off = aim - value if figure["more_is_better"] else value - aim
    return 1.0 - off / (abs(aim) or 1.0)


def write_plot(path: Path, facts: Mapping[str, object], rows: Sequence[Row]) -> None:
    """Draw each figure between its floor and its aim, with its interval; what lies far outside is drawn at the edge."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [
        (row, figure)
        for row in rows
        for figure in row.figures
        if figure["value"] is not None and figure["floor"] is not None and figure["aim"] is not None
    ]
    drawing, axes = pyplot.subplots(figsize=(11, 1.4 + 0.36 * len(shown)), layout="constrained")
    for at, (_, figure) in enumerate(reversed(shown)):
        colour = _COLOURS[reached(figure)]
        ends = [figure["value"] if figure[end] is None else figure[end] for end in ("low", "high")]
        axes.plot([_inside(place(figure, end)) for end in ends], [at, at], color=colour, linewidth=3, alpha=0.4)
        axes.plot([_inside(place(figure, figure["value"]))], [at], "o", color=colour, markersize=7)
        text = f"{_short(figure['value'])} {figure['unit']}  ({_mark(figure, 'floor')} / {_mark(figure, 'aim')})"
        axes.text(1.02, at, text, transform=axes.get_yaxis_transform(), va="center", fontsize=8)
    axes.set_yticks(range(len(shown)), [f"{row.name}: {figure['name']}" for row, figure in reversed(shown)], fontsize=8)
    for mark in (0.0, 1.0):
        axes.axvline(mark, color="#444444", linewidth=1, linestyle="--")
    axes.set_xlim(-_EDGE, 1 + _EDGE)
    axes.set_xticks([-_EDGE, 0, 1, 1 + _EDGE], ["worse", "floor", "aim", "better"])
    axes.set_title(f"Promised and measured: {facts['cpu']}, {facts['cores']} cores (floor / aim)", fontsize=10)
    axes.grid(axis="y", alpha=0.2)
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(path, dpi=110)
    pyplot.close(drawing)


def _inside(at: float) -> float:
    return min(1 + _EDGE, max(-_EDGE, at))


def _mark(figure: Mapping[str, Any], name: str) -> str:
    return "" if figure[name] is None else _short(figure[name])


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"
