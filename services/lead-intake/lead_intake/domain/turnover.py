"""A holder's time: warnings, leases, and the end of a holding by its clocks or by a word (I10).

Never back by itself: what is turned over waits for somebody who has not held it, and goes to a pool
after as many holders as the policy says.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import ClassVar, Literal

import msgspec
from msgspec.structs import replace
from perennial.contracts.base import Decision, Event, Fact, Id, Refusal, Text
from perennial.contracts.calendar import length
from perennial.contracts.holdings import (
    ActivityLogged,
    LeadPooled,
    LeadReleased,
    LeadTurnedOver,
    ProtectionEnded,
    ProtectionGranted,
    TurnoverWarned,
)

from lead_intake.domain.clocks import Running, running
from lead_intake.domain.customer import Customer
from lead_intake.domain.lead import Lead
from lead_intake.domain.pools import entering
from lead_intake.domain.protection import resting, rests_until
from lead_intake.domain.refusals import differs, not_yours, unknown_lead
from lead_intake.domain.world import World
from lead_intake.policy.turnover import Lease, Warn

TIMER = "turnover"
_FALL, _WARN, _LEASE = "fall", "warn", "lease"
REVIEW = Warn(rung="review", before="0d", manager=True)


class ReleaseLead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Its holder lets it go, or somebody who may dispose of all leads takes it away."""

    TYPE: ClassVar[str] = "request.lead.release"
    lead_id: Id
    by: str
    anyones: bool = False
    reason: Text


