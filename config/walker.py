"""From YAML nodes to dataclasses, by the types of their fields.

The walker goes on after a problem: what is wrong is reported and stands in the result as its default, or as
None where there is none, so that one run names everything that has to be mended. A result is to be used
only if there were no problems. It knows nothing about any single section.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from config.errors import ConfigError, Position, Problem
from config.nearest import nearest
from config.nodes import position_of
from config.plain_words import quoted
from config.schema import Secret

MAX_NODES = 200_000
"""Security limit: anchors can make a small file unfold into a huge one."""

_TAG = "tag:yaml.org,2002:"
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")
_TRUTH = {"yes": "true", "on": "true", "no": "false", "off": "false"}


class Walker:
    """Walks the nodes of one file; collects `problems`, and in `places` where every value stands.

    `faulty` holds the paths of the values in which there is a problem: what they lack may only be unreadable.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.places: dict[str, Position] = {}
        self.faulty: set[str] = set()
        self._visited = 0

    def walk(self, node: Node, cls: type[Any]) -> Any:
        """The whole file as one dataclass."""
        return self._dataclass(node, cls, "")

    def problem(self, node: Node, message: str, expected: str = "", near: str | None = None) -> None:
        """Note a problem where a node starts."""
        self.problems.append(Problem(position_of(self.file, node), message, expected, near))

    def _value(self, node: Node, wanted: Any, metadata: Mapping[str, Any], path: str) -> Any:
        self._visited += 1
        if self._visited > MAX_NODES:
            raise ConfigError([Problem(Position(self.file, 1, 1), f"more than {MAX_NODES} values", "fewer")])
        self.places[path] = position_of(self.file, node)
        before = len(self.problems)
        value = self._typed(node, wanted, metadata, path)
        if len(self.problems) > before:
            self.faulty.add(path)
        return value

    def _typed(self, node: Node, wanted: Any, metadata: Mapping[str, Any], path: str) -> Any:
        origin = get_origin(wanted)
        if origin in (Union, UnionType):
            if node.tag == _TAG + "null":
                return None
            (wanted,) = (choice for choice in get_args(wanted) if choice is not NoneType)
            return self._typed(node, wanted, metadata, path)
        if dataclasses.is_dataclass(wanted) and isinstance(wanted, type):
            return self._dataclass(node, wanted, path, metadata.get("meaning"))
        if origin is tuple:
            return self._list(node, get_args(wanted)[0], metadata, path)
        if origin is not None and issubclass(origin, Mapping):
            return self._mapping(node, get_args(wanted)[1], metadata, path)
        return self._scalar(node, wanted, metadata, path)

    def _dataclass(self, node: Node, cls: type[Any], path: str, meaning: str | None = None) -> Any:
        fields = {f.name: f for f in dataclasses.fields(cls) if not f.metadata.get("derived")}
        if not isinstance(node, MappingNode):
            self.problem(node, f"{_found(node)} where a section belongs", meaning or "keys: " + ", ".join(fields))
            return None
        hints = get_type_hints(cls)
        values: dict[str, Any] = {}
        for key, value_node, name in self._pairs(node):
            if name not in fields:
                where = f"in {path}" if path else "at the top"
                self.problem(key, f"unknown key '{name}' {where}", "one of " + ", ".join(fields), nearest(name, fields))
                continue
            metadata = fields[name].metadata
            value = self._value(value_node, hints[name], metadata, f"{path}.{name}" if path else name)
            if value is not None:
                values[name] = value
        present = {key.value for key, _ in node.value}
        for name, field in fields.items():
            if name in values:
                continue
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                if name not in present:
                    self.problem(
                        node,
                        f"key '{name}' is missing" + (f" in {path}" if path else ""),
                        field.metadata.get("meaning", ""),
                    )
                values[name] = None
        if path and path not in self.places:
            self.places[path] = position_of(self.file, node)
        if "position" in {f.name for f in dataclasses.fields(cls)}:
            values["position"] = self._text_position(node)
        return cls(**values)

    def _text_position(self, node: MappingNode) -> Position:
        """Where the text of `when` starts: behind its quote, if it has one."""
        for key, value in node.value:
            if key.value == "when" and isinstance(value, ScalarNode):
                at = position_of(self.file, value)
                return Position(at.file, at.line, at.column + 1) if value.style in ("'", '"') else at
        return position_of(self.file, node)

    def _list(self, node: Node, wanted: Any, metadata: Mapping[str, Any], path: str) -> Any:
        if not isinstance(node, SequenceNode):
            self.problem(node, f"{_found(node)} where a list belongs", "[a, b], or lines that start with -")
            return None
        return tuple(self._value(item, wanted, metadata, f"{path}[{i}]") for i, item in enumerate(node.value))

    def _mapping(self, node: Node, wanted: Any, metadata: Mapping[str, Any], path: str) -> Any:
        if not isinstance(node, MappingNode):
            self.problem(node, f"{_found(node)} where names and values belong", "lines of name: value")
            return None
        pattern, meaning = metadata.get("pattern"), metadata.get("meaning", "")
        result: dict[str, Any] = {}
        for key, value_node, name in self._pairs(node):
            if pattern is not None and not re.fullmatch(pattern, name):
                self.problem(key, f"'{name}' cannot be a key in {path}", meaning)
            value = self._value(value_node, wanted, {}, f"{path}.{name}")
            if dataclasses.is_dataclass(value) and not isinstance(value, type) and hasattr(value, "name"):
                value = dataclasses.replace(value, name=name)
            result[name] = value
        return result

    def _pairs(self, node: MappingNode) -> list[tuple[Node, Node, str]]:
        """Keys and values of a mapping, merged ones (`<<`) included; keys that occur twice are a problem."""
        seen: dict[str, Position] = {}
        pairs: list[tuple[Node, Node, str]] = []
        merged: list[MappingNode] = []
        for key, value in node.value:
            if key.tag == _TAG + "merge":
                sources = value.value if isinstance(value, SequenceNode) else [value]
                merged += [source for source in sources if isinstance(source, MappingNode)]
                continue
            if not isinstance(key, ScalarNode):
                self.problem(key, "a list or section as a key", "a plain text")
                continue
            if isinstance(value, ScalarNode) and value.start_mark.index == value.end_mark.index and not value.style:
                value.start_mark = key.end_mark  # nothing stands there: YAML would say that it starts at the next key
            name = str(key.value)
            if name in seen:
                self.problem(key, f"key '{name}' occurs twice; it stands in line {seen[name].line} already")
                continue
            seen[name] = position_of(self.file, key)
            pairs.append((key, value, name))
        for source in merged:
            for key, value in source.value:
                if isinstance(key, ScalarNode) and key.tag != _TAG + "merge" and key.value not in seen:
                    seen[key.value] = position_of(self.file, key)
                    pairs.append((key, value, str(key.value)))
        return pairs

    def _scalar(self, node: Node, wanted: type[Any], metadata: Mapping[str, Any], path: str) -> Any:
        secret = wanted is Secret
        if not isinstance(node, ScalarNode):
            meant = _with_colon(node) if wanted is str and path.endswith("]") else None
            if meant is not None:
                self.problem(node, "a text with ': ' in it needs quotes", quoted(meant))
                return None
            one = metadata.get("one") if isinstance(node, SequenceNode) else None
            self.problem(node, f"{_found(node)} where one value belongs", one or _expected(wanted, metadata))
            return None
        tag, text = str(node.tag).removeprefix(_TAG), str(node.value)
        reader = _READERS.get(wanted)
        if reader is not None:
            value = reader(tag, text)
            low, high = metadata.get("low"), metadata.get("high")
            if value is None or (low is not None and high is not None and not low <= value <= high):
                near = _TRUTH.get(text.lower()) if wanted is bool else _figure(text, reader, low, high)
                quotes = ", without quotes" if near == text else ""
                expected = _expected(wanted, metadata) + quotes
                self.problem(node, f"found {_found(node)}", expected, None if quotes else near)
                return None
            return value
        if tag.startswith("!") and not secret:
            self.problem(node, "a text that begins with '!' needs quotes", quoted(f"{tag} {text}".rstrip()))
            return None
        # A number without quotes is a text too (a dialled number, a key): its digits as written.
        pattern = metadata.get("pattern")
        if tag not in ("str", "int"):
            if tag == "bool" and metadata.get("truth"):
                return text.lower()
            expected = _expected(wanted, metadata)
            if tag != "null":
                fits = wanted is str and (pattern is None or re.fullmatch(pattern, text))
                expected += f", in quotes: {quoted(text)}" if fits else ", in quotes"
            self.problem(node, "found a value" if secret else f"found {_found(node)}", expected)
            return None
        if issubclass(wanted, StrEnum):
            choices = [str(choice) for choice in wanted]
            if text not in choices:
                self.problem(node, f"found '{text}'", "one of " + ", ".join(choices), nearest(text, choices))
                return None
            return wanted(text)
        if pattern is not None and not re.fullmatch(pattern, text):
            near = text.lower() if not secret and re.fullmatch(pattern, text.lower()) else None
            self.problem(node, "found a value" if secret else f"found '{text}'", metadata.get("meaning", ""), near)
            return None
        if wanted is Path:
            if not text.strip() or "\0" in text:
                self.problem(node, "found an empty text", "a path")
                return None
            return self.file.parent / Path(text).expanduser()
        return wanted(text)


