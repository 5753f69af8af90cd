"""How closely a customer is served: binding, team and tier follow the grade (C5, C7, C8)."""

from datetime import datetime, timedelta
from typing import Literal, get_args

import msgspec
from perennial.contracts.base import Decision, Fact, Minor, Refusal
from perennial.contracts.customers import WatcherChanged
from perennial.contracts.grades import GradeChanged
from perennial.contracts.holdings import Grade
from perennial.contracts.teams import (
    Binding,
    Cause,
    CustomerGraded,
    Department,
    HandoverConfirmed,
    TeamChanged,
    Tier,
    TierChanged,
    TierNoticed,
    VipChanged,
)

from lifecycle.domain.evolving import evolve
from lifecycle.domain.moves import Events, head_of
from lifecycle.domain.record import Customer, holder_of
from lifecycle.domain.requests import ConfirmHandover, JudgeVip
from lifecycle.domain.segments import MEMBERS, accountable_for
from lifecycle.domain.watchers import rewatched, watchers_for
from lifecycle.domain.world import World
from lifecycle.policy import Policy, Vip, Watching

LOWEST: Grade = "1A"
LIGHTEST: Binding = "call-centre"
FIRST_TIER: Tier = "silver"
_BINDINGS, _TIERS = get_args(Binding), get_args(Tier)


def served_grade(customer: Customer, policy: Policy) -> Grade:
    """The grade it is served by: lowest while nobody confirmed it, lifted for a VIP."""
    grade = LOWEST if customer.persona == "unconfirmed" else customer.grade or LOWEST
    return max(grade, policy.vip.lifts_to) if customer.vip else grade


def accountable(customer: Customer, world: World) -> tuple[Department, str]:
    """Who answers for a customer: the named owner from 3A up, below it the department's head (C29)."""
    cause = customer.case.department if customer.case else None
    segment = customer.segment or "identified"
    department = accountable_for(segment, world.policy.accountable, cause)
    named = customer.owner or holder_of(customer)
    if named and served_grade(customer, world.policy) >= world.policy.named_owner_from:
        return department, named
    return department, head_of(department, world)


def watching(binding: Binding | None, policy: Policy) -> Watching:
    """How many may watch under a binding, and in which roles."""
    bound = policy.bindings[binding or LIGHTEST]
    return msgspec.structs.replace(policy.watchers, least=bound.size, roles=bound.roles)


def graded(
    customer: Customer, fact: Fact, change: GradeChanged, world: World, now: datetime
) -> Events:
    """Scoring's grade is taken as it is; what follows from it is decided here."""
    if (change.after, change.basis) == (customer.grade, customer.basis):
        return []
    noted = CustomerGraded(
        customer_id=fact.key, before=customer.grade, after=change.after, basis=change.basis
    )
    return [noted, *adjusted(evolve(customer, noted, now), fact, "grade", world, now)]


def adjusted(customer: Customer, fact: Fact, because: Cause, world: World, now: datetime) -> Events:
    """Binding, team and tier as the grade it is served by asks; nothing to change is no event."""
    if customer.segment not in MEMBERS:
        return []
    grade = served_grade(customer, world.policy)
    serving = world.policy.grades[grade]
    bound = _bound(customer, fact, serving.binding, because, world, now)
    return [*bound, *_tiered(customer, fact, serving.tier, world, now)]


def _bound(
    customer: Customer, fact: Fact, after: Binding, because: Cause, world: World, now: datetime
) -> Events:
    before = customer.binding or LIGHTEST
    if before == after:
        return []
    handover = world.policy.handover
    closer = _BINDINGS.index(after) > _BINDINGS.index(before)
    watchers = _team(customer, fact, after, world, now)
    changed = TeamChanged(
        customer_id=fact.key,
        before=before,
        after=after,
        because=because,
        grade=served_grade(customer, world.policy),
        owner=watchers[0],
        watchers=watchers,
        handover=handover.closer if closer else handover.lighter,
    )
    return [changed, *_watched_by(customer, fact, watchers, "binding")]


def _team(
    customer: Customer, fact: Fact, binding: Binding, world: World, now: datetime
) -> list[str]:
    """Whoever knows the customer and may be of the new team stays; the others are found."""
    rules = watching(binding, world.policy)
    fitting = [one for one in customer.watchers if world.staff.role(one) in rules.roles]
    return watchers_for(fact.key, world.staff, rules, now, keep=fitting[: rules.least])


