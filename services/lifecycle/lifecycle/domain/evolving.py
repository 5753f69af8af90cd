"""`evolve`: the only writer of a customer's state, over the customer's own published events."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec
from perennial.contracts.base import At, Event
from perennial.contracts.customers import (
    CurveStarted,
    CustomerActivated,
    CustomerIdentified,
    CustomerMoved,
    CustomerReactivated,
    CustomerRecovered,
    GrowthSlowed,
    ProductFirstBought,
    RedLightLit,
    Signs,
    SignsNoted,
    WatcherChanged,
    WinbackClosed,
    WinbackDiagnosed,
    WinbackOpened,
    WinbackOverdue,
)

from lifecycle.domain.belonging import BELONGING, opened_handover
from lifecycle.domain.record import Case, Customer, Light, Product, answers_after, part_id

replace = msgspec.structs.replace


def evolve(customer: Customer, event: Event, now: datetime) -> Customer:
    apply = _APPLY.get(type(event))
    return apply(customer, event, now) if apply is not None else customer


def evolved(customer: Customer, events: Iterable[Event | At], now: datetime) -> Customer:
    """What a customer will be by events that are about to be published."""
    for event in events:
        customer = evolve(customer, event.event if isinstance(event, At) else event, now)
    return customer


def _identified(customer: Customer, event: CustomerIdentified, now: datetime) -> Customer:
    return replace(customer, segment="identified", since=now, channel=event.channel)


def _activated(customer: Customer, event: CustomerActivated, now: datetime) -> Customer:
    return replace(
        customer,
        number=event.number,
        owner=event.owner,
        watchers=tuple(event.watchers),
        curve=1,
        entry_order=event.order_id,
        persona=event.persona,
        awaiting=None,
        unpaid=bool(event.contract),
        held={lead: one for lead, one in customer.held.items() if not one.won},
        seller=event.seller,
        binding=event.binding,
        tier=event.tier,
        handover=opened_handover(event.handover, now),
    )


def _reactivated(customer: Customer, event: CustomerReactivated, _now: datetime) -> Customer:
    return replace(customer, entry_order=event.order_id, unpaid=False)


def _moved(customer: Customer, event: CustomerMoved, now: datetime) -> Customer:
    after = event.after
    lit = after in ("declining", "winning-back")
    return replace(
        customer,
        segment=after,
        since=now,
        unlit_segment=event.before if after == "declining" else customer.unlit_segment,
        growth_warned=False,
        next_product="",
        signs=customer.signs if lit or after == "activated" else Signs(),
        light=customer.light if lit else None,
    )


def _lit(customer: Customer, event: RedLightLit, now: datetime) -> Customer:
    light = Light(
        since=now,
        signs=[one.sign for one in event.evidence],
        value_at_risk=event.value_at_risk,
        rolling_value=event.rolling_value,
    )
    return replace(customer, light=light)


def _opened(customer: Customer, event: WinbackOpened, now: datetime) -> Customer:
    case = Case(
        case_id=event.case_id,
        owner=event.owner,
        opened_at=now,
        diagnose_by=event.diagnose_by,
        deadline=event.deadline,
        baseline=event.baseline,
        reopens=event.reopens,
    )
    cases = customer.cases if event.reopens else customer.cases + 1
    return replace(customer, case=case, cases=cases, signs=event.signs or Signs())


def _overdue(customer: Customer, event: WinbackOverdue, _now: datetime) -> Customer:
    return _with_case(customer, reminders=event.step)


def _diagnosed(customer: Customer, event: WinbackDiagnosed, _now: datetime) -> Customer:
    named = _with_case(customer, cause=event.cause, department=event.department, owner=event.owner)
    return _with_case(named, deadline=event.deadline) if event.deadline else named


def _noted(customer: Customer, event: SignsNoted, _now: datetime) -> Customer:
    signs = event.signs
    noted = replace(customer, signs=signs)
    if not event.order_id or customer.case is None or signs.last_order is None:
        return noted
    answers = answers_after(customer.case, signs.last_order, signs.usual_days)
    return _with_case(noted, answers=answers, last_answer=signs.last_order)


def _recovered(customer: Customer, event: CustomerRecovered, _now: datetime) -> Customer:
    return _with_case(customer, saved=event.saved, check_at=event.check_at)


def _closed(customer: Customer, _event: WinbackClosed, _now: datetime) -> Customer:
    return replace(customer, case=None)


def _curve(customer: Customer, event: CurveStarted, _now: datetime) -> Customer:
    return replace(customer, curve=event.curve)


def _slowed(customer: Customer, _event: GrowthSlowed, _now: datetime) -> Customer:
    return replace(customer, growth_warned=True)


def _first_bought(customer: Customer, event: ProductFirstBought, now: datetime) -> Customer:
    part = Product(product=event.product, since=now, segment=event.segment)
    parts = {**customer.parts, part_id(event.customer_id, event.product): part}
    is_next = event.segment == "maturing"
    product = event.product if is_next else customer.next_product
    return replace(customer, parts=parts, next_product=product)


def _rewatched(customer: Customer, event: WatcherChanged, _now: datetime) -> Customer:
    """The case of an owner who has gone goes to the new one with the customer."""
    changed = replace(customer, owner=event.owner, watchers=tuple(event.watchers))
    orphaned = customer.case is not None and customer.case.owner == customer.owner
    return _with_case(changed, owner=event.owner) if orphaned else changed


def _with_case(customer: Customer, **changes: Any) -> Customer:
    if customer.case is None:
        return customer
    return replace(customer, case=replace(customer.case, **changes))


_APPLY: dict[type[Event], Callable[[Customer, Any, datetime], Customer]] = {
    CustomerIdentified: _identified,
    CustomerActivated: _activated,
    CustomerReactivated: _reactivated,
    CustomerMoved: _moved,
    RedLightLit: _lit,
    WinbackOpened: _opened,
    WinbackOverdue: _overdue,
    WinbackDiagnosed: _diagnosed,
    SignsNoted: _noted,
    CustomerRecovered: _recovered,
    WinbackClosed: _closed,
    CurveStarted: _curve,
    GrowthSlowed: _slowed,
    ProductFirstBought: _first_bought,
    WatcherChanged: _rewatched,
    **BELONGING,
}
