"""From market to sales: a lead is nurtured until it is an opportunity (I19, I6).

Its score says so, or it asks for a call, or a person does; what arrives held or won skips the gate.
Where no score comes, that is a recorded fact after a while, and the market role answers for it.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from perennial.contracts.base import Decision, Event, Fact, Refusal
from perennial.contracts.grades import LeadScored
from perennial.contracts.leads import (
    LeadCaptured,
    LeadGraded,
    LeadQueued,
    LeadReadied,
    LeadReturned,
    LeadTouched,
)

from lead_intake.domain import leads as the_leads
from lead_intake.domain.assigning import arrived
from lead_intake.domain.customer import Customer
from lead_intake.domain.lead import Lead
from lead_intake.domain.requests import ReadyLead, ReturnLead
from lead_intake.domain.seller import Seller
from lead_intake.domain.world import World

SCORE_MISSED, RESTED = "score-missed", "rested"
Because = Literal["score", "asked", "person", "arrived"]


def at_once(state: Customer, event: Event, world: World, now: datetime) -> list[Event]:
    """Whoever asks for a call, comes out of a pipeline or is held already, is ready by that."""
    match event:
        case LeadCaptured(holder=holder, customer_id=key) if holder:
            lead = the_leads.evolve({}, event, now)[event.lead_id]
            seller = state.beside.get(holder) or Seller()
            return arrived(key, event.lead_id, lead, holder, seller, world, now)
        case LeadCaptured(opportunity=True, customer_id=key):
            lead = the_leads.evolve({}, event, now)[event.lead_id]
            return [readied(key, event.lead_id, lead, "arrived")]
        case LeadCaptured(wants_call=True, customer_id=key):
            lead = the_leads.evolve({}, event, now)[event.lead_id]
            return [readied(key, event.lead_id, lead, "asked")]
        case LeadTouched(wants_call=True, customer_id=key):
            lead = state.leads[event.lead_id]
            nurtured = lead.stage == "nurture"
            return [readied(key, event.lead_id, lead, "asked")] if nurtured else []
    return []


def beside(_state: Customer, fact: Fact) -> Iterable[str]:
    """The ledger of a seller who holds it already."""
    holder = fact.data.said.holder
    return (holder,) if holder else ()


def scored(state: Customer, fact: Fact, _world: World, now: datetime) -> Decision:
    """What scoring thinks of a lead is taken note of, and may make an opportunity of it."""
    told: LeadScored = fact.data
    lead = state.leads.get(told.lead_id)
    if lead is None or not lead.is_open:
        return []
    graded = LeadGraded(
        customer_id=fact.key,
        lead_id=told.lead_id,
        score=told.score,
        ready=told.ready,
        grade=told.grade,
        expected_value=told.expected_value,
    )
    before = (lead.score, lead.ready, lead.grade, lead.value)
    news = before != (told.score, told.ready, told.grade, told.expected_value)
    readied = [_readied_as_scored(fact.key, told)] if _awakens(lead, told, now) else []
    return [*([graded] if news else []), *readied]


def ready(state: Customer, fact: Fact, _world: World, _now: datetime) -> Decision:
    """A person says that it is an opportunity."""
    wish: ReadyLead = fact.data
    lead_id, lead = state.meant(wish.lead_id)
    if lead.stage == "nurture":
        return [readied(fact.key, lead_id, lead, "person", by=wish.by)]
    if lead.is_open:
        return []
    return _ended(lead)


def give_back(state: Customer, fact: Fact, world: World, _now: datetime) -> Decision:
    """Sales returns it to market, with a reason; so many times at most."""
    wish: ReturnLead = fact.data
    lead_id, lead = state.meant(wish.lead_id)
    if lead.stage not in ("waiting", "held"):
        return _not_with_sales(lead)
    if not wish.reason.strip():
        return Refusal(
            code="reason-missing",
            detail="Say why market should have it back.",
            pointer="/reason",
            kind="invalid",
        )
    if lead.returns >= world.policy.most_returns:
        return Refusal(
            code="returned-too-often",
            detail=f"It was returned {lead.returns} times already: win it, lose it or close it.",
        )
    return [
        LeadReturned(
            customer_id=fact.key,
            lead_id=lead_id,
            by=wish.by,
            former=lead.holder,
            reason=wish.reason,
            times=lead.returns + 1,
        )
    ]


def fired(state: Customer, fact: Fact, world: World, _now: datetime) -> Decision:
    """No score came in time, or a rest is over."""
    kind, _, lead_id = fact.data.name.partition("/")
    lead = state.leads[lead_id]
    if kind == RESTED:
        return [readied(fact.key, lead_id, lead, "score")]
    return [
        LeadQueued(
            customer_id=fact.key,
            lead_id=lead_id,
            reason="no-score",
            holder=world.policy.market_role,
        )
    ]


def due(state: Customer, world: World) -> dict[str, datetime]:
    """When a score is missed, and when a lead whose customer was protected may go on."""
    found: dict[str, datetime] = {}
    for lead_id, lead in state.leads.items():
        if lead.stage != "nurture":
            continue
        if lead.score is None and not lead.queued and not lead.ready_at:
            found[f"{SCORE_MISSED}/{lead_id}"] = lead.opened_at + world.policy.score_within
        if lead.nurtured_at is not None:
            found[f"{RESTED}/{lead_id}"] = lead.nurtured_at
    return found


def readied(key: str, lead_id: str, lead: Lead, because: Because, by: str = "") -> LeadReadied:
    """An opportunity, graded as far as it is known."""
    return LeadReadied(
        customer_id=key,
        lead_id=lead_id,
        because=because,
        score=lead.score,
        grade=lead.grade,
        expected_value=lead.value or lead.expected_value or 0,
        by=by,
    )


def _awakens(lead: Lead, told: LeadScored, now: datetime) -> bool:
    """Ready by its score, and not resting. Who was with sales before must have stirred since."""
    if lead.stage != "nurture" or not told.ready:
        return False
    rests = lead.nurtured_at is not None and now < lead.nurtured_at
    return not rests and (lead.ready_at is None or told.because in ("touch", "activity"))


def _readied_as_scored(key: str, told: LeadScored) -> LeadReadied:
    return LeadReadied(
        customer_id=key,
        lead_id=told.lead_id,
        because="score",
        score=told.score,
        grade=told.grade,
        expected_value=told.expected_value,
    )


def _ended(lead: Lead) -> Refusal:
    return Refusal(
        code="lead-ended", detail=f"The lead is {lead.stage}: reopen it first, where that is meant."
    )


def _not_with_sales(lead: Lead) -> Refusal:
    return Refusal(
        code="not-with-sales",
        detail=f"The lead is in {lead.stage}: only one that waits for a seller, or is held, returns.",
    )
