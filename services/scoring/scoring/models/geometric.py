"""What BG/NBD and MBG/NBD share: after a purchase a customer may leave for good.

Purchase rate ~ Gamma(r, rate alpha), probability p to leave ~ Beta(a, b), drawn once a customer.
BG/NBD lets nobody leave at the first purchase, MBG/NBD does; with ``first`` = 0 or 1 for that, one
set of formulas serves both (Fader, Hardie & Lee 2005; Batislam et al. 2007, Hoppe & Wagner 2007).

Given that the customer is alive at ``age``: rate ~ Gamma(r + x, alpha + age), p ~ Beta(a, b+first+x).
With k = r + x and v = t / (alpha + age), everything about the coming t weeks depends on x and v only:

    purchases  F(v) = E[(1 - (1 + p v)^-k) / p],   F'(v) = k (1+v)^-a 2F1(a+b'-1-r, a; a+b'+x; z)
    survival   S(v) = E[(1 + p v)^-k]              = (1+v)^-a 2F1(a+b'-r, a; a+b'+x; z)

with b' = b + first, z = v / (1 + v). The first is the papers' closed form, differentiated and
transformed (Pfaff), so that nothing cancels, overflows, or breaks at a = 1.
"""

from collections.abc import Callable

import msgspec
import numpy as np
from scipy.special import betainc, betaincc, betaln, digamma, expit, gammaln, hyp2f1

from scoring.models.fitting import Likelihood
from scoring.models.histories import Floats, Histories, Integers

BOUNDS = ((1e-4, 1e3), (1e-5, 1e7), (1e-5, 50.0), (1e-5, 1e5))
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(16)


class Dropout(msgspec.Struct, frozen=True):
    """Parameters of both models: rate (r; alpha in weeks), leaving (a, b)."""

    r: float
    alpha: float
    a: float
    b: float


def log_leaving_odds(
    p: Dropout, first: int, x: Floats | Integers, t_x: Floats, log_end: Floats
) -> Floats:
    """log of P(gone) / P(alive), shape (n,); -inf where nobody can have left yet. ``log_end`` is
    log(alpha + age), which callers have at hand."""
    odds: Floats = (p.r + x) * (log_end - np.log(p.alpha + t_x)) + np.log(p.a)
    can_leave = x + first > 0
    odds -= np.log(np.where(can_leave, p.b + (first - 1.0) + x, 1.0))
    odds[~can_leave] = -np.inf
    return odds


def log_likelihood(p: Dropout, first: int, x: Floats, t_x: Floats, age: Floats) -> Floats:
    """Of each history, shape (n,)."""
    odds = log_leaving_odds(p, first, x, t_x, np.log(p.alpha + age))
    stayed = betaln(p.a, p.b + first + x) - betaln(p.a, p.b)
    bought = gammaln(p.r + x) - gammaln(p.r) + p.r * np.log(p.alpha)
    return np.asarray(bought + stayed - (p.r + x) * np.log(p.alpha + age) + np.logaddexp(0.0, odds))


def likelihood(rows: Histories, first: int) -> Likelihood:
    """The weighted sum and its gradient by (log r, log alpha, log a, log b)."""

    def value(place: Floats) -> tuple[float, Floats]:
        p = Dropout(*np.exp(place).tolist())
        heights = log_likelihood(p, first, rows.x, rows.t_x, rows.age)
        slope = np.array([rows.weights @ row for row in _slopes(p, rows, first)])
        return float(rows.weights @ heights), np.exp(place) * slope

    return value


def _slopes(p: Dropout, rows: Histories, first: int) -> tuple[Floats, Floats, Floats, Floats]:
    x, k = rows.x, p.r + rows.x
    gone = expit(log_leaving_odds(p, first, x, rows.t_x, np.log(p.alpha + rows.age)))
    until_last, until_end = p.alpha + rows.t_x, p.alpha + rows.age
    silent = np.log(until_end) - np.log(until_last)
    by_r = digamma(k) - digamma(p.r) + np.log(p.alpha) - np.log(until_end) + gone * silent
    by_alpha = p.r / p.alpha - k / until_end + gone * k * (1.0 / until_end - 1.0 / until_last)
    spread = digamma(p.a + p.b) - digamma(p.a + p.b + first + x)
    by_a = spread + gone / p.a
    divisor = np.where(x + first > 0, p.b + x + first - 1.0, 1.0)
    by_b = digamma(p.b + first + x) - digamma(p.b) + spread - gone / divisor
    return by_r, by_alpha, by_a, by_b


def purchase_slope(p: Dropout, first: int, x: Floats, w: Floats) -> Floats:
    """dF / dw at w = log(1 + v), for rows ``x`` (n, 1) and places ``w`` (m,): shape (n, m)."""
    b, top = p.b + first, p.r + x
    series = hyp2f1(p.a + b - 1.0 - p.r, p.a, p.a + b + x, -np.expm1(-w))
    direct = top * np.exp((1.0 - p.a) * w) * series
    return _mended(
        direct, lambda i, j: top[i, 0] * np.exp(w[j]) * _mean_power(p, b, x[i, 0], w[j], 1.0)
    )


def survival(p: Dropout, first: int, x: Floats, w: Floats) -> Floats:
    """S at w = log(1 + v); shapes as in ``purchase_slope``."""
    b = p.b + first
    direct = np.exp(-p.a * w) * hyp2f1(p.a + b - p.r, p.a, p.a + b + x, -np.expm1(-w))
    return _mended(direct, lambda i, j: _mean_power(p, b, x[i, 0], w[j], 0.0))


def _mended(direct: Floats, exact: Callable[[int, int], float]) -> Floats:
    """scipy's 2F1 gives nan near z = 1 for large b; those few come from quadrature instead."""
    for i, j in np.argwhere(~np.isfinite(direct)):
        direct[i, j] = exact(int(i), int(j))
    return direct


def _mean_power(p: Dropout, b: float, x: float, w: float, extra: float) -> float:
    """E[(1 + p v)^-(r + x + extra)] over p ~ Beta(a, b + x), by quadrature in logit p.

    Below ``low`` the power is 1, above ``high`` it is (1 + v)^-power, both to 1e-17.
    """
    power, v = p.r + x + extra, np.expm1(w)
    low, high = np.log(1e-17 / (power * max(v, 1.0))), np.log(max(power, 1.0) / 1e-17)
    edges = np.arange(low, high + 0.5, 0.5)
    logit = (edges[:-1, None] + 0.25 + 0.25 * _NODES).ravel()
    log_p, log_q = -np.logaddexp(0.0, -logit), -np.logaddexp(0.0, logit)
    density = np.exp(p.a * log_p + (b + x) * log_q - betaln(p.a, b + x))
    inner = density * np.exp(-power * np.log1p(np.exp(log_p) * v))
    ends = betainc(p.a, b + x, np.exp(-np.logaddexp(0.0, -edges[0])))
    ends += betaincc(p.a, b + x, np.exp(-np.logaddexp(0.0, -edges[-1]))) * np.exp(-power * w)
    return float(inner @ np.tile(0.25 * _NODE_WEIGHTS, len(edges) - 1) + ends)


def starts(rows: Histories) -> list[tuple[float, float, float, float]]:
    """Where to begin the search: fast and slow buyers, loyal and fickle ones."""
    typical = float(np.average(rows.age, weights=rows.weights))
    return [
        (0.5, 0.2 * typical, 1.0, 2.0),
        (1.0, typical, 0.3, 3.0),
        (2.0, 0.1 * typical, 0.1, 1.0),
    ]
