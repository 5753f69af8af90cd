"""A customer's life: which rule judges which fact, segment by segment."""

from datetime import datetime

from perennial.contracts.base import Decision, Fact, TimerFired
from perennial.contracts.customers import ProductFirstBought, Signs
from perennial.contracts.leads import LeadCaptured
from perennial.contracts.scores import ChurnChanged, CustomerScored, TrendChanged

from lifecycle.domain import entry, redlight, winback
from lifecycle.domain.development import by_numbers
from lifecycle.domain.moves import Events
from lifecycle.domain.record import Customer, part_id
from lifecycle.domain.requests import Request
from lifecycle.domain.segments import BEFORE, RESTING
from lifecycle.domain.wishes import answer
from lifecycle.domain.world import World


def react(customer: Customer, fact: Fact, world: World, now: datetime) -> Decision:
    """What a fact changes. Orders are no ground for a decision here: their scores are (R12)."""
    match fact.data:
        case CustomerScored() as scored:
            return [*_judged(customer, fact, world, now), *_first_bought(customer, fact, scored)]
        case TrendChanged() | ChurnChanged():
            return _judged(customer, fact, world, now)
        case LeadCaptured():
            return entry.identified(customer, fact)
        case TimerFired(name=name):
            return _timer(name, customer, fact, world)
        case Request():
            return answer(customer, fact, fact.data, world, now)  # type: ignore[arg-type]
    return []


def due(customer: Customer, world: World) -> dict[str, datetime]:
    return winback.due(customer, world.policy.winback)


def names(fact: Fact) -> list[str]:
    """The product an order is about, to see whether it is the first of its kind."""
    scored = fact.data
    if isinstance(scored, CustomerScored) and scored.order is not None and scored.order.product:
        return [part_id(fact.key, scored.order.product)]
    return []


def _judged(customer: Customer, fact: Fact, world: World, now: datetime) -> Events:
    """A score, a trend or a churn state, judged by where the customer stands."""
    segment = customer.segment
    if segment == "declining":
        return winback.while_declining(customer, fact, world, now)
    if segment == "winning-back":
        return winback.while_winning_back(customer, fact, world, now)
    if segment in BEFORE or segment in RESTING:
        return _outside(customer, fact, world, now)
    return _unlit(customer, fact, world, now)


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


def _first_bought(customer: Customer, fact: Fact, scored: CustomerScored) -> Events:
    order = scored.order
    if order is None or not order.product or redlight.order_day(scored) is None:
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


def _timer(name: str, customer: Customer, fact: Fact, world: World) -> Events:
    case = customer.case
    if case is None:
        return []
    match name:
        case "diagnosis":
            return winback.overdue(customer, case, fact, world)
        case "deadline":
            return winback.given_up(customer, fact, world)
        case "effectiveness-check":
            return winback.checked(case, fact)
    return []
