"""`nabra train MANIFEST...`: a tone model from an operator's own labelled recordings."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_SHOWN = 20
_FEW_SPEAKERS = 10
_STEPS = {
    "reading": "reading recordings",
    "features": "describing voices",
    "fitting": "fitting",
    "networks": "learning sequences",
    "calls": "following calls",
    "alarms": "counting alarms",
    "perturbing": "worsening lines",
}


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "train",
        help="train a tone model on your own labelled recordings",
        description="Train a tone model on labelled recordings of any rate and format, heard as a phone line would "
        "give them, and judge it on voices that it was not trained on. MANIFEST is a table (CSV; comma, semicolon or "
        "tab), or a folder with a manifest.csv. Columns: path, speaker, and one or more of emotion, arousal, valence, "
        "anger; also corpus, language, gender, licence, intensity, fold. Labels may be English or Arabic: "
        "nabra train --labels lists them. Interrupted, it goes on where it was when called again.",
    )
    parser.add_argument("manifests", metavar="MANIFEST", nargs="+", type=Path, help="recordings to train on")
    parser.add_argument(
        "--judge", metavar="MANIFEST", nargs="+", type=Path, default=[], help="recordings to judge by, never trained on"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", required=True, help="folder of the model and its card")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keeps work between runs (default: state directory)")
    parser.add_argument("--seeds", type=_count, metavar="N", help="times that all is fitted and judged (default: 3)")
    parser.add_argument("--quick", action="store_true", help="a small model in seconds, to try your manifest with")
    parser.add_argument("--labels", action=_Labels, help="list the labels that are understood, and exit")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Train, show the figures and say how to use the model; errors say which row is wrong."""
    from rich.console import Console

    from emotion.train import SEEDS, train
    from emotion.training.manifest import read_manifest
    from emotion.training.parts import check, check_apart
    from emotion.training.recordings import usable
    from nabra.state import state_dir
    from nabra.tone_licences import forbidding

    args.out.mkdir(parents=True, exist_ok=True)
    cache = args.cache or state_dir() / "training"
    errors = Console(stderr=True)
    told = _Told()
    with _Steps(errors) as steps:
        try:
            try:
                trained = [clip for manifest in _named_apart(args.manifests) for clip in read_manifest(manifest, told)]
                judged = [clip for manifest in _named_apart(args.judge) for clip in read_manifest(manifest, told)]
                check(trained)
                check_apart(trained, judged)
                good = {id(clip) for clip in usable([*trained, *judged], told, steps)}
            finally:
                told.show(errors)
            facts = train(
                [clip for clip in trained if id(clip) in good],
                [clip for clip in judged if id(clip) in good],
                out=args.out,
                cache=cache,
                seeds=args.seeds or (2 if args.quick else SEEDS),
                quick=args.quick,
                progress=steps,
            )
        except KeyboardInterrupt:
            errors.print(
                f"nabra: interrupted; what is done is kept in {cache}, and the same command goes on from there",
                markup=False, highlight=False, soft_wrap=True,
            )  # fmt: skip
            raise
    console = Console()
    console.print(_figures(facts))
    for line in _how_to_use(args.out, quick=args.quick):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for what, advice in forbidding(facts["licences"]):
        console.print(f"warning: {what}; {advice}", markup=False, highlight=False, soft_wrap=True)
    speakers = len({clip.speaker for clip in trained if id(clip) in good})
    if speakers < _FEW_SPEAKERS:
        console.print(
            f"warning: {speakers} speakers are few: the figures say little about other callers", highlight=False
        )
    return 0


