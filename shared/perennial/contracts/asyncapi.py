"""AsyncAPI 3: every channel, who writes and reads it, with keys, headers and an example each."""

from typing import Any

import msgspec

from perennial.contracts.base import Event, Topic
from perennial.contracts.catalogue import EVENTS, READS, TOPICS, readers, topic_of_type
from perennial.contracts.cloudevents import JSON, headers
from perennial.contracts.examples import example_fact

KEY = {"type": "string", "minLength": 1, "description": "Customer id, or the key of the entry"}
TEXT = {"type": "string"}
TIME = {"type": "string", "format": "date-time"}
HEADERS: dict[str, Any] = {
    "type": "object",
    "required": ["ce_specversion", "ce_id", "ce_source", "ce_type"],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": TEXT,
        "ce_source": TEXT,
        "ce_type": TEXT,
        "ce_time": TIME | {"description": "When it happened in the business world"},
        "ce_recordedtime": TIME | {"description": "When the system learned it"},
        "ce_partitionkey": KEY,
        "ce_sequence": TEXT | {"pattern": "^[0-9]{20}$", "description": "Version of this key"},
        "ce_subject": TEXT,
        "ce_correlationid": TEXT,
        "ce_causationid": TEXT,
        "ce_policyversion": TEXT,
        "ce_hops": TEXT | {"description": "Facts since the one from outside"},
        "ce_dataschema": TEXT,
        "traceparent": TEXT,
        "content-type": {"const": JSON},
    },
}


def document(version: str = "1.0.0") -> dict[str, Any]:
    """The whole system's events as one AsyncAPI document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Perennial",
            "version": version,
            "description": "CloudEvents 1.0 over Kafka in binary mode; one writer per channel.",
        },
        "defaultContentType": JSON,
        "channels": {topic.name: _channel(topic) for topic in TOPICS.values()},
        "operations": _operations(),
        "components": {
            "messages": {kind: _message(event) for kind, event in EVENTS.items()},
            "schemas": {"Headers": HEADERS},
        },
    }


def _channel(topic: Topic) -> dict[str, Any]:
    read_by = ", ".join(readers(topic)) or "whoever may"
    return {
        "address": topic.name,
        "description": f"Written by {topic.writer}, read by {read_by}.",
        "messages": {kind: {"$ref": f"#/components/messages/{kind}"} for kind in topic.events},
        "bindings": {"kafka": {"topic": topic.name, "partitions": topic.partitions}},
    }


def _operations() -> dict[str, Any]:
    made = {
        f"{topic.writer}.writes.{topic.name}": _operation("send", topic)
        for topic in TOPICS.values()
    }
    for service, topics in READS.items():
        for topic in topics:
            made[f"{service}.reads.{topic.name}"] = _operation("receive", topic)
    return made


def _operation(action: str, topic: Topic) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{topic.name}"}}


def _message(event: type[Event]) -> dict[str, Any]:
    fact = example_fact(topic_of_type(event.TYPE), event)
    return {
        "name": event.TYPE,
        "title": event.__name__,
        "summary": summary(event),
        "contentType": JSON,
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"schemas/{event.TYPE}.json"},
        },
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "bindings": {"kafka": {"key": KEY}},
        "examples": [
            {
                "headers": {name: value.decode() for name, value in headers(fact)},
                "payload": msgspec.to_builtins(fact.data),
            }
        ],
    }


def summary(event: type[Event]) -> str:
    """The first sentence of what the event says of itself; its name where it says nothing."""
    own = event.__dict__.get("__doc__")
    return own.strip().splitlines()[0] if own else f"{event.__name__}."
