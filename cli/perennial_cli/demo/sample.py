"""The CDNOW sample itself, read apart from the system: what really happened."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from pathlib import Path

from perennial_cli.driving import History
from perennial_cli.histories import opened
from perennial_cli.importing import mapping_in

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "tests" / "data" / "CDNOW_sample.txt"
MAPPING = ROOT / "examples" / "cdnow.yaml"
STARTS = datetime(1997, 1, 1, tzinfo=UTC)
FORECAST_AT = datetime(1997, 10, 1, tzinfo=UTC)
ENDS = datetime(1998, 7, 1, tzinfo=UTC)
DAY = timedelta(days=1)
KNOWN_WEEKS, FORECAST_WEEKS = 39, 39
Leave = Callable[[str], None]


def sample(leave: Leave) -> AbstractContextManager[Iterator[History]]:
    """The sample's orders by time; rows left out are told to `leave`."""
    return opened([(SAMPLE, mapping_in(MAPPING))], "", leave)


def orders() -> list[tuple[str, datetime]]:
    """Who bought when, in the sample's own words."""
    with sample(lambda _row: None) as facts:
        return [(fact.customer, fact.time) for fact in facts]


@dataclass(frozen=True)
class Truth:
    """Repeat orders as the file has them, a customer's orders of one day counted once."""

    repeats_by_week: list[int]
    """Cumulative, from the end of week 1 on."""

    @property
    def after_forecast(self) -> int:
        return self.repeats_by_week[-1] - self.repeats_by_week[KNOWN_WEEKS - 1]


def truth() -> Truth:
    """Read anew: nothing of it has gone through the system."""
    with sample(lambda _row: None) as facts:
        days = {(fact.customer, fact.time.date()) for fact in facts}
    return Truth(repeats_by_week(days, KNOWN_WEEKS + FORECAST_WEEKS))


def repeats_by_week(days: set[tuple[str, date]], weeks: int) -> list[int]:
    first: dict[str, date] = {}
    for customer, day in sorted(days):
        first.setdefault(customer, day)
    counts = [0] * weeks
    for customer, day in days:
        week = (day - STARTS.date()) // timedelta(weeks=1)
        if day != first[customer] and week < weeks:
            counts[week] += 1
    return list(accumulate(counts))
