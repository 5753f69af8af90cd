"""CloudEvents over HTTP: binary, structured and batched, each event judged by itself."""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import unquote

import msgspec

from perennial.contracts.base import Fact, Topic
from perennial.contracts.catalogue import is_partner
from perennial.contracts.cloudevents import JSON, fact_of
from perennial.contracts.strict import Foreign, Malformed, decode_outside
from perennial.contracts.structured import BATCH, STRUCTURED, read_structured

MAX_BATCH = 5_000_000
MAX_EVENTS = 2_000

_events = msgspec.json.Decoder(list[msgspec.Raw])


def decode_http(
    topic: Topic, headers: Mapping[str, str], body: bytes, now: datetime
) -> list[Fact | Malformed]:
    """The events of one request in whichever mode its content type names, one result each.

    The topic is the partner's own: who sends decides it, never the event. A body that is no list of
    events at all is refused as a whole, and so is one that no mode fits (`Foreign`).
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
    if not attributes:
        raise Foreign(
            f"events come as {STRUCTURED}, as {BATCH}, or as {JSON} with their attributes in"
            f" headers (ce-id, ce-source, ce-type, ce-specversion); this is {form or 'unnamed'}",
            "/header/content-type",
        )
    attributes |= {"content-type": form or JSON, "traceparent": lower.get("traceparent", "")}
    return [_fact_or_fault(topic, attributes, body, now)]


def decode_batch(topic: Topic, body: bytes, now: datetime) -> list[Fact | Malformed]:
    """Every event of a JSON batch; one bad one never spoils the others."""
    raws: list[msgspec.Raw] = decode_outside(_events, body, MAX_BATCH)
    if len(raws) > MAX_EVENTS:
        raise Malformed(f"{len(raws)} events; at most {MAX_EVENTS} are taken at once")
    return [_judged(topic, bytes(raw), now) for raw in raws]


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
