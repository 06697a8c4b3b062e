"""What somebody probably meant by a condition that cannot be used: the slip, where it is, and what to write instead.

Conditions are written by people who also write SQL, spreadsheets and Arabic. What such a hand slips into is looked for
in the text itself, so that the error names the slip and not the place at which a parser gave up.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rule_engine import ast as tree

from router.variables import BY_NAME, Kind, Names

KIND_NOUNS = {
    Kind.TEXT: "a text",
    Kind.NUMBER: "a number",
    Kind.TRUTH: "true or false",
    Kind.TABLE: "a table",
    Kind.FLAGS: "a table",
}
OTHER_WORDS = {
    "tone": "angry", "emotion": "angry", "mood": "angry", "anger_level": "anger", "day": "weekday", "date": "weekday",
    "time": "hour", "queue": "destination", "number": "caller_number", "caller": "caller_number", "did": "dialled",
    "transcript": "text", "said": "text", "lang": "language", "confidence": "probability",
}  # fmt: skip
"""What variables are called elsewhere."""

_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_CURLY = re.compile("[“”„‟«»‹›‘’‚‛]")
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")
_NAME, _NUMBER = r"[A-Za-z_]\w*", r"\d+(?:\.\d+)?"
_SIDE = rf"(?:{_NAME}(?:\[[^\]]*\])?|{_NUMBER})"
_SMALLER = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class Slip:
    """One slip: what is wrong, at which character from the start, what would be right, and the word that was meant."""

    message: str
    offset: int
    expected: str = ""
    nearest: str | None = None


def unreadable(text: str) -> Slip | None:
    """Return the first slip in a condition that cannot be parsed; None where none is known."""
    quotes = _quotes(text)
    if quotes is not None:
        return quotes
    bare = _QUOTED.sub(lambda quoted: quoted[0][0] + "_" * (len(quoted[0]) - 2) + quoted[0][-1], text)
    found = [
        (match.start(), place, says(match, text))
        for place, (pattern, says) in enumerate(_SLIPS)
        for match in [pattern.search(bare)]
        if match is not None
    ]
    if found:
        return min(found, key=lambda one: one[:2])[2]
    return _brackets(bare) or _unfinished(bare)


def mistyped(text: str) -> Slip | None:
    """Return the first comparison in a condition whose two sides can never be compared; None where none is found."""
    literal = r"(?P<text>\"[^\"]*\"|'[^']*')|(?P<number>" + _NUMBER + r")"
    for match in re.finditer(rf"(?P<name>{_NAME})\s*(?P<op>==|!=|<=|>=|<|>)\s*(?:{literal})", text):
        variable = BY_NAME.get(match["name"])
        if variable is None:
            continue
        value = match["text"] or match["number"]
        kind = Kind.TEXT if match["text"] else Kind.NUMBER
        if kind is variable.kind and (kind is Kind.NUMBER or match["op"] in ("==", "!=")):
            continue
        return Slip(
            f"'{variable.name}' is {KIND_NOUNS[variable.kind]} and {value} is {KIND_NOUNS[kind]}: "
            + ("they can never be equal" if match["op"] in ("==", "!=") else f"'{match['op']}' compares numbers"),
            match.start("name"),
            instead(variable.name, value, match["op"]),
        )
    for match in re.finditer(rf"\bin\s+(?P<name>{_NAME})", text):
        variable = BY_NAME.get(match["name"])
        if variable is not None and variable.kind is not Kind.TEXT:
            message = f"'{variable.name}' is {KIND_NOUNS[variable.kind]}: nothing is in it"
            return Slip(message, match.start("name"), '"refund" in text')
    for match in re.finditer(rf"\.(?P<name>{_NAME})", _QUOTED.sub(lambda quoted: "_" * len(quoted[0]), text)):
        return Slip(f"'.{match['name']}' is not part of the language", match.start(), '"refund" in text')
    return None


def unknown(text: str, name: str, names: Mapping[Names, frozenset[str]]) -> Slip:
    """Return what is said of a name that is no variable: a text without quotes, a word for true, or a slip."""
    match = re.search(rf"(?<![\w\"']){re.escape(name)}\b", text)
    offset = match.start() if match else 0
    if any(name in known for known in names.values()):
        return Slip(f"'{name}' is a text", offset, "it in quotes", f'"{name}"')
    if text[offset + len(name) :].lstrip().startswith("("):
        names_alone = "a name compared with a text or number; words says how many words were heard"
        return Slip(f"'{name}(...)': there are no functions in a condition", offset, names_alone)
    if name.lower() in ("true", "false", "yes", "no", "always", "never", "on", "off"):
        meant = "true" if name.lower() in ("true", "yes", "always", "on") else "false"
        return Slip(f"'{name}' is no word for true or false here", offset, "", meant)
    compared = re.search(rf"({'|'.join(BY_NAME)})\s*(==|!=|<=|>=|<|>)\s*$", text[:offset])
    if compared is not None:
        variable = BY_NAME[compared[1]]
        known = names.get(variable.names, frozenset())
        if variable.kind is Kind.TEXT:
            close = near(name, known)
            expected = "one of " + ", ".join(sorted(known)) + ", in quotes" if known else "a text in quotes"
            return Slip(f"unknown name '{name}'", offset, "" if close else expected, close and f'"{close}"')
        return Slip(f"unknown name '{name}'", offset, instead(variable.name, name))
    if re.match(r"\s+in\s+text\b", text[offset + len(name) :]):
        return Slip(f"unknown name '{name}'", offset, f'"{name}" in text, if that word is looked for')
    close = OTHER_WORDS.get(name.lower()) or near(name, BY_NAME)
    return Slip(f"unknown name '{name}'", offset, "" if close else "one of " + ", ".join(BY_NAME), close)


def foreign(text: str, node: Any) -> Slip:
    """Return what is said of a node that the engine can read and a condition may not have."""
    if isinstance(node, tree.GetAttributeExpression):
        owner = node.object.name if isinstance(node.object, tree.SymbolExpression) else "text"
        entry = BY_NAME[owner].kind in (Kind.TABLE, Kind.FLAGS) if owner in BY_NAME else False
        meant = f'{owner}["{node.name}"]' if entry else '"refund" in text'
        return Slip(f"'.{node.name}' is not part of the language", text.find("."), meant)
    if isinstance(node, tree.NullExpression):
        return Slip("nothing is ever null here", max(0, text.find("null")), '"" for an empty text')
    if isinstance(node, tree.ArrayExpression):
        return Slip("a list is only looked into", max(0, text.find("[")), 'in ["...", "..."]')
    if isinstance(node, tree.SetExpression):
        return Slip("a list needs square brackets", max(0, text.find("{")), 'in ["...", "..."]')
    if isinstance(node, tree.ArithmeticExpression | tree.AddExpression | tree.SubtractExpression) or (
        isinstance(node, tree.UnaryExpression) and node.type != "not"
    ):
        sign = re.search(r"[-+*/%]", text)
        at = sign.start() if sign else 0
        return Slip("a condition computes nothing", at, "a name compared with a number")
    return Slip(f"'{text}' uses something that is not part of the language", 0, "comparisons, and, or, not, in")


def instead(name: str, literal: str, operator: str = "==") -> str:
    """Return what to write in place of a comparison of a variable with something of another type.

    Parameters
    ----------
    name : of a variable; `literal` what it is compared with, as written.
    """
    kind, value = BY_NAME[name].kind, literal.strip("\"'")
    match kind:
        case Kind.FLAGS | Kind.TABLE:
            entry = value if literal != value else "sales"
            return f'{name}["{entry}"]' + ("" if kind is Kind.FLAGS else " > 0.5")
        case Kind.TRUTH if name == "holiday":
            return f'holiday, or holiday_name == "{value}" for one of them'
        case Kind.TRUTH if name == "hard_word":
            return f'hard_word, or "{value}" in text for one of them'
        case Kind.TRUTH if BY_NAME[name].tone.name == "RISING":
            return f"{name}, by itself"
        case Kind.TRUTH:
            return f"{name}, or not {name}"
        case Kind.TEXT if operator not in ("==", "!="):
            return f'{name} == "{value}"'
        case Kind.TEXT:
            return f'{name} {operator} "{value}"'
        case _ if re.fullmatch(_NUMBER, value):
            return f"{name} {operator} {value}"
    return f"{name} compared with a number"


def near(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like one that is not, or None where none is near."""
    return next(iter(difflib.get_close_matches(name.lower(), known, 1, 0.5)), None)


