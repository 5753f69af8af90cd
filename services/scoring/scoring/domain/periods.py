"""Business days, months and the moments at which they end, in the tenant's zone."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAYS_A_MONTH = 365.25 / 12


def business_day(moment: datetime, zone: ZoneInfo) -> date:
    """The day a moment belongs to."""
    return moment.astimezone(zone).date()


@lru_cache(maxsize=4096)
def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The moment a day begins; everything that ends with a day ends here, so that it settles
    together."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def month_index(day: date) -> int:
    """Months since year 0, so that months subtract."""
    return day.year * 12 + day.month - 1


def month_name(index: int) -> str:
    """As `1997-09`."""
    return f"{index // 12:04d}-{index % 12 + 1:02d}"


def month_number(name: str) -> int:
    """The index of `1997-09`."""
    return int(name[:4]) * 12 + int(name[5:7]) - 1


def month_start(index: int) -> date:
    """The first day of a month."""
    return date(index // 12, index % 12 + 1, 1)


def month_end(index: int, zone: ZoneInfo) -> datetime:
    """The moment a month is over."""
    return midnight(month_start(index + 1), zone)


def days_later(day: date, days: float) -> date | None:
    """So many days on; none where the calendar ends before."""
    return day + timedelta(days=days) if days < (date.max - day).days else None
