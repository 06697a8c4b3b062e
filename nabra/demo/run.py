"""`nabra demo`: starts the engine, places the sample calls, shows them, and draws their pictures."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.status import Status

import config
from config.schema import Config, DestinationKind, Pbx, Secret
from nabra.demo.pbx import SECRET, USERNAME, DemoPbx, PlacedCall
from nabra.demo.picture import draw_call
from nabra.demo.samples import SampleCall, load_samples
from nabra.demo.view import Row, View
from nabra.errors import NabraError
from nabra.operations.bus import CallEvent
from nabra.service import Service

STAGGER_S = 1.25
_SETTLE_S = 1.0
_PBX = "demo"


async def run(
    calls: int | None = None,
    out: Path = Path("out/demo"),
    as_json: bool = False,
    samples: Sequence[SampleCall] | None = None,
    stagger_s: float = STAGGER_S,
) -> int:
    """Run the demonstration to its end.

    Parameters
    ----------
    calls : how many of the samples, all by default.
    out : folder of the pictures and the decision records; made where it is missing. Records that an earlier
        demonstration left there are deleted.
    as_json : print one object per call, and nothing else, to standard output: sample, synthetic, language,
        call, destination, expected, priority, intent, probability, rung, reasons, text, anger, arousal (null
        where the model abstained), abstained, speech_end_s (of the caller's last word), decided_at_s (both in the
        caller's audio), latency_ms (from the one to the other, negative where it was decided before), behind_ms
        (how far the machine was behind the audio), queue, queue_join_ms (from the decision), handed_back, problem,
        picture.
    samples : what to play instead of the calls that ship.
    stagger_s : seconds between the starts of two calls.

    Returns
    -------
    int
        0 where the engine decided every call and handed it back, else 1.

    Raises
    ------
    NabraError
        `calls` is less than one, or the engine cannot start (the roots of the other rooms too).
    """
    if calls is not None and calls < 1:
        raise NabraError(f"{calls} calls cannot be placed: ask for one or more")
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    console = Console(stderr=as_json, highlight=False)
    stage = _Stages(console)
    chosen = list(samples if samples is not None else load_samples())[:calls]
    await asyncio.to_thread(out.mkdir, parents=True, exist_ok=True)
    stage.begin("reading the shipped configuration")
    base = await asyncio.to_thread(config.load)
    pbx = DemoPbx(lambda name: _queue_of(base, name), base.default)
    await pbx.start()
    placed = [pbx.prepare(sample, number) for number, sample in enumerate(chosen, 1)]
    rows = {str(one.call): Row(one) for one in placed}
    watcher = _Watcher(View(console, rows), plain=not console.is_terminal)
    service = Service(_on_this_machine(base, pbx.ami.port, out), observers=[watcher], progress=stage.begin)
    # What the log would say, the view says in its own words.
    logging.disable(logging.ERROR)
    try:
        await service.start()
        if not await pbx.logged_in(10.0):
            console.print("The engine did not log in to the demonstration's PBX within 10 s.")
            return 1
        # Only now: until the service holds the folder, another demonstration may be writing there.
        await asyncio.to_thread(_forget_earlier, out / "records")
        stage.end(f"ready; placing {len(placed)} calls, one every {stagger_s:g} s")
        await _place_all(pbx, placed, service.audio_address, watcher, stagger_s)
    finally:
        stage.interrupt()
        await service.stop()
        await pbx.stop()
        logging.disable(logging.NOTSET)
    stage.begin(f"drawing {len(placed)} pictures")
    pictures = await asyncio.to_thread(_draw, rows, watcher, out, base.tone.angry_at)
    stage.end("done")
    if as_json:
        for one, picture in zip(placed, pictures, strict=True):
            print(json.dumps(_as_json(rows[str(one.call)], one, picture), ensure_ascii=False))
    else:
        _say_the_end(console, watcher.view, placed, out, stage)
    return 0 if all(rows[str(one.call)].story.decided and one.handed_back for one in placed) else 1


def _queue_of(settings: Config, name: str) -> str | None:
    destination = settings.destinations.get(name, settings.destinations[settings.default])
    return None if destination.kind is DestinationKind.SELF_SERVICE else destination.queue


def _on_this_machine(base: Config, ami_port: int, out: Path) -> Config:
    """Return the shipped configuration with the demonstration's PBX, free ports, and its records in `out`."""
    pbx = Pbx(name=_PBX, host="127.0.0.1", port=ami_port, username=USERNAME, secret=Secret(SECRET))
    return dataclasses.replace(
        base,
        listen=dataclasses.replace(base.listen, host="127.0.0.1", port=0),
        pbx=(pbx,),
        records=dataclasses.replace(base.records, directory=out / "records"),
    )


def _forget_earlier(records: Path) -> None:
    """Delete the record files of earlier demonstrations; a file with any other line in it is somebody's, and stays."""
    for file in records.glob("calls-*.jsonl"):
        try:
            lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        except ValueError:
            continue
        if all(isinstance(line, dict) and line.get("pbx") == _PBX for line in lines):
            file.unlink()


async def _place_all(
    pbx: DemoPbx, placed: Sequence[PlacedCall], address: tuple[str, int], watcher: _Watcher, stagger_s: float
) -> None:
    async def one(index: int) -> None:
        await asyncio.sleep(index * stagger_s)
        await pbx.place(placed[index], *address)

    with watcher:
        await asyncio.gather(*(one(index) for index in range(len(placed))))
        # The last queue events are still on their way through the manager interface and the bus.
        await asyncio.sleep(_SETTLE_S)


class _Watcher:
    """Sees every event: keeps it for the pictures, and shows it."""

    def __init__(self, view: View, plain: bool) -> None:
        self.view = view
        self.events: dict[str, list[CallEvent]] = {}
        self._plain = plain
        self._began_s: float | None = None
        self._live: Live | None = None

    def __enter__(self) -> _Watcher:
        if not self._plain:
            self._live = Live(
                get_renderable=self.view.renderable,
                console=self.view.console,
                refresh_per_second=6,
                transient=True,
                vertical_overflow="crop",
            )
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def on_call_event(self, call: str, event: CallEvent) -> None:
        self._began_s = event.at_s if self._began_s is None else self._began_s
        self.events.setdefault(call, []).append(event)
        self.view.receive(event)
        if self._plain:
            line = self.view.line(event, self._began_s)
            if line is not None:
                self.view.console.out(line, highlight=False)


class _Stages:
    """Tells what is being done, and how long each step and the whole took."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began_s = self._step_s = time.monotonic()
        self._doing = ""
        self._spinner: Status | None = None

    @property
    def total_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began_s

    def begin(self, what: str) -> None:
        """End the step before, and begin one."""
        self._close()
        self._doing = what
        if self._console.is_terminal:
            self._spinner = self._console.status(what)
            self._spinner.start()
        else:
            self._console.print(f"{self.total_s:5.1f} s  {what} ...")

    def end(self, what: str) -> None:
        """End the step before, and say where we are."""
        self._close()
        self._console.print(f"[bold]{self.total_s:5.1f} s[/bold]  {what}")

    def interrupt(self) -> None:
        """Leave a step that failed or was broken off."""
        if self._spinner is not None:
            self._spinner.stop()
            self._spinner = None
        self._doing = ""

    def _close(self) -> None:
        doing = self._doing
        self.interrupt()
        if doing and self._console.is_terminal:
            took_s = time.monotonic() - self._step_s
            self._console.print(f"{self.total_s:5.1f} s  {doing} ({took_s:.1f} s)")
        self._step_s = time.monotonic()


def _draw(rows: Mapping[str, Row], watcher: _Watcher, out: Path, alarm_at: float) -> list[Path]:
    pictures = []
    for number, (call, row) in enumerate(rows.items(), 1):
        picture = out / f"{number:02d}-{row.name}.png"
        draw_call(
            watcher.events.get(call, []),
            row.placed.audio(),
            picture,
            title=f"{row.name}  {row.caller}",
            note="synthetic speech",
            when=row.when,
            speech_end_s=row.speech_end_s,
            alarm_at=alarm_at,
        )
        pictures.append(picture)
    return pictures


def _as_json(row: Row, placed: PlacedCall, picture: Path) -> dict[str, object]:
    story = row.story
    usable = [tone for tone in story.tones if not tone.abstained]
    return {
        "sample": row.name,
        "synthetic": True,
        "language": placed.sample.language,
        "call": str(placed.call),
        "destination": story.destination or None,
        "expected": placed.sample.expected,
        "priority": story.priority,
        "intent": story.intent or None,
        "probability": story.probability,
        "rung": story.rung or None,
        "reasons": story.reasons,
        "text": story.text,
        "anger": usable[-1].anger if usable else None,
        "arousal": usable[-1].arousal if usable else None,
        "abstained": not usable,
        "speech_end_s": row.speech_end_s,
        "decided_at_s": story.decided_s,
        "latency_ms": None if row.latency_ms is None else round(row.latency_ms, 1),
        "behind_ms": round(story.behind_ms, 1),
        "queue": story.queue or None,
        "queue_join_ms": None if story.join_ms is None else round(story.join_ms, 2),
        "handed_back": placed.handed_back,
        "problem": placed.problem or None,
        "picture": str(picture),
    }


def _say_the_end(console: Console, view: View, placed: Sequence[PlacedCall], out: Path, stage: _Stages) -> None:
    console.print()
    console.print(view.table())
    console.print()
    right, of = sum(row.as_expected for row in view.rows.values()), len(view.rows)
    others = "." if right == of else "; * marks the others."
    console.print(
        f"{right} of {of} synthetic callers went where a person would have sent them{others} decided: from "
        "the end of the caller's last word, the silence that shows it is the last included; before it where "
        "negative; in the time of the caller's audio. behind: how far the machine was behind that audio, where it "
        "was. queue: from the decision to the join event of the demonstration's own PBX.",
        style="dim",
    )
    for row in view.rows.values():
        if not row.as_expected and row.placed.sample.about:
            console.print(f"* {row.name}: {row.placed.sample.about}", style="dim")
    for one in placed:
        if one.problem or not one.handed_back:
            problem = one.problem or "the engine did not hand the call back"
            console.print(f"{one.sample.name}: {problem}", style="red")
    console.print(f"Pictures and decision records: {out}   ({stage.total_s:.0f} s in all)")
