"""What an order fact adds to its customer's set of orders; duplicates add nothing.

An order's row holds what is left of it after returns. Facts of one order come in the order of its
topic (placed first), those of different orders in any.
"""

from collections.abc import Mapping
from datetime import date, timedelta

import msgspec
from perennial.contracts.base import Fact, Part, Wait
from perennial.contracts.orders import (
    OrderCancelled,
    OrderLine,
    OrderPaid,
    OrderPlaced,
    OrderReturned,
)
from perennial.contracts.scores import OrderEffect
from perennial.contracts.unions import OrderLeft, OrderTaken

from scoring.domain.periods import business_day
from scoring.policy import Policy

OrderFact = OrderPlaced | OrderPaid | OrderReturned | OrderCancelled
ORDER_FACTS = (OrderPlaced, OrderPaid, OrderReturned, OrderCancelled, OrderLeft, OrderTaken)
WAITS = timedelta(days=30)


class OrderRow(Part, frozen=True, kw_only=True):
    """One order as it stands: money left after returns, in minor units."""

    day: date
    revenue: int = 0
    margin: int | None = None
    paid: bool = False
    cancelled: bool = False
    returns: tuple[str, ...] = ()
    gross: int = 0
    """Revenue as placed."""
    returned: int = 0
    late: bool = False


def named(fact: Fact) -> tuple[str, ...]:
    """The order a fact is about."""
    return (fact.data.order_id,) if isinstance(fact.data, ORDER_FACTS) else ()


def handed(fact: Fact) -> Mapping[str, str]:
    """Whose an order is from a fact on by which it changes hands."""
    match fact.data:
        case OrderLeft(order_id=order, to=key) | OrderTaken(order_id=order, customer_id=key):
            return {order: key}
    return {}


def effect_of(row: OrderRow | None, fact: Fact, policy: Policy) -> OrderEffect | Wait | None:
    """What a fact about an order adds, `row` as it stands; none if it changes nothing."""
    data, day = fact.data, business_day(fact.time, policy.zone)
    match data:
        case OrderTaken():
            paid = data.paid_at and business_day(data.paid_at, policy.zone)
            return taken(data, day, paid is not None and _late(day, paid, policy))
        case OrderLeft():
            return left(row, data.order_id) if row is not None else None
        case OrderPlaced() if row is None:
            return placed(data, day)
    if row is None:
        return unknown(fact)
    return effect_on(row, data, isinstance(data, OrderPaid) and _late(row.day, day, policy))


def _late(placed: date, paid: date, policy: Policy) -> bool:
    """Paid after the term of the policy."""
    return (paid - placed).days > policy.grades.payment_days


def unknown(fact: Fact) -> Wait:
    """A fact about an order that was never placed here is kept until it is."""
    return Wait(until_known=f"order:{fact.data.order_id}", expires=fact.now + WAITS)


def placed(data: OrderPlaced, day: date) -> OrderEffect:
    """The effect of an order not seen before."""
    return OrderEffect(
        order_id=data.order_id,
        day=day,
        kind="placed",
        orders=1,
        paid=1 if data.paid else 0,
        revenue=data.revenue,
        margin=data.margin,
        product=_main_product(data.lines),
    )


def taken(data: OrderTaken, day: date, late: bool) -> OrderEffect:
    """The effect of an order that came from another customer, as it stands."""
    left = data.revenue - data.returned_revenue
    margin = None if data.margin is None else data.margin - data.returned_margin
    return _standing(
        data.order_id,
        OrderRow(
            day=day,
            revenue=0 if data.cancelled else left,
            margin=0 if data.cancelled and margin is not None else margin,
            paid=data.paid,
            cancelled=data.cancelled,
            returns=tuple(data.returns),
            gross=data.revenue,
            returned=data.returned_revenue,
            late=late,
        ),
        data.products[0] if data.products else "",
    )


