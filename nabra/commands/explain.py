"""`nabra explain CALL`: why did this call go there?"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from nabra.operations.outcomes import LINE_KIND
from nabra.operations.record_lines import JsonObject, find, read

_MANY = 20


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "explain",
        help="say of a call what was heard, what was decided, and why",
        description="Print the decision record of a call as a timeline, with what the queues then did. CALL "
        "is the beginning of "
        "a call's id (its NABRA_CALL in the PBX), or a file of records. With --json: each line of the store, "
        "as it was "
        "written. Several calls are told in order of time.",
    )
    parser.add_argument("calls", metavar="CALL", nargs="+", help="beginning of a call's id, or a record file")
    parser.add_argument("--config", type=Path, default=None, help="whose records (default: the shipped config's)")
    parser.add_argument("--records", type=Path, metavar="PATH", help="folder or file of records to look in")
    parser.add_argument("--json", action="store_true", help="print the lines of the store, one object a line")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Explain every call that was asked for; 1 where one was not found."""
    from nabra.operations.errors import RecordsError
    from router.errors import RecordError

    folder: Path | None = args.records
    failed = 0
    for wanted in args.calls:
        try:
            if Path(wanted).is_file():
                found = _by_call(Path(wanted))
                if not found:
                    raise RecordsError(f"{wanted} holds no records")
            else:
                folder = folder or _records_of(args.config)
                found = find(folder, wanted)
                if not found:
                    raise RecordsError(f"no call begins with '{wanted}' in {folder}; --records names another folder")
                if len(found) > _MANY:
                    raise RecordsError(f"{len(found)} calls begin with '{wanted}'; give more of the id")
            for number, lines in enumerate(sorted(found.values(), key=_began)):
                _show(lines, args.json, number > 0)
        except (RecordsError, RecordError) as error:
            print(f"nabra: {error}", file=sys.stderr)
            failed = 1
    return failed


def _records_of(path: Path | None) -> Path:
    import config as configuration
    from nabra.generations import state_of

    config = configuration.load(path)
    return config.records.directory or state_of(config) / "records"


def _by_call(path: Path) -> dict[str, list[JsonObject]]:
    found: dict[str, list[JsonObject]] = {}
    for line in read(path):
        found.setdefault(str(line.get("call", "")), []).append(line)
    return found


def _began(lines: list[JsonObject]) -> float:
    """When a call began, Unix seconds; calls of which only what came after is known stand last."""
    anchors = (line.get("wall_anchor") for line in lines)
    return min((float(anchor) for anchor in anchors if isinstance(anchor, int | float)), default=math.inf)


def _show(lines: list[JsonObject], as_json: bool, again: bool) -> None:
    from nabra.printed import columns, directed
    from router.explain import explain

    if as_json:
        for line in lines:
            print(json.dumps(line, ensure_ascii=False), flush=True)
        return
    if again:
        print("\n" + "-" * 72 + "\n")
    outcomes = [line for line in lines if line.get("kind") == LINE_KIND]
    for line in lines:
        if line.get("kind") != LINE_KIND:
            told = explain(line)
            print(directed(told) if columns() is not None else told, end="")
    if outcomes:
        print("\nafterwards:")
        for line in outcomes:
            print("  " + " ".join(_outcome(line)))


def _outcome(line: Mapping[str, object]) -> Iterator[str]:
    yield str(line.get("time", "")) or "-"
    yield str(line.get("outcome", "")).replace("_", " ")
    for key, value in line.items():
        if key not in {"kind", "call", "pbx", "outcome", "time"} and value not in (None, ""):
            yield f"{key}={value}"
