"""A customer's life: which rule judges which fact, segment by segment."""

from datetime import datetime
from typing import get_args

from perennial.contracts.base import Decision, Fact, TimerFired
from perennial.contracts.grades import GradeChanged, LeadScored
from perennial.contracts.holdings import LeadWon
from perennial.contracts.leads import LeadCaptured
from perennial.contracts.scores import ChurnChanged, CustomerScored, TrendChanged

from lifecycle.domain import care, entry, holding, numbers, persona, unions, winback
from lifecycle.domain.moves import Events
from lifecycle.domain.record import Customer, part_id
from lifecycle.domain.requests import Request
from lifecycle.domain.wishes import answer
from lifecycle.domain.world import World

HOLDINGS = (*get_args(holding.Gained), *get_args(holding.Freed), LeadWon)
"""What says who holds a lead."""
NUMBERS = (CustomerScored, TrendChanged, ChurnChanged)


def react(customer: Customer, fact: Fact, world: World, now: datetime) -> Decision:
    """What a fact changes. Orders are no ground for a decision here: their scores are (R12)."""
    if isinstance(fact.data, unions.UNIONS):
        return unions.followed(customer, fact, world, now)
    if isinstance(fact.data, NUMBERS):
        return numbers.heard(customer, fact, world, now)
    if customer.root:
        return []
    match fact.data:
        case LeadCaptured():
            return entry.identified(customer, fact)
        case LeadScored() as lead:
            return persona.judged(customer, fact, lead, world, now)
        case GradeChanged() as change:
            return care.graded(customer, fact, change, world, now)
        case TimerFired(name=name):
            return _timer(name, customer, fact, world, now)
        case Request():
            return answer(customer, fact, fact.data, world, now)  # type: ignore[arg-type]
    if isinstance(fact.data, HOLDINGS):
        return holding.followed(customer, fact, fact.data, world, now)
    return []


def due(customer: Customer, world: World) -> dict[str, datetime]:
    """What will happen by itself: of its case, its activation, its tier."""
    if customer.root or (
        customer.case is None and customer.awaiting is None and customer.tier_notice is None
    ):
        return {}
    by_case = winback.due(customer, world.policy.winback)
    return by_case | persona.due(customer) | care.due(customer)


def names(fact: Fact) -> list[str]:
    """The product an order is about, to see whether it is the first of its kind."""
    scored = fact.data
    if isinstance(scored, CustomerScored) and scored.order is not None and scored.order.product:
        return [part_id(fact.key, scored.order.product)]
    return []


def _timer(name: str, customer: Customer, fact: Fact, world: World, now: datetime) -> Events:
    match name:
        case "persona":
            return persona.timed_out(customer, fact, world, now)
        case "tier":
            return care.tier_falls(customer, fact, world)
    case = customer.case
    if case is None:
        return []
    match name:
        case "diagnosis":
            return winback.overdue(customer, case, fact, world)
        case "deadline":
            return winback.given_up(customer, fact, world)
        case "effectiveness-check":
            return winback.checked(case, fact)
    return []
