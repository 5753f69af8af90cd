"""The rows that each own event leaves: read models, work for the delivery worker, and the feed.

One row per fact, in the transaction of the fact; none of them depends on what came before.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from perennial.contracts.alerts import (
    AlertAcknowledged,
    AlertEscalated,
    AlertFailed,
    AlertRaised,
    AlertRepeated,
    AlertResolved,
    AlertSent,
    EndpointRegistered,
)
from perennial.contracts.base import Event
from perennial.kit.subject import Made, Row


def with_mail(made: Made) -> Iterable[Row]:
    """What an event leaves where the e-mail channel is on. Off, no message waits to go out late."""
    yield from rows(made)
    if isinstance(made.event, AlertRaised | AlertEscalated):
        yield from _letters(made, made.event)


def rows(made: Made) -> Iterable[Row]:
    event = made.event
    match event:
        case AlertRaised():
            return [_alert(made, event), _feed(made, event.alert_id), *_deliveries(made, event)]
        case AlertEscalated():
            marked = _marked(made, event.alert_id, "escalated", event.person)
            return [*marked, *_deliveries(made, event)]
        case AlertAcknowledged():
            return _marked(made, event.alert_id, "acknowledged", event.by)
        case AlertResolved():
            return _marked(made, event.alert_id, "resolved", event.because)
        case AlertRepeated():
            return _marked(made, event.alert_id, "repeated", event.cause_event)
        case AlertSent():
            return _marked(made, event.alert_id, "sent", event.endpoint)
        case AlertFailed():
            return _marked(made, event.alert_id, "failed", event.endpoint)
        case EndpointRegistered():
            return [_endpoint(made, event)]
    return []


def _alert(made: Made, event: AlertRaised) -> Row:
    values = {
        "id": event.alert_id,
        "customer_id": made.key,
        "ver": made.ver,
        "kind": event.kind,
        "severity": event.severity,
        "person": event.person,
        "also": event.also,
        "team": event.team,
        "title": event.title,
        "respond_by": event.respond_by,
        "raised_at": made.now,
        "lead_id": event.lead_id,
        "clock": event.clock or "",
        "rung": event.rung,
        "due_at": event.due_at,
    }
    return Row("alert", values)


def _marked(made: Made, alert_id: str, mark: str, who: str) -> list[Row]:
    values = {"alert_id": alert_id, "ver": made.ver, "mark": mark, "who": who, "at": made.now}
    return [Row("alert_mark", values), _feed(made, alert_id)]


def _feed(made: Made, alert_id: str) -> Row:
    values = {
        "event_id": made.id,
        "type": made.type,
        "alert_id": alert_id,
        "body": message(made),
    }
    return Row("feed", values)


def _deliveries(made: Made, event: AlertRaised | AlertEscalated) -> Iterator[Row]:
    """One per endpoint that the rule chose."""
    body = message(made)
    for endpoint in event.endpoints:
        yield _delivery(made, event, endpoint, body)


def _letters(made: Made, event: AlertRaised | AlertEscalated) -> Iterator[Row]:
    """One per person whom the rule chose; its text is made when it goes out, in their language."""
    for person in event.mailed:
        yield _delivery(made, event, f"mail:{person}", "", person)


def _delivery(
    made: Made, event: AlertRaised | AlertEscalated, target: str, body: str, person: str = ""
) -> Row:
    """The id is stable: a repeat is known by it."""
    step = f"-{event.step}" if isinstance(event, AlertEscalated) else ""
    values = {
        "id": f"msg-{event.alert_id}{step}-{target}",
        "endpoint_id": target,
        "alert_id": event.alert_id,
        "customer_id": made.key,
        "kind": "escalated" if step else "raised",
        "body": body,
        "made_at": made.now,
        "due_at": made.now,
        "person": person,
    }
    return Row("delivery", values)


def _endpoint(made: Made, event: EndpointRegistered) -> Row:
    values = {
        "endpoint_id": event.endpoint_id,
        "ver": made.ver,
        "url": event.url,
        "kinds": event.kinds,
        "persons": event.persons,
        "enabled": event.enabled,
        "by_whom": event.by,
        "reason": event.reason,
        "at": made.now,
    }
    return Row("endpoint_version", values)


def message(made: Made) -> str:
    """What apps get, over webhooks and the stream alike: one line of JSON."""
    return msgspec.json.encode(
        {
            "type": made.type,
            "timestamp": made.time,
            "id": made.id,
            "customer_id": made.key,
            "data": _public(made.event),
        }
    ).decode()


def _public(event: Event) -> dict[str, Any]:
    """The business data; routing to endpoints is our own affair."""
    data: dict[str, Any] = msgspec.to_builtins(event)
    return {
        name: value
        for name, value in data.items()
        if name not in ("receipt", "endpoints", "mailed")
    }
