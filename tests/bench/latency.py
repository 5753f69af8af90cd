"""From an accepted order to the alert it leads to, through four services, against four bare hops.

The order is the fourth of a customer whose orders came every ten days, long ago: with it the rhythm
is known, so scoring sees a silence, lifecycle lights the red light, and notifications calls somebody.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count, pairwise
from typing import Any

import aiohttp
import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from perennial.contracts.alerts import ALERTS, AlertRaised
from perennial_cli.driving import Driver, token
from perennial_embedded.processes import Process
from perennial_embedded.system import System

from tests.bench.figures import Figure, middle, spread
from tests.bench.servers import BENCH, HOPS, broker, forwarder, whole_system

BAR = 5.0
STEPS = (40, 80, 160, 240, 320, 480)
STEP_SECONDS = 2.5
SECONDS = 6.0
ROUNDS = 3
DAYS = ("2024-01-10", "2024-01-20", "2024-01-30", "2024-02-09")
CUSTOMERS = int(sum(STEPS) * STEP_SECONDS + (ROUNDS + 1) * SECONDS * max(STEPS) / 2)
BULK_ROWS = 2_000
ARRIVES_WITHIN = 30.0
FLAT_MS = 500.0
"""The last orders of a step may take this much longer than the first: more is a growing lag."""


class Watch:
    """Notes when what was sent has arrived at the last topic."""

    def __init__(self) -> None:
        self.sent: dict[str, float] = {}
        self.came: dict[str, float] = {}

    def arrived(self, key: str) -> None:
        """Perhaps before we have read the answer to what was sent."""
        self.came.setdefault(key, time.perf_counter())

    async def all_there(self, keys: Sequence[str]) -> list[float]:
        """Milliseconds each, in the order sent."""
        deadline = time.monotonic() + ARRIVES_WITHIN
        while missing := sum(key not in self.came for key in keys):
            assert time.monotonic() < deadline, f"{missing} of {len(keys)} never arrived"
            await asyncio.sleep(0.05)
        return [max(0.0, self.came[key] - self.sent[key]) * 1000 for key in keys]


class Chain:
    """The four services: an order in over HTTP, an alert out."""

    def __init__(self, system: System, session: aiohttp.ClientSession) -> None:
        self._url = f"{system.addresses.url('lead-intake')}/v1/orders"
        self._session = session
        self._next = count()
        self.watch = Watch()

    async def prepare(self, customers: int) -> None:
        """Three orders each, in bulk."""
        rows = [_order(number, nth) for number in range(customers) for nth in range(3)]
        for start in range(0, len(rows), BULK_ROWS):
            body = b"\n".join(rows[start : start + BULK_ROWS])
            form = {"content-type": "application/x-ndjson"}
            async with self._session.post(f"{self._url}:bulk", data=body, headers=form) as answer:
                told = await answer.read()
                assert answer.status == 200, told[:300]
                assert b"rejected" not in told, told[:300]

    async def run(self, rate: float, seconds: float) -> list[float]:
        """Milliseconds from accepted to alert, for orders at an even pace."""
        numbers = [next(self._next) for _ in range(int(rate * seconds))]
        keys = await paced(rate, [lambda n=n: self._place(n) for n in numbers])
        return await self.watch.all_there(keys)

    async def _place(self, number: int) -> str:
        async with self._session.post(self._url, data=_order(number, 3)) as answer:
            told = msgspec.json.decode(await answer.read())
            assert answer.status == 201, told
            key: str = told["customer_id"]
            self.watch.sent[key] = time.perf_counter()
            return key

    async def listen(self, consumer: AIOKafkaConsumer) -> None:
        async for one in consumer:
            if dict(one.headers)["ce_type"] == AlertRaised.TYPE.encode():
                self.watch.arrived(one.key.decode())


class Bare:
    """Four topics, three processes that pass on, no work."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._next = count()
        self.watch = Watch()

    async def run(self, rate: float, seconds: float) -> list[float]:
        numbers = [next(self._next) for _ in range(int(rate * seconds))]
        keys = await paced(rate, [lambda n=n: self._send(n) for n in numbers])
        return await self.watch.all_there(keys)

    async def _send(self, number: int) -> str:
        key = f"hop-{number}"
        self.watch.sent[key] = time.perf_counter()
        await self._producer.send(HOPS[0], key=key.encode(), value=b"x" * 700)
        return key

    async def listen(self, consumer: AIOKafkaConsumer) -> None:
        async for one in consumer:
            self.watch.arrived(one.key.decode())


