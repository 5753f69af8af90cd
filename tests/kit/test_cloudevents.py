"""Facts on the wire: what goes out comes back, others read it as we do, and poison is named."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from perennial.contracts.base import Fact, Topic
from perennial.contracts.catalogue import (
    TOPICS,
    believes_recorded_time,
    is_partner,
    reads,
    topic_named,
    writes,
)
from perennial.contracts.cloudevents import decode, headers
from perennial.contracts.cloudevents_http import (
    decode_batch,
    decode_http,
)
from perennial.contracts.complaints import FORMS
from perennial.contracts.examples import example_fact
from perennial.contracts.orders import ORDERS, OrderPlaced
from perennial.contracts.partner import DEMO, REPLAY, PlaceOrder
from perennial.contracts.strict import Foreign, Malformed

from tests.kit.on_the_wire import ENVELOPE, NOW, ORDER, texts, wire

pytestmark = pytest.mark.feature("I17")

ALL = [(topic, event) for topic in TOPICS.values() for event in topic.events.values()]


def partner_fact(value: bytes, **attributes: str) -> Fact:
    """A partner's order in binary mode with this value and these attributes changed."""
    said = {"specversion": "1.0", "id": "e-1", "source": "/till", "type": PlaceOrder.TYPE}
    sent = [(f"ce_{name}", text.encode()) for name, text in (said | attributes).items() if text]
    return decode(DEMO.name, b"C-1", sent, value, NOW)


@pytest.mark.parametrize(("topic", "event"), ALL, ids=lambda one: getattr(one, "TYPE", str(one)))
def test_what_we_write_we_read(topic: Topic, event: Any) -> None:
    fact = example_fact(topic, event)

    assert decode(topic.name, *wire(fact), NOW, trust_recorded=True) == fact


def test_recorded_time_is_believed_only_where_told() -> None:
    fact = example_fact(ORDERS, OrderPlaced)

    assert decode(ORDERS.name, *wire(fact), NOW).now == NOW
    assert decode(ORDERS.name, *wire(fact), NOW, trust_recorded=True).now == fact.now
    believed = {topic.name for topic in TOPICS.values() if believes_recorded_time(topic)}
    assert believed == set(TOPICS) - {DEMO.name}


def test_only_what_is_set_becomes_a_header() -> None:
    bare = msgspec.structs.replace(
        example_fact(ORDERS, OrderPlaced), correlation="", causation="", traceparent="", hops=0
    )
    names = [name for name, _ in headers(bare)]

    assert not {"ce_correlationid", "ce_causationid", "traceparent", "ce_hops"} & set(names)
    assert dict(headers(bare, "scoring@3", "order-1"))["ce_policyversion"] == b"scoring@3"
    assert dict(headers(bare))["ce_sequence"] == b"00000000000000000001"


def test_an_unknown_type_of_ours_passes_by_with_its_version() -> None:
    key, sent, value = wire(example_fact(ORDERS, OrderPlaced))
    newer = dict(sent) | {"ce_type": b"perennial.order.gilded.v9"}

    fact = decode(ORDERS.name, key, list(newer.items()), b'{"anything":1}', NOW)

    assert (fact.data, fact.type, fact.ver) == (None, "perennial.order.gilded.v9", 1)
    assert value


def test_unknown_fields_of_ours_pass_by() -> None:
    key, sent, value = wire(example_fact(ORDERS, OrderPlaced))
    more = json.dumps(json.loads(value) | {"gilded": {"deep": [1]}}).encode()

    assert decode(ORDERS.name, key, sent, more, NOW) == decode(ORDERS.name, key, sent, value, NOW)


moments = st.datetimes(datetime(1900, 1, 2), datetime(2199, 12, 30), timezones=st.just(UTC))


@given(
    key=texts,
    ident=texts,
    source=texts,
    ver=st.integers(1, 2**63 - 1),
    now=moments,
    time=moments,
    total=st.integers(-(10**15), 10**15),
    number=texts,
    hops=st.integers(0, 16),
)
def test_any_fact_comes_back_as_it_went(
    key: str,
    ident: str,
    source: str,
    ver: int,
    now: datetime,
    time: datetime,
    total: int,
    number: str,
    hops: int,
) -> None:
    base = example_fact(ORDERS, OrderPlaced)
    fact = msgspec.structs.replace(
        base,
        data=msgspec.structs.replace(base.data, total=total, number=number),
        id=ident,
        key=key,
        source=source,
        ver=ver,
        now=now,
        time=time,
        hops=hops,
    )

    assert decode(ORDERS.name, *wire(fact), NOW, trust_recorded=True) == fact


