"""The service on a real Postgres, through its real door."""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from lifecycle.api import router
from lifecycle.domain.world import World
from lifecycle.main import SERVICE
from perennial.contracts.base import Fact
from perennial.contracts.catalogue import reads
from perennial.kit.auth import Tokens
from perennial.kit.batch import Item
from perennial.kit.door import Job
from perennial.kit.http import build_app
from perennial.kit.lanes import Door, Requests
from perennial.kit.parking import Parking
from perennial.kit.postgres import Postgres
from perennial.kit.subject import Service
from perennial.kit.timers import Timers
from perennial.kit.tokens import PRIVATE, create_keys, issue, load
from perennial.kit.worlds import Worlds

from tests.lifecycle.driving import START

TABLES = ("entity", "part", "event", "outbox", "answer", "archive", "counter")


@dataclass
class House:
    """One lifecycle service: its database, the door into it, and a clock that tests move."""

    pool: asyncpg.Pool
    door: Door
    asks: Requests
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    service: Service = SERVICE

    def now(self) -> datetime:
        return self.door.now()

    def world(self) -> World:
        world: World = self.door.worlds.at(self.now())
        return world

    async def comes(self, now: datetime) -> None:
        """It is `now`, and what was due until then has happened."""
        self.door.ticked = now
        timers = Timers(self.door, self.pool, Parking(self.door, self.pool).release)
        while await timers.once():
            pass

    async def told(self, now: datetime, *facts: tuple[str, Any]) -> None:
        """Facts about these keys, recorded at `now`, after everything that was due before."""
        items = [
            Item(fact, SERVICE.routes[type(fact.data)].subject, fact.key)
            for fact in (self._fact(key, data, now) for key, data in facts)
        ]
        self.door.ticked = now
        await self.door.run(Job("records", items))

    def _fact(self, key: str, data: Any, now: datetime) -> Fact:
        topic = next(one.name for one in reads("lifecycle") if data.TYPE in one.events)
        self.seen[topic, key] += 1
        ver = self.seen[topic, key]
        return Fact(
            data=data,
            id=f"{topic}/{key}/{ver}",
            key=key,
            now=now,
            time=now,
            topic=topic,
            type=data.TYPE,
            ver=ver,
        )


@pytest.fixture(scope="session")
def database(stack: Any) -> str:
    """The service's schema as its own migrations make it."""
    environment = {**os.environ, "PERENNIAL_DATABASE_URL": stack.addresses.dsn("lifecycle_migrate")}
    command = [sys.executable, "-m", "lifecycle.main", "migrate"]
    subprocess.run(command, env=environment, check=True)
    dsn: str = stack.addresses.dsn("lifecycle")
    return dsn


@pytest.fixture
async def house(database: str) -> AsyncIterator[House]:
    pool = await asyncpg.create_pool(database, min_size=1, max_size=4)
    for table in TABLES:
        await pool.execute(f"DELETE FROM {table}")
    door = Door(SERVICE, Postgres(pool), Worlds(SERVICE, {}), ticking=True)
    door.ticked = START
    asks = Requests(door)
    answering = asyncio.create_task(asks.run(asyncio.Event()))
    yield House(pool, door, asks)
    answering.cancel()
    await asyncio.wait([answering])
    await pool.close()


class Client:
    """Asks as somebody: a director sees all, a seller its own."""

    def __init__(self, http: httpx.AsyncClient, keys: Any) -> None:
        self._http, self._keys = http, keys

    async def get(self, path: str, role: str = "director", **who: str) -> httpx.Response:
        return await self._http.get(path, headers=self._headers(role, who))

    async def post(self, path: str, body: Any, key: str = "") -> httpx.Response:
        headers = self._headers("director", {}) | ({"Idempotency-Key": key} if key else {})
        return await self._http.post(path, json=body, headers=headers)

    def _headers(self, role: str, who: dict[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {issue(self._keys, role, **who)}"}  # type: ignore[arg-type]


@pytest.fixture
async def client(house: House, tmp_path: Path) -> AsyncIterator[Client]:
    create_keys(tmp_path)
    keys = load(tmp_path / PRIVATE)
    app = build_app("lifecycle", [router], Tokens(keys))
    app.state.runtime = house
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://lifecycle") as http:
        yield Client(http, keys)
