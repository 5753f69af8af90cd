"""How the state follows what is told of leads, persona, team and tier: a part of `evolve`."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from perennial.contracts.base import Event
from perennial.contracts.entering import (
    ActivationAwaited,
    CustomerMerged,
    CustomerUnmerged,
    FirstOrderPaid,
    LeadHolderNoted,
    NumbersKept,
    PersonaConfirmed,
    PersonaJudged,
)
from perennial.contracts.teams import (
    CustomerGraded,
    HandoverConfirmed,
    HandoverItem,
    TeamChanged,
    TierChanged,
    TierNoticed,
    VipChanged,
)

from lifecycle.domain.record import (
    Awaiting,
    Customer,
    Handover,
    Holding,
    Kept,
    Task,
    TierNotice,
)

replace = msgspec.structs.replace


def opened_handover(items: Sequence[HandoverItem], now: datetime) -> Handover | None:
    tasks = {one.item: Task(department=one.department) for one in items}
    return Handover(since=now, items=tasks) if tasks else None


def _merged(customer: Customer, event: CustomerMerged, _now: datetime) -> Customer:
    return replace(customer, root=event.root, was=customer.segment, segment=None)


def _unmerged(customer: Customer, event: CustomerUnmerged, _now: datetime) -> Customer:
    return replace(customer, root="", was=None, early=(), segment=event.after)


def _holder(customer: Customer, event: LeadHolderNoted, _now: datetime) -> Customer:
    """A lead that was won is remembered until the activation it brings: its holder sold."""
    others = {lead: one for lead, one in customer.held.items() if lead != event.lead_id}
    won = event.stage == "won"
    if won and customer.number:
        return replace(customer, held=others, seller=event.holder or customer.seller)
    if event.stage == "free":
        return replace(customer, held=others)
    holding = Holding(holder=event.holder, grade=event.grade, won=won)
    return replace(customer, held={**others, event.lead_id: holding})


def _judged(customer: Customer, event: PersonaJudged, _now: datetime) -> Customer:
    return replace(customer, persona=event.verdict)


def _confirmed(customer: Customer, _event: PersonaConfirmed, _now: datetime) -> Customer:
    return replace(customer, persona="confirmed")


def _awaited(customer: Customer, event: ActivationAwaited, _now: datetime) -> Customer:
    awaiting = Awaiting(
        confirm_by=event.confirm_by,
        asked=event.asked,
        order_id=event.order_id,
        contract=event.contract,
    )
    return replace(customer, awaiting=awaiting)


def _kept(customer: Customer, event: NumbersKept, _now: datetime) -> Customer:
    kept = Kept(event_id=event.event_id, scored=event.scored, trend=event.trend, churn=event.churn)
    if customer.root:
        return replace(customer, early=_without_left((*customer.early, kept)))
    awaiting = customer.awaiting
    if awaiting is None:
        return customer
    return replace(customer, awaiting=replace(awaiting, kept=(*awaiting.kept, kept)))


def _without_left(early: tuple[Kept, ...]) -> tuple[Kept, ...]:
    """Nothing is left of an order that has left again, nor of any number once none is there."""
    order = early[-1].order
    if order is not None and order.kind == "left":
        gone = order.order_id
        early = tuple(one for one in early if one.order is None or one.order.order_id != gone)
    return early if any(one.order for one in early) else ()


def _paid(customer: Customer, event: FirstOrderPaid, _now: datetime) -> Customer:
    return replace(customer, unpaid=False, entry_order=event.order_id)


def _graded(customer: Customer, event: CustomerGraded, _now: datetime) -> Customer:
    return replace(customer, grade=event.after, basis=event.basis)


def _vip(customer: Customer, event: VipChanged, _now: datetime) -> Customer:
    return replace(customer, vip=event.vip)


def _team(customer: Customer, event: TeamChanged, now: datetime) -> Customer:
    return replace(customer, binding=event.after, handover=opened_handover(event.handover, now))


def _handed_over(customer: Customer, event: HandoverConfirmed, now: datetime) -> Customer:
    handover = customer.handover
    if handover is None or event.item not in handover.items:
        return customer
    done = replace(handover.items[event.item], by=event.by, at=now)
    return replace(customer, handover=replace(handover, items={**handover.items, event.item: done}))


def _tier_noticed(customer: Customer, event: TierNoticed, _now: datetime) -> Customer:
    notice = TierNotice(after=event.after, effective_at=event.effective_at)
    return replace(customer, tier_notice=notice if event.after != event.before else None)


def _tiered(customer: Customer, event: TierChanged, _now: datetime) -> Customer:
    return replace(customer, tier=event.after, tier_notice=None)


BELONGING: Mapping[type[Event], Callable[[Customer, Any, datetime], Customer]] = {
    LeadHolderNoted: _holder,
    CustomerMerged: _merged,
    CustomerUnmerged: _unmerged,
    PersonaJudged: _judged,
    PersonaConfirmed: _confirmed,
    ActivationAwaited: _awaited,
    NumbersKept: _kept,
    FirstOrderPaid: _paid,
    CustomerGraded: _graded,
    VipChanged: _vip,
    TeamChanged: _team,
    HandoverConfirmed: _handed_over,
    TierNoticed: _tier_noticed,
    TierChanged: _tiered,
}
