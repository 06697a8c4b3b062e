"""Runs every stage's measurement and shows them: a table, JSON, and a plot.

A stage module is `benchmarks/<something>_stages.py` with `measure(quick: bool)` that returns rows: a
`timing.Stage`, or a mapping with "stage", "unit" ("s", "ms" or "us"), "n" and percentiles, either "p50",
"p95", "p99", "p999" of thread CPU time, or the same with "wall_" or "cpu_" before them. A row of what is promised has
"figures" (see `promises`), the "audio" and the "model" they are of. A module that cannot measure here (a model is
missing) raises; the report says so and goes on. A module may have a picture of its own: `draw(path, facts, rows)`
writes a PNG of its rows.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks import stages
from benchmarks.timing import Spread, Stage

RESULTS = Path(__file__).resolve().parent / "results"
SCHEMA = 1
POINTS = ("mean", "p50", "p95", "p99", "p999", "max")

_TO_US = {"ns": 0.001, "us": 1.0, "ms": 1_000.0, "s": 1_000_000.0}
_VERSIONS = (
    "numpy",
    "numba",
    "onnx",
    "onnxruntime",
    "ctranslate2",
    "scikit-learn",
    "vosk",
    "moonshine-voice",
    "moonshine-cpp",
    "rule-engine",
)

Spreads = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Row:
    """One stage as it is shown; times in microseconds, None where they were not measured.

    `quick` says that it was measured in few draws or repetitions: a look, by which no promise is kept or broken.
    """

    module: str
    name: str
    count: int
    wall_us: Spreads | None
    cpu_us: Spreads | None
    note: str = ""
    audio: str = ""
    model: str = ""
    figures: tuple[Mapping[str, Any], ...] = ()
    quick: bool = False

    def as_json(self) -> dict[str, object]:
        """Return {module, stage, n, wall_us, cpu_us, note}, and of a promise {audio, model, quick, figures} too."""
        promised: dict[str, object] = {}
        if self.figures:
            promised = {"audio": self.audio, "model": self.model, "quick": self.quick, "figures": list(self.figures)}
        return {
            "module": self.module,
            "stage": self.name,
            "n": self.count,
            "wall_us": self.wall_us,
            "cpu_us": self.cpu_us,
            "note": self.note,
            **promised,
        }


@dataclass(frozen=True, slots=True)
class Skipped:
    """A module that could not measure here, and why."""

    module: str
    why: str


def modules() -> list[str]:
    """Return the names of the stage modules, in alphabetical order."""
    return [f"{name}_stages" for name in stages()]


def collect(quick: bool, names: list[str], told: Callable[[str], None]) -> Iterator[Row | Skipped]:
    """Measure, one module after the other; no two rows of a module read alike.

    Parameters
    ----------
    quick
        Fewer repetitions: a look, not a figure to quote.
    names
        The modules.
    told
        Called with each module's name before it begins.
    """
    for name in names:
        told(name)
        met: Counter[str] = Counter()
        try:
            for measured in importlib.import_module(f"benchmarks.{name}").measure(quick):
                row = as_row(name.removesuffix("_stages"), measured, quick)
                met[row.name] += 1
                again = met[row.name]
                yield row if again == 1 else replace(row, name=f"{row.name} ({again})")
        except Exception as error:
            yield Skipped(name, f"{type(error).__name__}: {error}")


def as_row(module: str, row: Stage | Mapping[str, object], quick: bool = False) -> Row:
    """Return a stage's own row as it is shown; a row without percentiles shows its note alone."""
    if isinstance(row, Stage):
        return Row(
            module,
            f"{row.name}, per {row.per}",
            row.count,
            _points(row.wall_us),
            _points(row.cpu_us),
            row.note,
            quick=quick,
        )
    scale = _TO_US.get(str(row.get("unit", "us")), 1.0)
    count = row.get("n", row.get("count", 0))
    figures = row.get("figures", ())
    return Row(
        module,
        str(row.get("stage", row.get("name", "?"))).removeprefix(f"{module}: "),
        count if isinstance(count, int) else 0,
        _found(row, ("wall_",), scale),
        _found(row, ("cpu_", ""), scale),
        str(row.get("note", "")),
        str(row.get("audio", "")),
        str(row.get("model", "")),
        tuple(figures) if isinstance(figures, list) else (),
        quick,
    )


