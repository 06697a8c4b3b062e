"""Which rules can never act, as far as that can be proved from what they say.

A condition is taken apart into alternatives, each a number of constraints on single variables: an interval of numbers,
a set of names, true or false. What cannot be taken apart (a word in the text, two variables compared) is a fact of its
own that holds or does not. An alternative without a possible value is impossible; one is covered by another where each
constraint of the other follows from its own. What variables have to do with one another counts: who is sure has a
destination, an intent leads to its own.

Everything said here is proved; that nothing is said proves nothing. A condition of more than MOST_ALTERNATIVES is left
alone, and an alternative is only compared with single ones of the rules above it, not with several together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rule_engine import ast as tree

from config.schema import Config, Weekday
from router.conditions import expression
from router.rules import CompiledRule
from router.variables import BY_NAME, ToneUse

MOST_ALTERNATIVES = 128

_ANY = math.inf
_BETWEEN: Mapping[str, tuple[float, float]] = {
    "probability": (0.0, 1.0),
    "probabilities": (0.0, 1.0),
    "words": (0.0, _ANY),
    "hour": (0.0, 23.0),
    "anger": (0.0, 1.0),
    "arousal": (0.0, 1.0),
    "valence": (0.0, 1.0),
}
_WHOLE = frozenset({"words", "hour"})
_MIRRORED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne"}
_NEGATED = {"lt": "ge", "le": "gt", "gt": "le", "ge": "lt", "eq": "ne", "ne": "eq"}


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Numbers from `low` to `high`, without those at an open end."""

    low: float = -_ANY
    high: float = _ANY
    low_open: bool = False
    high_open: bool = False
    without: frozenset[float] = frozenset()

    def also(self, other: _Numbers) -> _Numbers:
        low, low_open = max((self.low, self.low_open), (other.low, other.low_open))
        high, high_closed = min((self.high, not self.high_open), (other.high, not other.high_open))
        return _Numbers(low, high, low_open, not high_closed, self.without | other.without)

    def whole(self) -> _Numbers:
        low = self.low if math.isinf(self.low) else math.floor(self.low) + 1 if self.low_open else math.ceil(self.low)
        high = (
            self.high
            if math.isinf(self.high)
            else math.ceil(self.high) - 1
            if self.high_open
            else math.floor(self.high)
        )
        return _Numbers(low, high, without=self.without)

    @property
    def empty(self) -> bool:
        if self.low != self.high:
            return self.low > self.high
        return self.low_open or self.high_open or self.low in self.without

    def within(self, other: _Numbers) -> bool:
        starts = (self.low, self.low_open) >= (other.low, other.low_open)
        ends = (self.high, not self.high_open) <= (other.high, not other.high_open)
        return starts and ends and all(self.also(_Numbers(n, n)).empty for n in other.without)


@dataclass(frozen=True, slots=True)
class _Texts:
    """The texts in `among` (None for any), without some."""

    among: frozenset[str] | None = None
    without: frozenset[str] = frozenset()

    def also(self, other: _Texts) -> _Texts:
        if self.among is None or other.among is None:
            among = other.among if self.among is None else self.among
        else:
            among = self.among & other.among
        without = self.without | other.without
        return _Texts(among, without) if among is None else _Texts(among - without)

    @property
    def empty(self) -> bool:
        return self.among is not None and not self.among

    def within(self, other: _Texts) -> bool:
        if self.among is not None:
            return all(
                (other.among is None or text in other.among) and text not in other.without for text in self.among
            )
        return other.among is None and other.without <= self.without


@dataclass(frozen=True, slots=True)
class _Truth:
    """True, false, or (where it contradicts itself) neither."""

    may_be: frozenset[bool]

    def also(self, other: _Truth) -> _Truth:
        return _Truth(self.may_be & other.may_be)

    @property
    def empty(self) -> bool:
        return not self.may_be

    def within(self, other: _Truth) -> bool:
        return self.may_be <= other.may_be


_TRUE, _FALSE = _Truth(frozenset({True})), _Truth(frozenset({False}))
_Constraint = _Numbers | _Texts | _Truth
_Alternative = dict[str, Any]
"""A constraint for each variable (or fact of its own) that is spoken of."""


class _TooMany(Exception):
    """More alternatives than are looked at."""


@dataclass(frozen=True, slots=True)
class Idle:
    """A rule of which something can never happen.

    Attributes
    ----------
    place : of the rule, from the top.
    message : what can never happen, and why; `advice` what to do.
    """

    place: int
    message: str
    advice: str