@given(st.binary(max_size=200))
def test_no_bytes_make_anything_but_a_fact_or_a_verdict(value: bytes) -> None:
    try:
        fact = partner_fact(value)
    except Malformed:
        return
    assert isinstance(fact.data, PlaceOrder)


@given(st.lists(st.tuples(st.sampled_from(["ce_id", "ce_type", "ce_sequence"]), st.binary())))
def test_no_headers_make_anything_but_a_fact_or_a_verdict(sent: list[tuple[str, bytes]]) -> None:
    good = [
        (name, value)
        for name, value in headers(example_fact(ORDERS, OrderPlaced))
        if name not in dict(sent)
    ]
    key, _, value = wire(example_fact(ORDERS, OrderPlaced))
    try:
        fact = decode(ORDERS.name, key, good + sent, value, NOW)
    except Malformed:
        return
    assert fact.ver < 2**63
    assert fact.id


def order(**changes: Any) -> bytes:
    return json.dumps(ORDER | changes, ensure_ascii=False).encode()


def raw_order(name: str, literal: str) -> bytes:
    return order(**{name: "@"}).replace(b'"@"', literal.encode())


POISON = {
    "not JSON": (b"order", "", ""),
    "cut off": (order()[:-1], "", ""),
    "more behind it": (order() + b"{}", "", ""),
    "a list": (b"[]", "", "needs an object"),
    "empty": (b"", "", "nothing was sent"),
    "JSON null": (b"null", "", "needs an object"),
    "bad UTF-8": (order(reason="x").replace(b"x", b"\xff"), "", "UTF-8"),
    "bad UTF-8 where nobody looks": (b'{"\xff":' + b"1," + order()[1:], "", "UTF-8"),
    "U+0000": (raw_order("channel", r'"a\u0000b"'), "/channel", "U+0000"),
    "U+0000 raw": (raw_order("channel", '"a\0b"'), "", "U+0000"),
    "half a surrogate": (raw_order("channel", r'"\ud800"'), "", ""),
    "required field absent": (b'{"order":"A-1"}', "/customer", "required field"),
    "wrong type": (order(total="12"), "/total", "minor units"),
    "money past its bound": (order(total=10**15 + 1), "/total", ""),
    "past 64 bits": (order(total=2**64), "/total", ""),
    "a huge exponent": (raw_order("total", "1e999999999"), "/total", ""),
    "year 1899": (order(placed_at="1899-12-31T00:00:00Z"), "/placed_at", "1899"),
    "year 2201": (order(placed_at="2201-01-01T00:00:00Z"), "/placed_at", "2201"),
    "year 9999": (order(placed_at="9999-12-31T23:59:59Z"), "/placed_at", "9999"),
    "escaped year": (raw_order("placed_at", r'"\u0031001-01-01T00:00:00Z"'), "/placed_at", "1001"),
    "no offset": (order(placed_at="2026-01-31T09:00:00"), "/placed_at", "offset"),
    "no offset, with a blank": (order(placed_at="2026-01-31 09:00:00"), "/placed_at", "offset"),
    "no such day": (order(placed_at="2026-02-30T09:00:00Z"), "/placed_at", ""),
    "unknown field of a partner": (order(gilded=1), "/gilded", "unknown field"),
    "too deep": (raw_order("lines", "[" * 40 + "]" * 40), "", "deeper than 32"),
    "far too deep": (b"[" * 400_000, "", "deeper than 32"),
    "1 MB": (order(channel="x" * 1_000_000), "", "at most 900000"),
    "lower-case currency": (order(currency="usd"), "/currency", ""),
    "nested pointer": (order(lines=[{"product": "tea", "amount": "x"}]), "/lines/0/amount", ""),
}


@pytest.mark.parametrize("name", POISON)
def test_poison_in_the_value_is_named(name: str) -> None:
    value, pointer, says = POISON[name]

    with pytest.raises(Malformed) as verdict:
        partner_fact(value)

    assert verdict.value.pointer == pointer
    assert says in verdict.value.reason


