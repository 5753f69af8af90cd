"""What folds into the subjects: partner facts and REST requests in one shape, adapted at the edge.

They carry ids that are already worked out, and contact data only sealed, so that whatever is kept
of them (waiting, parked, archived) can be read by nobody without the party's key. They keep the
names that their senders know them by.
"""

from typing import ClassVar

from perennial.contracts.base import Event, Id
from perennial.contracts.partner import CancelOrder, PlaceOrder, RecordPayment, RecordReturn


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


Said = OrderSaid | PaymentSaid | ReturnSaid | CancelSaid
SAID = (OrderSaid, PaymentSaid, ReturnSaid, CancelSaid)
