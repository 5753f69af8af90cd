"""A seller's ledger: what capacity, claim and view limits and win chances are counted from.

It follows the leads' events under its own lock, and comes to the same for any order of events of
different leads; what is older than any window is dropped by the newest moment known.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace
from perennial.contracts.base import Event, State
from perennial.contracts.holdings import (
    ContactRevealed,
    Grade,
    LeadAssigned,
    LeadClaimed,
    LeadClosed,
    LeadLost,
    LeadReleased,
    LeadTurnedOver,
    LeadWon,
)
from perennial.contracts.leads import LeadReturned

KEPT = timedelta(days=100)
"""No window of a policy is longer."""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How holdings of one grade ended."""

    won: int = 0
    ended: int = 0
    """Won, lost and turned over; what was closed as no chance at all counts for nothing."""


class Seller(State, frozen=True, kw_only=True):
    open: dict[str, Grade] = {}
    """Leads held now."""
    gains: dict[str, datetime] = {}
    """Every gain of a lead, as `<lead>@<moment>`: inflow, however it came, in business time."""
    claims: dict[str, datetime] = {}
    """As `<pool>/<lead>@<moment>`; a claim counts also when its lead is let go again."""
    views: dict[str, datetime] = {}
    record: dict[Grade, Record] = {}

    def inflow(self, since: datetime) -> int:
        """Gains after `since`."""
        return len(self.gained(since))

    def gained(self, since: datetime) -> list[tuple[datetime, str]]:
        """The same, each with its lead, oldest first."""
        return sorted((at, name.partition("@")[0]) for name, at in self.gains.items() if at > since)

    def claimed(self, pool: str, since: datetime) -> int:
        """Claims in a pool from `since` on; likewise `viewed`."""
        return _since(self.claims, pool, since)

    def viewed(self, pool: str, since: datetime) -> int:
        return _since(self.views, pool, since)


def concerned(event: Event) -> Iterable[str]:
    """Whose ledger an event is entered in."""
    match event:
        case LeadAssigned(holder=holder, former=former):
            return {holder, former} - {""}
        case LeadClaimed(holder=holder) | LeadWon(holder=holder) | LeadLost(holder=holder):
            return (holder,) if holder else ()
        case LeadClosed(holder=holder):
            return (holder,) if holder else ()
        case LeadTurnedOver(former=former) | LeadReleased(former=former):
            return (former,)
        case LeadReturned(former=former):
            return (former,) if former else ()
        case ContactRevealed(by=by, pool=pool):
            return (by,) if pool else ()
    return ()


def enter(seller: Seller, person: str, event: Event, now: datetime) -> Seller:
    """The ledger after one event that concerns this person."""
    match event:
        case LeadAssigned() if event.holder == person:
            return _gained(seller, event.lead_id, event.grade, event.since or now)
        case LeadClaimed():
            claims = _noted(seller.claims, f"{event.pool}/{event.lead_id}", now)
            return _gained(replace(seller, claims=claims), event.lead_id, event.grade, now)
        case ContactRevealed():
            viewed = f"{event.pool}/{event.lead_id}"
            return replace(seller, views=_noted(seller.views, viewed, now))
        case LeadWon():
            return _ended(seller, event.lead_id, event.grade, won=1, ended=1)
        case LeadLost():
            return _ended(seller, event.lead_id, event.grade, ended=1)
        case LeadTurnedOver():
            return _ended(seller, event.lead_id, ended=1)
        case LeadAssigned() | LeadClosed() | LeadReleased() | LeadReturned():
            return _ended(seller, event.lead_id)
    return seller


def _gained(seller: Seller, lead_id: str, grade: Grade, at: datetime) -> Seller:
    gains = _noted(seller.gains, lead_id, at)
    return replace(seller, gains=gains, open={**seller.open, lead_id: grade})


def _ended(
    seller: Seller, lead_id: str, credited: Grade | None = None, won: int = 0, ended: int = 0
) -> Seller:
    """`credited` is the grade by which the end counts where the seller did not hold the lead."""
    grade = seller.open.get(lead_id, credited)
    if grade is None:
        return seller
    rest = {lead: grade for lead, grade in seller.open.items() if lead != lead_id}
    if not ended:
        return replace(seller, open=rest)
    before = seller.record.get(grade, Record())
    after = Record(won=before.won + won, ended=before.ended + ended)
    return replace(seller, open=rest, record={**seller.record, grade: after})


def _since(noted: dict[str, datetime], pool: str, since: datetime) -> int:
    return sum(at >= since for name, at in noted.items() if name.startswith(f"{pool}/"))


def _noted(found: dict[str, datetime], what: str, now: datetime) -> dict[str, datetime]:
    noted = {**found, f"{what}@{now.isoformat()}": now}
    oldest = max(noted.values()) - KEPT
    return {name: at for name, at in noted.items() if at > oldest}
