"""Accuracy against seconds listened, as a picture: the curve of cutting at each second, and each rule as a point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.decide_stages import (
    ALLOWED,
    ERROR_RATES,
    FIXED,
    LANGUAGES,
    LISTENED,
    PERSON,
    RIGHT,
    SECONDS,
    TO_THE_END,
    WRONG_EARLY,
    allowing,
    cut_at,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from benchmarks.report import Row

_CURVE, _RULE, _FIXED, _END = "#9aa5b1", "#0b6e99", "#b03a2e", "#2a7f4f"
_LABEL_WIDTH = 0.13
"""Of the axes, kept for one label."""
_LABEL_ROOM = 0.2
"""Of the height of the points, kept above them for labels."""
Values = Mapping[str, Mapping[str, Any]]
"""The figures of one setting by name."""


def draw_rows(path: Path, rows: Sequence[Row]) -> None:
    """Draw rows of `decide_stages` as a PNG: see `picture`."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    drawing = picture(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(path, dpi=110)
    pyplot.close(drawing)


def picture(rows: Sequence[Row]) -> Figure:
    """Return rows of `decide_stages` as a drawing: a column for each language and error rate."""
    from matplotlib import pyplot

    found = {row.name: {figure["name"]: figure for figure in row.figures} for row in rows}
    columns = [
        f"{language}, {rate}"
        for language in LANGUAGES.values()
        for rate in ERROR_RATES
        if f"{language}, {rate}: {TO_THE_END}" in found
    ]
    drawing: Figure
    drawing, grid = pyplot.subplots(
        3, len(columns), figsize=(4.2 * len(columns), 11), squeeze=False, layout="constrained"
    )
    for place, column in enumerate(columns):
        of = {name.removeprefix(f"{column}: "): one for name, one in found.items() if name.startswith(f"{column}: ")}
        for axes, figure in ((grid[0][place], RIGHT), (grid[1][place], PERSON)):
            _against_time(axes, of, figure)
            axes.set_ylabel(f"{figure}, %" if place == 0 else "")
        grid[0][place].set_title(column, fontsize=11)
        _kept(grid[2][place], of)
        grid[2][place].set_ylabel("wrong among early decisions, %" if place == 0 else "")
    named = {label: handle for row in grid for handle, label in zip(*row[0].get_legend_handles_labels(), strict=True)}
    drawing.legend(named.values(), named.keys(), fontsize=9, loc="outside lower center", ncols=3)
    drawing.suptitle(title(rows), fontsize=12)
    return drawing


def title(rows: Sequence[Row]) -> str:
    """Return what is written over the picture: how sure it is belongs there."""
    told = "When to decide: seconds of speech listened to, and what comes of it"
    several = any(figure["low"] is not None for row in rows for figure in row.figures if figure["name"] == LISTENED)
    sure = (
        "bars and bands: 95 %, over draws; over calls where no draw differs"
        if several
        else "one draw: no intervals, so points may lie far off"
    )
    look = "A quick look. " if any(row.quick for row in rows) else ""
    return f"{look}{told} ({sure})"


def spread(wanted: Sequence[float], width: float) -> list[float]:
    """Return places between 0 and 1 near the wanted ones, in rising order, each at least `width` from the next."""
    places: list[float] = []
    for at in wanted:
        places.append(max(at, places[-1] + width if places else width / 2))
    most = 1 - width / 2
    for i in reversed(range(len(places))):
        places[i] = min(places[i], most)
        most = places[i] - width
    return places


def _against_time(axes: Axes, of: Mapping[str, Values], figure: str) -> None:
    curve = [of[name] for name in map(cut_at, SECONDS) if name in of]
    points = [(one[LISTENED]["value"], one[figure]) for one in curve if one[figure]["value"] is not None]
    at, values = [x for x, _ in points], [one["value"] for _, one in points]
    axes.plot(at, values, "-", color=_CURVE, label="cut after 1, 2, ... seconds")
    lows, highs = ([one[end] if one[end] is not None else one["value"] for _, one in points] for end in ("low", "high"))
    axes.fill_between(at, lows, highs, color=_CURVE, alpha=0.25, linewidth=0)
    rules = {error: of[allowing(error)] for error in ALLOWED if allowing(error) in of}
    rules = {error: one for error, one in rules.items() if one[figure]["value"] is not None}
    line = [(one[LISTENED]["value"], one[figure]["value"]) for one in rules.values()]
    axes.plot([x for x, _ in line], [y for _, y in line], color=_RULE, lw=0.8)
    for error, one in rules.items():
        named = "the rule, labelled with what early_error allows" if error == min(rules) else None
        _point(axes, one, figure, "o", _RULE, named)
    for name, marker, colour in ((FIXED, "s", _FIXED), (TO_THE_END, "^", _END)):
        if name in of:
            _point(axes, of[name], figure, marker, colour, name)
    _labels(axes, {f"{100 * error:g} %": where for error, where in zip(rules, line, strict=True)})
    axes.set_xlabel(LISTENED, fontsize=9)
    axes.grid(alpha=0.25)


def _labels(axes: Axes, points: Mapping[str, tuple[float, float]]) -> None:
    """Name points in a row above all that is drawn, each name apart from the next, a thin line to its point."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    ticks = [tick for tick in axes.get_yticks() if bottom <= tick <= min(top, 100)]
    axes.set_ylim(bottom, top + _LABEL_ROOM * (top - bottom))
    axes.set_yticks(ticks)
    axes.set_xlim(left, right)
    ordered = sorted(points.items(), key=lambda item: item[1])
    for (name, point), place in zip(
        ordered, spread([(x - left) / (right - left) for _, (x, _) in ordered], _LABEL_WIDTH), strict=True
    ):
        axes.annotate(
            name,
            point,
            xytext=(place, 0.98),
            textcoords="axes fraction",
            ha="center",
            va="top",
            fontsize=8,
            color=_RULE,
            arrowprops={"arrowstyle": "-", "color": _RULE, "lw": 0.5, "alpha": 0.6},
        )


def _point(axes: Axes, one: Values, figure: str, marker: str, colour: str, label: str | None) -> None:
    x, y = one[LISTENED], one[figure]
    if y["value"] is None:
        return
    errors = [[[abs(end["value"] - end[side])] for side in ("low", "high")] if end["low"] is not None else None
              for end in (x, y)]  # fmt: skip
    axes.errorbar(
        [x["value"]], [y["value"]], xerr=errors[0], yerr=errors[1], fmt=marker, color=colour, ms=6, lw=1, label=label
    )


def _kept(axes: Axes, of: Mapping[str, Values]) -> None:
    """What was allowed to go wrong, and what did; the fixed threshold as a level."""
    most = 100 * ALLOWED[-1]
    axes.plot([0, most], [0, most], "--", color="#444444", lw=1, label="as allowed")
    for error in ALLOWED:
        one = of.get(allowing(error), {}).get(WRONG_EARLY)
        if one is not None and one["value"] is not None:
            sides = None if one["low"] is None else [[one["value"] - one["low"]], [one["high"] - one["value"]]]
            axes.errorbar([100 * error], [one["value"]], yerr=sides, fmt="o", color=_RULE, ms=6, lw=1)
    fixed = of.get(FIXED, {}).get(WRONG_EARLY)
    if fixed is not None and fixed["value"] is not None:
        axes.axhline(fixed["value"], color=_FIXED, lw=1, label="as a level: early from 0.95")
    axes.set_xlabel("allowed: decision.early_error, %", fontsize=9)
    axes.set_xticks([0, *(100 * error for error in ALLOWED)])
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