def machine() -> dict[str, object]:
    """Return the facts of this machine that a figure depends on; no name and no path of it."""
    versions = {"python": platform.python_version()}
    for package in _VERSIONS:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _cpu_model(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "versions": versions,
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def write_json(
    path: Path,
    facts: Mapping[str, object],
    rows: list[Row],
    skipped: list[Skipped],
    *,
    cost: Mapping[str, object] | None,
    quick: bool,
) -> None:
    """Write everything as one JSON object."""
    body = {
        "schema": SCHEMA,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "machine": dict(facts),
        "stages": [row.as_json() for row in rows],
        "per_call": cost,
        "not_measured": {item.module: item.why for item in skipped},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_plot(path: Path, facts: Mapping[str, object], rows: list[Row]) -> None:
    """Draw each stage from its median to its p99.9, CPU over wall time, on one logarithmic scale."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [row for row in rows if row.cpu_us or row.wall_us]
    figure, axes = pyplot.subplots(figsize=(11, 1.6 + 0.36 * len(shown)), layout="constrained")
    for place, row in enumerate(reversed(shown)):
        for spreads, colour, offset in ((row.wall_us, "#9aa5b1", 0.14), (row.cpu_us, "#0b6e99", -0.14)):
            if not spreads:
                continue
            line = [spreads[point] for point in ("p50", "p95", "p99", "p999") if point in spreads]
            axes.plot(line, [place + offset] * len(line), color=colour, linewidth=2, alpha=0.6)
            for value, marker in zip(line, "os^D", strict=False):
                axes.plot([value], [place + offset], marker, color=colour, markersize=5)
    axes.set_yticks(range(len(shown)), [f"{row.module}: {row.name}" for row in reversed(shown)], fontsize=8)
    axes.set_xscale("log")
    axes.set_xlabel("microseconds\n(circle p50, square p95, triangle p99, diamond p99.9; blue CPU, grey wall)")
    look = "a quick look, " if any(row.quick for row in shown) else ""
    axes.set_title(f"Nabra, stage by stage: {look}{facts['cpu']}, {facts['cores']} cores", fontsize=10)
    axes.grid(axis="x", which="both", alpha=0.2)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def own_pictures(folder: Path, facts: Mapping[str, object], rows: list[Row]) -> list[str]:
    """Let each module that was measured draw its own picture, if it has one; return the names of the files."""
    drawn = []
    for name in dict.fromkeys(row.module for row in rows):
        module = importlib.import_module(f"benchmarks.{name}_stages")
        if hasattr(module, "draw"):
            drawn.append(f"{name}.png")
            module.draw(folder / drawn[-1], facts, [row for row in rows if row.module == name])
    return drawn


def _points(spread: Spread) -> Spreads:
    return {point: round(float(getattr(spread, point)), 3) for point in POINTS}


def _found(row: Mapping[str, object], prefixes: tuple[str, ...], scale: float) -> Spreads | None:
    nested = row.get(f"{prefixes[0]}us")
    if isinstance(nested, Mapping):
        return {str(key): float(value) for key, value in nested.items() if isinstance(value, int | float)}
    found: dict[str, float] = {}
    for point in POINTS:
        for prefix in prefixes:
            value = row.get(prefix + point, row.get(f"{prefix}{point}_us"))
            if isinstance(value, int | float) and point not in found:
                found[point] = round(float(value) * scale, 3)
    return found or None


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or sys.platform