def idle_rules(rules: Sequence[CompiledRule], config: Config) -> Iterator[Idle]:
    """Yield the rules that can never fire, or whose route or question a rule above them always forestalls."""
    known = _Known(config)
    forbidden = {rule.rule.then.never for rule in rules if not rule.rule.then.shadow}
    routes: list[tuple[str, list[_Alternative]]] = []
    for place, rule in enumerate(rules):
        then, name = rule.rule.then, rule.name
        try:
            said = _alternatives(expression(rule.condition.text), True)
        except _TooMany:
            continue
        closed = [known.closed(one) for one in said]
        possible = [one for one in closed if known.impossible(one) is None]
        if not possible:
            why = known.impossible(closed[0]) if closed else None
            reason = f"what it says of '{why}' cannot be" if why else "its condition is never true"
            if rule.condition.uses_tone and not config.tone.enabled:
                reason = "tone is switched off"
            yield Idle(place, f"'{name}' can never fire: {reason}", "change the condition, or remove the rule")
            continue
        if then.shadow:
            continue
        if then.route is not None or then.ask:
            above = [_covering(one, routes) for one in possible]
            if all(above):
                names = " or ".join(f"'{one}'" for one in dict.fromkeys(one for one in above if one is not None))
                does, so = ("route", "does so") if then.route is not None else ("ask", "routes")
                message = f"'{name}' can never {does}: {names} above it always {so} first"
                yield Idle(place, message, "remove one of them, or change the condition")
        if then.route is not None and then.route not in forbidden:
            routes.append((name, said))


def _covering(one: _Alternative, routes: Sequence[tuple[str, list[_Alternative]]]) -> str | None:
    return next((name for name, others in routes if any(_covers(other, one) for other in others)), None)


def _covers(wide: _Alternative, narrow: _Alternative) -> bool:
    """Whether whatever meets the narrow one meets the wide one."""
    return all(key in narrow and narrow[key].within(constraint) for key, constraint in wide.items())


class _Known:
    """What a configuration says of every call."""

    def __init__(self, config: Config) -> None:
        self._tone = config.tone.enabled
        self._homes: dict[str, set[str]] = {}
        for intent in config.intents.intents:
            self._homes.setdefault(intent.name, set()).add(intent.destination)
        named = {
            "intent": {*self._homes, ""} if self._homes else set(),
            "destination": {*config.destinations, ""},
            "language": set(config.languages),
            "weekday": {day.value for day in Weekday},
            "holiday_name": {*config.holidays, ""},
        }
        self._of_every_call: _Alternative = {key: _Texts(frozenset(names)) for key, names in named.items() if names}
        for key, (low, high) in _BETWEEN.items():
            if key != "probabilities" and BY_NAME[key].tone is ToneUse.NOT_TONE:
                self._of_every_call[key] = _Numbers(low, high)

    def closed(self, said: _Alternative) -> _Alternative:
        """Return an alternative with what follows from it."""
        found = dict(self._of_every_call)
        for key, constraint in said.items():
            _add(found, key, constraint)
            base = key.partition("[")[0]
            if base in _BETWEEN:
                _add(found, key, _Numbers(*_BETWEEN[base]))
            variable = BY_NAME.get(base)
            if variable is not None and variable.tone is not ToneUse.NOT_TONE:
                _add(found, "tone_known", _TRUE)
        for _ in range(2):
            self._follow(found)
        for key in _WHOLE & found.keys():
            found[key] = found[key].whole()
        return found

    def _follow(self, found: _Alternative) -> None:
        nothing, something = _Texts(frozenset({""})), _Texts(None, frozenset({""}))
        wanted = found.get("intent", _Texts())
        if wanted.among is not None and "" not in wanted.among:
            _add(found, "sure", _TRUE)
            _add(found, "destination", _Texts(frozenset().union(*(self._homes.get(name, ()) for name in wanted.among))))
        if found.get("hard_word") == _TRUE:
            _add(found, "sure", _TRUE)
        for truth, text in (("sure", "destination"), ("holiday", "holiday_name")):
            texts = found.get(text, _Texts())
            if texts.among is not None and "" not in texts.among:
                _add(found, truth, _TRUE)
            elif texts.among == {""}:
                _add(found, truth, _FALSE)
            if found.get(truth) == _TRUE:
                _add(found, text, something)
            elif found.get(truth) == _FALSE:
                _add(found, text, nothing)
        if found.get("sure") == _TRUE:
            _add(found, "words", _Numbers(1.0))
        elif found.get("sure") == _FALSE:
            _add(found, "intent", nothing)
            _add(found, "hard_word", _FALSE)

    def impossible(self, closed: _Alternative) -> str | None:
        """Return what no call can have, None where there may be such a call."""
        for key, constraint in closed.items():
            if constraint.empty:
                return key
        return None if self._tone or closed.get("tone_known") != _TRUE else "tone_known"


