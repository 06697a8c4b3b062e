"""`nabra replay RECORDS --config B`: what another configuration would have done with past calls."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from nabra.whatif import Results
    from nabra.whatif_view import Source
    from router.tally import Tally

_SHOWN_BROKEN = 20

_DESCRIPTION = """\
Decide past calls again under another configuration, and show those whose
destination, priority or time of decision changes, by the rule or reason that
did it.

A record ends with its decision: where the other configuration would have
listened longer, asked something else, or needs what was not kept, the call is
marked unknown, never guessed. Words and tone are those heard then; the other
configuration's intents read the recorded words, in which digits are redacted,
again; so does its sentence encoder, where it has one, in the time it took then,
or within its budget where calls were read without. Where that is not installed
here, what it would have counted for is unknown.

With --json: a line for each call {kind: replayed, call, result: same | changed
| unknown, unknown, changes, later_s, was, now}, then one {kind: summary}.
"""
_EPILOG = """\
example:
  nabra replay ~/.local/state/nabra/records --config edited.yaml --html week.html

  decides every call on record again under edited.yaml, says in the terminal how
  many go elsewhere and why, and writes a page for the others in the office.

  nabra replay --recordings calls/ --config edited.yaml --config nabra.yaml --out tried

  sends recordings through the whole engine under both, and compares edited.yaml
  with nabra.yaml.

exit status: 0 done, whatever changes; 1 failed with a said reason, or some lines
or files could not be read (each is named; the rest is done); 2 wrong usage; 130
interrupted with Ctrl-C (files being written are taken away again).
"""


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "replay",
        help="say what another configuration would have done with past calls",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("records", metavar="RECORDS", nargs="*", type=Path, help="record files (.gz too), or folders")
    parser.add_argument(
        "--config", type=Path, action="append", metavar="B", required=True,
        help="the other configuration, a file or a folder; with --recordings a second one to compare with",
    )  # fmt: skip
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the calls that change or are unknown")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with plots")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--language", choices=("en", "ar"), default="en", help="of the report (en)")
    parser.add_argument("--jobs", type=int, metavar="N", help="processes (default: one a core)")
    parser.add_argument("--recordings", type=Path, metavar="DIR", help="audio files instead of records")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", default=Path("out/replay"),
        help="with --recordings: folder of the new records; the same command again goes on (out/replay)",
    )  # fmt: skip
    parser.add_argument("--caller-language", metavar="L", help="with --recordings: of the callers (the config's)")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Decide again and report; 1 where a line or file could not be read."""
    wrong = _wrong(args)
    if wrong:
        print(f"nabra: {wrong}", file=sys.stderr)
        return 2
    if args.recordings is not None:
        from nabra.recordings import replay_recordings

        return replay_recordings(args, report)

    from nabra.operations.errors import RecordsError
    from nabra.record_files import default_jobs, pieces_of, read_pieces, record_files
    from nabra.whatif import DecideAgain, config_file, loaded
    from router.tally import Tally

    files = record_files(args.records)
    pieces = pieces_of(files)
    config_path = config_file(args.config[0])
    # Here as well: a mistake in it is said once, and its intents are fitted before many ask for them.
    generation = loaded(config_path)
    work = DecideAgain(config_path, rows="all" if args.json else "changed" if args.csv else "none")
    tally, broken = Tally(), 0
    with report(args, generation.config) as write, _progress(pieces_size(pieces)) as advance:
        for read in read_pieces(pieces, work, args.jobs or default_jobs(pieces), advance):
            write(read.found)
            tally.merge(read.found.tally)
            for line in read.broken:
                broken += 1
                if broken <= _SHOWN_BROKEN:
                    print(f"nabra: {line}", file=sys.stderr)
        if not tally.calls:
            raise RecordsError(f"no decision record in {', '.join(map(str, args.records))} ({broken} broken lines)")
        write.finish(tally, broken, len(files))
    if broken > _SHOWN_BROKEN:
        print(f"nabra: {broken - _SHOWN_BROKEN} more lines cannot be read", file=sys.stderr)
    return 1 if broken else 0


def _wrong(args: argparse.Namespace) -> str:
    if args.jobs is not None and args.jobs < 1:
        return "--jobs is at least 1"
    if args.recordings is None:
        if not args.records:
            return "name the records: files, or a folder of them"
        return "--config is given once where records are decided again" if len(args.config) > 1 else ""
    if args.records:
        return "give either records or --recordings"
    return "--config is given once or twice" if len(args.config) > 2 else ""


def pieces_size(pieces: list[Any]) -> int:
    """Return how many bytes are to be read."""
    return sum(piece.end - piece.start for piece in pieces)


class Report:
    """Writes results as they come, and the report at the end.

    Parameters
    ----------
    args : of the command.
    config : the new configuration; names the destinations.
    files : what closes the files.
    """

    def __init__(self, args: argparse.Namespace, config: Any, files: ExitStack) -> None:
        from nabra.whatif_view import csv_writer
        from nabra.whatif_words import Words

        self._args = args
        self.words = Words(args.language, config, isolates=sys.stdout.isatty())
        self._page_words = Words(args.language, config, isolates=True)
        self._files = files
        self._csv = csv_writer(files.enter_context(whole_file(args.csv))) if args.csv else None

    def __call__(self, results: Results) -> None:
        """Write the rows of one piece."""
        from nabra.commands.files import print_json
        from nabra.whatif_view import csv_row

        for row in results.rows:
            if self._args.json:
                print_json(row)
            if self._csv is not None and row["result"] != "same":
                self._csv.writerow(csv_row(row))

    def finish(self, tally: Tally, broken: int, files: int = 0) -> None:
        """Write what all of it came to; `files` is how many files of records were read."""
        from rich.console import Console

        from nabra.commands.files import print_json
        from nabra.whatif_page import page
        from nabra.whatif_view import print_view, summary

        if self._args.html is not None:
            told = page(tally, self._page_words, _source(self._args, files), broken)
            self._files.enter_context(whole_file(self._args.html)).write(told)
        # Whoever reads what is printed may have read enough: the files are there by then.
        self._files.close()
        if self._args.json:
            print_json(summary(tally, broken))
            return
        print_view(Console(), tally, self.words)
        written = [str(path) for path in (self._args.csv, self._args.html) if path is not None]
        if written:
            Console().print(f"\nwritten: {', '.join(written)}", highlight=False, soft_wrap=True, markup=False)


def _source(args: argparse.Namespace, files: int) -> Source:
    from nabra.whatif import config_file
    from nabra.whatif_view import Source

    config, *before = [str(config_file(path)) for path in args.config]
    calls = args.records if args.recordings is None else [args.recordings]
    return Source(config, [str(path) for path in calls], files, "".join(before), args.recordings is not None)


@contextmanager
def report(args: argparse.Namespace, config: Any) -> Iterator[Report]:
    """Open the files that are asked for; they are there afterwards whole, or not at all."""
    with ExitStack() as files:
        yield Report(args, config, files)


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Write a file that takes its name when it is whole, and goes where it never is."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        try:
            yield file
        except BaseException:
            part.unlink()
            raise
    part.replace(path)


@contextmanager
def _progress(size: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn("deciding again"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=size)
        yield lambda done: progress.advance(task, done)