class ProtectLead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person grants a lease, with a reason; it counts like an earned one."""

    TYPE: ClassVar[str] = "request.lead.protect"
    lead_id: Id
    by: str
    reason: Text


WISHES = (ReleaseLead, ProtectLead)


def react(state: Customer, fact: Fact, world: World, now: datetime) -> Decision:
    """What becomes of a wish about a holding."""
    found = state.lead(fact.data.lead_id)
    if found is None:
        return unknown_lead(fact.data.lead_id)
    wish, lead = replace(fact.data, lead_id=found[0]), found[1]
    if not wish.reason.strip():
        return Refusal(code="reason-missing", detail="Say why.", pointer="/reason", kind="invalid")
    if not lead.holder:
        return differs("lead-not-held", f"Lead {wish.lead_id} is {lead.stage}: nobody holds it.")
    if isinstance(wish, ProtectLead):
        return _protect(lead, wish, fact.key, world, now)
    if not wish.anyones and wish.by != lead.holder:
        return not_yours(wish.lead_id)
    return _release(state, lead, wish, fact.key, world, now)


def fired(state: Customer, fact: Fact, world: World, now: datetime) -> Decision:
    """A rung, a lease's end, or the end of a holder's time."""
    _, lead_id, what, *clock = fact.data.name.split("/", 4)
    lead = state.leads[lead_id]
    if what == _LEASE:
        return [_lease_over(fact.key, lead_id, lead)]
    run = next(run for run in _running(state, lead, world).values() if run.clock == clock[0])
    if what == _FALL:
        return _falls(state, lead_id, lead, run, fact.key, world, now)
    rung = next((warn for warn in run.rules.warnings if warn.rung == clock[1]), REVIEW)
    return [_warned(fact.key, lead_id, lead, run, rung)]


def due(state: Customer, world: World) -> dict[str, datetime]:
    """Rungs, ends of leases and ends of holdings, for every lead that is held."""
    found: dict[str, datetime] = {}
    for lead_id, lead in state.leads.items():
        if lead.stage == "held":
            found |= _due(state, lead_id, lead, world)
    return found


def protected(
    logged: ActivityLogged, by: str, at: datetime, lead: Lead, world: World, now: datetime
) -> list[Event]:
    """The lease that an activity earns, if the holder did it and in the present holding."""
    policy = world.policy.turnover.lease
    if lead.stage != "held" or by != lead.holder or at < lead.holdings[-1].since:
        return []
    if logged.kind not in policy.by or lead.present.leases >= policy.most:
        return []
    because: Literal["quotation", "meeting-held"] = (
        "quotation" if logged.kind == "quotation" else "meeting-held"
    )
    return [
        ProtectionGranted(
            customer_id=logged.customer_id,
            lead_id=logged.lead_id,
            holder=lead.holder,
            because=because,
            until=_until(policy, now),
            times=lead.present.leases + 1,
            evidence=logged.activity_id,
        )
    ]


def _due(state: Customer, lead_id: str, lead: Lead, world: World) -> Iterable[tuple[str, datetime]]:
    place = f"{TIMER}/{lead_id}"
    if lead.present.lease_until is not None:
        yield f"{place}/{_LEASE}", lead.present.lease_until
    for run in _running(state, lead, world).values():
        if run.clock == "review":
            if f"review:{REVIEW.rung}" not in lead.present.warned:
                yield f"{place}/{_WARN}/review/{REVIEW.rung}", run.due
            continue
        yield f"{place}/{_FALL}/{run.clock}", run.due
        for warn, at in run.rungs(lead):
            yield f"{place}/{_WARN}/{run.clock}/{warn.rung}", at


def _running(state: Customer, lead: Lead, world: World) -> dict[str, Running]:
    return {str(name): run for name, run in running(lead, state.attributes, world).items()}


def _falls(
    state: Customer,
    lead_id: str,
    lead: Lead,
    run: Running,
    key: str,
    world: World,
    now: datetime,
) -> Decision:
    at_the_end = [
        _warned(key, lead_id, lead, run, warn)
        for warn in run.rules.warnings
        if warn.ahead == timedelta() and f"{run.clock}:{warn.rung}" not in lead.present.warned
    ]
    leased = [_lease_over(key, lead_id, lead)] if lead.present.lease_until else []
    after = _after(state, lead_id, lead, key, "turnover", world, now)
    over = LeadTurnedOver(
        customer_id=key,
        lead_id=lead_id,
        former=lead.holder,
        clock=run.clock,
        started_at=run.started,
        due_at=run.due,
        calendar=run.calendar,
        last_effective=lead.present.last_effective,
        lease=_lease_told(lead),
        reached=lead.holdings[-1].reached,
        holders=len(lead.held_by),
        follows=_follows(after),
    )
    return [*at_the_end, *leased, over, *after]


def _release(
    state: Customer, lead: Lead, wish: ReleaseLead, key: str, world: World, now: datetime
) -> Decision:
    released = LeadReleased(
        customer_id=key,
        lead_id=wish.lead_id,
        former=lead.holder,
        by=wish.by,
        reason=wish.reason,
        because="holder" if wish.by == lead.holder else "person",
        reached=lead.holdings[-1].reached,
    )
    return [released, *_after(state, wish.lead_id, lead, key, "released", world, now)]


def _protect(lead: Lead, wish: ProtectLead, key: str, world: World, now: datetime) -> Decision:
    policy = world.policy.turnover.lease
    if lead.present.leases >= policy.most:
        return differs(
            "leased-too-often",
            f"This holding had {policy.most} leases already: no more are granted.",
        )
    return [
        ProtectionGranted(
            customer_id=key,
            lead_id=wish.lead_id,
            holder=lead.holder,
            because="person",
            until=_until(policy, now),
            times=lead.present.leases + 1,
            by=wish.by,
            reason=wish.reason,
        )
    ]


def _after(
    state: Customer,
    lead_id: str,
    lead: Lead,
    key: str,
    because: Literal["turnover", "released"],
    world: World,
    now: datetime,
) -> list[Event]:
    """Where it goes from its holder: to a pool, to rest in nurture, or nowhere yet: it waits."""
    if len(lead.held_by) >= world.policy.turnover.holders:
        return [entering(key, lead_id, lead, because, world, now)]
    until = rests_until(state, lead, world, now)
    return [] if until is None else [resting(key, lead_id, until)]


def _follows(after: list[Event]) -> Literal["waiting", "pool", "nurture"]:
    if not after:
        return "waiting"
    return "pool" if isinstance(after[0], LeadPooled) else "nurture"


def _warned(key: str, lead_id: str, lead: Lead, run: Running, warn: Warn) -> TurnoverWarned:
    return TurnoverWarned(
        customer_id=key,
        lead_id=lead_id,
        holder=lead.holder,
        rung=warn.rung,
        manager_too=warn.manager,
        clock=run.clock,
        started_at=run.started,
        due_at=run.due,
    )


def _lease_over(key: str, lead_id: str, lead: Lead) -> ProtectionEnded:
    return ProtectionEnded(customer_id=key, lead_id=lead_id, holder=lead.holder)


def _lease_told(lead: Lead) -> str:
    ended = lead.present.lease_until or lead.present.lease_ended
    return f"lease {lead.present.leases} ended {ended.isoformat()}" if ended else ""


def _until(policy: Lease, now: datetime) -> datetime:
    since: timedelta = length(policy.period)
    return now + since
