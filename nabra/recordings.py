"""Recordings through the whole engine, thousands of them: in several processes, with progress, and gone on with.

Each recording and configuration gives one decision record. What is finished stands in a ledger, one line for each,
found again by the content of the recording and the hash of what decided it; the record is in the line. So a run that
was interrupted, or is asked for with another configuration, hears only what it has not heard yet.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nabra.errors import NabraError
from nabra.whatif import Results, config_file, loaded
from router.recorded import read_record
from router.tally import Tally
from router.whatif import compare_records, to_row
from telephony.audio.errors import AudioError
from telephony.audio.files import ALAW_SUFFIXES, MULAW_SUFFIXES

if TYPE_CHECKING:
    from nabra.commands.replay import Report

ENDINGS = frozenset({".wav", ".flac"}) | MULAW_SUFFIXES | ALAW_SUFFIXES
LEDGER = "ledger.jsonl"


@dataclass(frozen=True, slots=True)
class Task:
    """One recording, by the hash of its content, under the configuration with this generation hash."""

    path: Path
    sound: str
    config: Path
    generation: str
    language: str

    @property
    def key(self) -> str:
        """What the ledger finds it by."""
        return f"{self.sound}:{self.generation}:{self.language}"


def recordings_in(folder: Path) -> list[Path]:
    """Return the audio files of a folder and its folders, in order.

    Raises
    ------
    NabraError
        There are none.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    if not files:
        raise NabraError(f"{folder} holds no recordings ({', '.join(sorted(ENDINGS))})")
    return files


def tasks_of(files: Sequence[Path], config: Path, generation: str, language: str) -> list[Task]:
    """Return what is to be heard; a recording that is there twice is heard once."""
    tasks: dict[str, Task] = {}
    for path in files:
        with path.open("rb") as file:
            task = Task(path, hashlib.file_digest(file, "sha256").hexdigest(), config, generation, language)
        tasks.setdefault(task.key, task)
    return list(tasks.values())


