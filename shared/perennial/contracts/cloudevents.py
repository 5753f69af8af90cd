"""CloudEvents 1.0 over Kafka, binary mode: attributes in `ce_*` headers, business data in the value.

Our writers are strict, our readers tolerant: a type that this build does not know is a `Fact`
without data, so that it passes by and versions still advance. What no reader could ever take is
`Malformed`. Structured mode is in `structured`, HTTP in
`cloudevents_http`.
"""

from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from functools import cache

import msgspec

from perennial.contracts.base import Event, Fact, Topic
from perennial.contracts.catalogue import EVENTS, is_partner, topic_named
from perennial.contracts.strict import (
    INT64,
    Malformed,
    check_moment,
    decode_json,
)
from perennial.contracts.structured import STRUCTURED, read_structured

Headers = Sequence[tuple[str, bytes]]

MAX_HEADERS = 64
MAX_HEADER_BYTES = 32_768
MAX_ATTRIBUTE = 256
"""Characters of an id, source or key: they stand in indexes."""
JSON = "application/json"
REQUIRED = ("ce_specversion", "ce_id", "ce_source", "ce_type")
OWN_REQUIRED = (*REQUIRED, "ce_time", "ce_sequence", "ce_partitionkey", "ce_recordedtime")
"""What our own writers always set."""
_REQUIRED, _OWN_REQUIRED = frozenset(REQUIRED), frozenset(OWN_REQUIRED)

_json = msgspec.json.Encoder()
encode_data = _json.encode
"""The value of a record: an event's business data as plain JSON."""


def schema_of(kind: str) -> str:
    """The immutable name of a type's schema; the file is `docs/contracts/schemas/<type>.json`."""
    return f"urn:perennial:schema:{kind}"


def headers(fact: Fact, policy: str = "", subject: str = "") -> list[tuple[str, bytes]]:
    """The record's headers: what routing and tracing need, only those that are set."""
    made = [
        *_fixed(fact.type),
        ("ce_id", fact.id.encode()),
        ("ce_source", fact.source.encode()),
        ("ce_time", _json.encode(fact.time)[1:-1]),
        ("ce_recordedtime", _json.encode(fact.now)[1:-1]),
        ("ce_partitionkey", fact.key.encode()),
        ("ce_sequence", b"%020d" % fact.ver),
    ]
    if fact.hops:
        made.append(("ce_hops", b"%d" % fact.hops))
    for name, text in (
        ("ce_correlationid", fact.correlation),
        ("ce_causationid", fact.causation),
        ("traceparent", fact.traceparent),
        ("ce_policyversion", policy),
        ("ce_subject", subject),
    ):
        if text:
            made.append((name, text.encode()))
    return made


def decode(
    topic: str,
    key: bytes | None,
    headers: Headers,
    value: bytes | None,
    now: datetime,
    *,
    trust_recorded: bool = False,
    heard: Container[str] | None = None,
) -> Fact:
    """One Kafka record as a fact. `now` is the moment of reading, unless `recordedtime` is believed.

    `heard`: the types whose data are read; others are facts without data, as an unknown type is.
    """
    attributes = read_attributes(headers)
    if key is None:
        raise Malformed("the record has no key, so nothing keeps its facts in order", "/key")
    if value is None:
        raise Malformed("the record has no value; facts are never deleted", "/data")
    stream = topic_named(topic)
    if attributes.get("content-type", "").startswith(STRUCTURED):
        attributes, value = read_structured(value)
    return fact_of(stream, _text(key, "/key"), attributes, value, now, trust_recorded, heard)


def read_attributes(headers: Headers) -> dict[str, str]:
    """Header texts by header name. All values are decoded in one stroke, U+0000 between them."""
    if len(headers) > MAX_HEADERS:
        raise Malformed(f"{len(headers)} headers; at most {MAX_HEADERS} are taken", "/headers")
    raw = dict(headers)
    if len(raw) != len(headers):
        raise Malformed("a header is there twice", "/headers")
    try:
        joined = b"\0".join(raw.values())
        texts = joined.decode().split("\0")
    except (UnicodeDecodeError, TypeError) as error:
        raise Malformed("a header is not UTF-8 text", "/headers") from error
    if len(joined) + len("".join(raw)) > MAX_HEADER_BYTES:
        raise Malformed(f"headers of more than {MAX_HEADER_BYTES} bytes", "/headers")
    if raw and len(texts) != len(raw):
        raise Malformed("a header contains the character U+0000", "/headers")
    return dict(zip(raw, texts, strict=False))


