"""What each of their events makes of a party's leads."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

from msgspec.structs import replace
from perennial.contracts.base import Event
from perennial.contracts.holdings import (
    ActivityLogged,
    Gained,
    LeadAssigned,
    LeadClaimed,
    LeadClosed,
    LeadLost,
    LeadNurtured,
    LeadPooled,
    LeadReleased,
    LeadReopened,
    LeadTurnedOver,
    LeadWon,
    ProtectionEnded,
    ProtectionGranted,
    TurnoverWarned,
)
from perennial.contracts.leads import (
    LeadCaptured,
    LeadGraded,
    LeadQueued,
    LeadReadied,
    LeadReturned,
    LeadTagged,
    LeadTouched,
)
from perennial.contracts.touches import Touch

from lead_intake.domain.contents import short
from lead_intake.domain.lead import Ended, Holding, Lead, Present, Regrade, Stage

Leads = Mapping[str, Lead]


def evolve(leads: Leads, event: Event, now: datetime) -> Leads:
    """The party's leads after one event of theirs; others change nothing."""
    if isinstance(event, LeadCaptured):
        return {**leads, event.lead_id: _captured(event, now)} if event.lead_id else leads
    apply, lead_id = _APPLY.get(type(event)), getattr(event, "lead_id", "")
    lead = leads.get(lead_id)
    if apply is None or lead is None:
        return leads
    return {**leads, lead_id: apply(lead, event, now)}


def _captured(event: LeadCaptured, now: datetime) -> Lead:
    touch = Touch(
        channel=event.channel, campaign=event.campaign, source=event.source, cost=event.cost
    )
    return Lead(
        since=now,
        opened_at=now,
        captured_at=event.captured_at,
        content=event.content,
        kind=event.kind,
        source=event.source,
        number=event.number,
        of=event.of,
        product=event.product,
        unmatched=event.unmatched,
        channel=event.channel,
        tags=tuple(event.tags),
        touches=(touch,),
        touched_at=now,
        wants_call=event.wants_call,
        asked_at=now if event.wants_call else None,
        expected_value=event.expected_value,
    )


def _touched(lead: Lead, event: LeadTouched, now: datetime) -> Lead:
    touches = (*lead.touches, event.touch)
    lead = replace(lead, touches=touches, touched_at=now)
    return replace(lead, wants_call=True, asked_at=now) if event.wants_call else lead


def _tagged(lead: Lead, event: LeadTagged, _now: datetime) -> Lead:
    kept = [tag for tag in lead.tags if tag not in event.removed]
    return replace(lead, tags=tuple(dict.fromkeys([*kept, *event.added])))


def _graded(lead: Lead, event: LeadGraded, now: datetime) -> Lead:
    """A clock that a new grade sets going under a holder leaves them time from then on."""
    present = lead.present
    if lead.stage == "held" and event.grade != lead.grade:
        regrade = Regrade(at=now, former=lead.grade)
        present = replace(present, regrades=(*present.regrades, regrade))
    queued = "" if lead.queued == "no-score" else lead.queued
    return replace(
        lead,
        score=event.score,
        ready=event.ready,
        grade=event.grade,
        value=event.expected_value,
        queued=queued,
        present=present,
    )


def _readied(lead: Lead, event: LeadReadied, now: datetime) -> Lead:
    """What arrives held or won has been an opportunity since its source captured it."""
    begins = lead.captured_at if event.because == "arrived" else None
    return replace(
        _staged(lead, "waiting", now),
        ready_at=lead.ready_at or begins or now,
        grade=event.grade,
        value=event.expected_value,
        score=lead.score if event.score is None else event.score,
    )


def _returned(lead: Lead, event: LeadReturned, now: datetime) -> Lead:
    ended = _ended(lead, "returned", now)
    return replace(_staged(ended, "nurture", now), returns=event.times)


def _queued(lead: Lead, event: LeadQueued, _now: datetime) -> Lead:
    return replace(lead, queued=event.reason, barred_until=event.barred_until)


def _assigned(lead: Lead, event: LeadAssigned, now: datetime) -> Lead:
    ended = _ended(lead, "transferred", now)
    held = _gained(ended, event.holder, event.how, event.handover, now)
    return replace(held, grade=event.grade, ready_at=lead.ready_at or now)


def _claimed(lead: Lead, event: LeadClaimed, now: datetime) -> Lead:
    return _gained(lead, event.holder, "claimed", event.handover, now)


def _warned(lead: Lead, event: TurnoverWarned, _now: datetime) -> Lead:
    warned = (*lead.present.warned, f"{event.clock}:{event.rung}")
    return replace(lead, present=replace(lead.present, warned=warned))


