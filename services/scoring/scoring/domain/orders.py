"""What an order fact adds to its customer's set of orders; duplicates add nothing.

An order's row holds what is left of it after returns. Facts of one order come in the order of its
topic (placed first), those of different orders in any.
"""

from datetime import date, timedelta

from perennial.contracts.base import Fact, Part, Wait
from perennial.contracts.orders import (
    OrderCancelled,
    OrderLine,
    OrderPaid,
    OrderPlaced,
    OrderReturned,
)
from perennial.contracts.scores import OrderEffect

OrderFact = OrderPlaced | OrderPaid | OrderReturned | OrderCancelled
ORDER_FACTS = (OrderPlaced, OrderPaid, OrderReturned, OrderCancelled)
WAITS = timedelta(days=30)


class OrderRow(Part, frozen=True, kw_only=True):
    """One order as it stands: money left after returns, in minor units."""

    day: date
    revenue: int = 0
    margin: int | None = None
    paid: bool = False
    cancelled: bool = False
    returns: tuple[str, ...] = ()


def named(fact: Fact) -> tuple[str, ...]:
    """The order a fact is about."""
    return (fact.data.order_id,) if isinstance(fact.data, ORDER_FACTS) else ()


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


def row_after(row: OrderRow | None, effect: OrderEffect) -> OrderRow:
    """The order's row once an effect is applied: from the published event alone."""
    if row is None:
        return OrderRow(
            day=effect.day, revenue=effect.revenue, margin=effect.margin, paid=effect.paid > 0
        )
    returns = (*row.returns, effect.return_id) if effect.return_id else row.returns
    return OrderRow(
        day=row.day,
        revenue=row.revenue + effect.revenue,
        margin=None if row.margin is None else row.margin + (effect.margin or 0),
        paid=row.paid or effect.paid > 0,
        cancelled=effect.kind == "cancelled",
        returns=returns,
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
