"""Hours and holidays by the clock on the wall: midnight, holidays, time zones, and the days on which clocks change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.schema import Config, Holiday, Hours, Line, Span, Weekday
from router.hours import Calendar, LocalTime, describe
from tests.router.scripted import FACTS, Caller, generation, rule, site

WEEK = tuple(Weekday)


@dataclass(frozen=True)
class Called:
    wall_anchor: float
    dialled: str = ""


def when(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def told(config: Config, wall_s: float, dialled: str = "") -> LocalTime:
    return Calendar(config).at(Called(wall_s, dialled))


def hours(*times: str, days: tuple[Weekday, ...] = WEEK, zone: str | None = None, on_holidays: bool = False) -> Hours:
    return Hours(open=(Span(days=days, times=times),), time_zone=zone, on_holidays=on_holidays)


def is_open(timetable: Hours, text: str, zone: str = "UTC", **more: object) -> bool:
    return told(site(hours={"it": timetable}, time_zone=zone, **more), when(text, zone)).open["it"]


@pytest.mark.parametrize(
    ("text", "open_"),
    [
        ("2026-11-22 07:59:59", False),
        ("2026-11-22 08:00", True),
        ("2026-11-22 12:59:59", True),
        ("2026-11-22 13:00", False),
        ("2026-11-22 14:00", True),
        ("2026-11-22 17:00", False),
        ("2026-11-23 08:00", False),
    ],
)
def test_several_spans_a_day(text: str, open_: bool) -> None:
    assert is_open(hours("08:00-13:00", "14:00-17:00", days=(Weekday.SUN,)), text) is open_


@pytest.mark.parametrize(
    ("text", "open_"),
    [
        ("2026-11-26 19:59", False),
        ("2026-11-26 20:00", True),
        ("2026-11-26 23:59", True),
        ("2026-11-27 00:00", True),
        ("2026-11-27 01:59", True),
        ("2026-11-27 02:00", False),
        ("2026-11-27 20:00", False),
        ("2026-11-26 00:30", False),
    ],
)
def test_past_midnight_belongs_to_the_day_on_which_it_begins(text: str, open_: bool) -> None:
    assert is_open(hours("20:00-02:00", days=(Weekday.THU,)), text) is open_


def test_the_whole_day() -> None:
    day = hours("00:00-24:00", days=(Weekday.SUN,))
    assert [is_open(day, f"2026-11-{text}") for text in ("21 23:59", "22 00:00", "22 23:59", "23 00:00")] == [
        False,
        True,
        True,
        False,
    ]


HOLIDAYS = {
    "eid": Holiday(dates=("2027-03-10", "2028-02-27"), days=3),
    "new_year": Holiday(dates=("12-31",), days=2),
    "leap": Holiday(dates=("02-29",)),
}


@pytest.mark.parametrize(
    ("date", "name"),
    [
        ("2027-03-09", ""),
        ("2027-03-10", "eid"),
        ("2027-03-12", "eid"),
        ("2027-03-13", ""),
        ("2028-03-10", ""),
        ("2028-02-29", "eid"),
        ("2032-02-29", "leap"),
        ("2027-12-31", "new_year"),
        ("2031-01-01", "new_year"),
        ("2031-01-02", ""),
    ],
)
def test_holidays_once_and_every_year_and_for_several_days(date: str, name: str) -> None:
    now = told(site(holidays=HOLIDAYS), when(f"{date} 12:00"))
    assert now.holiday == name
    assert now.values()["holiday"] is bool(name)


def test_a_holiday_has_no_hours_unless_they_say_so_and_ends_at_midnight_but_for_a_night_before_it() -> None:
    closed, night = hours("08:00-17:00"), hours("20:00-04:00")
    assert not is_open(closed, "2027-03-10 09:00", holidays=HOLIDAYS)
    assert is_open(hours("08:00-17:00", on_holidays=True), "2027-03-10 09:00", holidays=HOLIDAYS)
    assert is_open(night, "2027-03-10 03:00", holidays=HOLIDAYS)
    assert not is_open(night, "2027-03-10 21:00", holidays=HOLIDAYS)
    assert not is_open(night, "2027-03-13 03:00", holidays=HOLIDAYS)


def test_a_call_is_told_the_time_of_its_line_else_of_the_site() -> None:
    config = site(
        time_zone="Asia/Amman",
        lines=(Line(number="971", language="en", time_zone="Asia/Dubai"), Line(number="962", language="en")),
        hours={"theirs": hours("09:00-10:00"), "london": hours("06:00-07:00", zone="Europe/London")},
        holidays={"day": Holiday(dates=("2026-11-23",))},
    )
    at = when("2026-11-22 06:30")
    for dialled, hour, theirs in (("971", 10, False), ("962", 9, True), ("", 9, True)):
        now = told(config, at, dialled)
        assert (now.hour, now.open["theirs"], now.open["london"]) == (hour, theirs, True)
    late = when("2026-11-22 20:30")
    assert told(config, late, "971").local == "2026-11-23T00:30+04:00"
    assert (told(config, late, "971").holiday, told(config, late, "962").holiday) == ("day", "")
    assert (told(config, late, "971").weekday, told(config, late, "962").weekday) == ("mon", "sun")


def test_in_spring_what_opens_in_the_skipped_hour_opens_when_it_is_over() -> None:
    # Berlin, 2027-03-28: after 01:59 comes 03:00.
    config = site(hours={"it": hours("02:30-04:00")}, time_zone="Europe/Berlin")
    before = when("2027-03-28 01:59", "Europe/Berlin")
    assert not told(config, before).open["it"]
    after = told(config, before + 60)
    assert (after.local, after.open["it"]) == ("2027-03-28T03:00+02:00", True)
    assert not told(config, before + 61 * 60).open["it"]


def test_in_autumn_the_repeated_hour_counts_both_times() -> None:
    # Berlin, 2026-10-25: 02:00 to 02:59 comes twice.
    config = site(hours={"it": hours("02:00-02:30")}, time_zone="Europe/Berlin")
    first = datetime(2026, 10, 25, 0, 0, tzinfo=UTC).timestamp()
    opened = [told(config, first + 1800 * n).open["it"] for n in range(4)]
    assert opened == [True, False, True, False]
    assert [told(config, first + 3600 * n).local for n in range(2)] == [
        "2026-10-25T02:00+02:00",
        "2026-10-25T02:00+01:00",
    ]


@pytest.mark.parametrize("day", ["2027-03-28", "2026-10-25", "2026-11-22"])
def test_daily_hours_begin_by_the_local_clock_on_every_day_of_the_year(day: str) -> None:
    config = site(hours={"it": hours("08:00-17:00")}, time_zone="Europe/Berlin")
    opening = when(f"{day} 08:00", "Europe/Berlin")
    assert [told(config, opening + s).open["it"] for s in (-1, 0, 9 * 3600 - 1, 9 * 3600)] == [False, True, True, False]


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_number_is_some_time(wall_s: float) -> None:
    now = told(site(time_zone="Asia/Amman", holidays=HOLIDAYS, hours={"it": hours("20:00-02:00")}), wall_s)
    assert 0 <= now.hour <= 23


@given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)), st.sampled_from(["Asia/Amman", "America/New_York"]))
def test_open_agrees_with_a_slow_look_at_the_clock(moment: datetime, zone: str) -> None:
    timetable = hours("06:15-11:45", "22:00-05:00", days=(Weekday.MON, Weekday.THU))
    local = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    clock, today, yesterday = local.strftime("%H:%M"), local.strftime("%a"), (local - timedelta(1)).strftime("%a")
    expected = (today in ("Mon", "Thu") and ("06:15" <= clock < "11:45" or clock >= "22:00")) or (
        yesterday in ("Mon", "Thu") and clock < "05:00"
    )
    now = told(site(hours={"it": timetable}, time_zone=zone), moment.replace(tzinfo=UTC).timestamp())
    assert now.open["it"] is expected


def test_rules_are_told_the_time_at_which_the_call_began_whenever_they_are_asked() -> None:
    made = generation(
        time_zone="Asia/Amman",
        hours={"sales": hours("08:00-17:00")},
        holidays={"day": Holiday(dates=("11-14",))},
        rules=(
            rule("closed", 'not open["sales"]', never="sales"),
            rule("holiday", 'holiday_name == "day" and hour == 22 and weekday == "tue"', raise_minutes=2.0),
        ),
    )
    assert FACTS.wall_anchor == 1.7e9  # 2023-11-15 01:13 in Amman
    caller = Caller(made).until(3).speaks().until(4.5).ends().final("i want to buy a thing")
    assert (caller.decision.destination, caller.decision.rules_fired) == ("reception", ("closed",))
    calendar = caller.session.record(caller.now_s).to_json()["calendar"]
    assert calendar == {
        "time_zone": "Asia/Amman",
        "local": "2023-11-15T01:13+03:00",
        "weekday": "wed",
        "holiday": "",
        "open": {"sales": False},
    }


def test_hours_are_described_as_they_were_written() -> None:
    config = site(
        hours={"support": hours("08:00-13:00", "14:00-17:00", days=(Weekday.SUN, Weekday.MON))},
        holidays={"eid": Holiday(dates=("2027-03-10",), days=3), "new_year": Holiday(dates=("01-01",))},
        time_zone="Asia/Amman",
    )
    assert list(describe(config)) == [
        "hours support (Asia/Amman; not on holidays):",
        "  sun, mon: 08:00-13:00, 14:00-17:00",
        "holidays:",
        "  eid: 2027-03-10, 3 days each",
        "  new_year: 01-01 every year",
    ]
