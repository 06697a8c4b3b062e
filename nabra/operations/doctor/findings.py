"""What an examination finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """Callers are served; are served less well, or it is not known; are not served."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried.

    Attributes
    ----------
    level
        How bad it is.
    part
        What was tried: "prompts", "PBX main: modules".
    text
        What was found.
    mend
        What to do about it; empty where the level is ok.
    """

    level: Level
    part: str
    text: str
    mend: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the finding as the fields {level, part, text, mend}."""
        return {"level": self.level.value, "part": self.part, "text": self.text, "mend": self.mend}


def worst(findings: Iterable[Finding]) -> Level:
    """Return the worst level among findings; ok where there are none."""
    order = list(Level)
    return max((finding.level for finding in findings), key=order.index, default=Level.OK)
