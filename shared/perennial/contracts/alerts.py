"""Alerts to named people, written by notifications, keyed by customer id."""

from datetime import datetime
from typing import ClassVar, Literal

from perennial.contracts.base import Event, Id, Minor, Topic
from perennial.contracts.customers import Evidence

AlertKind = Literal[
    "red-light", "maturity", "growth-slowed", "lost", "winback-overdue", "recovered"
]


class AlertRaised(Event, frozen=True, kw_only=True):
    """A named person is to hear of something, with the evidence and what to do next."""

    TYPE: ClassVar[str] = "perennial.alert.raised.v1"
    alert_id: Id
    customer_id: Id
    kind: AlertKind
    severity: Literal["info", "warning", "critical"]
    person: Id
    also: list[str] = []
    """Others who get a copy (the second watcher, the manager)."""
    title: str
    evidence: list[Evidence] = []
    next_step: str = ""
    value_at_risk: Minor = 0
    cause_event: str = ""
    respond_by: datetime | None = None


class AlertSent(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.alert.sent.v1"
    alert_id: Id
    endpoint: Id
    attempt: int
    status: int


class AlertFailed(Event, frozen=True, kw_only=True):
    """An endpoint gave up on an alert: attempts exhausted or the endpoint is gone."""

    TYPE: ClassVar[str] = "perennial.alert.failed.v1"
    alert_id: Id
    endpoint: Id
    attempts: int
    error: str


class AlertAcknowledged(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.alert.acknowledged.v1"
    alert_id: Id
    by: Id


class AlertEscalated(Event, frozen=True, kw_only=True):
    """Nobody acknowledged in time: the next person in the chain hears of it."""

    TYPE: ClassVar[str] = "perennial.alert.escalated.v1"
    alert_id: Id
    person: Id
    step: int


ALERTS = Topic(
    "alerts.v1",
    "notifications",
    [AlertRaised, AlertSent, AlertFailed, AlertAcknowledged, AlertEscalated],
)
