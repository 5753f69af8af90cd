"""What folds into the subjects: partner facts and REST requests in one shape, adapted at the edge.

They carry ids that are already worked out, and contact data only sealed, so that whatever is kept
of them (waiting, parked, archived) can be read by nobody without the party's key. They keep the
names that their senders know them by.
"""

from datetime import datetime
from typing import ClassVar

import msgspec
from perennial.contracts.base import Event, Id, Text
from perennial.contracts.holdings import ActivityKind
from perennial.contracts.partner import (
    CancelOrder,
    CaptureLead,
    CloseLead,
    PlaceOrder,
    RecordActivity,
    RecordPayment,
    RecordReturn,
)
from perennial.contracts.unions import Heard

Sight = tuple[str, ...] | None
"""Whose leads the sender sees, decided by who holds the lead when it folds; None: everybody's."""


class OrderSaid(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = PlaceOrder.TYPE
    order_id: Id
    customer_id: Id
    source: Id
    said: PlaceOrder
    """Without `person`."""
    sealed: str = ""
    claims: list[str] = []


class PaymentSaid(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = RecordPayment.TYPE
    order_id: Id
    source: Id
    said: RecordPayment


class ReturnSaid(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = RecordReturn.TYPE
    order_id: Id
    source: Id
    said: RecordReturn
    wish: bool = False
    """Asked for on its own, and so refused where a fact in a history would only be noted."""


class CancelSaid(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = CancelOrder.TYPE
    order_id: Id
    source: Id
    said: CancelOrder


class LeadSaid(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = CaptureLead.TYPE
    lead_id: Id
    customer_id: Id
    """The party as its source's words make it; who it is may be known under another id."""
    source: Id
    said: CaptureLead
    """Without `person` and `organisation`."""
    sealed: str = ""
    claims: list[str] = []


class ActivitySaid(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = RecordActivity.TYPE
    lead_id: Id
    source: Id
    said: RecordActivity
    sight: Sight = None


class CloseSaid(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = CloseLead.TYPE
    lead_id: Id
    source: Id
    said: CloseLead
    sight: Sight = None


class _Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wants of a lead."""

    lead_id: Id
    by: str = ""
    sight: Sight = None


class TagLead(_Wish, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "request.lead.tag"
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class ReadyLead(_Wish, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "request.lead.ready"


class ReturnLead(_Wish, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "request.lead.return"
    reason: Text


class ReopenLead(_Wish, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "request.lead.reopen"
    reason: Text = ""


class PlanContact(_Wish, frozen=True, kw_only=True):
    """A seller is going to call, write or come."""

    TYPE: ClassVar[str] = "request.lead.contact"
    activity: Id
    kind: ActivityKind
    at: datetime
    anyones: bool = False
    """They may speak for leads of others too."""


class DeclineMerge(msgspec.Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "request.merge.decline"
    other: Id
    by: str = ""
    reason: Text = ""


class MergeParties(msgspec.Struct, frozen=True, kw_only=True):
    """They are one, whichever is named first."""

    TYPE: ClassVar[str] = "request.merge"
    other: Id
    by: str = ""
    reason: Text = ""
    heard: dict[str, list[Heard]] = {}
    """What spoke for the leads of either, by lead: looked up where the wish comes in."""


class UnmergeParties(MergeParties, frozen=True, kw_only=True):
    """They are two again."""

    TYPE: ClassVar[str] = "request.unmerge"


OfOrder = OrderSaid | PaymentSaid | ReturnSaid | CancelSaid
OfLead = LeadSaid | ActivitySaid | CloseSaid
Said = OfOrder | OfLead
ORDER_SAID = (OrderSaid, PaymentSaid, ReturnSaid, CancelSaid)
LEAD_SAID = (LeadSaid, ActivitySaid, CloseSaid)
SAID = (*ORDER_SAID, *LEAD_SAID)
LEAD_WISHES = (TagLead, ReadyLead, ReturnLead, ReopenLead, PlanContact)
