"""The customers and prospects of a chaos run: who buys what, whose chance goes how. The seed decides;
no system is touched."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from perennial_cli.chaos_ledger import Channel, Kind, Said

AWAKE_SINCE, ASLEEP_SINCE = timedelta(days=250), timedelta(days=2_000)
"""Some customers' rhythm ended long ago: their red light comes up by itself, and its alert."""
PAID_AT_ONCE, RETURNED, CANCELLED = 0.7, 0.08, 0.04
OPPORTUNITY, LEFT_OPEN = 0.6, 0.25
DONE = ("note", "call-tried", "call-connected", "message-sent", "meeting-held", "quotation")
ENDS = ("won", "lost", "lost", "disqualified")


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


class Prospect:
    """A party of which one lead comes after the other; what is said of each is told in order."""

    def __init__(self, channel: Channel, number: int, rng: Random) -> None:
        self.name = f"{channel}-prospect-{number:04d}"
        self._channel = channel
        self._rng = rng
        self._leads = 0
        self._facts = self._life()

    def next(self) -> Said:
        return next(self._facts)

    def _life(self) -> Iterator[Said]:
        while True:
            yield from self._lead()

    def _lead(self) -> Iterator[Said]:
        """A lead, what is done about it, and how it ends; some are left to the sales floor."""
        rng = self._rng
        self._leads += 1
        lead = f"{self.name}-{self._leads}"
        opportunity = "opportunity" if rng.random() < OPPORTUNITY else ""
        yield self._said("lead", lead, what=opportunity, amount=rng.randrange(100_00, 9_000_00))
        for number in range(rng.randrange(4)):
            yield self._said("activity", lead, own=f"{lead}-a{number}", what=rng.choice(DONE))
        if rng.random() >= LEFT_OPEN:
            yield self._said("close", lead, what=rng.choice(ENDS))

    def _said(self, kind: Kind, lead: str, own: str = "", what: str = "", amount: int = 0) -> Said:
        return Said(
            id=f"{kind}:{own or lead}",
            channel=self._channel,
            customer=self.name,
            kind=kind,
            lead=lead,
            own=own,
            what=what,
            amount=amount,
            at=datetime.now(UTC).isoformat(),
        )


def prospects(channel: Channel, count: int, seed: str) -> list[Prospect]:
    """So many parties of one channel, each with a seed of its own."""
    return [
        Prospect(channel, number, Random(f"{seed}:{channel}:prospect:{number}"))
        for number in range(1, count + 1)
    ]


def crowd(channel: Channel, count: int, seed: str, now: datetime) -> list[Shopper]:
    """So many customers of one channel, each with a seed of its own."""
    return [
        Shopper(channel, number, Random(f"{seed}:{channel}:{number}"), now)
        for number in range(1, count + 1)
    ]
