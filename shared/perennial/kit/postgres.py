"""The door's actions on a real Postgres, through asyncpg: every statement is set-based."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any

import asyncpg
import msgspec

from perennial.kit import actions
from perennial.kit.batch import EntityId, Outcome, ParkedRow, Partition, StoredAnswer, Writes
from perennial.kit.personal import KeyTable
from perennial.kit.subject import Service
from perennial.kit.writing import statement_for


class LostRaceError(Exception):
    """Another made a row of ours meanwhile: locking it now would break the order of locks."""


class CommitUnknownError(Exception):
    """The connection was lost while committing: it may have happened."""


TRANSIENT = (
    LostRaceError,
    CommitUnknownError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.UniqueViolationError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.QueryCanceledError,
    asyncpg.TooManyConnectionsError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.OutOfMemoryError,
    asyncpg.DiskFullError,
    ConnectionError,
    OSError,
    TimeoutError,
)
"""Trouble that passes: the batch is repeated. Whether a lost COMMIT happened is read back."""
_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    OSError,
    TimeoutError,
)
THE_FACTS_FAULT = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)
"""What the database refuses because of what a fact says; any other error is a defect of ours."""

_LOCK_POSITIONS = """
    SELECT topic, part, next_offset FROM position
    WHERE (topic, part) IN (SELECT * FROM unnest($1::text[], $2::int[]))
    ORDER BY topic, part FOR UPDATE
"""
_ENTITIES = """
    WITH wanted AS (SELECT * FROM unnest($1::text[], $2::text[]) AS w (subject, key)),
    made AS (
        INSERT INTO entity (subject, key)
        SELECT subject, key FROM wanted w
        WHERE NOT EXISTS (SELECT FROM entity e WHERE e.subject = w.subject AND e.key = w.key)
        ORDER BY subject, key
        ON CONFLICT DO NOTHING RETURNING subject, key
    ),
    locked AS MATERIALIZED (
        SELECT e.subject, e.key, e.now, e.seen, e.made, e.held, e.due, e.state, e.marks
        FROM wanted w JOIN entity e ON e.subject = w.subject AND e.key = w.key
        WHERE (SELECT count(*) FROM made) >= 0
        ORDER BY e.subject, e.key FOR UPDATE OF e {skip}
    )
    SELECT subject, key, now, seen::text, made::text, held, due, state::text, marks::text
    FROM locked
    UNION ALL SELECT subject, key, NULL, '{{}}', '{{}}', false, NULL, '{{}}', '{{}}' FROM made
"""
"""Rows that are missing are made first, then the others locked, each in order: whoever waits for a
row holds none that comes before. Made rows are ours; a row that another made meanwhile is not seen by
this statement, and the batch begins anew."""
_LOCK = {skip: _ENTITIES.format(skip="SKIP LOCKED" if skip else "") for skip in (False, True)}
_ANSWERS = "SELECT id, fingerprint, status, body FROM answer WHERE id = ANY($1::text[])"
LOCATE = "SELECT id, key FROM part WHERE subject = $1 AND id = ANY($2::text[])"
RESOLVE = "SELECT name, key FROM alias WHERE subject = $1 AND name = ANY($2::text[])"
_PARTS = "SELECT id, key, state::text FROM part WHERE subject = $1 AND id = ANY($2::text[])"
_WHOLE = "SELECT id, key, state::text FROM part WHERE subject = $1 AND key = ANY($2::text[])"
_PARKED = f"""
    SELECT {", ".join(field.name for field in fields(ParkedRow))} FROM parked
    WHERE state IN ('parked', 'behind', 'waiting', 'barred', 'redrive') AND (id = ANY($1::bigint[])
        OR (subject, key) IN (SELECT * FROM unnest($2::text[], $3::text[])))
    ORDER BY id FOR UPDATE
"""
_ASIDE = """
    SELECT subject, key, topic, max(ver) FROM parked
    WHERE state IN ('parked', 'behind', 'barred', 'redrive') AND ver > 0
    AND (subject, key) IN (SELECT * FROM unnest($1::text[], $2::text[]))
    GROUP BY subject, key, topic
"""
_MAKE_COUNTERS = """
    INSERT INTO counter SELECT s, 0 FROM unnest($1::text[]) s ON CONFLICT DO NOTHING
"""
_COUNTERS = "SELECT scope, n FROM counter WHERE scope = ANY($1::text[]) ORDER BY scope FOR UPDATE"


class Postgres:
    """Performs the actions of one batch at a time on one connection of the pool."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    async def drive(self, machine: actions.Machine) -> Outcome:
        """Run a batch machine to its end; on any error the transaction is rolled back."""
        async with self.pool.acquire() as connection:
            runner = _Transaction(connection)
            try:
                action = next(machine)
                while True:
                    action = machine.send(await runner.perform(action))
            except StopIteration as done:
                outcome: Outcome = done.value
                return outcome
            finally:
                await runner.close()


