"""Conditions of rules: the language of `rule-engine`, narrowed, typed, and compiled to Python byte code.

`rule-engine` parses and types the text; its tree is then checked more strictly (both sides of a comparison
have one type, names in quotes exist, nothing but comparisons, `and`, `or`, `not` and `in`) and translated
into one Python expression over the values of the variables. That runs in a tenth of a microsecond, where
walking the tree takes ten, and a few hundred rules are evaluated at every partial. What is not in the narrow
language cannot be translated, so a condition can neither call, loop, nor reach any object.

Comparisons with tone are allowed only where a higher anger can make the condition true and never false: not
below a `not`, and anger only as greater than a number. `Condition.ceiling` is the same condition with each
of them true; with tone unheard each of them is false. All that tone could ever do lies between the two.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import rule_engine
from rule_engine import ast as tree
from rule_engine import errors as engine_errors

from router.slips import KIND_NOUNS, Slip, foreign, instead, mistyped, near, unknown, unreadable
from router.variables import BY_NAME, VARIABLES, Kind, Names, ToneUse, Variable

Values = Mapping[str, Any]
Test = Callable[[Values], bool]
Tests = Callable[[Values], tuple[Any, ...]]

_ENGINE_TYPES = {
    Kind.TEXT: rule_engine.DataType.STRING,
    Kind.NUMBER: rule_engine.DataType.FLOAT,
    Kind.TRUTH: rule_engine.DataType.BOOLEAN,
    Kind.TABLE: rule_engine.DataType.MAPPING(rule_engine.DataType.STRING, rule_engine.DataType.FLOAT),
    Kind.FLAGS: rule_engine.DataType.MAPPING(rule_engine.DataType.STRING, rule_engine.DataType.BOOLEAN),
}
_CONTEXT = rule_engine.Context(
    type_resolver=rule_engine.type_resolver_from_dict({v.name: _ENGINE_TYPES[v.kind] for v in VARIABLES})
)
_COMPARISONS: dict[str, type[ast.cmpop]] = {
    "eq": ast.Eq,
    "ne": ast.NotEq,
    "lt": ast.Lt,
    "le": ast.LtE,
    "gt": ast.Gt,
    "ge": ast.GtE,
}
_MIRRORED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne"}
_SYMBOLS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
_ENTRIES = {Kind.TABLE: (Kind.NUMBER, 0.0), Kind.FLAGS: (Kind.TRUTH, False)}


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition.

    Attributes
    ----------
    holds : whether it is true of these values.
    ceiling : whether it could be true of them, were tone whatever suits it best.
    variables : the names it speaks of.
    uses_tone : whether any of those comes from the voice.
    floors : each number that one of those must be above, or at least, with its name, as they stand.
    code : what `holds` runs, of the values `v`.
    """

    text: str
    holds: Test
    ceiling: Test
    variables: frozenset[str]
    uses_tone: bool
    floors: tuple[tuple[str, float], ...]
    code: ast.expr = field(repr=False, compare=False)


class ConditionError(Exception):
    """A condition cannot be used; never leaves this room (the rules turn it into a Problem with its place).

    `offset` counts characters from the start of the condition.
    """

    def __init__(self, message: str, offset: int = 0, expected: str = "", nearest: str | None = None) -> None:
        super().__init__(message)
        self.message, self.offset, self.expected, self.nearest = message, offset, expected, nearest


