"""How a fact that is set aside is kept, and how it becomes the same item again."""

from base64 import b64decode, b64encode
from datetime import datetime
from typing import Any

import msgspec

from perennial.contracts.base import Fact
from perennial.contracts.strict import Malformed, decode_json
from perennial.kit.batch import Item, ParkedRow, Record
from perennial.kit.ingest import placed, receive
from perennial.kit.journal import origin
from perennial.kit.subject import Named, Service

_json = msgspec.json.Encoder()


class _Envelope(msgspec.Struct, kw_only=True):
    time: datetime
    now: datetime
    source: str = ""
    correlation: str = ""
    causation: str = ""
    traceparent: str = ""
    hops: int = 0
    answer_id: str = ""
    of: str = ""
    record_key: str | None = None
    record_headers: list[tuple[str, str]] = []


_envelope = msgspec.json.Decoder(_Envelope)


def kept_headers(item: Item) -> str:
    """The envelope of a fact set aside; of one that can't be read, the record's own key and headers."""
    fact, record = item.fact, item.record
    envelope = _Envelope(
        time=fact.time,
        now=fact.now,
        source=fact.source,
        correlation=fact.correlation,
        causation=fact.causation,
        traceparent=fact.traceparent,
        hops=fact.hops,
        answer_id=item.answer_id,
        of=fact.of,
    )
    if fact.data is None and record is not None:
        envelope.record_key = _text(record.key) if record.key is not None else None
        envelope.record_headers = [(name, _text(value)) for name, value in record.headers]
    return _json.encode(envelope).decode()


def kept_value(item: Item) -> bytes:
    """What was said: the decoded fact, or the raw bytes of what could not be read."""
    if item.fact.data is not None:
        return _json.encode(item.fact.data)
    return (item.record.value if item.record else None) or b""


def item_of(service: Service, row: ParkedRow) -> Item:
    """A parked row as the item it was, placed where it belongs if that is known by now."""
    envelope = _envelope.decode(row.headers)
    item = _read_again(service, row, envelope) or _item(service, row, envelope)
    item.parked_id, item.dropping, item.edited = row.id, row.dropping, row.edited
    item.origin = origin(row.topic, row.part, row.off, row.subject, row.key, row.fact_id)
    item.behind = row.state == "behind"
    item.ready_for = (row.waits_for or "") if row.state == "waiting" else ""
    item.settled = bool(row.subject) and not item.ready_for and not is_anew(row)
    return item


def readable(service: Service, row: ParkedRow) -> None:
    """Raises `Malformed` where an edited fact could not be read: it would be parked once more."""
    decoder = service.decoders.get(row.type)
    if decoder is not None:
        decode_json(decoder, row.said or b"")
        return
    item = _read_again(service, row, _envelope.decode(row.headers))
    if item is None or item.park:
        raise Malformed(item.error if item else "its type is unknown here", "/data")


def _item(service: Service, row: ParkedRow, envelope: _Envelope) -> Item:
    decoder = service.decoders.get(row.type)
    fact = Fact(
        data=_data(service, row, decoder) if decoder and row.said else None,
        id=row.fact_id,
        key=row.key,
        now=envelope.now,
        time=envelope.time,
        topic=row.topic,
        type=row.type,
        ver=row.ver,
        source=envelope.source,
        principal=row.principal,
        correlation=envelope.correlation,
        causation=envelope.causation,
        traceparent=envelope.traceparent,
        hops=0 if row.state == "redrive" else envelope.hops,
        of=envelope.of,
    )
    item = Item(fact, service.subjects.get(row.subject), row.key)
    if fact.data is None:
        return item
    if item.subject is None or ((row.state == "waiting" or is_anew(row)) and service.locate):
        placed(service, item)  # what waited, or was mended, is judged where its names lead by now
        item.expires = row.expires or item.expires
    elif service.locate is not None and not fact.ver:
        place = service.locate(fact)
        item.names = place.names if isinstance(place, Named) else ()
    return item


def is_anew(row: ParkedRow) -> bool:
    """A mended fact that holds no key and has no version is said anew: its words tell whose it is."""
    return row.edited is not None and not row.holds and not row.ver


def _data(service: Service, row: ParkedRow, decoder: msgspec.json.Decoder[Any]) -> Any:
    data = decoder.decode(row.said or b"")
    if service.reworded is None or not is_anew(row):
        return data
    return service.reworded(decoder.decode(row.raw or b""), data)


def _read_again(service: Service, row: ParkedRow, envelope: _Envelope) -> Item | None:
    """What could not be read is read once more: a newer build may know it."""
    if not envelope.record_headers or row.dropping:
        return None
    key = envelope.record_key
    headers = tuple((name, b64decode(value)) for name, value in envelope.record_headers)
    record = Record(
        row.topic, row.part, row.off or 0, b64decode(key) if key is not None else None,
        row.said, headers,
    )  # fmt: skip
    item = receive(service, record, row.parked_at)
    item.record = None  # its place in the log was counted when it was parked
    return item


def _text(value: Any) -> str:
    return b64encode(value).decode()
