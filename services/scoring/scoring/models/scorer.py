"""Scores by tables: one customer in microseconds, a million in a fraction of a second.

A score is ``(P(alive), measure 1, measure 2, ...)``; every measure is an expectation over alive
and gone. ``score`` and ``scores`` evaluate the same polynomials and agree to rounding.
"""

from collections.abc import Sequence
from math import exp, inf, log
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from scoring.models import geometric
from scoring.models.curves import Curves
from scoring.models.geometric import Dropout
from scoring.models.geometric_curves import GeometricBuild
from scoring.models.histories import Floats
from scoring.models.horizon import Measure
from scoring.models.paretonbd_curves import AheadBuild, SilentDeathBuild
from scoring.models.roots import falling_root

#: Weeks beyond which a moment counts as never.
NEVER = 1e5


class Scorer(Protocol):
    """What the rest of the service knows of a model with parameters."""

    def alive(self, x: int, t_x: float, age: float) -> float:
        """P(still a customer) at ``age``."""
        ...

    def score(self, x: int, t_x: float, age: float) -> tuple[float, ...]:
        """(P(alive), each measure in the order given)."""
        ...

    def scores(self, x: ArrayLike, t_x: ArrayLike, age: ArrayLike) -> Floats:
        """As ``score`` for shapes (n,): shape (1 + measures, n)."""
        ...

    def crossing(self, threshold: float, x: int, t_x: float, age: float) -> float:
        """The age, not before the one given, at which P(alive) falls to the threshold if silence
        goes on; inf where it never does."""
        ...

    def next_order(self, share: float, x: int, age: float) -> float:
        """Weeks from now until which that share of such customers, if they stay, order again."""
        ...


class GeometricScorer:
    """BG/NBD (``first`` 0) and MBG/NBD (``first`` 1)."""

    def __init__(self, p: Dropout, first: int, measures: Sequence[Measure]) -> None:
        self._p, self._first = p, first
        self._r, self._alpha = p.r, p.alpha
        self._log_a, self._divisor = log(p.a), p.b + first - 1.0
        self._ahead = Curves(GeometricBuild(p, first, measures), len(measures))

    def _odds(self, x: int, t_x: float, age: float) -> float:
        if not x and not self._first:
            return -inf
        silence = log(self._alpha + age) - log(self._alpha + t_x)
        return self._log_a - log(self._divisor + x) + (self._r + x) * silence

    def alive(self, x: int, t_x: float, age: float) -> float:
        """See ``Scorer``."""
        odds = self._odds(x, t_x, age)
        if odds > 0.0:
            small = exp(-odds)
            return small / (1.0 + small)
        return 1.0 / (1.0 + exp(odds))

    def score(self, x: int, t_x: float, age: float) -> tuple[float, ...]:
        """See ``Scorer``."""
        alive = self.alive(x, t_x, age)
        ahead = self._ahead.at(x, log(self._alpha + age))
        return (alive, *[alive * value for value in ahead])

    def scores(self, x: ArrayLike, t_x: ArrayLike, age: ArrayLike) -> Floats:
        """See ``Scorer``."""
        count, last, now = np.asarray(x, np.int64), np.asarray(t_x, float), np.asarray(age, float)
        u = np.log(self._alpha + now)
        odds = geometric.log_leaving_odds(self._p, self._first, count, last, u)
        ahead = self._ahead.values(count, u)
        alive = expit(np.negative(odds, out=odds))
        ahead *= alive
        return np.vstack((alive, ahead))

    def crossing(self, threshold: float, x: int, t_x: float, age: float) -> float:
        """See ``Scorer``; in closed form."""
        if not x and not self._first:
            return inf
        needed = log((1.0 - threshold) / threshold) - self._log_a + log(self._divisor + x)
        silence = needed / (self._r + x)
        if silence > log(NEVER + self._alpha) - log(self._alpha + t_x):
            return inf
        return max(age, (self._alpha + t_x) * exp(silence) - self._alpha)

    def next_order(self, share: float, x: int, age: float) -> float:
        """See ``Scorer``."""
        return _lomax_quantile(share, self._r + x, self._alpha + age)


