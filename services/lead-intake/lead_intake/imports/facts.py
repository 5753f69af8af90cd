"""Lines of a file as the facts that the public interface takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from perennial.contracts.orders import OrderLine
from perennial.contracts.partner import CancelOrder, Person, PlaceOrder, RecordPayment, RecordReturn

from lead_intake.imports.lines import Line
from lead_intake.imports.mapping import Mapping

_encode = msgspec.json.encode
_RANK = {"order": 0, "payment": 1, "return": 2, "cancel": 3}
_LONGEST_ID = 128

Saying = PlaceOrder | RecordPayment | RecordReturn | CancelOrder


@dataclass(frozen=True)
class Sayable:
    """A fact ready to be sent, and where it stands among the others."""

    at: int
    """Microseconds of business time."""
    rank: int
    """At the same moment an order comes before what is said of it."""
    body: bytes


def disagreement(lines: Sequence[Line]) -> str:
    """The field in which rows of one order contradict each other; "" if they don't."""
    for field in ("customer", "currency"):
        if len({getattr(line, field) for line in lines}) > 1:
            return field
    return ""


def fact_of_order(lines: Sequence[Line], mapping: Mapping) -> Sayable:
    """Several rows under one order id are one order; its moment is the earliest of theirs."""
    first = min(lines, key=lambda line: line.at)
    return _sayable(_order(lines, first, first.order), "order", first.at, mapping)


def fact_of_other(line: Line, identity: str, mapping: Mapping) -> Sayable:
    """A row on its own: an order told by its content, or news about a named order."""
    own = line.id or f"row-{identity}"
    match line.kind:
        case "order":
            saying: Saying = _order([line], line, f"row-{identity}")
        case "payment":
            saying = RecordPayment(
                payment=own,
                order=line.order,
                customer=line.customer or None,
                paid_at=line.at,
                amount=line.amount,
                currency=line.currency,
            )
        case "return":
            saying = RecordReturn(
                return_=own,
                order=line.order,
                customer=line.customer or None,
                returned_at=line.at,
                amount=line.amount,
            )
        case "cancel":
            saying = CancelOrder(
                order=line.order, customer=line.customer or None, cancelled_at=line.at
            )
    return _sayable(saying, line.kind, line.at, mapping)


def _order(lines: Sequence[Line], first: Line, number: str) -> PlaceOrder:
    merged = {name: text for line in reversed(lines) for name, text in line.person.items()}
    attributes = {name: text for line in reversed(lines) for name, text in line.attributes.items()}
    return PlaceOrder(
        order=number,
        customer=first.customer,
        placed_at=first.at,
        currency=first.currency,
        total=sum(line.amount for line in lines),
        paid=all(line.paid for line in lines),
        units=sum(round(line.quantity) for line in lines),
        lines=_products(lines),
        channel=first.channel,
        person=Person(**merged) if merged else None,
        attributes=attributes,
    )


def _products(lines: Sequence[Line]) -> list[OrderLine]:
    """The order's lines, if every row names its product; half a list would not add up."""
    if not all(line.product for line in lines):
        return []
    return [
        OrderLine(product=line.product, quantity=line.quantity, amount=line.amount, cost=line.cost)
        for line in lines
    ]


def _sayable(saying: Saying, kind: str, at: datetime, mapping: Mapping) -> Sayable:
    head = _encode({"type": kind, "source": mapping.source})
    body = head[:-1] + b"," + _encode(saying)[1:]
    return Sayable(int(at.timestamp() * 1_000_000), _RANK[kind], body)
