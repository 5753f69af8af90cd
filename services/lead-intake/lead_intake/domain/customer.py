"""A customer and its orders, as their events have made them.

The root evolves from `leads` events alone, each order from `orders` events alone: either topic
rebuilds its half.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, TypeVar

import msgspec
from msgspec.structs import replace
from perennial.contracts.base import Event, Id, Minor, Part, State
from perennial.contracts.holdings import ActivityLogged, ContactPlanned
from perennial.contracts.leads import LeadCaptured, LeadTouched
from perennial.contracts.orders import (
    OrderCancelled,
    OrderLine,
    OrderPaid,
    OrderPlaced,
    OrderReturned,
)
from perennial.contracts.unions import MergeDeclined, MergeProposed

from lead_intake.domain import contacts as the_contacts
from lead_intake.domain import leads as the_leads
from lead_intake.domain.absorbed import Absorbed, learned
from lead_intake.domain.contacts import Contacts
from lead_intake.domain.identity import lead_id, partys_names
from lead_intake.domain.lead import Lead
from lead_intake.domain.money import share
from lead_intake.domain.seller import Seller

V = TypeVar("V")


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
    party: Id | Literal[""] = ""
    """Whose it is in the words of its source, where that is not the customer's own id."""
    products: tuple[str, ...] = ()
    """The main one first."""
    placed_at: datetime | None = None
    settled_at: datetime | None = None
    """Where that came after its placing."""
    of: str = ""
    """The party for which it came, where that one was found to be the present one."""

    def given_up(self, returned: Minor) -> tuple[Minor, Minor | None]:
        """Revenue and margin that are gone once so much has been returned (all, if cancelled)."""
        if self.cancelled:
            return self.revenue, self.margin
        margin = None if self.margin is None else share(self.margin, returned, self.total)
        return share(self.revenue, returned, self.total), margin


class Proposal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another party that shares claims with this one: a person decides whether they are one."""

    claims: tuple[str, ...]
    since: datetime
    declined: bool = False


class Customer(State, frozen=True, kw_only=True):
    """A party from its first touch on."""

    captured: bool = False
    since: datetime | None = None
    """Its first touch: of two that are one, the older is the root."""
    root: str = ""
    """The party that this one was found to be."""
    absorbed: dict[str, Absorbed] = {}
    customer_id: str = ""
    source: str = ""
    external_id: str = ""
    channel: str = ""
    attributes: dict[str, str] = {}
    leads: dict[str, Lead] = {}
    waiting: bool = False
    """One of the leads waits for a seller: rounds find it by this."""
    also: dict[str, str] = {}
    """Leads that were further touches of one of these: their ids, and that one's."""
    proposals: dict[str, Proposal] = {}
    """By the other party's id."""
    contacts: Contacts = Contacts()
    own_contacts: Contacts = Contacts()
    """Without those of who was found to be this one; kept from then on."""
    beside: dict[str, Seller] = {}
    """Ledgers of the sellers that a rule looks at; never stored."""
    others: dict[str, "Customer"] = {}
    """Parties that a fact is about as well; never stored."""
    parts: dict[str, Order] = {}

    def lead(self, lead_id: str) -> tuple[str, Lead] | None:
        """The lead of that id, or the one that it was a further touch of."""
        lead_id = self.also.get(lead_id, lead_id)
        lead = self.leads.get(lead_id)
        return (lead_id, lead) if lead is not None else None

    def came_through(self, party: str) -> str:
        """The party of those found to be this one that it is, or came with; "" for none of them."""
        found = (n for n, one in self.absorbed.items() if party == n or party in one.members)
        return next(found, "")

    @property
    def whose(self) -> dict[str, str]:
        """Names of those who were found to be this one, learned since, and whose they are."""
        return {
            name: whose
            for party, came in self.absorbed.items()
            for name, whose in (dict.fromkeys(came.names, party) | came.whose).items()
        }

    def meant(self, lead_id: str) -> tuple[str, Lead]:
        """The same, of a wish about a lead of this party."""
        found = self.lead(lead_id)
        if found is None:
            raise LookupError(f"{self.customer_id} has no lead {lead_id}")
        return found


