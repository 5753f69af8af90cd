"""Leads of a party as scoring follows them: what was learned of each, and when to look again (I6).

State is what `LeadScored` tells: it carries what its fact added. A lead that has ended keeps nothing
but the value its source expected, in case it is opened again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec
from perennial.contracts.base import Fact, TimerFired
from perennial.contracts.grades import LeadScored, LeadScoringEnded, Learned, Signal
from perennial.contracts.holdings import (
    ActivityLogged,
    LeadClosed,
    LeadLost,
    LeadReopened,
    LeadWon,
)
from perennial.contracts.leads import LeadCaptured, LeadTagged, LeadTouched
from perennial.contracts.unions import LeadLeft, LeadTaken

from scoring.domain.points import Points, assessed, contributions
from scoring.policy import Policy

LEAD_FACTS = (
    LeadCaptured,
    LeadTouched,
    LeadTagged,
    ActivityLogged,
    LeadWon,
    LeadLost,
    LeadClosed,
    LeadReopened,
)
Told = LeadScored | LeadScoringEnded
Because = Literal["captured", "touch", "activity", "silence", "reopened", "merge"]
Ended = Literal["won", "lost", "closed", "left"]
ENDED: Mapping[type, Ended] = {
    LeadWon: "won",
    LeadLost: "lost",
    LeadClosed: "closed",
    LeadLeft: "left",
}
LATEST = 100
"""Signals that a lead keeps: in any sensible policy older ones have halved away."""


class Lead(msgspec.Struct, frozen=True, omit_defaults=True):
    """One lead as its own events tell of it."""

    signals: tuple[Signal, ...] = ()
    """By business time."""
    expected_value: int | None = None
    ended: bool = False
    review_at: datetime | None = None


NO_LEAD = Lead()


class Leads(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of a party from its leads."""

    attributes: dict[str, str] = {}
    by_id: dict[str, Lead] = {}

    @property
    def open(self) -> list[str]:
        return sorted(lead_id for lead_id, lead in self.by_id.items() if not lead.ended)

    @property
    def review_at(self) -> datetime | None:
        """When silence next changes one of them."""
        reviews = [lead.review_at for lead in self.by_id.values() if lead.review_at is not None]
        return min(reviews, default=None)


NO_LEADS = Leads()


def react(leads: Leads, fact: Fact, policy: Policy, now: datetime) -> list[Told]:
    """What a fact about a lead, or silence, changes."""
    data = fact.data
    if isinstance(data, TimerFired):
        return _silent(leads, fact.key, policy, now)
    if not data.lead_id:  # a party that came by an order: there is no chance to score
        return []
    lead = leads.by_id.get(data.lead_id, NO_LEAD)
    if isinstance(data, LeadLeft):
        return [_ended(fact)] if data.lead_id in leads.by_id else []
    if type(data) in ENDED:
        return [] if lead.ended else [_ended(fact)]
    if isinstance(data, LeadTaken) and data.stage in ENDED.values():
        return [_came_ended(fact, data)]
    if lead.ended and not isinstance(data, LeadReopened):
        return []
    found = _learned(leads, lead, fact, min(fact.time, now))
    if found is None or not _matters(lead, *found, policy):
        return []
    return _told(leads, fact, policy, now, *found)


def evolve(leads: Leads, event: Told) -> Leads:
    """The party's leads after one of scoring's own events."""
    lead = leads.by_id.get(event.lead_id, NO_LEAD)
    if isinstance(event, LeadScoringEnded) and event.because == "left":
        attributes = {n: value for n, value in leads.attributes.items() if n not in event.forgotten}
        return Leads(attributes, {n: one for n, one in leads.by_id.items() if n != event.lead_id})
    if isinstance(event, LeadScoringEnded):
        after = Lead(expected_value=lead.expected_value, ended=True)
        return Leads(leads.attributes, {**leads.by_id, event.lead_id: after})
    learned = event.learned
    after = msgspec.structs.replace(_with(lead, learned), ended=False, review_at=event.review_at)
    attributes = leads.attributes
    if learned is not None and learned.attributes:
        attributes = {**attributes, **learned.attributes}
    return Leads(attributes, {**leads.by_id, event.lead_id: after})


def best(leads: Leads, policy: Policy, now: datetime) -> Points | None:
    """The open lead with the highest score; none where all have ended."""
    found = [points_of(leads.attributes, leads.by_id[i], policy, now) for i in leads.open]
    return max(found, key=lambda one: one.score, default=None)


def points_of(attributes: Mapping[str, str], lead: Lead, policy: Policy, now: datetime) -> Points:
    """A lead's points at a moment."""
    return assessed(attributes, lead.signals, lead.expected_value, policy, now)