def _quotes(text: str) -> Slip | None:
    """Quotes of a word processor, and quotes that are never closed."""
    opened: tuple[str, int] | None = None
    for place, letter in enumerate(text):
        if opened is not None:
            opened = None if letter == opened[0] else opened
        elif letter in "\"'":
            opened = letter, place
        elif _CURLY.match(letter):
            inside = _CURLY.split(text[place + 1 :], 1)[0].strip()
            return Slip(f"'{letter}' is not a quote that is understood here", place, f'straight quotes: "{inside}"')
    if opened is None:
        return None
    return Slip("the quote that stands here is never closed", opened[1], "the same quote before and behind the text")


def _brackets(bare: str) -> Slip | None:
    pairs, open_ = {")": "(", "]": "["}, list[tuple[str, int]]()
    for place, letter in enumerate(bare):
        if letter in "([":
            open_.append((letter, place))
        elif letter in pairs:
            if not open_ or open_[-1][0] != pairs[letter]:
                return Slip(f"a '{letter}' that no '{pairs[letter]}' opens", place, "as many of one as of the other")
            open_.pop()
    if not open_:
        return None
    letter, place = open_[-1]
    return Slip(f"the '{letter}' that stands here is never closed", place, "')'" if letter == "(" else "']'")


def _unfinished(bare: str) -> Slip | None:
    match = re.search(r"(and|or|not|in|==|!=|<=|>=|<|>)\s*$", bare)
    if match is None:
        return None
    word = match[1]
    what = "another condition" if word in ("and", "or", "not") else "what is compared with"
    return Slip(f"the condition is not complete: nothing stands behind '{word}'", match.start(), f"{what} behind it")


