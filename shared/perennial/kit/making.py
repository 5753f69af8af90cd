"""What a fold makes: own events with envelope and receipt, as in the history and on the wire; firings."""

from datetime import datetime

import msgspec

from perennial.contracts.base import Event, Fact, Receipt, TimerFired
from perennial.kit.batch import Entity
from perennial.kit.ids import event_id
from perennial.kit.subject import Made

_encoder = msgspec.json.Encoder(order="deterministic")
"""Maps come back from the store in its own order; what is published must not tell where a batch ended."""


class Context(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the writer says about the cause; the relay puts it on the wire unchanged."""

    correlationid: str = ""
    causationid: str = ""
    policyversion: str = ""
    hops: int = 0
    traceparent: str = ""


def context_text(context: Context) -> str:
    """As it stands in the history."""
    return _encoder.encode(context).decode()


def made_event(
    service: str,
    entity: Entity,
    topic: str,
    event: Event,
    fact: Fact,
    index: int,
    time: datetime,
    now: datetime,
    policy: str,
    told: bool = True,
) -> Made:
    """The next version of this key on `topic`, caused by `fact` as its `index`-th event.

    Not `told`, it bears no text: for a run that compares events and publishes none.
    """
    ver = entity.made[topic] = entity.made.get(topic, 0) + 1
    receipt = Receipt(causes=[fact.id], policy=policy, seen=entity.seen, now=now)
    context = Context(
        correlationid=fact.correlation or fact.id,
        causationid=fact.id,
        policyversion=policy,
        hops=fact.hops + 1,
        traceparent=fact.traceparent,
    )
    cause = fact.id if fact.ver else f"{fact.principal}\0{fact.source}\0{fact.id}"
    return Made(
        topic=topic,
        key=entity.key,
        ver=ver,
        id=event_id(service, entity.subject.name, entity.key, cause, index),
        type=event.TYPE,
        time=time,
        now=now,
        context=context_text(context),
        data=_with_receipt(event, receipt) if told else "",
        event=event,
    )


def firing(entity: Entity, name: str, at: datetime) -> Fact:
    """The fact that a moment named by `due` has come."""
    return Fact(
        data=TimerFired(name),
        id=f"timer:{name}:{at.isoformat()}",
        key=entity.key,
        now=at,
        time=at,
        type="timer",
        topic="timer",
    )


def _with_receipt(event: Event, receipt: Receipt) -> str:
    """The event as JSON with its receipt spliced in: one encoding, no copy of the struct."""
    data = _encoder.encode(event)
    joint = b"" if len(data) == 2 else b","
    return (data[:-1] + joint + b'"receipt":' + _encoder.encode(receipt) + b"}").decode()
