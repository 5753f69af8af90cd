"""What becomes of two parties that are found to be one, and of one that is two again: state alone."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from msgspec.structs import replace
from perennial.contracts.base import Event
from perennial.contracts.unions import (
    LeadLeft,
    LeadMerged,
    LeadTaken,
    LeadUnmerged,
    OrderLeft,
    OrderTaken,
)

from lead_intake.domain.absorbed import Absorbed, learned
from lead_intake.domain.contacts import Contacts, united
from lead_intake.domain.customer import (
    Customer,
    Order,
    Proposal,
    known_of,
    with_leads,
    without,
)
from lead_intake.domain.lead import Lead

UNIONS = (LeadMerged, LeadUnmerged, LeadLeft, LeadTaken, OrderLeft, OrderTaken)


def evolve(state: Customer, event: Event, now: datetime) -> Customer:
    """The party after one event of a union or its end."""
    match event:
        case LeadMerged():
            return _merged(state, event, now)
        case LeadUnmerged():
            return _unmerged(state, event, now)
        case LeadLeft():
            also = {name: lead for name, lead in state.also.items() if lead != event.lead_id}
            return with_leads(replace(state, also=also), without(state.leads, (event.lead_id,)))
        case LeadTaken():
            leads = {**state.leads, event.lead_id: msgspec.convert(event.standing, Lead)}
            also = {**state.also, **dict.fromkeys(event.also, event.lead_id)}
            return with_leads(replace(state, also=also), leads)
        case OrderLeft():
            return replace(state, parts=without(state.parts, (event.order_id,)))
        case OrderTaken():
            order = msgspec.convert(event.standing, Order)
            return replace(state, parts={**state.parts, event.order_id: order})
    return state


def _merged(state: Customer, event: LeadMerged, now: datetime) -> Customer:
    if event.customer_id == event.loser:
        return replace(state, root=event.root)
    theirs = msgspec.convert(event.contacts, Contacts)
    members, whose = tuple(event.members), dict(event.whose)
    came = Absorbed(since=now, members=members, whose=whose, contacts=theirs)
    proposals = without(state.proposals, (event.loser,))
    state = replace(
        state,
        absorbed={**state.absorbed, event.loser: came},
        proposals=proposals,
        own_contacts=state.own_contacts if state.absorbed else state.contacts,
        contacts=united(state.contacts, theirs),
    )
    return known_of(state, event.attributes, event.loser)


def _named(state: Customer, whose: Mapping[str, str]) -> dict[str, Absorbed]:
    """Those found to be this party, once it is told by which names they were known where it came from."""
    absorbed = dict(state.absorbed)
    for name, of in whose.items():
        through = state.came_through(of)
        absorbed[through] = learned(absorbed[through], through, of, (name,))
    return absorbed


def _unmerged(state: Customer, event: LeadUnmerged, now: datetime) -> Customer:
    """Who says that they are two has answered whatever was asked of the two."""
    declined = Proposal(claims=(), since=now, declined=True)
    if event.customer_id == event.loser:
        asked = state.proposals.get(event.root, declined)
        return replace(
            state,
            root="",
            absorbed=_named(state, event.whose),
            attributes={**state.attributes, **event.attributes},
            contacts=msgspec.convert(event.contacts, Contacts),
            proposals={**state.proposals, event.root: replace(asked, declined=True)},
        )
    rest = without(state.absorbed, (event.loser,))
    contacts = state.own_contacts
    for one in rest.values():
        contacts = united(contacts, one.contacts)
    return replace(
        state,
        absorbed=rest,
        contacts=contacts,
        attributes=without(state.attributes, event.attributes),
        proposals={**state.proposals, event.loser: declined},
    )
