"""Real Kafka and Postgres, brought up once per run, only if a test asks for them."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from perennial.contracts import catalogue
from perennial.contracts.platform import SERVICES
from perennial.kit.tables import GRANTS, TABLES
from perennial_cli.topology import OBSERVER, access
from perennial_embedded.access import Access, TopicSpec
from perennial_embedded.stack import Stack

from tests.kit import toy

SERVERS = {"stack", "pool", "kafka"}
"""Fixtures that need real servers: a test that uses one is marked by that alone."""
WHOLE_SYSTEM = Path(__file__).parent / "e2e"
SCHEMAS = [service.replace("-", "_") for service in SERVICES]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Early enough for `-m`, which a hook in a deeper conftest need not be."""
    for item in items:
        asks = SERVERS & set(getattr(item, "fixturenames", ()))
        if asks or item.path.is_relative_to(WHOLE_SYSTEM):
            item.add_marker(pytest.mark.stack)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack() -> AsyncIterator[Stack]:
    """In a folder that Postgres' own user may enter; pytest's own folders are closed to others."""
    declared = access()
    topics = [
        TopicSpec(topic.name, topic.partitions, [topic.writer], [toy.NAME]) for topic in toy.TOPICS
    ]
    everything = Access([*declared.topics, *topics], observers=[OBSERVER])
    with tempfile.TemporaryDirectory(prefix="perennial-", ignore_cleanup_errors=True) as made:
        home = Path(made) / "home"
        async with Stack(home, schemas=[*SCHEMAS, toy.NAME], access=everything) as running:
            await _make_tables(running)
            yield running


async def _make_tables(running: Stack) -> None:
    connection = await asyncpg.connect(running.addresses.dsn(f"{toy.NAME}_migrate"))
    try:
        await connection.execute(TABLES)
        await connection.execute(toy.TABLE)
        await connection.execute(GRANTS)
    finally:
        await connection.close()


@pytest_asyncio.fixture(loop_scope="session")
async def pool(stack: Stack) -> AsyncIterator[asyncpg.Pool]:
    """The toy service's own role, its tables empty."""
    made = await asyncpg.create_pool(stack.addresses.dsn(toy.NAME), min_size=2, max_size=8)
    await fresh(made)
    yield made
    await made.close()


async def fresh(pool: asyncpg.Pool) -> None:
    """Empty tables (deleting few rows is quicker than truncating), every input at its start."""
    names = await pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", toy.NAME)
    async with pool.acquire() as connection:
        await connection.execute(";".join(f"DELETE FROM {row[0]}" for row in names))
        await connection.executemany("INSERT INTO position VALUES ($1, $2, 0, 0)", toy.PARTITIONS)


@pytest.fixture
def toys() -> Iterator[None]:
    """The toy's topics stand in the catalogue while a test needs them, and never in the docs."""
    named = {topic.name: topic for topic in toy.TOPICS}
    events = {kind: event for topic in toy.TOPICS for kind, event in topic.events.items()}
    catalogue.TOPICS.update(named)
    catalogue.EVENTS.update(events)
    yield
    for name in named:
        catalogue.TOPICS.pop(name)
    for kind in events:
        catalogue.EVENTS.pop(kind, None)
    catalogue.EVENTS.update(
        {kind: event for topic in catalogue.TOPICS.values() for kind, event in topic.events.items()}
    )
