"""Dates as exports write them. What fits two notations with two meanings is reported, not guessed."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

ISO = "iso"
_DAYS = (
    "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d",
    "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%Y年%m月%d日",
)  # fmt: skip
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
CANDIDATES = (ISO, *(day + time for day in _DAYS for time in _TIMES))
_FIRST, _ENOUGH = 50, 1_000
"""Texts by which notations are chosen, and by which they are compared."""
_OF_A_TIME = ("%H", "%I", "%X", "%c")


class NotADate(Exception):
    """The text is no date in these notations, or two different ones."""


class AmbiguousDateError(Exception):
    """Every date of the file fits several notations that disagree."""


class DateReader:
    """Reads one column; equal texts are read once."""

    def __init__(self, formats: Sequence[str], zone: ZoneInfo) -> None:
        self.formats = tuple(formats)
        self._zone = zone
        self.read = lru_cache(maxsize=50_000)(self._read)

    def _read(self, text: str) -> datetime:
        """The moment in UTC. A mere date is midnight UTC of that date, whatever the zone."""
        found = {
            _in_utc(moment, form, text, self._zone)
            for form in self.formats
            if (moment := _parsed(text, form)) is not None
        }
        if len(found) == 1:
            return found.pop()
        if found:
            days = " or ".join(sorted(f"{moment:%Y-%m-%d}" for moment in found))
            raise NotADate(f"{text!r} can be {days}: name one format in `date_formats`")
        raise NotADate(f"{text!r} is no date as {', '.join(self.formats)}")


def find_formats(texts: Iterable[str]) -> list[str]:
    """The notation that fits a sample best; several only if they never disagree on it."""
    sample = list(dict.fromkeys(text for text in texts if text))
    likely = [form for form in CANDIDATES if any(_parsed(text, form) for text in sample[:_FIRST])]
    fits = {form: [_parsed(text, form) for text in sample[:_ENOUGH]] for form in likely}
    most = max((_count(read) for read in fits.values()), default=0)
    if not most:
        raise AmbiguousDateError(
            f"no known notation fits {sample[:3]}: say it in `date_formats`, as %d.%m.%Y"
        )
    best = {form: read for form, read in fits.items() if _count(read) == most}
    if len({tuple(read) for read in best.values()}) > 1:
        raise AmbiguousDateError(
            f"{sample[0]!r} and the others fit {' and '.join(best)}: keep one in `date_formats`"
        )
    return [next(iter(best))]


def misfits(texts: Sequence[str], formats: Sequence[str]) -> list[int]:
    """Places of the texts that are a date in none of these notations; blank ones are none's fault."""
    return [
        place
        for place, text in enumerate(texts)
        if text and all(_parsed(text, form) is None for form in formats)
    ]


def _count(read: list[datetime | None]) -> int:
    return sum(moment is not None for moment in read)


def _parsed(text: str, form: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if form == ISO else datetime.strptime(text, form)
    except ValueError:
        return None


def _in_utc(moment: datetime, form: str, text: str, zone: ZoneInfo) -> datetime:
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    timed = len(text) > 10 if form == ISO else any(sign in form for sign in _OF_A_TIME)
    return moment.replace(tzinfo=zone if timed else UTC).astimezone(UTC)