def _tiered(customer: Customer, fact: Fact, after: Tier, world: World, now: datetime) -> Events:
    before, notice = customer.tier or FIRST_TIER, customer.tier_notice
    if _TIERS.index(after) > _TIERS.index(before):
        return [_tier_changed(customer, fact, after, world)]
    if after == (notice.after if notice else before):
        return []
    days = 0 if after == before else world.policy.tier_notice_days
    at = now + timedelta(days=days)
    return [TierNoticed(customer_id=fact.key, before=before, after=after, effective_at=at)]


def tier_falls(customer: Customer, fact: Fact, world: World) -> Events:
    """The notice has run out."""
    notice = customer.tier_notice
    return [_tier_changed(customer, fact, notice.after, world)] if notice else []


def _tier_changed(customer: Customer, fact: Fact, after: Tier, world: World) -> TierChanged:
    return TierChanged(
        customer_id=fact.key,
        before=customer.tier or FIRST_TIER,
        after=after,
        grade=served_grade(customer, world.policy),
    )


def rewatch(customer: Customer, fact: Fact, reason: str, world: World, now: datetime) -> Events:
    """Somebody left or went away: never fewer than the binding asks (C5)."""
    if customer.segment not in MEMBERS:
        return []
    return watched_again(customer, fact, reason, world, now)


def watched_again(
    customer: Customer, fact: Fact, reason: str, world: World, now: datetime
) -> Events:
    rules = watching(customer.binding, world.policy)
    watchers = rewatched(fact.key, customer.watchers, world.staff, rules, now)
    return _watched_by(customer, fact, watchers, reason)


def _watched_by(customer: Customer, fact: Fact, watchers: list[str], reason: str) -> Events:
    if tuple(watchers) == customer.watchers:
        return []
    return [
        WatcherChanged(customer_id=fact.key, owner=watchers[0], watchers=watchers, reason=reason)
    ]


def handed_over(customer: Customer, fact: Fact, wish: ConfirmHandover) -> Decision:
    """An item is confirmed once; the hand-over is complete with its last one."""
    items = customer.handover.items if customer.handover else {}
    if wish.item not in items:
        return Refusal(
            code="unknown-item",
            detail=f"Nothing of that name is to be handed over; open: {_open(customer)}.",
            pointer="/item",
            kind="missing",
        )
    if items[wish.item].by:
        return Refusal(
            code="already-confirmed", detail=f"{items[wish.item].by} has confirmed it before you."
        )
    left = sum(not task.by for task in items.values()) - 1
    return [
        HandoverConfirmed(
            customer_id=fact.key, item=wish.item, by=fact.principal, note=wish.note, open=left
        )
    ]


def _open(customer: Customer) -> str:
    items = customer.handover.items if customer.handover else {}
    return ", ".join(sorted(name for name, task in items.items() if not task.by)) or "nothing"


Verdict = Literal["average", "one-month", "below"]


def vip_verdict(months: list[Minor], rules: Vip) -> Verdict | None:
    """What the last full months say, oldest first; nothing where it stays as it was."""
    if months and months[-1] > rules.limit:
        return "one-month"
    if len(months) == rules.months and sum(months) > rules.limit * rules.months:
        return "average"
    return "below" if all(month <= rules.limit for month in months) else None


def vip_judged(
    customer: Customer, fact: Fact, wish: JudgeVip, world: World, now: datetime
) -> Events:
    """A VIP is served like 4A at least; the end follows three months below."""
    rules = world.policy.vip
    verdict = vip_verdict(wish.months, rules)
    vip = verdict != "below"
    if customer.segment not in MEMBERS or verdict is None or vip == customer.vip:
        return []
    changed = VipChanged(
        customer_id=fact.key,
        vip=vip,
        because=verdict,
        months=wish.months,
        last=wish.last,
        limit=rules.limit,
    )
    return [changed, *adjusted(evolve(customer, changed, now), fact, "vip", world, now)]


def due(customer: Customer) -> dict[str, datetime]:
    notice = customer.tier_notice
    return {"tier": notice.effective_at} if notice else {}