@pytest.mark.parametrize(
    "value",
    [
        order(),
        order(channel=r"a\u0000b"),
        order(channel="[" * 100 + '"'),
        order(placed_at="1900-01-01T00:00:00Z"),
        order(placed_at="2200-12-31T00:00:00+02:00"),
        order(channel="客户 – ünï 🎉"),
        json.dumps(ORDER | {"channel": "客户 🎉"}).encode(),
        order(channel="12345678901234567890"),
        order(channel="9999-01-01"),
        order(total=10**15),
        order(total=0, lines=[{"product": str(n), "amount": n} for n in range(100)]),
    ],
)
def test_what_only_looks_odd_is_taken(value: bytes) -> None:
    assert partner_fact(value).data == msgspec.json.decode(value, type=PlaceOrder)


@pytest.mark.parametrize("field", ["level", "rank"])
def test_a_bare_integer_past_64_bits_is_refused(field: str) -> None:
    from perennial.contracts.registers import REGISTERS, PersonJoined

    key, sent, value = wire(example_fact(REGISTERS, PersonJoined))
    huge = json.dumps(json.loads(value) | {field: 2**63}).encode()

    with pytest.raises(Malformed, match="64 bits"):
        decode(REGISTERS.name, key, sent, huge, NOW)


def test_every_pattern_of_a_published_field_is_said_in_words() -> None:
    schemas = "".join(path.read_text() for path in Path("docs/contracts/schemas").glob("*.json"))
    patterns = set(re.findall(r'"pattern": ("(?:[^"\\\\]|\\\\.)*")', schemas))

    assert patterns
    assert {json.loads(pattern) for pattern in patterns} <= set(FORMS)


def own(drop: str = "", **changes: bytes) -> list[tuple[str, bytes]]:
    sent = dict(headers(example_fact(ORDERS, OrderPlaced)))
    return [(name, value) for name, value in (sent | changes).items() if name != drop]


BAD_HEADERS = {
    "no specversion": (own(drop="ce_specversion"), "/specversion"),
    "no id": (own(drop="ce_id"), "/id"),
    "no source": (own(drop="ce_source"), "/source"),
    "no type": (own(drop="ce_type"), "/type"),
    "no time": (own(drop="ce_time"), "/time"),
    "no sequence": (own(drop="ce_sequence"), "/sequence"),
    "no recordedtime": (own(drop="ce_recordedtime"), "/recordedtime"),
    "no partitionkey": (own(drop="ce_partitionkey"), "/partitionkey"),
    "none at all": ([], "/specversion"),
    "CloudEvents 0.3": (own(ce_specversion=b"0.3"), "/specversion"),
    "empty id": (own(ce_id=b""), "/id"),
    "endless id": (own(ce_id=b"x" * 257), "/id"),
    "another's key": (own(ce_partitionkey=b"someone"), "/partitionkey"),
    "bad UTF-8": (own(ce_id=b"\xff"), "/headers"),
    "U+0000": (own(ce_id=b"a\0b"), "/headers"),
    "null header": (own(ce_subject=None), "/headers"),  # type: ignore[arg-type]
    "twice": (own() + own(), "/headers"),
    "bomb by number": (own() + [(f"x{n}", b"") for n in range(60)], "/headers"),
    "bomb by size": ([*own(), ("x", b"x" * 33_000)], "/headers"),
    "bomb by name": ([*own(), ("x" * 33_000, b"")], "/headers"),
    "bad time": (own(ce_time=b"yesterday"), "/time"),
    "time without offset": (own(ce_time=b"2026-01-31T09:00:00"), "/time"),
    "year 1066": (own(ce_time=b"1066-01-31T09:00:00Z"), "/time"),
    "negative sequence": (own(ce_sequence=b"-1"), "/sequence"),
    "sequence past 64 bits": (own(ce_sequence=b"9" * 20), "/sequence"),
    "hops that are no number": (own(ce_hops=b"two"), "/hops"),
    "XML": ([*own(drop="content-type"), ("content-type", b"text/xml")], "/datacontenttype"),
    "type of another topic": (own(ce_type=b"perennial.customer.lost.v1"), "/type"),
}


