"""When the demo's people work: weekdays from nine to five, but for holidays and their own absences."""

from datetime import UTC, date, datetime, timedelta
from random import Random

DAY = timedelta(days=1)
OPENS, CLOSES = 9, 17
FIRST_WEEKEND_DAY = 5
HOLIDAYS = tuple(
    date.fromisoformat(day)
    for day in (
        "1997-01-01", "1997-01-20", "1997-02-17", "1997-05-26", "1997-07-04", "1997-09-01",
        "1997-10-13", "1997-11-11", "1997-11-27", "1997-12-25", "1998-01-01", "1998-01-19",
        "1998-02-16", "1998-05-25",
    )
)  # fmt: skip


def is_working_day(day: date) -> bool:
    """Open to all who are not away; a moment counts for its day."""
    on = day.date() if isinstance(day, datetime) else day
    return on.weekday() < FIRST_WEEKEND_DAY and on not in HOLIDAYS


def working_hour(day: date, draw: Random, opens: int = OPENS, closes: int = CLOSES) -> datetime:
    """A moment of that day between two hours, to the minute."""
    minutes = draw.randrange((closes - opens) * 60)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return midnight + timedelta(hours=opens, minutes=minutes)
