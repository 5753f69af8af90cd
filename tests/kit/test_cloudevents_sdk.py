"""The public CloudEvents SDK reads what we write, and we read what it writes."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings import http as oracle_http
from cloudevents.core.bindings import kafka as oracle
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from perennial.contracts.base import Fact
from perennial.contracts.cloudevents import decode
from perennial.contracts.cloudevents_http import decode_http
from perennial.contracts.examples import example_fact
from perennial.contracts.orders import ORDERS, OrderPlaced
from perennial.contracts.partner import DEMO

from tests.kit.on_the_wire import ENVELOPE, NOW, ORDER, wire

pytestmark = pytest.mark.feature("I17")


def test_the_public_sdk_reads_our_binary_mode() -> None:
    fact = example_fact(ORDERS, OrderPlaced)
    key, sent, value = wire(fact)

    seen = oracle.from_binary(oracle.KafkaMessage(dict(sent), key, value), JSONFormat())

    assert (seen.get_id(), seen.get_source(), seen.get_type()) == (fact.id, fact.source, fact.type)
    assert (seen.get_time(), seen.get_specversion()) == (fact.time, "1.0")
    assert seen.get_extension("partitionkey") == fact.key
    assert seen.get_data() == json.loads(value)
    again = oracle.to_binary(seen, JSONFormat())
    back = decode(ORDERS.name, key, list(again.headers.items()), again.value, NOW)
    assert back.data == fact.data


@pytest.mark.parametrize("to_message", [oracle.to_binary, oracle.to_structured])
def test_we_read_what_the_public_sdk_writes_on_kafka(to_message: Any) -> None:
    message = to_message(sdk_event(), JSONFormat())

    fact = decode(DEMO.name, b"C-1", list(message.headers.items()), message.value, NOW)

    assert (fact.id, fact.source, fact.data.order) == ("e-1", "/till", "A-1")


@pytest.mark.parametrize("to_message", [oracle_http.to_binary, oracle_http.to_structured])
def test_we_read_what_the_public_sdk_writes_over_http(to_message: Any) -> None:
    message = to_message(sdk_event(), JSONFormat())

    (fact,) = decode_http(DEMO, message.headers, bytes(message.body), NOW)

    assert isinstance(fact, Fact)
    assert (fact.id, fact.key, fact.data.order) == ("e-1", "C-1", "A-1")
    assert fact.time == datetime(2026, 1, 31, 9, tzinfo=UTC)


def sdk_event() -> CloudEvent:
    attributes = {name: text for name, text in ENVELOPE.items() if name != "data"}
    more = {
        "partitionkey": "C-1",
        "datacontenttype": "application/json",
        "time": datetime(2026, 1, 31, 9, tzinfo=UTC),
    }
    return CloudEvent(attributes | more, ORDER)
