"""How chances end: won by a paid order or a reported deal, lost, closed; and opened once more (I15)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace
from perennial.contracts.base import At, Decision, Event, Fact, Refusal, Wait
from perennial.contracts.holdings import LeadClosed, LeadLost, LeadReopened, LeadWon
from perennial.contracts.orders import OrderPaid, OrderPlaced
from perennial.contracts.partner import CloseLead
from perennial.contracts.rounding import round_to

from lead_intake.domain import ordering
from lead_intake.domain.checks import currency_fault, invalid, moment_fault
from lead_intake.domain.credit import credit
from lead_intake.domain.customer import Customer
from lead_intake.domain.identity import order_id
from lead_intake.domain.lead import Lead
from lead_intake.domain.readiness import readied
from lead_intake.domain.requests import CloseSaid, ReopenLead
from lead_intake.domain.world import World

_OUTCOMES = {"won": "won", "lost": "lost", "disqualified": "closed"}
_DAY = timedelta(days=1)


def order(state: Customer, fact: Fact, world: World, now: datetime) -> Decision:
    """News about an order; the one that settles it wins an open lead of the party."""
    decision = ordering.react(state, fact, world, now)
    if not isinstance(decision, list) or not state.leads:
        return decision
    return [*decision, *_won_by(state, fact.key, decision, world)]


def close(state: Customer, fact: Fact, world: World, now: datetime) -> Decision:
    """How its source says it ended; an order may have won it before."""
    asked: CloseSaid = fact.data
    said = asked.said
    fault = moment_fault(said.closed_at, "closed_at", world.policy, now)
    fault = fault or currency_fault(said.currency) or _unsaid(said)
    if fault is not None:
        return fault
    found = state.lead(asked.lead_id)
    if found is None:
        return Wait(until_known=f"lead:{asked.lead_id}", expires=now + world.policy.waiting)
    lead_id, lead = found
    if not lead.is_open:
        return [] if lead.stage == _OUTCOMES[said.outcome] else _ended_otherwise(lead)
    if said.outcome == "won":
        return _reported(fact, lead_id, lead, world, now)
    ends = LeadLost if said.outcome == "lost" else LeadClosed
    return [At(_over(ends, fact.key, lead_id, lead, said, world), said.closed_at)]


def reopen(state: Customer, fact: Fact, _world: World, _now: datetime) -> Decision:
    """A lost or closed lead is a chance again, and begins with market."""
    wish: ReopenLead = fact.data
    lead_id, lead = state.meant(wish.lead_id)
    if lead.is_open:
        return []
    if lead.stage == "won":
        return Refusal(
            code="lead-won", detail="A win stands: capture the next chance as a new lead."
        )
    return [LeadReopened(customer_id=fact.key, lead_id=lead_id, by=wish.by, reason=wish.reason)]


def _unsaid(said: CloseLead) -> Refusal | None:
    if said.outcome != "won" and not said.reason.strip():
        return invalid("reason-missing", f"Say why it was {said.outcome}.", "reason")
    if said.value is not None and said.value < 0:
        return invalid("amount-below-zero", "Send the value of the deal without a sign.", "value")
    return None


def _ended_otherwise(lead: Lead) -> Refusal:
    return Refusal(
        code="lead-ended",
        detail=f"The lead is {lead.stage} already: reopen it first, where that was a mistake.",
        pointer="/outcome",
    )


def _reported(fact: Fact, lead_id: str, lead: Lead, world: World, now: datetime) -> Decision:
    """A deal that was closed elsewhere; one that never waited for a seller skips the gate."""
    asked: CloseSaid = fact.data
    said = asked.said
    currency = said.currency or world.policy.reporting_currency
    value = None
    if said.value is not None:
        value = world.worth(said.value, currency, said.closed_at.date())
        if value is None:
            return Wait(until_known=f"rate:{currency}", expires=now + world.policy.waiting)
    skipped = [readied(fact.key, lead_id, lead, "arrived")] if lead.ready_at is None else []
    became = order_id(asked.source, said.order) if said.order else ""
    won = replace(
        _win(fact.key, lead_id, lead, became, value, said.closed_at, world),
        holder=_credited(lead, said, world),
    )
    return [At(event, said.closed_at) for event in (*skipped, won)]


def _credited(lead: Lead, said: CloseLead, world: World) -> str:
    """Whose end it is: its holder's, or of the seller that closed what nobody held, leavers too."""
    entry = world.staff.person(said.by)
    closer = said.by if entry is not None and entry.role == "seller" else ""
    return lead.holder or closer


