"""`nabra route FILE...`: where recorded callers would have been sent, and why."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from nabra.commands.files import add_file_arguments, each_file, language_of, named_apart, print_json

if TYPE_CHECKING:
    from nabra.offline import Routed


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "route",
        help="say where recorded callers would be sent",
        description="Decide recordings exactly as live calls are decided, on a clock made of their samples. With "
        "--json: {file, destination, priority, intent, text, anger, arousal, reasons, rung, speech_end_s, "
        "decided_at_s, latency_ms}. Times count from the start of the recording; decided_at_s includes the "
        "recogniser's work; latency_ms is negative where the decision came before the end of speech. anger and "
        "arousal are null where the tone model abstained.",
    )
    add_file_arguments(parser)
    parser.add_argument("--picture", type=Path, metavar="DIR", help="draw each call as a PNG in this folder")
    parser.add_argument("--records", type=Path, metavar="FILE", help="append each decision record to this file")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Decide every file; 1 where one could not be read."""
    import json

    import config
    from nabra.ears import offline_ears
    from nabra.generations import load
    from nabra.offline import route_recording
    from router.when import by_end_of_speech
    from telephony.audio import read_audio

    settings = config.load(args.config)
    language = language_of(args.language, settings)
    loaded = load(settings, number=1)
    ears = offline_ears(settings, languages=(language,))
    if args.picture is not None:
        args.picture.mkdir(parents=True, exist_ok=True)

    names = named_apart(args.files)

    def route(path: Path) -> None:
        pcm = read_audio(path)
        routed = route_recording(pcm, loaded, ears, language=language, name=path.name, wall_anchor=path.stat().st_mtime)
        row = summary(path, routed)
        if args.json:
            print_json(row)
        else:
            _print(path, str(row["text"]), routed, language)
        if args.records is not None:
            with args.records.open("a", encoding="utf-8") as file:
                file.write(json.dumps(routed.record, ensure_ascii=False) + "\n")
        if args.picture is not None:
            from nabra.demo.picture import draw_call

            draw_call(
                routed.events,
                pcm,
                args.picture / (names[path] + ".png"),
                when=by_end_of_speech(routed.latency_ms),
                speech_end_s=routed.speech_end_s,
                alarm_at=loaded.config.tone.angry_at,
            )

    return each_file(args.files, "routing", route)


def _print(path: Path, text: str, routed: Routed, language: str) -> None:
    """Tell one recording to people, in the caller's language where reasons are given in it."""
    from nabra.printed import columns, fitted
    from router.when import by_end_of_speech

    width, arabic = columns(), language == "ar"
    when = by_end_of_speech(routed.latency_ms, language)
    print(fitted(f"{path}: {routed.decision.destination} ({when})", width))
    print(fitted(f"heard: {text or '-'}", width, indent="    "))
    for reason in routed.decision.reasons:
        print(fitted(reason.ar if arabic else reason.en, width, indent="    ", right_to_left=arabic), flush=True)


def summary(path: Path, routed: Routed) -> dict[str, object]:
    """Return the documented fields of one routed recording."""
    from nabra.demo.story import CallStory
    from nabra.operations.bus import EventKind

    story = CallStory()
    for event in routed.events:
        story.receive(event)
    tones = [event.data for event in routed.events if event.kind is EventKind.TONE and not event.data["abstained"]]
    decision = routed.decision
    return {
        "file": str(path),
        "destination": decision.destination,
        "priority": decision.priority,
        "intent": decision.intent,
        "text": story.text,
        "anger": _rounded(tones[-1]["anger"], 4) if tones else None,
        "arousal": _rounded(tones[-1]["arousal"], 4) if tones else None,
        "reasons": [reason.en for reason in decision.reasons],
        "rung": decision.rung.value,
        "speech_end_s": _rounded(routed.speech_end_s, 4),
        "decided_at_s": _rounded(routed.decided_at_s, 4),
        "latency_ms": _rounded(routed.latency_ms, 1),
    }


def _rounded(value: object, places: int) -> float | None:
    """Return a figure without digits that mean nothing."""
    return round(value, places) if isinstance(value, float) else None
