"""One comparison of a chaos run: what is lost, doubled, invented or out of order. Pure."""

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

SHOWN = 3


@dataclass
class Check:
    """One comparison; all numbers but `held` must be 0."""

    name: str
    held: int = 0
    lost: int = 0
    doubled: int = 0
    invented: int = 0
    disordered: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def violations(self) -> int:
        return self.lost + self.doubled + self.invented + self.disordered

    def in_order(self, key: str, places: Iterable[tuple[str, int]]) -> None:
        """One key's facts as (whose, how manyth said): all of one speaker, each after the one before."""
        for before, after in pairwise(places):
            if before > after or before[0] != after[0]:
                self.disordered += 1
                self.examples.append(f"{key}: {before} before {after}")


def compared(name: str, expected: Iterable[Hashable], found: Iterable[Hashable]) -> Check:
    """Each expected thing once, and nothing else."""
    wanted, there = Counter(iter(expected)), Counter(iter(found))
    lost = wanted - there
    invented = [one for one in there if one not in wanted]
    doubled = {one: there[one] - wanted[one] for one in wanted if there[one] > wanted[one]}
    return Check(
        name,
        held=sum((wanted & there).values()),
        lost=sum(lost.values()),
        doubled=sum(doubled.values()),
        invented=len(invented),
        examples=[
            *(f"lost {one}" for one in list(lost)[:SHOWN]),
            *(f"doubled {one}" for one in list(doubled)[:SHOWN]),
            *(f"invented {one}" for one in invented[:SHOWN]),
        ],
    )
