"""What no single value shows: names that must agree, recordings that must exist, times that must fit.

Every function yields problems and assumes nothing about what the walker could not read: such a value is
None here and was reported already.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any
from unicodedata import category

from config.errors import Position, Problem
from config.nearest import nearest
from config.prompts import FORMAT, prompt_fault
from config.schema import TOLD_IN, Config, DestinationKind, SpeechEngine
from config.zones import UnknownZone, zone_of

LONGEST_LABEL = 64
"""In characters: half of what an agent's telephone is sent for a call."""

MOST_LINES = 20
"""Of one file, that are told of an unknown name; there may be hundreds."""


def as_read(place: Position, main: Path | None) -> tuple[bool, str, int, int]:
    """Where a place comes when a configuration is read: its main file first, each from its top."""
    return place.file != main, str(place.file), place.line, place.column


def cross_problems(config: Config, faulty: Collection[str] = ()) -> list[Problem]:
    """Every problem that takes two places to see.

    Parameters
    ----------
    config : what could be read; None stands where something could not.
    faulty : paths of the values in which there is a problem already.
    """
    checker = _Checker(config, faulty)
    return [
        *checker.destinations(),
        *checker.languages(),
        *checker.prompts(),
        *checker.network(),
        *checker.models(),
        *checker.intents(),
        *checker.labels(),
        *checker.calendar(),
        *checker.rules(),
        *checker.times(),
        *checker.unknown_names(),
    ]


def _folders(parent: Path) -> list[str]:
    """Names of the folders in a folder, none where there is no such folder or it may not be read."""
    try:
        return sorted(child.name for child in parent.iterdir() if child.is_dir())
    except OSError:
        return []


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


