"""Tells the holidays of a configuration as they lie from today: which is next, and which never come again."""

from __future__ import annotations

from calendar import isleap
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from config.schema import Config, Holiday
from config.zones import zone_of
from nabra.operations.doctor.findings import Finding, Level

_PART = "holidays"
_LEAP_YEARS = 9
"""A day that is in leap years alone comes again within so many, 1900 and 2100 included."""


def days_off(config: Config, today: date | None = None) -> Iterator[Finding]:
    """Tell when the next holiday is, and of each that is over how long ago.

    Parameters
    ----------
    config : as loaded.
    today : where the site is; None is the day of the clock there.
    """
    if not config.holidays:
        return
    here = today or datetime.now(zone_of(config.time_zone)).date()
    coming: list[tuple[date, str]] = []
    for name, holiday in config.holidays.items():
        spans = list(_spans(holiday, here))
        ahead = [first for first, last in spans if last >= here]
        coming += [(first, name) for first in ahead]
        if not ahead:
            last = max(last for _, last in spans)
            yield Finding(
                Level.WARNING,
                _PART,
                f"'{name}' was over {_ago(here - last)} ({last.isoformat()}), and has no date after that",
                f"give its next date under holidays.{name}.dates",
            )
    if coming:
        first, name = min(coming)
        when = "today" if first <= here else _ahead(first - here)
        yield Finding(
            Level.OK, _PART, f"{len(config.holidays)} declared; '{name}' is {when} (from {first.isoformat()} on)"
        )


def _spans(holiday: Holiday, today: date) -> Iterator[tuple[date, date]]:
    """First and last day of each time that a holiday is; of those of every year, the last that began and the next."""
    lasting = timedelta(days=holiday.days - 1)
    for written in holiday.dates:
        if len(written) > 5:
            first = date.fromisoformat(written)
            yield first, first + lasting
            continue
        month, day = (int(part) for part in written.split("-"))
        firsts = [
            date(year, month, day)
            for year in range(today.year - _LEAP_YEARS, today.year + _LEAP_YEARS)
            if (month, day) != (2, 29) or isleap(year)
        ]
        began = max(first for first in firsts if first <= today)
        yield began, began + lasting
        after = min(first for first in firsts if first > today)
        yield after, after + lasting


def _ahead(time: timedelta) -> str:
    return "tomorrow" if time.days == 1 else f"in {time.days} days"


def _ago(time: timedelta) -> str:
    return "yesterday" if time.days == 1 else f"{time.days} days ago"
