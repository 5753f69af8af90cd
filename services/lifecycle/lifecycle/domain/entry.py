"""How a party becomes a customer: first touch, first paid order, and coming back later (C2, C5)."""

from datetime import datetime, timedelta

import msgspec
from perennial.contracts.base import At, Fact
from perennial.contracts.customers import (
    CurveStarted,
    CustomerActivated,
    CustomerIdentified,
    CustomerReactivated,
    Evidence,
)
from perennial.contracts.entering import ActivationAwaited, FirstOrderPaid, NumbersKept
from perennial.contracts.leads import LeadCaptured
from perennial.contracts.scores import ChurnChanged, CustomerScored, TrendChanged

from lifecycle.domain import care
from lifecycle.domain.evolving import evolve, evolved
from lifecycle.domain.moves import Events, because, head_of, moved
from lifecycle.domain.record import Customer, holder_of
from lifecycle.domain.segments import by_known_trend
from lifecycle.domain.watchers import watchers_for
from lifecycle.domain.world import World


def identified(customer: Customer, fact: Fact) -> Events:
    """A first touch counts once; a score that arrives before its lead is a touch by order too."""
    if customer.segment is not None:
        return []
    match fact.data:
        case LeadCaptured() as lead:
            return [
                CustomerIdentified(
                    customer_id=fact.key,
                    channel=lead.channel,
                    source=lead.source,
                    by_order=lead.by_order,
                )
            ]
    return [CustomerIdentified(customer_id=fact.key, by_order=True)]


def activated(customer: Customer, fact: Fact, world: World, now: datetime) -> Events:
    """The first paid order makes a customer. Unpaid use never does."""
    events = identified(customer, fact)
    customer = evolved(customer, events, now)
    scored: CustomerScored = fact.data
    if scored.paid_orders < 1:
        return events
    began = entered(customer, fact, world, now, order_id=_order_id(scored))
    customer = evolved(customer, began, now)
    if customer.awaiting:
        return [*events, *began, kept(fact)]
    return [*events, *began, *serving(customer, fact, world, now)]


def entered(
    customer: Customer,
    fact: Fact,
    world: World,
    now: datetime,
    *,
    order_id: str = "",
    contract: str = "",
) -> Events:
    """It paid or signed. Whom no persona wants, a person is asked about first."""
    if customer.persona != "below":
        return activation(customer, fact, world, now, order_id=order_id, contract=contract)
    rules = world.policy.persona
    return [
        ActivationAwaited(
            customer_id=fact.key,
            confirm_by=now + timedelta(days=rules.confirm_within_days),
            asked=head_of(rules.asks, world),
            order_id=order_id,
            contract=contract,
        )
    ]


def activation(
    customer: Customer, fact: Fact, world: World, now: datetime, *, order_id: str, contract: str
) -> Events:
    """With a number, an archive, a team by the grade, a membership; whoever sold is of the team."""
    policy = world.policy
    grade = care.served_grade(customer, policy)
    binding = policy.grades[grade].binding
    rules = care.watching(binding, policy)
    watchers = watchers_for(fact.key, world.staff, rules, now)
    seller = holder_of(customer)
    event = CustomerActivated(
        customer_id=fact.key,
        number="",
        owner=watchers[0],
        watchers=watchers,
        tier=policy.grades[grade].tier,
        persona=customer.persona,
        order_id=order_id,
        contract=contract,
        grade=grade,
        binding=binding,
        seller=seller,
        handover=policy.handover.won if seller else [],
    )
    sign = "signed-contract" if contract else "first-paid-order"
    move = moved(evolve(customer, event, now), "activated", fact, world, because(sign, fact))
    return [At(event, fact.time), move]


def kept(fact: Fact) -> NumbersKept:
    """What comes while a person is asked is judged afterwards, in its order."""
    number = msgspec.structs.replace(fact.data, receipt=None)
    return NumbersKept(
        customer_id=fact.key,
        event_id=fact.id,
        scored=number if isinstance(number, CustomerScored) else None,
        trend=number if isinstance(number, TrendChanged) else None,
        churn=number if isinstance(number, ChurnChanged) else None,
    )


def first_paid(customer: Customer, fact: Fact, world: World, now: datetime) -> Events:
    """The first paid order of somebody who is in by contract: what nobody paid for says nothing."""
    scored = fact.data
    if not isinstance(scored, CustomerScored) or scored.paid_orders < 1:
        return []
    paid = FirstOrderPaid(customer_id=fact.key, order_id=_order_id(scored))
    if customer.segment != "activated":
        return [paid]
    return [paid, *serving(evolve(customer, paid, now), fact, world, now)]


def serving(customer: Customer, fact: Fact, world: World, now: datetime) -> Events:
    """The second order of this stay; a trend that was judged while waiting for it holds at once."""
    if not _is_second_order(customer, fact.data):
        return []
    move = moved(customer, "serving", fact, world, because("second-order", fact))
    placed = by_known_trend(customer.signs.trend)
    if placed == "serving":
        return [move]
    reason = [Evidence(sign="trend", text=customer.signs.trend)]
    return [move, moved(evolve(customer, move, now), placed, fact, world, reason)]


def reactivated(customer: Customer, fact: Fact, world: World, now: datetime) -> Events:
    """A lost or released customer pays for a new order: same number, next curve."""
    scored: CustomerScored = fact.data
    order = scored.order
    new = order is not None and customer.since is not None and order.day >= customer.since.date()
    if order is None or not new or order.paid < 1:
        return []
    events: Events = [
        CustomerReactivated(customer_id=fact.key, number=customer.number, order_id=order.order_id),
        CurveStarted(customer_id=fact.key, curve=customer.curve + 1, because="reactivation"),
        *care.watched_again(customer, fact, "reactivation", world, now),
        moved(customer, "activated", fact, world, because("new-order", fact)),
    ]
    back = evolved(customer, events, now)
    return [*events, *care.adjusted(back, fact, "reactivation", world, now)]


def _is_second_order(customer: Customer, scored: CustomerScored) -> bool:
    """In the first life live orders are counted; later ones begin with the order that woke it."""
    if customer.curve == 1:
        return scored.orders >= 2
    order = scored.order
    placed = order is not None and order.kind == "placed" and order.orders > 0
    return placed and order is not None and order.order_id != customer.entry_order


def _order_id(scored: CustomerScored) -> str:
    return scored.order.order_id if scored.order is not None else ""
