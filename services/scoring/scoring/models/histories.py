"""Purchase histories as arrays, checked once and with equal rows weighted instead of repeated."""

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FEWEST_CUSTOMERS = 20
FEWEST_REPEATERS = 5


class Unfit(msgspec.Struct, frozen=True, tag=True):
    """Data from which no model can be learnt, and why. A value, not an exception."""

    reason: str


@dataclass(frozen=True, slots=True)
class Histories:
    """Distinct rows, shape (n,) each; ``weights`` counts the customers that share a row."""

    x: Floats
    t_x: Floats
    age: Floats
    weights: Floats

    @property
    def customers(self) -> float:
        """How many customers stand behind the rows."""
        return float(self.weights.sum())


def histories(
    x: ArrayLike, t_x: ArrayLike, age: ArrayLike, weights: ArrayLike | None = None
) -> Histories | Unfit:
    """Checks the rows and merges equal ones, so that the outcome depends on no order of input."""
    columns = [np.atleast_1d(np.asarray(column, dtype=np.float64)) for column in (x, t_x, age)]
    columns.append(
        np.ones(len(columns[0])) if weights is None else np.asarray(weights, dtype=np.float64)
    )
    if len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
        return Unfit("x, t_x, age and weights differ in length")
    fault = _fault(*columns)
    return Unfit(fault) if fault else merged(*columns)


def merged(x: Floats, t_x: Floats, age: Floats, weights: Floats) -> Histories:
    """Sums the weights of equal (x, t_x, age); rows come out sorted."""
    order = np.lexsort((age, t_x, x))
    rows = np.column_stack((x, t_x, age))[order]
    fresh = np.ones(len(rows), dtype=bool)
    fresh[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    totals: Floats = np.bincount(np.cumsum(fresh) - 1, weights=weights[order]).astype(np.float64)
    distinct = np.ascontiguousarray(rows[fresh].T)
    return Histories(distinct[0], distinct[1], distinct[2], totals)


def _fault(x: Floats, t_x: Floats, age: Floats, weights: Floats) -> str:
    if not all(np.isfinite(column).all() for column in (x, t_x, age, weights)):
        return "a number is missing or infinite"
    if (x < 0).any() or (x != np.floor(x)).any() or (weights < 0).any():
        return "repeat purchases and weights must be whole and not negative"
    if (t_x < 0).any() or (t_x > age).any():
        return "a last purchase lies before the first or after the end of observation"
    if ((x > 0) != (t_x > 0)).any():
        return "repeat purchases without time between them: merge a day's purchases first"
    return _too_thin(x, age, weights)


def _too_thin(x: Floats, age: Floats, weights: Floats) -> str:
    repeaters = float(weights[x > 0].sum())
    if not (age * weights > 0).any():
        return "nobody has been observed for any time"
    if weights.sum() < FEWEST_CUSTOMERS:
        return f"{weights.sum():.0f} customers, fewer than {FEWEST_CUSTOMERS}"
    if repeaters < FEWEST_REPEATERS:
        return f"{repeaters:.0f} customers bought again, fewer than {FEWEST_REPEATERS}"
    return ""
