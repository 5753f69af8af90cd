"""Ledger entries as the log makes them, over all keys: pure.

A ledger doesn't mind in which order keys are read, but for things that change keys. Those events come
in the order in which they were decided. Moments tell it; where they are equal, the hand-over does: what
one fact decided of several keys at once stands after what came before it on each of them, and before
what came after.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from graphlib import TopologicalSorter
from itertools import groupby, pairwise
from typing import Any

import msgspec

from perennial.kit.rebuilding.shadow import Difference, Family, Logged, as_made, by_moment, unlike
from perennial.kit.subject import Ledger
from perennial.kit.writing import encode_state

Place = tuple[str, str]
"""(ledger, key)"""
_decode = msgspec.json.decode


def heard(ledger: Ledger, one: Logged) -> bool:
    """Whether a ledger must know of it: it concerns an entry, or tells that a thing changes keys."""
    event = as_made(one.fact.data)
    return isinstance(event, ledger.hands_over) or any(ledger.keys(event))


def entered(
    ledgers: Sequence[Ledger], told: Iterable[Logged], states: Mapping[Place, Any]
) -> dict[Place, Any]:
    """The entries after these events, from what they were before."""
    found = dict(states)
    for one in in_order(told, tuple(kind for ledger in ledgers for kind in ledger.hands_over)):
        event = as_made(one.fact.data)
        for ledger in ledgers:
            for key in ledger.keys(event):
                state = found.get((ledger.name, key)) or ledger.state()
                found[ledger.name, key] = ledger.enter(state, key, event, one.fact.now)
    return found


def in_order(told: Iterable[Logged], hands_over: tuple[type, ...]) -> Iterator[Logged]:
    """As they were decided."""
    known = sorted(told, key=lambda one: by_moment(one.fact))
    for _, some in groupby(known, key=lambda one: one.fact.now):
        together = list(some)
        if any(isinstance(one.fact.data, hands_over) for one in together):
            yield from _untangled(together, hands_over)
        else:
            yield from together


def _untangled(some: Sequence[Logged], hands_over: tuple[type, ...]) -> Iterator[Logged]:
    """Of one moment: each key in its own order, each hand-over in one place for all its keys."""
    steps: dict[Any, list[Logged]] = {}
    keys: dict[tuple[str, str], list[Any]] = {}
    for one in some:
        handed = isinstance(one.fact.data, hands_over)
        step = one.fact.causation if handed else (one.fact.key, *one.place)
        steps.setdefault(step, []).append(one)
        keys.setdefault((one.fact.key, one.fact.topic), []).append(step)
    order: TopologicalSorter[Any] = TopologicalSorter(dict.fromkeys(steps, ()))
    for own in keys.values():
        for before, after in pairwise(own):
            if before != after:
                order.add(after, before)
    for step in order.static_order():
        yield from steps[step]


class Entries:
    """The entries of a family, compared with the tables; small enough for memory."""

    def __init__(self, family: Family) -> None:
        self.ledgers = [one.ledger for one in family.subjects if one.ledger is not None]
        self._told: list[Logged] = []

    def enter(self, logged: Iterable[Logged]) -> None:
        ledgers = self.ledgers
        self._told += [one for one in logged if any(heard(ledger, one) for ledger in ledgers)]

    @cached_property
    def _found(self) -> dict[Place, Any]:
        return entered(self.ledgers, self._told, {})

    def compared(self, live: Mapping[Place, str]) -> Iterator[Difference]:
        """Against the tables: (ledger, key) → state as JSON, those that were only locked included."""
        kinds = {ledger.name: ledger.state for ledger in self.ledgers}
        for place in sorted(live.keys() | self._found.keys()):
            kind = kinds[place[0]]
            here = _decode(live.get(place, "{}"), type=kind)
            there = _decode(encode_state(self._found.get(place) or kind()), type=kind)
            if here != there:
                yield unlike("entity", " ".join(place), here, there)
