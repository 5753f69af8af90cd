"""A customer and its orders, as their events have made them.

The root evolves from `leads` events alone, each order from `orders` events alone: either topic
rebuilds its half.
"""

from datetime import datetime

from msgspec.structs import replace
from perennial.contracts.base import Event, Id, Minor, Part, State
from perennial.contracts.leads import LeadCaptured
from perennial.contracts.orders import OrderCancelled, OrderPaid, OrderPlaced, OrderReturned

from lead_intake.domain import leads as the_leads
from lead_intake.domain.lead import Lead
from lead_intake.domain.money import share
from lead_intake.domain.seller import Seller


class Order(Part, frozen=True, kw_only=True):
    """One order as its events have made it; amounts in its currency unless named otherwise."""

    customer_id: Id
    number: Id
    source: Id
    currency: str
    total: Minor
    revenue: Minor
    """As placed, in reporting currency; likewise `margin`."""
    margin: Minor | None = None
    content: str = ""
    settled: bool = False
    cancelled: bool = False
    received: Minor = 0
    returned: Minor = 0
    payments: dict[str, Minor] = {}
    returns: dict[str, Minor] = {}

    def given_up(self, returned: Minor) -> tuple[Minor, Minor | None]:
        """Revenue and margin that are gone once so much has been returned (all, if cancelled)."""
        if self.cancelled:
            return self.revenue, self.margin
        margin = None if self.margin is None else share(self.margin, returned, self.total)
        return share(self.revenue, returned, self.total), margin


class Customer(State, frozen=True, kw_only=True):
    """A party from its first touch on."""

    captured: bool = False
    source: str = ""
    external_id: str = ""
    channel: str = ""
    attributes: dict[str, str] = {}
    leads: dict[str, Lead] = {}
    waiting: bool = False
    """One of the leads waits for a seller: rounds find it by this."""
    beside: dict[str, Seller] = {}
    """Ledgers of the sellers that a rule looks at; never stored."""
    parts: dict[str, Order] = {}


def evolve(state: Customer, event: Event, now: datetime) -> Customer:
    """The customer after one event of either topic."""
    match event:
        case OrderPlaced():
            return _with(state, event.order_id, _placed(event))
        case OrderPaid() | OrderReturned() | OrderCancelled():
            order = state.parts[event.order_id]
            return _with(state, event.order_id, _after(order, event))
        case LeadCaptured():
            state = _known(state, event)
    leads = the_leads.evolve(state.leads, event, now)
    if leads is state.leads:
        return state
    waiting = any(lead.stage == "waiting" for lead in leads.values())
    return replace(state, leads=leads, waiting=waiting)


def _known(state: Customer, event: LeadCaptured) -> Customer:
    """The first touch says who the party is; a later one adds what was not known."""
    attributes = {**event.attributes, **state.attributes}
    if state.captured:
        return replace(state, attributes=attributes)
    return replace(
        state,
        captured=True,
        source=event.source,
        external_id=event.external_id,
        channel=event.channel,
        attributes=attributes,
    )


def _with(state: Customer, order_id: str, order: Order) -> Customer:
    return replace(state, parts={**state.parts, order_id: order})


def _placed(event: OrderPlaced) -> Order:
    return Order(
        customer_id=event.customer_id,
        number=event.number,
        source=event.source,
        currency=event.currency,
        total=event.total,
        revenue=event.revenue,
        margin=event.margin,
        content=event.content,
        settled=event.paid,
    )


def _after(order: Order, event: OrderPaid | OrderReturned | OrderCancelled) -> Order:
    match event:
        case OrderPaid():
            return replace(
                order,
                received=order.received + event.amount,
                settled=order.settled or event.settled,
                payments={**order.payments, event.payment_id: event.amount},
            )
        case OrderReturned():
            return replace(
                order,
                returned=order.returned + event.amount,
                returns={**order.returns, event.return_id: event.amount},
            )
    return replace(order, cancelled=True)