async def paced(rate: float, sends: Sequence[Any]) -> list[str]:
    """Each at its moment, whether or not those before are answered."""
    began, tasks = time.perf_counter(), []
    for number, send in enumerate(sends):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        tasks.append(asyncio.ensure_future(send()))
    return list(await asyncio.gather(*tasks))


async def measure() -> list[Figure]:
    async with whole_system() as system, AsyncExitStack() as held:
        session = await held.enter_async_context(_session(system))
        chain = Chain(system, session)
        await chain.prepare(CUSTOMERS)
        driver = await held.enter_async_context(Driver(system.addresses))
        await driver.settle()
        bare = Bare(await held.enter_async_context(_producer(system)))
        await _start_hops(system)
        await held.enter_async_context(_listening(system, ALERTS.name, "oncall", chain))
        await held.enter_async_context(_listening(system, HOPS[-1], BENCH, bare))
        await bare.run(STEPS[0], 1.0)  # warms up, as the steps do with the chain
        flat = await _flat_rate(chain)
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(p99(await chain.run(flat / 2, SECONDS)))
            theirs.append(p99(await bare.run(flat / 2, SECONDS)))
    return [_figure(ours, theirs, flat)]


async def _flat_rate(chain: Chain) -> float:
    """The last step whose lag does not grow; half of it is a load with room above."""
    await chain.run(STEPS[0], 1.0)
    flat = STEPS[0]
    for rate in STEPS:
        waits = await chain.run(rate, STEP_SECONDS)
        third = len(waits) // 3
        if middle(waits[-third:]) > middle(waits[:third]) + FLAT_MS:
            break
        flat = rate
    return float(flat)


async def _start_hops(system: System) -> None:
    """Three processes: with us at both ends they make four hops."""
    processes: list[Process] = [
        forwarder(system.addresses, source, target) for source, target in pairwise(HOPS)
    ]
    await system.stack.supervisor.start(processes)


@asynccontextmanager
async def _session(system: System) -> AsyncIterator[aiohttp.ClientSession]:
    bearer = {
        "authorization": f"Bearer {token(system.addresses, 'admin')}",
        "content-type": "application/json",
    }
    async with aiohttp.ClientSession(headers=bearer) as session:
        yield session


@asynccontextmanager
async def _producer(system: System) -> AsyncIterator[AIOKafkaProducer]:
    security = broker(system.addresses, BENCH).security()
    producer = AIOKafkaProducer(acks="all", enable_idempotence=True, **security)
    await producer.start()
    yield producer
    await producer.stop()


@asynccontextmanager
async def _listening(
    system: System, topic: str, principal: str, to: Chain | Bare
) -> AsyncIterator[None]:
    security = broker(system.addresses, principal).security()
    consumer = AIOKafkaConsumer(topic, auto_offset_reset="latest", **security)
    await consumer.start()
    await consumer.seek_to_end()
    hearing = asyncio.create_task(to.listen(consumer))
    yield
    hearing.cancel()
    await consumer.stop()


def _order(number: int, nth: int) -> bytes:
    return (
        b'{"order":"late-%d-%d","customer":"late-%d","placed_at":"%sT10:00:00Z","currency":"USD",'
        b'"total":5000,"paid":true}' % (number, nth, number, DAYS[nth].encode())
    )


def p99(waits: Sequence[float]) -> float:
    return sorted(waits)[min(len(waits) - 1, int(0.99 * len(waits)))]


def _figure(ours: list[float], theirs: list[float], flat: float) -> Figure:
    most = "at least " if flat == STEPS[-1] else ""
    note = (
        f"p99 from the 201 to AlertRaised (red light) in alerts.v1, four topics and services on,"
        f" at {flat / 2:.0f} orders/s (lag is flat up to {most}{flat:.0f}): {spread(ours)};"
        f" four bare produce-consume hops at that rate: {spread(theirs)}"
    )
    return Figure("latency", middle(ours), middle(theirs), BAR, "ms", note, at_most=True)
