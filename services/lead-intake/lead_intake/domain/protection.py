"""What a customer is spared (T1): being passed on, being called too often, or amid a complaint.

Whatever brings a lead to another seller, and whatever plans a contact, asks here first.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import msgspec
from perennial.contracts.base import Event, Refusal
from perennial.contracts.calendar import length
from perennial.contracts.holdings import LeadNurtured

from lead_intake.domain.contacts import free_from
from lead_intake.domain.customer import Customer
from lead_intake.domain.lead import Lead
from lead_intake.domain.refusals import differs
from lead_intake.domain.world import World

PASSES = ("left", "absent", "customer-wish")
"""Departure, illness and the customer's wish pass, and count."""


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """Why not now, and from when on; without a date where somebody must act first."""

    code: Literal["handover-barred", "quiet-time", "contacts-used-up", "complaint-open"]
    detail: str
    until: datetime | None = None

    @property
    def refusal(self) -> Refusal:
        return differs(self.code, self.detail)


def is_handover(lead: Lead, person: str) -> bool:
    """Whether it counts against the customer's budget: another than who had reached them."""
    last = lead.holdings[-1] if lead.holdings else None
    return last is not None and last.reached and last.person != person


def against_gain(
    state: Customer, lead: Lead, person: str, world: World, now: datetime
) -> Bar | None:
    """What forbids this one to take over the lead now; the longest lasting of it."""
    complaint = _complaint(state)
    if complaint is not None:
        return complaint
    bars = [_quiet(state, now, world)]
    if is_handover(lead, person) and lead.holdings[-1].ended != "left":
        bars.append(_handed_over(state, world, now))
    found = [(bar.until, bar.code, bar) for bar in bars if bar is not None and bar.until]
    return max(found)[-1] if found else None


def against_contact(
    state: Customer, lead: Lead, at: datetime, world: World, now: datetime, activity: str = ""
) -> Bar | None:
    """What forbids to contact the customer about the lead at a moment, but for what is planned as
    this activity."""
    complaint = _complaint(state)
    if complaint is not None:
        return complaint
    quiet = None if _in_touch(state, lead) else _quiet(state, at, world)
    begins = quiet.until if quiet is not None and quiet.until else at
    rules = world.policy.holding.contacts
    times = state.contacts.times(now - length(rules.lapses), but=activity)
    free = free_from(times, begins, rules.most, length(rules.window))
    if quiet is not None:
        return _later(quiet, free)
    if free == at:
        return None
    told = f"The customer has {rules.most} contacts within {rules.window} by then, over all sellers"
    return Bar(code="contacts-used-up", detail=f"{told}: again from {_at(free)}.", until=free)


def broken_by(
    state: Customer, lead: Lead, at: datetime, world: World, now: datetime, activity: str
) -> list[str]:
    """Which protections a contact broke that has been made: it is a fact, and stays one."""
    found = []
    since = state.contacts.complaint_since
    if since is not None and since <= at:
        found.append("complaint-open")
    if not _in_touch(state, lead) and _quiet(state, at, world) is not None:
        found.append("quiet-time")
    rules = world.policy.holding.contacts
    made = [one for one in state.contacts.times(now, but=activity) if one <= at]
    if free_from(made, at, rules.most, length(rules.window)) > at:
        found.append("contacts-used-up")
    return found


def rests_until(state: Customer, lead: Lead, world: World, now: datetime) -> datetime | None:
    """Until when the customer is left in peace once this holder drops the lead; None: not at all."""
    last = lead.holdings[-1]
    if not last.reached:
        return None
    budget = _handed_over(state, world, now)
    quiet = now + length(world.policy.holding.quiet)
    until = quiet if budget is None or budget.until is None else max(quiet, budget.until)
    return until if until > now else None


def resting(key: str, lead_id: str, until: datetime) -> Event:
    """It waits with market until the customer may be handed over."""
    return LeadNurtured(customer_id=key, lead_id=lead_id, because="barred", until=until)


def _handed_over(state: Customer, world: World, now: datetime) -> Bar | None:
    budget = world.policy.holding.handovers
    window = length(budget.window)
    counted = sorted(
        held.since
        for lead in state.leads.values()
        for held in lead.holdings
        if held.handover and held.since > now - window
    )
    over = len(counted) - budget.most
    if over < 0:
        return None
    until = (counted[over] if counted else now) + window
    told = f"The customer was handed over {budget.most} times within {budget.window}"
    return Bar(code="handover-barred", detail=f"{told}: again from {_at(until)}{_BUT}", until=until)


def _quiet(state: Customer, at: datetime, world: World) -> Bar | None:
    """After a drop by who had reached them, unless they have asked for a call since."""
    asked = max((lead.asked_at for lead in state.leads.values() if lead.asked_at), default=None)
    period = world.policy.holding.quiet
    ends = [
        drop + length(period)
        for drop in _drops(state)
        if drop <= at and (asked is None or asked < drop)
    ]
    until = max(ends, default=at)
    if until <= at:
        return None
    told = f"The customer is left in peace for {period} after a seller has dropped them"
    return Bar(code="quiet-time", detail=f"{told}: again from {_at(until)}{_BUT}", until=until)


def _drops(state: Customer) -> Iterator[datetime]:
    for lead in state.leads.values():
        for held in lead.holdings:
            if (
                held.reached
                and held.until is not None
                and held.ended in ("turned-over", "released")
            ):
                yield held.until


def _in_touch(state: Customer, lead: Lead) -> bool:
    """Its seller was at it before any drop: what is going on goes on."""
    if not lead.holder:
        return False
    return all(lead.holdings[-1].since <= drop for drop in _drops(state))


def _complaint(state: Customer) -> Bar | None:
    since = state.contacts.complaint_since
    if since is None:
        return None
    told = f"The customer's complaint of {_at(since)} is open: no sales call before it is answered"
    return Bar(code="complaint-open", detail=f"{told} (log complaint-answered when it is).")


def _later(bar: Bar, until: datetime) -> Bar:
    if bar.until is None or until <= bar.until:
        return bar
    told = f"{bar.detail} The contacts of the week leave room from {_at(until)} on."
    return Bar(code=bar.code, detail=told, until=until)


def _at(moment: datetime) -> str:
    return moment.isoformat()


_BUT = ", or because the holder left, is ill, or the customer wishes it."
