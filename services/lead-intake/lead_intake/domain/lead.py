"""A lead as its events have made it: one chance to sell to a party, and who has held it.

Only the last holding may be open. What a rule needs of the past (who has held it, who was warned, how
many leases were granted) stands here; the rest is in the history.
"""

from datetime import datetime
from typing import Literal

import msgspec
from perennial.contracts.base import Minor
from perennial.contracts.holdings import Gained, Grade
from perennial.contracts.leads import LeadKind
from perennial.contracts.touches import Touch

Stage = Literal["nurture", "waiting", "held", "pooled", "won", "lost", "closed"]
OPEN: tuple[Stage, ...] = ("nurture", "waiting", "held", "pooled")
Ended = Literal[
    "", "turned-over", "released", "left", "transferred", "returned", "won", "lost", "closed"
]


class Holding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One seller's time with the lead."""

    person: str
    since: datetime
    how: Gained
    until: datetime | None = None
    ended: Ended = ""
    reached: bool = False
    """There was an effective activity: this holder had reached the customer."""
    handover: bool = False
    """Its beginning counts against the customer's budget of hand-overs (T1)."""


class Regrade(msgspec.Struct, frozen=True, kw_only=True):
    """The lead had this grade until then."""

    at: datetime
    former: Grade


class Present(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the clocks of the present holding go by; each holder begins anew."""

    first_contact: datetime | None = None
    last_effective: datetime | None = None
    quoted_at: datetime | None = None
    warned: tuple[str, ...] = ()
    """Rungs of the ladder that were told, as `<clock>:<rung>`."""
    leases: int = 0
    lease_until: datetime | None = None
    lease_ended: datetime | None = None
    regrades: tuple[Regrade, ...] = ()


class Lead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    stage: Stage = "nurture"
    since: datetime
    """Since when in this stage."""
    opened_at: datetime
    kind: LeadKind = "new"
    captured_at: datetime | None = None
    """When its source learned of it."""
    content: str = ""
    activities: tuple[str, ...] = ()
    """Short words for the activities it knows: each counts once."""
    source: str = ""
    number: str = ""
    product: str = ""
    unmatched: str = ""
    """The product as its source spells it, where no register entry answers to it."""
    channel: str = ""
    tags: tuple[str, ...] = ()
    touches: tuple[Touch, ...] = ()
    touched_at: datetime | None = None
    """When somebody last met us about it; who held it before may hope again from then on."""
    wants_call: bool = False
    asked_at: datetime | None = None
    """When they last asked for a call."""
    expected_value: Minor | None = None
    """What the source says; what scoring expects stands in `value`."""
    score: float | None = None
    ready: bool = False
    """By its score."""
    grade: Grade = "1A"
    value: Minor = 0
    ready_at: datetime | None = None
    """When it first became an opportunity: where its closing cycle begins."""
    returns: int = 0
    queued: str = ""
    """Why nobody could take it, as last told."""
    barred_until: datetime | None = None
    holdings: tuple[Holding, ...] = ()
    present: Present = Present()
    pool: str = ""
    claimable_from: datetime | None = None
    nurtured_at: datetime | None = None
    """When an unclaimed lead leaves its pool; or until when it rests in nurture."""
    reason: str = ""
    """What it was lost or closed by."""
    order_id: str = ""
    won: Minor | None = None
    """What its win brought, where known."""
    credit: tuple[Minor, ...] = ()
    """Of that, each touch's share, in the order of `touches`."""
    of: str = ""
    """The party for which it came, where that one was found to be the present one."""

    @property
    def holder(self) -> str:
        """Who holds it now, if a seller does."""
        return self.holdings[-1].person if self.stage == "held" else ""

    @property
    def held_by(self) -> set[str]:
        """Everybody who ever held it."""
        return {holding.person for holding in self.holdings}

    @property
    def is_open(self) -> bool:
        return self.stage in OPEN