def _add(found: _Alternative, key: str, constraint: _Constraint) -> None:
    found[key] = found[key].also(constraint) if key in found else constraint


# from the tree of a condition to its alternatives


def _alternatives(node: Any, positive: bool) -> list[_Alternative]:
    if isinstance(node, tree.UnaryExpression) and node.type == "not":
        return _alternatives(node.right, not positive)
    if isinstance(node, tree.LogicExpression):
        left, right = _alternatives(node.left, positive), _alternatives(node.right, positive)
        if (node.type == "or") is positive:
            return _few([*left, *right])
        return _few([_both(one, other) for one in left for other in right])
    if isinstance(node, tree.BooleanExpression):
        return [{}] if bool(node.value) is positive else []
    if isinstance(node, tree.ComparisonExpression):
        return _comparison(node, positive)
    if isinstance(node, tree.ContainsExpression) and isinstance(node.container, tree.ArrayExpression):
        return _listed(node, positive)
    return [{_shown(node): _TRUE if positive else _FALSE}]


def _few(found: list[_Alternative]) -> list[_Alternative]:
    if len(found) > MOST_ALTERNATIVES:
        raise _TooMany
    return found


def _both(one: _Alternative, other: _Alternative) -> _Alternative:
    found = dict(one)
    for key, constraint in other.items():
        _add(found, key, constraint)
    return found


def _comparison(node: Any, positive: bool) -> list[_Alternative]:
    for subject, literal, operator in (
        (node.left, node.right, node.type),
        (node.right, node.left, _MIRRORED[node.type]),
    ):
        if _is_literal(literal) and not _is_literal(subject):
            return [_constrained(_shown(subject), operator if positive else _NEGATED[operator], literal)]
    return [{_shown(node): _TRUE if positive else _FALSE}]


def _constrained(key: str, operator: str, literal: Any) -> _Alternative:
    value = literal.value
    if isinstance(literal, tree.BooleanExpression):
        return {key: _TRUE if bool(value) is (operator == "eq") else _FALSE}
    if isinstance(literal, tree.StringExpression):
        one = frozenset({str(value)})
        return {key: _Texts(one) if operator == "eq" else _Texts(None, one)}
    number = float(value)
    match operator:
        case "eq":
            return {key: _Numbers(number, number)}
        case "ne":
            return {key: _Numbers(without=frozenset({number}))}
        case "lt" | "le":
            return {key: _Numbers(high=number, high_open=operator == "lt")}
        case _:
            return {key: _Numbers(low=number, low_open=operator == "gt")}


def _listed(node: Any, positive: bool) -> list[_Alternative]:
    items = list(node.container.value)
    if not _is_literal(node.member) and items and all(isinstance(item, tree.StringExpression) for item in items):
        names = frozenset(str(item.value) for item in items)
        return [{_shown(node.member): _Texts(names) if positive else _Texts(None, names)}]
    if not _is_literal(node.member) and items and all(isinstance(item, tree.FloatExpression) for item in items):
        key = _shown(node.member)
        if positive:
            return _few([{key: _Numbers(float(item.value), float(item.value))} for item in items])
        return [{key: _Numbers(without=frozenset(float(item.value) for item in items))}]
    return [{_shown(node): _TRUE if positive else _FALSE}]


def _is_literal(node: Any) -> bool:
    return isinstance(node, tree.FloatExpression | tree.StringExpression | tree.BooleanExpression)


def _shown(node: Any) -> str:
    """Name a node; two nodes have one name only where they mean the same."""
    if isinstance(node, tree.SymbolExpression):
        return str(node.name)
    if isinstance(node, tree.GetItemExpression):
        return f"{_shown(node.container)}[{node.item.value!r}]"
    if isinstance(node, tree.ContainsExpression):
        return f"{_shown(node.member)} in {_shown(node.container)}"
    if isinstance(node, tree.ArrayExpression):
        return f"[{', '.join(_shown(item) for item in node.value)}]"
    if isinstance(node, tree.ComparisonExpression):
        return f"{_shown(node.left)} {node.type} {_shown(node.right)}"
    return repr(node.value)
