"""What the columns of a company's export mean. Written by a person as YAML; nothing is guessed."""

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from perennial.contracts.base import Currency, Id
from perennial.contracts.currencies import mistyped

Kind = Literal["order", "payment", "return", "cancel"]
Blank = Literal["reject", "skip", "zero"]
Range = tuple[Annotated[int, msgspec.Meta(ge=0)], Annotated[int, msgspec.Meta(ge=1)]]


class MappingError(Exception):
    """The mapping does not fit itself or the file: said before anything is sent, with the cure."""


def odd_formats(formats: list[str]) -> str:
    """What is wrong with notations of dates, with the cure; "" if nothing is."""
    odd = [one for one in formats if one != "iso" and "%" not in one]
    return f"write {odd[0]!r} in `date_formats` as %d.%m.%Y would be, or `iso`" if odd else ""


def odd_currency(code: str | None) -> str:
    """What is wrong with the currency of all rows, with the cure; "" if nothing is."""
    told = mistyped(code)
    return f"`currency` {told}" if told else ""


class Layout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the file is written."""

    encoding: str = "auto"
    """`auto` tries UTF-8 (with or without mark), then GB 18030, then Windows-1252."""
    delimiter: str = "auto"
    header: bool = True
    """Without one, columns are called 1, 2, 3 …"""
    skip_rows: int = 0
    """Lines above the header (titles, notes)."""
    widths: dict[str, Range] = {}
    """Fixed width: column → [from, to), counted from 0."""


class Mapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields of an order and the columns they stand in."""

    source: Id
    """Name of the system the export comes from; ids are unique within it."""
    layout: Layout = Layout()
    customer: str
    date: str
    date_formats: list[str] = []
    """As for strptime, or `iso`; empty: found from the file, if only one fits."""
    timezone: str = "UTC"
    """Of times without an offset. A mere date stays the date it is."""
    order: str = ""
    """Without it rows are told apart by content and by how manyth they are in the file."""
    refers_to: str = ""
    """The order that a payment, return or cancellation belongs to, if `order` is its own number."""
    id: str = ""
    """The payment's or return's own id."""
    amount: str = ""
    quantity: str = ""
    unit_price: str = ""
    cost: str = ""
    """Cost of goods of the row."""
    product: str = ""
    decimal: Literal["auto", ".", ","] = "auto"
    minor_units: bool = False
    """Amounts are cents already."""
    round: bool = False
    """Round amounts finer than the currency instead of rejecting them."""
    currency: Currency | None = None
    currency_column: str = ""
    paid: bool = False
    paid_column: str = ""
    paid_values: tuple[str, ...] = ("1", "yes", "true", "paid", "y")
    type_column: str = ""
    types: dict[Kind, list[str]] = {}
    """Values of the type column by what they mean; `order` without values takes the rest."""
    negative: Literal["return", "reject"] = "return"
    blanks: dict[str, Blank] = {}
    """What a blank means by field; `reject` unless said otherwise."""
    repeated_lines: Literal["same", "real"] = "same"
    """Identical rows under one order id: one row delivered twice, or a thing bought twice."""
    channel: str = "import"
    channel_column: str = ""
    person: dict[Literal["name", "email", "phone", "address"], str] = {}
    attributes: dict[str, str] = {}

    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


def read_mapping(path: Path) -> Mapping:
    """The mapping in a file, checked as far as it can be without the data."""
    return parse_mapping(path.read_bytes(), str(path))


def parse_mapping(document: bytes, name: str = "mapping") -> Mapping:
    try:
        mapping = msgspec.yaml.decode(document, type=Mapping)
    except msgspec.DecodeError as error:
        raise MappingError(f"{name}: {error}") from error
    complaint = _complaint(mapping)
    if complaint:
        raise MappingError(f"{name}: {complaint}")
    return mapping


def _complaint(mapping: Mapping) -> str:
    """What is missing or contradicts itself, with the cure; "" if nothing does."""
    if odd := odd_formats(mapping.date_formats):
        return odd
    if not mapping.amount and not (mapping.quantity and mapping.unit_price):
        return "map `amount`, or both `quantity` and `unit_price`"
    if not mapping.currency and not mapping.currency_column:
        return "give `currency` (one for all rows) or `currency_column`"
    if odd := odd_currency(mapping.currency):
        return odd
    if mapping.type_column and not mapping.types:
        return "say what the values of `type_column` mean in `types`"
    try:
        mapping.zone()
    except (ZoneInfoNotFoundError, ValueError):
        return f"`timezone` {mapping.timezone!r} is not a name as Europe/Berlin"
    return ""
