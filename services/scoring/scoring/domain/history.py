"""A customer's purchases as statistics of a set: exact in any order of arrival.

Orders of one day are one purchase. What is asked at every fact (first, last, intervals, sums) is kept
beside the days; it is carried on when a day is added at the end, which is nearly always, and made
anew from the days when one appears or vanishes elsewhere.
"""

from bisect import insort
from datetime import date
from itertools import pairwise

import msgspec
from perennial.contracts.scores import OrderEffect

from scoring.domain.periods import month_index


class Day(msgspec.Struct, frozen=True, array_like=True):
    """Live orders of one business day; money in minor units."""

    orders: int = 0
    revenue: int = 0
    value: int = 0
    """Margin; revenue of those orders whose cost is unknown."""
    uncosted: int = 0
    """Orders whose cost is unknown."""


class Month(msgspec.Struct, frozen=True, array_like=True):
    """What trend and grade read of a month."""

    value: int = 0
    uncosted: int = 0
    revenue: int = 0


NO_DAY = Day()
NO_MONTH = Month()


class History(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything scoring knows of a customer's orders."""

    days: dict[date, Day] = {}
    months: dict[int, Month] = {}
    """By months since year 0."""
    gaps: tuple[int, ...] = ()
    """Days between purchases, ascending."""
    first: date | None = None
    last: date | None = None
    before_last: date | None = None
    """The purchase day before the last."""
    orders: int = 0
    paid: int = 0
    revenue: int = 0
    value: int = 0

    @property
    def repeats(self) -> int:
        """Purchase days after the first (x)."""
        return max(0, len(self.days) - 1)

    @property
    def mean_repeat(self) -> float:
        """Mean value of a repeat day, in minor units; 0 without one."""
        if self.first is None or len(self.days) < 2:
            return 0.0
        return (self.value - self.days[self.first].value) / (len(self.days) - 1)

    def interval(self, share: float, fewest: int) -> float | None:
        """A quantile of the own intervals in days; none where there are too few of them."""
        return quantile(self.gaps, share) if len(self.gaps) >= fewest else None

    def month_values(self, first: int, last: int) -> tuple[int, bool]:
        """Value of the months from `first` to `last`, and whether some of it is revenue."""
        found = [self.months.get(index, NO_MONTH) for index in range(first, last + 1)]
        return sum(m.value for m in found), any(m.uncosted for m in found)


def quantile(ascending: tuple[int, ...], share: float) -> float:
    """Linear between neighbours, as everybody's spreadsheet has it."""
    place = share * (len(ascending) - 1)
    below = int(place)
    above = min(below + 1, len(ascending) - 1)
    return ascending[below] + (place - below) * (ascending[above] - ascending[below])


def with_effect(history: History, effect: OrderEffect) -> History:
    """The history after an order fact: the only place where statistics change."""
    value = effect.revenue if effect.margin is None else effect.margin
    uncosted = effect.orders if effect.margin is None else 0
    was = history.days.get(effect.day, NO_DAY)
    now = Day(
        was.orders + effect.orders,
        was.revenue + effect.revenue,
        was.value + value,
        was.uncosted + uncosted,
    )
    days = history.days.copy()
    if now.orders > 0:
        days[effect.day] = now
    else:
        days.pop(effect.day, None)
    gaps, first, last, before_last = _rhythm(history, days, effect.day)
    return History(
        days,
        _months(history.months, month_index(effect.day), value, uncosted, effect.revenue),
        gaps,
        first,
        last,
        before_last,
        history.orders + effect.orders,
        history.paid + effect.paid,
        history.revenue + effect.revenue,
        history.value + value,
    )


def _months(
    months: dict[int, Month], index: int, value: int, uncosted: int, revenue: int
) -> dict[int, Month]:
    was = months.get(index, NO_MONTH)
    now = Month(was.value + value, was.uncosted + uncosted, was.revenue + revenue)
    if now == was:
        return months
    changed = months.copy()
    if now == NO_MONTH:
        del changed[index]
    else:
        changed[index] = now
    return changed


Rhythm = tuple[tuple[int, ...], date | None, date | None, date | None]


def _rhythm(history: History, days: dict[date, Day], day: date) -> Rhythm:
    if len(days) == len(history.days):
        return history.gaps, history.first, history.last, history.before_last
    if len(days) > len(history.days) and (history.last is None or day > history.last):
        return _carried_on(history, day)
    return _made_anew(days)


def _carried_on(history: History, day: date) -> Rhythm:
    if history.last is None:
        return (), day, day, None
    gaps = list(history.gaps)
    insort(gaps, (day - history.last).days)
    return tuple(gaps), history.first, day, history.last


def _made_anew(days: dict[date, Day]) -> Rhythm:
    ordered = sorted(days)
    if not ordered:
        return (), None, None, None
    gaps = sorted((later - earlier).days for earlier, later in pairwise(ordered))
    return tuple(gaps), ordered[0], ordered[-1], ordered[-2] if len(ordered) > 1 else None
