"""CloudEvents over HTTP: binary, structured and batched, each event judged by itself."""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import unquote

import msgspec

from perennial.contracts.base import Fact, Topic
from perennial.contracts.catalogue import is_partner
from perennial.contracts.cloudevents import JSON, encode_data, fact_of, schema_of
from perennial.contracts.strict import Malformed, decode_outside
from perennial.contracts.structured import BATCH, STRUCTURED, Envelope, read_structured

MAX_BATCH = 5_000_000
MAX_EVENTS = 2_000

_events = msgspec.json.Decoder(list[msgspec.Raw])
_json = msgspec.json.Encoder()


def decode_http(
    topic: Topic, headers: Mapping[str, str], body: bytes, now: datetime
) -> list[Fact | Malformed]:
    """The events of one request in whichever mode its content type names, one result each.

    The topic is the partner's own: who sends decides it, never the event. A body that is no list of
    events at all is refused as a whole.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    form = lower.get("content-type", "")
    if form.startswith(BATCH):
        return decode_batch(topic, body, now)
    if form.startswith(STRUCTURED):
        return [_judged(topic, body, now)]
    attributes = {
        f"ce_{name[3:]}": unquote(value) for name, value in lower.items() if name.startswith("ce-")
    }
    attributes |= {"content-type": form or JSON, "traceparent": lower.get("traceparent", "")}
    return [_fact_or_fault(topic, attributes, body, now)]


def decode_batch(topic: Topic, body: bytes, now: datetime) -> list[Fact | Malformed]:
    """Every event of a JSON batch; one bad one never spoils the others."""
    raws: list[msgspec.Raw] = decode_outside(_events, body, MAX_BATCH)
    if len(raws) > MAX_EVENTS:
        raise Malformed(f"{len(raws)} events; at most {MAX_EVENTS} are taken at once")
    return [_judged(topic, bytes(raw), now) for raw in raws]


def encode_structured(fact: Fact, policy: str = "", subject: str = "") -> bytes:
    """One of our facts in the JSON format, for webhooks and partners."""
    return _json.encode(_envelope_of(fact, policy, subject))


def encode_batch(facts: list[Fact]) -> bytes:
    return _json.encode([_envelope_of(fact, "", "") for fact in facts])


def _envelope_of(fact: Fact, policy: str, subject: str) -> Envelope:
    return Envelope(
        specversion="1.0",
        id=fact.id,
        source=fact.source,
        type=fact.type,
        time=_json.encode(fact.time)[1:-1].decode(),
        subject=subject,
        datacontenttype=JSON,
        dataschema=schema_of(fact.type),
        partitionkey=fact.key,
        sequence=f"{fact.ver:020d}" if fact.ver else "",
        recordedtime=_json.encode(fact.now)[1:-1].decode(),
        correlationid=fact.correlation,
        causationid=fact.causation,
        traceparent=fact.traceparent,
        policyversion=policy,
        hops=str(fact.hops) if fact.hops else "",
        data=msgspec.Raw(encode_data(fact.data)),
    )


def _judged(topic: Topic, body: bytes, now: datetime) -> Fact | Malformed:
    try:
        attributes, data = read_structured(body)
    except Malformed as fault:
        return fault
    return _fact_or_fault(topic, attributes, data, now)


def _fact_or_fault(
    topic: Topic, attributes: Mapping[str, str], data: bytes, now: datetime
) -> Fact | Malformed:
    keys = (attributes.get(f"ce_{name}") for name in ("partitionkey", "subject", "id"))
    key = next((text for text in keys if text), "")
    try:
        return fact_of(topic, key, attributes, data, now, trust_recorded=not is_partner(topic))
    except Malformed as fault:
        return fault