def _percent(match: re.Match[str], text: str) -> Slip:
    share = f"{float(match[1]) / 100:g}"
    return Slip(f"'{match[0]}' has a percent sign: probabilities are 0 to 1", match.start(), nearest=share)


def _time(match: re.Match[str], text: str) -> Slip:
    hour = int(match[1])
    half = match[2] or match[3]
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    opened = 'hour tells whole hours; for others, declare hours and write open["sales"]'
    return Slip(f"'{match[0].strip()}' is a time of day: {opened}", match.start(), nearest=str(hour))


def _unit(match: re.Match[str], text: str) -> Slip:
    said = f"'{match[0]}' has a unit"
    return Slip(said, match.start(), "a number alone; seconds and minutes are not asked for in a condition")


def _chain(match: re.Match[str], text: str) -> Slip:
    low, first, middle, second, high = (text[slice(*match.span(group))] for group in range(1, 6))
    meant = f"{middle} {_SMALLER[first]} {low} and {middle} {second} {high}"
    return Slip("two comparisons in one", match.start(), meant)


def _headless(match: re.Match[str], text: str) -> Slip:
    named = re.findall(_NAME, match[1])
    name = next((one for one in reversed(named) if one in BY_NAME), "words")
    operator = match[3].strip()
    return Slip(f"nothing stands before '{operator}'", match.start(3), f"{match[2]} {name} {operator} ...")


def _between(match: re.Match[str], text: str) -> Slip:
    name, low, high = match[1], match[2], match[3]
    return Slip("'between' is not part of the language", match.start(1), f"{name} >= {low} and {name} <= {high}")


def _listed(match: re.Match[str], text: str) -> Slip:
    inside = re.split(r"[)}]|\b(?:and|or)\b", text[match.start(2) :])[0].strip("({ ")
    return Slip("a list needs square brackets", match.start(2), f"in [{inside}]")


def _either(match: re.Match[str], text: str) -> Slip:
    name, first, second = (text[slice(*match.span(group))] for group in (1, 3, 4))
    return Slip("two texts behind one comparison", match.start(3), f"{name} in [{first}, {second}]")


def _telephone(match: re.Match[str], text: str) -> Slip:
    return Slip("a telephone number is a text, and needs quotes", match.start(1), f'"{match[1]}"')


