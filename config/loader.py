"""Reads a configuration and everything it names, and reports all that is wrong with it at once."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from config.crosscheck import as_read, cross_problems
from config.customers import CustomersUnreadable, read_customers
from config.errors import ConfigError, Position, Problem
from config.nodes import read_nodes
from config.schema import Config, Intent, IntentFile, IntentSet, Pbx, Secret
from config.walker import Walker

SHIPPED = Path(__file__).resolve().parent / "defaults" / "nabra.yaml"
"""The configuration that comes with Nabra."""


_PASSWORDS = ("secret", "secret_file", "secret_env")


def load(path: str | os.PathLike[str] | None = None) -> Config:
    """The configuration in a YAML file, checked.

    Parameters
    ----------
    path : the file; None is the one that comes with Nabra. Relative paths inside count from its folder.

    Raises
    ------
    ConfigError
        Carrying every problem in the file, in the intent files and in the recordings it names.
    """
    file = SHIPPED if path is None else Path(path)
    walker = Walker(file)
    read: Any = walker.walk(read_nodes(file), Config)
    problems, places = walker.problems, walker.places
    if read is None:
        raise ConfigError(problems)
    config: Config = dataclasses.replace(
        read,
        source=file,
        places=places,
        pbx=tuple(
            _with_secret(pbx, f"pbx[{i}]", places, problems) for i, pbx in enumerate(read.pbx) if pbx is not None
        ),
        intents=_gather(read.intents, places, problems),
    )
    config = dataclasses.replace(config, customers=_with_book(config.customers, config.languages, places, problems))
    problems += cross_problems(config, walker.faulty)
    if problems:
        raise ConfigError(sorted(problems, key=lambda problem: as_read(problem.position, file)))
    return dataclasses.replace(config, fingerprint=_fingerprint(config))


def _with_secret(pbx: Pbx, path: str, places: Mapping[str, Position], problems: list[Problem]) -> Pbx:
    place = places[path]
    written = [places[f"{path}.{name}"] for name in _PASSWORDS if f"{path}.{name}" in places]
    given = [name for name in _PASSWORDS if getattr(pbx, name) is not None]
    if not given and any(problem.position in written for problem in problems):
        return pbx  # it has one, and what is wrong with it was said
    if len(given) != 1:
        message = f"this PBX has {' and '.join(given)}" if given else "this PBX has no password"
        problems.append(Problem(place, message, "exactly one of secret_file, secret_env, secret"))
        return pbx
    if pbx.secret_file is not None:
        try:
            lines = pbx.secret_file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            message = f"the password file {pbx.secret_file} cannot be read: {reason}"
            problems.append(Problem(place, message, "a readable file whose first line is the password"))
            return pbx
        return dataclasses.replace(pbx, secret=_usable(lines[0] if lines else "", place, problems))
    if pbx.secret_env is not None:
        value = os.environ.get(pbx.secret_env)
        return pbx if value is None else dataclasses.replace(pbx, secret=_usable(value, place, problems))
    return dataclasses.replace(pbx, secret=_usable(pbx.secret or "", place, problems))


def _with_book(customers: Any, languages: Any, places: Mapping[str, Position], problems: list[Problem]) -> Any:
    if customers is None or customers.file is None:
        return customers
    known = [language for language in languages or () if language is not None]
    try:
        book = read_customers(customers.file, known, customers.country_code)
    except CustomersUnreadable as error:
        place = places["customers.file"]
        problems.append(Problem(place, str(error), "a CSV file with the columns number and language, in UTF-8"))
        return customers
    return dataclasses.replace(customers, book=book)


def _usable(secret: str, place: Position, problems: list[Problem]) -> Secret:
    # A line break would end the login action on the wire and begin another.
    if not secret.strip() or not secret.isprintable():
        problems.append(Problem(place, "the password is empty or has unprintable characters", "one line of text"))
    return Secret(secret)


def _gather(declared: Any, places: dict[str, Position], problems: list[Problem]) -> IntentSet:
    """The intents of every file, in the order of the files; their places are added to `places`."""
    intents: list[Intent] = []
    for i, file in enumerate(declared.files):
        if file is None:
            continue
        walker = Walker(file)
        try:
            content = walker.walk(read_nodes(file), IntentFile)
        except ConfigError as error:
            problems += (
                error.problems
                if file.is_file()
                else [
                    Problem(
                        places[f"intents.files[{i}]"],
                        f"{file} {error.problems[0].message}",
                        "a file of intents",
                    )
                ]
            )
            continue
        problems += walker.problems
        if content is None:
            continue
        for intent in (content.intents or {}).values():
            if intent is None:
                continue
            intents.append(dataclasses.replace(intent, language=content.language))
        places.update(
            (path.replace("intents.", f"intents.{content.language}.", 1), place)
            for path, place in walker.places.items()
            if path.startswith("intents.")
        )
    gathered: IntentSet = dataclasses.replace(declared, intents=tuple(intents))
    return gathered


def in_shadow(config: Config) -> Config:
    """Return the configuration that decides the same and sends every call to the default: another fingerprint."""
    shadowed = dataclasses.replace(config, shadow=True)
    return dataclasses.replace(shadowed, fingerprint=_fingerprint(shadowed))


def _fingerprint(config: Config) -> str:
    folder = config.source.parent if config.source is not None else Path()
    content = json.dumps(_plain(config, folder), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()


def _plain(value: Any, folder: Path) -> Any:
    """A value as JSON can hold it: passwords left out, recordings as the hash of what they say."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [f for f in dataclasses.fields(value) if f.compare and f.name != "fingerprint"]
        said = [f.name for f in fields if not f.metadata.get("silent") or getattr(value, f.name)]
        return {name: _plain(getattr(value, name), folder) for name in said}
    if isinstance(value, Mapping):
        return {str(key): _plain(item, folder) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item, folder) for item in value]
    if isinstance(value, Secret):
        return None
    if isinstance(value, Path):
        if value.suffix.lower() == ".wav" and value.is_file():
            return hashlib.sha256(value.read_bytes()).hexdigest()
        return str(value.relative_to(folder)) if value.is_relative_to(folder) else str(value)
    return value.value if isinstance(value, Enum) else value
