"""Who may hold a lead, decided under the sellers' locks: capacity and qualification.

What the customer is spared is decided in `protection.py`. Every way to a holder passes here: a round's choice, a person's word, a leaver's estate, a pipeline
that is taken over. Claims from a pool (`pools.py`) ask the same questions.
"""

from datetime import datetime, timedelta

import msgspec
from perennial.contracts.calendar import length

from lead_intake.domain.lead import Lead
from lead_intake.domain.seller import Seller
from lead_intake.domain.world import World


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What a seller holds, and may still take."""

    open: int
    open_limit: int
    inflow: int
    inflow_limit: int
    window: timedelta
    frees_at: datetime | None = None
    """When the window next lets one more in, where it is the window that is full."""

    @property
    def window_days(self) -> float:
        return self.window / timedelta(days=1)

    def admits(self, gained: datetime, now: datetime) -> bool:
        """Room for a lead gained then: what lies before the window takes no place in it."""
        return self.open < self.open_limit if gained <= now - self.window else self.free > 0

    @property
    def free(self) -> int:
        return max(0, min(self.open_limit - self.open, self.inflow_limit - self.inflow))


def room(person: str, seller: Seller, world: World, now: datetime) -> Room:
    """By the person's own figures in the register, else by the policy's."""
    policy, own = world.policy.holding.capacity, world.staff.capacity(person)
    window = length(f"{own.days}d" if own else policy.window)
    open_limit, inflow_limit = (own.open, own.inflow) if own else (policy.open, policy.inflow)
    gained = [at for at, _ in seller.gained(now - window)]
    over = len(gained) - inflow_limit
    return Room(
        open=len(seller.open),
        open_limit=open_limit,
        inflow=len(gained),
        inflow_limit=inflow_limit,
        window=window,
        frees_at=gained[over] + window if 0 <= over < len(gained) else None,
    )


def unfit(person: str, lead: Lead, world: World, now: datetime) -> str:
    """Why this one may not take such a lead at all: `no-seller`, `absent`, `level`, `uncertified`."""
    entry = world.staff.person(person)
    if entry is None or entry.role != "seller" or not world.staff.employed(person):
        return "no-seller"
    if not world.staff.present(person, now):
        return "absent"
    asked = world.policy.holding.qualification
    low, high = asked.levels.get(lead.grade, (0, entry.level))
    if not low <= entry.level <= high:
        return "level"
    certificate = asked.certificates.get(lead.product, "")
    if certificate and certificate not in world.staff.certificates(person, now.date()):
        return "uncertified"
    return ""


def in_words(found: str, person: str, lead: Lead, world: World) -> str:
    """What `unfit` found, as one sentence."""
    entry, asked = world.staff.person(person), world.policy.holding.qualification
    match found:
        case "absent":
            return f"{person} is away."
        case "level":
            low, high = asked.levels[lead.grade]
            level = entry.level if entry else 0
            return f"{person} has level {level}; a lead of grade {lead.grade} asks for {low} to {high}."
        case "uncertified":
            certificate = asked.certificates[lead.product]
            return (
                f"{person} has no valid certificate {certificate}, which {lead.product} asks for."
            )
    return f"{person} is no seller in the register, or has left."


def why_not(person: str, lead: Lead, seller: Seller, world: World, now: datetime) -> str:
    """Why a rule may not give it to this one: as `unfit`, or `held-before`, `full`; "" if it may."""
    if person in lead.held_by:
        return "held-before"
    found = unfit(person, lead, world, now)
    if found:
        return found
    return "" if room(person, seller, world, now).free else "full"
