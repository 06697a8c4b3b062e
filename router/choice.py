"""Where a call goes: the key's destination, else the first rule's, else the words', else the default.

None of them where a rule forbids it: then the next of these is taken, and of the words the next best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from router.ladder import rests_on_words
from router.moment import Moment
from router.rules import Outcome

if TYPE_CHECKING:
    from router.generation import Generation


@dataclass(frozen=True, slots=True)
class Reading:
    """What the words say: the strongest destination, whether they are sure of it, and what was needed.

    `too_few` that more was needed because so little was said.
    """

    destination: str
    probability: float
    threshold: float
    sure: bool
    too_few: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """Where the call goes, and what took it there: at most one of the three, else the default.

    `words_to` is where the words lead, allowed and sure enough; `by_words` that the choice rests on words.
    """

    destination: str
    by_key: bool
    by_rule: bool
    by_words: bool
    words_to: str


def choose(moment: Moment, generation: Generation, outcome: Outcome, reading: Reading) -> Choice:
    """Say where the call goes, as far as the rules have said (`outcome`) and the words say (`reading`)."""
    never = outcome.never
    by_key = moment.key_destination is not None and moment.key_destination not in never
    by_rule = not by_key and outcome.route is not None
    words_to = reading.destination if reading.sure else ""
    if words_to in never:
        words_to = _next_best(moment, generation, outcome, reading)
    on_words = by_rule and reading.sure and rests_on_words(outcome.route_uses)
    destination = (moment.key_destination if by_key else None) or outcome.route or words_to or generation.config.default
    by_words = on_words or (bool(words_to) and not (by_key or by_rule))
    return Choice(destination, by_key, by_rule, by_words, words_to)


def _next_best(moment: Moment, generation: Generation, outcome: Outcome, reading: Reading) -> str:
    """The likeliest destination that no rule forbids, where the words are sure enough of it too; else ""."""
    enough = {
        name: probability
        for name, probability in moment.understood.by_destination.items()
        if probability >= reading.threshold and name in generation.config.destinations and name not in outcome.never
    }
    return min(enough, key=lambda name: (-enough[name], name), default="")


def kept_from(moment: Moment, outcome: Outcome, reading: Reading, choice: Choice) -> list[str]:
    """Return the destinations that would have been taken, had no rule forbidden them; best first."""
    if choice.by_key:
        return []
    wanted = [moment.key_destination, *(destination for _, destination in outcome.passed_over)]
    if not choice.by_rule and reading.sure:
        wanted.append(reading.destination)
    return [name for name in dict.fromkeys(wanted) if name is not None and name in outcome.never]
