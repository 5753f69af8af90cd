"""What becomes of two parties that are found to be one, and of one that is two again: state alone."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

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

from lead_intake.domain.contacts import Contacts, united
from lead_intake.domain.customer import Absorbed, Customer, Order, Proposal, known_of
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
            leads = _without(state.leads, event.lead_id)
            also = {name: lead for name, lead in state.also.items() if lead != event.lead_id}
            return replace(state, leads=leads, also=also, waiting=_waits(leads))
        case LeadTaken():
            leads = {**state.leads, event.lead_id: msgspec.convert(event.standing, Lead)}
            also = {**state.also, **dict.fromkeys(event.also, event.lead_id)}
            return replace(state, leads=leads, also=also, waiting=_waits(leads))
        case OrderLeft():
            return replace(state, parts=_without(state.parts, event.order_id))
        case OrderTaken():
            order = msgspec.convert(event.standing, Order)
            return replace(state, parts={**state.parts, event.order_id: order})
    return state


def _merged(state: Customer, event: LeadMerged, now: datetime) -> Customer:
    if event.customer_id == event.loser:
        return replace(state, root=event.root)
    theirs = msgspec.convert(event.contacts, Contacts)
    came = Absorbed(since=now, members=tuple(event.members), contacts=theirs)
    proposals = _without(state.proposals, event.loser)
    state = replace(
        state,
        absorbed={**state.absorbed, event.loser: came},
        proposals=proposals,
        own_contacts=state.own_contacts if state.absorbed else state.contacts,
        contacts=united(state.contacts, theirs),
    )
    return known_of(state, event.attributes, event.loser)


def _unmerged(state: Customer, event: LeadUnmerged, now: datetime) -> Customer:
    """Who says that they are two has answered whatever was asked of the two."""
    declined = Proposal(claims=(), since=now, declined=True)
    if event.customer_id == event.loser:
        asked = state.proposals.get(event.root, declined)
        return replace(
            state,
            root="",
            attributes={**state.attributes, **event.attributes},
            contacts=msgspec.convert(event.contacts, Contacts),
            proposals={**state.proposals, event.root: replace(asked, declined=True)},
        )
    rest = _without(state.absorbed, event.loser)
    contacts = state.own_contacts
    for one in rest.values():
        contacts = united(contacts, one.contacts)
    return replace(
        state,
        absorbed=rest,
        contacts=contacts,
        attributes={
            name: value for name, value in state.attributes.items() if name not in event.attributes
        },
        proposals={**state.proposals, event.loser: declined},
    )


def _waits(leads: Mapping[str, Lead]) -> bool:
    return any(lead.stage == "waiting" for lead in leads.values())


def _without(kept: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {other: value for other, value in kept.items() if other != name}
