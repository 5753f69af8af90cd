"""Is this one of ours? The match with the personas, and what a person or time makes of a low one."""

from datetime import datetime

import msgspec
from perennial.contracts.base import Decision, Fact, Refusal
from perennial.contracts.entering import PersonaConfirmed, PersonaJudged
from perennial.contracts.grades import LeadScored

from lifecycle.domain import care, entry, numbers
from lifecycle.domain.evolving import evolve, evolved
from lifecycle.domain.moves import Events
from lifecycle.domain.record import Awaiting, Customer
from lifecycle.domain.requests import ConfirmPersona
from lifecycle.domain.segments import BEFORE, MEMBERS
from lifecycle.domain.world import World


def judged(customer: Customer, fact: Fact, lead: LeadScored, world: World, now: datetime) -> Events:
    """The latest known match counts. An unknown one is no verdict; a person's word stays."""
    threshold = world.policy.persona.threshold
    if lead.match is None or customer.persona == "confirmed":
        return []
    passed = lead.match >= threshold
    verdict = PersonaJudged(
        customer_id=fact.key,
        verdict="passed" if passed else "below",
        match=lead.match,
        threshold=threshold,
        persona=lead.persona,
    )
    if customer.segment in BEFORE:
        return (
            []
            if verdict.verdict == customer.persona
            else _told(customer, verdict, fact, world, now)
        )
    if customer.persona == "unconfirmed" and passed:
        return _told(customer, verdict, fact, world, now)
    return []


def confirmed(
    customer: Customer, fact: Fact, wish: ConfirmPersona, world: World, now: datetime
) -> Decision:
    """A person says yes, before it pays, while it waits, or once it was let in unconfirmed."""
    if customer.persona not in ("below", "unconfirmed"):
        return Refusal(
            code="nothing-to-confirm",
            detail=f"Its persona is {customer.persona}; only a match below the threshold is asked "
            "about.",
        )
    said = PersonaConfirmed(customer_id=fact.key, by=fact.principal, reason=wish.reason)
    return _told(customer, said, fact, world, now)


def timed_out(customer: Customer, fact: Fact, world: World, now: datetime) -> Events:
    """Nobody said anything: it is let in, and served like the lowest grade."""
    if customer.awaiting is None:
        return []
    unconfirmed = msgspec.structs.replace(customer, persona="unconfirmed")
    return _let_in(unconfirmed, customer.awaiting, fact, world, now)


def due(customer: Customer) -> dict[str, datetime]:
    return {"persona": customer.awaiting.confirm_by} if customer.awaiting else {}


def _told(
    customer: Customer,
    event: PersonaJudged | PersonaConfirmed,
    fact: Fact,
    world: World,
    now: datetime,
) -> Events:
    after = evolve(customer, event, now)
    if after.awaiting and after.persona != "below":
        return [event, *_let_in(after, after.awaiting, fact, world, now)]
    if after.segment in MEMBERS:
        return [event, *care.adjusted(after, fact, "persona", world, now)]
    return [event]


def _let_in(
    customer: Customer, awaiting: Awaiting, fact: Fact, world: World, now: datetime
) -> Events:
    """Activation, and then every number that was kept, in its order: as if none had waited (R12)."""
    events = entry.activation(
        customer, fact, world, now, order_id=awaiting.order_id, contract=awaiting.contract
    )
    customer = evolved(customer, events, now)
    for place, kept in enumerate(awaiting.kept):
        number = kept.as_fact(fact)
        if place == 0 and not customer.unpaid:
            made = entry.serving(customer, number, world, now)
        else:
            made = numbers.judged(customer, number, world, now)
        customer = evolved(customer, made, now)
        events += made
    return events
