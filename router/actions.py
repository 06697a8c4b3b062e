"""What the rules asked for on one call, one action at a time, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Act(StrEnum):
    """What a rule can ask for."""

    ROUTE = "route"
    NEVER = "never"
    RAISE = "raise_minutes"
    REQUIRE = "require"
    PREFER = "prefer"
    PREFER_AGENT = "prefer_agent"
    ASK = "ask"


class Untaken(StrEnum):
    """Why an action was not taken.

    The rule is in shadow; a rule above it routes, or prefers an agent for longer or shorter; a rule forbids the
    destination; a key decides; the most that rules may raise was reached; the question was put before or could not be;
    nobody is known to have served this caller; no agents are at the destination.
    """

    SHADOW = "shadow"
    RULE_ABOVE = "rule_above"
    FORBIDDEN = "forbidden"
    KEY_PRESSED = "key_pressed"
    AT_BOUND = "at_bound"
    NOT_PUT = "not_put"
    NO_LAST_AGENT = "no_last_agent"
    NO_AGENTS = "no_agents"


@dataclass(frozen=True, slots=True)
class Deed:
    """One action of one rule that fired.

    Attributes
    ----------
    rule : its name.
    act : what it asked for; `value` the destination, the skill, or the number of minutes or seconds.
    untaken : why that was not done, None where it was.
    """

    rule: str
    act: Act
    value: str | float
    untaken: Untaken | None = None

    def to_json(self) -> dict[str, object]:
        """Return {rule, action, value, taken, why}."""
        why = None if self.untaken is None else self.untaken.value
        return {"rule": self.rule, "action": self.act.value, "value": self.value, "taken": why is None, "why": why}
