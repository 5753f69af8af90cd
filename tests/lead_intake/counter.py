"""A stand-in for the service behind the bulk endpoint: knows each order by its id and content."""

from collections.abc import Sequence
from typing import Any

import msgspec
from lead_intake.imports.sending import RowError, RowResult


class Counter:
    """Takes lines as the service would: the same again is a duplicate, other content is refused."""

    def __init__(self, fail_after: int = 10**9) -> None:
        self.known: dict[tuple[str, str], dict[str, Any]] = {}
        self.sent: list[dict[str, Any]] = []
        self.fail_after = fail_after

    def send(self, lines: Sequence[bytes]) -> list[RowResult]:
        if len(self.sent) >= self.fail_after:
            raise ConnectionError("the line is cut")
        return [self._take(n, msgspec.json.decode(line)) for n, line in enumerate(lines, 1)]

    def _take(self, row: int, fact: dict[str, Any]) -> RowResult:
        self.sent.append(fact)
        own = fact.get("return") or fact.get("payment") or fact["order"]
        known = self.known.setdefault((fact["type"], own), fact)
        if known is fact:
            return RowResult(row=row, status="accepted", order_id=fact["order"])
        if {**known, "person": None} == {**fact, "person": None}:
            return RowResult(row=row, status="duplicate", order_id=fact["order"])
        error = RowError(code="order-differs", detail="known with other content", pointer="/order")
        return RowResult(row=row, status="rejected", error=error)

    def orders(self) -> list[dict[str, Any]]:
        return [fact for (kind, _), fact in self.known.items() if kind == "order"]

    def total(self) -> int:
        return sum(order["total"] for order in self.orders())
