"""What the published figures of a tone model say of a threshold, read from the JSON that stands beside the model.

Beside them stands what no model can change: how far evidence goes at all (`router.tone`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from config.schema import Tone
from emotion.model import DEFAULT_MODEL, at_prior
from router.rules import CompiledRule
from router.tone import highest

FEW_ANGRY = 0.05
MANY_CALM = 0.05


@dataclass(frozen=True, slots=True)
class Alarmed:
    """Whom a threshold alarms, on average over corpora that the model was not trained on.

    Attributes
    ----------
    threshold : probability of anger at the model's own prior.
    angry, calm : shares alarmed of the angry, and of those others who are little aroused; of all others, where the
        recordings do not say who is.
    """

    threshold: float
    angry: float
    calm: float


@dataclass(frozen=True, slots=True)
class AlarmFigures:
    """The table of one model: `prior` is its own, `rows` rise by threshold."""

    prior: float
    rows: tuple[Alarmed, ...]

    @classmethod
    def of(cls, tone: Tone) -> AlarmFigures | None:
        """Read the figures of the configured model; None where it comes without any."""
        file = (tone.model or DEFAULT_MODEL).with_suffix(".json")
        try:
            facts = json.loads(file.read_text(encoding="utf-8"))
            left_out = facts["figures"]["anger"]["left_out"].values()
            tables = [corpus["alarms"] for corpus in left_out if corpus and corpus.get("alarms")]
            calm = "calm" if any("calm" in row for table in tables for row in table.values()) else "others"
            rows = [Alarmed(float(at), _mean(tables, at, "angry"), _mean(tables, at, calm)) for at in tables[0]]
            return cls(float(facts["prior"]), tuple(sorted(rows, key=lambda row: row.threshold)))
        except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, ZeroDivisionError):
            return None

    def problem(self, tone: Tone) -> tuple[str, str] | None:
        """Return what is unwise about `tone.angry_at` by these figures, and what to do; None where nothing is.

        Between two rows shares fall from the lower to the higher: hardly any angry caller is alarmed where that is so
        at the lower row already, many calm ones are where that is so at the higher row still.
        """
        threshold = at_prior(tone.angry_at, tone.anger_prior, self.prior)
        above = [row for row in self.rows if row.threshold >= threshold]
        if self.hardly(tone.angry_at, tone):
            return "by the figures of the model hardly any angry caller is alarmed", self.lower(tone)
        if above[0].calm > MANY_CALM:
            least = f"by the figures of the model more than {100 * above[0].calm:.0f} of 100 calm callers are alarmed"
            # At or below the prior everybody would count as angry.
            strict = [row for row in self.rows if row.calm <= MANY_CALM and row.threshold > self.prior]
            return least, f"raise it: {self._stated(strict[0], tone)} alarms fewer" if strict else "train another model"
        return None

    def hardly(self, probability: float, tone: Tone) -> bool:
        """Whether hardly any angry caller reaches a probability of anger, stated at `tone.anger_prior`."""
        threshold = at_prior(probability, tone.anger_prior, self.prior)
        below = [row for row in self.rows if row.threshold <= threshold]
        return self.rows[-1].threshold < threshold or (bool(below) and below[-1].angry < FEW_ANGRY)

    def lower(self, tone: Tone) -> str:
        """What to do about a threshold that hardly any angry caller reaches."""
        useful = [row for row in self.rows if row.angry >= FEW_ANGRY]
        if not useful:
            return "train another model"
        return f"lower it: {self._stated(useful[-1], tone)} alarms {100 * useful[-1].angry:.0f} of 100"

    def _stated(self, row: Alarmed, tone: Tone) -> str:
        return f"{at_prior(row.threshold, self.prior, tone.anger_prior):.2g}"


def unwise(tone: Tone, rules: Iterable[CompiledRule]) -> Iterator[tuple[str, str, str]]:
    """Yield what a site asks of tone that it will regret: where it stands in the configuration, what, what to do."""
    figures = AlarmFigures.of(tone)
    most = highest(tone.anger_prior)
    if tone.angry_at > most:
        never = f"no call is ever alarmed: at anger_prior {tone.anger_prior:g} anger is at most {most:.3g} likely"
        yield (
            "tone.angry_at",
            f"angry_at {tone.angry_at:g}: {never}",
            "lower it" if figures is None else figures.lower(tone),
        )
    elif figures is not None and (found := figures.problem(tone)) is not None:
        yield "tone.angry_at", f"angry_at {tone.angry_at:g}: {found[0]}", found[1]
    for rule in rules:
        for name, floor in rule.condition.floors:
            if name != "anger":
                continue
            if floor >= most:
                said = f"can never hold: at tone.anger_prior {tone.anger_prior:g} anger stays below {most:.3g}"
            elif figures is not None and figures.hardly(floor, tone):
                said = (
                    "will hardly ever hold: anger is a probability where "
                    f"{100 * tone.anger_prior:g} of 100 calls are angry, and few angry callers reach this one"
                )
            else:
                continue
            yield (
                f"rules[{rule.place}].when",
                f"'{rule.name}' compares anger with {floor:g}, which {said}",
                f"write angry instead, which holds from tone.angry_at, {tone.angry_at:g}",
            )


def _mean(tables: list[dict[str, Any]], at: str, group: str) -> float:
    shares = [float(table[at][group]) for table in tables if group in table[at]]
    return sum(shares) / len(shares)
