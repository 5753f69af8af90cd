"""From order lines to histories: set-based, integers until the last division, so that the outcome
is exactly the same in any order of input."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scoring.models.histories import Floats, Integers


@dataclass(frozen=True, slots=True)
class Summary:
    """One row a customer who bought by the last day observed, shapes (n,), sorted by customer.

    ``mean_repeat`` is the mean amount (minor units) of a repeat day, 0.0 without one.
    """

    customer: NDArray[Any]
    x: Integers
    t_x: Floats
    age: Floats
    mean_repeat: Floats


def summarise(
    customer: ArrayLike, day: ArrayLike, amount_minor: ArrayLike, last_day: int
) -> Summary:
    """Counts distinct days: what a customer buys on one day is one purchase. ``day`` is a whole
    day number; days after ``last_day`` are left out; amounts of 0 count like any other."""
    who, when = np.asarray(customer), np.asarray(day, np.int64)
    amount = np.asarray(amount_minor, np.int64)
    seen = when <= last_day
    names, index = np.unique(who[seen], return_inverse=True)
    index, when, amount = _by_day(index.astype(np.int64), when[seen], amount[seen])
    starts = np.flatnonzero(np.diff(index, prepend=-1))
    if not len(starts):
        empty = np.empty(0)
        return Summary(names, np.empty(0, np.int64), empty, empty.copy(), empty.copy())
    ends = np.append(starts[1:], len(index)) - 1
    x = ends - starts
    repeat_total = np.add.reduceat(amount, starts) - amount[starts]
    mean = np.where(x > 0, repeat_total / np.maximum(x, 1), 0.0)
    first = when[starts]
    return Summary(names, x, (when[ends] - first) / 7.0, (last_day - first) / 7.0, mean)


def _by_day(
    index: Integers, day: Integers, amount: Integers
) -> tuple[Integers, Integers, Integers]:
    """One row for each customer and day, sorted, amounts summed."""
    order = np.lexsort((day, index))
    index, day, amount = index[order], day[order], amount[order]
    fresh = np.ones(len(index), dtype=bool)
    fresh[1:] = (index[1:] != index[:-1]) | (day[1:] != day[:-1])
    starts = np.flatnonzero(fresh)
    totals = np.add.reduceat(amount, starts) if len(starts) else amount
    return index[starts], day[starts], totals