def _over(
    ends: type[LeadLost] | type[LeadClosed],
    key: str,
    lead_id: str,
    lead: Lead,
    said: CloseLead,
    world: World,
) -> Event:
    over = ends(
        customer_id=key, lead_id=lead_id, holder=lead.holder, reason=said.reason, by=said.by
    )
    if isinstance(over, LeadLost):
        whose = _credited(lead, said, world)
        return replace(over, holder=whose, grade=lead.grade, channel=lead.channel)
    return over


def _won_by(state: Customer, key: str, decision: Sequence[Event | At], world: World) -> list[At]:
    """The lead that a settled order wins: same product first, else the oldest held, else the oldest."""
    for wish in decision:
        if not isinstance(wish, At):
            continue
        event = wish.event
        settles = (isinstance(event, OrderPlaced) and event.paid) or (
            isinstance(event, OrderPaid) and event.settled
        )
        if settles and isinstance(event, OrderPlaced | OrderPaid):
            return _chosen(state, key, event, wish.time, world)
    return []


def _chosen(
    state: Customer, key: str, event: OrderPlaced | OrderPaid, at: datetime, world: World
) -> list[At]:
    """Only a chance that was there when the order was placed; the day of both is enough."""
    if any(lead.order_id == event.order_id for lead in state.leads.values()):
        return []
    value, products = _bought(state, event)
    day = _placed_at(state, event, at).astimezone(UTC).date()
    open_leads = [
        (lead.product not in products, lead.stage != "held", lead.opened_at, lead_id)
        for lead_id, lead in state.leads.items()
        if lead.is_open and (lead.captured_at or lead.opened_at).astimezone(UTC).date() <= day
    ]
    if not open_leads:
        return []
    lead_id = min(open_leads)[-1]
    lead = state.leads[lead_id]
    return [At(_win(key, lead_id, lead, event.order_id, value, at, world), at)]


def _placed_at(state: Customer, event: OrderPlaced | OrderPaid, at: datetime) -> datetime:
    """The order's own moment; that of its payment where the order tells none."""
    if isinstance(event, OrderPlaced):
        return event.placed_at or at
    return state.parts[event.order_id].placed_at or at


def _bought(state: Customer, event: OrderPlaced | OrderPaid) -> tuple[int, set[str]]:
    """What the order brings in reporting currency, and its products."""
    if isinstance(event, OrderPlaced):
        return event.revenue, {line.product for line in event.lines}
    order = state.parts[event.order_id]
    return order.revenue - order.given_up(order.returned)[0], set(order.products)


def _win(
    key: str, lead_id: str, lead: Lead, order: str, value: int | None, at: datetime, world: World
) -> LeadWon:
    return LeadWon(
        customer_id=key,
        lead_id=lead_id,
        holder=lead.holder,
        order_id=order,
        value=value,
        holders=len(lead.holdings),
        grade=lead.grade,
        channel=lead.channel,
        waited_days=_cycle(lead, at),
        credit=credit(value, lead.touches, world.policy.credit),
    )


def _cycle(lead: Lead, at: datetime) -> float | None:
    """Days from readiness to the win. A win dated before its lead's beginning measures nothing."""
    begins = lead.ready_at or lead.captured_at or lead.opened_at
    return round_to((at - begins) / _DAY, 3) if at >= begins else None