def evolve(state: Customer, event: Event, now: datetime) -> Customer:
    """The customer after one event of either topic."""
    match event:
        case OrderPlaced():
            return _with(state, event.order_id, _placed(event))
        case OrderPaid() | OrderReturned() | OrderCancelled():
            order = state.parts[event.order_id]
            return _with(state, event.order_id, _after(order, event))
        case LeadCaptured():
            state = _known(state, event, now)
        case LeadTouched() if event.number:
            state = _touched(state, event)
        case ActivityLogged() | ContactPlanned():
            state = _contacted(state, event)
        case MergeProposed():
            state = _proposed(state, event, now)
        case MergeDeclined() if event.other in state.proposals:
            declined = replace(state.proposals[event.other], declined=True)
            return replace(state, proposals={**state.proposals, event.other: declined})
    leads = the_leads.evolve(state.leads, event, now)
    if leads is state.leads:
        return state
    return with_leads(state, leads)


def with_leads(state: Customer, leads: Mapping[str, Lead]) -> Customer:
    """These are the party's leads; rounds find it while one of them waits."""
    waiting = any(lead.stage == "waiting" for lead in leads.values())
    return replace(state, leads=leads, waiting=waiting)


def _known(state: Customer, event: LeadCaptured, now: datetime) -> Customer:
    """The first touch says who the party is; a later one adds what was not known."""
    state = known_of(state, event.attributes, event.of, partys_names(event))
    if state.captured:
        return state
    return replace(
        state,
        captured=True,
        since=now,
        customer_id=event.customer_id,
        source=event.source,
        external_id=event.external_id,
        channel=event.channel,
    )


def known_of(
    state: Customer, attributes: Mapping[str, str], of: str, names: Iterable[str] = ()
) -> Customer:
    """What was not known before; of a party that was found to be this one, it is kept apart."""
    if not state.absorbed:
        return replace(state, attributes={**attributes, **state.attributes})
    through = state.came_through(of)
    came = state.absorbed.get(through)
    lent = {name for one in state.absorbed.values() for name in one.brought}
    if came is None:
        own = {name: value for name, value in state.attributes.items() if name not in lent}
        rest = {
            party: replace(one, brought=without(one.brought, attributes))
            for party, one in state.absorbed.items()
        }
        merged = {**state.attributes, **attributes, **own}
        return replace(state, attributes=merged, absorbed=rest)
    news = without(attributes, state.attributes)
    came = replace(learned(came, through, of, names), brought={**came.brought, **news})
    return replace(
        state,
        attributes={**news, **state.attributes},
        absorbed={**state.absorbed, through: came},
    )


def without(kept: Mapping[str, V], names: Iterable[str]) -> dict[str, V]:
    """The rest, once what goes by these names is taken away."""
    gone = frozenset(names)
    return {name: value for name, value in kept.items() if name not in gone}


def _touched(state: Customer, event: LeadTouched) -> Customer:
    also = {**state.also, lead_id(event.touch.source, event.number): event.lead_id}
    state = known_of(state, event.attributes, event.of, partys_names(event))
    return replace(state, also=also)


def _contacted(state: Customer, event: ActivityLogged | ContactPlanned) -> Customer:
    """It spares the whole party; whose it was is kept, for the day on which they are two again."""
    contacts = the_contacts.evolve(state.contacts, event)
    if contacts is state.contacts:
        return state
    state = replace(state, contacts=contacts)
    if not state.absorbed:
        return state
    lead = state.leads.get(event.lead_id)
    through = state.came_through(lead.of) if lead is not None else ""
    if through:
        came = state.absorbed[through]
        came = replace(came, contacts=the_contacts.evolve(came.contacts, event))
        return replace(state, absorbed={**state.absorbed, through: came})
    return replace(state, own_contacts=the_contacts.evolve(state.own_contacts, event))


def _proposed(state: Customer, event: MergeProposed, now: datetime) -> Customer:
    before = state.proposals.get(event.other)
    claims = tuple(dict.fromkeys([*(before.claims if before else ()), *event.claims]))
    return replace(
        state, proposals={**state.proposals, event.other: Proposal(claims=claims, since=now)}
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
        party=event.party,
        products=_products(event.lines),
        placed_at=event.placed_at,
        of=event.of,
    )


def _products(lines: list[OrderLine]) -> tuple[str, ...]:
    ranked = sorted(lines, key=lambda line: -line.amount) if len(lines) > 1 else lines
    return tuple(dict.fromkeys([line.product for line in ranked]))


def _after(order: Order, event: OrderPaid | OrderReturned | OrderCancelled) -> Order:
    match event:
        case OrderPaid():
            return replace(
                order,
                received=order.received + event.amount,
                settled=order.settled or event.settled,
                settled_at=event.paid_at
                if event.settled and not order.settled
                else order.settled_at,
                payments={**order.payments, event.payment_id: event.amount},
            )
        case OrderReturned():
            return replace(
                order,
                returned=order.returned + event.amount,
                returns={**order.returns, event.return_id: event.amount},
            )
    return replace(order, cancelled=True)
