"""NBD: customers buy at their own steady rate and never stop (Ehrenberg 1959).

Nobody's model of churn: it is what the others fall back to when data show no dropout, and the
baseline they must beat. Rate ~ Gamma(r, rate alpha); weeks.
"""

import msgspec
import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma, gammaln

from scoring.models.fitting import Fit, Likelihood, maximise
from scoring.models.histories import Floats, Histories, Unfit, histories

BOUNDS = ((1e-4, 1e3), (1e-5, 1e7))


class Parameters(msgspec.Struct, frozen=True):
    """Shape of the purchase rate, and its scale in weeks."""

    r: float
    alpha: float


def fit(
    x: ArrayLike, t_x: ArrayLike, age: ArrayLike, weights: ArrayLike | None = None
) -> Fit[Parameters] | Unfit:
    """Maximum likelihood; shapes (n,)."""
    rows = histories(x, t_x, age, weights)
    return rows if isinstance(rows, Unfit) else fit_rows(rows)


def fit_rows(rows: Histories) -> Fit[Parameters]:
    """As ``fit``, for rows that were checked already."""
    typical = float(np.average(rows.age, weights=rows.weights))
    starts = [(0.5, 0.3 * typical), (2.0, typical)]
    peak = maximise(_likelihood(rows), starts, BOUNDS)
    return Fit(
        Parameters(*peak.at), peak.height, peak.standard_errors, peak.converged,
        "purchase rates are (nearly) equal" if peak.on_edge else "",
    )  # fmt: skip


def log_likelihood(p: Parameters, x: Floats, t_x: Floats, age: Floats) -> Floats:
    """Of each history, shape (n,): the density of the purchases' moments."""
    del t_x  # who never stops leaves no trace in the last purchase
    return np.asarray(
        gammaln(p.r + x) - gammaln(p.r) + p.r * np.log(p.alpha)
        - (p.r + x) * np.log(p.alpha + age)
    )  # fmt: skip


def _likelihood(rows: Histories) -> Likelihood:
    def value(place: Floats) -> tuple[float, Floats]:
        r, alpha = np.exp(place).tolist()
        heights = log_likelihood(Parameters(r, alpha), rows.x, rows.t_x, rows.age)
        by_r = digamma(r + rows.x) - digamma(r) + np.log(alpha) - np.log(alpha + rows.age)
        by_alpha = r / alpha - (r + rows.x) / (alpha + rows.age)
        slope = np.array([r * (rows.weights @ by_r), alpha * (rows.weights @ by_alpha)])
        return float(rows.weights @ heights), slope

    return value
