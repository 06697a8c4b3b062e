"""`nabra compare A B --records RECORDS`: how far two configurations differ, and how sure that is."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nabra.comparison import Comparison

_DESCRIPTION = """\
Compare two configurations over the same past calls: shares of calls to each
destination, to a person and to self-service, where angry callers go, how many
are decided before the caller has finished, how long is listened.

Intervals of 95 % are of a paired bootstrap over calls, seeded. A call that is
unknown under either is left out, and counted. What the queues then did (waits,
abandoned, transferred) is shown where the store holds it: it is of what really
happened, under the configuration that was active.

With --json: one object.
"""
_EPILOG = """\
example:
  nabra compare nabra.yaml edited.yaml --records ~/.local/state/nabra/records

  decides every call on record under both, and says in plain words what the
  second does differently, with intervals that hold for 95 in 100 such samples of
  calls.

  nabra replay records/ --config edited.yaml --json > edited.jsonl
  nabra replay records/ --config bold.yaml --json > bold.jsonl
  nabra compare edited.jsonl bold.jsonl --config bold.yaml

exit status: 0 done; 1 failed with a said reason, or some lines could not be read
(each is named; the rest is done); 2 wrong usage; 130 interrupted.
"""
_SHOWN_BROKEN = 20


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "compare",
        help="say how far two configurations differ over past calls, and how sure that is",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "a", metavar="A", type=Path, help="a configuration (file or folder), or results of nabra replay"
    )
    parser.add_argument("b", metavar="B", type=Path, help="another")
    parser.add_argument("--records", type=Path, nargs="+", metavar="RECORDS", help="record files, or folders of them")
    parser.add_argument("--config", type=Path, help="of two results: names the destinations, and says which are people")
    parser.add_argument("--seed", type=int, default=1, help="of the bootstrap (1)")
    parser.add_argument("--jobs", type=int, metavar="N", help="processes (default: one a core)")
    parser.add_argument("--language", choices=("en", "ar"), default="en", help="of the report (en)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Compare and report; 1 where a line could not be read."""
    if args.jobs is not None and args.jobs < 1:
        print("nabra: --jobs is at least 1", file=sys.stderr)
        return 2
    from nabra.commands.files import print_json
    from nabra.comparison import of_records, of_results

    comparison: Comparison
    if args.records is not None:
        comparison = of_records(args.a, args.b, args.records, args.jobs)
    else:
        comparison = of_results(args.a, args.b, args.config)
    for line in comparison.broken[:_SHOWN_BROKEN]:
        print(f"nabra: {line}", file=sys.stderr)
    if len(comparison.broken) > _SHOWN_BROKEN:
        print(f"nabra: {len(comparison.broken) - _SHOWN_BROKEN} more lines cannot be read", file=sys.stderr)
    if args.json:
        print_json(comparison.as_json(args.seed))
    else:
        from rich.console import Console

        from nabra.comparison_view import view

        Console().print(view(comparison, args.language, args.seed), highlight=False, markup=False)
    return 1 if comparison.broken else 0
