"""JSON Schemas of events: closed for who writes, open for who reads (but partners must be exact)."""

from typing import Any

import msgspec

from perennial.contracts.base import Event
from perennial.contracts.cloudevents import schema_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def reader_schema(event: type[Event]) -> dict[str, Any]:
    """What a reader takes: fields it doesn't know pass by, where the type allows that."""
    made: dict[str, Any] = msgspec.json.schema(event)
    return {"$schema": DIALECT, "$id": schema_of(event.TYPE), **made}


def writer_schema(event: type[Event]) -> dict[str, Any]:
    """What our writers send, and no field more."""
    made = reader_schema(event)
    made["$id"] += ":writer"
    for struct in made["$defs"].values():
        if "properties" in struct:
            struct["additionalProperties"] = False
    return made
