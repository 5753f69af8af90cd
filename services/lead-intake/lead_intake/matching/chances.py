"""How likely a seller wins a lead of a grade: counted, and shrunk towards what the level wins.

Beta-binomial, twice: a level's chance is drawn to the policy's, a seller's to the level's, each by a
number of leads that the policy names. Within a level nobody counts as better than another until the
95 % interval says so: then ties are shared evenly, as RULES.md decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from perennial.contracts.holdings import Grade
from perennial.contracts.rounding import round_to

from lead_intake.domain.seller import Record
from lead_intake.policy.matching import Chances

_Z95 = 1.959964


@dataclass(frozen=True)
class Chance:
    """Of winning a lead of one grade: the estimate, its 95 % interval, and what matching goes by."""

    mean: float
    low: float
    high: float
    used: float


def chances(
    records: Mapping[str, Mapping[Grade, Record]],
    levels: Mapping[str, int],
    grades: Sequence[Grade],
    rules: Chances,
) -> dict[tuple[str, Grade], Chance]:
    """For every seller and grade."""
    found: dict[tuple[str, Grade], Chance] = {}
    for grade in grades:
        own = {person: records[person].get(grade, Record()) for person in records}
        for level in sorted(set(levels.values())):
            peers = [person for person in records if levels[person] == level]
            counted = _sum(own[person] for person in peers)
            usual = _shrunk(counted, rules.usual(grade), rules.level_weight)
            for person in peers:
                found[person, grade] = _chance(own[person], usual, rules.seller_weight)
    return found


def _sum(records: Iterable[Record]) -> Record:
    listed = list(records)
    return Record(won=sum(one.won for one in listed), ended=sum(one.ended for one in listed))


def _shrunk(record: Record, usual: float, weight: float) -> float:
    return (record.won + weight * usual) / (record.ended + weight)


def _chance(record: Record, usual: float, weight: float) -> Chance:
    """The interval is the Beta posterior's, by its variance; it is as wide as the data are thin."""
    mean = _shrunk(record, usual, weight)
    wide = _Z95 * sqrt(mean * (1 - mean) / (record.ended + weight + 1))
    low, high = max(0.0, mean - wide), min(1.0, mean + wide)
    used = usual if low <= usual <= high else mean
    return Chance(*(round_to(value, 6) for value in (mean, low, high, used)))
