"""`nabra emotion FILE...`: how the speaker on a recording sounds, over time."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from nabra.commands.files import add_file_arguments, each_file, named_apart, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from config.schema import Config
    from nabra.tone_trace import Estimated, ToneTrace

_FRAMES_A_SECOND = 12


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "emotion",
        help="draw or say how recordings sound",
        description="Estimate arousal, valence and anger four times a second, as on a live call, and when the call "
        "would be alarmed. In a terminal it is drawn while the recording runs; elsewhere each estimate is a line. "
        "With --json: {file, t_s, voiced_s, arousal, valence, anger, confidence, abstained, reason, alarmed, "
        "call_anger, trend, feeling, feeling_share}, one line an estimate; --last keeps the last of each file. Anger "
        "is its probability where tone.anger_prior of the calls are angry; an alarm is raised where call_anger "
        "reaches tone.angry_at; trend is what the log-odds of anger gain in 10 s. feeling is the likeliest of the "
        "feelings that the model was taught, and feeling_share how likely it is among them: the model that comes with "
        "Nabra learnt them from actors; they are for information, and no rule can route by them. Empty where the model "
        "was taught none. "
        "Where abstained is true arousal, valence and anger must not be used.",
    )
    add_file_arguments(parser, language=False)
    parser.add_argument("--fast", action="store_true", help="in a terminal: draw at once, not at the pace of the sound")
    parser.add_argument("--last", action="store_true", help="only the last estimate of each file, as a line")
    parser.add_argument("--picture", type=Path, metavar="DIR", help="draw each file as a PNG in this folder")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Estimate every file; 1 where one could not be read."""
    from rich.console import Console

    import config
    from nabra.tone_trace import ToneTrace
    from telephony.audio import read_audio

    settings = config.load(args.config)
    if args.picture is not None:
        args.picture.mkdir(parents=True, exist_ok=True)
    console = Console()
    can_draw = console.is_terminal and not console.is_dumb_terminal and console.encoding.startswith("utf")
    drawn = can_draw and not (args.json or args.last)
    with Console(stderr=True).status("loading the tone model"):
        listen = _listener(settings)
    traces: list[ToneTrace] = []
    names = named_apart(args.files)

    def estimate(path: Path) -> None:
        pcm = read_audio(path)
        trace = ToneTrace(path.name, pcm, settings.tone.anger_prior, settings.tone.angry_at)
        if drawn:
            _draw_live(console, trace, listen, paced=not args.fast)
            traces.append(trace)
        else:
            for found in listen(trace):
                if found is not None and not args.last:
                    _show(path, found, args.json)
            if trace.last is None:
                _show_nothing(path, trace.length_s, args.json)
            elif args.last:
                _show(path, trace.last, args.json)
        if args.picture is not None:
            from nabra.tone_picture import draw_tone

            draw_tone(trace, args.picture / (names[path] + ".png"))

    status = each_file(args.files, "listening to", estimate, progress=not drawn)
    if len(traces) > 1:
        from nabra.tone_view import summary

        console.print(summary(traces))
    return status


def _listener(settings: Config) -> Callable[[ToneTrace], Iterator[Estimated | None]]:
    """Return what hears a recording frame by frame, as a live call would, and yields an estimate where one fell due."""
    from asr.listener import Listener
    from emotion import ToneModel, Tracker, warm_up
    from nabra.ears import Deaf, listener_settings, tracker_settings
    from nabra.tone_trace import FRAME

    model = warm_up(None if settings.tone.model is None else ToneModel.load(settings.tone.model))
    listening, tracking = listener_settings(settings), tracker_settings(settings, model)

    def listen(trace: ToneTrace) -> Iterator[Estimated | None]:
        listener = Listener(Deaf(), listening, lambda _event: None)
        tracker = Tracker(model, tracking)
        for start in range(0, len(trace.pcm), FRAME):
            frame = trace.pcm[start : start + FRAME]
            listener.push(frame)
            found = tracker.push(frame, listener.voiced)
            trace.voiced.append(listener.voiced)
            if found is not None:
                trace.estimates.append(found)
            yield found
        tracker.close()
        listener.close()

    return listen


def _draw_live(
    console: Console, trace: ToneTrace, listen: Callable[[ToneTrace], Iterator[Estimated | None]], *, paced: bool
) -> None:
    """Draw a recording while it runs; what was drawn last stays on the screen, also where the user stops it."""
    from rich.live import Live

    from nabra.tone_view import draw

    def picture() -> None:
        live.update(draw(trace, console.width, console.height), refresh=True)

    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        picture()
        started_s, drawn_s = time.monotonic(), 0.0
        for _ in listen(trace):
            now_s = time.monotonic()
            if paced and started_s + trace.heard_s > now_s:
                time.sleep(started_s + trace.heard_s - now_s)
            if time.monotonic() - drawn_s >= 1.0 / _FRAMES_A_SECOND:
                picture()
                drawn_s = time.monotonic()
        picture()


def _show(path: Path, item: Estimated, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "file": str(path),
                "t_s": round(item.t_s, 3),
                "voiced_s": round(item.voiced_s, 3),
                "arousal": round(item.arousal, 4),
                "valence": round(item.valence, 4),
                "anger": round(item.anger, 4),
                "confidence": round(item.confidence, 4),
                "abstained": item.abstained,
                "reason": item.reason,
                "alarmed": item.alarmed,
                "call_anger": round(item.call_anger, 4),
                "trend": round(item.trend, 2),
                "feeling": item.feeling,
                "feeling_share": round(item.feeling_share, 4),
            }
        )
        return
    said = (
        f"abstains: {item.reason}"
        if item.abstained
        else f"arousal {item.arousal:.2f}  valence {item.valence:.2f}  anger {item.anger:.3f}  "
        f"confidence {item.confidence:.2f}"
    )
    if item.feeling and not item.abstained:
        said += f"  feeling {item.feeling} {item.feeling_share:.2f}"
    alarm = "  ALARM" if item.alarmed else ""
    print(f"{path}: {item.t_s:5.2f} s  voiced {item.voiced_s:4.1f} s  {said}{alarm}", flush=True)


def _show_nothing(path: Path, seconds: float, as_json: bool) -> None:
    """A file with no voice at all still gets its line."""
    if as_json:
        row: dict[str, object] = {"file": str(path), "t_s": round(seconds, 3), "voiced_s": 0.0}
        row |= {"arousal": None, "valence": None, "anger": None, "confidence": 0.0, "abstained": True}
        row |= {"reason": "no voice", "alarmed": False, "call_anger": 0.0, "trend": 0.0}
        row |= {"feeling": "", "feeling_share": 0.0}
        print_json(row)
    else:
        print(f"{path}: {seconds:5.2f} s  voiced  0.0 s  abstains: no voice", flush=True)
