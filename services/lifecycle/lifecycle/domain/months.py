"""Calendar months in the tenant's zone, written `1997-03`."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


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
