"""`nabra transcribe FILE...`: what is said on recordings."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from nabra.commands.files import add_file_arguments, each_file, language_of, print_json


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "transcribe",
        help="write down what is said on recordings",
        description="Write down what is said on recordings, with the recogniser that live calls have. With --json: "
        "{file, text, seconds, cpu_s}, where seconds is the length of the recording and cpu_s the processor time of "
        "voice activity and recognition together.",
    )
    add_file_arguments(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Transcribe every file; 1 where one could not be read or no recogniser serves the language."""
    import config
    from asr.decoder import InlineDecoder
    from asr.events import Final, SpeechEvent
    from asr.listener import Listener
    from nabra.ears import listener_settings, offline_recogniser
    from telephony.audio import read_audio

    settings = config.load(args.config)
    language = language_of(args.language, settings)
    engine = offline_recogniser(settings, language)
    listening = listener_settings(settings)

    def transcribe(path: Path) -> None:
        pcm = read_audio(path)
        texts: list[str] = []

        def hear(event: SpeechEvent) -> None:
            if isinstance(event, Final) and event.text:
                texts.append(event.text)

        started_s = time.process_time()
        listener = Listener(InlineDecoder(engine), listening, hear)
        for start in range(0, len(pcm), 160):
            listener.push(pcm[start : start + 160])
        listener.force_final()
        listener.close()
        cpu_s = time.process_time() - started_s
        text = " ".join(texts)
        if args.json:
            row = {"file": str(path), "text": text, "seconds": len(pcm) / 8000, "cpu_s": round(cpu_s, 4)}
            print_json(row)
        else:
            print(f"{path}: {text}", flush=True)

    return each_file(args.files, "transcribing", transcribe)
