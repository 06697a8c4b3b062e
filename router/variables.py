"""What a rule's condition may speak of: one table, for the compiler, `nabra check` and the manual."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The type of a variable."""

    TEXT = "text"
    NUMBER = "number"
    TRUTH = "true or false"
    TABLE = "number by name"
    FLAGS = "true or false by name"


class ToneUse(StrEnum):
    """How a variable that comes from the voice may be used.

    A rule may act on anger only by its being high, so that raising anger can add rules and never take one
    away.
    """

    NOT_TONE = "not from the voice"
    RISING = "only as `name`, `name > number` or `name >= number`"
    BOTH = "only compared with a number"


class Names(StrEnum):
    """Which of the operator's own names a text variable takes its values from."""

    FREE = "any text"
    INTENTS = "intents"
    DESTINATIONS = "destinations"
    LANGUAGES = "languages"
    HOURS = "hours"
    HOLIDAYS = "holidays"
    WEEKDAYS = "days of the week"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable: its name, type, and meaning in a sentence."""

    name: str
    kind: Kind
    meaning: str
    tone: ToneUse = ToneUse.NOT_TONE
    names: Names = Names.FREE


VARIABLES: tuple[Variable, ...] = (
    Variable(
        "intent",
        Kind.TEXT,
        'what the caller wants, where the words are sure enough; else ""',
        names=Names.INTENTS,
    ),
    Variable(
        "destination",
        Kind.TEXT,
        'where the words point, where they are sure enough; else ""',
        names=Names.DESTINATIONS,
    ),
    Variable("sure", Kind.TRUTH, "the words are sure enough to decide on"),
    Variable("probability", Kind.NUMBER, "probability of the strongest destination, 0..1"),
    Variable(
        "probabilities",
        Kind.TABLE,
        'probability of one destination: probabilities["sales"]',
        names=Names.DESTINATIONS,
    ),
    Variable("words", Kind.NUMBER, "how many words were heard"),
    Variable("text", Kind.TEXT, 'what was heard, digits redacted: "refund" in text'),
    Variable("hard_word", Kind.TRUTH, "one of the hard words of an intent was heard"),
    Variable("spoke", Kind.TRUTH, "the caller spoke at all"),
    Variable("asked", Kind.TRUTH, "the clarifying question was put"),
    Variable("language", Kind.TEXT, "language of the call", names=Names.LANGUAGES),
    Variable("dialled", Kind.TEXT, "number that was dialled"),
    Variable("pbx", Kind.TEXT, "name of the PBX"),
    Variable(
        "caller_number",
        Kind.TEXT,
        "the caller's number, as the record keeps it: masked unless records say otherwise",
    ),
    Variable("hour", Kind.NUMBER, "hour of the local clock as the call began, 0..23"),
    Variable("weekday", Kind.TEXT, 'day of the week then: "mon", "tue", ...', names=Names.WEEKDAYS),
    Variable("holiday", Kind.TRUTH, "it is a holiday"),
    Variable("holiday_name", Kind.TEXT, 'which one; else ""', names=Names.HOLIDAYS),
    Variable("open", Kind.FLAGS, 'one of the hours is open: open["support"]', names=Names.HOURS),
    Variable("last_agent_known", Kind.TRUTH, "the customer record says who served this caller last"),
    Variable("tone_known", Kind.TRUTH, "at least one usable estimate of tone", ToneUse.RISING),
    Variable(
        "angry",
        Kind.TRUTH,
        "the call is alarmed: what was heard of it makes anger at least tone.angry_at likely",
        ToneUse.RISING,
    ),
    Variable(
        "anger",
        Kind.NUMBER,
        "how likely the caller sounds angry now, 0..1, tone.anger_prior where nothing speaks for or against it",
        ToneUse.RISING,
    ),
    Variable("arousal", Kind.NUMBER, "how aroused the caller sounds, 0..1", ToneUse.BOTH),
    Variable("valence", Kind.NUMBER, "how content the caller sounds, 0..1", ToneUse.BOTH),
)
"""Every variable; those from the voice make no comparison true while tone is off or unheard.

How anger changes (`trend`) is none of them: a rule on it would put who is angry from the first word behind who
becomes so.
"""

CALENDAR = frozenset({"hour", "weekday", "holiday", "holiday_name", "open"})
"""Those that tell the time."""

BY_NAME: dict[str, Variable] = {variable.name: variable for variable in VARIABLES}
