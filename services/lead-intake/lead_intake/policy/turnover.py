"""How long a holder has, by which clocks, who is warned when, and what protects a holding."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from perennial.contracts.base import Count
from perennial.contracts.calendar import Period, WallClock, length
from perennial.contracts.holdings import Grade

from lead_intake.policy.holding import Name, Rules, Scope

Combine = Literal["min", "max", "first"]
"""Of several limits that apply: the smallest, the largest, or the first as written."""
Transition = Annotated[
    str, msgspec.Meta(pattern=r"^(grandfather|recompute|grace [0-9]{1,5}(min|h|d|wd|wh))$")
]


RunsOut = Literal["first-contact", "activity", "assignment", "quotation", "contract-end", "review"]


class Rule(Scope, frozen=True, kw_only=True):
    """One clock and its period, for the leads in its scope."""

    clock: RunsOut
    """`first-contact` runs until there is one, `activity` since the last effective one; both from the
    assignment for who was never contacted. `review` asks the manager, and takes nothing away."""
    period: Period
    """Working time counts by the holder's calendar."""


class Warn(Rules, frozen=True, kw_only=True):
    """One rung of the ladder."""

    rung: Name
    before: WallClock | None = None
    """A rung that would come before the clock even starts is left out."""
    share: Annotated[float, msgspec.Meta(gt=0, lt=1)] | None = None
    """In place of `before`: told when so much of the time (wall clock) is over."""
    within: WallClock | None = None
    """With `share`: only for clocks that run no longer, as earlier rungs do not fit into them."""
    manager: bool = False
    """The manager is told too."""

    def __post_init__(self) -> None:
        if (self.before is None) == (self.share is None):
            raise ValueError("say when it is told: either `before`, as 2d, or `share`, as 0.5")
        if self.within is not None and self.share is None:
            raise ValueError("`within` goes with `share`: leave it out, or write `share`")

    @property
    def ahead(self) -> timedelta | None:
        """How long before the end it is told; None where that is a share of the time."""
        return None if self.before is None else length(self.before)

    def at(self, begins: datetime, due: datetime) -> datetime | None:
        """When it is told of a clock that runs so; None if it is not for such a clock."""
        if self.share is None:
            return due - (self.ahead or timedelta())
        fits = self.within is None or due - begins <= length(self.within)
        return begins + self.share * (due - begins) if fits else None


class Lease(Rules, frozen=True, kw_only=True):
    """While it lasts no clock takes the lead away."""

    period: WallClock = "14d"
    most: Count = 2
    """In one holding."""
    by: tuple[Literal["quotation", "meeting-held"], ...] = ("quotation", "meeting-held")


TAKEN: tuple[Grade, ...] = ("1A", "2A", "3A", "4A")
"""5A is reviewed, not turned over."""


class Turnover(Rules, frozen=True, kw_only=True):
    rules: tuple[Rule, ...] = (
        Rule(clock="first-contact", period="1wd", grades=TAKEN),
        Rule(clock="activity", period="7d", grades=TAKEN),
        Rule(clock="assignment", period="14d", grades=TAKEN),
        Rule(clock="review", period="14d", grades=("5A",)),
    )
    combine: Combine = "min"
    """`min`: whichever clock runs out first; `max`: none before the last; `first`: as written."""
    warnings: tuple[Warn, ...] = (
        Warn(rung="5d", before="5d"),
        Warn(rung="2d", before="2d"),
        Warn(rung="half", share=0.5, within="2d"),
        Warn(rung="due", before="0d", manager=True),
    )
    lease: Lease = Lease()
    holders: Count = 3
    """After so many the lead goes to the pool."""
    transition: Transition = "grandfather"
    """What becomes of clocks that run when this version takes effect: `grandfather` (they keep the
    rules they began under), `recompute`, or `grace 7d` (recomputed; nobody falls before)."""

    @property
    def notice(self) -> timedelta:
        """The least time between a regrade that sets a clock going, and its end."""
        ahead = [warn.ahead for warn in self.warnings if warn.ahead]
        return min(ahead, default=timedelta(days=1))

    @property
    def judges(self) -> object:
        """All that decides when a lead falls: a version that leaves it as it is changes no clock."""
        return self.rules, self.combine, self.warnings, self.lease