def _integer(tag: str, text: str) -> int | None:
    # Leading zeros are ten-based in YAML 1.2; underscores and 0o are not worth a surprise.
    return int(text) if tag == "int" and re.fullmatch(r"[-+]?[0-9]+", text) else None


def _number(tag: str, text: str) -> float | None:
    if tag not in ("int", "float") or not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", text):
        return None
    return float(text)


def _boolean(tag: str, text: str) -> bool | None:
    return text.lower() == "true" if tag == "bool" else None


_READERS: dict[Any, Callable[[str, str], Any]] = {int: _integer, float: _number, bool: _boolean}


def _figure(text: str, reader: Callable[[str, str], Any], low: float | None, high: float | None) -> str | None:
    """The number in a text with a unit, a percent sign, quotes or Arabic digits, where it may stand there."""
    figures = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*\D*", text.translate(_DIGITS))
    if figures is None:
        return None
    figure = f"{float(figures[1]) / 100:g}" if set(text) & set("%٪") else figures[1]
    value = reader("float" if "." in figure else "int", figure)
    fits = value is not None and (low is None or high is None or low <= value <= high)
    return figure if fits else None


def _found(node: Node) -> str:
    if isinstance(node, MappingNode):
        return "a section"
    if isinstance(node, SequenceNode):
        return "a list"
    if node.tag == _TAG + "null":
        return "nothing"
    text = str(node.value)
    return f"'{text}'" if len(text) <= 60 else f"'{text[:57]}...'"


def _with_colon(node: Node) -> str | None:
    """The text that was meant where a ': ' in it made a name and its value of it."""
    if not isinstance(node, MappingNode) or len(node.value) != 1:
        return None
    (parts,) = node.value
    if not all(isinstance(part, ScalarNode) and "\n" not in part.value for part in parts):
        return None
    return ": ".join(str(part.value) for part in parts).rstrip()


def _expected(wanted: type[Any], metadata: Mapping[str, Any]) -> str:
    if wanted is bool:
        return "true or false"
    if wanted in (int, float):
        kind = "a whole number" if wanted is int else "a number"
        low, high = metadata.get("low"), metadata.get("high")
        return kind if low is None else f"{kind} from {low:g} to {high:g}"
    return str(metadata.get("meaning", "a path" if wanted is Path else "a text"))
