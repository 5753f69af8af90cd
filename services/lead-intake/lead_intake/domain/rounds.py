"""Matching rounds: one at a time, each a recorded fact; and what becomes of leads nobody can take."""

from datetime import datetime
from typing import Any, ClassVar, Literal

import msgspec
from perennial.contracts.base import Decision, Event, Fact, Id, State
from perennial.contracts.leads import LeadQueued
from perennial.contracts.rounds import RoundHeld

from lead_intake.domain.customer import Customer
from lead_intake.domain.refusals import differs, unknown_lead
from lead_intake.domain.world import World

MARKET = "market"
"""There is one market as yet: every lead meets every seller."""


class Rounds(State, frozen=True, kw_only=True):
    number: int = 0
    """How many rounds were held."""


class HoldRound(msgspec.Struct, frozen=True, kw_only=True):
    """The matching job's wish: what it worked out, as the next round of its market."""

    TYPE: ClassVar[str] = "request.round.hold"
    number: int
    held: RoundHeld


class QueueLead(msgspec.Struct, frozen=True, kw_only=True):
    """The matching job's word: nobody can take it now. `since` names the wait that is meant."""

    TYPE: ClassVar[str] = "request.lead.queue"
    lead_id: Id
    since: datetime
    reason: Literal["no-capacity", "no-seller", "held-before", "protected"]
    expected_wait_hours: float | None = None
    lost_by_reason: dict[str, int] = {}
    round_id: str = ""


def round_id(number: int) -> str:
    """Id of a market's round, as `market-000017`."""
    return f"{MARKET}-{number:06d}"


def react(state: Rounds, fact: Fact, _world: Any, _now: datetime) -> Decision:
    """A round follows the one before; who worked from an older one works it out again."""
    wish = fact.data
    if wish.number != state.number + 1:
        return differs("round-outdated", f"Round {state.number} was held meanwhile.")
    return [wish.held]


def evolve(state: Rounds, _event: Event, _now: datetime) -> Rounds:
    return Rounds(number=state.number + 1)


def queued(state: Customer, fact: Fact, world: World, _now: datetime) -> Decision:
    """Told once for each reason: nothing stays unassigned in silence, and nobody is called twice."""
    wish: QueueLead = fact.data
    lead = state.leads.get(wish.lead_id)
    if lead is None:
        return unknown_lead(wish.lead_id)
    if lead.stage != "waiting" or lead.queued == wish.reason or lead.since != wish.since:
        return []
    return [
        LeadQueued(
            customer_id=fact.key,
            lead_id=wish.lead_id,
            reason=wish.reason,
            holder=world.policy.holding.queue,
            expected_wait_hours=wish.expected_wait_hours,
            lost_by_reason=wish.lost_by_reason,
            round_id=wish.round_id,
        )
    ]
