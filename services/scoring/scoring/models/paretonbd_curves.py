"""Tables for Pareto/NBD.

Given alive, everything ahead depends on age alone, as a curve of log(beta + age):

    purchases in t weeks  (r + x) (beta + age) / (alpha + age) * G(v),  G = integral of (1+v)^-s
    survival              (1 + v)^-s,   v = t / (beta + age)

For P(alive) let h(t) be the share of the likelihood of being alive at t that is lost by dying
after t in silence:  h(t) = s (alpha+t)^k (beta+t)^s * integral from t of
(alpha+y)^-k (beta+y)^-(s+1) dy = s / (k+s) 2F1(1, k; k+s+1; (alpha-beta)/(alpha+t)), k = r + x
(the papers' A0, transformed by Euler). With R = ((alpha+T)/(alpha+t_x))^k ((beta+T)/(beta+t_x))^s

    1 / P(alive) = 1 - h(T) + R h(t_x)

in which nothing cancels.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import exprel

from scoring.models import curves
from scoring.models.histories import Floats, Integers
from scoring.models.horizon import Measure

_MOST_LEVELS = 20_000


class AheadBuild:
    """A ``curves.Build``, the same for every x: the sums of G and of survival."""

    def __init__(self, s: float, measures: Sequence[Measure]) -> None:
        self._s, self._measures = s, measures

    def __call__(self, x: Integers, piece: Integers) -> Floats:
        """Monomial coefficients, shape (n, measures, TERMS)."""
        del x
        return np.array([[self._one(m, int(one)) for m in self._measures] for one in piece])

    def _one(self, measure: Measure, piece: int) -> Floats:
        w = np.log1p(np.exp(-curves.nodes(piece))[:, None] * np.array(measure.weeks))
        if measure.of == "survival":
            return curves.monomials(np.exp(-self._s * w) @ np.array(measure.weights))
        return curves.monomials((w * exprel((1.0 - self._s) * w)) @ np.array(measure.weights))


class SilentDeathBuild:
    """A ``curves.Build`` of h, a curve of log(min(alpha, beta) + weeks)."""

    def __init__(self, r: float, alpha: float, s: float, beta: float) -> None:
        self._r, self._alpha, self._s, self._beta = r, alpha, s, beta

    def __call__(self, x: Integers, piece: Integers) -> Floats:
        """Monomial coefficients, shape (n, 1, TERMS)."""
        near = np.array([curves.nodes(int(one)) for one in piece])
        weeks = np.exp(near) - min(self._alpha, self._beta)
        k = self._r + x[:, None].astype(np.float64)
        return curves.monomials(silent_death(k, self._alpha, self._s, self._beta, weeks))[:, None]


def silent_death(k: Floats, alpha: float, s: float, beta: float, weeks: Floats) -> Floats:
    """h, see the module; shapes broadcast.

    2F1(1, k; c; z) by Gauss' continued fraction (DLMF 15.7.5), from the far end: unlike series it
    neither overflows nor cancels for any k and any z < 1. Each level shrinks the error by the
    square of (1 - root) / (1 + root), root = sqrt(1 - z).
    """
    z = (alpha - beta) / (alpha + weeks)
    c, value = k + s + 1.0, np.ones(np.broadcast(k, weeks).shape)
    for n in range(_levels(z), 0, -1):
        odd = (k + n) * (c + n - 1.0) / ((c + 2.0 * n - 1.0) * (c + 2.0 * n))
        even = n * (c - k + n - 1.0) / ((c + 2.0 * n - 2.0) * (c + 2.0 * n - 1.0))
        value = 1.0 - even * z / (1.0 - odd * z / value)
    return np.asarray(s / (k + s) / (1.0 - k / c * z / value))


def _levels(z: Floats) -> int:
    root = np.sqrt(1.0 - z)
    slowest = float(np.max(np.abs((1.0 - root) / (1.0 + root))))
    return min(_MOST_LEVELS, 8 + int(20.0 / -np.log(max(slowest, 1e-9))))
