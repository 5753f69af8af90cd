"""How a move between segments is expressed: legal, with its evidence and who answers for it."""

from collections.abc import Sequence

from perennial.contracts.base import At, Event, Fact
from perennial.contracts.customers import CustomerMoved, Evidence, Segment
from perennial.contracts.teams import Department

from lifecycle.domain.record import Customer, holder_of
from lifecycle.domain.segments import IllegalMoveError, accountable_for, legal
from lifecycle.domain.world import World

Events = list[Event | At]


def moved(
    customer: Customer,
    after: Segment,
    fact: Fact,
    world: World,
    evidence: Sequence[Evidence] = (),
    department: Department | None = None,
) -> CustomerMoved:
    """The one place that makes a move; what RULES.md does not list cannot be said."""
    before = customer.segment
    if before is None or not legal(before, after):
        raise IllegalMoveError(f"{fact.key}: {before} → {after}")
    accountable = accountable_for(after, world.policy.accountable, department)
    return CustomerMoved(
        customer_id=fact.key,
        before=before,
        after=after,
        accountable=accountable,
        person=customer.owner or holder_of(customer) or head_of(accountable, world),
        evidence=list(evidence),
    )


def head_of(department: Department, world: World) -> str:
    """The head of a department, or the named role that stands for it: never nobody (C29)."""
    return world.staff.head(department) or world.policy.heads[department]


def because(sign: str, fact: Fact, value: float | None = None, text: str = "") -> list[Evidence]:
    """One reason, with the fact that gave it."""
    return [Evidence(sign=sign, value=value, event_id=fact.id, text=text)]
