"""Facts about orders, written by lead-intake, keyed by customer id."""

from datetime import datetime
from typing import ClassVar

import msgspec

from perennial.contracts.base import Count, Currency, Event, Id, Minor, Text, Topic
from perennial.contracts.unions import UNION_OF_ORDERS


class OrderLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One product of an order; amounts are for the whole line, in the order's currency."""

    product: Id
    quantity: float = 1
    amount: Minor
    cost: Minor | None = None
    """Cost of goods of the line; without it the policy's margin for the product is used."""


class OrderPlaced(Event, frozen=True, kw_only=True):
    """A customer ordered. `ce_time` is the moment of the order."""

    TYPE: ClassVar[str] = "perennial.order.placed.v1"
    order_id: Id
    customer_id: Id
    number: Id
    """The order's id in the system it came from."""
    source: Id
    placed_at: datetime | None = None
    """As `ce_time`, for whoever folds the event alone."""
    party: str = ""
    """The id that follows from the source's own customer, where the party was known by another."""
    of: str = ""
    """The party for which it came, where that one was found to be this customer."""
    currency: Currency
    total: Minor
    revenue: Minor
    """`total` in reporting currency."""
    margin: Minor | None = None
    """Revenue − cost of goods in reporting currency; absent where no cost is known."""
    reporting_currency: Currency = "USD"
    paid: bool = False
    """Paid when placed (a sale at the till, an imported history of settled orders)."""
    units: Count = 1
    lines: list[OrderLine] = []
    channel: str = ""
    waited_since: str = ""
    content: str = ""
    """Hash of what the source said: the same order said again is known by it."""
    unmatched: list[Text] = []
    """Products as the source spells them that no register entry answers to; nothing is guessed."""


class OrderPaid(Event, frozen=True, kw_only=True):
    """Money arrived for an order. `settled` once the payments cover what is owed.

    With amount 0 a return brought what is owed down to what had been paid.
    """

    TYPE: ClassVar[str] = "perennial.order.paid.v1"
    order_id: Id
    payment_id: Id
    amount: Minor
    currency: Currency
    settled: bool = False
    paid_at: datetime | None = None
    """As `ce_time`, for whoever folds the event alone."""


class OrderReturned(Event, frozen=True, kw_only=True):
    """Goods came back: revenue and margin given up, in reporting currency, never more than placed."""

    TYPE: ClassVar[str] = "perennial.order.returned.v1"
    order_id: Id
    return_id: Id
    amount: Minor
    revenue: Minor
    margin: Minor | None = None
    reason: Text = ""


class OrderCancelled(Event, frozen=True, kw_only=True):
    """The order is void: what was left of its revenue and margin is given up."""

    TYPE: ClassVar[str] = "perennial.order.cancelled.v1"
    order_id: Id
    revenue: Minor
    margin: Minor | None = None
    reason: Text = ""


ORDERS = Topic(
    "orders.v1",
    "lead-intake",
    [OrderPlaced, OrderPaid, OrderReturned, OrderCancelled, *UNION_OF_ORDERS],
)
