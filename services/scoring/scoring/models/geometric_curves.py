"""Tables for BG/NBD and MBG/NBD: each measure as a curve of u = log(alpha + age), per x.

Purchases and survival of the coming t weeks depend on x and w = log(1 + t / (alpha + age)) alone
(``geometric``). Per x both are expanded once in Chebyshev polynomials of w; a piece of a measure
is then one small matrix product.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.polynomial import chebyshev

from scoring.models import curves, geometric
from scoring.models.geometric import Dropout
from scoring.models.histories import Floats, Integers
from scoring.models.horizon import Measure

_SIZES = (24, 32, 48, 64, 96, 128, 192, 256)
_TRIED = np.array([[0.0], [1.0], [10.0], [100.0], [1000.0]])
_TAIL = 1e-14


class GeometricBuild:
    """A ``curves.Build`` for all measures."""

    def __init__(self, p: Dropout, first: int, measures: Sequence[Measure]) -> None:
        self._p, self._first, self._measures = p, first, measures
        lowest = curves.WIDTH * np.floor(np.log(p.alpha) / curves.WIDTH)
        farthest = max(max(measure.weeks) for measure in measures)
        self._reach = float(np.log1p(farthest * np.exp(-lowest))) + 1e-9
        self._size = self._enough_terms()
        self._basis = lru_cache(maxsize=256)(self._basis_of)

    def __call__(self, x: Integers, piece: Integers) -> Floats:
        """Monomial coefficients, shape (n, measures, TERMS)."""
        distinct, row = np.unique(x, return_inverse=True)
        series = self._series(distinct[:, None].astype(np.float64), self._size)
        out = np.empty((len(x), len(self._measures), curves.TERMS))
        for one in np.unique(piece):
            here = np.flatnonzero(piece == one)
            for index, measure in enumerate(self._measures):
                rows = series[measure.of][row[here]]
                out[here, index] = rows @ self._basis(int(one))[index].T
        return out

    def _series(self, x: Floats, size: int) -> dict[str, Floats]:
        """Chebyshev coefficients in w over [0, reach], shape (n, size + 1) for each curve."""
        at = chebyshev.chebpts1(size)
        w = self._reach * (at + 1.0) / 2.0
        to_series = np.linalg.inv(chebyshev.chebvander(at, size - 1)).T
        slope = geometric.purchase_slope(self._p, self._first, x, w) @ to_series
        alive = geometric.survival(self._p, self._first, x, w) @ to_series
        bought = chebyshev.chebint(slope, scl=self._reach / 2.0, lbnd=-1.0, axis=1)
        return {"purchases": bought, "survival": np.pad(alive, ((0, 0), (0, 1)))}

    def _enough_terms(self) -> int:
        for size in _SIZES[:-1]:
            kinds = self._series(_TRIED, size)
            tails = [
                np.abs(s[:, -4:-1]).max(axis=1) / np.abs(s).max(axis=1) for s in kinds.values()
            ]
            if np.max(tails) < _TAIL:
                return size
        return _SIZES[-1]

    def _basis_of(self, piece: int) -> Floats:
        """Series coefficients -> monomials of each measure, (measures, TERMS, size + 1)."""
        u = curves.nodes(piece)
        rows = []
        for measure in self._measures:
            w = np.log1p(np.exp(-u)[:, None] * np.array(measure.weeks))
            at = np.clip(2.0 * w / self._reach - 1.0, -1.0, 1.0)
            sums = np.einsum("uts,t->us", chebyshev.chebvander(at, self._size), measure.weights)
            rows.append(curves.monomials(sums.T).T)
        return np.array(rows)
