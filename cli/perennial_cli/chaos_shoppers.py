"""The customers of a chaos run: who buys what, and when. The seed decides; no system is touched."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from perennial_cli.chaos_ledger import Channel, Kind, Said

AWAKE_SINCE, ASLEEP_SINCE = timedelta(days=250), timedelta(days=2_000)
"""Some customers' rhythm ended long ago: their red light comes up by itself, and its alert."""
PAID_AT_ONCE, RETURNED, CANCELLED = 0.7, 0.08, 0.04


class Shopper:
    """One customer with a rhythm of its own; its facts are told in order, one after the other."""

    def __init__(self, channel: Channel, number: int, rng: Random, now: datetime) -> None:
        self.name = f"{channel}-customer-{number:04d}"
        self._channel = channel
        self._rng = rng
        self._every = timedelta(days=rng.choice((3, 7, 14, 30)))
        self._at = now - (ASLEEP_SINCE if number % 3 == 0 else AWAKE_SINCE)
        self._until = now
        self._orders = 0
        self._facts = self._life()

    def next(self) -> Said:
        return next(self._facts)

    def _life(self) -> Iterator[Said]:
        while True:
            yield from self._order()

    def _order(self) -> Iterator[Said]:
        """An order, and what may follow it: payment, a partial return, or cancellation."""
        rng = self._rng
        self._orders += 1
        self._at = min(self._at + self._every * rng.uniform(0.8, 1.2), self._until)
        order, amount = f"{self.name}-{self._orders}", rng.randrange(5_00, 500_00)
        paid = self._orders == 1 or rng.random() < PAID_AT_ONCE
        yield self._said("order", order, amount=amount, paid=paid)
        if not paid:
            yield self._said("payment", order, own=f"{order}-p", amount=amount)
        fate = rng.random()
        if fate < RETURNED:
            yield self._said("return", order, own=f"{order}-r", amount=amount // 3)
        elif fate < RETURNED + CANCELLED and self._orders > 1:
            yield self._said("cancel", order)

    def _said(
        self, kind: Kind, order: str, own: str = "", amount: int = 0, paid: bool = False
    ) -> Said:
        return Said(
            id=f"{kind}:{own or order}",
            channel=self._channel,
            customer=self.name,
            kind=kind,
            order=order,
            own=own,
            amount=amount,
            paid=paid,
            at=self._at.astimezone(UTC).isoformat(),
        )


def crowd(channel: Channel, count: int, seed: str, now: datetime) -> list[Shopper]:
    """So many customers of one channel, each with a seed of its own."""
    return [
        Shopper(channel, number, Random(f"{seed}:{channel}:{number}"), now)
        for number in range(1, count + 1)
    ]
