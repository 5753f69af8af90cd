"""From the outbox to the topic: our relay against a plain producer that has the bytes at hand."""

import asyncio
import time
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer
from perennial.contracts.scores import SCORES
from perennial.kit.kafka import Message, Outlet, length, partition_for
from perennial.kit.relay import Relay, message_of
from perennial.kit.run import collect_rarely
from perennial_embedded.services import Service
from perennial_embedded.stack import Stack

from tests.bench.facts import BEGAN, STEP, placed
from tests.bench.figures import Figure, middle, spread
from tests.bench.servers import broker, migrated, servers

SERVICE = Service("scoring", "scoring")
SOURCE = f"perennial/{SERVICE.name}"
ROWS = 20_000
ROUNDS = 5
BATCH_BYTES = 900_000
CHUNK = 10_000
PATIENCE = 60.0

_CONTEXT = (
    '{"correlationid":"00000000-0000-8000-8000-000000000000",'
    '"causationid":"00000000-0000-8000-8000-000000000000","policyversion":"scoring@0","hops":2}'
)
_FILL = "INSERT INTO outbox (topic, key, ver) SELECT topic, key, ver FROM event ORDER BY now"
_ROWS = """
    SELECT o.seq, e.topic, e.key, e.ver, e.id, e.type, e.time, e.now, e.context, e.data
    FROM outbox o JOIN event e USING (topic, key, ver) ORDER BY o.seq
"""


class Plain:
    """What the client library can do: explicit batches, filled up, acknowledged by all."""

    def __init__(self, security: dict[str, Any]) -> None:
        self._producer = AIOKafkaProducer(
            acks="all", enable_idempotence=True, max_batch_size=BATCH_BYTES, **security
        )

    async def start(self) -> None:
        await self._producer.start()

    async def stop(self) -> None:
        await self._producer.stop()

    async def run(self, messages: list[Message]) -> float:
        """Rows per second."""
        began = time.perf_counter()
        for start in range(0, len(messages), CHUNK):
            await self._send(messages[start : start + CHUNK])
        return len(messages) / (time.perf_counter() - began)

    async def _send(self, messages: list[Message]) -> None:
        batches: dict[int, Any] = {}
        for one in messages:
            part = partition_for(one.key, SCORES.partitions)
            batch = batches.get(part)
            if batch is None:
                batch = batches[part] = self._producer.create_batch()
            appended = batch.append(
                key=one.key.encode(), value=one.value, timestamp=None, headers=one.headers
            )
            assert appended is not None, "a chunk must fit its batches"
        sends = [
            await self._producer.send_batch(batch, SCORES.name, partition=part)
            for part, batch in batches.items()
        ]
        await asyncio.gather(*sends)


class Ours:
    """The real relay under its own role, as long-lived as the plain producer beside it."""

    def __init__(self, stack: Stack, connection: Any) -> None:
        self._connection = connection
        self._outlet = Outlet(broker(stack.addresses, SERVICE.name), "bench-relay")
        dsn = stack.addresses.dsn(f"{SERVICE.schema}_relay")
        self._relay = Relay(dsn, self._outlet, SOURCE)

    async def start(self) -> None:
        await self._outlet.start()
        self._running = asyncio.create_task(self._relay.run())

    async def stop(self) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self._outlet.stop()

    async def run(self) -> float:
        """Rows per second, until the outbox is empty."""
        async with self._connection.transaction():
            await self._connection.execute(_FILL)
            await self._connection.execute("SELECT pg_notify('outbox_scoring', '')")
        began = time.perf_counter()
        while await self._connection.fetchval("SELECT EXISTS (SELECT FROM outbox)"):
            await asyncio.sleep(0.02)
            assert time.perf_counter() - began < PATIENCE, "the relay stands still"
            if self._running.done():
                self._running.result()
        return ROWS / (time.perf_counter() - began)


async def measure() -> list[Figure]:
    async with servers([SERVICE.name]) as stack:
        await migrated(stack, SERVICE)
        connection = await asyncpg.connect(stack.addresses.dsn(SERVICE.schema))
        await _publish_events(connection)
        await connection.execute(_FILL)
        messages = [message_of(SOURCE, row) for row in await connection.fetch(_ROWS)]
        await connection.execute("DELETE FROM outbox")
        collect_rarely()  # as in a process of its own
        relay = Ours(stack, connection)
        plain = Plain(broker(stack.addresses, SERVICE.name).security())
        await relay.start()
        await plain.start()
        ours, theirs = [], []
        for _ in range(ROUNDS + 1):  # the first warms up
            ours.append(await _counted(stack, relay.run()))
            theirs.append(await _counted(stack, plain.run(messages)))
        await plain.stop()
        await relay.stop()
        await connection.close()
    return [_figure(ours[1:], theirs[1:])]


async def _publish_events(connection: Any) -> None:
    """Events with the size of scores, without their outbox rows."""
    rows = [
        (
            SCORES.name, customer, version, order.order_id, "perennial.customer.scored.v1",
            BEGAN + number * STEP, BEGAN + number * STEP, _CONTEXT, "{" + f'"pad":"{"x" * 650}"' + "}",
        )
        for number, (version, customer, order) in enumerate(placed(ROWS, 5_000))
    ]  # fmt: skip
    await connection.copy_records_to_table(
        "event",
        records=rows,
        columns=["topic", "key", "ver", "id", "type", "time", "now", "context", "data"],
    )


async def _counted(stack: Stack, running: Any) -> float:
    """The topic must have grown by exactly these rows."""
    watcher = broker(stack.addresses, "oncall")
    before = await length(watcher, SCORES.name)
    rate: float = await running
    grown = await length(watcher, SCORES.name) - before
    assert grown == ROWS, f"the topic grew by {grown} records, not {ROWS}"
    return rate


def _figure(ours: list[float], theirs: list[float]) -> Figure:
    note = (
        f"{ROWS:,} rows: {spread(ours)}; a plain idempotent producer in explicit batches,"
        f" acks=all, same bytes and headers, no database: {spread(theirs)}"
    )
    return Figure("relay", middle(ours), middle(theirs), 0.5, "rows/s", note)
