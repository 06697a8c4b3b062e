"""The operator's rules: compiled once for a generation, evaluated top down.

Every rule is looked at: the first route wins, raises add up to a bound, and stopping at the route would make
a raise below it depend on who routed. What tone may do is held by construction. A condition can only become
true as anger rises (see `router.conditions`), raises are never negative, and a rule that speaks of tone may
neither lead to self-service nor put a question. So a higher anger can only add rules, and with them minutes,
or a route to people.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config.errors import Position, Problem
from config.schema import Config, DestinationKind, Rule
from router.conditions import Condition, ConditionError, Values, compile_condition
from router.errors import RulesError
from router.variables import Names

MAX_RAISE_MINUTES = 240.0
"""All raises of one call together; also the most that the schema lets one rule give."""


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule with its condition ready to run."""

    rule: Rule
    condition: Condition
    place: int

    @property
    def name(self) -> str:
        return self.rule.name


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the rules say of one set of values.

    Attributes
    ----------
    route : destination of the first rule that routes, or None; `route_rule` is that rule's name.
    raise_minutes : all raises together, at most MAX_RAISE_MINUTES.
    ask : a rule above the route wants the question put.
    fired : names of the rules that acted, in order; `raised` those of them that raise.
    shadowed : names of the rules that would have acted, but are only tried out.
    route_place : where that rule stands, counted from the top; None without a route.
    route_uses : the variables that it speaks of.
    """

    route: str | None = None
    route_rule: str | None = None
    raise_minutes: float = 0.0
    ask: bool = False
    fired: tuple[str, ...] = ()
    raised: tuple[str, ...] = ()
    shadowed: tuple[str, ...] = ()
    route_place: int | None = None
    route_uses: frozenset[str] = frozenset()


class Rules:
    """The rules of one generation.

    Parameters
    ----------
    rules : compiled, in the operator's order.
    """

    def __init__(self, rules: tuple[CompiledRule, ...]) -> None:
        self.rules = rules
        self._tests = tuple((rule.condition.holds, rule) for rule in rules)
        self._tone = tuple(rule for rule in rules if rule.condition.uses_tone and not rule.rule.then.shadow)

    def evaluate(self, values: Values) -> Outcome:
        """Return what all rules together say of these values."""
        hits = [rule for holds, rule in self._tests if holds(values)]
        if not hits:
            return _NOTHING
        route: CompiledRule | None = None
        minutes, ask = 0.0, False
        fired: list[str] = []
        shadowed: list[str] = []
        for hit in hits:
            then = hit.rule.then
            if then.shadow:
                shadowed.append(hit.name)
                continue
            acted = then.raise_minutes > 0
            minutes += then.raise_minutes
            if route is None:
                acted = acted or then.ask or then.route is not None
                ask = ask or then.ask
                route = hit if then.route is not None else None
            if acted:
                fired.append(hit.name)
        return Outcome(
            route=route.rule.then.route if route else None,
            route_rule=route.name if route else None,
            raise_minutes=min(minutes, MAX_RAISE_MINUTES),
            ask=ask,
            fired=tuple(fired),
            raised=tuple(hit.name for hit in hits if hit.rule.then.raise_minutes > 0 and not hit.rule.then.shadow),
            shadowed=tuple(shadowed),
            route_place=route.place if route else None,
            route_uses=route.condition.variables if route else frozenset(),
        )

    def tone_could_matter(self, unheard: Values, outcome: Outcome, settled: str) -> bool:
        """Return whether any tone at all could change what becomes of a call.

        Exact: a rule is open where it fails with tone unheard and holds at its ceiling. An open raise changes the
        priority unless the bound is reached; an open route changes the destination if it stands above the route
        that is taken otherwise and leads elsewhere.

        Parameters
        ----------
        unheard : the values, those of tone unheard; `outcome` is what `evaluate` says of them.
        settled : the destination taken if tone stays unheard.
        """
        taken = len(self.rules) if outcome.route_place is None else outcome.route_place
        room = outcome.raise_minutes < MAX_RAISE_MINUTES
        for rule in self._tone:
            then = rule.rule.then
            raises = room and then.raise_minutes > 0
            routes = then.route is not None and then.route != settled and rule.place < taken
            if (raises or routes) and rule.condition.ceiling(unheard) and not rule.condition.holds(unheard):
                return True
        return False


_NOTHING = Outcome()


def compile_rules(config: Config) -> Rules:
    """Compile the rules of a configuration.

    Raises
    ------
    RulesError
        With every problem of every rule.
    """
    names = _names(config)
    compiled: list[CompiledRule] = []
    problems: list[Problem] = []
    for rule in config.rules:
        try:
            condition = compile_condition(rule.when, names)
        except ConditionError as error:
            problems.append(_problem(rule, error.message, error.offset, error.expected, error.nearest))
            continue
        problems.extend(_breaches(rule, condition, config))
        compiled.append(CompiledRule(rule, condition, len(compiled)))
    if problems:
        raise RulesError(problems)
    return Rules(tuple(compiled))


def _names(config: Config) -> dict[Names, frozenset[str]]:
    return {
        Names.INTENTS: frozenset(intent.name for intent in config.intents.intents),
        Names.DESTINATIONS: frozenset(config.destinations),
        Names.LANGUAGES: frozenset(config.languages),
    }


def _breaches(rule: Rule, condition: Condition, config: Config) -> Iterator[Problem]:
    """What a rule that compiles may still not do."""
    then = rule.then
    if then.route is not None and then.route not in config.destinations:
        yield _problem(rule, f"rule '{rule.name}' routes to '{then.route}', which is no destination")
    elif (
        condition.uses_tone
        and then.route is not None
        and config.destinations[then.route].kind is DestinationKind.SELF_SERVICE
    ):
        yield _problem(
            rule,
            f"rule '{rule.name}' would send a caller to self-service for how the voice sounds",
            expected="a queue or a person, or a condition without tone",
        )
    if condition.uses_tone and then.ask:
        yield _problem(
            rule,
            f"rule '{rule.name}' would question a caller for how the voice sounds",
            expected="a condition without tone",
        )


def _problem(rule: Rule, message: str, offset: int = 0, expected: str = "", nearest: str | None = None) -> Problem:
    place = rule.position or Position(Path("rules"), 1, 1)
    return Problem(Position(place.file, place.line, place.column + offset), message, expected, nearest)
