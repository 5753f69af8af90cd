"""Periods with units: exact, half-open, and right where clocks are put forward or back."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perennial.contracts.calendar import add, fault, is_working, length, working_time
from perennial.contracts.registers import CalendarChanged

BERLIN = CalendarChanged(
    calendar_id="berlin", timezone="Europe/Berlin", holidays=[date(2026, 4, 3), date(2026, 4, 6)]
)
DAILY = CalendarChanged(
    calendar_id="daily", timezone="America/New_York", weekdays=list(range(7)), closes="00:00"
)
CALENDARS = st.builds(
    CalendarChanged,
    calendar_id=st.just("any"),
    timezone=st.sampled_from(["UTC", "Asia/Shanghai", "America/Sao_Paulo", "Europe/Berlin"]),
    weekdays=st.lists(st.integers(0, 6), min_size=1, max_size=7, unique=True),
    opens=st.sampled_from(["00:00", "02:30", "09:00"]),
    closes=st.sampled_from(["09:30", "17:00", "00:00"]),
    holidays=st.lists(st.dates(date(2018, 1, 1), date(2018, 12, 31)), max_size=5),
)
MOMENTS = st.datetimes(
    datetime(2018, 1, 1), datetime(2018, 12, 31), timezones=st.just(UTC)
) | st.sampled_from(
    [datetime(2018, 3, 25, 0, 59, tzinfo=UTC), datetime(2018, 11, 4, 2, tzinfo=UTC)]
)
WORKING = st.builds("{}{}".format, st.integers(0, 40), st.sampled_from(["wd", "wh"]))


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("start", "period", "end"),
    [
        ("2026-03-27T15:00", "24h", "2026-03-28T15:00"),
        ("2026-03-27T15:00", "1wd", "2026-03-30T15:00"),
        ("2026-03-28T15:00", "1wd", "2026-03-31T00:00"),
        ("2026-04-02T15:00", "1wd", "2026-04-07T15:00"),
        ("2026-04-02T15:00", "8wh", "2026-04-07T15:00"),
        ("2026-04-02T16:30", "30min", "2026-04-02T17:00"),
        ("2026-04-02T16:30", "4wh", "2026-04-07T12:30"),
        ("2026-04-02T17:00", "0wh", "2026-04-07T09:00"),
        ("2026-04-02T03:00", "8wh", "2026-04-02T17:00"),
        ("2026-03-20T12:00", "14d", "2026-04-03T13:00"),
    ],
    ids=lambda value: str(value),
)
def test_where_a_period_ends(start: str, period: str, end: str) -> None:
    assert add(berlin(start), period, BERLIN) == berlin(end)


def test_a_time_that_clocks_skip_is_the_moment_of_skipping() -> None:
    zone = ZoneInfo("America/New_York")
    before = [datetime(2026, 3, 7, 2, minute, tzinfo=zone) for minute in (0, 30, 59)]

    ends = {add(start, "1wd", DAILY) for start in before}

    assert ends == {datetime(2026, 3, 8, 7, tzinfo=UTC)}


def test_a_day_of_working_hours_is_as_long_as_the_zone_makes_it() -> None:
    midnight = datetime(2026, 3, 8, tzinfo=ZoneInfo("America/New_York"))
    all_day = CalendarChanged(
        calendar_id="all", timezone="America/New_York", weekdays=[6], opens="00:00", closes="00:00"
    )

    assert add(midnight, "23wh", all_day).astimezone(midnight.tzinfo).date() == date(2026, 3, 9)


@given(CALENDARS, MOMENTS, MOMENTS, WORKING)
def test_a_later_start_never_ends_earlier(
    calendar: CalendarChanged, one: datetime, other: datetime, period: str
) -> None:
    first, second = sorted([one, other])

    assert add(first, period, calendar) <= add(second, period, calendar)


@given(CALENDARS, MOMENTS, st.integers(0, 40), st.integers(0, 40))
def test_working_hours_add_up(
    calendar: CalendarChanged, start: datetime, one: int, other: int
) -> None:
    at_once = add(start, f"{one + other}wh", calendar)

    assert add(add(start, f"{one}wh", calendar), f"{other}wh", calendar) == at_once or not other


@given(CALENDARS, MOMENTS, st.integers(1, 40))
def test_working_days_end_on_working_days_and_skip_none(
    calendar: CalendarChanged, start: datetime, days: int
) -> None:
    zone = ZoneInfo(calendar.timezone)
    first, last = start.astimezone(zone).date(), add(start, f"{days}wd", calendar).astimezone(zone)
    between = [first + timedelta(days=n) for n in range((last.date() - first).days + 1)]

    assert is_working(last.date(), calendar)
    counted = sum(is_working(day, calendar) for day in between)
    assert counted == days + 1


def test_wall_clock_has_a_length_and_working_time_has_none() -> None:
    assert length("14d") == timedelta(days=14)
    assert [working_time(period) for period in ("24h", "2wd", "8wh")] == [False, True, True]
    with pytest.raises(ValueError, match="working time"):
        length("2wd")
    with pytest.raises(ValueError, match="no period"):
        add(datetime(2026, 1, 1, tzinfo=UTC), "2 weeks")


@pytest.mark.parametrize(
    ("field", "pointer"),
    [
        ({"timezone": "Mars/Olympus"}, "/timezone"),
        ({"weekdays": []}, "/weekdays"),
        ({"weekdays": [7]}, "/weekdays"),
        ({"opens": "nine"}, "/opens"),
        ({"opens": "18:00"}, "/closes"),
    ],
)
def test_what_no_period_can_be_counted_by_is_named(field: dict[str, object], pointer: str) -> None:
    found = fault(CalendarChanged(calendar_id="x", **field))  # type: ignore[arg-type]

    assert found is not None
    assert found[0] == pointer
    assert fault(BERLIN) is None
