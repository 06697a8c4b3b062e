"""`nabra emotion FILE...`: how the speaker on a recording sounds, over time."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from nabra.commands.files import add_file_arguments, each_file, print_json

if TYPE_CHECKING:
    from emotion import Estimate


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "emotion",
        help="say how recordings sound",
        description="Estimate arousal, valence and anger (0 to 1) four times a second, as on a live call. With --json: "
        "{file, t_s, voiced_s, arousal, valence, anger, confidence, abstained}, one line an estimate; --last keeps the "
        "last of each file. Where abstained is true the numbers must not be used.",
    )
    add_file_arguments(parser)
    parser.add_argument("--last", action="store_true", help="only the last estimate of each file")
    parser.add_argument("--picture", type=Path, metavar="DIR", help="draw each file as a PNG in this folder")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Estimate every file; 1 where one could not be read."""
    import config
    from asr.listener import Listener
    from emotion import ToneModel, Tracker
    from nabra.ears import Deaf, listener_settings, tracker_settings
    from telephony.audio import read_audio

    settings = config.load(args.config)
    model = ToneModel.load() if settings.tone.model is None else ToneModel.load(settings.tone.model)
    listening, tracking = listener_settings(settings), tracker_settings(settings)
    if args.picture is not None:
        args.picture.mkdir(parents=True, exist_ok=True)

    def estimate(path: Path) -> None:
        pcm = read_audio(path)
        listener = Listener(Deaf(), listening, lambda _event: None)
        tracker = Tracker(model, tracking)
        estimates: list[Estimate] = []
        for start in range(0, len(pcm), 160):
            frame = pcm[start : start + 160]
            listener.push(frame)
            found = tracker.push(frame, listener.voiced)
            if found is not None:
                estimates.append(found)
        tracker.close()
        listener.close()
        shown = estimates[-1:] if args.last else estimates
        for item in shown:
            _show(path, item, args.json)
        if not shown:
            _show_nothing(path, len(pcm) / 8000, args.json)
        if args.picture is not None:
            from nabra.demo.picture import draw_tone

            draw_tone(estimates, pcm, args.picture / (path.stem + ".png"))

    return each_file(args.files, "listening to", estimate)


def _show(path: Path, item: Estimate, as_json: bool) -> None:
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
            }
        )
        return
    said = (
        f"abstains: {item.reason}"
        if item.abstained
        else f"arousal {item.arousal:.2f}  valence {item.valence:.2f}  anger {item.anger:.2f}  "
        f"confidence {item.confidence:.2f}"
    )
    print(f"{path}: {item.t_s:5.2f} s  voiced {item.voiced_s:4.1f} s  {said}", flush=True)


def _show_nothing(path: Path, seconds: float, as_json: bool) -> None:
    """A file with no voice at all still gets its line."""
    if as_json:
        row: dict[str, object] = {"file": str(path), "t_s": round(seconds, 3), "voiced_s": 0.0}
        row |= {"arousal": None, "valence": None, "anger": None, "confidence": 0.0, "abstained": True}
        print_json(row)
    else:
        print(f"{path}: {seconds:5.2f} s  voiced  0.0 s  abstains: no voice", flush=True)