def _turned_over(lead: Lead, event: LeadTurnedOver, now: datetime) -> Lead:
    return _staged(_ended(lead, "turned-over", now), _follows(event.follows), now)


def _released(lead: Lead, event: LeadReleased, now: datetime) -> Lead:
    how: Ended = "left" if event.because in ("left", "absent") else "released"
    return _staged(_ended(lead, how, now), "waiting", now)


def _pooled(lead: Lead, event: LeadPooled, now: datetime) -> Lead:
    return replace(
        _staged(lead, "pooled", now),
        pool=event.pool,
        claimable_from=event.claimable_from,
        nurtured_at=event.nurtured_at,
    )


def _nurtured(lead: Lead, event: LeadNurtured, now: datetime) -> Lead:
    barred = event.until if event.because == "barred" else None
    return replace(_staged(lead, "nurture", now), nurtured_at=event.until, barred_until=barred)


def _leased(lead: Lead, event: ProtectionGranted, _now: datetime) -> Lead:
    present = replace(lead.present, leases=event.times, lease_until=event.until)
    return replace(lead, present=present)


def _lease_over(lead: Lead, _event: ProtectionEnded, now: datetime) -> Lead:
    return replace(lead, present=replace(lead.present, lease_until=None, lease_ended=now))


def _active(lead: Lead, event: ActivityLogged, now: datetime) -> Lead:
    """Only what is effective moves a clock; it clears the warnings of the activity clock."""
    lead = replace(lead, activities=(*lead.activities, short(event.activity_id)))
    present = lead.present
    if event.kind == "quotation":
        present = replace(present, quoted_at=now)
    if event.first_contact:
        present = replace(present, first_contact=now)
    if not event.effective or lead.stage != "held":
        return replace(lead, present=present)
    warned = tuple(rung for rung in present.warned if not rung.startswith("activity:"))
    present = replace(present, last_effective=now, warned=warned)
    reached = replace(lead.holdings[-1], reached=True)
    return replace(lead, present=present, holdings=(*lead.holdings[:-1], reached))


def _won(lead: Lead, event: LeadWon, now: datetime) -> Lead:
    return replace(
        _staged(_ended(lead, "won", now), "won", now),
        order_id=event.order_id,
        won=event.value,
        credit=tuple(one.value for one in event.credit),
    )


def _lost(lead: Lead, event: LeadLost, now: datetime) -> Lead:
    return replace(_staged(_ended(lead, "lost", now), "lost", now), reason=event.reason)


def _closed(lead: Lead, event: LeadClosed, now: datetime) -> Lead:
    return replace(_staged(_ended(lead, "closed", now), "closed", now), reason=event.reason)


def _reopened(lead: Lead, _event: LeadReopened, now: datetime) -> Lead:
    return _staged(lead, "nurture", now)


def _staged(lead: Lead, stage: Stage, now: datetime) -> Lead:
    """In another stage; what belonged to the stage before is over."""
    return replace(
        lead,
        stage=stage,
        since=now,
        present=Present(),
        queued="",
        barred_until=None,
        pool="",
        claimable_from=None,
        nurtured_at=None,
    )


def _gained(lead: Lead, person: str, how: Gained, handover: bool, now: datetime) -> Lead:
    held = Holding(person=person, since=now, how=how, handover=handover)
    return replace(_staged(lead, "held", now), holdings=(*lead.holdings, held))


def _ended(lead: Lead, how: Ended, now: datetime) -> Lead:
    if lead.stage != "held":
        return lead
    last = replace(lead.holdings[-1], until=now, ended=how)
    return replace(lead, holdings=(*lead.holdings[:-1], last))


def _follows(next_stage: Literal["waiting", "pool", "nurture"]) -> Stage:
    """A lead on its way to a pool or to nurture waits there for no more than its next event."""
    return "nurture" if next_stage == "nurture" else "waiting"


_APPLY: dict[type[Event], Callable[[Lead, Any, datetime], Lead]] = {
    LeadTouched: _touched,
    LeadTagged: _tagged,
    LeadGraded: _graded,
    LeadReadied: _readied,
    LeadReturned: _returned,
    LeadQueued: _queued,
    LeadAssigned: _assigned,
    LeadClaimed: _claimed,
    TurnoverWarned: _warned,
    LeadTurnedOver: _turned_over,
    LeadReleased: _released,
    LeadPooled: _pooled,
    LeadNurtured: _nurtured,
    ProtectionGranted: _leased,
    ProtectionEnded: _lease_over,
    ActivityLogged: _active,
    LeadWon: _won,
    LeadLost: _lost,
    LeadClosed: _closed,
    LeadReopened: _reopened,
}