class _Labels(argparse.Action):
    """Prints every label that a manifest may have, in English and Arabic."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from emotion.training.labels import CALLED, ENDS, GENDERS

        columns = (
            ("emotion", CALLED),
            ("arousal, valence, anger: a number from 0 to 1, or", ENDS),
            ("gender", GENDERS),
        )
        for column, labels in columns:
            print(column)
            for name, words in labels.items():
                print(f"  {name}: {', '.join(words.split())}")
        print("Case, vowel marks and the kind of alef, yeh or heh do not matter.")
        parser.exit()


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 50:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 50")
    return int(text)


def _named_apart(manifests: Iterable[Path]) -> list[Path]:
    """Return the manifests; the same one is not read twice."""
    return list({manifest.resolve(): manifest for manifest in manifests}.values())


class _Told:
    """Lines about rows and recordings that are left out: the first are shown, all are counted."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)

    def show(self, console: Console) -> None:
        """Print what was told, and forget it."""
        for line in self.lines[:_SHOWN]:
            console.print(f"nabra: {line}", markup=False, highlight=False, soft_wrap=True)
        more = len(self.lines) - _SHOWN
        if more > 0:
            console.print(f"nabra: and {more} more such lines", markup=False, highlight=False)
        if self.lines:
            console.print(f"nabra: {len(self.lines)} remarks; all else can be used", markup=False, highlight=False)
        self.lines.clear()


class _Steps:
    """Progress on a terminal: a bar for each step with the time left; elsewhere a line at every tenth."""

    def __init__(self, console: Console) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._console = console
        self._progress = Progress(
            TextColumn("{task.description:<20}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, Any] = {}
        self._tenths: dict[str, int] = {}

    def __enter__(self) -> _Steps:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, what: str, done: int, of: int) -> None:
        """Take how many of a step are done."""
        name = _STEPS.get(what, what)
        if self._console.is_terminal:
            if what not in self._tasks:
                self._tasks[what] = self._progress.add_task(name, total=of)
            self._progress.update(self._tasks[what], completed=done, total=of)
            return
        tenth = 10 * done // max(of, 1)
        if tenth > self._tenths.get(what, 0):
            self._tenths[what] = tenth
            print(f"{name}: {done} of {of}", file=sys.stderr, flush=True)


def _figures(facts: Mapping[str, Any]) -> Table:
    """Return the figures that matter, by target and part left out."""
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD,
        title="judged on voices that were not trained on",
        caption="AUC: 0.5 guesses, 1 is never wrong; its interval is over speakers. ECE: how far probabilities are "
        "off. recall: angry voices alarmed where 5 in 100 of the others are.",
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("", no_wrap=True)
    table.add_column("left out", overflow="fold")
    for name in ("AUC", "95 %", "worse line", "ECE", "recall"):
        table.add_column(name, justify="right", no_wrap=True)
    for target in ("anger", "arousal", "valence"):
        part = facts["figures"][target]
        rows = [
            *sorted(part["left_out"].items()),
            *((f"{name} (judged)", figures) for name, figures in part["never_trained"].items()),
        ]
        known = [(name, figures) for name, figures in rows if figures]
        for place, (name, figures) in enumerate(known):
            table.add_row(
                target if place == 0 else "",
                name,
                f"{figures['auc']:.3f}",
                _interval(figures),
                f"{figures['auc_degraded']:.3f}",
                f"{figures['ece']:.3f}",
                f"{figures['recall_at_5pct_false_alarms']:.2f}",
                end_section=place == len(known) - 1,
            )
        if not known:
            table.add_row(target, "not learnt: no labels of both kinds", *[""] * 5, end_section=True)
    return table


def _interval(figures: Mapping[str, Any]) -> str:
    """Return the interval of an AUC; over a single speaker there is none."""
    low, high = figures["auc_95"]
    return f"{low:.2f}-{high:.2f}" if figures["speakers"] > 1 else "-"


def _how_to_use(out: Path, *, quick: bool) -> Iterator[str]:
    model = (out / "tone.onnx").resolve()
    yield f"written: {model}, with tone.json and MODEL_CARD.md (data, licences, figures, limits) beside it"
    if quick:
        yield "this was a quick run: train without --quick before you use it"
        return
    yield "to use it, write in nabra.yaml, and then run `nabra check nabra.yaml`:"
    yield "    tone:"
    yield f"      model: {model}"