@pytest.mark.parametrize("name", BAD_HEADERS)
def test_poison_in_the_headers_is_named(name: str) -> None:
    sent, pointer = BAD_HEADERS[name]
    key, _, value = wire(example_fact(ORDERS, OrderPlaced))

    with pytest.raises(Malformed) as verdict:
        decode(ORDERS.name, key, sent, value, NOW)

    assert verdict.value.pointer == pointer


@pytest.mark.parametrize(
    ("key", "value", "pointer"),
    [
        (None, b"{}", "/key"),
        (b"", b"{}", "/key"),
        (b"\xff", b"{}", "/key"),
        (b"a\0", b"{}", "/key"),
        (b"k" * 257, b"{}", "/key"),
        (b"C-1", None, "/data"),
    ],
)
def test_poison_in_key_or_value_is_named(
    key: bytes | None, value: bytes | None, pointer: str
) -> None:
    with pytest.raises(Malformed) as verdict:
        decode(DEMO.name, key, own(), value, NOW)

    assert verdict.value.pointer == pointer


def test_a_partner_must_know_our_types() -> None:
    for kind in ("partner.order.placed.v9", "perennial.order.placed.v1"):
        with pytest.raises(Malformed, match="type"):
            partner_fact(order(), type=kind)


def test_a_partner_is_whose_topic_it_is_not_who_it_says() -> None:
    fact = partner_fact(order(), source="/lead-intake", recordedtime="1999-01-01T00:00:00Z")

    assert (fact.principal, fact.now, fact.time) == ("partner.demo", NOW, NOW)


def test_structured_on_kafka_and_in_a_batch_say_the_same() -> None:
    form = [("content-type", b"application/cloudevents+json; charset=utf-8")]
    said = ENVELOPE | {"subject": "C-1"}

    single = decode(DEMO.name, b"C-1", form, json.dumps(said).encode(), NOW)

    assert single == partner_fact(order())
    assert decode_batch(DEMO, json.dumps([said, said]).encode(), NOW) == [single, single]


def test_events_in_no_known_form_are_told_the_forms_there_are() -> None:
    for form in ("text/plain", "application/json", ""):
        with pytest.raises(Foreign, match="cloudevents-batch") as verdict:
            decode_http(DEMO, {"Content-Type": form}, json.dumps(ENVELOPE).encode(), NOW)
        assert verdict.value.pointer == "/header/content-type"


def test_one_bad_event_never_spoils_the_batch() -> None:
    wrong = ENVELOPE | {"data": ORDER | {"total": "x"}}
    nul = ENVELOPE | {"data": ORDER | {"channel": "a\0"}}

    made = decode_batch(DEMO, json.dumps([ENVELOPE, {"id": 1}, wrong, nul, ENVELOPE]).encode(), NOW)

    assert [type(one) for one in made] == [Fact, Malformed, Malformed, Malformed, Fact]
    assert isinstance(made[2], Malformed)
    assert made[2].pointer == "/total"


@pytest.mark.parametrize(
    "change",
    [
        {"data": None},
        {"id": "a\0"},
        {"data": ORDER | {"channel": "a\0"}},
        {"data_base64": "e30="},
        {"specversion": "0.3"},
        {"id": ""},
        {"type": "x"},
    ],
)
def test_a_structured_event_is_judged_as_strictly(change: dict[str, Any]) -> None:
    body = json.dumps(ENVELOPE | change).encode()

    (verdict,) = decode_http(DEMO, {"Content-Type": "application/cloudevents+json"}, body, NOW)

    assert isinstance(verdict, Malformed)


@pytest.mark.parametrize("body", [b"{}", b"[", json.dumps([ENVELOPE] * 2001).encode()])
def test_a_batch_that_is_none_is_refused_whole(body: bytes) -> None:
    with pytest.raises(Malformed):
        decode_http(DEMO, {"content-type": "application/cloudevents-batch+json"}, body, NOW)


def test_the_catalogue_knows_partners_that_deployments_add() -> None:
    assert topic_named("partner.acme.v1").writer == "partner.acme"
    assert is_partner(topic_named("partner.acme.v1"))
    assert topic_named("partner.acme.v1") in reads("lead-intake", ["acme"])
    assert ORDERS in writes("lead-intake")
    assert REPLAY in reads("lead-intake")
    for name in ("partner.acme.v2", "partner..v1", "nothing.v1"):
        with pytest.raises(KeyError):
            topic_named(name)
