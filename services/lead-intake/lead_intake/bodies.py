"""What clients send, over what the contracts say: a source where one may be named, no derived ids."""

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from perennial.contracts.base import Event, Text
from perennial.contracts.partner import (
    CancelOrder,
    ExternalId,
    PlaceOrder,
    RecordPayment,
    RecordReturn,
)
from perennial.contracts.strict import Malformed, decode_outside

E = TypeVar("E", bound=Event)
Saying = PlaceOrder | RecordPayment | RecordReturn | CancelOrder
Kind = Literal["order", "payment", "return", "cancel"]
BY_PATH = "-"
"""Stands for the order in a body that leaves it to its path."""


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


Body = OrderBody | PaymentBody | ReturnBody | CancelBody
_CONTRACT: dict[type, type[Any]] = {
    OrderBody: PlaceOrder,
    PaymentBody: RecordPayment,
    ReturnBody: RecordReturn,
    CancelBody: CancelOrder,
}
_KINDS: dict[str, type[Any]] = {
    "order": OrderBody,
    "payment": PaymentBody,
    "return": ReturnBody,
    "cancel": CancelBody,
} | {contract.TYPE: form for form, contract in _CONTRACT.items()}
_DECODERS = {name: msgspec.json.Decoder(form) for name, form in _KINDS.items()}


class _Head(msgspec.Struct, frozen=True):
    type: str = "order"


_head = msgspec.json.Decoder(_Head)


def read_row(line: bytes) -> Body:
    """One line of a bulk request, of the kind it names. Raises `Malformed`."""
    try:
        kind = _head.decode(line).type
    except msgspec.DecodeError:
        kind = "order"
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise Malformed(f"no type {kind!r}; known are order, payment, return, cancel", "/type")
    body: Body = decode_outside(decoder, line)
    if body.order == BY_PATH and not isinstance(body, OrderBody):
        raise Malformed("names no order", "/order")
    return body


def saying_of(body: Body, order: str = "") -> Saying:
    """The contract's own struct; `order` is what the path names."""
    contract = _CONTRACT[type(body)]
    told = {name: getattr(body, name) for name in contract.__struct_fields__}
    told["receipt"] = None
    made: Saying = contract(**(told | ({"order": order} if order else {})))
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
