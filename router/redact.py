"""Redaction of digits."""

from __future__ import annotations

import re

MASK = "[digits]"
_RUN = re.compile(r"\d(?:[\s.,/()+*#-]*\d){2,}")


def redact(text: str) -> str:
    """Return the text with every run of three or more digits replaced by MASK."""
    return _RUN.sub(MASK, text)
