"""`nabra bench`: measures each stage of the path, and what a call costs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import stages

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from benchmarks.report import Row


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "bench",
        help="measure each stage of the path on this machine",
        description="Measure each stage per frame, estimate and decision (p50, p95, p99, p99.9; the thread's CPU time "
        "beside wall time), what is promised beside its floor and its aim, and CPU and memory per call. Shows tables "
        "and writes JSON and pictures. With --json: one object a line, {module, stage, n, wall_us, cpu_us, note}, "
        "times in microseconds; what is promised has {audio, model, quick, figures} too.",
    )
    known = ", ".join(stages())
    parser.add_argument("stages", metavar="STAGE", nargs="*", help=f"only these of {known} (default: all)")
    parser.add_argument(
        "--quick", action="store_true", help="few draws and repetitions: a look, in minutes, that judges no promise"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        default=Path("out/bench"),
        help="folder of the JSON and the pictures (out/bench)",
    )
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--notes", action="store_true", help="say also how each figure was measured, as the JSON does")
    shown.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Measure and report; 1 where nothing could be measured."""
    import dataclasses
    import os

    # One thread each, as in the live service; read when the libraries are first imported.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

    from rich.console import Console

    from benchmarks import report

    unknown = sorted(set(args.stages) - set(stages()))
    if unknown:
        Console(stderr=True).print(f"nabra: no stage {', '.join(unknown)}; there are {', '.join(stages())}")
        return 2
    names = [f"{name}_stages" for name in stages() if not args.stages or name in args.stages]

    facts = report.machine()
    rows: list[Row] = []
    skipped: list[report.Skipped] = []
    progress = Console(stderr=True)
    with progress.status("measuring") as status:
        for item in report.collect(args.quick, names, lambda name: status.update(f"measuring {name}")):
            if isinstance(item, report.Skipped):
                skipped.append(item)
                progress.print(f"not measured: {item.module}: {item.why}", markup=False, highlight=False)
                continue
            rows.append(item)
            if args.json:
                print(json.dumps(item.as_json(), ensure_ascii=False), flush=True)
        cost = None
        if "path_stages" in names:
            from benchmarks.path_stages import measure_call_cost

            status.update("measuring the cost of a call")
            cost = dataclasses.asdict(measure_call_cost(args.quick))
    report.write_json(args.out / "bench.json", facts, rows, skipped, cost=cost, quick=args.quick)
    written = ["bench.json", *_pictures(args.out, facts, rows)]
    if args.json:
        if cost is not None:
            print(json.dumps({"per_call": cost}), flush=True)
        return 0 if rows else 1
    console = Console()
    for part in _shown(rows, facts, notes=args.notes):
        console.print(part)
    if cost is not None:
        console.print(_cost_line(cost), highlight=False)
    console.print(f"written: {', '.join(str(args.out / name) for name in written)}", highlight=False, soft_wrap=True)
    return 0 if rows else 1


def _pictures(folder: Path, facts: Mapping[str, object], rows: list[Row]) -> list[str]:
    """Draw what there is to draw; return the names of the files."""
    from benchmarks import promises, report

    drawn = []
    if any(row.wall_us or row.cpu_us for row in rows):
        report.write_plot(folder / "bench.png", facts, rows)
        drawn.append("bench.png")
    if promises.in_picture(rows):
        promises.write_plot(folder / "promises.png", facts, rows)
        drawn.append("promises.png")
    return drawn + report.own_pictures(folder, facts, rows)


def _shown(rows: list[Row], facts: Mapping[str, object], *, notes: bool) -> Iterator[RenderableType]:
    """Everything that was measured, each figure once: times, promises, other figures, what has only words."""
    from rich.text import Text

    from benchmarks import promises

    timed = [row for row in rows if row.wall_us or row.cpu_us]
    if timed:
        yield _table(timed, facts)
    if any(promises.has_mark(figure) for row in rows for figure in row.figures):
        yield promises.table(rows)
    yield from promises.others(rows)
    yield from _list([row for row in rows if row not in timed and not row.figures])
    noted = [row for row in rows if row.figures and row.note]
    if noted and notes:
        yield Text("how it was measured", style="bold")
        yield from _notes(noted)
    elif noted:
        yield Text("how the figures were measured: --notes, or the notes in bench.json", style="dim")


def _table(rows: list[Row], facts: Mapping[str, object]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    look = ", a quick look" if any(row.quick for row in rows) else ""
    table = Table(
        title=f"wall time, and CPU time of the thread{look}",
        caption=f"{facts['cpu']}, {facts['cores']} cores, load {facts['load_average']}",
    )
    table.add_column("stage", overflow="fold", min_width=28, max_width=60)
    table.add_column("time", no_wrap=True)
    points = ("p50", "p95", "p99", "p999")
    for point in points:
        table.add_column("p99.9" if point == "p999" else point, justify="right", no_wrap=True)
    for row in rows:
        measured = [(name, it) for name, it in (("wall", row.wall_us), ("CPU", row.cpu_us)) if it is not None]
        cells = ("\n".join(_short(it, point) for _, it in measured) for point in points)
        names = "\n".join(name for name, _ in measured)
        title = escape(f"{row.module}: {row.name}")
        table.add_row(f"{title}\n[dim]{escape(row.note)}[/]" if row.note else title, names, *cells)
    return table


def _list(rows: list[Row]) -> Iterator[RenderableType]:
    """What was measured but has neither times nor figures: names, what was found below them in the whole width."""
    from rich.padding import Padding
    from rich.text import Text

    for row in rows:
        yield Text(f"{row.module}: {row.name}")
        if row.note:
            yield Padding(Text(row.note, style="dim"), (0, 0, 0, 4))


def _notes(rows: list[Row]) -> Iterator[RenderableType]:
    """Each note once, below the first row that it is of."""
    from rich.padding import Padding
    from rich.text import Text

    of: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        of.setdefault((row.module, row.note), []).append(row)
    for (module, note), same in of.items():
        more = f", and {len(same) - 1} more" if len(same) > 1 else ""
        yield Text(f"{module}: {same[0].name}{more}")
        yield Padding(Text(note, style="dim"), (0, 0, 0, 4))


def _short(spread: Mapping[str, float], point: str) -> str:
    value = spread.get(point)
    if value is None:
        return "-"
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g} us"


def _cost_line(cost: Mapping[str, float | None]) -> str:
    recogniser = cost["recogniser_cpu_percent"]
    heard = "not measured" if recogniser is None else f"{recogniser:.1f} % of a core more"
    return (
        f"One call: {cost['cpu_percent']:.2f} % of a core, {cost['memory_kib']:.0f} KiB; its recogniser, "
        "while the "
        f"caller is listened to: {heard}."
    )
