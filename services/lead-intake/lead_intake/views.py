"""What REST shows: answers and read models, as structs that OpenAPI describes."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from perennial.contracts.base import Event, Minor
from perennial.contracts.orders import OrderPlaced

from lead_intake.domain.customer import Customer, Order
from lead_intake.domain.registers import Register

Status = Literal["accepted", "duplicate", "rejected", "waiting"]
OrderStatus = Literal["open", "paid", "overpaid", "returned", "cancelled"]
"""`returned` is an order of which nothing is left; a return of a part leaves it open or paid."""


class _View(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    pass


class Taken(_View, frozen=True, kw_only=True):
    """What became of a fact about an order, and how the order stands now."""

    status: Status
    order_id: str
    customer_id: str = ""
    stands: OrderStatus | None = None
    overpaid: Minor = 0
    unmatched: list[str] = []
    """Products as they were spelt that no register entry answers to."""


class StillWaiting(_View, frozen=True, kw_only=True):
    """A fact that is kept until what it names is known, as `order:<id>` or `rate:EUR`."""

    status: Status = "waiting"
    until_known: str


class RowError(_View, frozen=True, kw_only=True):
    code: str
    detail: str
    pointer: str = ""


class RowResult(_View, frozen=True, kw_only=True):
    """What became of one row; rows that fail do not touch the others."""

    row: int
    status: Status
    id: str = ""
    """The event's or entry's own id, where it has one."""
    order_id: str = ""
    lead_id: str = ""
    waits_for: str = ""
    """What is to be known first, as `order:<id>`, `lead:<id>`, `rate:EUR` or `product:<name>`."""
    overpaid: Minor = 0
    unmatched: str | list[str] = ""
    """Products as they were spelt that no register entry answers to."""
    unvalued: str = ""
    """A currency without a rate: the amounts of a lead or activity stay unknown."""
    error: RowError | None = None


class OrderView(_View, frozen=True, kw_only=True):
    """An order as its facts have made it; amounts in minor units of its currency."""

    order_id: str
    customer_id: str
    number: str
    source: str
    currency: str
    total: Minor
    revenue: Minor
    """Left of it in reporting currency, after returns and cancellation."""
    margin: Minor | None
    received: Minor
    returned: Minor
    owed: Minor
    overpaid: Minor
    """Received beyond its total."""
    status: OrderStatus


class EntryView(_View, frozen=True, kw_only=True):
    """A register entry as it stands; `version` is its ETag."""

    key: str
    version: int
    entry: dict[str, Any]


class Address(_View, frozen=True, kw_only=True):
    """Where a member of staff is written to, for the service that writes."""

    email: str
    name: str = ""


class Rejection(_View, frozen=True, kw_only=True):
    """A fact that was not applied: mend it and send it again, or wait for what it names."""

    number: int
    id: str
    type: str
    state: str
    code: str
    detail: str
    pointer: str = ""
    waits_for: str = ""
    expires: datetime | None = None
    since: datetime


def order_view(customer_id: str, order_id: str, order: Order) -> OrderView:
    revenue, margin = order.given_up(order.returned)
    return OrderView(
        order_id=order_id,
        customer_id=customer_id,
        number=order.number,
        source=order.source,
        currency=order.currency,
        total=order.total,
        revenue=order.revenue - revenue,
        margin=None if order.margin is None or margin is None else order.margin - margin,
        received=order.received,
        returned=order.returned,
        owed=_owed(order),
        overpaid=_overpaid(order),
        status=_standing(order),
    )


def entry_view(key: str, state: Register) -> EntryView:
    shown = {name: value for name, value in msgspec.to_builtins(state).items() if name != "version"}
    shown.get("person", {}).pop("personal", None)
    return EntryView(key=key, version=state.version, entry=shown)


def taken(order_id: str, state: Customer, events: list[Event]) -> tuple[int, Taken]:
    """The answer to news about an order: 201 if it was news, 200 if it was known."""
    order = state.parts[order_id]
    told = Taken(
        status="accepted" if events else "duplicate",
        order_id=order_id,
        customer_id=state.customer_id,
        stands=_standing(order),
        overpaid=_overpaid(order),
        unmatched=[
            name for one in events if isinstance(one, OrderPlaced) for name in one.unmatched
        ],
    )
    return (201 if events else 200), told


def _standing(order: Order) -> OrderStatus:
    if order.cancelled:
        return "cancelled"
    if order.returns and order.returned >= order.total:
        return "returned"
    if _overpaid(order):
        return "overpaid"
    return "paid" if order.settled else "open"


def _overpaid(order: Order) -> Minor:
    """Against the total, so that it is the same whether a return or a payment came first."""
    return max(0, order.received - order.total)


def _owed(order: Order) -> Minor:
    settled_when_placed = order.settled and not order.received
    if order.cancelled or settled_when_placed:
        return 0
    return max(0, order.total - order.returned - order.received)
