"""What YAML's parser finds wrong with a file, in words for whoever edits it: where, what, and how to mend it.

The parser names the place where it gave up. Where a bracket or a quote was left open, that may be many lines further
down: then the place told is where it opens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ruamel.yaml.error import MarkedYAMLError

_FLOW = {"while parsing a flow sequence": ("list", "]"), "while parsing a flow mapping": ("section", "}")}
_TOKENS = {
    "'<stream end>'": "the end of the file",
    "'<scalar>'": "a text",
    "'<block end>'": "the end of what is indented",
    "'<block mapping start>'": "a section",
    "'<block sequence start>'": "a list",
}
_SECOND_COLON = re.compile(r"\s*(?:- +)*(?:[a-z0-9_]+: +)?(?P<text>\S.*:.*)")

_VALUE = re.compile(r"\s*(?:- +)*[a-z0-9_]+: +(?P<text>[\"'].*)")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a file.

    Attributes
    ----------
    line, column : where to look, from 0.
    message : what is wrong there.
    expected : what would have been right; empty where the message says it.
    """

    line: int
    column: int
    message: str
    expected: str = ""


def quoted(text: str) -> str:
    """Return a text as it can be written in YAML whatever is in it, but for line breaks."""
    if '"' not in text and "\\" not in text:
        return f'"{text}"'
    return "'" + text.replace("'", "''") + "'"


def fault_of(error: MarkedYAMLError, text: str) -> Fault:
    """Return what an error of the parser says about a text."""
    found = str(error.problem or error.context or "this is not YAML")
    at: Any = error.problem_mark or error.context_mark
    if at is None:
        return Fault(0, 0, found)
    begun: Any = error.context_mark or at
    lines = text.splitlines()
    line = lines[at.line] if at.line < len(lines) else ""
    name = re.search(r"(?:found|got) ('.+')$", found)
    token = _TOKENS.get(name[1], name[1]) if name is not None else "this"

    def here(message: str, expected: str = "") -> Fault:
        return Fault(at.line, at.column, message, expected)

    def where_it_begins(message: str, expected: str) -> Fault:
        return Fault(begun.line, begun.column, message, expected)

    if error.context in _FLOW and found.startswith("expected ','"):
        what, bracket = _FLOW[error.context]
        ends = "'<stream end>'" in found
        if at.line == begun.line and not ends:
            missing = f"a ',' is missing before this, or the '{bracket}' of the {what} that begins in column"
            return here(f"{missing} {begun.column + 1}", "quotes around a text with ',', ':' or a bracket in it")
        before = "the end of the file" if ends else f"line {at.line + 1}"
        closed = f"the {what} that begins here has neither ',' nor '{bracket}' before {before}"
        return where_it_begins(closed, f"a '{bracket}' where the {what} ends")
    if found.startswith("expected the node content"):
        return here(f"{token} where a value belongs", "a value, and every bracket above it closed")
    if found.startswith("expected <block end>"):
        if line[: at.column].strip():
            whole = _VALUE.fullmatch(line.split(" #")[0].rstrip())
            meant = f": {quoted(whole['text'])}" if whole is not None else ""
            return here(f"{token} behind a value that is complete", f"quotes around the whole of a text{meant}")
        spaces = f"this line begins in column {at.column + 1}, where no section above it does"
        return here(spaces, "it indented like the lines that it belongs with")
    if found == "mapping values are not allowed here":
        text_of = _SECOND_COLON.fullmatch(line.split(" #")[0].rstrip())
        if text_of is not None and ": " in line[: at.column]:
            return here("a text with ': ' in it needs quotes", quoted(text_of["text"]))
        return here("a ':' below a line that has its value already", "less indentation, or no value in the line above")
    if found == "could not find expected ':'":
        neither = "a line that is neither 'name: value' nor '- item'"
        return where_it_begins(neither, "a ':' behind the name; deeper indentation, if it goes on from the line above")
    if found in ("found unexpected end of stream", "found unexpected document separator"):
        return where_it_begins("the quote that opens here is never closed", "the same quote where the text ends")
    if found.startswith("expected a comment or a line break"):
        sign = lines[begun.line][begun.column : begun.column + 1] if begun.line < len(lines) else ""
        return where_it_begins(f"a text that begins with '{sign}' needs quotes", "quotes around it")
    if found.startswith("found character '\\t'"):
        return here("a tab where only spaces may indent", "spaces")
    if found.startswith("found character"):
        return here(f"a text that begins with '{line[at.column : at.column + 1]}' needs quotes", "quotes around it")
    if found.startswith("found undefined alias"):
        return here(f"{found}: a text that begins with '*' needs quotes", "quotes around it")
    if found.startswith("found unknown escape character"):
        return here(r"a '\' in double quotes begins something special", r"single quotes around a text with '\' in it")
    return here(found)
