"""What clients send, over what the contracts say: a source where one may be named, no derived ids."""

from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from perennial.contracts.base import Event, Id, Text
from perennial.contracts.holdings import ActivityKind
from perennial.contracts.partner import (
    CancelOrder,
    CaptureLead,
    CloseLead,
    ExternalId,
    Organisation,
    Person,
    PlaceOrder,
    RecordActivity,
    RecordPayment,
    RecordReturn,
)
from perennial.contracts.strict import Malformed, decode_outside

E = TypeVar("E", bound=Event)
Saying = (
    PlaceOrder
    | RecordPayment
    | RecordReturn
    | CancelOrder
    | CaptureLead
    | RecordActivity
    | CloseLead
)
BULK_BYTES = 64_000_000
BULK_ROWS = 2_000
NDJSON = "application/x-ndjson"
BY_PATH = "-"
"""Stands for the order or lead in a body that leaves it to its path."""


class OrderBody(PlaceOrder, frozen=True, kw_only=True, forbid_unknown_fields=True):
    source: Text = ""
    """The system whose ids are meant: the token's own app; only tokens for all rows name others."""
    type: str = "order"


class PaymentBody(RecordPayment, frozen=True, kw_only=True, forbid_unknown_fields=True):
    source: Text = ""
    type: str = "payment"
    order: ExternalId = BY_PATH


class ReturnBody(RecordReturn, frozen=True, kw_only=True, forbid_unknown_fields=True):
    source: Text = ""
    type: str = "return"
    order: ExternalId = BY_PATH


class CancelBody(CancelOrder, frozen=True, kw_only=True, forbid_unknown_fields=True):
    source: Text = ""
    type: str = "cancel"
    order: ExternalId = BY_PATH


class LeadBody(CaptureLead, frozen=True, kw_only=True, forbid_unknown_fields=True):
    source: Text = ""
    type: str = "lead"


class ActivityBody(RecordActivity, frozen=True, kw_only=True, forbid_unknown_fields=True):
    source: Text = ""
    type: str = "activity"
    lead: ExternalId = BY_PATH


class CloseBody(CloseLead, frozen=True, kw_only=True, forbid_unknown_fields=True):
    source: Text = ""
    type: str = "close"
    lead: ExternalId = BY_PATH


class ContactBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A contact that is going to be."""

    activity: Id
    """The id under which it will be logged; the same id with another time moves it."""
    kind: ActivityKind
    at: datetime


class TagsBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tags to put on a lead, and to take off."""

    add: list[Id] = []
    remove: list[Id] = []


class ReasonBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a person wants it so."""

    reason: Text = ""


class UnionBody(ReasonBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which two parties are one, or two again."""

    other: Id
    """The other party's customer id."""


class Reach(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who a party is and how it is reached; kept and published sealed only."""

    organisation: Organisation | None = None
    person: Person | None = None


Body = OrderBody | PaymentBody | ReturnBody | CancelBody | LeadBody | ActivityBody | CloseBody
_CONTRACT: dict[type, type[Any]] = {
    OrderBody: PlaceOrder,
    PaymentBody: RecordPayment,
    ReturnBody: RecordReturn,
    CancelBody: CancelOrder,
    LeadBody: CaptureLead,
    ActivityBody: RecordActivity,
    CloseBody: CloseLead,
}
_KINDS: dict[str, type[Any]] = {
    "order": OrderBody,
    "payment": PaymentBody,
    "return": ReturnBody,
    "cancel": CancelBody,
    "lead": LeadBody,
    "activity": ActivityBody,
    "close": CloseBody,
} | {contract.TYPE: form for form, contract in _CONTRACT.items()}
_DECODERS = {name: msgspec.json.Decoder(form) for name, form in _KINDS.items()}


class _Head(msgspec.Struct, frozen=True):
    type: str = ""


_head = msgspec.json.Decoder(_Head)


def read_row(line: bytes, otherwise: str) -> Body:
    """One line of a bulk request, of the kind it names, or else `otherwise`. Raises `Malformed`."""
    try:
        kind = _head.decode(line).type or otherwise
    except msgspec.DecodeError:
        kind = otherwise
    decoder = _DECODERS.get(kind)
    if decoder is None:
        known = ", ".join(name for name in _KINDS if "." not in name)
        raise Malformed(f"no type {kind!r}; known are {known}", "/type")
    body: Body = decode_outside(decoder, line)
    if isinstance(body, OrderBody | LeadBody):
        return body
    if named(body) == BY_PATH:
        raise Malformed(f"names no {about(body)}", f"/{about(body)}")
    return body


def about(body: Body) -> str:
    """What kind of thing it is said of: `order` or `lead`."""
    return "lead" if isinstance(body, LeadBody | ActivityBody | CloseBody) else "order"


def named(body: Body) -> str:
    """The order or lead, in its source's words."""
    word: str = getattr(body, about(body))
    return word


def saying_of(body: Body, meant: str = "") -> Saying:
    """The contract's own struct; `meant` is the order or lead that the path names."""
    contract = _CONTRACT[type(body)]
    told = {name: getattr(body, name) for name in contract.__struct_fields__}
    told["receipt"] = None
    made: Saying = contract(**(told | ({about(body): meant} if meant else {})))
    return made


class Contact(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a member of staff is reached; kept and published sealed only. Empty fields forget."""

    name: Annotated[str, msgspec.Meta(max_length=200)] = ""
    email: Annotated[
        str, msgspec.Meta(max_length=254, pattern=r"^([^@\s<>,;:\"()]+@[^@\s<>,;:\"()]+)?$")
    ] = ""


def without(event: type[Event], *names: str) -> type[msgspec.Struct]:
    """The body that becomes an entry: the event but for what the path or the system says."""
    fields = [
        _field(field)
        for field in msgspec.structs.fields(event)
        if field.name not in (*names, "receipt")
    ]
    title = f"{event.__name__}Body"
    return msgspec.defstruct(title, fields, frozen=True, kw_only=True, forbid_unknown_fields=True)


def with_contact(form: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """The same body with contact data beside it; left out, those on file stay."""
    fields: Any = [("contact", Contact | None, None)]
    return msgspec.defstruct(form.__name__, fields, bases=(form,), frozen=True, kw_only=True)


def entry_of(event: type[E], body: msgspec.Struct, **named: Any) -> E:
    told = msgspec.structs.asdict(body)
    told.pop("contact", None)
    return event(**told, **named)


def _field(field: msgspec.structs.FieldInfo) -> Any:
    if field.required:
        return field.name, field.type
    if field.default is not msgspec.NODEFAULT:
        return field.name, field.type, field.default
    return field.name, field.type, msgspec.field(default_factory=field.default_factory)


def rows_of(kind: str) -> dict[str, Any]:
    """What OpenAPI says of such a body."""
    told = f"One object a line: the bodies of the routes below with `type` and `{kind}`"
    content = {NDJSON: {"schema": {"type": "string"}}}
    return {"requestBody": {"required": True, "description": told, "content": content}}