def scored(
    leads: Leads, customer_id: str, lead_id: str, policy: Policy, now: datetime, because: Because
) -> LeadScored:
    """A lead's score at a moment, as it is published."""
    lead = leads.by_id[lead_id]
    found = points_of(leads.attributes, lead, policy, now)
    value, match = lead.expected_value, found.match
    return LeadScored(
        customer_id=customer_id,
        lead_id=lead_id,
        because=because,
        score=found.score,
        fit=round(found.fit, 2),
        engagement=round(found.engagement, 2),
        match=round(100 * match.share, 2) if match else None,
        persona=match.name if match else "",
        ready=found.ready,
        grade=found.grade,
        expected_value=policy.leads.values[found.grade] if value is None else value,
        contributions=contributions(found, policy.leads),
        review_at=found.review_at,
    )


def _silent(leads: Leads, key: str, policy: Policy, now: datetime) -> list[Told]:
    reviews = {lead_id: leads.by_id[lead_id].review_at for lead_id in leads.open}
    return [
        scored(leads, key, lead_id, policy, now, "silence")
        for lead_id, review_at in reviews.items()
        if review_at is not None and review_at <= now
    ]


def _came_ended(fact: Fact, taken: LeadTaken) -> LeadScoringEnded:
    because = next(ended for ended in ENDED.values() if ended == taken.stage)
    return LeadScoringEnded(customer_id=fact.key, lead_id=taken.lead_id, because=because)


def _ended(fact: Fact) -> LeadScoringEnded:
    return LeadScoringEnded(
        customer_id=fact.key,
        lead_id=fact.data.lead_id,
        because=ENDED[type(fact.data)],
        forgotten=fact.data.forgets if isinstance(fact.data, LeadLeft) else [],
    )


def _learned(leads: Leads, lead: Lead, fact: Fact, at: datetime) -> tuple[Because, Learned] | None:
    """What a fact adds, and as what it is told."""
    data = fact.data
    match data:
        case LeadCaptured():
            whats = _signals(data.channel, data.wants_call, data.tags)
            known: dict[str, str] = {}
        case LeadTouched():
            whats = _signals(data.touch.channel, data.wants_call, ())
            known = leads.attributes
        case LeadTagged():
            signals = [Signal(what=f"tag:{tag}", at=at) for tag in data.added]
            return "touch", Learned(
                signals=signals, withdrawn=[f"tag:{tag}" for tag in data.removed]
            )
        case LeadTaken():
            return "merge", Learned(
                attributes={
                    n: value
                    for n, value in data.attributes.items()
                    if value and n not in leads.attributes
                },
                signals=[Signal(what=one.what, at=one.at) for one in data.heard],
                expected_value=data.expected_value,
            )
        case ActivityLogged():
            return "activity", Learned(signals=[Signal(what=f"activity:{data.kind}", at=at)])
        case _:
            return ("reopened", Learned()) if lead.ended else None
    return "captured" if isinstance(data, LeadCaptured) else "touch", Learned(
        attributes={
            name: value
            for name, value in data.attributes.items()
            if value and name not in known and leads.attributes.get(name) != value
        },
        signals=[Signal(what=what, at=at) for what in whats],
        expected_value=data.expected_value if isinstance(data, LeadCaptured) else None,
    )


def _signals(channel: str, wants_call: bool, tags: Sequence[str]) -> list[str]:
    whats = [f"channel:{channel}"] if channel else []
    return [*whats, *(["wants-call"] if wants_call else []), *(f"tag:{tag}" for tag in tags)]


def _matters(lead: Lead, because: Because, learned: Learned, policy: Policy) -> bool:
    """Tags and activities are told where they make points, or made some."""
    if because in ("captured", "reopened", "merge") or learned.attributes:
        return True
    counts = policy.leads.counted
    held = any(signal.what in learned.withdrawn for signal in lead.signals)
    return held or any(signal.what in counts for signal in learned.signals)


def _told(
    leads: Leads, fact: Fact, policy: Policy, now: datetime, because: Because, learned: Learned
) -> list[Told]:
    """The lead anew; and the party's others, where something was learned of the party."""
    lead_id = fact.data.lead_id
    after = Leads(
        {**leads.attributes, **learned.attributes},
        {**leads.by_id, lead_id: _with(leads.by_id.get(lead_id, NO_LEAD), learned)},
    )
    first = scored(after, fact.key, lead_id, policy, now, because)
    told: list[Told] = [msgspec.structs.replace(first, learned=learned)]
    if learned.attributes:
        others = [other for other in after.open if other != lead_id]
        told += [scored(after, fact.key, other, policy, now, "touch") for other in others]
    return told


def _with(lead: Lead, learned: Learned | None) -> Lead:
    """The lead with what was learned of it."""
    if learned is None:
        return lead
    kept = [signal for signal in lead.signals if signal.what not in learned.withdrawn]
    signals = sorted([*kept, *learned.signals], key=lambda signal: (signal.at, signal.what))
    value = learned.expected_value
    return msgspec.structs.replace(
        lead,
        signals=tuple(signals[-LATEST:]),
        expected_value=lead.expected_value if value is None else value,
    )
