"""Which rule judges which fact about a party: its orders, its leads, and who holds them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from perennial.contracts.base import Decision, Event, Fact, Refusal, TimerFired
from perennial.contracts.grades import LeadScored

from lead_intake.domain import (
    activities,
    assigning,
    capture,
    claims,
    clocks,
    customer,
    merging,
    pools,
    readiness,
    rounds,
    turnover,
    unions,
    winning,
)
from lead_intake.domain.customer import Customer
from lead_intake.domain.refusals import unknown_lead
from lead_intake.domain.requests import (
    ORDER_SAID,
    ActivitySaid,
    CloseSaid,
    DeclineMerge,
    LeadSaid,
    MergeParties,
    PlanContact,
    ReadyLead,
    ReopenLead,
    ReturnLead,
    TagLead,
    UnmergeParties,
)
from lead_intake.domain.world import World

Rule = Callable[[Customer, Fact, World, datetime], Decision]
HOLDING_WISHES = (*assigning.WISHES, *turnover.WISHES, *pools.WISHES)
"""What sellers, those who dispose of leads, and rounds ask for."""
RULES: Mapping[type, Rule] = {
    **dict.fromkeys(ORDER_SAID, winning.order),
    LeadSaid: capture.capture,
    TagLead: capture.tag,
    ActivitySaid: activities.record,
    PlanContact: activities.plan,
    CloseSaid: winning.close,
    ReopenLead: winning.reopen,
    LeadScored: readiness.scored,
    ReadyLead: readiness.ready,
    ReturnLead: readiness.give_back,
    DeclineMerge: claims.decline,
    MergeParties: merging.merge,
    UnmergeParties: merging.unmerge,
    **dict.fromkeys(assigning.WISHES, assigning.react),
    **dict.fromkeys(turnover.WISHES, turnover.react),
    **dict.fromkeys(pools.WISHES, pools.react),
    rounds.QueueLead: rounds.queued,
    clocks.ReckonClocks: clocks.reckon,
}
"""By the type of the fact; a rule is `(state, fact, world, now) → decision`."""
TIMERS: Mapping[str, Rule] = {
    turnover.TIMER: turnover.fired,
    pools.TIMER: pools.fired,
    readiness.SCORE_MISSED: readiness.fired,
    readiness.RESTED: readiness.fired,
}
"""By the first word of the timer's name, as `turnover` of `turnover/<lead>/<rung>`."""


BESIDE: Mapping[type, Callable[[Customer, Fact], Iterable[str]]] = {
    LeadSaid: readiness.beside,
    **dict.fromkeys(assigning.WISHES, assigning.beside),
    **dict.fromkeys(pools.WISHES, pools.beside),
}
"""By the type of the fact: the sellers whose ledgers its rule looks at."""


def evolve(state: Customer, event: Event, now: datetime) -> Customer:
    """The party after one event of its own."""
    if isinstance(event, unions.UNIONS):
        return unions.evolve(state, event, now)
    return customer.evolve(state, event, now)


def react(state: Customer, fact: Fact, world: World, now: datetime) -> Decision:
    said = fact.data
    if isinstance(said, TimerFired):
        return TIMERS[said.name.split("/", 1)[0]](state, fact, world, now)
    rule = RULES.get(type(said))
    if rule is None:
        return []
    return _out_of_sight(state, said) or rule(state, fact, world, now)


def _out_of_sight(state: Customer, said: Any) -> Refusal | None:
    """Who sees some leads only is told of the others that they are not there."""
    sight = getattr(said, "sight", None)
    if sight is None:
        return None
    found = state.lead(said.lead_id)
    seen = found is not None and found[1].holder in sight
    return None if seen else unknown_lead(said.lead_id)


def due(state: Customer, world: World) -> dict[str, datetime]:
    """Every moment at which something happens to a lead by itself, each rule's own together."""
    if not state.leads:
        return {}
    return {**readiness.due(state, world), **turnover.due(state, world), **pools.due(state, world)}


def beside(state: Customer, fact: Fact) -> Iterable[str]:
    """The sellers whose ledgers a rule looks at."""
    looks = BESIDE.get(type(fact.data))
    return looks(state, fact) if looks is not None else ()
