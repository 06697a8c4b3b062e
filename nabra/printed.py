"""Lines for people: fitted to their terminal, and safe where a script from right to left stands in them.

Other programs read the same lines whole and without marks, so that they can search them.
"""

from __future__ import annotations

import re
import shutil
import sys
import textwrap

_LETTER = "[\u0590-\u08ff\ufb1d-\ufefc]"
_RIGHT_TO_LEFT = re.compile(f"{_LETTER}+(?:(?:[^\\S\n]|[،؛؟\\d.])+{_LETTER}+)*")
_FROM_THE_RIGHT = re.compile(f"[\\d. ]*{_LETTER}")
_ISOLATE, _POP = "\u2068", "\u2069"


def columns() -> int | None:
    """Return how wide the terminal is that standard output goes to; None where other programs read it."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def isolated(text: str) -> str:
    """Return lines for a terminal in which what is written from right to left does not reorder what is around it.

    A pair of marks never spans two lines: a terminal takes each line as a paragraph of its own.
    """
    return _RIGHT_TO_LEFT.sub(lambda run: f"{_ISOLATE}{run.group()}{_POP}", text)


def directed(text: str) -> str:
    """Return lines for a terminal, each of which is read from the side on which it begins, whatever stands in it.

    One that begins with a quote from right to left goes on from left to right.
    """
    return "\n".join(_directed(line) for line in text.split("\n"))


def _directed(line: str) -> str:
    said = line.lstrip()
    if not _FROM_THE_RIGHT.match(said):
        return isolated(line)
    return f"{line[: len(line) - len(said)]}{_ISOLATE}{said}{_POP}"


def fitted(text: str, width: int | None, *, indent: str = "", hang: str = "    ", right_to_left: bool = False) -> str:
    """Return a line for people, in as many lines as it takes.

    Parameters
    ----------
    text : one line.
    width : of the terminal in columns; None leaves the text as it is, for other programs.
    indent, hang : what stands before every line, and before every one but the first as well.
    right_to_left : the text is a sentence from right to left, in which other scripts may stand; otherwise it is one
        from left to right.
    """
    if width is None:
        return indent + text
    room = max(width - len(indent), 20)
    lines = textwrap.wrap(text, room, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False)
    whole = f"{_ISOLATE}{{}}{_POP}".format
    return "\n".join(indent + (whole(line) if right_to_left else isolated(line)) for line in lines or [""])