def left(row: OrderRow, order_id: str) -> OrderEffect:
    """The effect of an order that goes to another customer: all that it had added, taken off."""
    effect = _standing(order_id, row)
    return msgspec.structs.replace(
        effect,
        kind="left",
        orders=-effect.orders,
        paid=-effect.paid,
        revenue=-effect.revenue,
        margin=None if effect.margin is None else -effect.margin,
    )


def _standing(order_id: str, row: OrderRow, product: str = "") -> OrderEffect:
    return OrderEffect(
        order_id=order_id,
        day=row.day,
        kind="taken",
        orders=0 if row.cancelled else 1,
        paid=1 if row.paid and not row.cancelled else 0,
        revenue=row.revenue,
        margin=row.margin,
        product=product,
        late=row.late,
        gross=row.gross,
        returned=row.returned,
        returns=list(row.returns),
        cancelled=row.cancelled,
    )


def effect_on(row: OrderRow, data: OrderFact, late: bool = False) -> OrderEffect | None:
    """The effect of a further fact about a known order; none if it changes nothing.

    `late`: were it a payment, it would come after the term.
    """
    if row.cancelled:
        return None
    match data:
        case OrderPaid(settled=True) if not row.paid:
            return OrderEffect(order_id=data.order_id, day=row.day, kind="paid", paid=1, late=late)
        case OrderReturned() if data.return_id not in row.returns:
            return _returned(row, data)
        case OrderCancelled():
            return _cancelled(row, data.order_id)
        case _:
            return None


def after(rows: Mapping[str, OrderRow], effect: OrderEffect) -> dict[str, OrderRow]:
    """A customer's orders once an effect is applied: from the published event alone."""
    if effect.kind == "left":
        return {name: row for name, row in rows.items() if name != effect.order_id}
    return {**rows, effect.order_id: row_after(rows.get(effect.order_id), effect)}


def row_after(row: OrderRow | None, effect: OrderEffect) -> OrderRow:
    """The order's row once an effect is applied: from the published event alone."""
    if effect.kind == "taken":
        return _taken_over(effect)
    if row is None:
        return OrderRow(
            day=effect.day,
            revenue=effect.revenue,
            margin=effect.margin,
            paid=effect.paid > 0,
            gross=effect.revenue,
        )
    returns = (*row.returns, effect.return_id) if effect.return_id else row.returns
    return OrderRow(
        day=row.day,
        revenue=row.revenue + effect.revenue,
        margin=None if row.margin is None else row.margin + (effect.margin or 0),
        paid=row.paid or effect.paid > 0,
        cancelled=effect.kind == "cancelled",
        returns=returns,
        gross=row.gross,
        returned=row.returned - (effect.revenue if effect.kind == "returned" else 0),
        late=row.late or effect.late,
    )


def _taken_over(effect: OrderEffect) -> OrderRow:
    return OrderRow(
        day=effect.day,
        revenue=effect.revenue,
        margin=effect.margin,
        paid=effect.paid > 0,
        cancelled=effect.cancelled,
        returns=tuple(effect.returns),
        gross=effect.gross,
        returned=effect.returned,
        late=effect.late,
    )


def _returned(row: OrderRow, data: OrderReturned) -> OrderEffect:
    """Returns reduce money only; the purchase happened."""
    return OrderEffect(
        order_id=data.order_id,
        day=row.day,
        kind="returned",
        revenue=-data.revenue,
        margin=_margin_given_up(row, data),
        return_id=data.return_id,
    )


def _margin_given_up(row: OrderRow, data: OrderReturned) -> int | None:
    """As the fact says; where it is silent, the order's own share of margin."""
    if row.margin is None:
        return None
    if data.margin is not None:
        return -data.margin
    return -round(data.revenue * row.margin / row.revenue) if row.revenue else 0


def _cancelled(row: OrderRow, order_id: str) -> OrderEffect:
    return OrderEffect(
        order_id=order_id,
        day=row.day,
        kind="cancelled",
        orders=-1,
        paid=-1 if row.paid else 0,
        revenue=-row.revenue,
        margin=None if row.margin is None else -row.margin,
    )


def _main_product(lines: list[OrderLine]) -> str:
    return max(lines, key=lambda line: line.amount).product if lines else ""
