"""The operator's rules: compiled once for a generation, evaluated top down.

Every rule is looked at: the first route wins, raises add up to a bound, and stopping at the route would make
a raise below it depend on who routed. What any rule forbids is forbidden, wherever the rule stands: a route that leads
there is passed over.

What tone may do is held by construction. A condition can only become true as anger rises (see `router.conditions`),
raises are never negative, and a rule that speaks of tone may not lead to self-service, put a question, forbid anything
but self-service, or make a call wait for a certain agent or skill. So a higher anger can only add rules, and with
them minutes, a route to people, or a way out of self-service.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from types import MappingProxyType

from config.errors import Position, Problem
from config.schema import Action, Config, DestinationKind, Rule, Weekday
from router.actions import Act, Deed, Untaken
from router.conditions import Condition, ConditionError, Values, compile_condition, together
from router.errors import RulesError
from router.variables import CALENDAR, Names

MAX_RAISE_MINUTES = 240.0
"""All raises of one call together; also the most that the schema lets one rule give."""


def _none() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule with its condition ready to run; `place` counts from the top."""

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
    never : the destinations that this call may not go to, each with the first rule that says so.
    passed_over : the rules above the route whose own route is forbidden, each with its destination.
    require, prefer : skills, in order, each with the first rule that names it.
    prefer_agent : the first rule that prefers the last agent, and for how many seconds; None without one.
    hits : every rule whose condition holds.
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
    never: Mapping[str, str] = field(default_factory=_none)
    passed_over: tuple[tuple[str, str], ...] = ()
    require: Mapping[str, str] = field(default_factory=_none)
    prefer: Mapping[str, str] = field(default_factory=_none)
    prefer_agent: tuple[str, int] | None = None
    hits: tuple[CompiledRule, ...] = field(default=(), repr=False)


class Rules:
    """The rules of one generation.

    Parameters
    ----------
    rules : compiled, in the operator's order.

    Attributes
    ----------
    tell_time : whether any of them asks for the time.
    """

    def __init__(self, rules: tuple[CompiledRule, ...]) -> None:
        self.rules = rules
        self._hold = together([rule.condition for rule in rules])
        self._tone = tuple(rule for rule in rules if rule.condition.uses_tone and not rule.rule.then.shadow)
        self._directs = any(_directs(rule.rule.then) for rule in rules)
        self.tell_time = any(rule.condition.variables & CALENDAR for rule in rules)

    def evaluate(self, values: Values) -> Outcome:
        """Return what all rules together say of these values."""
        hits = list(compress(self.rules, self._hold(values)))
        if not hits:
            return _NOTHING
        never: dict[str, str] = {}
        require: dict[str, str] = {}
        prefer: dict[str, str] = {}
        agent: tuple[str, int] | None = None
        if self._directs:
            for hit in hits:
                then = hit.rule.then
                if then.shadow:
                    continue
                for name, found in ((then.never, never), (then.require, require), (then.prefer, prefer)):
                    if name is not None:
                        found.setdefault(name, hit.name)
                if then.prefer_agent is not None and agent is None:
                    agent = (hit.name, then.prefer_agent.for_s)
        route: CompiledRule | None = None
        minutes, ask = 0.0, False
        fired: list[str] = []
        shadowed: list[str] = []
        passed_over: list[tuple[str, str]] = []
        for hit in hits:
            then = hit.rule.then
            if then.shadow:
                shadowed.append(hit.name)
                continue
            acted = then.raise_minutes > 0 or (self._directs and _directs(then))
            minutes += then.raise_minutes
            if route is None:
                if then.route is not None:
                    if then.route in never:
                        passed_over.append((hit.name, then.route))
                    else:
                        route, acted = hit, True
                acted = acted or then.ask
                ask = ask or then.ask
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
            never=never,
            passed_over=tuple(passed_over),
            require=require,
            prefer=prefer,
            prefer_agent=agent,
            hits=tuple(hits),
        )

    def tone_could_matter(self, unheard: Values, outcome: Outcome, settled: str) -> bool:
        """Return whether any tone at all could change what becomes of a call.

        Exact: a rule is open where it fails with tone unheard and holds at its ceiling. An open raise changes the
        priority unless the bound is reached; an open route changes the destination if it stands above the route
        that is taken otherwise and leads elsewhere, where the call may go; an open `never` if it forbids where the
        call would go; an open preference if no other rule has it.

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
            routes = then.route not in (None, settled) and rule.place < taken and then.route not in outcome.never
            forbids = then.never == settled
            prefers = then.prefer is not None and then.prefer not in outcome.prefer
            if (
                (raises or routes or forbids or prefers)
                and rule.condition.ceiling(unheard)
                and not rule.condition.holds(unheard)
            ):
                return True
        return False


_NOTHING = Outcome()


def _directs(then: Action) -> bool:
    """Whether an action says more than where to, how soon, and what to ask."""
    return any(one is not None for one in (then.never, then.require, then.prefer, then.prefer_agent))


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else decides whether an action is taken.

    Attributes
    ----------
    key_pressed : a key decides where the call goes.
    question_put : the question was put.
    last_agent : somebody is known to have served this caller.
    agents : there are agents at the destination.
    """

    key_pressed: bool
    question_put: bool
    last_agent: bool
    agents: bool


