"""Gamma-Gamma: what a purchase is worth, by customer (Fader & Hardie 2013, note 025).

A customer's purchases vary around an own mean, Gamma(p, rate nu), with nu ~ Gamma(q, rate gamma)
over customers; amounts are independent of how often one buys. Feed it margins to get margins.
Amounts in any one unit; gamma is in that unit.
"""

import msgspec
import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma, gammaln

from scoring.models.fitting import Fit, Likelihood, maximise
from scoring.models.histories import FEWEST_REPEATERS, Floats, Unfit

SHAPES = (1e-3, 1e4)


class Parameters(msgspec.Struct, frozen=True, tag="gamma_gamma"):
    """Shape of a customer's purchases; shape and rate of the customers' own rates."""

    p: float
    q: float
    gamma: float


def fit(
    x: ArrayLike, mean_amount: ArrayLike, weights: ArrayLike | None = None
) -> Fit[Parameters] | Unfit:
    """Maximum likelihood from repeat buyers: repeat purchases and their mean amount, shapes (n,).
    Rows without a repeat or with a mean of 0 or less say nothing here and are left out."""
    count, mean = np.atleast_1d(np.asarray(x, float)), np.atleast_1d(np.asarray(mean_amount, float))
    given = np.ones(count.shape) if weights is None else np.asarray(weights, float)
    if not count.shape == mean.shape == given.shape:
        return Unfit("x, mean_amount and weights differ in length")
    used = (count > 0) & (mean > 0) & np.isfinite(mean) & (given > 0)
    count, mean, given = count[used], mean[used], given[used]
    if given.sum() < FEWEST_REPEATERS:
        return Unfit(f"{given.sum():.0f} customers bought again, fewer than {FEWEST_REPEATERS}")
    if float(mean.max() - mean.min()) <= 1e-9 * float(mean.max()):
        return Unfit("all amounts are equal: there is nothing to learn")
    return _fitted(count, mean, given)


def _fitted(x: Floats, mean: Floats, weights: Floats) -> Fit[Parameters]:
    typical = float(np.exp(np.average(np.log(mean), weights=weights)))
    bounds = (SHAPES, SHAPES, (1e-6 * typical, 1e6 * typical))
    starts = [(2.0, 3.0, typical), (10.0, 2.0, 0.2 * typical), (1.0, 5.0, 5.0 * typical)]
    peak = maximise(_likelihood(x, mean, weights), starts, bounds)
    notes = ["a parameter lies at the edge of its range"] if peak.on_edge else []
    if peak.at[1] <= 1.0:
        notes.append("q <= 1: the population has no finite mean")
    return Fit(
        Parameters(*peak.at), peak.height, peak.standard_errors, peak.converged, "; ".join(notes)
    )


def log_likelihood(p: Parameters, x: Floats, mean_amount: Floats) -> Floats:
    """Of each repeat buyer's mean amount, shape (n,)."""
    shape = p.p * x
    return np.asarray(
        gammaln(shape + p.q) - gammaln(shape) - gammaln(p.q) + p.q * np.log(p.gamma)
        + (shape - 1.0) * np.log(mean_amount) + shape * np.log(x)
        - (shape + p.q) * np.log(p.gamma + x * mean_amount)
    )  # fmt: skip


def expected_amount(p: Parameters, x: ArrayLike, mean_amount: ArrayLike) -> Floats:
    """Mean of a customer's purchases to come, shape (n,); for x = 0 the population's. Where that
    is infinite (q <= 1) a customer without a repeat gets the population's median rate instead."""
    count, mean = np.asarray(x, float), np.asarray(mean_amount, float)
    below = p.p * count + p.q - 1.0
    seen = np.where(count > 0, mean * count, 0.0)
    return np.asarray(p.p * (p.gamma + seen) / np.where(below > 0.0, below, p.q))


def expected_amount_of(p: Parameters, x: int, mean_amount: float) -> float:
    """``expected_amount`` of one customer."""
    below = p.p * x + p.q - 1.0
    seen = mean_amount * x if x > 0 else 0.0
    return p.p * (p.gamma + seen) / (below if below > 0.0 else p.q)


def _likelihood(x: Floats, mean: Floats, weights: Floats) -> Likelihood:
    def value(place: Floats) -> tuple[float, Floats]:
        p = Parameters(*np.exp(place).tolist())
        heights = log_likelihood(p, x, mean)
        total = np.log(p.gamma + x * mean)
        both = digamma(p.p * x + p.q)
        by_p = x * (both - digamma(p.p * x) + np.log(mean) + np.log(x) - total)
        by_q = both - digamma(p.q) + np.log(p.gamma) - total
        by_gamma = p.q / p.gamma - (p.p * x + p.q) / (p.gamma + x * mean)
        slope = np.array([weights @ row for row in (by_p, by_q, by_gamma)])
        return float(weights @ heights), np.exp(place) * slope

    return value
