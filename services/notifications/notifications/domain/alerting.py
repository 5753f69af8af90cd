"""Alerts of one customer: raised once per cause, counted when repeated, escalated until answered.

The root holds the live alerts, one per kind at most, so that timers and repeats need no look-up;
an alert that is over moves to the parts, where it is found by its id.
"""

from collections.abc import Iterable
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
from perennial.contracts.customers import CustomerActivated, Evidence, WatcherChanged

from notifications.domain.causes import Cause, Over, alert_id, cause_of, ends
from notifications.domain.endpoints import matching
from notifications.domain.routing import Hearers, above, hearers
from notifications.domain.wording import next_step, title
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


class Customer(State, frozen=True, kw_only=True):
    """Who hears about a customer, and what they were told."""

    owner: str = ""
    watchers: list[str] = []
    live: dict[AlertKind, Alert] = {}
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
    return (alert_id(cause.kind, fact.id),) if cause else ()


def find(state: Customer, wanted: str) -> Alert | None:
    live = (one for one in state.live.values() if one.id == wanted)
    return next(live, state.parts.get(wanted))


def react(state: Customer, fact: Fact, world: World, now: datetime) -> Decision:
    match fact.data:
        case CustomerActivated() | WatcherChanged() as named:
            return _noted(state, named)
        case Acknowledge() | ReportSent() | ReportFailed() as request:
            return _requested(state, request, fact.principal)
        case TimerFired(name=name):
            return _unanswered(state, name.removeprefix(_RESPOND), world, now)
    return [*_resolved(state, fact), *_raised(state, fact, world, now)]


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
    state: Customer, request: Acknowledge | ReportSent | ReportFailed, by: str
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
            return [msgspec.convert(msgspec.structs.asdict(request), AlertSent)]
        case ReportFailed():
            return [msgspec.convert(msgspec.structs.asdict(request), AlertFailed)]


def _resolved(state: Customer, fact: Fact) -> Events:
    over = ends(fact)
    if over is None:
        return []
    because, kinds = over
    return [_resolution(state.live[kind], because, fact.id) for kind in kinds if kind in state.live]


def _resolution(alert: Alert, because: Over, cause_event: str) -> AlertResolved:
    return AlertResolved(alert_id=alert.id, because=because, cause_event=cause_event)


def _raised(state: Customer, fact: Fact, world: World, now: datetime) -> Events:
    """One alert per cause; a repeat of a call still unanswered is counted instead."""
    cause = cause_of(fact)
    if cause is None or find(state, alert_id(cause.kind, fact.id)):
        return []
    evidence = _evidence(cause, fact)
    live = state.live.get(cause.kind)
    rule = world.policy.kinds[cause.kind]
    if live is None:
        return [_call(state, cause, evidence, fact, world, now)]
    if live.state == "open" and now < live.raised_at + span(rule.quiet_for):
        count = live.repeats + 1
        repeat = AlertRepeated(
            alert_id=live.id, cause_event=fact.id, repeats=count, evidence=evidence
        )
        return [repeat]
    call = _call(state, cause, evidence, fact, world, now)
    return [_resolution(live, "superseded", fact.id), call]


def _evidence(cause: Cause, fact: Fact) -> list[Evidence]:
    """An alert always says why: the cause's own evidence, or the fact itself in words."""
    own = Evidence(sign=cause.kind, event_id=fact.id, text=cause.reason)
    return list(cause.evidence) or [own]


def _call(
    state: Customer,
    cause: Cause,
    evidence: list[Evidence],
    fact: Fact,
    world: World,
    now: datetime,
) -> AlertRaised:
    who = _hearers(state, cause, world, now)
    rule = world.policy.kinds[cause.kind]
    return AlertRaised(
        alert_id=alert_id(cause.kind, fact.id),
        customer_id=fact.key,
        kind=cause.kind,
        severity=rule.severity,
        person=who.person,
        also=who.also,
        title=title(cause.kind, fact.key, evidence),
        evidence=evidence,
        next_step=next_step(cause.kind),
        value_at_risk=cause.value_at_risk,
        cause_event=fact.id,
        respond_by=now + span(rule.respond_within) if rule.respond_within else None,
        team=who.team,
        endpoints=matching(world.endpoints, cause.kind, [who.person, *who.also]),
    )


def _hearers(state: Customer, cause: Cause, world: World, now: datetime) -> Hearers:
    owner = cause.owner or state.owner
    if not cause.manager:
        return hearers(owner, state.watchers, world, now)
    boss = cause.escalated_to or above(owner, [owner], world, now)
    return hearers(boss, [owner], world, now)


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
    )
    return [escalated]


def _opened(event: AlertRaised, now: datetime) -> Alert:
    return Alert(
        id=event.alert_id,
        kind=event.kind,
        told=[event.person],
        raised_at=now,
        respond_by=event.respond_by,
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


def _with_live(state: Customer, alert: Alert) -> Customer:
    return msgspec.structs.replace(state, live={**state.live, alert.kind: alert})


def _closed(state: Customer, wanted: str) -> Customer:
    alert = find(state, wanted)
    if alert is None:
        return state
    live = {kind: one for kind, one in state.live.items() if one.id != wanted}
    over = msgspec.structs.replace(alert, state="resolved", respond_by=None)
    return msgspec.structs.replace(state, live=live, parts={**state.parts, alert.id: over})