class _Transaction:
    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._open: Any = None

    async def perform(self, action: actions.Action) -> Any:
        match action:
            case actions.Begin():
                self._open = self._connection.transaction()
                await self._open.start()
            case actions.Write(writes):
                await self._write(writes)
            case actions.Commit():
                await self._commit()
            case actions.Rollback():
                await self.close()
            case actions.Breathe():
                await asyncio.sleep(0)
            case _:
                return await self._read(action)
        return None

    async def _read(self, action: actions.Action) -> Any:
        match action:
            case actions.LockPositions(partitions):
                return await self._positions(partitions)
            case actions.LoadAnswers(ids):
                rows = await self._connection.fetch(_ANSWERS, ids)
                return {row[0]: StoredAnswer(*row) for row in rows}
            case actions.Locate(subject, ids):
                return {
                    row[0]: row[1] for row in await self._connection.fetch(LOCATE, subject, ids)
                }
            case actions.Resolve(subject, names):
                return dict(await self._connection.fetch(RESOLVE, subject, names))
            case actions.LockEntities(ids, skip_locked):
                return await self._entities(ids, skip_locked)
            case actions.LockParked(ids, places):
                rows = await self._connection.fetch(_PARKED, ids, *_columns(places))
                return [ParkedRow(*row) for row in rows]
            case actions.LoadAside(places):
                return await self._aside(places)
            case actions.LoadParts(subject, ids):
                rows = await self._connection.fetch(_PARTS, subject, ids)
                return {row[0]: (row[1], row[2]) for row in rows}
            case actions.LoadWhole(subject, keys):
                rows = await self._connection.fetch(_WHOLE, subject, keys)
                return {row[0]: (row[1], row[2]) for row in rows}
            case actions.LockCounters(scopes):
                await self._connection.execute(_MAKE_COUNTERS, scopes)
                rows = await self._connection.fetch(_COUNTERS, scopes)
                return {row[0]: row[1] for row in rows}
        raise TypeError(f"no such action: {action}")

    async def close(self) -> None:
        if self._open is not None and not self._connection.is_closed():
            opened, self._open = self._open, None
            await opened.rollback()

    async def _positions(self, partitions: list[Partition]) -> dict[Partition, int]:
        topics, parts = zip(*partitions, strict=True)
        rows = await self._connection.fetch(_LOCK_POSITIONS, topics, parts)
        return {(row[0], row[1]): row[2] for row in rows}

    async def _commit(self) -> None:
        opened, self._open = self._open, None
        try:
            await opened.commit()
        except _LOST as error:
            raise CommitUnknownError(str(error)) from error

    async def _entities(
        self, ids: list[EntityId], skip_locked: bool
    ) -> tuple[dict[EntityId, Any], set[EntityId]]:
        rows = await self._connection.fetch(_LOCK[skip_locked], *_columns(ids))
        found = {(row[0], row[1]): row[2:] for row in rows}
        missing = {place for place in ids if place not in found}
        if missing and not skip_locked:
            raise LostRaceError(f"{len(missing)} subjects were made by another")
        return found, missing

    async def _aside(self, places: list[EntityId]) -> dict[EntityId, dict[str, int]]:
        found: dict[EntityId, dict[str, int]] = {}
        for subject, key, topic, ver in await self._connection.fetch(_ASIDE, *_columns(places)):
            found.setdefault((subject, key), {})[topic] = ver
        return found

    async def _write(self, writes: Writes) -> None:
        text, arguments = statement_for(writes)
        if text:
            writes.seq = await self._connection.fetchval(text, *arguments)


async def load_reference(base: Any, service: Service) -> dict[str, dict[str, Any]]:
    """The subjects that rules know whole, as they stand."""
    found: dict[str, dict[str, Any]] = {}
    for name, subject in service.subjects.items():
        if subject.reference:
            rows = await base.fetch(
                "SELECT key, state::text FROM entity WHERE subject = $1 AND state <> '{}'", name
            )
            found[name] = {row[0]: msgspec.json.decode(row[1], type=subject.state) for row in rows}
    return found


async def connect(url: str, name: str, *, size: int = 8) -> asyncpg.Pool:
    """A pool for the door's lanes and the queries beside them; `name` is the process's own."""
    return await asyncpg.create_pool(
        url,
        min_size=2,
        max_size=size,
        command_timeout=60,
        max_inactive_connection_lifetime=0,
        server_settings={"application_name": name},
        reset=_left_as_it_was,
    )


async def _left_as_it_was(_connection: Any) -> None:
    """An open transaction is rolled back by asyncpg; settings, cursors and session locks, for which it
    would ask the server once more after every statement, are nowhere made here."""


@asynccontextmanager
async def snapshot(pool: asyncpg.Pool) -> AsyncIterator[Any]:
    """A read-only view of one moment, for answers that take several statements."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield connection


def key_table(pool: asyncpg.Pool) -> KeyTable:
    """The keys of parties in this service's schema."""

    async def find(party: str) -> tuple[str, bytes] | None:
        row = await pool.fetchrow("SELECT key_id, wrapped FROM party_key WHERE party = $1", party)
        return (row[0], row[1]) if row else None

    async def add(party: str, key_id: str, wrapped: bytes) -> tuple[str, bytes]:
        await pool.execute(
            "INSERT INTO party_key (party, key_id, wrapped) VALUES ($1, $2, $3)"
            " ON CONFLICT DO NOTHING",
            party,
            key_id,
            wrapped,
        )
        found = await find(party)
        return found or (key_id, wrapped)

    async def remove(party: str) -> None:
        await pool.execute("DELETE FROM party_key WHERE party = $1", party)

    return KeyTable(find, add, remove)


def _columns(places: list[EntityId]) -> tuple[list[str], list[str]]:
    return [place[0] for place in places], [place[1] for place in places]


def is_transient(error: BaseException) -> bool:
    return isinstance(error, TRANSIENT)
