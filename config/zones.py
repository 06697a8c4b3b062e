"""Time zones by their IANA names, from the database of the machine."""

from __future__ import annotations

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, available_timezones

from config.nearest import nearest


class UnknownZone(Exception):
    """No such time zone here; `expected` says what would be one, `nearest` is the name most like it, or None."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no time zone '{name}'")
        by_lower = {zone.lower(): zone for zone in available_timezones()}
        if not by_lower:
            self.expected, self.nearest = "a machine that has a time zone database: pip install tzdata, or UTC", None
            return
        near = nearest(name, by_lower)
        by_city = nearest(name, [lower.rpartition("/")[2] for lower in by_lower]) if near is None else None
        if by_city is not None:
            near = next(lower for lower in sorted(by_lower) if lower.rpartition("/")[2] == by_city)
        self.expected = "a name such as Asia/Amman"
        self.nearest = None if near is None else by_lower[near]


def zone_of(name: str) -> tzinfo:
    """Return a time zone by its name; UTC is known everywhere.

    Raises
    ------
    UnknownZone
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UnknownZone(name) from None
