"""What partners, REST clients and imports say, in their own ids. One shape for all three doors."""

from datetime import datetime
from typing import Annotated, ClassVar

import msgspec

from perennial.contracts.base import Count, Currency, Event, Minor, Text, Topic
from perennial.contracts.orders import OrderLine

ExternalId = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=r"^[^\u0000]+$")]


class Person(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Contact data of the customer; stored and published only encrypted."""

    name: Text = ""
    email: Text = ""
    phone: Text = ""
    address: Text = ""


class PlaceOrder(Event, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order as its source knows it."""

    TYPE: ClassVar[str] = "partner.order.placed.v1"
    order: ExternalId
    customer: ExternalId
    placed_at: datetime
    currency: Currency
    total: Minor
    """In minor units; zero is allowed (a gift), negative is not (that is a return)."""
    paid: bool = False
    units: Count = 1
    lines: list[OrderLine] = []
    channel: Text = ""
    person: Person | None = None
    attributes: dict[str, Text] = {}


class RecordPayment(Event, frozen=True, kw_only=True, forbid_unknown_fields=True):
    TYPE: ClassVar[str] = "partner.payment.received.v1"
    payment: ExternalId
    order: ExternalId
    paid_at: datetime
    amount: Minor
    currency: Currency


class RecordReturn(Event, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Goods back. `amount` in the order's currency; absent = the whole rest of the order."""

    TYPE: ClassVar[str] = "partner.order.returned.v1"
    return_: ExternalId = msgspec.field(name="return")
    order: ExternalId
    returned_at: datetime
    amount: Minor | None = None
    reason: Text = ""


class CancelOrder(Event, frozen=True, kw_only=True, forbid_unknown_fields=True):
    TYPE: ClassVar[str] = "partner.order.cancelled.v1"
    order: ExternalId
    cancelled_at: datetime
    reason: Text = ""


PARTNER_EVENTS = (PlaceOrder, RecordPayment, RecordReturn, CancelOrder)


def partner_topic(name: str) -> Topic:
    """The ingress topic of one partner; its writer is that partner's principal."""
    return Topic(f"partner.{name}.v1", f"partner.{name}", PARTNER_EVENTS)


REPLAY = partner_topic("replay")
"""Recorded histories; the only principal whose `recordedtime` is believed."""
DEMO = partner_topic("demo")
