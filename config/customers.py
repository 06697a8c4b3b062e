"""The customer record: which language a known number wants, and who served it last, from a CSV file with a heading.

Columns `number` and `language` are read, and `last_agent` where there is one, in any order; others may stand beside
them and are left alone. A bad row is reported with its line and skipped. The book that comes of it shows nothing of
what is in it: what a number wants is told to whoever knows the number already.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from config.errors import Position
from config.nearest import nearest

MAX_BYTES = 128 * 1024 * 1024
MAX_ROWS = 2_000_000
"""Security limits: two million customers are read in some seconds and take some 300 MB."""

COLUMNS = ("number", "language")
LAST_AGENT = "last_agent"
_AGENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./@-]{0,63}")
"""What the PBX calls an agent: a name, a number, or an interface such as PJSIP/1001."""
_FEWEST_DIGITS = 3
_MOST_DIGITS = 20
_MOST_FAULTS = 100
_PUNCTUATION = frozenset(" -().\u00a0\u2010\u2011\u200e\u200f\u202a\u202c'/")


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that is not used.

    Attributes
    ----------
    position : file, line and column 1.
    message : what is wrong with it, without the number.
    expected : what would have been right.
    nearest : the valid language most like the one found, or None.
    """

    position: Position
    message: str
    expected: str = ""
    nearest: str | None = None


class CustomersUnreadable(Exception):
    """The file cannot be used at all; the loader makes a Problem of it."""


class CustomerBook:
    """Languages and last agents by number.

    Parameters
    ----------
    languages : language codes by number in its canonical form.
    agents : likewise who served it last, as the PBX calls that agent; may lack most numbers.
    country_code : digits that stand for one leading 0 of a national number, None where there is none.
    faults : rows that are not used, the first hundred of them.
    skipped : how many rows are not used.
    """

    __slots__ = ("_agents", "_country_code", "_languages", "faults", "skipped")

    def __init__(
        self,
        languages: Mapping[str, str] = MappingProxyType({}),
        country_code: str | None = None,
        faults: tuple[Fault, ...] = (),
        skipped: int = 0,
        agents: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._languages = languages
        self._agents = agents
        self._country_code = country_code
        self.faults = faults
        self.skipped = skipped

    def __len__(self) -> int:
        """Return how many numbers it knows."""
        return len(self._languages)

    def __repr__(self) -> str:
        """Return how much it holds, and nothing of what."""
        return f"CustomerBook({len(self)} numbers)"

    def language_of(self, number: str) -> str | None:
        """Return the language that a number wants, None for one that is not known; a few microseconds."""
        found = canonical(number, self._country_code)
        return None if found is None else self._languages.get(found)

    def last_agent_of(self, number: str) -> str:
        """Return who served a number last, "" where that is not known; a few microseconds."""
        found = canonical(number, self._country_code)
        return "" if found is None else self._agents.get(found, "")


def canonical(number: str, country_code: str | None = None) -> str | None:
    """Return a telephone number as digits that are the same however it was written, None where it is none.

    Digits of any script count, and `+` and `00` in front are the same. With a country code, a single 0 in front
    stands for it: `0791234567` is `+962 79 123 4567` where it is 962.

    Parameters
    ----------
    number : as written or announced.
    country_code : digits, or None.
    """
    digits: list[str] = []
    plus = False
    for character in number.strip():
        if character.isdecimal():
            digits.append(str(int(character)))
        elif character == "+" and not digits:
            plus = True
        elif character not in _PUNCTUATION:
            return None
    text = "".join(digits)
    if not _FEWEST_DIGITS <= len(text) <= _MOST_DIGITS:
        return None
    if not plus and text.startswith("00"):
        return text[2:]
    if not plus and country_code is not None and text.startswith("0"):
        return country_code + text[1:]
    return text


def read_customers(file: Path, languages: Iterable[str], country_code: str | None = None) -> CustomerBook:
    """Read a customer record.

    Parameters
    ----------
    file : CSV in UTF-8, with a heading; commas, semicolons or tabs between.
    languages : that callers can be answered in.
    country_code : see `canonical`.

    Raises
    ------
    CustomersUnreadable
        The file cannot be read, or has no such columns.
    """
    known = list(languages)
    try:
        if file.stat().st_size > MAX_BYTES:
            raise CustomersUnreadable(f"{file} is larger than {MAX_BYTES >> 20} MiB")
        with file.open(encoding="utf-8-sig", newline="") as stream:
            heading = stream.readline()
            delimiter = max(",;\t", key=heading.count)
            names = [name.strip().lower() for name in next(csv.reader([heading], delimiter=delimiter), [])]
            missing = [name for name in COLUMNS if name not in names]
            if missing:
                raise CustomersUnreadable(f"{file}:1 has no column '{missing[0]}' in its heading")
            rows = csv.reader(stream, delimiter=delimiter)
            return _read_rows(file, rows, names, known, country_code)
    except OSError as error:
        raise CustomersUnreadable(f"{file} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise CustomersUnreadable(f"{file} is not UTF-8") from None
    except csv.Error as error:
        raise CustomersUnreadable(f"{file} is not CSV: {error}") from None


def _read_rows(
    file: Path, rows: Iterable[list[str]], names: list[str], known: list[str], country_code: str | None
) -> CustomerBook:
    number_at, language_at = names.index("number"), names.index("language")
    agent_at = names.index(LAST_AGENT) if LAST_AGENT in names else None
    codes = {language: language for language in known}
    found: dict[str, str] = {}
    agents: dict[str, str] = {}
    faults: list[Fault] = []
    skipped = 0
    for row in rows:
        line = 1 + rows.line_num  # type: ignore[attr-defined]  # a csv.reader; the heading was read before it
        if not any(cell.strip() for cell in row):
            continue
        fault: tuple[str, str, str | None] | None = None
        if len(row) <= max(number_at, language_at, agent_at or 0):
            fault = (f"the row has {len(row)} columns", f"{len(names)}, as the heading", None)
        else:
            language = row[language_at].strip().lower()
            number = canonical(row[number_at], country_code)
            agent = "" if agent_at is None else row[agent_at].strip()
            if number is None:
                fault = ("this is no telephone number", "3 to 20 digits", None)
            elif language not in codes:
                # What stands there is not shown: where columns are mixed up it is somebody's name or number.
                near = nearest(language, known) or next((code for code in known if language.startswith(code)), None)
                fault = ("unknown language", "one of " + ", ".join(known), near)
            elif agent and not _AGENT.fullmatch(agent):
                expected = "what the PBX calls an agent, such as PJSIP/1001, or nothing"
                fault = ("the last agent cannot be one", expected, None)
            elif found.setdefault(number, codes[language]) != language:
                fault = ("the number stands in an earlier row with another language", "one row for a number", None)
            elif len(found) > MAX_ROWS:
                raise CustomersUnreadable(f"{file} has more than {MAX_ROWS} numbers")
            elif agent and agents.setdefault(number, sys.intern(agent)) != agent:
                fault = ("the number stands in an earlier row with another last agent", "one row for a number", None)
        if fault is not None:
            skipped += 1
            if len(faults) < _MOST_FAULTS:
                faults.append(Fault(Position(file, line, 1), *fault))
    return CustomerBook(found, country_code, tuple(faults), skipped, agents)
