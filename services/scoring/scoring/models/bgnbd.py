"""BG/NBD: buying at one's own rate, leaving only right after a repeat purchase.

Fader, Hardie & Lee 2005, "Counting Your Customers the Easy Way", Marketing Science 24(2) 275-284.
**Never rank by its P(alive)**: whoever never bought again gets 1 by construction.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from scoring.models import dropout, geometric, horizon
from scoring.models.fitting import Fit, maximise
from scoring.models.geometric import Dropout
from scoring.models.histories import Floats, Unfit, histories
from scoring.models.horizon import Measure
from scoring.models.scorer import GeometricScorer

FIRST_CAN_LEAVE = 0
ALIVE_RANKS = False


class Parameters(Dropout, frozen=True, tag="bgnbd"):
    """Rate ~ Gamma(r, rate alpha) a week; P(leaving at a purchase) ~ Beta(a, b)."""


def fit(
    x: ArrayLike, t_x: ArrayLike, age: ArrayLike, weights: ArrayLike | None = None
) -> Fit[Parameters] | Unfit:
    """Maximum likelihood; shapes (n,). Where the data show no dropout, a is 0 in effect."""
    rows = histories(x, t_x, age, weights)
    if isinstance(rows, Unfit):
        return rows
    peak = maximise(
        geometric.likelihood(rows, FIRST_CAN_LEAVE), geometric.starts(rows), geometric.BOUNDS
    )
    return dropout.settled(rows, peak, Parameters, _steady)


def log_likelihood(p: Parameters, x: Floats, t_x: Floats, age: Floats) -> Floats:
    """Of each history, shape (n,)."""
    return geometric.log_likelihood(p, FIRST_CAN_LEAVE, x, t_x, age)


def scorer(p: Parameters, measures: Sequence[Measure]) -> GeometricScorer:
    """Tables for these parameters."""
    return GeometricScorer(p, FIRST_CAN_LEAVE, measures)


def alive(p: Parameters, x: ArrayLike, t_x: ArrayLike, age: ArrayLike) -> Floats:
    """P(still a customer) at ``age``, shape (n,)."""
    return np.asarray(scorer(p, [horizon.purchases_within(1.0)]).scores(x, t_x, age)[0])


def expected(p: Parameters, weeks: float, x: ArrayLike, t_x: ArrayLike, age: ArrayLike) -> Floats:
    """Purchases in the coming weeks given the history, shape (n,)."""
    return np.asarray(scorer(p, [horizon.purchases_within(weeks)]).scores(x, t_x, age)[1])


def _steady(r: float, alpha: float) -> Parameters:
    return Parameters(r, alpha, dropout.NOTHING, 1.0)