class Ledger:
    """The recordings that are finished, and their records.

    Parameters
    ----------
    file : JSON lines {key, file, generation, record}; a last line that was cut short is written anew.
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file
        self._places: dict[str, tuple[int, int]] = {}
        whole = 0
        if file.exists():
            with file.open("rb") as lines:
                for raw in lines:
                    if not raw.endswith(b"\n"):
                        break
                    self._note(raw, whole)
                    whole += len(raw)
            os.truncate(file, whole)
        self._end = whole

    def _note(self, raw: bytes, start: int) -> None:
        try:
            line = json.loads(raw)
            self._places[line["key"]] = (start, len(raw))
        except (ValueError, KeyError, TypeError):
            return  # what cannot be read is heard again

    def __contains__(self, task: Task) -> bool:
        return task.key in self._places

    def write(self, task: Task, record: Mapping[str, object]) -> None:
        """Put down a finished recording, at once and for good."""
        line = {"key": task.key, "file": str(task.path), "generation": task.generation, "record": record}
        raw = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        with self._file.open("ab") as file:
            file.write(raw)
        self._places[task.key] = (self._end, len(raw))
        self._end += len(raw)

    def record(self, task: Task) -> dict[str, Any]:
        """Return the record of a finished recording."""
        start, size = self._places[task.key]
        with self._file.open("rb") as file:
            file.seek(start)
            record: dict[str, Any] = json.loads(file.read(size))["record"]
        return record


def hear(tasks: Sequence[Task], ledger: Ledger, jobs: int, each: Callable[[], None]) -> list[str]:
    """Hear what the ledger does not have; return what is wrong with those that cannot be read.

    Raises
    ------
    NabraError
        A process died. What was finished is in the ledger.
    """
    left = [task for task in tasks if task not in ledger]
    for _ in range(len(tasks) - len(left)):
        each()
    failed: list[str] = []
    for task, record in _heard(left, jobs):
        if isinstance(record, str):
            failed.append(record)
        else:
            ledger.write(task, record)
        each()
    return failed


Heard = tuple[Task, "dict[str, object] | str"]
"""A recording and its record, or what is wrong with it."""


def _heard(tasks: Sequence[Task], jobs: int) -> Iterator[Heard]:
    if jobs <= 1 or len(tasks) < 2:
        for task in tasks:
            yield _hear(task)
        return
    # One process keeps one engine: what is heard under one configuration is heard together.
    pool = ProcessPoolExecutor(
        max_workers=min(jobs, len(tasks)), mp_context=multiprocessing.get_context("spawn"), initializer=_alone
    )
    waiting: set[Future[Heard]] = set()
    try:
        for task in tasks:
            waiting.add(pool.submit(_hear, task))
            while len(waiting) >= 2 * jobs:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (one.result() for one in done)
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (one.result() for one in done)
    except BrokenProcessPool:
        raise NabraError(
            "a process that heard recordings died, perhaps for want of memory; try fewer --jobs: "
            "the same command goes on where it was"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _alone() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"


_engines: dict[tuple[Path, str], tuple[Any, Any]] = {}


def _hear(task: Task) -> Heard:
    from config.loader import load as load_config
    from nabra.ears import offline_ears
    from nabra.generations import load
    from nabra.offline import route_recording
    from nabra.state import use_kernel_cache
    from telephony.audio import read_audio

    wanted = task.config, task.language
    if wanted not in _engines:
        use_kernel_cache()
        settings = load_config(task.config)
        _engines.clear()
        _engines[wanted] = load(settings, 1), offline_ears(settings, languages=(task.language,))
    generation, ears = _engines[wanted]
    try:
        pcm = read_audio(task.path)
    except (AudioError, OSError) as error:
        return task, str(error)
    anchor = task.path.stat().st_mtime
    routed = route_recording(pcm, generation, ears, language=task.language, name=task.path.name, wall_anchor=anchor)
    return task, {**routed.record, "call": task.sound[:32]}


def replay_recordings(
    args: argparse.Namespace, report: Callable[[argparse.Namespace, Any], AbstractContextManager[Report]]
) -> int:
    """Run `nabra replay --recordings`: hear under one or two configurations, and report; 1 where a file is broken."""
    from nabra.commands.files import language_of

    files = recordings_in(args.recordings)
    paths = [config_file(path) for path in args.config]
    generations = [loaded(path) for path in paths]
    new, old = generations[0], generations[-1]
    ledger = Ledger(args.out / LEDGER)
    jobs = args.jobs or len(os.sched_getaffinity(0))
    sides = [
        tasks_of(files, path, generation.hash, language_of(args.caller_language, generation.config))
        for path, generation in zip(paths, generations, strict=True)
    ]
    tally, broken = Tally(), set[str]()
    with report(args, new.config) as write:
        with _progress(sum(map(len, sides))) as advance:
            for tasks in sides:
                broken.update(hear(tasks, ledger, jobs, advance))
        after, before = sides[0], {task.sound: task for task in sides[-1]}
        for task in after:
            if task not in ledger or before[task.sound] not in ledger:
                continue
            was, now = read_record(ledger.record(before[task.sound])), read_record(ledger.record(task))
            compared = compare_records(was, now)
            results = Results()
            results.tally.add(compared)
            results.rows.append(to_row(compared))
            tally.merge(results.tally)
            write(results)
        for problem in sorted(broken):
            print(f"nabra: {problem}", file=sys.stderr)
        if not tally.calls:
            raise NabraError(f"no recording of {args.recordings} could be read")
        for generation, tasks in zip(generations, sides, strict=True):
            _write_records(args.out / f"records-{generation.hash[:12]}.jsonl", tasks, ledger)
        write.finish(tally, len(broken))
    if new.hash == old.hash and not args.json:
        print(f"\nrecords: {args.out / f'records-{new.hash[:12]}.jsonl'}; decide them under another with nabra replay")
    return 1 if broken else 0


def _write_records(file: Path, tasks: Sequence[Task], ledger: Ledger) -> None:
    """Write the records of one configuration as a file that `nabra replay` and `nabra explain` read."""
    part = file.with_name(file.name + ".part")
    with part.open("w", encoding="utf-8") as lines:
        for task in tasks:
            if task in ledger:
                lines.write(json.dumps(ledger.record(task), ensure_ascii=False, separators=(",", ":")) + "\n")
    part.replace(file)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda: None
        return
    columns = (TextColumn("hearing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.advance(task)
