"""One row of the file as one line of a fact, or what is wrong with it and in which column."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from lead_intake.imports.mapping import Kind, Mapping, MappingError
from lead_intake.imports.reading import Table
from lead_intake.imports.rows import LONGEST_ID, RowFault, RowReader


class Line(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What one row says. Its encoding without the row number is its content."""

    kind: Kind
    order: str
    id: str
    customer: str
    at: datetime
    currency: str
    amount: int
    """Minor units; never below zero: a negative row is a return."""
    quantity: float
    product: str
    cost: int | None
    paid: bool
    channel: str
    person: dict[str, str]
    attributes: dict[str, str]


class _Money(NamedTuple):
    currency: str
    amount: int
    quantity: float
    cost: int | None


_NO_MONEY = _Money("", 0, 1.0, None)
"""A cancellation is about the whole order and names no amount."""


class LineReader(RowReader):
    """Reads rows of one file. What the mapping leaves open is settled from a sample, or refused."""

    def __init__(self, mapping: Mapping, table: Table, sample: Sequence[Sequence[str]]) -> None:
        numeric = {"amount", "quantity", "unit_price", "cost"}
        super().__init__(mapping, table, sample, _columns(mapping), numeric, ("date",))
        self._kinds = {
            value.casefold(): kind for kind, values in mapping.types.items() for value in values
        }
        self._paid = {value.casefold() for value in mapping.paid_values}

    def read(self, cells: Sequence[str]) -> Line:
        """The row as a line. Raises `RowFault`."""
        if len(cells) != self._width:
            self._complain_of_width(cells)
        mapping = self._mapping
        told = self._told_kind(cells)
        money = _NO_MONEY if told == "cancel" else self._money(cells)
        kind = self._kind(told, money.amount)
        return Line(
            kind=kind,
            order=self._order(cells, kind),
            id=self._id(cells, kind),
            customer=self._customer(cells, kind),
            at=self._date(cells),
            currency=money.currency,
            amount=abs(money.amount),
            quantity=money.quantity,
            product=self._cell(cells, "product")[:LONGEST_ID],
            cost=money.cost,
            paid=self._is_paid(cells),
            channel=self._cell(cells, "channel_column") or mapping.channel,
            person=self._group(cells, "person"),
            attributes=self._group(cells, "attributes"),
        )

    def _amount(self, cells: Sequence[str], currency: str) -> int:
        if "amount" in self._places:
            return self._minor(self._number(cells, "amount"), currency, "amount")
        price = self._number(cells, "unit_price")
        exact = self._number(cells, "quantity") * price
        return self._minor(exact, currency, "unit_price", rounded=True)

    def _money(self, cells: Sequence[str]) -> "_Money":
        currency = self._mapping.currency or self._needed(cells, "currency_column").upper()
        amount = self._amount(cells, currency)
        return _Money(currency, amount, self._quantity(cells), self._cost(cells, currency))

    def _told_kind(self, cells: Sequence[str]) -> Kind:
        """What the row calls itself; its sign may still make it a return."""
        if "type_column" not in self._places:
            return "order"
        told = self._cell(cells, "type_column")
        found = self._kinds.get(told.casefold())
        if found is None and self._mapping.types.get("order"):
            raise RowFault("type_column", f"{told!r} is not among `types`")
        return found or "order"

    def _customer(self, cells: Sequence[str], kind: Kind) -> str:
        """Orders must name theirs; of the rest it is compared with the order's, where it is told."""
        if kind == "order" or self._cell(cells, "customer"):
            return self._short(cells, "customer")
        return ""

    def _kind(self, kind: Kind, amount: int) -> Kind:
        if amount >= 0 or kind in ("return", "cancel"):
            return kind
        if kind == "payment":
            raise RowFault("amount", "a payment below zero: map refunds to `return`")
        if self._mapping.negative == "reject":
            raise RowFault("amount", f"{amount} is below zero")
        return "return"

    def _order(self, cells: Sequence[str], kind: Kind) -> str:
        if kind == "order":
            return self._short(cells, "order") if "order" in self._places else ""
        field = "refers_to" if "refers_to" in self._places else "order"
        if field not in self._places:
            raise RowFault("order", f"a {kind} must name its order: map a column to `order`")
        return self._short(cells, field)

    def _id(self, cells: Sequence[str], kind: Kind) -> str:
        if kind == "order":
            return ""
        own = self._cell(cells, "id")
        if not own and "refers_to" in self._places:
            own = self._cell(cells, "order")
        return own[:LONGEST_ID]

    def _quantity(self, cells: Sequence[str]) -> float:
        if "quantity" not in self._places or not self._cell(cells, "quantity"):
            return 1.0
        return float(abs(self._number(cells, "quantity")))

    def _cost(self, cells: Sequence[str], currency: str) -> int | None:
        if "cost" not in self._places or not self._cell(cells, "cost"):
            return None
        return abs(self._minor(self._number(cells, "cost"), currency, "cost", rounded=True))

    def _is_paid(self, cells: Sequence[str]) -> bool:
        if "paid_column" not in self._places:
            return bool(self._mapping.paid)
        return self._cell(cells, "paid_column").casefold() in self._paid


_FIELDS: tuple[str, ...] = (
    "customer", "date", "order", "refers_to", "id", "amount", "quantity", "unit_price", "cost",
    "product", "currency_column", "paid_column", "type_column", "channel_column",
)  # fmt: skip


def _columns(mapping: Mapping) -> dict[str, str]:
    """Fields and the columns they stand in, those of person and attributes under dotted names."""
    column_of: Callable[[str], str] = lambda field: getattr(mapping, field)  # noqa: E731
    found = {field: column_of(field) for field in _FIELDS if column_of(field)}
    found |= {f"person.{name}": column for name, column in mapping.person.items()}
    found |= {f"attributes.{name}": column for name, column in mapping.attributes.items()}
    if not found:
        raise MappingError("the mapping names no column")
    return found
