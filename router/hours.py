"""Opening hours and holidays, by the clock on the wall where the call comes from.

All of it follows from the moment at which a call began and the number that was dialled, both facts of the call: the
same record says the same on any machine, as long as its time zone database does. The moment is that of the beginning,
so that nothing closes while a caller speaks.

Times are compared with the local clock as people read it. What opens within the hour that a clock skips in spring
opens when the hour is over; the hour that a clock repeats in autumn counts both times.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol

from config.schema import Config, Hours, Weekday
from config.zones import zone_of

_DAYS = tuple(Weekday)
_DAY = timedelta(days=1)
_DAY_MINUTES = 24 * 60
_LAST_S = datetime(9998, 1, 1, tzinfo=UTC).timestamp()
_REMEMBERED = 512


class Called(Protocol):
    """What is read of the facts of a call."""

    @property
    def wall_anchor(self) -> float: ...
    @property
    def dialled(self) -> str: ...


@dataclass(frozen=True, slots=True)
class LocalTime:
    """The moment at which a call began, where it comes from.

    Attributes
    ----------
    time_zone : of the call, by its IANA name.
    local : date and time there, as ISO 8601 to the minute, with its offset.
    hour : 0..23; `weekday` mon, tue, ...
    holiday : its name in the configuration, "" where it is none.
    open : which of the named hours are open.
    """

    time_zone: str
    local: str
    hour: int
    weekday: str
    holiday: str
    open: Mapping[str, bool]

    def values(self) -> dict[str, object]:
        """Return the variables of the rules that tell the time."""
        return {
            "hour": self.hour,
            "weekday": self.weekday,
            "holiday": bool(self.holiday),
            "holiday_name": self.holiday,
            "open": self.open,
        }


TIMELESS: Mapping[str, object] = MappingProxyType(
    {"hour": 0, "weekday": "", "holiday": False, "holiday_name": "", "open": MappingProxyType({})}
)
"""The same variables where no rule looks at them."""


class Calendar:
    """Hours and holidays of one configuration.

    Parameters
    ----------
    config : as loaded; its time zones exist.
    """

    def __init__(self, config: Config) -> None:
        self._zones = {line.number: line.time_zone for line in config.lines if line.time_zone is not None}
        self._zone = config.time_zone
        self._holidays = _Holidays(config)
        self._timetables = {name: _Timetable(hours) for name, hours in config.hours.items()}
        names = {self._zone, *self._zones.values(), *(t.zone for t in self._timetables.values() if t.zone is not None)}
        self._clocks: dict[str, tzinfo] = {name: zone_of(name) for name in names}
        self._at = lru_cache(maxsize=_REMEMBERED)(self._read)

    def at(self, call: Called) -> LocalTime:
        """Return the time at which a call began; some microseconds where another began in the same minute."""
        wall_s = call.wall_anchor if math.isfinite(call.wall_anchor) else 0.0
        return self._at(int(min(max(wall_s, 0.0), _LAST_S) // 60), self._zones.get(call.dialled, self._zone))

    def _read(self, minute: int, zone: str) -> LocalTime:
        moment = datetime.fromtimestamp(minute * 60, UTC)
        local = {name: moment.astimezone(clock) for name, clock in self._clocks.items()}
        here = local[zone]
        opened = {
            name: table.open(local[table.zone or zone], self._holidays) for name, table in self._timetables.items()
        }
        return LocalTime(
            time_zone=zone,
            local=here.isoformat(timespec="minutes"),
            hour=here.hour,
            weekday=_DAYS[here.weekday()].value,
            holiday=self._holidays.on(here.date()),
            open=MappingProxyType(opened),
        )


class _Holidays:
    """Which days are holidays."""

    def __init__(self, config: Config) -> None:
        self._once: dict[date, str] = {}
        self._yearly: list[tuple[int, int, int, str]] = []
        for name, holiday in config.holidays.items():
            for written in holiday.dates:
                *year, month, day = (int(part) for part in written.split("-"))
                if not year:
                    self._yearly.append((month, day, holiday.days, name))
                    continue
                first = date(year[0], month, day)
                for later in range(holiday.days):
                    self._once.setdefault(first + later * _DAY, name)

    def on(self, day: date) -> str:
        """Return the name of the holiday on a day, "" where it is none."""
        if day in self._once:
            return self._once[day]
        for month, first, days, name in self._yearly:
            for earlier in range(days):
                began = day - earlier * _DAY
                if (began.month, began.day) == (month, first):
                    return name
        return ""


class _Timetable:
    """One of the named hours: for each day of the week, from which minute of that day to which after its midnight."""

    def __init__(self, hours: Hours) -> None:
        self.zone = hours.time_zone
        self._on_holidays = hours.on_holidays
        self._spans: dict[Weekday, list[tuple[int, int]]] = {day: [] for day in _DAYS}
        for span in hours.open:
            for times in span.times:
                start, end = (_minute(time) for time in times.split("-"))
                for day in span.days:
                    self._spans[day].append((start, end if end > start else end + _DAY_MINUTES))

    def open(self, local: datetime, holidays: _Holidays) -> bool:
        """Return whether it is open at a local time."""
        today, minute = local.date(), local.hour * 60 + local.minute
        return self._within(today, minute, holidays) or self._within(today - _DAY, minute + _DAY_MINUTES, holidays)

    def _within(self, day: date, minute: int, holidays: _Holidays) -> bool:
        spans = self._spans[_DAYS[day.weekday()]]
        if not any(start <= minute < end for start, end in spans):
            return False
        return self._on_holidays or not holidays.on(day)


def _minute(time: str) -> int:
    hours, minutes = time.split(":")
    return int(hours) * 60 + int(minutes)


def describe(config: Config) -> Iterator[str]:
    """Yield hours and holidays as lines that a person can check."""
    for name, hours in config.hours.items():
        zone = hours.time_zone or (f"{config.time_zone}, or the line's" if config.lines else config.time_zone)
        closed = "holidays too" if hours.on_holidays else "not on holidays"
        yield f"hours {name} ({zone}; {closed}):"
        for span in hours.open:
            yield f"  {', '.join(day.value for day in span.days)}: {', '.join(span.times)}"
    if config.holidays:
        yield "holidays:"
    for name, holiday in config.holidays.items():
        lasting = f", {holiday.days} days each" if holiday.days > 1 else ""
        dates = ", ".join(date if len(date) > 5 else f"{date} every year" for date in holiday.dates)
        yield f"  {name}: {dates}{lasting}"
