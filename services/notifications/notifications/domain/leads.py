"""Which facts about a lead call somebody, and which make a call needless: old and new holder, manager."""

from datetime import datetime, timedelta

from perennial.contracts.alerts import AlertKind
from perennial.contracts.base import Fact
from perennial.contracts.holdings import (
    ActivityLogged,
    Clock,
    LeadAssigned,
    LeadClaimed,
    LeadClosed,
    LeadLost,
    LeadNurtured,
    LeadPooled,
    LeadReleased,
    LeadTurnedOver,
    LeadWon,
    ProtectionGranted,
    TurnoverWarned,
)
from perennial.contracts.leads import LeadQueued, LeadReadied, LeadReturned
from perennial.contracts.unions import LeadLeft

from notifications.domain.causes import Because, Cause, Deadline, Over
from notifications.domain.wording import moment

MARKET = "market"
"""The role that takes back what sales returns."""
_WARNINGS: tuple[AlertKind, ...] = ("turnover-due", "lead-review")
_NEW: tuple[AlertKind, ...] = ("lead-assigned", "lead-claimed")
_WAITING: tuple[AlertKind, ...] = (
    "turned-over", "lead-pooled", "lead-queued", "lead-released", "lead-returned",
)  # fmt: skip
_ALL = (*_WARNINGS, *_NEW, *_WAITING)
_BY_ACTIVITY: frozenset[Clock] = frozenset({"first-contact", "activity", "review"})
"""Clocks that an effective activity stops; the others run on until a lease, a win or a turnover."""


def cause_of(fact: Fact) -> Cause | None:
    """The call that a fact about a lead asks for, if it asks for one."""
    match fact.data:
        case TurnoverWarned() as warned:
            return _warned(warned, fact.now)
        case LeadTurnedOver() as over:
            return _turned_over(over)
        case LeadPooled() as pooled:
            return _pooled(pooled)
        case LeadAssigned(how=how) as assigned if how != "arrived":
            return _assigned(assigned)
        case LeadClaimed() as claimed:
            return _claimed(claimed)
        case LeadQueued() as queued:
            return _queued(queued)
        case LeadReleased() as released:
            return _released(released)
        case LeadReturned() as returned:
            return _returned(returned)
    return None


def over(fact: Fact) -> Over | None:
    """What a fact about a lead makes needless, if anything."""
    match fact.data:
        case ActivityLogged() as done if done.effective or done.first_contact:
            kinds = (*_WARNINGS, *_NEW)
            return Over("activity", kinds, done.lead_id, _stopped_by(done))
        case ProtectionGranted(lead_id=lead):
            return Over("protected", _WARNINGS, lead)
        case LeadTurnedOver(lead_id=lead):
            return Over("turned-over", (*_WARNINGS, *_NEW), lead)
        case LeadWon(lead_id=lead):
            return Over("won", _ALL, lead)
        case LeadLost(lead_id=lead):
            return Over("lost", _ALL, lead)
        case LeadClosed(lead_id=lead):
            return Over("closed", _ALL, lead)
        case LeadPooled(lead_id=lead):
            return _moved(lead, (*_WARNINGS, *_NEW, "lead-pooled", "lead-queued", "lead-released"))
        case LeadLeft(lead_id=lead):
            return Over("merged", _ALL, lead)
        case LeadReadied(lead_id=lead):
            return _moved(lead, ("lead-returned", "lead-pooled"))
        case LeadReleased(lead_id=lead):
            return _moved(lead, (*_WARNINGS, *_NEW))
        case LeadAssigned() | LeadClaimed() | LeadNurtured() | LeadReturned() as moved:
            return _moved(moved.lead_id, _ALL)
    return None


def period(length: timedelta) -> str:
    """How long, in its two largest units: `4 d 23 h`; nothing left is `0 min`."""
    minutes = max(round(length.total_seconds() / 60), 0)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    named = [(days, "d"), (hours, "h"), (rest if not days else 0, "min")]
    return " ".join(f"{number} {unit}" for number, unit in named if number) or "0 min"


def _moved(lead: str, kinds: tuple[AlertKind, ...]) -> Over:
    because: Because = "moved"
    return Over(because, kinds, lead)


def _stopped_by(done: ActivityLogged) -> frozenset[Clock]:
    """A first contact stops its own clock even where it went one way only."""
    stopped: frozenset[Clock] = _BY_ACTIVITY if done.effective else frozenset({"first-contact"})
    return stopped | {"quotation"} if done.kind == "quotation" else stopped


