"""Working days by the tenant's calendar, for time limits that carry `wd`."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from perennial.contracts.registers import CalendarChanged

EVERY_WEEKDAY = CalendarChanged(calendar_id="default")
_LONGEST_CLOSURE = 370


def is_working(day: date, calendar: CalendarChanged) -> bool:
    return day.weekday() in calendar.weekdays and day not in calendar.holidays


def working_days_later(start: datetime, days: int, calendar: CalendarChanged) -> datetime:
    """The same time of day so many working days on; from a closed day, counted from the opening
    of the next open one. A calendar without any open day counts every day."""
    local = start.astimezone(ZoneInfo(calendar.timezone))
    day, clock = _first_open(local, calendar)
    for _ in range(days):
        day = _next_open(day + timedelta(days=1), calendar)
    return datetime.combine(day, clock, local.tzinfo).astimezone(UTC)


def month_starts(month: str, timezone: str) -> datetime:
    """The first moment of `1997-03` in the tenant's zone."""
    year, number = map(int, month.split("-"))
    return datetime(year, number, 1, tzinfo=ZoneInfo(timezone)).astimezone(UTC)


def month_after(month: str) -> str:
    year, number = map(int, month.split("-"))
    return f"{year + number // 12:04d}-{number % 12 + 1:02d}"


def months_until(last: str, count: int) -> list[str]:
    """So many months in a row, oldest first."""
    year, number = map(int, last.split("-"))
    places = range(year * 12 + number - count, year * 12 + number)
    return [f"{place // 12:04d}-{place % 12 + 1:02d}" for place in places]


def _first_open(local: datetime, calendar: CalendarChanged) -> tuple[date, time]:
    if is_working(local.date(), calendar):
        return local.date(), local.time()
    return _next_open(local.date(), calendar), time.fromisoformat(calendar.opens)


def _next_open(day: date, calendar: CalendarChanged) -> date:
    for ahead in range(_LONGEST_CLOSURE):
        found = day + timedelta(days=ahead)
        if is_working(found, calendar):
            return found
    return day
