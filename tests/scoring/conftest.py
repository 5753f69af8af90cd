"""Scoring on a real Postgres, behind its real door; only Kafka is left out."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import asyncpg
import msgspec
import pytest
from perennial.contracts.base import Fact
from perennial.kit.batch import Item
from perennial.kit.door import Job
from perennial.kit.lanes import Door, Requests
from perennial.kit.postgres import Postgres
from perennial.kit.run import migrate
from perennial.kit.worlds import Worlds
from scoring.handlers import CUSTOMER
from scoring.main import SERVICE

BATCH = 1000


@dataclass
class House:
    """One scoring service: its database, the door into it, and what jobs and routes see of it."""

    pool: asyncpg.Pool
    door: Door
    asks: Requests
    running: Any

    async def told(self, facts: Iterable[Fact]) -> None:
        """Facts as the orders topic brings them: versions count up for each key."""
        items = [Item(fact, CUSTOMER, fact.key) for fact in facts]
        for start in range(0, len(items), BATCH):
            await self.door.run(Job("records", items[start : start + BATCH]))

    async def until(self, moment: datetime) -> None:
        """Let time pass: what is due by then fires."""
        due = await self.pool.fetch("SELECT subject, key FROM entity WHERE due <= $1", moment)
        for start in range(0, len(due), BATCH):
            timers = [(row["subject"], row["key"]) for row in due[start : start + BATCH]]
            await self.door.run(Job("timers", [], timers, moment))
        self.door.ticked = moment


@pytest.fixture
async def house(stack: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setenv("PERENNIAL_DATABASE_URL", stack.addresses.dsn("scoring_migrate"))
    await asyncio.to_thread(migrate, SERVICE)
    pool = await asyncpg.create_pool(stack.addresses.dsn("scoring"), min_size=1, max_size=4)
    for table in ("entity", "part", "event", "outbox", "answer", "parked", "archive"):
        await pool.execute(f"DELETE FROM {table}")
    door = Door(SERVICE, Postgres(pool), Worlds(SERVICE, {}), ticking=True)
    asks = Requests(door)
    running = SimpleNamespace(
        pool=pool,
        asks=asks,
        door=door,
        service=SERVICE,
        now=door.now,
        world=lambda: door.worlds.at(door.now()),
    )
    stopping = asyncio.Event()
    lane = asyncio.create_task(asks.run(stopping))
    yield House(pool, door, asks, running)
    stopping.set()
    await lane
    await pool.close()


def numbered(facts: Iterable[Fact]) -> list[Fact]:
    """With the versions that the orders topic gives each key."""
    seen: dict[str, int] = {}
    told = []
    for fact in facts:
        seen[fact.key] = seen.get(fact.key, 0) + 1
        told.append(
            msgspec.structs.replace(
                fact, ver=seen[fact.key], topic="orders.v1", type=fact.data.TYPE
            )
        )
    return told
