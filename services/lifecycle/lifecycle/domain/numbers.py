"""A score, a trend or a churn state, judged by where the customer stands."""

from datetime import datetime

from perennial.contracts.base import Fact
from perennial.contracts.customers import ProductFirstBought, Signs
from perennial.contracts.scores import CustomerScored, OrderEffect

from lifecycle.domain import entry, redlight, winback
from lifecycle.domain.development import by_numbers
from lifecycle.domain.moves import Events
from lifecycle.domain.record import Customer, part_id
from lifecycle.domain.segments import BEFORE, RESTING
from lifecycle.domain.world import World


def heard(customer: Customer, fact: Fact, world: World, now: datetime) -> Events:
    """A number, and what its order says besides."""
    if customer.root:
        return [*resting(customer, fact), *first_bought(customer, fact)]
    return [*judged(customer, fact, world, now), *first_bought(customer, fact)]


def resting(customer: Customer, fact: Fact) -> Events:
    """To who is part of another nothing happens. An order that counts all the same overtook the word
    that they are two, or is about to leave: its score is kept, with the numbers that follow it."""
    order = fact.data.order if isinstance(fact.data, CustomerScored) else None
    here = order is not None and not _is_about_one_that_left(fact)
    return [entry.kept(fact)] if here or customer.early else []


def judged(customer: Customer, fact: Fact, world: World, now: datetime) -> Events:
    """What a number means in the segment where the customer is."""
    segment = customer.segment
    if _is_about_one_that_left(fact):
        return []
    if customer.awaiting:
        return [entry.kept(fact)]
    if customer.unpaid and segment not in RESTING:
        return entry.first_paid(customer, fact, world, now)
    if segment == "declining":
        return winback.while_declining(customer, fact, world, now)
    if segment == "winning-back":
        return winback.while_winning_back(customer, fact, world, now)
    if segment in BEFORE or segment in RESTING:
        return _outside(customer, fact, world, now)
    return _unlit(customer, fact, world, now)


def _is_about_one_that_left(fact: Fact) -> bool:
    """Whether a score tells of an order that is another's now: that says nothing of this customer."""
    order = fact.data.order if isinstance(fact.data, CustomerScored) else None
    return order is not None and order.kind == "left"


def first_bought(customer: Customer, fact: Fact) -> Events:
    """A product this customer never bought before."""
    scored = fact.data
    order = scored.order if isinstance(scored, CustomerScored) else None
    if order is None or not order.product or not _is_bought(scored, order):
        return []
    if part_id(fact.key, order.product) in customer.parts:
        return []
    return [
        ProductFirstBought(
            customer_id=fact.key,
            product=order.product,
            segment=customer.segment or "identified",
            order_id=order.order_id,
        )
    ]


def _is_bought(scored: CustomerScored, order: OrderEffect) -> bool:
    return order.kind == "taken" or redlight.order_day(scored) is not None


def _outside(customer: Customer, fact: Fact, world: World, now: datetime) -> Events:
    """Only a paid order brings somebody in, or back."""
    if not isinstance(fact.data, CustomerScored):
        return []
    if customer.segment in RESTING:
        return entry.reactivated(customer, fact, world, now)
    return entry.activated(customer, fact, world, now)


def _unlit(customer: Customer, fact: Fact, world: World, now: datetime) -> Events:
    rules = world.policy.light
    evidence = redlight.evidence(fact.data, rules, fact.id)
    if evidence:
        signs = redlight.read(Signs(trend=customer.signs.trend), fact.data, now, rules)
        return winback.light(customer, fact, evidence, signs, world, now)
    if customer.segment == "activated" and isinstance(fact.data, CustomerScored):
        return entry.serving(customer, fact, world, now)
    return by_numbers(customer, fact, world, now)