def compile_condition(text: str, names: Mapping[Names, frozenset[str]]) -> Condition:
    """Compile one condition.

    Parameters
    ----------
    text : the condition, as the operator wrote it.
    names : the names that exist in this configuration; a kind that is missing or empty is not checked.

    Raises
    ------
    ConditionError
    """
    text = re.sub(r"\s", " ", text)  # a condition may be written over several lines; offsets stay
    try:
        statement = rule_engine.Rule(text, context=_CONTEXT).statement
    except engine_errors.SymbolResolutionError as error:
        raise _slipped(unknown(text, error.symbol_name, names)) from None
    except engine_errors.SyntaxError as error:
        slip = unreadable(text)
        if slip is not None:
            raise _slipped(slip) from None
        token = getattr(error, "token", None)
        offset = int(token.lexpos) if token is not None else len(text)
        found = f"'{token.value}' cannot stand here" if token is not None else "the condition is not complete"
        raise ConditionError(found, offset, "a condition such as: intent == 'billing' and words > 3") from None
    except engine_errors.EngineError as error:
        slip = mistyped(text)
        if slip is not None:
            raise _slipped(slip) from None
        raise ConditionError(f"the types in '{text}' do not fit together ({error.message})") from None
    except (ArithmeticError, ValueError, TypeError) as error:
        raise ConditionError(f"'{text}' cannot be computed ({error})") from None
    actual, best = _Translator(text, names, ceiling=False), _Translator(text, names, ceiling=True)
    code = actual.condition(statement.expression)
    return Condition(
        text=text,
        holds=_function(code),
        ceiling=_function(best.condition(statement.expression)),
        variables=frozenset(actual.used),
        uses_tone=any(BY_NAME[name].tone is not ToneUse.NOT_TONE for name in actual.used),
        floors=tuple(actual.floors),
        code=code,
    )


def expression(text: str) -> Any:
    """Return the tree that `rule-engine` makes of a condition that compiles."""
    return rule_engine.Rule(re.sub(r"\s", " ", text), context=_CONTEXT).statement.expression


def together(conditions: Sequence[Condition]) -> Tests:
    """Return one function that says of each condition whether it holds, true or false by its truth.

    What the function costs is a third of what as many calls would.
    """
    return _function(ast.Tuple([condition.code for condition in conditions], ast.Load()))


def _function(body: ast.expr) -> Callable[[Values], Any]:
    arguments = ast.arguments(posonlyargs=[], args=[ast.arg("v")], kwonlyargs=[], kw_defaults=[], defaults=[])
    expression = ast.fix_missing_locations(ast.Expression(ast.Lambda(arguments, body)))
    test: Callable[[Values], Any] = eval(compile(expression, "<rule>", "eval"), {"__builtins__": {}})
    return test


def _slipped(slip: Slip) -> ConditionError:
    return ConditionError(slip.message, slip.offset, slip.expected, slip.nearest)


