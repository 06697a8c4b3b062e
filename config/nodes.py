"""A YAML file as nodes that remember where they stand.

YAML 1.2: `yes` and `on` are texts, `010` is ten. Whatever is wrong with the file itself (missing, not
UTF-8, a tab, a bracket left open, half a character, too large) becomes one Problem at its line and column; nothing
else leaves `read_nodes`.
"""

from __future__ import annotations

import re
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from config.errors import ConfigError, Position, Problem
from config.plain_words import fault_of

MAX_FILE_BYTES = 2 * 1024 * 1024
"""Security limit: far above any file that people edit, and read in seconds."""

_HALF = re.compile(r"[\ud800-\udfff]")
_HALF_WRITTEN = re.compile(r"\\(?:u|U0000)[dD][89a-fA-F][0-9a-fA-F]{2}")


def read_nodes(file: Path) -> Node:
    """Root node of a YAML file.

    Raises
    ------
    ConfigError
        With the one Problem that keeps the file from being read.
    """
    text = _text(file)
    try:
        root: Node | None = YAML(typ="rt", pure=True).compose(text)
    except MarkedYAMLError as error:
        fault = fault_of(error, text)
        position = Position(file, fault.line + 1, fault.column + 1)
        raise ConfigError([Problem(position, fault.message, fault.expected)]) from None
    except ReaderError as error:
        position = _position(file, text[: error.position])
        raise ConfigError(
            [Problem(position, f"a control character (U+{ord(text[error.position]):04X})", "plain text")]
        ) from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise ConfigError([Problem(Position(file, 1, 1), f"this is not YAML: {error}")]) from None
    if root is None:
        raise ConfigError([Problem(Position(file, 1, 1), "the file is empty", "keys and values")])
    if _HALF_WRITTEN.search(text):
        _refuse_halves(file, root, text)
    return root


def _refuse_halves(file: Path, root: Node, text: str) -> None:
    """Raise ConfigError where an escape such as "\\ud83d" leaves half a character, which no file or phone can hold."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, ScalarNode):
            half = _HALF.search(str(node.value))
            if half is None:
                continue
            written = _HALF_WRITTEN.search(text, node.start_mark.index, node.end_mark.index)
            place = _position(file, text[: written.start() if written else node.start_mark.index])
            message = f"'{written[0] if written else ascii(half[0])[1:-1]}' is half a character"
            raise ConfigError([Problem(place, message, "the character itself, typed or pasted between the quotes")])
        if isinstance(node, SequenceNode):
            waiting += reversed(node.value)
        elif isinstance(node, MappingNode):
            waiting += [part for pair in reversed(node.value) for part in reversed(pair)]


def position_of(file: Path, node: Node) -> Position:
    """Where a node starts."""
    mark = node.start_mark
    return Position(file, mark.line + 1, mark.column + 1)


def _text(file: Path) -> str:
    start = Position(file, 1, 1)
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError([Problem(start, f"cannot be read: {reason}", "a readable YAML file")]) from None
    if len(raw) > MAX_FILE_BYTES:
        limit = f"at most {MAX_FILE_BYTES // 1024 // 1024} MiB"
        raise ConfigError([Problem(start, "the file is too large", limit)])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig", errors="replace")
        found = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        raise ConfigError([Problem(_position(file, before), found, "a file saved as UTF-8")]) from None


def _position(file: Path, before: str) -> Position:
    return Position(file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
