"""Small words for tests about orders: facts as the edge hands them to the rules."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from lead_intake.domain.registers import Rate, Register
from lead_intake.domain.world import World, build
from lead_intake.ingress import Sealing, said_by
from lead_intake.policy import Policy
from perennial.contracts.base import Fact
from perennial.contracts.partner import CancelOrder, PlaceOrder, RecordPayment, RecordReturn
from perennial.contracts.registers import ProductChanged

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = datetime(2026, 5, 1, 9, tzinfo=UTC)
SHOP = "shop"
SEALING = Sealing(seal=lambda party, plain: f"sealed-for-{party}:{len(plain)}", pepper=b"pepper")


def order(number: str = "1", total: int = 10_000, **more: Any) -> PlaceOrder:
    said = {"customer": "ann", "placed_at": DAY, "currency": "USD", **more}
    return PlaceOrder(order=number, total=total, **said)


def payment(payment_id: str, amount: int, number: str = "1", **more: Any) -> RecordPayment:
    said = {"paid_at": DAY + timedelta(days=1), "currency": "USD", **more}
    return RecordPayment(payment=payment_id, order=number, amount=amount, **said)


def back(return_id: str, amount: int | None = None, number: str = "1") -> RecordReturn:
    return RecordReturn(
        return_=return_id, order=number, returned_at=DAY + timedelta(days=2), amount=amount
    )


def cancel(number: str = "1") -> CancelOrder:
    return CancelOrder(order=number, cancelled_at=DAY + timedelta(days=3))


def fact(saying: Any, now: datetime = NOW, source: str = SHOP) -> Fact:
    said = said_by(source, saying, SEALING)
    key = getattr(said, "customer_id", "")
    return Fact(data=said, id="f", key=key, now=now, time=now, principal="partner.shop")


def world(policy: Policy | None = None, **rates: list[tuple[date, float]]) -> World:
    """A world of dated rates by currency."""
    entries = {
        f"rate:{currency}": Register(rates=[Rate(starts=day, rate=rate) for day, rate in dated])
        for currency, dated in rates.items()
    }
    return build({"register": entries}, policy or Policy())


def shelf(*products: ProductChanged, policy: Policy | None = None) -> World:
    """A world of products."""
    entries = {f"product:{one.product_id}": Register(product=one) for one in products}
    return build({"register": entries}, policy or Policy())