class _Translator:
    """Checks one tree and turns it into Python's; `positive` is False below a `not`."""

    def __init__(self, text: str, names: Mapping[Names, frozenset[str]], *, ceiling: bool) -> None:
        self.text, self.names, self.ceiling = text, names, ceiling
        self.used: set[str] = set()
        self.floors: list[tuple[str, float]] = []

    def condition(self, node: Any, positive: bool = True) -> ast.expr:
        """Translate what must be true or false."""
        if isinstance(node, tree.LogicExpression):
            operator = ast.And() if node.type == "and" else ast.Or()
            return ast.BoolOp(operator, [self.condition(node.left, positive), self.condition(node.right, positive)])
        if isinstance(node, tree.UnaryExpression) and node.type == "not":
            return ast.UnaryOp(ast.Not(), self.condition(node.right, False))
        if isinstance(node, tree.FuzzyComparisonExpression):
            raise ConditionError("regular expressions are not part of the language", 0, '"word" in text')
        if isinstance(node, tree.ComparisonExpression):
            return self._comparison(node, positive)
        if isinstance(node, tree.ContainsExpression):
            return self._contains(node)
        if isinstance(node, tree.BooleanExpression):
            return ast.Constant(bool(node.value))
        kind, code, variable = self._operand(node)
        if kind is not Kind.TRUTH:
            raise ConditionError(
                f"{self._name(node)} is {KIND_NOUNS[kind]}, not a condition",
                self._at(variable) if variable else self._at_text(node),
                self._condition_of(node, kind, variable),
            )
        return self._tone(code, variable, positive, "gt")

    def _comparison(self, node: Any, positive: bool) -> ast.expr:
        left_kind, left, left_variable = self._operand(node.left)
        right_kind, right, right_variable = self._operand(node.right)
        variable = left_variable or right_variable
        if left_kind is not right_kind:
            raise ConditionError(
                f"{self._name(node.left)} is {KIND_NOUNS[left_kind]} and {self._name(node.right)} is "
                f"{KIND_NOUNS[right_kind]}: they can never be equal",
                self._at(variable),
                self._instead(variable, node.right if variable is left_variable else node.left, node.type),
            )
        if left_kind in _ENTRIES:
            raise ConditionError(
                "a table cannot be compared", self._at(variable), f'{self._name(node.left)[1:-1]}["name"]'
            )
        if node.type not in ("eq", "ne") and left_kind is not Kind.NUMBER:
            raise ConditionError(f"only numbers have an order, {self._name(node.left)} is {KIND_NOUNS[left_kind]}")
        self._check_name(left_variable, node.right)
        self._check_name(right_variable, node.left)
        code = ast.Compare(left, [_COMPARISONS[node.type]()], [right])
        self._check_truth(node, left_variable or right_variable, left_kind)
        tones = [v for v in (left_variable, right_variable) if v is not None and v.tone is not ToneUse.NOT_TONE]
        if not tones:
            return code
        number = _positive_number(node.right if left_variable is tones[0] else node.left)
        if number is None:
            raise ConditionError(f"'{tones[0].name}' may be compared with a number only", self._at(tones[0]))
        operator = node.type if left_variable is tones[0] else _MIRRORED[node.type]
        if operator in ("gt", "ge"):
            self.floors.append((tones[0].name, number))
        return self._tone(code, tones[0], positive, operator)

    def _check_truth(self, node: Any, variable: Variable | None, kind: Kind) -> None:
        """Refuse `angry == false` as what it means, and `angry == true` for what is shorter."""
        if variable is None or kind is not Kind.TRUTH or variable.tone is not ToneUse.RISING:
            return
        value = node.right if isinstance(node.left, tree.SymbolExpression) else node.left
        if not isinstance(value, tree.BooleanExpression):
            return
        if bool(value.value) == (node.type == "eq"):
            message = f"'{variable.name}' is true or false by itself, and compared with nothing"
            raise ConditionError(message, self._at(variable), variable.name)
        self._refuse_calm(variable, f"'{variable.name} {_SYMBOLS[node.type]} {str(bool(value.value)).lower()}'")

    def _contains(self, node: Any) -> ast.expr:
        kind, member, variable = self._operand(node.member)
        if variable is not None and variable.tone is not ToneUse.NOT_TONE:
            raise ConditionError(f"'{variable.name}' may be compared with a number only", self._at(variable))
        if isinstance(node.container, tree.ArrayExpression):
            items = []
            for item in node.container.value:
                item_kind, code, _ = self._operand(item)
                if item_kind is not kind:
                    raise ConditionError(
                        f"{self._name(item)} in the list is {KIND_NOUNS[item_kind]}", self._at(variable)
                    )
                self._check_name(variable, item)
                items.append(code)
            return ast.Compare(member, [ast.In()], [ast.Tuple(items, ast.Load())])
        container_kind, container, container_variable = self._operand(node.container)
        if container_kind is not Kind.TEXT or kind is not Kind.TEXT:
            raise ConditionError(
                "'in' looks for a text in a text or in a list",
                self._at(container_variable),
                '"refund" in text',
            )
        return ast.Compare(member, [ast.In()], [container])

    def _operand(self, node: Any) -> tuple[Kind, ast.expr, Variable | None]:
        if isinstance(node, tree.SymbolExpression):
            variable = BY_NAME.get(node.name)
            if node.scope is not None or variable is None:
                raise _slipped(unknown(self.text, node.name, self.names))
            self.used.add(node.name)
            return variable.kind, _value(node.name), variable
        if isinstance(node, tree.StringExpression):
            return Kind.TEXT, ast.Constant(str(node.value)), None
        if isinstance(node, tree.FloatExpression):
            return Kind.NUMBER, ast.Constant(float(node.value)), None
        if isinstance(node, tree.BooleanExpression):
            return Kind.TRUTH, ast.Constant(bool(node.value)), None
        if isinstance(node, tree.GetItemExpression):
            return self._item(node)
        raise _slipped(foreign(self.text, node))

    def _item(self, node: Any) -> tuple[Kind, ast.expr, Variable | None]:
        kind, code, variable = self._operand(node.container)
        if kind not in _ENTRIES or not isinstance(node.item, tree.StringExpression):
            raise ConditionError("only a table has entries", self._at(variable), 'probabilities["name"]')
        self._check_name(variable, node.item)
        entry, missing = _ENTRIES[kind]
        get = ast.Attribute(code, "get", ast.Load())
        return entry, ast.Call(get, [ast.Constant(str(node.item.value)), ast.Constant(missing)], []), None

    def _tone(self, code: ast.expr, variable: Variable | None, positive: bool, operator: str) -> ast.expr:
        """Hold a test of tone to what tone may do, and lift it where the ceiling is wanted."""
        if variable is None or variable.tone is ToneUse.NOT_TONE:
            return code
        rising = variable.tone is ToneUse.RISING
        if positive and operator in (("gt", "ge") if rising else ("gt", "ge", "lt", "le")):
            return ast.Constant(True) if self.ceiling else code
        name, how = variable.name, f"with '{_SYMBOLS[operator]}'" if positive else "below a 'not'"
        if rising:
            self._refuse_calm(variable, f"'{name}' {how}")
        raise ConditionError(
            f"'{name}' {how} would hold while no tone is heard, and what is heard then must never end a rule",
            self._at(variable),
            f"{name} compared with <, <=, > or >=, and no 'not' above it",
        )

    def _refuse_calm(self, variable: Variable, what: str) -> NoReturn:
        more = variable.name if variable.kind is Kind.TRUTH else f"{variable.name} > 0.5"
        raise ConditionError(
            f"{what} makes a rule for calm callers alone, and more anger must never lower a place in a queue, or keep "
            "a caller from people",
            self._at(variable),
            f"a rule for everybody, when: true, and another that does more, when: {more}",
        )

    def _check_name(self, variable: Variable | None, literal: Any) -> None:
        if variable is None or not isinstance(literal, tree.StringExpression):
            return
        known = self.names.get(variable.names)
        declared = variable.names in (Names.HOURS, Names.HOLIDAYS)
        if known is None or not (known or declared) or not literal.value or literal.value in known:
            return
        if not known:
            raise ConditionError(
                f"there is no '{literal.value}': no {variable.names.value} are declared",
                max(0, self.text.find(literal.value)),
                f"a section {variable.names.value} with it",
            )
        close = near(literal.value, known)
        raise ConditionError(
            f"there is no '{literal.value}' among the {variable.names.value}",
            max(0, self.text.find(literal.value)),
            "" if close else "one of " + ", ".join(sorted(known)),
            close,
        )

    def _condition_of(self, node: Any, kind: Kind, variable: Variable | None) -> str:
        """What somebody may have meant who wrote this where something must be true or false."""
        name = self._name(node)[1:-1]
        if kind in _ENTRIES:
            return f'{name}["name"]'
        if variable is None:
            if kind is Kind.TEXT:
                return f'what it is compared with, such as "{name}" in text, or in ["...", "{name}"]'
            return "a comparison such as words > 3, or true for a rule that always holds"
        return (
            f"a comparison such as {name} > {3 if name in ('words', 'hour') else 0.5}"
            if kind is Kind.NUMBER
            else (f'a comparison such as {name} == "..."')
        )

    def _instead(self, variable: Variable | None, other: Any, operator: str) -> str:
        if variable is None or not isinstance(other, tree.StringExpression | tree.FloatExpression):
            return ""
        value = f'"{other.value}"' if isinstance(other, tree.StringExpression) else f"{other.value:g}"
        return instead(variable.name, value, _SYMBOLS[operator])

    def _at_text(self, node: Any) -> int:
        """Where a literal stands."""
        return max(0, self.text.find(str(node.value))) if hasattr(node, "value") else 0

    def _at(self, variable: Variable | None) -> int:
        if variable is None:
            return 0
        match = re.search(rf"\b{variable.name}\b", self.text)
        return match.start() if match else 0

    def _name(self, node: Any) -> str:
        if isinstance(node, tree.SymbolExpression):
            return f"'{node.name}'"
        if isinstance(node, tree.GetItemExpression):
            return f"'{self._name(node.container)[1:-1]}[...]'"
        return f"'{node.value}'"


def _value(name: str) -> ast.expr:
    return ast.Subscript(ast.Name("v", ast.Load()), ast.Constant(name), ast.Load())


def _positive_number(node: Any) -> float | None:
    return float(node.value) if isinstance(node, tree.FloatExpression) else None
