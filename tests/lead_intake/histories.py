"""Small words for tests about orders: facts as the edge hands them to the rules."""

from collections.abc import Coroutine
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from lead_intake.domain.registers import Rate, Register
from lead_intake.domain.world import World, build
from lead_intake.ingress import Sealing, said_by
from lead_intake.policy import Policy
from perennial.contracts.base import Fact
from perennial.contracts.partner import CancelOrder, PlaceOrder, RecordPayment, RecordReturn
from perennial.contracts.registers import ProductChanged

T = TypeVar("T")
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = datetime(2026, 5, 1, 9, tzinfo=UTC)
SHOP = "shop"


class Sealed:
    """Seals by naming the party and the length."""

    pepper = b"pepper"

    async def seal(self, party: str, plain: bytes) -> str:
        return f"sealed-for-{party}:{len(plain)}"

    async def open(self, party: str, sealed: str) -> bytes | str:
        return "erased"


SEALING: Sealing = Sealed()


def at_once(steps: Coroutine[Any, Any, T]) -> T:
    """What a coroutine that waits for nothing returns."""
    try:
        steps.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("it waited for something")


def order(number: str = "1", total: int = 10_000, **more: Any) -> PlaceOrder:
    said = {"customer": "ann", "placed_at": DAY, "currency": "USD", **more}
    return PlaceOrder(order=number, total=total, **said)


def payment(payment_id: str, amount: int, number: str = "1", **more: Any) -> RecordPayment:
    said = {"paid_at": DAY + timedelta(days=1), "currency": "USD", **more}
    return RecordPayment(payment=payment_id, order=number, amount=amount, **said)


def back(return_id: str, amount: int | None = None, number: str = "1", **more: Any) -> RecordReturn:
    said = {"returned_at": DAY + timedelta(days=2), "amount": amount, **more}
    return RecordReturn(return_=return_id, order=number, **said)


def cancel(number: str = "1", **more: Any) -> CancelOrder:
    return CancelOrder(order=number, cancelled_at=DAY + timedelta(days=3), **more)


def fact(saying: Any, now: datetime = NOW, source: str = SHOP) -> Fact:
    said = at_once(said_by(source, saying, SEALING))
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
