"""Alerts of one customer: raised once per cause, counted when repeated, escalated until answered.

The root holds the live alerts, one per kind and lead at most (those about the customer: one per
kind), so that timers and repeats need no look-up; an alert that is over moves to the parts, where it is found by its id.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import ClassVar, Literal

import msgspec
from perennial.contracts.alerts import (
    AlertAcknowledged,
    AlertEscalated,
    AlertFailed,
    AlertKind,
    AlertRaised,
    AlertRepeated,
    AlertResolved,
    AlertSent,
    WatchersNoted,
)
from perennial.contracts.base import At, Decision, Event, Fact, Id, Part, Refusal, State, TimerFired
from perennial.contracts.customers import CustomerActivated, WatcherChanged
from perennial.contracts.holdings import Clock

from notifications.domain import causes, leads
from notifications.domain.calling import call, evidence
from notifications.domain.causes import Because, Cause
from notifications.domain.endpoints import matching
from notifications.domain.routing import above, by_mail
from notifications.domain.world import World
from notifications.policy import span

Events = list[Event | At]
_RESPOND = "respond:"


class Alert(Part, frozen=True, kw_only=True):
    """One alert as its events have made it."""

    id: str
    kind: AlertKind
    state: Literal["open", "acknowledged", "resolved"] = "open"
    told: list[str]
    """Everybody who was to act on it so far, the last one now."""
    raised_at: datetime
    respond_by: datetime | None = None
    step: int = 0
    repeats: int = 0
    acknowledged_by: str = ""
    lead: str = ""
    clock: Clock | None = None
    rung: str = ""
    due_at: datetime | None = None


class Customer(State, frozen=True, kw_only=True):
    """Who hears about a customer, and what they were told."""

    owner: str = ""
    watchers: list[str] = []
    live: dict[str, Alert] = {}
    """By kind, those about a lead by `kind:lead`."""
    parts: dict[str, Alert] = {}


class Acknowledge(msgspec.Struct, frozen=True, kw_only=True):
    """A wish: I have seen it and act on it."""

    TYPE: ClassVar[str] = "request.alert.acknowledge"
    alert_id: Id


class ReportSent(msgspec.Struct, frozen=True, kw_only=True):
    """The delivery worker's word: an endpoint took the alert."""

    TYPE: ClassVar[str] = "request.alert.report-sent"
    alert_id: Id
    endpoint: Id
    attempt: int
    status: int


class ReportFailed(msgspec.Struct, frozen=True, kw_only=True):
    """The delivery worker's word: an endpoint will not get the alert."""

    TYPE: ClassVar[str] = "request.alert.report-failed"
    alert_id: Id
    endpoint: Id
    attempts: int
    error: str


def names(fact: Fact) -> Iterable[str]:
    """The alerts that a fact names: those of a request, or the one that a cause would raise."""
    match fact.data:
        case Acknowledge() | ReportSent() | ReportFailed() as request:
            return (request.alert_id,)
    cause = cause_of(fact)
    return (cause.alert_id(fact),) if cause else ()


def cause_of(fact: Fact) -> Cause | None:
    return causes.cause_of(fact) or leads.cause_of(fact)


def find(state: Customer, wanted: str) -> Alert | None:
    live = (one for one in state.live.values() if one.id == wanted)
    return next(live, state.parts.get(wanted))


def react(state: Customer, fact: Fact, world: World, now: datetime) -> Decision:
    match fact.data:
        case CustomerActivated() | WatcherChanged() as named:
            return _noted(state, named)
        case Acknowledge() | ReportSent() | ReportFailed() as request:
            return _requested(state, request, fact.principal, now)
        case TimerFired(name=name):
            return _unanswered(state, name.removeprefix(_RESPOND), world, now)
    ended = _ended(state, fact)
    over = {one.alert_id for one in ended}
    live = {slot: one for slot, one in state.live.items() if one.id not in over}
    return [*ended, *_raised(state, live, fact, world, now)]


def due(state: Customer, _world: World) -> dict[str, datetime]:
    return {
        f"{_RESPOND}{one.id}": one.respond_by
        for one in state.live.values()
        if one.state == "open" and one.respond_by
    }


def evolve(state: Customer, event: Event, now: datetime) -> Customer:
    match event:
        case WatchersNoted():
            return msgspec.structs.replace(state, owner=event.owner, watchers=event.watchers)
        case AlertRaised():
            return _with_live(state, _opened(event, now))
        case AlertResolved():
            return _closed(state, event.alert_id)
        case AlertRepeated() | AlertAcknowledged() | AlertEscalated():
            before = find(state, event.alert_id)
            return _with_live(state, _changed(before, event)) if before else state
    return state


def _noted(state: Customer, named: CustomerActivated | WatcherChanged) -> Events:
    if (state.owner, state.watchers) == (named.owner, named.watchers):
        return []
    customer = named.customer_id
    return [WatchersNoted(customer_id=customer, owner=named.owner, watchers=named.watchers)]