class _Checker:
    def __init__(self, config: Config, faulty: Collection[str]) -> None:
        self.config: Any = config  # not a Config in earnest yet: what could not be read is None in it
        self.faulty = faulty
        self.known_languages = [language for language in config.languages or () if language is not None]
        self.known_destinations = list(config.destinations or {})
        self._unknown: dict[tuple[str, str], tuple[list[str], list[Position]]] = {}

    def place(self, path: str) -> Position:
        """Where a value stands, or else the section that lacks it."""
        while path and path not in self.config.places:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        found: Position = self.config.places.get(path, Position(self.config.source or Path(), 1, 1))
        return found

    def problem(self, path: str, message: str, expected: str = "", near: str | None = None) -> Problem:
        return Problem(self.place(path), message, expected, near)

    def unknown(self, path: str, what: str, name: str | None, known: Iterable[str]) -> None:
        """Note a name that may be unknown; `unknown_names` tells all the places of one together."""
        known = list(known)
        if name is not None and known and name not in known:
            self._unknown.setdefault((what, name), (known, []))[1].append(self.place(path))

    def unknown_names(self) -> Iterator[Problem]:
        """One problem for each name, at the first place that has it: renaming one thing is one mistake."""
        for (what, name), (known, places) in self._unknown.items():
            first, *more = sorted(set(places), key=lambda place: as_read(place, self.config.source))
            message = f"unknown {what} '{name}'{self._more(first, more)}"
            yield Problem(first, message, "one of " + ", ".join(known), nearest(name, known))

    def _more(self, first: Position, more: Iterable[Position]) -> str:
        lines: dict[Path, list[int]] = {}
        for place in more:
            lines.setdefault(place.file, []).append(place.line)
        if not lines:
            return ""
        told = []
        for file, found in lines.items():
            shown = ", ".join(map(str, found[:MOST_LINES])) + (", ..." if len(found) > MOST_LINES else "")
            where = "" if file == first.file else f" of {file.name}"
            told.append(f"line{'s' if len(found) > 1 else ''} {shown}{where}")
        count = sum(map(len, lines.values()))
        places = "1 more place names" if count == 1 else f"{count} more places name"
        return f" (and {places} it: {'; '.join(told)})"

    def destinations(self) -> Iterator[Problem]:
        config = self.config
        if config.destinations is not None and not config.destinations:
            yield self.problem("destinations", "there are no destinations", "at least the one named by default")
        self.unknown("default", "destination", config.default, self.known_destinations)
        for key, name in (config.keys or {}).items():
            self.unknown(f"keys.{key}", "destination", name, self.known_destinations)
            if key == config.notice.tone_off_key:
                yield self.problem(f"keys.{key}", f"key '{key}' turns the analysis of tone off already", "another key")
        for name, destination in (config.destinations or {}).items():
            if destination is None:
                continue
            path = f"destinations.{name}"
            if destination.kind is DestinationKind.SELF_SERVICE:
                if name == config.default:
                    yield self.problem(
                        "default", f"'{name}' is self-service", "people, for callers who are not understood"
                    )
            elif destination.queue is None:
                yield self.problem(path, f"'{name}' has no queue", "queue: the name of its queue in the PBX")

    def languages(self) -> Iterator[Problem]:
        config, known = self.config, self.known_languages
        if config.languages is not None and not config.languages:
            yield self.problem("languages", "no language is given", "at least the default language")
        self.unknown("default_language", "language", config.default_language, known)
        for i, line in enumerate(config.lines or ()):
            if line is not None:
                self.unknown(f"lines[{i}].language", "language", line.language, known)
        numbers = [line.number for line in config.lines or () if line is not None]
        for i, number in enumerate(numbers):
            if number in numbers[:i]:
                yield self.problem(f"lines[{i}].number", f"number '{number}' stands in two lines")
        for language in config.speech.models:
            self.unknown(f"speech.models.{language}", "language", language, known)
        tables: dict[str, Mapping[str, object]] = {
            "notice.prompts": config.notice.prompts,
            "notice.ask": config.notice.ask,
        }
        for name, destination in (config.destinations or {}).items():
            if destination is not None:
                tables[f"destinations.{name}.prompts"] = destination.prompts
        tables.update({path: label for path, label in self.labelled() if not path.startswith("intents.")})
        for path, table in tables.items():
            for language in table:
                self.unknown(f"{path}.{language}", "language", language, known)

    def labelled(self) -> Iterator[tuple[str, Mapping[str, str | None]]]:
        """The labels of everything that has some, with their paths."""
        config = self.config
        sections = {"destinations": config.destinations, "holidays": config.holidays, "skills": config.skills}
        for section, named in sections.items():
            for name, one in (named or {}).items():
                if one is not None and one.label:
                    yield f"{section}.{name}.label", one.label
        for intent in config.intents.intents:
            if intent.label:
                yield f"intents.{intent.language}.{intent.name}.label", intent.label

    def labels(self) -> Iterator[Problem]:
        """What people could not read; and labels of one intent that differ from file to file."""
        told: dict[tuple[str, str], tuple[str, str]] = {}
        for path, label in self.labelled():
            for language, text in label.items():
                if text is None:
                    continue
                place, of_intent = f"{path}.{language}", path.startswith("intents.")
                # A pack of examples may be shared by sites that answer in fewer languages.
                if of_intent and language not in TOLD_IN:
                    self.unknown(place, "language", language, self.known_languages)
                if not text.strip() or any(category(letter) in ("Cc", "Zl", "Zp") for letter in text):
                    yield self.problem(place, "the label is empty or has a line break in it", "a few words in one line")
                elif len(text) > LONGEST_LABEL:
                    longest = f"at most {LONGEST_LABEL} characters"
                    yield self.problem(place, f"the label is {len(text)} characters long", longest)
                if not of_intent:
                    continue
                name = path.split(".")[2]
                other, said = told.setdefault((name, language), (place, text))
                if said != text:
                    yield self.problem(
                        place,
                        f"'{name}' has another label in {language} already: '{said}', in {self.place(other)}",
                        "the same, or none here",
                    )

    def prompts(self) -> Iterator[Problem]:
        config = self.config
        for language in self.known_languages:
            model = config.speech.models.get(language)
            heard = config.tone.enabled or (model is not None and model.engine is not SpeechEngine.NONE)
            if heard and language not in config.notice.prompts:
                what = "tone is on" if config.tone.enabled else "words are recognised"
                yield self.problem(
                    "notice.prompts",
                    f"{what}, but callers in '{language}' get no notice",
                    f"{language}: {FORMAT}",
                )
            if config.decision.ask and language not in config.notice.ask:
                yield self.problem(
                    "notice.ask",
                    f"decision.ask is true, but there is no question in '{language}'",
                    f"{language}: {FORMAT}",
                )
        tables = {"notice.prompts": config.notice.prompts, "notice.ask": config.notice.ask}
        for name, destination in (config.destinations or {}).items():
            if destination is None:
                continue
            tables[f"destinations.{name}.prompts"] = destination.prompts
            if destination.kind is DestinationKind.SELF_SERVICE:
                for language in self.known_languages:
                    if language not in destination.prompts:
                        yield self.problem(
                            f"destinations.{name}.prompts",
                            f"'{name}' has nothing to say in '{language}'",
                            f"{language}: {FORMAT}",
                        )
        for path, table in tables.items():
            for language, file in table.items():
                fault = prompt_fault(file) if file is not None else None
                if fault is not None:
                    yield self.problem(f"{path}.{language}", fault, FORMAT)

    def network(self) -> Iterator[Problem]:
        config = self.config
        for i, network in enumerate(config.listen.allow):
            if network is None:
                continue
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                yield self.problem(
                    f"listen.allow[{i}]",
                    f"'{network}' is no network: {error}",
                    "an address such as 10.0.0.7 or a network such as 10.0.0.0/24",
                )
        names = [pbx.name for pbx in config.pbx if pbx is not None]
        for i, name in enumerate(names):
            if name is not None and name in names[:i]:
                yield self.problem(f"pbx[{i}].name", f"two PBXs are called '{name}'", "a name for each")
        health, listen = config.health, config.listen
        if health.port and (health.host, health.port) == (listen.host, listen.port):
            yield self.problem("health.port", "listen has the same address and port", "another port")

    def models(self) -> Iterator[Problem]:
        for language, model in self.config.speech.models.items():
            if model is None or model.engine is None:
                continue
            path = f"speech.models.{language}"
            if model.engine is SpeechEngine.VOSK:
                if model.path is None:
                    yield self.problem(path, "Vosk needs the directory of a model", "path: its directory")
                elif not model.path.is_dir():
                    near = nearest(model.path.name, _folders(model.path.parent))
                    no_such = f"there is no directory {model.path}"
                    yield self.problem(f"{path}.path", no_such, "an unpacked Vosk model (`nabra models fetch`)", near)
            elif model.path is not None:
                yield self.problem(f"{path}.path", f"engine {model.engine} takes no path", "engine: vosk, or no path")
            for name in ("final_path", "crowded"):
                folder = getattr(model, name)
                if folder is not None and not folder.is_dir():
                    near = nearest(folder.name, _folders(folder.parent))
                    yield self.problem(f"{path}.{name}", f"there is no directory {folder}", "a model's directory", near)
            if model.final_path is not None and model.final is None:
                yield self.problem(f"{path}.final_path", "no engine is named to use it", "final: whisper")
            if model.engine is SpeechEngine.NONE and (model.final is not None or model.crowded is not None):
                yield self.problem(path, "engine none hears nothing, so there is nothing to hear again", "an engine")
            if model.final is not None and model.final_path is None and language != "en":
                yield self.problem(
                    f"{path}.final",
                    f"the Whisper model that can be installed knows no '{language}'",
                    "final_path: the directory of one that does, in the format of faster-whisper",
                )
            if model.engine is SpeechEngine.MOONSHINE and language != "en":
                yield self.problem(f"{path}.engine", f"moonshine knows no '{language}'", "vosk or none")
        tone = self.config.tone.model
        if tone is not None and not tone.is_file():
            made_by = "an ONNX file from nabra train, or null"
            yield self.problem("tone.model", f"there is no file {tone}", made_by)

    def intents(self) -> Iterator[Problem]:
        seen: set[tuple[str, str]] = set()
        homes: dict[str, str] = {}
        for intent in self.config.intents.intents:
            path = f"intents.{intent.language}.{intent.name}"
            self.unknown(f"{path}.destination", "destination", intent.destination, self.known_destinations)
            if (intent.language, intent.name) in seen:
                yield self.problem(
                    path,
                    f"intent '{intent.name}' stands twice for '{intent.language}'",
                    "once for each language",
                )
            seen.add((intent.language, intent.name))
            if intent.destination not in self.known_destinations:
                continue
            home = homes.setdefault(intent.name, intent.destination)
            if home != intent.destination:
                yield self.problem(
                    f"{path}.destination",
                    f"'{intent.name}' goes to '{home}' in another language",
                    "the same destination in every language",
                )
        for language in dict.fromkeys(intent.language for intent in self.config.intents.intents):
            self.unknown(f"intents.{language}", "language", language, self.known_languages)

    def rules(self) -> Iterator[Problem]:
        names: dict[str, int] = {}
        for i, rule in enumerate(self.config.rules or ()):
            if rule is None:
                continue
            if rule.name is not None and rule.name in names:
                yield self.problem(f"rules[{i}].name", f"two rules are called '{rule.name}'", "a name for each")
            names[rule.name] = i
            if rule.when is not None and not rule.when.strip():
                yield self.problem(f"rules[{i}].when", "the condition is empty", "true, if the rule always holds")
            if rule.then is None:
                continue
            yield from self.action(f"rules[{i}].then", rule.then)

    def action(self, path: str, action: Any) -> Iterator[Problem]:
        for key in ("route", "never"):
            self.unknown(f"{path}.{key}", "destination", getattr(action, key), self.known_destinations)
        for key in ("require", "prefer"):
            skill = getattr(action, key)
            if skill is not None and not self.config.skills:
                lacking = f"unknown skill '{skill}': there are no skills"
                yield self.problem(f"{path}.{key}", lacking, f"it declared, as skills: {{{skill}: {{}}}}")
            else:
                self.unknown(f"{path}.{key}", "skill", skill, self.config.skills)
        if action.never is not None and action.never == self.config.default:
            yield self.problem(
                f"{path}.never",
                f"'{action.never}' is the default: a call that may not go there might have nowhere to go",
                "another destination, or another default",
            )
        if action.never is not None and action.never == action.route:
            yield self.problem(
                f"{path}.never", f"the rule both routes to '{action.route}' and forbids it", "one of them"
            )
        if action.prefer_agent is not None and not action.prefer_agent.last_agent:
            yield self.problem(f"{path}.prefer_agent", "no agent is preferred", "last_agent: true, or no prefer_agent")
        does = (action.route, action.never, action.require, action.prefer, action.prefer_agent)
        nothing = all(one is None for one in does) and not action.raise_minutes and not action.ask
        if nothing and path not in self.faulty:  # what is written there may be what could not be read
            yield self.problem(
                path, "the rule does nothing", "route, never, raise_minutes, require, prefer, prefer_agent or ask"
            )

    def zone(self, path: str, name: str | None) -> Iterator[Problem]:
        try:
            zone_of("UTC" if name is None else name)
        except UnknownZone as error:
            yield self.problem(path, str(error), error.expected, error.nearest)

    def calendar(self) -> Iterator[Problem]:
        config = self.config
        yield from self.zone("time_zone", config.time_zone)
        for i, line in enumerate(config.lines or ()):
            if line is not None:
                yield from self.zone(f"lines[{i}].time_zone", line.time_zone)
        for name, hours in config.hours.items():
            if hours is None:
                continue
            path = f"hours.{name}"
            yield from self.zone(f"{path}.time_zone", hours.time_zone)
            if hours.open is not None and not hours.open:
                yield self.problem(f"{path}.open", f"'{name}' is never open", "days and times")
            for i, span in enumerate(hours.open or ()):
                if span is None:
                    continue
                for key in ("days", "times"):
                    if getattr(span, key) == ():
                        yield self.problem(f"{path}.open[{i}].{key}", f"'{name}' is open on no {key}", f"its {key}")
                for n, times in enumerate(span.times or ()):
                    if times is not None and len(set(times.split("-"))) == 1:
                        place, all_day = f"{path}.open[{i}].times[{n}]", "00:00-24:00, if it is the whole day"
                        yield self.problem(place, f"'{times}' begins and ends at the same time", all_day)
        for name, holiday in config.holidays.items():
            if holiday is None:
                continue
            if holiday.dates == ():
                yield self.problem(f"holidays.{name}.dates", f"'{name}' is on no date", "its dates")
            for i, written in enumerate(holiday.dates or ()):
                # 2000 is a leap year: a yearly 02-29 is a date in some years.
                if written is not None and not _is_date(written if len(written) > 5 else f"2000-{written}"):
                    yield self.problem(f"holidays.{name}.dates[{i}]", f"there is no day {written}", "a date there is")

    def times(self) -> Iterator[Problem]:
        speech, decision = self.config.speech, self.config.decision
        if speech.speculative_ms >= speech.endpoint_ms:
            yield self.problem(
                "speech.speculative_ms",
                f"{speech.speculative_ms} ms is not before endpoint_ms",
                f"less than {speech.endpoint_ms}",
            )
        sure_ms, hesitation_ms = speech.endpoint_sure_ms, speech.endpoint_hesitation_ms
        if sure_ms is not None and not speech.speculative_ms <= sure_ms <= speech.endpoint_ms:
            yield self.problem(
                "speech.endpoint_sure_ms",
                f"{sure_ms} ms is not between speculative_ms and endpoint_ms",
                f"{speech.speculative_ms} to {speech.endpoint_ms}, or null",
            )
        if hesitation_ms is not None and hesitation_ms < speech.endpoint_ms:
            yield self.problem(
                "speech.endpoint_hesitation_ms",
                f"{hesitation_ms} ms is less than endpoint_ms",
                f"at least {speech.endpoint_ms}, or null",
            )
        if decision.early_threshold is not None and decision.early_threshold < decision.threshold:
            yield self.problem(
                "decision.early_threshold",
                "deciding early would need less than deciding late",
                f"at least decision.threshold, {decision.threshold:g}, or null",
            )