def _warned(warned: TurnoverWarned, now: datetime) -> Cause:
    """Each rung is told once, however often it is said: what it says is its identity."""
    review = warned.clock == "review" or warned.rung == "review"
    started, due = moment(warned.started_at), moment(warned.due_at)
    told = (warned.lead_id, warned.holder, warned.clock, warned.rung, started, due)
    return Cause(
        "lead-review" if review else "turnover-due",
        warned.holder,
        reason=f"{warned.clock.replace('-', ' ')} clock since {started}, due {due}",
        manager=review,
        lead=warned.lead_id,
        above=(warned.holder,) if warned.manager_too and not review else (),
        deadline=Deadline(warned.clock, warned.rung, warned.started_at, warned.due_at),
        details={"holder": warned.holder, "left": period(warned.due_at - now)},
        identity=":".join(told),
    )


def _turned_over(over: LeadTurnedOver) -> Cause:
    started, due = moment(over.started_at), moment(over.due_at)
    last = moment(over.last_effective) if over.last_effective else "–"
    return Cause(
        "turned-over",
        over.former,
        reason=f"{over.clock.replace('-', ' ')} clock since {started}, due {due}; last effective "
        f"activity {last}; {over.follows} follows",
        lead=over.lead_id,
        above=(over.former,),
        details={
            "former": over.former,
            "clock": over.clock,
            "started": started,
            "due": due,
            "last": last,
            "holders": str(over.holders),
            "follows": over.follows,
        },
    )


def _pooled(pooled: LeadPooled) -> Cause:
    free, until = moment(pooled.claimable_from), moment(pooled.nurtured_at)
    return Cause(
        "lead-pooled",
        pooled.former,
        reason=f"in pool {pooled.pool}, {pooled.because}; to be claimed from {free} until {until}",
        lead=pooled.lead_id,
        role="" if pooled.former else MARKET,
        above=(pooled.former,) if pooled.former else (),
        details={
            "pool": pooled.pool,
            "because": pooled.because,
            "claimable": free,
            "nurtured": until,
        },
    )


def _assigned(assigned: LeadAssigned) -> Cause:
    chance = "–" if assigned.win_chance is None else f"{assigned.win_chance:.0%}"
    return Cause(
        "lead-assigned",
        assigned.holder,
        assigned.expected_value,
        reason=f"grade {assigned.grade}, {assigned.how}, win chance {chance}",
        lead=assigned.lead_id,
        copies=(*assigned.team, assigned.former),
        above=(assigned.holder,),
        details={
            "holder": assigned.holder,
            "grade": assigned.grade,
            "how": assigned.how,
            "chance": chance,
        },
    )


def _claimed(claimed: LeadClaimed) -> Cause:
    return Cause(
        "lead-claimed",
        claimed.holder,
        reason=f"grade {claimed.grade}, claimed from pool {claimed.pool}",
        lead=claimed.lead_id,
        copies=(claimed.former,),
        above=(claimed.holder,),
        details={"holder": claimed.holder, "grade": claimed.grade, "pool": claimed.pool},
    )


def _queued(queued: LeadQueued) -> Cause:
    hours = queued.expected_wait_hours
    wait = "–" if hours is None else period(timedelta(hours=hours))
    barred = moment(queued.barred_until) if queued.barred_until else "–"
    ruled_out = ", ".join(f"{why} {n}" for why, n in sorted(queued.lost_by_reason.items()))
    return Cause(
        "lead-queued",
        reason=f"{queued.reason}; expected wait {wait}; barred until {barred}; "
        f"ruled out: {ruled_out or '–'}",
        lead=queued.lead_id,
        role=queued.holder,
        details={
            "reason": queued.reason,
            "role": queued.holder,
            "wait": wait,
            "barred": barred,
            "out": ruled_out or "–",
        },
    )


def _released(released: LeadReleased) -> Cause:
    """Who let it go knows it: the manager is to act. Taken away, its holder is to hear it first."""
    own = released.because == "holder"
    return Cause(
        "lead-released",
        released.former,
        reason=f"{released.because}: {released.reason}",
        manager=own,
        lead=released.lead_id,
        above=() if own else (released.former,),
        details={"former": released.former, "by": released.by, "why": released.reason},
    )


def _returned(returned: LeadReturned) -> Cause:
    return Cause(
        "lead-returned",
        reason=f"returned {returned.times} times: {returned.reason}",
        lead=returned.lead_id,
        role=MARKET,
        copies=(returned.former,),
        above=(returned.former,) if returned.former else (),
        details={"by": returned.by, "why": returned.reason, "times": str(returned.times)},
    )
