"""Leads come in: a new chance, another touch of one that is open, or what is known already (I1, I4)."""

from datetime import datetime

from msgspec.structs import replace
from perennial.contracts.base import At, Decision, Event, Fact, Refusal, Wait
from perennial.contracts.leads import LeadCaptured, LeadTagged, LeadTouched
from perennial.contracts.partner import CaptureLead
from perennial.contracts.touches import Touch

from lead_intake.domain.checks import currency_fault, invalid, moment_fault
from lead_intake.domain.claims import came_for, conflicting, own_claims, proposals
from lead_intake.domain.contents import content_of_lead
from lead_intake.domain.customer import Customer
from lead_intake.domain.readiness import at_once
from lead_intake.domain.requests import LeadSaid, TagLead
from lead_intake.domain.world import World
from lead_intake.policy import TagRule


def capture(state: Customer, fact: Fact, world: World, now: datetime) -> Decision:
    """A lead as its source tells it. The same lead again changes nothing."""
    asked: LeadSaid = fact.data
    said = asked.said
    fault = moment_fault(said.captured_at, "captured_at", world.policy, now)
    fault = fault or currency_fault(said.currency) or _amounts(said) or _number(said)
    if fault is not None:
        return fault
    if asked.lead_id in state.leads or asked.lead_id in state.also:
        return _again(state, asked)
    wait = _unknown(said, world, now)
    if wait is not None:
        return wait
    open_lead = _joined(state, asked, _product(said, world))
    events = _touched(state, fact, open_lead, world) if open_lead else _captured(state, fact, world)
    events += proposals(state, fact)
    events += at_once(state, events[0], world, now)
    return [At(event, said.captured_at) for event in events]


def tag(state: Customer, fact: Fact, _world: World, _now: datetime) -> Decision:
    """A person puts tags on a lead, or takes them off."""
    wish: TagLead = fact.data
    lead_id, lead = state.meant(wish.lead_id)
    added = [name for name in dict.fromkeys(wish.add) if name not in lead.tags]
    removed = [name for name in dict.fromkeys(wish.remove) if name in lead.tags]
    if not added and not removed:
        return []
    return [
        LeadTagged(customer_id=fact.key, lead_id=lead_id, added=added, removed=removed, by=wish.by)
    ]


def tags_by_rule(event: LeadCaptured, rules: list[TagRule]) -> list[str]:
    """The tags of every rule whose conditions the lead meets, all of them."""
    told = {
        "channel": event.channel,
        "campaign": event.campaign,
        "product": event.product,
        "kind": event.kind,
        "source": event.source,
        **event.attributes,
    }
    met = [
        rule.tag
        for rule in rules
        if all(told.get(field, "") in values for field, values in rule.when.items())
    ]
    return [name for name in dict.fromkeys(met) if name not in event.tags]


def _amounts(said: CaptureLead) -> Refusal | None:
    for field in ("cost", "expected_value"):
        if (getattr(said, field) or 0) < 0:
            return invalid("amount-below-zero", f"Send {field} without a sign.", field)
    return None


def _number(said: CaptureLead) -> Refusal | None:
    """A lead's number stands in events and paths."""
    if "@" not in said.lead:
        return None
    cure = "Number the lead by something else than an e-mail address; that goes in person.email."
    return invalid("number-personal", cure, "lead")


def _again(state: Customer, asked: LeadSaid) -> Decision:
    known = state.leads.get(asked.lead_id)
    if known is None or known.content == content_of_lead(asked.said):
        return []
    return Refusal(
        code="lead-differs",
        detail=f"Lead {asked.said.lead} is known with other content and stays as it was: send what"
        " has happened since as an activity, a tag or its close, or use a new lead id.",
        pointer="/lead",
    )


def _unknown(said: CaptureLead, world: World, now: datetime) -> Wait | None:
    """What the register must hold first."""
    strict = world.policy.products_must_be_known and world.catalogue.products
    if strict and said.product and world.catalogue.find(said.product) is None:
        expires = now + world.policy.waiting
        return Wait(until_known=f"product:{said.product}", expires=expires)
    return None


def _joined(state: Customer, asked: LeadSaid, product: str) -> str:
    """The open lead that this is one more touch of; "" if it is a chance of its own.

    A source that knows the party by an id of its own and still tells of another lead means another
    chance; so does a lead that somebody holds. Whoever is known by claims alone has touched us again.
    """
    said = asked.said
    if said.holder:
        return ""
    near = [
        (lead.opened_at, name)
        for name, lead in state.leads.items()
        if lead.is_open and lead.kind == said.kind and not (said.party and lead.source == asked.source)
        and (lead.product == product or not lead.product or not product)
    ]  # fmt: skip
    return min(near)[1] if near else ""


def _captured(state: Customer, fact: Fact, world: World) -> list[Event]:
    asked: LeadSaid = fact.data
    said = asked.said
    known = not world.catalogue.products or world.catalogue.find(said.product) is not None
    captured = LeadCaptured(
        customer_id=fact.key,
        lead_id=asked.lead_id,
        channel=said.channel or world.policy.channel,
        source=asked.source,
        external_id=said.party or said.lead,
        number=said.lead,
        claims=own_claims(fact),
        conflicts=list(conflicting(state, fact)),
        of=came_for(state, fact),
        again=asked.customer_id in fact.known,
        kind=said.kind,
        product=_product(said, world),
        campaign=said.campaign,
        cost=_worth(said.cost, said, world),
        expected_value=_worth(said.expected_value, said, world),
        unvalued=_unvalued(said, world),
        wants_call=said.wants_call,
        opportunity=said.opportunity,
        holder=said.holder,
        captured_at=said.captured_at,
        unmatched="" if known else said.product,
        content=content_of_lead(said),
        tags=list(dict.fromkeys(said.tags)),
        attributes=dict(said.attributes),
        personal=asked.sealed,
    )
    rules = tags_by_rule(captured, world.policy.tag_rules)
    return [replace(captured, tags=[*captured.tags, *rules])]


def _touched(state: Customer, fact: Fact, lead_id: str, world: World) -> list[Event]:
    asked: LeadSaid = fact.data
    said = asked.said
    touch = Touch(
        channel=said.channel or world.policy.channel,
        campaign=said.campaign,
        source=asked.source,
        cost=_worth(said.cost, said, world),
    )
    touched = LeadTouched(
        customer_id=fact.key,
        lead_id=lead_id,
        touch=touch,
        number=said.lead,
        external_id=said.party or said.lead,
        unvalued=_unvalued(said, world),
        claims=own_claims(fact),
        conflicts=list(conflicting(state, fact)),
        of=came_for(state, fact),
        again=asked.customer_id in fact.known,
        wants_call=said.wants_call,
        attributes=dict(said.attributes),
        personal=asked.sealed,
    )
    return [touched]


def _product(said: CaptureLead, world: World) -> str:
    """By the register's id where it knows the spelling, else as the source spells it."""
    found = world.catalogue.find(said.product)
    return found.product_id if found is not None else said.product


def _unvalued(said: CaptureLead, world: World) -> str:
    """The currency without a rate: an estimate keeps no lead waiting."""
    priced = said.cost is not None or said.expected_value is not None
    known = not said.currency or world.rate(said.currency, said.captured_at.date()) is not None
    return "" if known or not priced else said.currency or ""


def _worth(amount: int | None, said: CaptureLead, world: World) -> int | None:
    """In reporting currency, at the rate of the day it was captured."""
    if amount is None:
        return None
    currency = said.currency or world.policy.reporting_currency
    return world.worth(amount, currency, said.captured_at.date())
