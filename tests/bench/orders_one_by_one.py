"""The common peer: each record in a transaction of its own, through an ORM."""

import time
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from perennial.contracts.cloudevents import decode
from perennial.contracts.orders import ORDERS
from perennial.kit.worlds import Worlds
from perennial_embedded.state import Addresses
from scoring.handlers import CUSTOMER
from scoring.main import SERVICE
from sqlalchemy import text

from tests.bench import orm
from tests.bench.servers import broker

FACTS = {True: 250, False: 600}
_EMPTY = "TRUNCATE entity, part, event, outbox, position"
_SCORES = "WHERE topic = 'scores.v1'"
"""One for each order; a grade that moved is told besides."""


class OneByOne:
    """Where it stands is told to Kafka after each record, or to Postgres in the same transaction."""

    def __init__(self, addresses: Addresses, *, commits: bool) -> None:
        self._commits = commits
        self._dsn = addresses.dsn("bench_orm")
        self._owner = addresses.dsn("bench_orm_migrate")
        self._consumer = AIOKafkaConsumer(
            ORDERS.name,
            group_id=f"scoring-peer-{'kafka' if commits else 'postgres'}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            **broker(addresses, "scoring").security(),
        )
        self._world = Worlds(SERVICE, {}).at(datetime.now(UTC))

    async def start(self) -> None:
        self._engine, self._sessions = orm.sessions(self._dsn)
        await self._consumer.start()

    async def stop(self) -> None:
        await self._consumer.stop()
        await self._engine.dispose()

    async def run(self) -> float:
        """Facts per second, over rows of this round alone."""
        await self._emptied()
        await self._one()
        count = FACTS[self._commits]
        revenue, began = 0, time.perf_counter()
        for _ in range(count):
            revenue += await self._one()
        taken = time.perf_counter() - began
        await self._prove(count + 1)
        return count / taken

    async def _one(self) -> int:
        record = await self._consumer.getone()
        fact = decode(
            record.topic, record.key, record.headers, record.value, datetime.now(UTC),
            trust_recorded=True,
        )  # fmt: skip
        async with self._sessions.begin() as session:
            if not self._commits:
                await self._stand(session, record)
            _, events = await orm.fold(session, SERVICE, CUSTOMER, fact, self._world)
        assert events
        if self._commits:
            place = TopicPartition(record.topic, record.partition)
            await self._consumer.commit({place: record.offset + 1})
        revenue: int = fact.data.revenue
        return revenue

    async def _stand(self, session: Any, record: Any) -> None:
        place = (record.topic, record.partition)
        row = await session.get(orm.PositionRow, place, with_for_update=True)
        if row is None:
            row = orm.PositionRow(topic=record.topic, part=record.partition, start=0)
            session.add(row)
        row.next_offset = record.offset + 1

    async def _emptied(self) -> None:
        engine, owner = orm.sessions(self._owner)
        async with owner.begin() as session:
            await session.execute(text(_EMPTY))
        await engine.dispose()

    async def _prove(self, facts: int) -> None:
        async with self._sessions() as session:
            for rows in (f"event {_SCORES}", f"outbox {_SCORES}", "part"):
                found = await session.scalar(text(f"SELECT count(*) FROM {rows}"))
                assert found == facts, f"{rows}: {found}, not {facts}"
