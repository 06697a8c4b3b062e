"""`nabra intent [TEXT...]`: what a caller who says this wants; with --report what the examples themselves lack."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from nabra.commands.files import language_of, print_json
from nabra.errors import NabraError


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "intent",
        help="say where texts would be sent, or with --report what is wrong with the examples",
        description="Say what a caller wants who says these texts, one a line of standard input where none is given. "
        "With --json: {text, destination, intent, probability, probabilities}; the text is as the classifier saw it, "
        "digits removed; the probabilities are of the destinations. Without it an intent is shown by its name, as "
        "rules and records have it, and by its label in the text's language. Below what a caller who has finished "
        "needs it says unsure: such a caller is asked once, and then a person answers. "
        "With --report: how many of the configuration's own examples would go where they should had they not been "
        "learnt, which intents are confused, which examples hurt, and where examples lack; with --json one object.",
    )
    parser.add_argument("texts", metavar="TEXT", nargs="*", help="what the caller says (default: standard input)")
    parser.add_argument("--config", type=Path, default=None, help="configuration (default: the shipped one)")
    parser.add_argument(
        "--language",
        default=None,
        help="language of the texts (default: Arabic where the letters are, else the config's)",
    )
    parser.add_argument("--report", action="store_true", help="judge the examples of the configuration")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print one line a text, or the report."""
    return _report(args) if args.report else _read(args)


def _report(args: argparse.Namespace) -> int:
    from rich.console import Console

    import config
    from nabra.generations import fit, report_of
    from nabra.intent_view import as_json, view
    from nabra.printed import columns

    if args.texts:
        raise NabraError("--report judges the examples of the configuration, and takes no texts")
    settings = config.load(args.config)
    report = report_of(fit(settings, number=1))
    if args.json:
        print_json(as_json(report, settings.places))
    else:
        Console(highlight=False, markup=False, soft_wrap=True).print(
            view(report, settings.places, columns(), settings.intents.labels())
        )
    return 0


def _read(args: argparse.Namespace) -> int:
    import config
    from nabra.generations import load
    from nabra.printed import columns, isolated
    from nabra.whatif import reader_of
    from router.decider import FEW_WORDS, strict
    from router.redact import redact
    from router.understanding import leading_intent

    if args.texts and not any(text.strip() for text in args.texts):
        raise NabraError(_NOTHING)
    if not args.texts and sys.stdin.isatty():
        print("one text a line; Ctrl-D ends", file=sys.stderr)
    on_terminal = columns() is not None
    settings = config.load(args.config)
    generation = load(settings, number=1).generation
    decision = settings.decision
    sentence = reader_of(generation)
    count = 0
    for text in _texts(args.texts, sys.stdin):
        count += 1
        seen = redact(text)
        arabic = args.language is None and "ar" in settings.languages and _ARABIC.search(text)
        language = "ar" if arabic else language_of(args.language, settings)
        read = sentence if generation.encoder_of(language) else None
        posterior = generation.understand(seen, language, None if read is None else read(seen, language))
        destination, probability = posterior.strongest()
        intent = leading_intent(posterior, posterior.hard, generation, language, destination)
        if args.json:
            print_json(
                {
                    "text": seen,
                    "destination": destination or None,
                    "intent": intent,
                    "probability": round(probability, 4),
                    "probabilities": {name: round(p, 4) for name, p in posterior.by_destination.items()},
                }
            )
        else:
            short = 0 < posterior.words <= FEW_WORDS and not posterior.key_phrase and destination != settings.default
            needed = strict(generation) if short else decision.threshold
            unsure = "" if probability >= needed else f"   (unsure: {needed:.0%} is needed)"
            about = generation.speaker.intent(intent, language) if intent else "-"
            where = f"{destination or '-':<14} {intent or '-':<18} {about:<24}"
            line = f"{probability:6.1%}  {where} {seen or '(no words)'}{unsure}"
            print(isolated(line) if on_terminal else line, flush=True)
    if not count:
        raise NabraError(_NOTHING)
    return 0


_NOTHING = (
    'there is nothing to read: give what a caller says, in quotes (nabra intent "my bill is wrong"), or one text a '
    "line on standard input"
)


_ARABIC = re.compile("[\u0621-\u064a]")


def _texts(given: list[str], lines: Iterable[str]) -> Iterator[str]:
    yield from given or (line.strip() for line in lines if line.strip())
