"""Leads against the ledger: each said once, each wish done once, one holder at a time, limits kept. Pure.

Nothing here asks the rules: who holds what is followed anew from the topic, event by event.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import Any

from perennial.contracts.holdings import (
    ActivityLogged,
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
from perennial.contracts.leads import LeadCaptured, LeadReadied, LeadReturned, LeadTouched

from perennial_cli.chaos_check import SHOWN, Check, compared
from perennial_cli.chaos_ledger import Account, Said, Verb
from perennial_cli.chaos_market import FLOOR, SELLERS
from perennial_cli.chaos_readings import Stream
from perennial_cli.events import Seen

LEADS = (LeadCaptured.TYPE, LeadTouched.TYPE)
ENDS = (LeadWon.TYPE, LeadLost.TYPE, LeadClosed.TYPE)
LOSSES = (LeadTurnedOver.TYPE, LeadReleased.TYPE, LeadReturned.TYPE)
TOLD_TO = (TurnoverWarned.TYPE, ProtectionGranted.TYPE, ProtectionEnded.TYPE)
COMES_OF: Mapping[Verb, str] = {
    "assign": LeadAssigned.TYPE,
    "claim": LeadClaimed.TYPE,
    "pool": LeadPooled.TYPE,
    "release": LeadReleased.TYPE,
    "return": LeadReturned.TYPE,
}


def judge_leads(account: Account, leads: Stream) -> list[Check]:
    """All comparisons about leads."""
    followed = [_followed(events) for events in leads.events.values()]
    return [
        _facts(account, leads),
        _wishes(account, leads),
        _moves(followed),
        _limits(followed),
    ]


def _facts(account: Account, leads: Stream) -> Check:
    """Each fact once on `leads.v1`, and each party's in the order in which they were said."""
    captured = (one for one in leads.of_type(*LEADS) if one.data.get("lead_id"))
    ids = {one.data["number"]: one.data["lead_id"] for one in captured if one.data.get("number")}
    said = [fact for fact in account.said if fact.lead]
    found = {key: list(_names(events)) for key, events in leads.events.items()}
    check = compared(
        "lead facts",
        (_name(fact, ids) for fact in said),
        (name for names in found.values() for name in names),
    )
    places = {_name(fact, ids): (fact.customer, n) for n, fact in enumerate(said)}
    for key, names in found.items():
        check.in_order(key, (places[name] for name in names if name in places))
    return check


def _name(fact: Said, ids: Mapping[str, str]) -> str:
    """An end is known by our id of the lead: the one that a further touch has joined."""
    match fact.kind:
        case "activity":
            return f"activity {fact.own}"
        case "close":
            return f"close {ids.get(fact.lead, fact.lead)}"
    return f"lead {fact.lead}"


def _names(events: Iterable[Seen]) -> Iterator[str]:
    for event in events:
        if event.type in LEADS and event.data.get("lead_id"):
            yield f"lead {event.data['number']}"
        elif event.type == ActivityLogged.TYPE:
            yield f"activity {event.data['activity_id']}"
        elif event.type in ENDS:
            yield f"close {event.data['lead_id']}"


def _wishes(account: Account, leads: Stream) -> Check:
    """What was answered as done has happened once; what was refused has not."""
    comes = {wish.id: COMES_OF[wish.verb] for wish in account.wished}
    done = [one for one, told in account.answered.items() if told[-1].done]
    asked = (event for event in leads.all() if f":{FLOOR}:" in event.causation)
    found = ((one.causation.rpartition(":")[2], one.type) for one in asked)
    return compared(
        "wishes done",
        ((one, comes[one]) for one in done),
        ((one, kind) for one, kind in found if comes.get(one, kind) == kind),
    )


@dataclass
class _Lead:
    """A lead as its events alone have made it."""

    held: "Held | None" = None
    stage: str = "market"

    @property
    def holder(self) -> str:
        return self.held.person if self.held else ""


@dataclass
class Held:
    """A time in which a seller held a lead for certain: from when it was on the topic to when its end
    was decided."""

    person: str
    since: datetime
    until: datetime | None = None


