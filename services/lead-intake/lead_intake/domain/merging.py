"""Two parties that are one, and one that is two: a person says so, and everything goes where it belongs
(I2). The older party is the root; leads and orders change hands one by one, told on both keys.

What came under whose name stands in `of`, so that apart again each has its own to the cent.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import replace
from perennial.contracts.base import At, Decision, Event, Fact, Of, Refusal
from perennial.contracts.unions import (
    Heard,
    LeadLeft,
    LeadMerged,
    LeadTaken,
    LeadUnmerged,
    MergeProposed,
    OrderLeft,
    OrderTaken,
)

from lead_intake.domain.checks import invalid
from lead_intake.domain.customer import Customer, Order
from lead_intake.domain.lead import Lead
from lead_intake.domain.requests import MergeParties, UnmergeParties
from lead_intake.domain.world import World

WISHES = (MergeParties, UnmergeParties)
Wishes = list[Event | At | Of]
BEGINNING = datetime.min.replace(tzinfo=UTC)


def whole(fact: Fact) -> Iterable[str]:
    """The other party: both are locked, with all their orders."""
    return (fact.data.other,) if isinstance(fact.data, WISHES) else ()


def merge(state: Customer, fact: Fact, _world: World, _now: datetime) -> Decision:
    """They are one: the younger becomes part of the older, whichever of them was named first."""
    wish: MergeParties = fact.data
    other = state.others[wish.other]
    if wish.other == (fact.of or fact.key):
        return invalid("same-party", "Name another party than the one in the path.", "other")
    if wish.other == fact.key or other.root == fact.key:
        return []
    if refused := _not_there(state, fact.key) or _not_there(other, wish.other):
        return refused
    (_, root, kept), (_, loser, gone) = sorted(
        [(_since(state), fact.key, state), (_since(other), wish.other, other)],
        key=lambda one: one[:2],
    )
    leads = {name: replace(lead, of=lead.of or loser) for name, lead in gone.leads.items()}
    orders = {name: replace(order, of=order.of or loser) for name, order in gone.parts.items()}
    events = _handed_over(gone, (loser, root), leads, orders, wish)
    members = [member for one, came in gone.absorbed.items() for member in (one, *came.members)]
    said: dict[str, Any] = {"root": root, "loser": loser, "by": wish.by, "reason": wish.reason}
    merged = LeadMerged(
        customer_id=loser,
        members=members,
        attributes=gone.attributes,
        contacts=_plain(gone.contacts),
        whose=gone.whose,
        **said,
    )
    joined = replace(merged, customer_id=root)
    return [Of(loser, merged), Of(root, joined), *events, *_asked_on(kept, gone, root, loser)]


def unmerge(state: Customer, fact: Fact, _world: World, _now: datetime) -> Decision:
    """They are two: the other takes back what came under its own names."""
    wish: UnmergeParties = fact.data
    came = state.absorbed.get(wish.other)
    if came is None:
        return Refusal(code="not-merged", detail=_no_part(state, wish, fact), pointer="/other")
    loser, theirs = wish.other, {wish.other, *came.members}
    leads = {name: _own(one, loser) for name, one in state.leads.items() if one.of in theirs}
    orders = {name: _own(one, loser) for name, one in state.parts.items() if one.of in theirs}
    apart = LeadUnmerged(
        customer_id=loser,
        root=fact.key,
        loser=loser,
        by=wish.by,
        reason=wish.reason,
        members=list(came.members),
        names=list(came.names),
        whose=came.whose,
        attributes=came.brought,
        contacts=_plain(came.contacts),
    )
    events = _handed_over(state, (fact.key, loser), leads, orders, wish, list(came.brought))
    return [Of(loser, apart), replace(apart, customer_id=fact.key), *events]


def _no_part(state: Customer, wish: MergeParties, fact: Fact) -> str:
    through = state.came_through(wish.other)
    if through:
        return f"{wish.other} came with {through}: take that one apart first, then {wish.other}."
    parts = ", ".join(sorted(state.absorbed)) or "none"
    return f"{wish.other} is no part of {fact.key}; those that are: {parts}."


def _own(record: Any, party: str) -> Any:
    return replace(record, of="") if record.of == party else record


def _not_there(state: Customer, key: str) -> Refusal | None:
    if not state.captured:
        return Refusal(
            code="party-unknown",
            detail=f"There is no party {key}: name one that a lead or an order made known.",
            pointer="/other",
            kind="missing",
        )
    if state.root:
        return Refusal(
            code="party-merged",
            detail=f"{key} is part of {state.root} already: name {state.root} instead.",
            pointer="/other",
        )
    return None


def _since(state: Customer) -> datetime:
    return state.since or BEGINNING


def _handed_over(
    giver: Customer,
    way: tuple[str, str],
    leads: Mapping[str, Lead],
    orders: Mapping[str, Order],
    wish: MergeParties,
    forgets: Sequence[str] = (),
) -> Wishes:
    """Each lead and order once on either key: gone from the one, come to the other."""
    former, to = way
    events: Wishes = []
    for lead_id, lead in sorted(leads.items()):
        also = sorted(name for name, meant in giver.also.items() if meant == lead_id)
        left = LeadLeft(
            customer_id=former, lead_id=lead_id, to=to, also=also, forgets=list(forgets)
        )
        taken = _lead_taken(way, lead_id, lead, also, wish.heard.get(lead_id, []))
        events += [Of(former, left), Of(to, replace(taken, attributes=giver.attributes))]
    for order_id, order in sorted(orders.items()):
        gone = OrderLeft(customer_id=former, order_id=order_id, to=to)
        come = _order_taken(way, order_id, order)
        events += [Of(former, gone), Of(to, At(come, come.placed_at))]
    return events


def _lead_taken(
    way: tuple[str, str], lead_id: str, lead: Lead, also: list[str], heard: list[Heard]
) -> LeadTaken:
    former, to = way
    return LeadTaken(
        customer_id=to,
        lead_id=lead_id,
        former=former,
        also=also,
        channel=lead.channel,
        kind=lead.kind,
        product=lead.product,
        stage=lead.stage,
        holder=lead.holder,
        grade=lead.grade,
        expected_value=lead.expected_value,
        heard=heard,
        standing=_plain(lead),
    )


def _order_taken(way: tuple[str, str], order_id: str, order: Order) -> OrderTaken:
    former, to = way
    revenue, margin = replace(order, cancelled=False).given_up(order.returned)
    return OrderTaken(
        customer_id=to,
        order_id=order_id,
        former=former,
        number=order.number,
        source=order.source,
        placed_at=order.placed_at or BEGINNING,
        currency=order.currency,
        total=order.total,
        revenue=order.revenue,
        margin=order.margin,
        paid=order.settled,
        paid_at=order.settled_at,
        cancelled=order.cancelled,
        returned_revenue=revenue,
        returned_margin=margin or 0,
        returns=sorted(order.returns),
        products=list(order.products),
        standing=_plain(order),
    )


def _plain(state: Any) -> dict[str, Any]:
    """As it will be read back. A default that was made anew is one all the same, or what is told
    would depend on where a batch ended."""
    kept = msgspec.json.decode(msgspec.json.encode(state))
    return {name: value for name, value in kept.items() if value != {}}


def _asked_on(kept: Customer, gone: Customer, root: str, loser: str) -> Wishes:
    """What nobody has decided of the one that is gone is asked of the root."""
    return [
        Of(root, MergeProposed(customer_id=root, other=other, claims=list(proposal.claims)))
        for other, proposal in sorted(gone.proposals.items())
        if not proposal.declined and other not in (root, loser) and other not in kept.proposals
    ]
