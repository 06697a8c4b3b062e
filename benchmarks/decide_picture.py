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

    from benchmarks.report import Row

_CURVE, _RULE, _FIXED, _END = "#9aa5b1", "#0b6e99", "#b03a2e", "#2a7f4f"
Values = Mapping[str, Mapping[str, Any]]
"""The figures of one setting by name."""


def draw_rows(path: Path, rows: Sequence[Row]) -> None:
    """Draw rows of `decide_stages` as a PNG: a column for each language and error rate."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = {row.name: {figure["name"]: figure for figure in row.figures} for row in rows}
    columns = [
        f"{language}, {rate}"
        for language in LANGUAGES.values()
        for rate in ERROR_RATES
        if f"{language}, {rate}: {TO_THE_END}" in found
    ]
    drawing, grid = pyplot.subplots(
        3, len(columns), figsize=(4.2 * len(columns), 10.5), squeeze=False, layout="constrained"
    )
    for place, column in enumerate(columns):
        of = {name.removeprefix(f"{column}: "): one for name, one in found.items() if name.startswith(f"{column}: ")}
        for axes, figure in ((grid[0][place], RIGHT), (grid[1][place], PERSON)):
            _against_time(axes, of, figure)
            axes.set_ylabel(f"{figure}, %" if place == 0 else "")
        grid[0][place].set_title(column, fontsize=11)
        _kept(grid[2][place], of)
        grid[2][place].set_ylabel("wrong among early decisions, %" if place == 0 else "")
    grid[0][0].legend(fontsize=8, loc="lower right")
    drawing.suptitle(
        "When to decide: seconds of speech listened to, and what comes of it (bars and bands: 95 %)", fontsize=12
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(path, dpi=110)
    pyplot.close(drawing)


def _against_time(axes: Axes, of: Mapping[str, Values], figure: str) -> None:
    curve = [of[name] for name in map(cut_at, SECONDS) if name in of]
    points = [(one[LISTENED]["value"], one[figure]) for one in curve if one[figure]["value"] is not None]
    at, values = [x for x, _ in points], [one["value"] for _, one in points]
    axes.plot(at, values, "-", color=_CURVE, label="cut after 1, 2, ... seconds")
    lows, highs = ([one[end] if one[end] is not None else one["value"] for _, one in points] for end in ("low", "high"))
    axes.fill_between(at, lows, highs, color=_CURVE, alpha=0.25)
    rules = [of[name] for name in map(allowing, ALLOWED) if name in of]
    axes.plot([one[LISTENED]["value"] for one in rules], [one[figure]["value"] for one in rules], color=_RULE, lw=0.8)
    for error, one in zip(ALLOWED, rules, strict=False):
        _point(axes, one, figure, "o", _RULE, "the rule, by early_error" if error == ALLOWED[0] else None)
        if figure != RIGHT:
            continue
        where = (one[LISTENED]["value"], one[figure]["value"])
        axes.annotate(f"{100 * error:g} %", where, textcoords="offset points", xytext=(5, -11), fontsize=8, color=_RULE)
    for name, marker, colour in ((FIXED, "s", _FIXED), (TO_THE_END, "^", _END)):
        if name in of:
            _point(axes, of[name], figure, marker, colour, name)
    axes.set_xlabel(LISTENED, fontsize=9)
    axes.grid(alpha=0.25)


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
        axes.axhline(fixed["value"], color=_FIXED, lw=1, label=FIXED)
    axes.set_xlabel("allowed: decision.early_error, %", fontsize=9)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8)
    axes.grid(alpha=0.25)
