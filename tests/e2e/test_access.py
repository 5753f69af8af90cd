"""Who may touch what, on the real servers: exactly what the catalogue grants, in every cell."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from perennial.contracts.catalogue import TOPICS, readers
from perennial.contracts.platform import SERVICES
from perennial.kit.kafka import Broker
from perennial_cli.topology import OBSERVER

from tests.e2e.asking_kafka import connected, readable, writable
from tests.e2e.house import House, fresh

PRINCIPALS = sorted({topic.writer for topic in TOPICS.values()} | set(SERVICES) | {OBSERVER})
SCHEMAS = [service.replace("-", "_") for service in SERVICES]
OPERATIONS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
RELAY_MAY = {("event", "SELECT"), ("outbox", "SELECT"), ("outbox", "DELETE")}
_GRANTS = """
    SELECT n.nspname AS schema, c.relname AS name, o.op
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
         unnest($2::text[]) AS o(op)
    WHERE n.nspname = ANY($1::text[]) AND c.relkind IN ('r', 'p', 'v', 'm')
      AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, o.op)
"""

pytestmark = pytest.mark.feature("P9")


@pytest.mark.parametrize("principal", PRINCIPALS)
async def test_a_principal_writes_and_reads_what_the_catalogue_says(
    house: House, principal: str
) -> None:
    topics = sorted(TOPICS)
    client = await connected(house.addresses, principal)
    try:
        written, read = await writable(client, topics), await readable(client, topics)
    finally:
        await client.close()

    assert written == {name for name in topics if TOPICS[name].writer == principal}
    if principal == OBSERVER:
        assert read == set(topics)
    else:
        assert read == {name for name in topics if principal in readers(TOPICS[name])}


@pytest.mark.parametrize("principal", SERVICES)
async def test_a_service_sees_no_other_group_and_makes_no_topic(
    house: House, principal: str
) -> None:
    login = house.addresses.credentials(principal)
    broker = Broker(house.addresses.bootstrap, login.username, login.password)
    admin = AIOKafkaAdminClient(**broker.security())
    await admin.start()
    try:
        assert await admin.list_consumer_group_offsets(principal)
        for other in set(SERVICES) - {principal}:
            with pytest.raises(GroupAuthorizationFailedError):
                await admin.list_consumer_group_offsets(other)
        made = await admin.create_topics([NewTopic(fresh("own"), 1, 1)])
        assert [code for _, code, *_ in made.topic_errors] == [TopicAuthorizationFailedError.errno]
    finally:
        await admin.close()


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_a_service_reaches_its_own_schema_only(house: House, schema: str) -> None:
    async with logged_in(house, schema) as connection:
        mine = await granted(connection)
        assert {grant[0] for grant in mine} == {schema}
        assert {(schema, "entity", op) for op in OPERATIONS[:4]} <= mine
        assert (schema, "entity", "TRUNCATE") not in mine
        await denied_elsewhere(connection, schema)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE TABLE mine (id int)")


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_a_relay_reads_events_and_clears_the_outbox_and_nothing_else(
    house: House, schema: str
) -> None:
    async with logged_in(house, f"{schema}_relay") as connection:
        assert await granted(connection) == {(schema, *grant) for grant in RELAY_MAY}
        await connection.fetch("SELECT seq FROM outbox LIMIT 1")
        await connection.execute("DELETE FROM outbox WHERE seq = -1")
        for statement in ("SELECT * FROM entity", "DELETE FROM event", "SELECT * FROM party_key"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        await denied_elsewhere(connection, schema)


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_whoever_migrates_one_schema_touches_no_other(house: House, schema: str) -> None:
    async with logged_in(house, f"{schema}_migrate") as connection:
        assert {grant[0] for grant in await granted(connection)} == {schema}
        await denied_elsewhere(connection, schema)


async def test_nobody_logs_in_without_the_password(house: House) -> None:
    for role in (*SCHEMAS, "postgres"):
        dsn = house.addresses.dsn(role)
        wrong = dsn.replace(dsn.split(":")[2].split("@")[0], "guess")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(wrong, timeout=5)


async def granted(connection: asyncpg.Connection) -> set[tuple[str, str, str]]:
    """Every table of every service on which the server would let this role do something."""
    rows = await connection.fetch(_GRANTS, SCHEMAS, OPERATIONS)
    return {(row["schema"], row["name"], row["op"]) for row in rows}


async def denied_elsewhere(connection: asyncpg.Connection, own: str) -> None:
    """Tried for real, in every other schema."""
    for schema in set(SCHEMAS) - {own}:
        for statement in (
            f"SELECT * FROM {schema}.entity",
            f"SELECT * FROM {schema}.event",
            f"DELETE FROM {schema}.outbox",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)


@asynccontextmanager
async def logged_in(house: House, role: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(house.addresses.dsn(role), timeout=10)
    try:
        yield connection
    finally:
        await asyncio.wait_for(connection.close(), 5)
