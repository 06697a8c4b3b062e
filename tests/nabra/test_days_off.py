"""What the doctor says of holidays, told from today."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime

import pytest

import config
from config.schema import Config, Holiday
from nabra.operations.doctor.days_off import days_off
from nabra.operations.doctor.findings import Finding, Level
from nabra.operations.doctor.machine import EXAMINATIONS

TODAY = date(2026, 11, 22)


def site(**holidays: Holiday) -> Config:
    return dataclasses.replace(config.load(), holidays=holidays)


def told(settings: Config, today: date = TODAY) -> list[Finding]:
    return list(days_off(settings, today))


@pytest.mark.parametrize(
    ("dates", "days", "today", "said"),
    [
        (("2026-12-02",), 1, TODAY, "'eid' is in 10 days (from 2026-12-02 on)"),
        (("2025-01-01", "2026-11-23"), 1, TODAY, "'eid' is tomorrow (from 2026-11-23 on)"),
        (("2026-11-20",), 3, TODAY, "'eid' is today (from 2026-11-20 on)"),
        (("01-01",), 1, TODAY, "'eid' is in 40 days (from 2027-01-01 on)"),
        (("12-31",), 3, date(2027, 1, 2), "'eid' is today (from 2026-12-31 on)"),
        (("02-29",), 1, TODAY, "'eid' is in 464 days (from 2028-02-29 on)"),
        (("02-29",), 1, date(2097, 1, 1), "'eid' is in 2614 days (from 2104-02-29 on)"),
    ],
)
def test_the_next_holiday_is_told_from_today(dates: tuple[str, ...], days: int, today: date, said: str) -> None:
    (finding,) = told(site(eid=Holiday(dates=dates, days=days)), today)
    assert finding == Finding(Level.OK, "holidays", f"1 declared; {said}")


def test_one_that_never_comes_again_is_a_warning_that_says_how_long_ago_and_how_to_mend_it() -> None:
    old = Holiday(dates=("2025-03-10", "2026-03-20"), days=3)
    gone, ahead = told(site(eid=old, new_year=Holiday(dates=("01-01",))))
    assert gone == Finding(
        Level.WARNING,
        "holidays",
        "'eid' was over 245 days ago (2026-03-22), and has no date after that",
        "give its next date under holidays.eid.dates",
    )
    assert ahead.text == "2 declared; 'new_year' is in 40 days (from 2027-01-01 on)"
    (late,) = told(site(eid=Holiday(dates=("2026-11-21",))))
    assert "was over yesterday" in late.text


def test_without_holidays_nothing_is_said_and_the_doctor_asks_the_clock_of_the_site() -> None:
    assert told(site()) == []
    assert days_off in EXAMINATIONS
    settings = dataclasses.replace(site(day=Holiday(dates=("2020-01-01",))), time_zone="Asia/Amman")
    (finding,) = days_off(settings)
    ago = (datetime.now(UTC).date() - date(2020, 1, 1)).days
    assert any(f"{days} days ago" in finding.text for days in (ago, ago + 1))
