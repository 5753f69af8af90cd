"""How a move between segments is expressed: legal, with its evidence and who answers for it."""

from collections.abc import Sequence

from perennial.contracts.base import At, Event, Fact
from perennial.contracts.customers import (
    CustomerMoved,
    Department,
    Evidence,
    Segment,
)

from lifecycle.domain.record import Customer
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
    return CustomerMoved(
        customer_id=fact.key,
        before=before,
        after=after,
        accountable=accountable_for(after, world.policy.accountable, department),
        person=customer.owner,
        evidence=list(evidence),
    )


def because(sign: str, fact: Fact, value: float | None = None, text: str = "") -> list[Evidence]:
    """One reason, with the fact that gave it."""
    return [Evidence(sign=sign, value=value, event_id=fact.id, text=text)]