def _contains(match: re.Match[str], text: str) -> Slip:
    name, value = (text[slice(*match.span(group))] for group in (1, 2))
    return Slip("'contains' is not part of the language", match.start(1), f"{value} in {name}")


def _swap(operator: str) -> Callable[[re.Match[str], str], Slip]:
    def says(match: re.Match[str], text: str) -> Slip:
        return Slip(f"'{match[1].strip()}' is not part of the language", match.start(1), nearest=operator)

    return says


def _small(match: re.Match[str], text: str) -> Slip:
    return Slip(f"'{match[0]}' is written in small letters", match.start(), nearest=match[0].lower())


def _digits(match: re.Match[str], text: str) -> Slip:
    digits = match[0].translate(_DIGITS)
    return Slip(f"'{match[0]}' is no number here", match.start(), "the digits 0-9", digits)


def _comma(match: re.Match[str], text: str) -> Slip:
    written = text[slice(*match.span())]
    return Slip(f"'{written}' has a comma in it", match.start(), "a number such as 3000 or 3.5")


def _arabic(match: re.Match[str], text: str) -> Slip:
    found = match[0].strip()
    known = "one of " + ", ".join(BY_NAME) if found.isalpha() else "and, or, brackets"
    return Slip(f"'{found}' is nothing that a condition knows", match.start(), known)


def _if(match: re.Match[str], text: str) -> Slip:
    says = f"'{match[1]}' is not part of a condition"
    return Slip(says, match.start(1), "in `when` only what must be true, in `then` what is done")


def _plain(message: str, expected: str) -> Callable[[re.Match[str], str], Slip]:
    return lambda match, text: Slip(message.format(match[0].strip()), match.start(), expected)


def _patterns() -> Iterator[tuple[str, Callable[[re.Match[str], str], Slip]]]:
    order = r"<=?|>=?"
    yield rf"({_SIDE})\s*({order})\s*({_SIDE})\s*({order})\s*({_SIDE})", _chain
    yield rf"(.*)\b(and|or)\s+({order}|==|!=)\s*\S", _headless
    yield rf"({_NAME})\s+between\s+({_NUMBER})\s+and\s+({_NUMBER})", _between
    yield rf"({_NAME})\s+contains?\s+(\"_*\"|'_*'|{_NAME})", _contains
    yield rf"({_NAME})\s*(==|!=)\s*(\"_*\"|'_*')\s*,\s*(\"_*\"|'_*')", _either
    yield r"\b(in)\s*(\(\s*[\"'][^)]*,|\{|[\"'][_]*[\"']\s*,)", _listed
    yield r"(?:==|!=)\s*(\+\d{3,}|0\d{3,})\b", _telephone
    yield rf"({_NUMBER})\s*[%٪]", _percent
    yield r"\b(\d{1,2})(?::\d{2}\s*([ap]m)?|\s*([ap]m))\b", _time
    yield rf"\b{_NUMBER}\s*(?:ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?|words?|years?|days?)\b", _unit
    yield r"[٠-٩۰-۹]+", _digits
    yield r"\d+[,،]\d+", _comma
    yield r"[\u0621-\u064a\u0671-\u06d3]+|[\u0600-\u061f\u066a-\u066d]", _arabic
    yield r"\b(AND|OR|NOT|IN|And|Or|Not|In)\b", _small
    yield r"(&&?)", _swap("and")
    yield r"(\|\|?)", _swap("or")
    yield r"(!)(?!=)", _swap("not")
    yield r"(<>)", _swap("!=")
    yield r"(=>)", _swap(">=")
    yield r"(=<)", _swap("<=")
    yield r"(===)", _swap("==")
    yield r"(?<![=!<>])(=)(?![=~<>])", _plain("one '=' compares nothing", "two of them: ==")
    yield r"\b(is\s+not|isnt)\b", _swap("!=")
    yield r"\b(is|equals?|eq)\b", _swap("==")
    yield r"\b(if|then|else|when|where)\b", _if


_SLIPS = tuple((re.compile(pattern), says) for pattern, says in _patterns())
"""Each slip's pattern, over a condition whose quoted texts are blanked, and what it says; at one place the first."""
