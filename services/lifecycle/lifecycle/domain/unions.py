"""Customers that were found to be one (I2): the one that is part of another rests whole, as it was."""

from datetime import datetime

from perennial.contracts.base import Decision, Fact
from perennial.contracts.entering import (
    CustomerMerged,
    CustomerUnmerged,
    LeadHolderNoted,
    Segment,
)
from perennial.contracts.holdings import Grade
from perennial.contracts.unions import LeadLeft, LeadMerged, LeadTaken, LeadUnmerged

from lifecycle.domain import holding, numbers
from lifecycle.domain.evolving import evolved
from lifecycle.domain.moves import Events
from lifecycle.domain.record import Customer
from lifecycle.domain.world import World

UNIONS = (LeadMerged, LeadUnmerged, LeadLeft, LeadTaken)


def followed(customer: Customer, fact: Fact, world: World, now: datetime) -> Decision:
    """One event of a union, or of its end."""
    match fact.data:
        case LeadMerged() as union:
            return merged(customer, fact, union)
        case LeadUnmerged():
            return unmerged(customer, fact, world, now)
        case _:
            return handed_over(customer, fact, fact.data, world, now)


def merged(customer: Customer, fact: Fact, union: LeadMerged) -> Events:
    """The root notices nothing: what comes to it, comes as orders and leads."""
    if union.root == fact.key or customer.root:
        return []
    return [
        CustomerMerged(
            customer_id=fact.key,
            root=union.root,
            number=customer.number,
            before=customer.segment,
            after="merged",
        )
    ]


def unmerged(customer: Customer, fact: Fact, world: World, now: datetime) -> Events:
    """It goes on where it stood, with the orders and leads that come back to it, or came before."""
    if not customer.root:
        return []
    apart = CustomerUnmerged(
        customer_id=fact.key,
        root=customer.root,
        number=customer.number,
        before="merged",
        after=_stands(customer),
    )
    events: Events = [apart]
    early, customer = customer.early, evolved(customer, events, now)
    for kept in early:
        made = numbers.judged(customer, kept.as_fact(fact), world, now)
        customer = evolved(customer, made, now)
        events += made
    return events


def _stands(customer: Customer) -> Segment | None:
    """Where it stood; before it was a customer, by who holds a lead of it now."""
    if customer.was not in ("identified", "prospecting"):
        return customer.was
    return "prospecting" if customer.held else "identified"


def handed_over(
    customer: Customer, fact: Fact, lead: LeadLeft | LeadTaken, world: World, now: datetime
) -> Decision:
    """Whoever held a lead of the one holds it of the other."""
    if isinstance(lead, LeadTaken) and lead.holder:
        grade: Grade = lead.grade
        note = LeadHolderNoted(
            customer_id=fact.key,
            lead_id=lead.lead_id,
            stage="held",
            holder=lead.holder,
            grade=grade,
        )
        return holding.noted(customer, fact, note, world, now)
    if isinstance(lead, LeadLeft) and lead.lead_id in customer.held:
        note = LeadHolderNoted(customer_id=fact.key, lead_id=lead.lead_id, stage="free")
        return holding.noted(customer, fact, note, world, now)
    return []
