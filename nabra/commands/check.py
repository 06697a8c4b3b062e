"""`nabra check CONFIG`: is a configuration right, and is it wise?"""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import Position

if TYPE_CHECKING:
    from config.schema import Config
    from router.generation import Generation

SHOWN_OF_A_KIND = 3
"""Remarks on examples may be many: so many of each kind are told here, all in `nabra intent --report`."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to say about a configuration; an error where it cannot be used, else a warning."""

    error: bool
    position: Position | None
    text: str
    expected: str = ""
    nearest: str | None = None
    advice: str = ""

    def __str__(self) -> str:
        """Return the remark as compilers do: file:line:column: what."""
        place = f"{self.position}: " if self.position else ""
        text = f"{place}{'error' if self.error else 'warning'}: {self.text}"
        if self.expected:
            text += f"; expected {self.expected}"
        if self.nearest is not None:
            text += f"; did you mean '{self.nearest}'?"
        return f"{text}; {self.advice}" if self.advice else text

    def wrapped(self, width: int) -> str:
        """Return the same for people, in lines of at most `width` columns where words allow it."""
        head = f"{self.position}: " if self.position else ""
        rest = str(self)[len(head) :]
        if len(head) + len(rest) <= width:
            return head + rest
        level, _, said = rest.partition(": ")
        lines = textwrap.wrap(said, max(width - 4, 20), break_long_words=False, break_on_hyphens=False)
        return "\n    ".join([f"{head}{level}:", *lines])

    def as_json(self) -> dict[str, object]:
        """Return {level, file, line, column, message, expected, nearest, advice}."""
        return {
            "level": "error" if self.error else "warning",
            "file": str(self.position.file) if self.position else None,
            "line": self.position.line if self.position else None,
            "column": self.position.column if self.position else None,
            "message": self.text,
            "expected": self.expected or None,
            "nearest": self.nearest,
            "advice": self.advice or None,
        }


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "check",
        help="check a configuration before it is used",
        description="Read a configuration with all its files, compile its rules and learn its intents. Every "
        "error is told with file, "
        "line and column, what was expected and the nearest valid name; what is allowed but unwise is a "
        "warning. Where it can be used, hours, holidays and what early decisions need are shown as well. Exit "
        "status 0 where it can be used. With --json: "
        "{level, file, line, column, message, expected, nearest, advice}.",
    )
    parser.add_argument(
        "configs", metavar="CONFIG", nargs="*", type=Path,
        help="YAML file, or a folder with a nabra.yaml (default: the shipped one)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Check every configuration; 1 where one cannot be used."""
    import config as configuration

    failed = 0
    for path in args.configs or [configuration.SHIPPED]:
        generation, remarks = _compiled(path)
        if generation is not None:
            remarks = list(_thoughts(generation))
        errors = sum(remark.error for remark in remarks)
        failed += errors > 0
        for remark in remarks:
            print(json.dumps(remark.as_json(), ensure_ascii=False) if args.json else _for_people(remark), flush=True)
        if not args.json:
            if generation is not None and not errors:
                print("".join(f"{line}\n" for line in _summary(generation)), end="")
            warnings = len(remarks) - errors
            verdict = f"cannot be used: {errors} to mend" if errors else "can be used"
            print(f"{path}: {verdict}" + (f", {warnings} to think about" if warnings else ""))
    return 1 if failed else 0


def _for_people(remark: Remark) -> str:
    """One line for other programs; on a terminal, lines that fit it."""
    from nabra.printed import columns, isolated

    width = columns()
    return str(remark) if width is None else isolated(remark.wrapped(width))


def _summary(generation: Generation) -> Iterable[str]:
    """What the configuration says of time, as its rules will read it, and what was learnt for early decisions."""
    from router.hours import describe

    yield from describe(generation.config)
    for language in generation.config.languages:
        yield f"early decisions in {language}: {_early(generation, language)}"


def _early(generation: Generation, language: str) -> str:
    """How sure the words of a language must be while the caller still speaks, wherever that changes, and why."""
    from router.stopping import NEVER

    decision, learnt = generation.config.decision, generation.early.get(language)
    told: list[str] = []
    last: float | None = None
    for words in range(decision.min_words, max(decision.min_words, len(learnt.needed) if learnt else 0) + 1):
        needed = generation.early_threshold(language, words)
        if needed != last:
            told.append(f"{needed:.3g} sure after {words} words" if needed < NEVER else f"none after {words} words")
        last = needed
    if decision.early_threshold is not None:
        why = "early_threshold says so"
    elif learnt is None:
        why = "no examples to learn from"
    else:
        why = (
            "learnt from your examples" if learnt.learnt else "too few examples, or too unlike, to promise early_error"
        )
    return f"{', '.join(told)} ({why})"


def examine(path: Path) -> Iterable[Remark]:
    """Yield everything there is to say about the configuration in a file or a folder."""
    generation, errors = _compiled(path)
    yield from errors if generation is None else _thoughts(generation)


def _compiled(path: Path) -> tuple[Generation | None, list[Remark]]:
    """Return what calls would be decided with, or None and why it cannot be used."""
    import config as configuration
    from nabra.errors import NabraError
    from nabra.generations import fit
    from nabra.whatif import config_file
    from router.errors import RouterError, RulesError

    try:
        return fit(configuration.load(config_file(path)), number=1), []
    except (configuration.ConfigError, RulesError) as error:
        return None, [Remark(True, one.position, one.message, one.expected, one.nearest) for one in error.problems]
    except (RouterError, NabraError) as error:
        return None, [Remark(True, None, str(error))]


def _thoughts(generation: Generation) -> Iterable[Remark]:
    """Yield what is to be said of a configuration whose rules compile."""
    import config as configuration
    from asr.engines import EngineKind, create_engine
    from asr.errors import AsrError
    from asr.trial import try_engine
    from nabra.ears import speech_specs, unheard_words
    from nabra.generations import report_of
    from nabra.sentence_encoder import INSTALL, encoder_for, installed, trouble
    from nabra.tone_figures import unwise
    from nabra.tone_licences import forbidding_of
    from router.overlap import idle_rules

    config = generation.config
    rules = generation.rules.rules
    for language, spec in speech_specs(config).items():
        try:
            create_engine(spec)
            # What a model knows is in the model, and reading one may end a process: another one reads it.
            listens = spec.phrases and (spec.kind is EngineKind.VOSK or spec.crowded is not None)
            unknown = try_engine(spec).facts.unknown_words if listens else ()
        except AsrError as error:
            yield Remark(True, config.places.get(f"speech.models.{language}"), str(error))
            continue
        for where, word in unheard_words(config, language, unknown):
            what = (
                f"the recogniser of '{language}' does not know the word '{word}', so it cannot listen for this phrase"
            )
            yield Remark(False, config.places.get(where), what, advice="say it in words that the model knows")
    for where, what, advice in unwise(config.tone, rules) if config.tone.enabled else ():
        place = config.places.get(where, config.places.get("tone"))
        yield Remark(False, place, what, advice=advice)
    if config.tone.enabled and config.tone.model is not None:
        for what, advice in forbidding_of(config.tone.model):
            yield Remark(False, config.places.get("tone.model"), what, advice=advice)
    for idle in idle_rules(rules, config):
        place = config.places.get(f"rules[{idle.place}].when")
        yield Remark(False, place, idle.message, advice=idle.advice)
    for warning in configuration.check(config, datetime.now(UTC).date()):
        yield Remark(False, warning.position, warning.message, advice=warning.advice)
    problem = trouble(config) if installed() else ""  # that it is not installed is among what was told above
    if encoder_for(config) is not None and not any(map(generation.encoder_of, config.languages)):
        problem = "learnt nothing from your examples"
    if problem:
        what = f"the sentence encoder {problem}: what callers say will be read by its words alone"
        yield Remark(False, _place(config, "intents.sentence_encoder"), what, advice=INSTALL)
    told = report_of(generation).remarks
    for _, kind in groupby(told, key=lambda remark: remark.kind):
        remarks = list(kind)
        for remark in remarks[:SHOWN_OF_A_KIND]:
            yield Remark(False, _place(config, remark.place), remark.message, advice=remark.advice)
        more = len(remarks) - SHOWN_OF_A_KIND
        if more > 0:
            place = _place(config, remarks[SHOWN_OF_A_KIND].place)
            yield Remark(False, place, f"and {more} more like these", advice="see `nabra intent --report`")


def _place(config: Config, path: str) -> Position | None:
    """Where something stands, or else what it belongs to."""
    while path and path not in config.places:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return config.places.get(path)
