"""The service on a real Postgres, with its real door; only partners' servers are ours."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest
from notifications.handlers import LISTENS, REQUESTS, world
from notifications.policy import Policy
from notifications.projections import rows, with_mail
from perennial.contracts.base import Fact
from perennial.contracts.catalogue import reads
from perennial.kit.batch import Item
from perennial.kit.door import Job
from perennial.kit.lanes import Door, Requests
from perennial.kit.policies import policy_subject
from perennial.kit.postgres import Postgres
from perennial.kit.run import migrate
from perennial.kit.subject import Service
from perennial.kit.worlds import Worlds

from tests.notifications.told import START

SERVICE = Service(
    name="notifications",
    package="notifications",
    listens=LISTENS,
    reads=reads("notifications"),
    policy=Policy,
    policy_subject=policy_subject("notifications", Policy),
    world=world,
    rows=rows,
    requests=REQUESTS,
)
MAILED = replace(SERVICE, rows=with_mail)
"""The same service where a mail server is named."""
TABLES = (
    "entity, part, event, outbox, answer, alert, alert_mark, endpoint_version, endpoint_secret, "
    "endpoint_health, delivery, attempt, feed"
)


@dataclass
class House:
    """One notifications service: its database and the door into it."""

    pool: asyncpg.Pool
    door: Door
    asks: Requests

    async def told(self, *facts: Fact) -> None:
        items = [Item(fact, SERVICE.routes[type(fact.data)].subject, fact.key) for fact in facts]
        await self.door.run(Job("records", items))


@pytest.fixture(autouse=True)
def no_mail_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole system that runs beside these tests may have a mail server."""
    for name in ("HOST", "PORT", "SECURITY"):
        monkeypatch.delenv(f"PERENNIAL_SMTP_{name}", raising=False)


@pytest.fixture(scope="session")
def database(stack: Any) -> str:
    """The service's schema as its own migrations make it."""
    with pytest.MonkeyPatch.context() as environment:
        migrating = stack.addresses.dsn("notifications_migrate")
        environment.setenv("PERENNIAL_DATABASE_URL", migrating)
        with ThreadPoolExecutor(1) as thread:  # Alembic runs a loop of its own
            thread.submit(migrate, SERVICE).result()
    dsn: str = stack.addresses.dsn("notifications")
    return dsn


@pytest.fixture
async def house(database: str) -> AsyncIterator[House]:
    async with _house(database, SERVICE) as one:
        yield one


@pytest.fixture
async def mailed_house(database: str) -> AsyncIterator[House]:
    async with _house(database, MAILED) as one:
        yield one


@asynccontextmanager
async def _house(database: str, service: Service) -> AsyncIterator[House]:
    pool = await asyncpg.create_pool(database, min_size=1, max_size=8)
    for table in TABLES.split(", "):
        await pool.execute(f"DELETE FROM {table}")
    await pool.execute("UPDATE feed_head SET position = 0")
    door = Door(service, Postgres(pool), Worlds(service, {}), ticking=True)
    door.ticked = START
    yield House(pool, door, Requests(door))
    await pool.close()
