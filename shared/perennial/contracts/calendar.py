"""Periods that carry their unit, and the moments at which they end: wall clock or working time.

`h` and `d` are wall clock: 1 and 24 hours, whatever the zone does. `wd` counts working days of a
register calendar: the same local time so many working days later; what begins on a closed day
begins with the next working day. `wh` counts only the hours in which the calendar is open.

A period ends at one exact instant and is over from that instant on. An end never comes earlier for
a later start, also where clocks are put forward or back.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from perennial.contracts.registers import CalendarChanged

_FORM = r"^([0-9]{1,5})(min|h|d|wd|wh)$"
Period = Annotated[str, msgspec.Meta(pattern=_FORM)]
"""As `15min`, `24h`, `14d`, `3wd` or `8wh`."""
WallClock = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,5}(min|h|d)$")]
"""A period that needs no calendar."""
EVERY_WEEKDAY = CalendarChanged(calendar_id="default")
"""What counts where a company has no calendar of that name."""

_READ = re.compile(_FORM).match
_WALL = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_DAY = timedelta(days=1)
_LONGEST_CLOSURE = 1_000
"""Days; a calendar that is closed for longer counts every day."""


def add(start: datetime, period: Period, calendar: CalendarChanged = EVERY_WEEKDAY) -> datetime:
    """The instant (UTC) at which a period that began at `start` is over."""
    count, unit = _parsed(period)
    if unit in _WALL:
        return start.astimezone(UTC) + count * _WALL[unit]
    days = _Days(calendar)
    return days.later(start, count) if unit == "wd" else days.open_for(start, count * _WALL["h"])


@lru_cache(maxsize=1_000)
def length(period: WallClock) -> timedelta:
    """A wall-clock period as such. Raises `ValueError` for working time: it has no fixed length."""
    count, unit = _parsed(period)
    if unit not in _WALL:
        raise ValueError(f"{period} is working time")
    return count * _WALL[unit]


def working_time(period: Period) -> bool:
    """Whether its end depends on a calendar."""
    return _parsed(period)[1] not in _WALL


def is_working(day: date, calendar: CalendarChanged) -> bool:
    return day.weekday() in calendar.weekdays and day not in calendar.holidays


def fault(calendar: CalendarChanged) -> tuple[str, str] | None:
    """Pointer and cure of what makes a calendar unusable; None if nothing does."""
    try:
        ZoneInfo(calendar.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "/timezone", f"{calendar.timezone!r} is no zone; write one as Europe/Berlin."
    if not calendar.weekdays or not set(calendar.weekdays) <= set(range(7)):
        return "/weekdays", "Name the working days, 0 (Monday) to 6."
    try:
        opens, closes = _clock(calendar.opens), _clock(calendar.closes)
    except ValueError:
        return "/opens", "Write hours as 09:00."
    if closes != time() and closes <= opens:
        return "/closes", "Let it close after it opens, or at 00:00, the end of the day."
    return None


@lru_cache(maxsize=1_000)
def _parsed(period: Period) -> tuple[int, str]:
    found = _READ(period)
    if found is None:
        raise ValueError(f"{period!r} is no period; write one as 24h, 14d, 3wd or 8wh")
    return int(found[1]), found[2]


def _clock(text: str) -> time:
    return time.fromisoformat(text)


class _Days:
    """The working days of one calendar as spans of exact instants."""

    def __init__(self, calendar: CalendarChanged) -> None:
        self._calendar = calendar
        self._zone = ZoneInfo(calendar.timezone)
        self._opens, self._closes = _clock(calendar.opens), _clock(calendar.closes)

    def later(self, start: datetime, days: int) -> datetime:
        local = start.astimezone(self._zone)
        day, clock = self._working_from(local.date()), time()
        if day == local.date():
            clock = local.time()
        for _ in range(days):
            day = self._working_from(day + _DAY)
        return _instant(day, clock, self._zone)

    def open_for(self, start: datetime, left: timedelta) -> datetime:
        moment = start.astimezone(UTC)
        day = self._working_from(moment.astimezone(self._zone).date())
        while True:
            opened, closes = self._hours(day)
            begins = max(moment, opened)
            if begins + left <= closes and (left or begins < closes):
                return begins + left
            left -= max(closes - begins, timedelta())
            day = self._working_from(day + _DAY)

    def _hours(self, day: date) -> tuple[datetime, datetime]:
        closing = day + _DAY if self._closes == time() else day
        return _instant(day, self._opens, self._zone), _instant(closing, self._closes, self._zone)

    def _working_from(self, day: date) -> date:
        for ahead in range(_LONGEST_CLOSURE):
            found = day + ahead * _DAY
            if is_working(found, self._calendar):
                return found
        return day


def _instant(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The first instant at which clocks of the zone show this time or, where they skip it, more."""
    shown = datetime.combine(day, clock)
    found = shown.replace(tzinfo=zone).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == shown:
        return found
    return _skipped(shown, zone)


def _skipped(shown: datetime, zone: ZoneInfo) -> datetime:
    """When clocks were put forward over `shown`; found by halving, to the second."""
    before = shown.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = shown.replace(tzinfo=zone, fold=0).astimezone(UTC)
    while after - before > timedelta(seconds=1):
        half = before + (after - before) // 2
        half = half.replace(microsecond=0)
        if half <= before:
            break
        if half.astimezone(zone).replace(tzinfo=None) < shown:
            before = half
        else:
            after = half
    return after