class ParetoScorer:
    """Pareto/NBD."""

    def __init__(
        self, r: float, alpha: float, s: float, beta: float, measures: Sequence[Measure]
    ) -> None:
        self._r, self._alpha, self._s, self._beta = r, alpha, s, beta
        self._near = min(alpha, beta)
        self._death = Curves(SilentDeathBuild(r, alpha, s, beta), 1)
        self._ahead = Curves(AheadBuild(s, measures), len(measures))
        self._buys = tuple(measure.of == "purchases" for measure in measures)

    def alive(self, x: int, t_x: float, age: float) -> float:
        """See ``Scorer``."""
        then, now = self._near + t_x, self._near + age
        return self._alive(x, t_x, age, self._death.at(x, log(then))[0], log(now))

    def _alive(self, x: int, t_x: float, age: float, died: float, u: float) -> float:
        alpha, beta = self._alpha, self._beta
        bought = (self._r + x) * (log(alpha + age) - log(alpha + t_x))
        silent = exp(-bought - self._s * (log(beta + age) - log(beta + t_x)))
        return silent / (died + (1.0 - self._death.at(x, u)[0]) * silent)

    def score(self, x: int, t_x: float, age: float) -> tuple[float, ...]:
        """See ``Scorer``."""
        alive = self.alive(x, t_x, age)
        ahead = self._ahead.at(0, log(self._beta + age))
        rate = alive * (self._r + x) * (self._beta + age) / (self._alpha + age)
        return (
            alive,
            *[(rate if b else alive) * v for b, v in zip(self._buys, ahead, strict=True)],
        )

    def scores(self, x: ArrayLike, t_x: ArrayLike, age: ArrayLike) -> Floats:
        """See ``Scorer``."""
        count, last, now = np.asarray(x, np.int64), np.asarray(t_x, float), np.asarray(age, float)
        alpha, beta, k = self._alpha, self._beta, self._r + count
        by_alpha, by_beta = np.log(alpha + now), np.log(beta + now)
        bought = k * (by_alpha - np.log(alpha + last))
        silent = np.exp(-bought - self._s * (by_beta - np.log(beta + last)))
        died = self._death.values(count, np.log(self._near + last))[0]
        dying = self._death.values(count, by_alpha if alpha <= beta else by_beta)[0]
        alive = silent / (died + (1.0 - dying) * silent)
        ahead = self._ahead.values(np.zeros_like(count), by_beta)
        ahead *= alive
        ahead[list(self._buys)] *= k * (beta + now) / (alpha + now)
        return np.vstack((alive, ahead))

    def crossing(self, threshold: float, x: int, t_x: float, age: float) -> float:
        """See ``Scorer``; log odds are nearly linear in log weeks, so few steps are needed."""
        died = self._death.at(x, log(self._near + t_x))[0]
        goal = log((1.0 - threshold) / threshold)

        def above(u: float) -> float:
            alive = self._alive(x, t_x, exp(u) - self._near, died, u)
            return goal - log((1.0 - alive) / alive) if 0.0 < alive < 1.0 else alive - threshold

        start = log(self._near + age)
        short = above(start)
        if short <= 0.0:
            return age
        step = 1.1 * short / (self._r + x + self._s)
        found = falling_root(above, start, log(self._near + NEVER), step)
        return max(age, exp(found) - self._near)

    def next_order(self, share: float, x: int, age: float) -> float:
        """See ``Scorer``."""
        return _lomax_quantile(share, self._r + x, self._alpha + age)


def _lomax_quantile(share: float, shape: float, scale: float) -> float:
    """Waiting for the next event of a Poisson process whose rate is Gamma(shape, rate scale):
    P(wait <= t) = 1 - (scale / (scale + t))^shape."""
    power = -log(1.0 - share) / shape
    return scale * (exp(power) - 1.0) if power < 700.0 else inf
