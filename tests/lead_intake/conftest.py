"""One client of the service in memory, or over a real Postgres: its own schema, the real door."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg
import httpx
import pytest
from lead_intake.main import SERVICE
from perennial.kit.lanes import Door, Requests
from perennial.kit.personal import PersonalKeys
from perennial.kit.postgres import Postgres, key_table
from perennial.kit.run import migrate
from perennial.kit.worlds import Worlds

from tests.lead_intake.client import Client
from tests.lead_intake.house import House, rest
from tests.lead_intake.serving import START, TABLES, Served


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
async def client(house: House) -> AsyncIterator[Client]:
    app, tokens = rest(house)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://svc") as http:
        yield Client(http, tokens)


@pytest.fixture(scope="session")
def database(stack: Any) -> str:
    """The service's schema as its own migrations make it."""
    with pytest.MonkeyPatch.context() as environment:
        migrating = stack.addresses.dsn("lead_intake_migrate")
        environment.setenv("PERENNIAL_DATABASE_URL", migrating)
        with ThreadPoolExecutor(1) as thread:  # Alembic runs a loop of its own
            thread.submit(migrate, SERVICE).result()
    dsn: str = stack.addresses.dsn("lead_intake")
    return dsn


@pytest.fixture
async def served(database: str) -> AsyncIterator[Served]:
    pool = await asyncpg.create_pool(database, min_size=1, max_size=4)
    for table in TABLES:
        await pool.execute(f"DELETE FROM {table}")
    door = Door(SERVICE, Postgres(pool), Worlds(SERVICE, {}), ticking=True)
    door.ticked = START
    asks, stopping = Requests(door), asyncio.Event()
    answering = asyncio.create_task(asks.run(stopping))
    app, tokens = rest(asks, pool, door, PersonalKeys(bytes(32), key_table(pool)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://svc") as http:
        yield Served(Client(http, tokens), door, pool, asks)
    stopping.set()
    await answering
    await pool.close()
