"""What partners, REST clients and imports say, in their own ids. One shape for all three doors."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

import msgspec

from perennial.contracts.base import Count, Currency, Event, Minor, Text, Topic
from perennial.contracts.holdings import ActivityKind
from perennial.contracts.leads import LeadKind
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
    customer: ExternalId | None = None
    """Whose order it is; refused if the order is another's. Likewise below."""
    paid_at: datetime
    amount: Minor
    currency: Currency


class RecordReturn(Event, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Goods back. `amount` in the order's currency; absent = the whole rest of the order."""

    TYPE: ClassVar[str] = "partner.order.returned.v1"
    return_: ExternalId = msgspec.field(name="return")
    order: ExternalId
    customer: ExternalId | None = None
    returned_at: datetime
    amount: Minor | None = None
    reason: Text = ""


class CancelOrder(Event, frozen=True, kw_only=True, forbid_unknown_fields=True):
    TYPE: ClassVar[str] = "partner.order.cancelled.v1"
    order: ExternalId
    customer: ExternalId | None = None
    cancelled_at: datetime
    reason: Text = ""


class Organisation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The company behind a lead. Name and address are contact data and travel encrypted."""

    name: Text = ""
    registration: Text = ""
    """Registration or tax number, the strongest claim to be the same company."""
    domain: Text = ""
    """Web domain; that of a free mail provider identifies nobody."""
    address: Text = ""


class CaptureLead(Event, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A chance to sell, as its source knows it."""

    TYPE: ClassVar[str] = "partner.lead.captured.v1"
    lead: ExternalId
    party: Text = ""
    """The source's id of the company or person; the lead's own id where it has none."""
    captured_at: datetime
    kind: LeadKind = "new"
    channel: Text = ""
    campaign: Text = ""
    cost: Minor | None = None
    """What this touch cost, in minor units of `currency`."""
    product: Text = ""
    expected_value: Minor | None = None
    currency: Currency | None = None
    """Of `cost` and `expected_value`; the reporting currency where it is absent."""
    wants_call: bool = False
    opportunity: bool = False
    """Its source says it is one already, as a deal in a pipeline: it skips the gate."""
    holder: Text = ""
    """The seller who holds it already, in a recorded pipeline."""
    tags: list[Text] = []
    organisation: Organisation | None = None
    person: Person | None = None
    attributes: dict[str, Text] = {}
    """Derived, not personal: class, industry, size, region, language, scenario, circle, …"""


class RecordActivity(Event, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a seller or the party did about a lead."""

    TYPE: ClassVar[str] = "partner.lead.activity.v1"
    activity: ExternalId
    lead: ExternalId
    at: datetime
    kind: ActivityKind
    by: Text = ""
    amount: Minor | None = None
    currency: Currency | None = None


class CloseLead(Event, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a lead ended where its source knows it: a deal, a loss, or never a chance."""

    TYPE: ClassVar[str] = "partner.lead.closed.v1"
    lead: ExternalId
    closed_at: datetime
    outcome: Literal["won", "lost", "disqualified"]
    reason: Text = ""
    by: Text = ""
    value: Minor | None = None
    currency: Currency | None = None
    order: Text = ""
    """The order it became, in the same source, if there is one."""


PARTNER_EVENTS = (
    PlaceOrder,
    RecordPayment,
    RecordReturn,
    CancelOrder,
    CaptureLead,
    RecordActivity,
    CloseLead,
)


def partner_topic(name: str) -> Topic:
    """The ingress topic of one partner; its writer is that partner's principal."""
    return Topic(f"partner.{name}.v1", f"partner.{name}", PARTNER_EVENTS)


REPLAY = partner_topic("replay")
"""Recorded histories; the only principal whose `recordedtime` is believed."""
DEMO = partner_topic("demo")
