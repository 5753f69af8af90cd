"""What is asked of the future, as weighted sums of two curves: purchases and survival.

A ``Measure`` says: take the curve at these weeks from now, with these weights. One form holds for
every model, so that tables (``curves``) can answer all measures of an ``Outlook`` at once.
"""

from typing import Literal

import msgspec
import numpy as np

#: A month is a twelfth of a year of 365.25 days.
MONTH_WEEKS = 365.25 / 12 / 7
YEARLY_RATE = 0.10
_LIFE_PANELS = 40


class Measure(msgspec.Struct, frozen=True):
    """Sum of weight x curve(weeks from now); ``of`` names the curve, given alive now."""

    of: Literal["purchases", "survival"]
    weeks: tuple[float, ...]
    weights: tuple[float, ...]


class Outlook(msgspec.Struct, frozen=True):
    """The questions a scorer answers, in this order: expected purchases within each of
    ``weeks``, then for each of ``months`` the discounted purchases, then the discounted months
    of being served. ``yearly_rate`` .10 means that 1.10 in a year is worth 1 now."""

    weeks: tuple[float, ...] = (12.0,)
    months: tuple[int, ...] = (12, 36)
    yearly_rate: float = YEARLY_RATE

    def measures(self) -> tuple[Measure, ...]:
        """All questions; a score lists the answers in this order after P(alive)."""
        return (
            *(purchases_within(weeks) for weeks in self.weeks),
            *(discounted_purchases(months, self.yearly_rate) for months in self.months),
            *(months_served(months, self.yearly_rate) for months in self.months),
        )

    def place(self, months: int) -> tuple[int, int]:
        """Where a score holds (discounted purchases, discounted months served)."""
        index = self.months.index(months)
        first = 1 + len(self.weeks)
        return first + index, first + len(self.months) + index


def purchases_within(weeks: float) -> Measure:
    """Expected purchases in the coming weeks, undiscounted."""
    return Measure("purchases", (weeks,), (1.0,))


def discounted_purchases(
    months: int, yearly_rate: float = YEARLY_RATE, month_weeks: float = MONTH_WEEKS
) -> Measure:
    """Sum over months m = 1 ... of (purchases in month m) / (1 + rate)^(m / 12).

    A month's purchases are discounted from its end, as in the published 12-month figures.
    """
    worth = (1.0 + yearly_rate) ** (-np.arange(1, months + 1) / 12.0)
    weights = worth - np.append(worth[1:], 0.0)
    weeks = np.arange(1, months + 1) * month_weeks
    return Measure("purchases", tuple(weeks.tolist()), tuple(weights.tolist()))


def months_served(
    months: int, yearly_rate: float = YEARLY_RATE, month_weeks: float = MONTH_WEEKS
) -> Measure:
    """Sum over months of P(still a customer at the month's start) / (1 + rate)^(m / 12): what one
    unit of monthly cost comes to, paid at the month's end like everything of that month."""
    worth = (1.0 + yearly_rate) ** (-np.arange(1, months + 1) / 12.0)
    return Measure(
        "survival", tuple((np.arange(months) * month_weeks).tolist()), tuple(worth.tolist())
    )


def purchases_for_life(yearly_rate: float = YEARLY_RATE) -> Measure:
    """Discounted expected residual transactions (DERT), continuous discounting.

    Integral of exp(-delta t) dE(t) = integral of delta exp(-delta t) E(t) dt, delta the weekly
    force of interest; Gauss-Legendre on panels of log t.
    """
    delta = np.log1p(yearly_rate) * 7.0 / 365.25
    nodes, node_weights = np.polynomial.legendre.leggauss(8)
    edges = np.linspace(np.log(1e-7 / delta), np.log(45.0 / delta), _LIFE_PANELS + 1)
    half = (edges[1] - edges[0]) / 2.0
    weeks = np.exp((edges[:-1, None] + half + half * nodes).ravel())
    weights = delta * weeks * np.exp(-delta * weeks) * np.tile(half * node_weights, _LIFE_PANELS)
    return Measure("purchases", tuple(weeks.tolist()), tuple(weights.tolist()))
