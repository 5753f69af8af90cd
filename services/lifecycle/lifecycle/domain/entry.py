"""How a party becomes a customer: first touch, first paid order, and coming back later (C2, C5)."""

from datetime import datetime

from perennial.contracts.base import At, Event, Fact
from perennial.contracts.customers import (
    CurveStarted,
    CustomerActivated,
    CustomerIdentified,
    CustomerReactivated,
    Evidence,
    WatcherChanged,
)
from perennial.contracts.leads import LeadCaptured
from perennial.contracts.scores import CustomerScored

from lifecycle.domain.moves import Events, because, moved
from lifecycle.domain.record import Customer, evolve
from lifecycle.domain.segments import MEMBERS, by_known_trend
from lifecycle.domain.watchers import rewatched, watchers_for
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
    for event in events:
        customer = evolve(customer, _event(event), now)
    scored: CustomerScored = fact.data
    if scored.paid_orders < 1:
        return events
    watchers = watchers_for(fact.key, world.staff, world.policy.watchers, now)
    activation = CustomerActivated(
        customer_id=fact.key,
        number="",
        owner=watchers[0],
        watchers=watchers,
        order_id=_order_id(scored),
    )
    after = evolve(customer, activation, now)
    events.append(At(activation, fact.time))
    move = moved(after, "activated", fact, world, because("first-paid-order", fact))
    after = evolve(after, move, now)
    return [*events, move, *serving(after, fact, world, now)]


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
    return [
        CustomerReactivated(customer_id=fact.key, number=customer.number, order_id=order.order_id),
        CurveStarted(customer_id=fact.key, curve=customer.curve + 1, because="reactivation"),
        *_watched_again(customer, fact, "reactivation", world, now),
        moved(customer, "activated", fact, world, because("new-order", fact)),
    ]


def rewatch(customer: Customer, fact: Fact, reason: str, world: World, now: datetime) -> Events:
    """Somebody left or went away: never fewer than two (C5). Nothing to change is no event."""
    if customer.segment not in MEMBERS:
        return []
    return _watched_again(customer, fact, reason, world, now)


def _watched_again(
    customer: Customer, fact: Fact, reason: str, world: World, now: datetime
) -> Events:
    rules = world.policy.watchers
    watchers = rewatched(fact.key, customer.watchers, world.staff, rules, now)
    if tuple(watchers) == customer.watchers:
        return []
    return [
        WatcherChanged(customer_id=fact.key, owner=watchers[0], watchers=watchers, reason=reason)
    ]


def _is_second_order(customer: Customer, scored: CustomerScored) -> bool:
    """In the first life live orders are counted; later ones begin with the order that woke it."""
    if customer.curve == 1:
        return scored.orders >= 2
    order = scored.order
    placed = order is not None and order.kind == "placed" and order.orders > 0
    return placed and order is not None and order.order_id != customer.entry_order


def _order_id(scored: CustomerScored) -> str:
    return scored.order.order_id if scored.order is not None else ""


def _event(wish: Event | At) -> Event:
    return wish.event if isinstance(wish, At) else wish
