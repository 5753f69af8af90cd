"""The assignment of many leads to few sellers with several places each, of the highest total gain.

A transportation problem, solved exactly by successive shortest augmenting paths (Ford & Fulkerson
1962; Tomizawa 1971) over the sellers alone: an edge s → t costs what is given up by moving the
cheapest of s's leads to t, a path ends at a free place or by giving a lead up. A lead whose best gain
does not pay the price of a place is passed over for good, since prices only rise.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Gains = NDArray[np.float64]
Indices = NDArray[np.intp]
NOBODY = -1
_LOOK_AHEAD = 16
"""Leads looked at together for the next one that pays; twice as many after each time in vain."""
_STEPS = 2.0**40
"""The highest gain in whole steps: sums along any path stay below 2^53, so that arithmetic is exact and
no path can go round in a circle of rounding errors."""


def assign(gains: Gains, places: NDArray[np.int64]) -> Indices:
    """For each lead the seller that gets it, or NOBODY.

    `gains` has a row for each seller and a column for each lead, counted to 2^-40 of the highest; -inf
    is forbidden, and what is not above 0 is never assigned. `places` is how many leads each seller may take.
    """
    most = float(gains.max(initial=0.0))
    if most <= 0:
        return np.full(gains.shape[1], NOBODY, dtype=np.intp)
    return _Solution(np.rint(gains * (_STEPS / most)), places).solved()


class _Solution:
    """The best assignment of the leads taken so far, and the price of a place at every seller."""

    def __init__(self, gains: Gains, places: NDArray[np.int64]) -> None:
        sellers, leads = gains.shape
        self._gains, self._places = gains, places
        self._owner = np.full(leads, NOBODY, dtype=np.intp)
        self._held: list[list[int]] = [[] for _ in range(sellers)]
        self._all = np.arange(sellers)
        self._move = np.full((sellers, sellers), np.inf)
        """What moving the cheapest lead of one seller to another gives up."""
        self._drop = np.full(sellers, np.inf)
        """What giving up the cheapest lead of a seller loses."""
        self._price = np.where(places > 0, 0.0, np.inf)
        self._next = np.full(sellers, NOBODY, dtype=np.intp)
        """Where the cheapest path from a seller goes on; NOBODY where it ends."""

    def solved(self) -> Indices:
        order = np.argsort(-self._gains.max(axis=0), kind="stable")
        at, ahead = 0, _LOOK_AHEAD
        while at < len(order):
            block = order[at : at + ahead]
            pays = (self._gains[:, block] > self._price[:, None]).any(axis=0)
            if not pays.any():
                at, ahead = at + len(block), ahead * 2
                continue
            at, ahead = at + int(pays.argmax()) + 1, _LOOK_AHEAD
            self._take(int(order[at - 1]))
        return self._owner

    def _take(self, lead: int) -> None:
        """One more lead along its cheapest path."""
        seller = int((self._gains[:, lead] - self._price).argmax())
        touched = [seller]
        while (onward := int(self._next[seller])) != NOBODY:
            held = self._held[seller]
            losses = self._gains[seller, held] - self._gains[onward, held]
            moved = held[int(losses.argmin())]
            self._swap(seller, moved, lead)
            lead, seller = moved, onward
            touched.append(seller)
        held = self._held[seller]
        if len(held) < self._places[seller]:
            held.append(lead)
            self._owner[lead] = seller
        else:
            given_up = held[int(self._gains[seller, held].argmin())]
            self._swap(seller, given_up, lead)
            self._owner[given_up] = NOBODY
        self._settle(touched)

    def _swap(self, seller: int, out: int, into: int) -> None:
        self._held[seller].remove(out)
        self._held[seller].append(into)
        self._owner[into] = seller

    def _settle(self, touched: list[int]) -> None:
        for seller in touched:
            held = self._held[seller]
            own = self._gains[seller, held]
            self._move[seller] = (own[:, None] - self._gains[:, held].T).min(axis=0)
            self._move[seller, seller] = np.inf
            self._drop[seller] = own.min()
        if len(touched) > 1 or len(self._held[touched[0]]) >= self._places[touched[0]]:
            self._reprice()

    def _reprice(self) -> None:
        """Bellman and Ford from the ends back, begun with the paths that were cheapest before."""
        counts = np.array([len(held) for held in self._held])
        end = np.where(counts < self._places, 0.0, np.where(counts > 0, self._drop, np.inf))
        price, onward = self._along_old_paths(end), self._next
        ends_here = end < price
        price, onward = np.where(ends_here, end, price), np.where(ends_here, NOBODY, onward)
        moved = self._all
        while moved.size:
            via = self._move[:, moved] + price[moved]
            pick = via.argmin(axis=1)
            cost = via[self._all, pick]
            better = cost < price
            price = np.where(better, cost, price)
            onward = np.where(better, moved[pick], onward)
            moved = np.flatnonzero(better)
        self._price, self._next = price, onward

    def _along_old_paths(self, end: Gains) -> Gains:
        """What the paths known so far cost now: by doubling, in as many steps as log2 of the longest."""
        goes_on = self._next != NOBODY
        onward = np.where(goes_on, self._next, self._all)
        cost: Any = np.where(goes_on, self._move[self._all, onward], 0.0)
        while (onward != onward[onward]).any():
            cost = cost + cost[onward]
            onward = onward[onward]
        result: Gains = cost + end[onward]
        return result
