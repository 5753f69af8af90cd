"""CloudEvents' JSON format: the whole event in one object, as partners like to send it."""

import msgspec

from perennial.contracts.strict import Malformed, check_text, decode_outside

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event in the JSON format; attributes of other people's making pass by."""

    specversion: str
    id: str
    source: str
    type: str
    time: str = ""
    subject: str = ""
    datacontenttype: str = ""
    dataschema: str = ""
    partitionkey: str = ""
    sequence: str | int = ""
    recordedtime: str = ""
    correlationid: str = ""
    causationid: str = ""
    traceparent: str = ""
    policyversion: str = ""
    hops: str | int = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    data_base64: str = ""


HEADER_OF = {
    name: f"ce_{name}"
    for name in Envelope.__struct_fields__
    if name not in ("data", "data_base64", "datacontenttype")
} | {"datacontenttype": "content-type"}

_envelope = msgspec.json.Decoder(Envelope)


def read_structured(value: bytes) -> tuple[dict[str, str], bytes]:
    """What is set, under its header name, and the raw data of one structured event."""
    event: Envelope = decode_outside(_envelope, value)
    if event.data_base64:
        raise Malformed("data must be JSON in `data`, not base64", "/data_base64")
    data = bytes(event.data)
    if data in (b"", b"null"):
        raise Malformed("the event has no data", "/data")
    attributes = {
        header: str(text) for name, header in HEADER_OF.items() if (text := getattr(event, name))
    }
    for header, text in attributes.items():
        check_text(text, "/" + header.removeprefix("ce_"))
    return attributes, data
