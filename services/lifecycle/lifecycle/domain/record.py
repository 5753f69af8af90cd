"""What a customer's own events have made of it: the state, and `evolve`, its only writer."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import msgspec
from perennial.contracts.base import Event, Minor, Part, State
from perennial.contracts.customers import (
    CurveStarted,
    CustomerActivated,
    CustomerIdentified,
    CustomerMoved,
    CustomerReactivated,
    CustomerRecovered,
    Department,
    GrowthSlowed,
    ProductFirstBought,
    RedLightLit,
    Segment,
    Signs,
    SignsNoted,
    WatcherChanged,
    WinbackClosed,
    WinbackDiagnosed,
    WinbackOpened,
    WinbackOverdue,
)

replace = msgspec.structs.replace


class Product(Part, frozen=True, kw_only=True):
    """A product this customer has bought at least once."""

    product: str
    since: datetime
    segment: Segment


class Light(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A red light that is on, and what lit it."""

    since: datetime
    signs: list[str]
    value_at_risk: Minor = 0
    rolling_value: Minor = 0


class Case(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A win-back from the light to the end of its effectiveness check."""

    case_id: str
    owner: str
    opened_at: datetime
    diagnose_by: datetime
    deadline: datetime
    baseline: Minor = 0
    reopens: int = 0
    reminders: int = 0
    cause: str = ""
    department: Department | None = None
    answers: int = 0
    """Orders since the light that followed each other in the customer's own rhythm."""
    last_answer: date | None = None
    saved: Minor = 0
    check_at: datetime | None = None
    """Set once recovered: when the case closes, unless the light is lit again before."""


class Customer(State, frozen=True, kw_only=True):
    segment: Segment | None = None
    since: datetime | None = None
    """Since when in this segment."""
    channel: str = ""
    number: str = ""
    owner: str = ""
    watchers: tuple[str, ...] = ()
    curve: int = 0
    entry_order: str = ""
    """The order that began the present stay: activation, or the latest re-activation."""
    unlit_segment: Segment | None = None
    """Where the customer stood when the light was lit."""
    growth_warned: bool = False
    next_product: str = ""
    """First bought during the present stay in `maturing`."""
    signs: Signs = Signs()
    """Kept only where a later decision needs them: before serving, and while the light is on."""
    light: Light | None = None
    case: Case | None = None
    cases: int = 0
    parts: dict[str, Product] = msgspec.field(default_factory=dict)


def part_id(customer_id: str, product: str) -> str:
    return f"{customer_id}/{product}"


def answers_after(case: Case, day: date, usual_days: float | None) -> int:
    """How many orders have followed each other in rhythm, counting one of this day."""
    if case.last_answer is None:
        return 1
    gap = abs((day - case.last_answer).days)
    if gap == 0:
        return case.answers
    return case.answers + 1 if usual_days is None or gap <= usual_days else 1


def evolve(customer: Customer, event: Event, now: datetime) -> Customer:
    apply = _APPLY.get(type(event))
    return apply(customer, event, now) if apply is not None else customer


def _identified(customer: Customer, event: CustomerIdentified, now: datetime) -> Customer:
    return replace(customer, segment="identified", since=now, channel=event.channel)


def _activated(customer: Customer, event: CustomerActivated, _now: datetime) -> Customer:
    return replace(
        customer,
        number=event.number,
        owner=event.owner,
        watchers=tuple(event.watchers),
        curve=1,
        entry_order=event.order_id,
    )


def _reactivated(customer: Customer, event: CustomerReactivated, _now: datetime) -> Customer:
    return replace(customer, entry_order=event.order_id)


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
}
