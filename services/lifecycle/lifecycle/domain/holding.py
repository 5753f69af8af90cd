"""Identified or prospecting: whoever holds a lead of the party says which (C1)."""

from datetime import datetime

from perennial.contracts.base import Fact
from perennial.contracts.customers import Segment
from perennial.contracts.entering import LeadHolderNoted
from perennial.contracts.holdings import (
    LeadAssigned,
    LeadClaimed,
    LeadClosed,
    LeadLost,
    LeadNurtured,
    LeadPooled,
    LeadReleased,
    LeadTurnedOver,
    LeadWon,
)
from perennial.contracts.leads import LeadReturned

from lifecycle.domain import entry
from lifecycle.domain.evolving import evolve
from lifecycle.domain.moves import Events, because, moved
from lifecycle.domain.record import Customer
from lifecycle.domain.segments import BEFORE
from lifecycle.domain.world import World

Gained = LeadAssigned | LeadClaimed
Freed = (
    LeadTurnedOver | LeadReleased | LeadPooled | LeadReturned | LeadNurtured | LeadLost | LeadClosed
)


def followed(
    customer: Customer, fact: Fact, lead: Gained | Freed | LeadWon, world: World, now: datetime
) -> Events:
    """Several leads of one party: prospecting while any is held. A customer only notes it."""
    if isinstance(lead, LeadWon):
        return _won(customer, fact, lead, world, now)
    held = customer.held.get(lead.lead_id)
    if isinstance(lead, Freed):
        if held is None or held.won:
            return []
        note = LeadHolderNoted(customer_id=fact.key, lead_id=lead.lead_id, stage="free")
        return noted(customer, fact, note, world, now)
    if held is not None and (held.holder, held.grade) == (lead.holder, lead.grade):
        return []
    note = LeadHolderNoted(
        customer_id=fact.key,
        lead_id=lead.lead_id,
        stage="held",
        holder=lead.holder,
        grade=lead.grade,
    )
    return noted(customer, fact, note, world, now)


def noted(
    customer: Customer, fact: Fact, note: LeadHolderNoted, world: World, now: datetime
) -> Events:
    after = evolve(customer, note, now)
    segment: Segment = "prospecting" if after.held else "identified"
    if after.segment not in ("identified", "prospecting") or after.segment == segment:
        return [note]
    sign = fact.data.TYPE.split(".")[2]
    reason = because(f"lead-{sign}", fact, text=note.lead_id)
    return [note, moved(after, segment, fact, world, reason)]


def _won(customer: Customer, fact: Fact, won: LeadWon, world: World, now: datetime) -> Events:
    """Won by a paid order: the order's own score activates. A reported deal is a signed contract
    if it has a value; without one it was use that nobody paid, and the lead is over."""
    if not won.order_id and not won.value:
        return _over(customer, fact, won, world, now)
    events: Events = []
    if won.holder or won.lead_id in customer.held:
        note = LeadHolderNoted(
            customer_id=fact.key,
            lead_id=won.lead_id,
            stage="won",
            holder=won.holder or customer.held[won.lead_id].holder,
            grade=won.grade,
        )
        events.append(note)
        customer = evolve(customer, note, now)
    if won.order_id or customer.segment not in BEFORE or customer.awaiting:
        return events
    return [*events, *entry.entered(customer, fact, world, now, contract=won.lead_id)]


def _over(customer: Customer, fact: Fact, won: LeadWon, world: World, now: datetime) -> Events:
    if won.lead_id not in customer.held:
        return []
    note = LeadHolderNoted(customer_id=fact.key, lead_id=won.lead_id, stage="free")
    return noted(customer, fact, note, world, now)
