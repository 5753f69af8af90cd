"""Which faults strike: drawn from one seed, counted by kind, and none once all is healed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")

RATES: Mapping[str, float] = {
    "kill": 0.0015,
    "freeze": 0.0015,
    "slow": 0.02,
    "serialization failure": 0.002,
    "connection lost": 0.001,
    "commit lost, happened": 0.01,
    "commit lost, did not happen": 0.01,
    "store restart": 0.00015,
    "broker refuses": 0.01,
    "broker takes, answer lost": 0.01,
    "broker down": 0.00015,
    "wave cut short": 0.03,
    "rebalance": 0.002,
    "astray": 0.006,
    "record again": 0.03,
    "answer lost": 0.05,
    "relay dies after send": 0.01,
    "receiver fails": 0.1,
    "receiver throttles": 0.03,
    "receiver takes, answer lost": 0.05,
}
"""By kind: how likely at each place where it can strike."""


class Chance:
    """One seed's luck. The same seed and the same questions give the same answers."""

    def __init__(self, seed: str, rates: Mapping[str, float] = RATES) -> None:
        self.random = Random(seed)
        self.rates = rates
        self.struck: Counter[str] = Counter()
        self.on = True

    def strikes(self, kind: str) -> bool:
        if not self.on or self.random.random() >= self.rates.get(kind, 0.0):
            return False
        self.struck[kind] += 1
        return True

    def coin(self) -> bool:
        return self.random.random() < 0.5

    def seconds(self, most: float) -> float:
        return self.random.random() * most

    def one_of(self, things: Sequence[T]) -> T:
        return self.random.choice(things)
