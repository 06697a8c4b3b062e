"""Logs on standard error: JSON lines for machines, plain lines where a person looks at a terminal.

A log line never holds a caller's number or words; those are in the records, masked and with a time to live.
Long runs of digits are starred on their way out, so that a careless message of a library does not leak a
number either. Values for machines go into `extra={"data": {...}}`.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import TextIO

_LONG_NUMBER = re.compile(r"(?<![\w.-])\+?\d[\d ()]{5,}\d(?![\w.-])")
_NOISY = ("aiohttp", "asyncio", "numba", "matplotlib", "urllib3", "AMIClient")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, room, message, and data or trace where there is any."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name,
            "message": without_numbers(record.getMessage()),
        }
        data = getattr(record, "data", None)
        if isinstance(data, dict):
            line["data"] = data
        if record.exc_info:
            line["trace"] = without_numbers(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


class PlainFormatter(logging.Formatter):
    """For a person: local time, level where it matters, message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the trace below it where there is one."""
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        text = f"{time} {level}{without_numbers(record.getMessage())}"
        if record.exc_info:
            text += "\n" + without_numbers(self.formatException(record.exc_info))
        return text


def without_numbers(text: str) -> str:
    """Return the text with every telephone number (seven digits or more that stand alone) starred."""
    return _LONG_NUMBER.sub(lambda match: re.sub(r"\d", "*", match[0]), text)


def set_up_logs(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Send every log to `stream` (standard error): plain on a terminal, JSON lines elsewhere.

    Replaces what an earlier call set up. Libraries are heard from warnings on.
    """
    out = stream or sys.stderr
    handler = logging.StreamHandler(out)
    handler.setFormatter(PlainFormatter() if out.isatty() else JsonFormatter())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