@dataclass
class Followed:
    """What one party's events say of its leads."""

    events: int = 0
    faults: list[str] = field(default_factory=list)
    """Two holders at once, or moves that cannot follow each other."""
    held: list[Held] = field(default_factory=list)


def _followed(events: Iterable[Seen]) -> Followed:
    found, leads = Followed(), dict[str, _Lead]()
    for event in events:
        lead_id = event.data.get("lead_id", "")
        if not lead_id:
            continue
        lead = leads.setdefault(lead_id, _Lead())
        fault = _fault(lead, event.type, event.data)
        if fault:
            found.faults.append(f"{lead_id} {event.type}/{event.ver}: {fault}")
        _move(lead, event, found)
        found.events += 1
    return found


def _fault(lead: _Lead, kind: str, data: dict[str, Any]) -> str:
    """Why this cannot follow what was; "" if it can."""
    former, holder = data.get("former", ""), data.get("holder", "")
    if kind == LeadAssigned.TYPE and lead.holder not in ("", former):
        return f"{lead.holder} holds it, not {former or 'nobody'}"
    if kind == LeadAssigned.TYPE and data["how"] == "matched" and lead.holder:
        return f"a round gave away what {lead.holder} holds"
    if kind == LeadClaimed.TYPE and (lead.stage != "pooled" or lead.holder):
        return f"claimed while {lead.stage} with {lead.holder or 'nobody'}"
    if kind in LOSSES and former != lead.holder:
        return f"{former} loses what {lead.holder or 'nobody'} holds"
    if kind in TOLD_TO and holder != lead.holder:
        return f"{holder} is told of what {lead.holder or 'nobody'} holds"
    if kind in (LeadPooled.TYPE, LeadNurtured.TYPE, LeadReadied.TYPE) and lead.holder:
        return f"{lead.holder} holds it"
    if lead.stage == "ended" and kind in (*LOSSES, *ENDS, LeadAssigned.TYPE, LeadClaimed.TYPE):
        return "it had ended"
    return ""


_STAGES = {
    LeadPooled.TYPE: "pooled",
    LeadReopened.TYPE: "market",
    LeadNurtured.TYPE: "market",
    LeadReadied.TYPE: "waiting",
    **dict.fromkeys(LOSSES, "waiting"),
    **dict.fromkeys(ENDS, "ended"),
}


def _move(lead: _Lead, event: Seen, found: Followed) -> None:
    gains = event.type in (LeadAssigned.TYPE, LeadClaimed.TYPE)
    if (gains or event.type in (*LOSSES, *ENDS)) and lead.held:
        lead.held.until = datetime.fromisoformat(event.recorded)
        lead.held = None
    if gains:
        lead.held, lead.stage = Held(event.data["holder"], event.at), "held"
        found.held.append(lead.held)
    lead.stage = _STAGES.get(event.type, lead.stage)


def _moves(followed: Iterable[Followed]) -> Check:
    faults = [fault for one in followed for fault in one.faults]
    events = sum(one.events for one in followed)
    return Check("one holder at a time", events, disordered=len(faults), examples=faults[:SHOWN])


def _limits(followed: Iterable[Followed]) -> Check:
    """Nobody gained more than allowed, nor held more at once than allowed, for certain."""
    held: dict[str, list[Held]] = {}
    for one in followed:
        for each in one.held:
            held.setdefault(each.person, []).append(each)
    check = Check("sellers' limits", sum(map(len, held.values())))
    for place in SELLERS:
        mine = held.get(place.name, [])
        for what, count, most in (
            ("gained", len(mine), place.inflow),
            ("held", _most_at_once(mine), place.open),
        ):
            if count > most:
                check.doubled += count - most
                check.examples.append(f"{place.name} {what} {count}, allowed {most}")
    return check


def _most_at_once(held: Iterable[Held]) -> int:
    """Ends come before beginnings of the same instant."""
    steps = [(one.since, 1) for one in held if one.until is None or one.until > one.since]
    steps += [(one.until, -1) for one in held if one.until and one.until > one.since]
    return max(accumulate(change for _, change in sorted(steps)), default=0)
