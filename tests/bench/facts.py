"""Orders as lead-intake's relay would have written them: skewed customers, real headers, receipts."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from perennial.contracts.base import Fact, Receipt
from perennial.contracts.cloudevents import encode_data, headers
from perennial.contracts.orders import ORDERS, OrderLine, OrderPlaced
from perennial.kit.ids import event_id
from perennial.kit.kafka import Message, Outlet, partition_for

BEGAN = datetime(2026, 3, 1, 8, tzinfo=UTC)
STEP = timedelta(seconds=2)
"""All within three days: no period ends and no rhythm is known yet, so one fact makes one score."""
WAVE = 5_000


@dataclass
class Prefilled:
    """What stands in the topic, so that a run can prove what it has read."""

    revenues: dict[int, list[int]] = field(default_factory=dict)
    """By partition, in order."""
    keys: dict[int, list[str]] = field(default_factory=dict)

    def revenue(self, positions: dict[int, int]) -> int:
        return sum(sum(self.revenues[part][:stand]) for part, stand in positions.items())

    def customers(self, positions: dict[int, int]) -> int:
        return sum(len(set(self.keys[part][:stand])) for part, stand in positions.items())


def placed(count: int, customers: int) -> Iterator[tuple[int, str, OrderPlaced]]:
    """(version, customer, order); the busiest customer orders some forty times as often as the idlest."""
    luck = random.Random(7)
    names = [f"c{_hash(f'customer {number}')}" for number in range(customers)]
    weights = [1 / (rank + 30) ** 0.6 for rank in range(customers)]
    versions = dict.fromkeys(names, 0)
    for number, customer in enumerate(luck.choices(names, weights, k=count)):
        versions[customer] += 1
        amount = luck.randrange(500, 20_000)
        line = OrderLine(product=f"product-{number % 400}", amount=amount, cost=amount // 2)
        yield (
            versions[customer],
            customer,
            OrderPlaced(
                order_id=f"o{_hash(f'order {number}')}",
                customer_id=customer,
                number=f"N-{number}",
                source="shop",
                currency="USD",
                total=amount,
                revenue=amount,
                margin=amount - amount // 2,
                paid=True,
                lines=[line],
                channel="shop",
                content=_hash(f"content {number}"),
            ),
        )


def _hash(text: str) -> str:
    """Ids of the house are such hashes; a row of digits in them would look odd to strict readers."""
    return blake2b(text.encode(), digest_size=12).hexdigest()


async def prefill(outlet: Outlet, count: int, customers: int) -> Prefilled:
    """Publish them, in waves as the relay does."""
    filled = Prefilled()
    wave: list[Message] = []
    for number, (version, customer, order) in enumerate(placed(count, customers)):
        wave.append(_message(number, version, customer, order))
        part = partition_for(customer, ORDERS.partitions)
        filled.revenues.setdefault(part, []).append(order.revenue)
        filled.keys.setdefault(part, []).append(customer)
        if len(wave) == WAVE:
            await _send(outlet, wave)
            wave = []
    await _send(outlet, wave)
    return filled


def _message(number: int, version: int, customer: str, order: OrderPlaced) -> Message:
    now = BEGAN + number * STEP
    cause = event_id("lead-intake", "customer", customer, str(number), 0)
    fact = Fact(
        data=None,
        id=event_id("lead-intake", "customer", customer, str(number), 1),
        key=customer,
        now=now,
        time=now,
        topic=ORDERS.name,
        type=order.TYPE,
        ver=version,
        source="perennial/lead-intake",
        correlation=cause,
        causation=cause,
        hops=1,
    )
    receipt = Receipt(causes=[cause], policy="lead-intake@0", now=now)
    said = encode_data(order)[:-1] + b',"receipt":' + encode_data(receipt) + b"}"
    return Message(number, ORDERS.name, customer, said, headers(fact, policy=receipt.policy))


async def _send(outlet: Outlet, wave: list[Message]) -> None:
    left = {message.place: message for message in wave}
    while left:
        for place in await outlet.send_wave(left.values()):
            del left[place]
