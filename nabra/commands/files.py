"""What the commands over many files share: the file arguments, progress, and one JSON object a line."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from nabra.errors import NabraError
from telephony.audio.errors import AudioError

if TYPE_CHECKING:
    from config.schema import Config


def add_file_arguments(parser: argparse.ArgumentParser, *, language: bool = True) -> None:
    """Add FILE..., --config, --json and, where the command depends on it, --language to a command's parser."""
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        type=Path,
        help="audio: WAV or FLAC of any rate, raw mu-law (.ulaw) or A-law (.alaw); heard as a phone line would give it",
    )
    parser.add_argument("--config", type=Path, default=None, help="configuration (default: the shipped one)")
    if language:
        parser.add_argument("--language", default=None, help="language of the callers (default: the config's)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def language_of(given: str | None, config: Config) -> str:
    """Return the language that was asked for, or the config's own.

    Raises
    ------
    NabraError
        The configuration answers no callers in that language.
    """
    if given is None:
        return config.default_language
    if given not in config.languages:
        raise NabraError(f"no language '{given}' in this configuration: there is {', '.join(config.languages)}")
    return given


def named_apart(files: Iterable[Path]) -> dict[Path, str]:
    """Return a name for each file, that of the file without its ending; the second `call` is `call-2`."""
    names: dict[str, Path] = {}
    for path in dict.fromkeys(files):
        name, count = path.stem, 1
        while name in names:
            count += 1
            name = f"{path.stem}-{count}"
        names[name] = path
    return {path: name for name, path in names.items()}


def print_json(row: Mapping[str, object]) -> None:
    """Print one object on one line of standard output, letters of every script as they are."""
    print(json.dumps(row, ensure_ascii=False), flush=True)


def each_file(files: Iterable[Path], label: str, work: Callable[[Path], None], *, progress: bool = True) -> int:
    """Run `work` over files, with progress on a terminal if asked for; a bad file is named and the rest goes on.

    Returns
    -------
    int
        0, or 1 where at least one file could not be read.
    """
    failed = 0
    for path in _with_progress(list(files), label) if progress else files:
        try:
            work(path)
        except AudioError as error:
            print(f"nabra: {error}", file=sys.stderr)
            failed += 1
    return 1 if failed else 0


def _with_progress(files: list[Path], label: str) -> Iterator[Path]:
    console = Console(stderr=True)
    if not console.is_terminal or len(files) < 2:
        yield from files
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(label, total=len(files))
        for path in files:
            progress.update(task, description=f"{label} {path.name}")
            yield path
            progress.advance(task)
