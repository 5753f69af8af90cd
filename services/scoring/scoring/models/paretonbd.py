"""Pareto/NBD: buying at one's own rate, leaving at any moment at one's own rate.

Schmittlein, Morrison & Colombo 1987; formulas as in Fader & Hardie's notes 009 and 018. Purchase
rate ~ Gamma(r, rate alpha), leaving rate ~ Gamma(s, rate beta), weeks. The likelihood

    L = G(r+x)/G(r) alpha^r beta^s [ (alpha+T)^-k (beta+T)^-s
                                     + s * integral t_x..T of (alpha+y)^-k (beta+y)^-(s+1) dy ]

(k = r + x) is taken by quadrature with its exact gradient; all terms are positive, so nothing
cancels for any x. P(alive) is the first term's share.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma, gammaln, logsumexp

from scoring.models import dropout, horizon
from scoring.models.fitting import Fit, Likelihood, maximise
from scoring.models.histories import Floats, Histories, Unfit, histories
from scoring.models.horizon import Measure
from scoring.models.scorer import ParetoScorer

ALIVE_RANKS = True
BOUNDS = ((1e-4, 1e3), (1e-5, 1e7), (1e-5, 1e3), (1e-5, 1e7))
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(40)
_NEGLIGIBLE = 45.0
_BLOCK = 8192


class Parameters(msgspec.Struct, frozen=True, tag="paretonbd"):
    """Purchase rate ~ Gamma(r, rate alpha), leaving rate ~ Gamma(s, rate beta), a week."""

    r: float
    alpha: float
    s: float
    beta: float


def fit(
    x: ArrayLike, t_x: ArrayLike, age: ArrayLike, weights: ArrayLike | None = None
) -> Fit[Parameters] | Unfit:
    """Maximum likelihood; shapes (n,). Where the data show no dropout, s is 0 in effect."""
    rows = histories(x, t_x, age, weights)
    if isinstance(rows, Unfit):
        return rows
    typical = float(np.average(rows.age, weights=rows.weights))
    starts = [
        (0.5, 0.3 * typical, 0.5, 0.3 * typical),
        (1.0, typical, 1.0, typical),
        (2.0, 0.1 * typical, 0.2, 0.1 * typical),
    ]
    peak = maximise(_likelihood(rows), starts, BOUNDS)
    return dropout.settled(rows, peak, Parameters, _steady)


def log_likelihood(p: Parameters, x: Floats, t_x: Floats, age: Floats) -> Floats:
    """Of each history, shape (n,)."""
    return _heights(p, x, age, logsumexp(_Deaths(p, x, t_x, age).log_terms, axis=0))


def scorer(p: Parameters, measures: Sequence[Measure]) -> ParetoScorer:
    """Tables for these parameters."""
    return ParetoScorer(p.r, p.alpha, p.s, p.beta, measures)


def alive(p: Parameters, x: ArrayLike, t_x: ArrayLike, age: ArrayLike) -> Floats:
    """P(still a customer) at ``age``, shape (n,)."""
    return np.asarray(scorer(p, [horizon.purchases_within(1.0)]).scores(x, t_x, age)[0])


def expected(p: Parameters, weeks: float, x: ArrayLike, t_x: ArrayLike, age: ArrayLike) -> Floats:
    """Purchases in the coming weeks given the history, shape (n,)."""
    return np.asarray(scorer(p, [horizon.purchases_within(weeks)]).scores(x, t_x, age)[1])


def _steady(r: float, alpha: float) -> Parameters:
    return Parameters(r, alpha, dropout.NOTHING, alpha)


class _Deaths:
    """The moments at which a customer may have left, and what each adds to the likelihood.

    Places y = log((alpha+T) / (alpha+moment)), shape (nodes, n), reach back from the last purchase
    until what is further away adds less than exp(-45) of it. ``log_terms`` are relative to being
    alive at T.
    """

    def __init__(self, p: Parameters, x: Floats, t_x: Floats, age: Floats) -> None:
        k, end = p.r + x, p.alpha + age
        longest = np.log(end / (p.alpha + t_x))
        ratio = np.minimum((p.alpha + t_x) / (p.beta + t_x), end / (p.beta + age))
        steepness = np.maximum(k - 1.0, 0.0) + (p.s + 1.0) * ratio
        width = np.minimum(longest, _NEGLIGIBLE / np.maximum(steepness, 1e-300))
        y = longest - width * ((1.0 - _NODES) / 2.0)[:, None]
        self.from_alpha = end * np.exp(-y)
        self.from_beta = self.from_alpha + (p.beta - p.alpha)
        self.log_beta = np.log(self.from_beta)
        self.y = y
        measure = np.log(np.maximum(width / 2.0, 1e-300)) + np.log(_NODE_WEIGHTS)[:, None]
        self.log_terms = (
            (k - 1.0) * y
            - (p.s + 1.0) * (self.log_beta - np.log(p.beta + age))
            + np.log(p.s * end / (p.beta + age))
            + measure
        )


def _heights(p: Parameters, x: Floats, age: Floats, log_gone: Floats) -> Floats:
    return np.asarray(
        gammaln(p.r + x) - gammaln(p.r) + p.r * np.log(p.alpha) + p.s * np.log(p.beta)
        - (p.r + x) * np.log(p.alpha + age) - p.s * np.log(p.beta + age)
        + np.logaddexp(0.0, log_gone)
    )  # fmt: skip


def _likelihood(rows: Histories) -> Likelihood:
    blocks = [slice(start, start + _BLOCK) for start in range(0, len(rows.x), _BLOCK)]

    def value(place: Floats) -> tuple[float, Floats]:
        p = Parameters(*np.exp(place).tolist())
        sums = np.sum([_weighted(p, rows, block) for block in blocks], axis=0)
        return float(sums[0]), np.exp(place) * sums[1:]

    return value


def _weighted(p: Parameters, rows: Histories, block: slice) -> Floats:
    """(log-likelihood, its slope by r, alpha, s, beta), summed over a block."""
    x, age, weights = rows.x[block], rows.age[block], rows.weights[block]
    deaths = _Deaths(p, x, rows.t_x[block], age)
    log_gone = logsumexp(deaths.log_terms, axis=0)
    heights = _heights(p, x, age, log_gone)
    k, end_a, end_b = p.r + x, p.alpha + age, p.beta + age
    share = np.exp(deaths.log_terms - np.logaddexp(0.0, log_gone))
    alive = 1.0 - share.sum(axis=0)
    log_alpha = np.log(end_a) - (share * deaths.y).sum(axis=0)
    by_r = digamma(k) - digamma(p.r) + np.log(p.alpha) - log_alpha
    by_alpha = p.r / p.alpha - k * (alive / end_a + (share / deaths.from_alpha).sum(axis=0))
    log_beta = alive * np.log(end_b) + (share * deaths.log_beta).sum(axis=0)
    by_s = np.log(p.beta) - log_beta + (1.0 - alive) / p.s
    inverse_beta = p.s * alive / end_b + (p.s + 1.0) * (share / deaths.from_beta).sum(axis=0)
    by_beta = p.s / p.beta - inverse_beta
    return np.array([weights @ row for row in (heights, by_r, by_alpha, by_s, by_beta)])
