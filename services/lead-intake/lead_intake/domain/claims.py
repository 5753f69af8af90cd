"""By which names a party is found, and what happens when one touch bears the names of several."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from perennial.contracts.base import Decision, Event, Fact, Refusal
from perennial.contracts.leads import LeadCaptured, LeadTouched
from perennial.contracts.unions import (
    LeadLeft,
    LeadTaken,
    LeadUnmerged,
    MergeDeclined,
    MergeProposed,
)

from lead_intake.domain.customer import Customer
from lead_intake.domain.identity import lead_id, partys_names
from lead_intake.domain.requests import DeclineMerge


def aliases(event: Event) -> Mapping[str, str]:
    """Names that lead to the party from this event on: its sources' ids, its leads, its claims."""
    match event:
        case LeadCaptured(customer_id=key, lead_id=lead):
            names = [*partys_names(event), *([lead] if lead else ())]
        case LeadTouched(customer_id=key, touch=touch) if event.number:
            names = [lead_id(touch.source, event.number), *partys_names(event)]
        case _:
            return {}
    return dict.fromkeys(names, key)


def renames(event: Event) -> Mapping[str, str]:
    """A lead that changes hands is found where it is; apart again, a party has its names back."""
    match event:
        case LeadLeft(lead_id=lead, also=also, to=key):
            return dict.fromkeys((lead, *also), key)
        case LeadTaken(lead_id=lead, also=also, customer_id=key):
            return dict.fromkeys((lead, *also), key)
        case LeadUnmerged(names=names, loser=key):
            return dict.fromkeys(names, key)
    return {}


def came_for(state: Customer, fact: Fact) -> str:
    """Which of those found to be this party a touch came for: as it was addressed, or by a name that
    was learned of that one since, and leads here as long as they are one."""
    if not state.absorbed:
        return fact.of
    names = (fact.data.customer_id, *fact.data.claims)
    name = next((one for one in names if one in fact.known), "")
    return state.whose.get(name, fact.of)


def own_claims(fact: Fact) -> list[str]:
    """The claims of a fact that nobody else holds; one that was found to be this one keeps its own."""
    return [claim for claim in fact.data.claims if fact.known.get(claim, fact.key) == fact.key]


def _others(state: Customer, fact: Fact, claim: str) -> str:
    """Another party that holds the claim; one that was found to be this one is none."""
    holder = fact.known.get(claim, fact.key)
    return "" if holder == fact.key or state.came_through(holder) else holder


def conflicting(state: Customer, fact: Fact) -> dict[str, list[str]]:
    """Other parties that hold a claim of this fact, each with its claims."""
    found: dict[str, list[str]] = {}
    for claim in fact.data.claims:
        holder = _others(state, fact, claim)
        if holder:
            found.setdefault(holder, []).append(claim)
    return dict(sorted(found.items()))


def proposals(state: Customer, fact: Fact) -> list[Event]:
    """Merges for a person to judge; what was judged before is asked again on new grounds only."""
    return [
        MergeProposed(customer_id=fact.key, other=other, claims=claims)
        for other, claims in conflicting(state, fact).items()
        if other not in state.proposals or not set(claims) <= set(state.proposals[other].claims)
    ]


def decline(state: Customer, fact: Fact, _world: Any, _now: datetime) -> Decision:
    """A person says that they are two."""
    wish: DeclineMerge = fact.data
    proposal = state.proposals.get(wish.other)
    if proposal is None:
        return Refusal(
            code="proposal-unknown",
            detail=f"Nothing proposes to merge with {wish.other}.",
            kind="missing",
        )
    if proposal.declined:
        return []
    return [MergeDeclined(customer_id=fact.key, other=wish.other, by=wish.by, reason=wish.reason)]
