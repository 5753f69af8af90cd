"""What the API shows: one struct per resource, made from the rows of the store."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from perennial.contracts.alerts import AlertKind, AlertRaised
from perennial.contracts.base import Event
from perennial.contracts.customers import Evidence

from notifications.domain.alerting import Alert, Customer, find
from notifications.domain.endpoints import Endpoint
from notifications.store import Record

AlertState = Literal["open", "acknowledged", "resolved"]


class AlertView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One alert as it stands."""

    id: str
    customer_id: str
    kind: AlertKind
    severity: str
    state: AlertState
    person: str
    also: list[str]
    escalated_to: list[str] = []
    title: str
    raised_at: datetime
    lead_id: str = ""
    clock: str = ""
    """Of a warning of turnover: which clock runs out."""
    rung: str = ""
    due_at: datetime | None = None
    respond_by: datetime | None = None
    acknowledged_by: str | None = None
    repeats: int = 0
    sent: int = 0
    failed: int = 0
    evidence: list[Evidence] = []
    next_step: str = ""
    value_at_risk: int = 0
    cause_event: str = ""
    details: dict[str, str] = {}


class LeadTimes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How long before the due moment the warnings of one rung came, in seconds; below 0: too late.

    Sent is the first message that an endpoint or mail server took.
    """

    rung: str
    clock: str
    warned: int
    sent: int
    sent_late: int
    raised_least: float
    raised_median: float
    sent_least: float | None = None
    sent_median: float | None = None


class ChannelView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A way by which alerts leave, and whether it can be used."""

    name: Literal["webhook", "stream", "email"]
    on: bool
    paused_until: datetime | None = None
    """It failed too often in a row and is left alone until then."""
    says: str = ""


class AlertCounts(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of alert: how many were raised, and how many of them ever got that far."""

    kind: AlertKind
    raised: int
    open: int
    """Neither acknowledged nor resolved by now."""
    acknowledged: int
    resolved: int
    escalated: int
    sent: int
    """Messages that endpoints took; an escalated alert has several."""
    failed: int


class AlertStanding(msgspec.Struct, frozen=True, kw_only=True):
    """What an acknowledgement answers with."""

    id: str
    kind: AlertKind
    state: AlertState
    acknowledged_by: str = ""


class ReceiptView(msgspec.Struct, frozen=True, kw_only=True):
    """One decision about an alert, with what led to it."""

    id: str
    type: str
    time: datetime
    now: datetime
    receipt: Any
    data: Any


class NewEndpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address to post alerts to; empty filters let everything through."""

    url: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    kinds: list[AlertKind] = []
    persons: list[str] = []


class EndpointEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change; the rest stays."""

    url: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)] | None = None
    kinds: list[AlertKind] | None = None
    persons: list[str] | None = None
    enabled: bool | None = None
    reason: str = ""


class EndpointView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One endpoint. The secret is shown when it is made, and never again."""

    id: str
    url: str
    kinds: list[AlertKind]
    persons: list[str]
    enabled: bool
    reason: str = ""
    since: datetime | None = None
    secret: str = ""


class SecretView(msgspec.Struct, frozen=True, kw_only=True):
    """A new signing secret; the old one signs beside it until `old_until`."""

    secret: str
    old_until: datetime


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    n: int
    at: datetime
    status: int
    error: str


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message to one endpoint, with every attempt; `id` is its `webhook-id`."""

    id: str
    seq: int
    endpoint_id: str
    alert_id: str
    kind: str
    state: Literal["pending", "sent", "failed"]
    attempts: list[AttemptView]
    due_at: datetime
    finished_at: datetime | None = None
    error: str = ""


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """How many deliveries are due again."""

    replayed: int


class TestSent(msgspec.Struct, frozen=True, kw_only=True):
    """The test event waits to be posted; look at it in the deliveries."""

    delivery_id: str


def alert_view(row: Record) -> AlertView:
    """A row of the list, or of one alert: that one brings the event with its evidence."""
    fields = {name: row[name] for name in _FROM_ROW}
    told = AlertView(escalated_to=row["escalated"], **fields)
    if "data" not in row:
        return told
    raised = msgspec.json.decode(row["data"], type=AlertRaised)
    more = {name: getattr(raised, name) for name in _FROM_EVENT}
    return msgspec.structs.replace(told, **more)


_FROM_EVENT = ("evidence", "next_step", "value_at_risk", "cause_event", "details")
_FROM_ROW = tuple(set(AlertView.__struct_fields__) - set(_FROM_EVENT) - {"escalated_to"})


def lead_times_view(row: Record) -> LeadTimes:
    seconds = ("raised_least", "raised_median", "sent_least", "sent_median")
    told = {name: row[name].total_seconds() for name in seconds if row[name] is not None}
    counts = {name: row[name] for name in ("rung", "clock", "warned", "sent", "sent_late")}
    return LeadTimes(**counts, **told)


def standing(alert_id: str, state: Customer, _events: list[Event]) -> tuple[int, AlertStanding]:
    """The answer to an acknowledgement, from the state after it."""
    alert = find(state, alert_id)
    assert isinstance(alert, Alert)  # an unknown alert was refused before this
    shown = AlertStanding(
        id=alert.id, kind=alert.kind, state=alert.state, acknowledged_by=alert.acknowledged_by
    )
    return 200, shown


def receipt_view(row: Record) -> ReceiptView:
    data = msgspec.json.decode(row["data"])
    receipt = data.pop("receipt", None)
    return ReceiptView(
        id=row["id"],
        type=row["type"],
        time=row["time"],
        now=row["now"],
        receipt=receipt,
        data=data,
    )


def endpoint_row(row: Record) -> EndpointView:
    return EndpointView(
        id=row["endpoint_id"],
        url=row["url"],
        kinds=row["kinds"],
        persons=row["persons"],
        enabled=row["enabled"],
        reason=row["reason"],
        since=row["at"],
    )


def endpoint_made(state: Endpoint, _events: list[Event]) -> tuple[int, EndpointView]:
    return 201, _endpoint(state)


def endpoint_kept(state: Endpoint, _events: list[Event]) -> tuple[int, EndpointView]:
    return 200, _endpoint(state)


def _endpoint(state: Endpoint) -> EndpointView:
    return EndpointView(
        id=state.id,
        url=state.url,
        kinds=state.kinds,
        persons=state.persons,
        enabled=state.enabled,
        reason=state.reason,
        since=state.since,
    )


def delivery_view(row: Record) -> DeliveryView:
    return DeliveryView(
        id=row["id"],
        seq=row["seq"],
        endpoint_id=row["endpoint_id"],
        alert_id=row["alert_id"],
        kind=row["kind"],
        state=row["state"],
        attempts=msgspec.json.decode(row["tries"], type=list[AttemptView]),
        due_at=row["due_at"],
        finished_at=row["finished_at"],
        error=row["error"],
    )
