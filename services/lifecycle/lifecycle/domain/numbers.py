"""A score, a trend or a churn state, judged by where the customer stands."""

from datetime import datetime

from perennial.contracts.base import Fact
from perennial.contracts.customers import ProductFirstBought, Signs
from perennial.contracts.scores import CustomerScored

from lifecycle.domain import entry, redlight, unions, winback
from lifecycle.domain.development import by_numbers
from lifecycle.domain.moves import Events
from lifecycle.domain.record import Customer, part_id
from lifecycle.domain.segments import BEFORE, RESTING
from lifecycle.domain.world import World


def judged(customer: Customer, fact: Fact, world: World, now: datetime) -> Events:
    """What a number means in the segment where the customer is."""
    segment = customer.segment
    if unions.is_about_one_that_left(fact):
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


def first_bought(customer: Customer, fact: Fact, scored: CustomerScored) -> Events:
    """A product this customer never bought before."""
    order = scored.order
    bought = order is not None and (order.kind == "taken" or redlight.order_day(scored) is not None)
    if order is None or not order.product or not bought:
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
