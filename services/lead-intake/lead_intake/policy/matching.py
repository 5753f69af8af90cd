"""What makes one seller likelier to win a lead than another, and how rounds are held."""

from typing import Annotated

import msgspec
from perennial.contracts.holdings import Grade

from lead_intake.policy.holding import Rules

Weight = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
Portion = Annotated[float, msgspec.Meta(ge=0, le=1)]
Times = Annotated[float, msgspec.Meta(ge=1, le=10)]
BASE: dict[Grade, float] = {"1A": 0.08, "2A": 0.12, "3A": 0.16, "4A": 0.2, "5A": 0.24}


class Chances(Rules, frozen=True, kw_only=True):
    """What is believed of a seller before there is evidence."""

    base: dict[Grade, Portion] = msgspec.field(default_factory=lambda: dict(BASE))
    """Usual chance to win a lead of this grade; a grade left out has that of the others' mean."""
    level_weight: Weight = 50
    """How many leads the usual chance counts for against what a level's sellers really won."""
    seller_weight: Weight = 20
    """How many leads the level's chance counts for against the seller's own."""

    def usual(self, grade: Grade) -> float:
        known = self.base or BASE
        return known.get(grade, sum(known.values()) / len(known))


class Matching(Rules, frozen=True, kw_only=True):
    """How a round decides among those who may take a lead (I9)."""

    rookies_share: Portion = 0.2
    """Of every grade so much goes to the lowest level that may take it: they learn by it."""
    team: dict[Grade, Annotated[int, msgspec.Meta(ge=1, le=20)]] = msgspec.field(
        default_factory=lambda: {"5A": 3}
    )
    """How many people a locked team for such a lead has, its lead person included."""
    share_language: bool = True
    """A seller who names languages takes only leads in one of them."""
    prefer: dict[str, Times] = msgspec.field(
        default_factory=lambda: {"region": 1.15, "industry": 1.1, "product": 1.1}
    )
    """How much likelier a seller wins who shares the lead's `region`, or has its `industry` or
    `product` among their skills."""
    chances: Chances = Chances()
    most: Annotated[int, msgspec.Meta(ge=1, le=2500)] = 2000
    """Assignments in one round; what is left over goes into the next at once."""
