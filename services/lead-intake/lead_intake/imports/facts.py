"""Lines of a file as the facts that the public interface takes."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from perennial.contracts.orders import OrderLine
from perennial.contracts.partner import (
    CancelOrder,
    CaptureLead,
    CloseLead,
    Organisation,
    Person,
    PlaceOrder,
    RecordPayment,
    RecordReturn,
)

from lead_intake.imports.leads import LeadLine, LeadMapping
from lead_intake.imports.lines import Line
from lead_intake.imports.mapping import Mapping

ENDS = 9
"""Rank of the second fact of a row: its first one speaks for it unless this one fails."""
_encode = msgspec.json.encode
_RANK = {"order": 0, "payment": 1, "return": 2, "cancel": 3, "lead": 0, "close": ENDS}

Saying = PlaceOrder | RecordPayment | RecordReturn | CancelOrder | CaptureLead | CloseLead


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
    return _sayable(_order(lines, first, first.order), "order", first.at, mapping.source)


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
    return _sayable(saying, line.kind, line.at, mapping.source)


def facts_of_lead(line: LeadLine, identity: str, mapping: LeadMapping) -> list[Sayable]:
    """A row's lead, and how it ended; a win dated before the first contact still comes after it."""
    number = line.capture.lead or f"row-{identity}"
    begun, ended = _begun(line, number, mapping), _ended(line, number, mapping)
    if not line.begins:
        return [dataclasses.replace(ended, rank=_RANK["lead"])] if ended else []
    return [begun, ended] if ended else [begun]


def _begun(line: LeadLine, number: str, mapping: LeadMapping) -> Sayable:
    said = line.capture
    lead = CaptureLead(
        lead=number,
        party=said.party,
        captured_at=said.at,
        channel=said.channel,
        campaign=said.campaign,
        product=said.product,
        expected_value=said.value,
        currency=None if said.value is None else mapping.currency,
        opportunity=mapping.opportunities,
        holder=said.holder,
        tags=mapping.tags,
        organisation=Organisation(**line.organisation) if line.organisation else None,
        person=Person(**line.person) if line.person else None,
        attributes=said.attributes,
    )
    return _sayable(lead, "lead", said.at, mapping.source)


def _ended(line: LeadLine, number: str, mapping: LeadMapping) -> Sayable | None:
    if not line.outcome or line.closed_at is None:
        return None
    close = CloseLead(
        lead=number,
        closed_at=line.closed_at,
        outcome=line.outcome,
        reason=line.reason,
        by=line.capture.holder,
        value=line.close_value,
        currency=None if line.close_value is None else mapping.currency,
    )
    return _sayable(close, "close", max(line.capture.at, line.closed_at), mapping.source)


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


def _sayable(saying: Saying, kind: str, at: datetime, source: str) -> Sayable:
    head = _encode({"type": kind, "source": source})
    body = head[:-1] + b"," + _encode(saying)[1:]
    return Sayable(int(at.timestamp() * 1_000_000), _RANK[kind], body)