def deeds(outcome: Outcome, circumstances: Circumstances) -> tuple[Deed, ...]:
    """Return every action that the rules asked for, and what became of it, in the operator's order."""
    found: list[Deed] = []
    minutes = 0.0
    for hit in outcome.hits:
        then, name = hit.rule.then, hit.name
        for act, value in _asked_for(then):
            untaken = _untaken(outcome, circumstances, hit, act, value)
            if act is Act.RAISE and untaken is None:
                untaken = Untaken.AT_BOUND if minutes >= MAX_RAISE_MINUTES else None
                minutes += then.raise_minutes
            found.append(Deed(name, act, value, untaken))
    return tuple(found)


def _asked_for(then: Action) -> Iterator[tuple[Act, str | float]]:
    if then.route is not None:
        yield Act.ROUTE, then.route
    if then.never is not None:
        yield Act.NEVER, then.never
    if then.raise_minutes > 0:
        yield Act.RAISE, then.raise_minutes
    if then.require is not None:
        yield Act.REQUIRE, then.require
    if then.prefer is not None:
        yield Act.PREFER, then.prefer
    if then.prefer_agent is not None:
        yield Act.PREFER_AGENT, then.prefer_agent.for_s
    if then.ask:
        yield Act.ASK, ""


def _untaken(
    outcome: Outcome, circumstances: Circumstances, hit: CompiledRule, act: Act, value: str | float
) -> Untaken | None:
    if hit.rule.then.shadow:
        return Untaken.SHADOW
    below = outcome.route_place is not None and hit.place > outcome.route_place
    match act:
        case Act.ROUTE if value in outcome.never:
            return Untaken.FORBIDDEN
        case Act.ROUTE if circumstances.key_pressed:
            return Untaken.KEY_PRESSED
        case Act.ROUTE if below:
            return Untaken.RULE_ABOVE
        case Act.ASK if below:
            return Untaken.RULE_ABOVE
        case Act.ASK if not circumstances.question_put:
            return Untaken.NOT_PUT
        case Act.REQUIRE | Act.PREFER | Act.PREFER_AGENT if not circumstances.agents:
            return Untaken.NO_AGENTS
        case Act.PREFER_AGENT if outcome.prefer_agent is None or outcome.prefer_agent[0] != hit.name:
            return Untaken.RULE_ABOVE
        case Act.PREFER_AGENT if not circumstances.last_agent:
            return Untaken.NO_LAST_AGENT
    return None


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
    for number, rule in enumerate(config.rules):
        try:
            condition = compile_condition(rule.when, names)
        except ConditionError as error:
            problems.append(_problem(rule, error.message, error.offset, error.expected, error.nearest))
            continue
        problems.extend(_breaches(rule, condition, config, f"rules[{number}].then"))
        compiled.append(CompiledRule(rule, condition, len(compiled)))
    if problems:
        raise RulesError(problems)
    return Rules(tuple(compiled))


def _names(config: Config) -> dict[Names, frozenset[str]]:
    return {
        Names.INTENTS: frozenset(intent.name for intent in config.intents.intents),
        Names.DESTINATIONS: frozenset(config.destinations),
        Names.LANGUAGES: frozenset(config.languages),
        Names.HOURS: frozenset(config.hours),
        Names.HOLIDAYS: frozenset(config.holidays),
        Names.WEEKDAYS: frozenset(day.value for day in Weekday),
    }


def _breaches(rule: Rule, condition: Condition, config: Config, path: str) -> Iterator[Problem]:
    """What a rule that compiles may still not do."""
    then, name = rule.then, rule.name
    for key, destination in (("route", then.route), ("never", then.never)):
        if destination is not None and destination not in config.destinations:
            leads = "routes to" if key == "route" else "forbids"
            yield _problem(rule, f"rule '{name}' {leads} '{destination}', which is no destination")
    if then.never is not None and then.never == config.default:
        yield _problem(rule, f"rule '{name}' forbids '{then.never}', the default: the call might have nowhere to go")
    if not condition.uses_tone:
        return
    if then.route is not None and _is_self_service(config, then.route):
        yield _problem(
            rule,
            f"rule '{name}' would send a caller to self-service for how the voice sounds",
            expected="a queue or a person, or a condition without tone",
        )
    if then.ask:
        yield _problem(
            rule,
            f"rule '{name}' would question a caller for how the voice sounds",
            expected="a condition without tone",
        )
    if then.never in config.destinations and not _is_self_service(config, then.never):
        yield _problem(
            rule,
            f"rule '{name}' would keep a caller from people for how the voice sounds",
            expected="a destination of kind self_service, or a condition without tone",
            place=config.places.get(f"{path}.never"),
        )
    for key, value in (("require", then.require), ("prefer_agent", then.prefer_agent)):
        if value is not None:
            yield _problem(
                rule,
                f"rule '{name}' could let a caller wait longer for how the voice sounds, with {key}",
                expected="prefer, which nobody waits for, or a condition without tone",
                place=config.places.get(f"{path}.{key}"),
            )


def _is_self_service(config: Config, name: str | None) -> bool:
    destination = None if name is None else config.destinations.get(name)
    return destination is not None and destination.kind is DestinationKind.SELF_SERVICE


def _problem(
    rule: Rule,
    message: str,
    offset: int = 0,
    expected: str = "",
    nearest: str | None = None,
    place: Position | None = None,
) -> Problem:
    if place is not None:
        return Problem(place, message, expected, nearest)
    start = rule.position or Position(Path("rules"), 1, 1)
    return Problem(Position(start.file, start.line, start.column + offset), message, expected, nearest)
