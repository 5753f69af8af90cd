"""Copies of what was parked, for whoever watches the reject topic; the parked row is the truth.

Each copy is keyed by its record's place in the log, so that it needs no lock and is made once.
"""

import msgspec

from perennial.contracts.base import Topic
from perennial.contracts.platform import REJECTED, FactRejected
from perennial.kit.batch import Parked, Record
from perennial.kit.ids import event_id
from perennial.kit.making import Context, context_text
from perennial.kit.subject import Made

LONGEST_ERROR = 2_000
_json = msgspec.json.Encoder(order="deterministic")


def copies(service: str, parked: list[Parked]) -> list[Made]:
    """One event for each record that was parked now: not for what waits, stands behind, or was parked before."""
    topic = REJECTED.get(service)
    if topic is None:
        return []
    return [
        _copy(topic, service, one, one.item.record)
        for one in parked
        if one.state == "parked" and one.item.record is not None and not one.item.parked_id
    ]


def _copy(topic: Topic, service: str, parked: Parked, record: Record) -> Made:
    fact, place = parked.item.fact, f"{record.topic}/{record.part}/{record.offset}"
    event = FactRejected(
        service=service,
        topic=record.topic,
        partition=record.part,
        offset=record.offset,
        key=fact.key,
        fact_type=fact.type,
        fact_id=fact.id,
        reason=parked.reason,
        error=parked.error[:LONGEST_ERROR],
        principal=fact.principal,
    )
    context = Context(
        correlationid=fact.correlation or fact.id,
        causationid=fact.id,
        hops=fact.hops + 1,
        traceparent=fact.traceparent,
    )
    return Made(
        topic=topic.name,
        key=place,
        ver=1,
        id=event_id(service, "rejected", place, fact.id, 0),
        type=event.TYPE,
        time=fact.now,
        now=fact.now,
        context=context_text(context),
        data=_json.encode(event).decode(),
        event=event,
    )
