"""Smooth curves, one family for each whole number x, tabulated as pieces of degree 10.

For fixed parameters what a model expects is smooth in u = log(scale + weeks), with no singularity
nearer to the real line than about pi / 2. On pieces of width 1/2 eleven Chebyshev nodes hold it
to about 1e-12. Pieces are built when first asked for. One number takes plain Python floats, a
million take numpy; both evaluate the same polynomials.
"""

from collections.abc import Callable
from math import floor

import numpy as np
from numpy.polynomial import chebyshev

from scoring.models.histories import Floats, Integers

WIDTH = 0.5
TERMS = 11
_BLOCK = 16_384
_MOST_KEPT = 20_000
_SPARSE = 4_000_000

#: (x, pieces), shape (n,) each -> monomial coefficients, shape (n, curves, TERMS)
Build = Callable[[Integers, Integers], Floats]
Piece = tuple[tuple[float, ...], ...]

_NODES = chebyshev.chebpts1(TERMS)
_TO_MONOMIALS = np.column_stack(
    [np.pad(chebyshev.cheb2poly(row), (0, TERMS - i - 1)) for i, row in
     ((i, np.eye(TERMS)[i, : i + 1]) for i in range(TERMS))]
) @ np.linalg.inv(chebyshev.chebvander(_NODES, TERMS - 1))  # fmt: skip


def nodes(piece: int) -> Floats:
    """The eleven places u at which a piece is to be known."""
    return WIDTH * (piece + (_NODES + 1.0) / 2.0)


def monomials(at_nodes: Floats) -> Floats:
    """Coefficients, last axis TERMS, of the polynomial through values at ``nodes``."""
    return at_nodes @ _TO_MONOMIALS.T


class Curves:
    """``count`` curves for each x, by ``build``."""

    def __init__(self, build: Build, count: int) -> None:
        self._build, self._count = build, count
        self._kept: dict[tuple[int, int], Piece] = {}

    def at(self, x: int, u: float) -> list[float]:
        """All curves of x at one place."""
        scaled = u / WIDTH
        piece = floor(scaled)
        rows = self._kept.get((x, piece)) or self._keep(x, piece)
        s = 2.0 * (scaled - piece) - 1.0
        return [
            (((((((((c10 * s + c9) * s + c8) * s + c7) * s + c6) * s + c5) * s + c4) * s + c3) * s
              + c2) * s + c1) * s + c0
            for c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10 in rows
        ]  # fmt: skip

    def values(self, x: Integers, u: Floats) -> Floats:
        """All curves at many places, shapes (n,): shape (count, n)."""
        out = np.empty((self._count, len(u)))
        if not len(u):
            return out
        scaled = u / WIDTH
        piece = np.floor(scaled)
        scaled -= piece
        scaled *= 2.0
        scaled -= 1.0
        table, row = self._table(x, piece.astype(np.int64))
        for start in range(0, len(u), _BLOCK):
            block = slice(start, start + _BLOCK)
            for curve in range(self._count):
                _horner(table[curve], row[block], scaled[block], out[curve, block])
        return out

    def _keep(self, x: int, piece: int) -> Piece:
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        rows = self._build(np.array([x]), np.array([piece]))[0]
        self._kept[x, piece] = kept = tuple(tuple(row) for row in rows.tolist())
        return kept

    def _table(self, x: Integers, piece: Integers) -> tuple[Floats, Integers]:
        """Coefficients (curves, TERMS, distinct pieces), and each place's column in them."""
        low = int(piece.min())
        span = int(piece.max()) - low + 1
        key = x * span + (piece - low)
        top = int(key.max()) + 1
        if top > _SPARSE:
            distinct, row = np.unique(key, return_inverse=True)
        else:
            seen = np.zeros(top, dtype=bool)
            seen[key] = True
            distinct = np.flatnonzero(seen)
            row = (np.cumsum(seen) - 1)[key]
        built = self._build(distinct // span, distinct % span + low)
        return np.ascontiguousarray(built.transpose(1, 2, 0)), row


def _horner(coefficients: Floats, row: Integers, s: Floats, out: Floats) -> None:
    np.take(coefficients[TERMS - 1], row, out=out, mode="clip")
    term = np.empty_like(out)
    for power in range(TERMS - 2, -1, -1):
        out *= s
        out += np.take(coefficients[power], row, out=term, mode="clip")