def fact_of(
    topic: Topic,
    key: str,
    attributes: Mapping[str, str],
    value: bytes,
    now: datetime,
    trust_recorded: bool,
    heard: Container[str] | None = None,
) -> Fact:
    """The fact that attributes and data make together, in whichever mode they came."""
    """Attributes go by their header names, in structured mode too."""
    _check_attributes(topic, key, attributes)
    kind = attributes["ce_type"]
    recorded = attributes.get("ce_recordedtime") if trust_recorded else None
    known = _moment(recorded, "/recordedtime") if recorded else now
    happened = attributes.get("ce_time")
    time = _moment(happened, "/time") if happened and happened != recorded else known
    return Fact(
        data=_data(topic, kind, value, heard),
        id=attributes["ce_id"],
        key=key,
        now=known,
        time=time,
        topic=topic.name,
        type=kind,
        ver=_integer(attributes.get("ce_sequence"), "/sequence"),
        source=attributes["ce_source"],
        principal=topic.writer,
        correlation=attributes.get("ce_correlationid", ""),
        causation=attributes.get("ce_causationid", ""),
        traceparent=attributes.get("traceparent") or attributes.get("ce_traceparent", ""),
        hops=_integer(attributes.get("ce_hops"), "/hops"),
    )


@cache
def _fixed(kind: str) -> tuple[tuple[str, bytes], ...]:
    constant = [
        ("ce_specversion", b"1.0"),
        ("ce_type", kind.encode()),
        ("content-type", JSON.encode()),
    ]
    if kind in EVENTS:
        constant.append(("ce_dataschema", schema_of(kind).encode()))
    return tuple(constant)


def _check_attributes(topic: Topic, key: str, attributes: Mapping[str, str]) -> None:
    own = not is_partner(topic)
    if not attributes.keys() >= (_OWN_REQUIRED if own else _REQUIRED) or "" in attributes.values():
        _check_required(attributes, OWN_REQUIRED if own else REQUIRED)
    if attributes["ce_specversion"] != "1.0":
        raise Malformed("only CloudEvents 1.0 is spoken here", "/specversion")
    for name in ("ce_id", "ce_source", "ce_type"):
        if len(attributes[name]) > MAX_ATTRIBUTE:
            raise Malformed(f"longer than {MAX_ATTRIBUTE} characters", f"/{name[3:]}")
    if not 0 < len(key) <= MAX_ATTRIBUTE:
        raise Malformed(f"a key has 1 to {MAX_ATTRIBUTE} characters", "/key")
    if own and attributes["ce_partitionkey"] != key:
        raise Malformed("differs from the record's key", "/partitionkey")
    form = attributes.get("content-type", JSON)
    if not form.startswith(JSON):
        raise Malformed(f"data must be {JSON}, not {form}", "/datacontenttype")


def _check_required(attributes: Mapping[str, str], required: Sequence[str]) -> None:
    for name in required:
        if not attributes.get(name):
            raise Malformed(f"the attribute {name[3:]} is missing", f"/{name[3:]}")


def _data(topic: Topic, kind: str, value: bytes, heard: Container[str] | None) -> Event | None:
    event = topic.events.get(kind)
    if event is not None:
        if heard is not None and kind not in heard:
            return None
        data: Event = decode_json(_decoder(event), value)
        return data
    if kind in EVENTS:
        raise Malformed(f"{kind} does not belong on {topic.name}", "/type")
    if is_partner(topic):
        raise Malformed(f"no type {kind}; known are {', '.join(topic.events)}", "/type")
    return None


@cache
def _decoder(event: type[Event]) -> msgspec.json.Decoder[Event]:
    return msgspec.json.Decoder(event)


def _moment(text: str, pointer: str) -> datetime:
    try:
        return check_moment(msgspec.convert(text, datetime), pointer)
    except msgspec.ValidationError as error:
        raise Malformed("is not an RFC 3339 time", pointer) from error


def _integer(text: str | None, pointer: str) -> int:
    if not text:
        return 0
    number = int(text) if text.isdecimal() and len(text) <= 20 else INT64
    if number >= INT64:
        raise Malformed("is not a whole number of at most 64 bits", pointer)
    return number


def _text(raw: bytes, pointer: str) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise Malformed("is not UTF-8", pointer) from error
    if "\x00" in text:
        raise Malformed("contains the character U+0000", pointer)
    return text
