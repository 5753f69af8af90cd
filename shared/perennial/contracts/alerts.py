"""Alerts to named people, written by notifications, keyed by customer id; and where they go.

Endpoints have a topic of their own, keyed `endpoint:<id>`. Their signing secrets are in no topic.
"""

from datetime import datetime
from typing import ClassVar, Literal

from perennial.contracts.base import Event, Id, Minor, Topic
from perennial.contracts.customers import Evidence
from perennial.contracts.holdings import Clock

AlertKind = Literal[
    "red-light", "maturity", "growth-slowed", "lost", "winback-overdue", "recovered",
    "turnover-due", "lead-review", "turned-over", "lead-pooled", "lead-claimed", "lead-assigned",
    "lead-queued", "lead-released", "lead-returned",
]  # fmt: skip
"""The second and third line are about one lead of a customer."""


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
    """Not acknowledged by then, it goes up the chain."""
    team: str = ""
    """The person's team when it was raised: who else may see it."""
    endpoints: list[Id] = []
    """The webhook endpoints it goes to, as they stood when it was raised."""
    mailed: list[Id] = []
    """Those of the people who get it by e-mail as well, by policy and register."""
    lead_id: str = ""
    """Which of the customer's leads it is about; empty where it is about the customer."""
    clock: Clock | None = None
    """Of a warning: which clock runs out."""
    rung: str = ""
    """Of a warning: which one of the ladder it is, as the policy of lead-intake names it."""
    started_at: datetime | None = None
    due_at: datetime | None = None
    """When the clock runs out: the alert is in time if it reaches its person before."""
    details: dict[str, str] = {}
    """Further deciding values by name, in words that need no translation."""


class AlertSent(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.alert.sent.v1"
    alert_id: Id
    endpoint: Id
    attempt: int
    status: int
    rung: str = ""
    """Of a warning: which one of the ladder it was."""
    before_due_seconds: float | None = None
    """Of a warning: how long before the due moment it was sent; negative means too late."""


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
    respond_by: datetime | None = None
    """When it goes further; absent at the end of the chain."""
    endpoints: list[Id] = []
    mailed: list[Id] = []


class AlertRepeated(Event, frozen=True, kw_only=True):
    """Another cause for an alert that is already open: counted, and nobody is called twice."""

    TYPE: ClassVar[str] = "perennial.alert.repeated.v1"
    alert_id: Id
    cause_event: str
    repeats: int
    evidence: list[Evidence] = []


class AlertResolved(Event, frozen=True, kw_only=True):
    """What it warned of is over, or a newer alert took its place: nobody needs to act on it."""

    TYPE: ClassVar[str] = "perennial.alert.resolved.v1"
    alert_id: Id
    because: Literal[
        "light-cleared", "diagnosed", "recovered", "released", "superseded",
        "activity", "protected", "turned-over", "moved", "won", "lost", "closed",
        "merged",
    ]  # fmt: skip
    cause_event: str = ""


class WatchersNoted(Event, frozen=True, kw_only=True):
    """Who hears about this customer from now on, as lifecycle named them."""

    TYPE: ClassVar[str] = "perennial.alert.watchers-noted.v1"
    customer_id: Id
    owner: str
    watchers: list[str] = []


class EndpointRegistered(Event, frozen=True, kw_only=True):
    """A webhook endpoint of some app. Empty `kinds` or `persons` means all."""

    TYPE: ClassVar[str] = "perennial.endpoint.registered.v1"
    endpoint_id: Id
    url: str
    kinds: list[AlertKind] = []
    persons: list[str] = []
    enabled: bool = True
    by: str = ""
    reason: str = ""
    """Why it was enabled or disabled, as `410 Gone`."""


class EndpointChanged(EndpointRegistered, frozen=True, kw_only=True):
    """The endpoint's entry as it stands from now on (whole)."""

    TYPE: ClassVar[str] = "perennial.endpoint.changed.v1"


ALERTS = Topic(
    "alerts.v1",
    "notifications",
    [
        AlertRaised,
        AlertSent,
        AlertFailed,
        AlertAcknowledged,
        AlertEscalated,
        AlertRepeated,
        AlertResolved,
        WatchersNoted,
    ],
)
ENDPOINTS = Topic(
    "endpoints.v1", "notifications", [EndpointRegistered, EndpointChanged], partitions=1
)
