"""Who may touch what in the database: a schema and three roles per service; no grant reaches across."""

from collections.abc import Sequence

import asyncpg

from perennial_embedded.home import Applied, Home, Passwords
from perennial_embedded.postgres import Postgres
from perennial_embedded.state import DATABASE

RUN_TIME_LIMITS = {
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "30s",
    "transaction_timeout": "60s",
}
KEEPALIVES = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10s",
}


def roles_of(schema: str) -> dict[str, dict[str, str]]:
    """Role names and their settings: the one that migrates, the one that works, the one that relays."""
    return {
        f"{schema}_migrate": {"lock_timeout": "30s"},
        schema: RUN_TIME_LIMITS,
        f"{schema}_relay": {"lock_timeout": "10s", **KEEPALIVES},
    }


async def apply_roles(
    postgres: Postgres, home: Home, passwords: Passwords, schemas: Sequence[str]
) -> None:
    """Skipped when the same was applied to the same data before."""
    statements = [line for schema in schemas for line in _service(schema, passwords)]
    once = Applied(home.postgres, "roles", "\n".join(statements))
    if once.is_done():
        return
    await _create_database(postgres)
    connection = await postgres.connect()
    try:
        async with connection.transaction():
            await _create_missing_roles(connection, schemas)
            for statement in (*_closed_to_public(DATABASE), *statements):
                await connection.execute(statement)
    finally:
        await connection.close()
    once.done()


async def _create_database(postgres: Postgres) -> None:
    connection = await postgres.connect("postgres")
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE}")
        for database in ("postgres", "template1"):
            await connection.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
    finally:
        await connection.close()


async def _create_missing_roles(connection: asyncpg.Connection, schemas: Sequence[str]) -> None:
    present = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
    for schema in schemas:
        for role in roles_of(schema).keys() - present:
            await connection.execute(f"CREATE ROLE {_name(role)} LOGIN")


def _closed_to_public(database: str) -> list[str]:
    return [
        f"REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    ]


def _service(schema: str, passwords: Passwords) -> list[str]:
    migrate, runtime, relay = (_name(role) for role in roles_of(schema))
    own = f"ALTER DEFAULT PRIVILEGES FOR ROLE {migrate}"
    logins = [
        f"ALTER ROLE {_name(role)} PASSWORD '{passwords.role(role)}'" for role in roles_of(schema)
    ]
    limits = [
        f"ALTER ROLE {_name(role)} SET {setting} = '{value}'"
        for role, settings in roles_of(schema).items()
        for setting, value in {"search_path": schema, **settings}.items()
    ]
    return [
        *logins,
        *limits,
        f"GRANT CONNECT ON DATABASE {DATABASE} TO {migrate}, {runtime}, {relay}",
        f"CREATE SCHEMA IF NOT EXISTS {_name(schema)} AUTHORIZATION {migrate}",
        f"GRANT CREATE ON DATABASE {DATABASE} TO {migrate}",
        f"GRANT USAGE ON SCHEMA {_name(schema)} TO {runtime}, {relay}",
        f"{own} IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {runtime}",
        f"{own} IN SCHEMA {schema} GRANT USAGE, SELECT ON SEQUENCES TO {runtime}",
        f"{own} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
        f"{own} IN SCHEMA {schema} GRANT EXECUTE ON FUNCTIONS TO {runtime}",
    ]


def _name(identifier: str) -> str:
    """Names are ours, so a strange one is a mistake, not something to quote."""
    if not (identifier.isidentifier() and identifier.isascii() and identifier.islower()):
        raise ValueError(f"not a plain lower-case name: {identifier!r}")
    return identifier
