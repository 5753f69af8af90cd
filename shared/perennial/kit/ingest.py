"""From bytes to items: decode, say whose fact it is, or say why it can't be one. Pure."""

from collections.abc import Container
from datetime import datetime, timedelta

from msgspec.structs import replace

from perennial.contracts.base import Fact
from perennial.contracts.catalogue import believes_recorded_time, is_partner, topic_named
from perennial.contracts.cloudevents import decode
from perennial.contracts.platform import CLOCK
from perennial.contracts.strict import Malformed
from perennial.kit.ask import Ask
from perennial.kit.batch import Item, Record
from perennial.kit.subject import Named, Service

WAITING_DAYS = 30
LONGEST_ID = 128


def receive(
    service: Service, record: Record, now: datetime, heard: Container[str] | None = None
) -> Item:
    """What a record is to this service. Never raises: what can't be read is marked to be parked.

    A partner's fact has no subject yet: it is adapted at the edge first, and then `placed`. `heard`: the
    types whose data are read, where it is known that all could be.
    """
    topic = topic_named(record.topic)
    try:
        fact = decode(
            record.topic,
            record.key,
            record.headers,
            record.value,
            now,
            trust_recorded=believes_recorded_time(topic),
            heard=heard,
        )
    except Malformed as error:
        return _unreadable(service, record, now, error)
    if fact.data is not None:
        record.value, record.headers = None, ()  # read: from here on only its place counts
    if is_partner(topic):
        return Item(fact, None, "", record, answer_id=identity_of(fact))
    return Item(fact, service.by_topic.get(record.topic), fact.key, record)


def identity_of(fact: Fact) -> str:
    """What makes a partner's fact the same fact when it comes again: no two read the same."""
    who, source = (
        part.replace("%", "%25").replace("|", "%7C") for part in (fact.principal, fact.source)
    )
    return f"{who}|{source}|{fact.id}"


def asked(service: Service, ask: Ask, now: datetime) -> Item:
    """A request as an item: it folds like a fact, under the asker's name."""
    fact = Fact(
        data=ask.data,
        id=ask.id,
        key=ask.key,
        now=now,
        time=ask.time or now,
        topic="request",
        type=getattr(type(ask.data), "TYPE", type(ask.data).__name__),
        source=service.name,
        principal=ask.principal,
        correlation=ask.correlation,
    )
    item = Item(fact, ask.subject, ask.key, ask=ask, answer_id=ask.id)
    return item if ask.key else placed(service, item)


def placed(service: Service, item: Item) -> Item:
    """Find the subject and key of a foreign fact, or what it must wait for."""
    line = service.routes.get(type(item.fact.data))
    if line is None or service.locate is None:
        item.park = "no rule for this fact"
        return item
    try:
        place = service.locate(item.fact)
    except Exception as error:  # poison like any other: it is parked
        item.park, item.error = type(error).__name__, str(error)
        return item
    item.subject = line.subject
    if isinstance(place, str):
        item.key = place
    elif isinstance(place, Named):
        item.key, item.names = place.key, place.names
        item.wait = "" if place.key else place.wait
        item.expires = item.fact.now + timedelta(days=WAITING_DAYS)
    else:
        item.key, item.wait = place
        item.expires = item.fact.now + timedelta(days=WAITING_DAYS)
    return item


def _unreadable(service: Service, record: Record, now: datetime, error: Malformed) -> Item:
    """A record no rule could take. On a topic of our own its key is held, so that order is kept."""
    try:
        key = (record.key or b"").decode()
    except UnicodeDecodeError:
        key = ""
    topic = topic_named(record.topic)
    own = not is_partner(topic) and record.topic != CLOCK.name
    sequence = dict(record.headers).get("ce_sequence", b"0") if own else b"0"
    ver = int(sequence) if sequence.isdigit() and len(sequence) <= 20 else 0
    fact = Fact(data=None, id="", key=key, now=now, time=now, topic=record.topic, ver=ver)
    if is_partner(topic):  # whose it is they must see, by the id they gave it
        named = dict(record.headers).get("ce_id", b"").decode(errors="replace")[:LONGEST_ID]
        fact = replace(fact, id=named.replace("\0", ""), principal=topic.writer)
    item = Item(fact, None, key, record, park="malformed", error=str(error), held_key=own)
    if own and key and "\0" not in key:
        item.subject = service.by_topic.get(record.topic)
    return item
