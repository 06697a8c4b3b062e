"""One event of a recorded timeline, read back: its shape by kind of event, what it is of, and the event again.

An entry is what a record's line of JSON becomes: fast to read, and its event is only made where it is asked for.
`router.recorded` reads the record around it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable
from functools import partial
from operator import attrgetter
from typing import Any, Union, cast, get_args, get_type_hints

import msgspec

from router.evidence import (
    EVENT_KINDS,
    KIND_OF,
    EncoderLost,
    EndOfUtterance,
    Event,
    Sentence,
    SpeechPaused,
    SpeechStarted,
    Tick,
    Tone,
    Words,
)
from router.record import FORCED, PLAY

_SINCE_2 = frozenset({"prior", "call_anger", "trend", "lost"})
"""Fields of an estimate of tone that records of schema 1 do not have."""
_MAY_BE_NO_NUMBER = frozenset({"t_s", "voiced_s", "arousal", "valence", "anger", "confidence", "prior", "trend"})


class CommandLine(msgspec.Struct, frozen=True, gc=False):
    """A command that an event led to; `name` and `language` of one that plays a prompt."""

    command: str
    name: str = ""
    language: str = ""


class EntryLine(msgspec.Struct, frozen=True, gc=False, tag_field="event"):
    """One event of the timeline: its own fields are those of its kind (`ENTRIES`).

    `words`, `destinations` and `intents` (the likeliest) are what was understood after it, where it is of words;
    `late_s` is how long a deadline had been due by then.
    """

    now_s: float
    commands: tuple[CommandLine, ...]
    words: int | None = None
    destinations: dict[str, float] | None = None
    intents: dict[str, float] | None = None
    late_s: float = 0.0


def _entry_kinds(schema: int) -> Any:
    """The union of the entries of a schema, one for each kind of event."""
    kinds: list[type] = []
    for name, event in EVENT_KINDS.items():
        hints = get_type_hints(event)
        fields: list[Any] = []
        for one in dataclasses.fields(event):
            shape = hints[one.name] | None if name == "tone" and one.name in _MAY_BE_NO_NUMBER else hints[one.name]
            missing = schema == 1 and one.name in _SINCE_2
            fields.append((one.name, shape, one.default) if missing else (one.name, shape))
        about: Any = {"tag": name, "tag_field": "event", "frozen": True, "kw_only": True, "gc": False}
        kinds.append(msgspec.defstruct(name, fields, bases=(EntryLine,), **about))
    return Union[tuple(kinds)]  # noqa: UP007


ENTRIES = {schema: _entry_kinds(schema) for schema in (1, 2)}
"""The union of the kinds of entry, by schema of the record."""


def _lines_of(*events: type[Event]) -> frozenset[type]:
    """The entries of these events, of every schema."""
    names = {KIND_OF[event] for event in events}
    return frozenset(kind for kinds in ENTRIES.values() for kind in get_args(kinds) if kind.__name__ in names)


_TONES, _WORDS, _SENTENCES = _lines_of(Tone), _lines_of(Words), _lines_of(Sentence, EncoderLost)
_SILENCES, _ENDS = _lines_of(SpeechPaused, EndOfUtterance), _lines_of(EndOfUtterance)
OF_BEFORE = _lines_of(SpeechStarted, SpeechPaused, Tick)
"""Events whose place in the audio is not how far the audio had come."""
_TONE = next(kind for kind in get_args(ENTRIES[2]) if kind in _TONES)
_numbers = attrgetter(*sorted(_MAY_BE_NO_NUMBER))


def told_by(entry: EntryLine) -> tuple[str, ...]:
    """What an event led to that changes what is heard next: prompts ("ask ar"), and FORCED for a forced final."""
    if not entry.commands:
        return ()
    told = [prompt_told(one.name, one.language) if one.command == PLAY else one.command for one in entry.commands]
    return tuple([one for one in told if one == FORCED or " " in one])


def prompt_told(name: str, language: str) -> str:
    """Return how `told_by` names a prompt."""
    return f"{name} {language}"


def words_in(entry: EntryLine) -> bool:
    """Whether an entry is of the recogniser."""
    return type(entry) in _WORDS


def final_in(entry: EntryLine) -> bool:
    """Whether an entry is a final text."""
    return getattr(entry, "final", False)


def silence_in(entry: EntryLine) -> bool:
    """Whether an entry is that the caller paused, or has finished."""
    return type(entry) in _SILENCES


def end_in(entry: EntryLine) -> bool:
    """Whether an entry is that the caller has finished."""
    return type(entry) in _ENDS


def sentences_among(entries: Iterable[EntryLine]) -> bool:
    """Whether any of the entries is of the sentence encoder."""
    return not _SENTENCES.isdisjoint(map(type, entries))


def of_sentences(entry: EntryLine) -> bool:
    """Whether an entry is of the sentence encoder."""
    return type(entry) in _SENTENCES


def _maker(name: str) -> Callable[[Any], Event]:
    kind = EVENT_KINDS[name]
    if name != "tone":
        return partial(msgspec.convert, type=kind, from_attributes=True)
    names = tuple(one.name for one in dataclasses.fields(kind))
    values = attrgetter(*names)

    def tone(entry: Any) -> Event:
        given = dict(zip(names, values(entry), strict=True))
        for one in _MAY_BE_NO_NUMBER:
            if given[one] is None:
                given[one] = math.nan
        return kind(**given)

    return tone


def tone_in(entry: EntryLine) -> bool:
    """Whether an entry is an estimate of tone."""
    return type(entry) in _TONES


def audio_of(entry: EntryLine) -> float:
    """Return how far the caller's audio reached, seconds."""
    audio_s: float = getattr(entry, "audio_s")  # noqa: B009
    return audio_s


def text_of(entry: EntryLine) -> str:
    """Return the words of an entry, "" where it is of none."""
    text: str = getattr(entry, "text", "")
    return text


def tone_of(entry: EntryLine) -> Tone | None:
    """Return an entry as what may be read like its estimate of tone, without making one; None where that cannot be."""
    if type(entry) is not _TONE or None in _numbers(entry):
        return None
    return cast(Tone, entry)


_MAKERS = {name: _maker(name) for name in EVENT_KINDS}


def kind_of(entry: EntryLine) -> str:
    """Return the name of an entry's event."""
    return type(entry).__name__


def event_of(entry: EntryLine) -> Event:
    """Return an entry's event."""
    return _MAKERS[type(entry).__name__](entry)