def _requested(
    state: Customer, request: Acknowledge | ReportSent | ReportFailed, by: str, now: datetime
) -> Decision:
    alert = find(state, request.alert_id)
    if alert is None:
        return Refusal(
            code="alert-unknown",
            detail=f"There is no alert {request.alert_id}; list them with GET /v1/alerts.",
            kind="missing",
        )
    match request:
        case Acknowledge():
            answered = alert.state != "open"
            return [] if answered else [AlertAcknowledged(alert_id=alert.id, by=by)]
        case ReportSent():
            return [_sent(alert, request, now)]
        case ReportFailed():
            return [msgspec.convert(msgspec.structs.asdict(request), AlertFailed)]


def _sent(alert: Alert, told: ReportSent, now: datetime) -> AlertSent:
    """Of a warning it says how early it was: what in time to act means is measured from it."""
    sent = msgspec.convert(msgspec.structs.asdict(told), AlertSent)
    if alert.due_at is None:
        return sent
    early = round((alert.due_at - now).total_seconds(), 3)
    return msgspec.structs.replace(sent, rung=alert.rung, before_due_seconds=early)


def _ended(state: Customer, fact: Fact) -> list[AlertResolved]:
    over = causes.over(fact) or leads.over(fact)
    if over is None:
        return []
    ended = [one for one in state.live.values() if over.ends(one.kind, one.lead, one.clock)]
    ended.sort(key=lambda one: one.id)  # a state read back has an order of its own
    return [_resolution(one, over.because, fact.id) for one in ended]


def _resolution(alert: Alert, because: Because, cause_event: str) -> AlertResolved:
    return AlertResolved(alert_id=alert.id, because=because, cause_event=cause_event)


def _raised(
    state: Customer, lives: Mapping[str, Alert], fact: Fact, world: World, now: datetime
) -> Events:
    """One alert per cause; a repeat of a call still unanswered is counted instead.

    Each rung of a ladder is a call of its own: it takes the place of the one before.
    """
    cause = cause_of(fact)
    if cause is None or find(state, cause.alert_id(fact)):
        return []
    live = lives.get(_slot(cause.kind, cause.lead))
    rule = world.policy.rule(cause.kind)
    if live is None:
        return [call(cause, state.owner, state.watchers, fact, world, now)]
    quiet = cause.deadline is None and now < live.raised_at + span(rule.quiet_for)
    if live.state == "open" and quiet:
        count = live.repeats + 1
        told = evidence(cause, fact)
        return [AlertRepeated(alert_id=live.id, cause_event=fact.id, repeats=count, evidence=told)]
    anew = call(cause, state.owner, state.watchers, fact, world, now)
    return [_resolution(live, "superseded", fact.id), anew]


def _unanswered(state: Customer, wanted: str, world: World, now: datetime) -> Events:
    """Up the chain once more; at its end nobody is named a time any more, and it rests."""
    alert = find(state, wanted)
    if alert is None:
        return []
    rule = world.policy.escalation
    person = above(alert.told[-1], alert.told, world, now)
    step = alert.step + 1
    further = step < rule.steps and person not in alert.told
    escalated = AlertEscalated(
        alert_id=alert.id,
        person=person,
        step=step,
        respond_by=now + span(rule.respond_within) if further else None,
        endpoints=matching(world.endpoints, alert.kind, [person]),
        mailed=by_mail(world, alert.kind, [person]),
    )
    return [escalated]


def _opened(event: AlertRaised, now: datetime) -> Alert:
    return Alert(
        id=event.alert_id,
        kind=event.kind,
        told=[event.person],
        raised_at=now,
        respond_by=event.respond_by,
        lead=event.lead_id,
        clock=event.clock,
        rung=event.rung,
        due_at=event.due_at,
    )


def _changed(alert: Alert, event: AlertRepeated | AlertAcknowledged | AlertEscalated) -> Alert:
    match event:
        case AlertRepeated():
            return msgspec.structs.replace(alert, repeats=event.repeats)
        case AlertAcknowledged():
            return msgspec.structs.replace(
                alert, state="acknowledged", acknowledged_by=event.by, respond_by=None
            )
        case AlertEscalated():
            told = [*alert.told, event.person]
            return msgspec.structs.replace(
                alert, told=told, step=event.step, respond_by=event.respond_by
            )


def _slot(kind: AlertKind, lead: str) -> str:
    return f"{kind}:{lead}" if lead else kind


def _with_live(state: Customer, alert: Alert) -> Customer:
    live = {**state.live, _slot(alert.kind, alert.lead): alert}
    return msgspec.structs.replace(state, live=live)


def _closed(state: Customer, wanted: str) -> Customer:
    alert = find(state, wanted)
    if alert is None:
        return state
    live = {slot: one for slot, one in state.live.items() if one.id != wanted}
    over = msgspec.structs.replace(alert, state="resolved", respond_by=None)
    return msgspec.structs.replace(state, live=live, parts={**state.parts, alert.id: over})
