"""`rebuild` of a living service: a schema beside it, compared with it, and put in its place."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from perennial.kit.aside import connected, snapshot
from perennial.kit.kafka import Broker
from perennial.kit.reading import Reader
from perennial.kit.rebuilding.check import RebuildError, outbox_gone
from perennial.kit.rebuilding.comparing import Checked
from perennial.kit.rebuilding.remaking import Remaking
from perennial.kit.rebuilding.rowwise import described, differences, tables_of
from perennial.kit.subject import Service

FEW = 2_000
"""Facts that are folded while everybody waits, at most; before that, it looks once more in peace."""
LOOKS_MOST = 20
PATIENCE = "200ms"
"""How long to wait for the locks at once: less than it takes until Postgres looks for deadlocks."""
PAUSE = 0.1
TRIES_MOST = 300

_ONE_AT_A_TIME = "SELECT pg_try_advisory_lock(hashtext('rebuild'), hashtext($1))"
_BEHIND = """
    SELECT count(*) FROM (
        SELECT subject, key, made FROM {live}.entity
        EXCEPT SELECT subject, key, made FROM {beside}.entity
    ) AS missing WHERE made <> '{{}}'
"""
_CARRY = (
    """UPDATE {beside}.entity AS t SET seen = v.seen, marks = v.marks, held = v.held, due = v.due
       FROM {live}.entity AS v WHERE t.subject = v.subject AND t.key = v.key""",
    """INSERT INTO {beside}.entity SELECT * FROM {live}.entity
       ON CONFLICT (subject, key) DO NOTHING""",
    """INSERT INTO {beside}.part SELECT * FROM {live}.part WHERE state = 'null'
       ON CONFLICT (subject, id) DO NOTHING""",
)
"""How far the door has come with whose facts is its own affair, and goes along as it stands; so do parts
that were let go of and are still to be taken."""
_TELL = "SELECT pg_notify('known_{live}', 'rebuild')"
"""Doors read anew what they keep in memory (`hearing`)."""
_FUNCTIONS = """
    SELECT proname || '(' || pg_get_function_identity_arguments(oid) || ')'
    FROM pg_proc WHERE pronamespace = $1::regnamespace
"""


@dataclass(frozen=True)
class Wish:
    """What is asked for."""

    batch: int = 500
    """Keys in a transaction."""
    anew: bool = False
    """Forget what an earlier rebuild that was cut short has made."""
    switch: bool = False
    """Put it in the place of the living tables."""
    force: bool = False
    """Although they differ: the former tables are kept."""


class Rebuild:
    """One rebuild, as the role that owns the schema."""

    def __init__(
        self, service: Service, url: str, broker: Broker, wish: Wish,
        migrate: Callable[[str], None], tell: Callable[[str, int], None],
    ) -> None:  # fmt: skip
        self._service, self._url, self._broker, self._wish = service, url, broker, wish
        self._migrate, self._tell = migrate, tell
        self.live = schema_of(service)
        self.beside, self.former = f"{self.live}_rebuilt", f"{self.live}_former"

    async def run(self) -> Checked:
        """Make, compare, and switch if asked to; equal tables leave nothing behind."""
        async with connected(self._url, self.live) as held:
            if not await held.fetchval(_ONE_AT_A_TIME, self.live):
                raise RebuildError("another rebuild of it is under way: wait for its end")
            return await self._run()

    async def _run(self) -> Checked:
        await self._make_room()
        async with connected(self._url, self.beside) as remade, Reader(self._broker) as reader:
            making = Remaking(
                self._service, reader, remade, self._wish.batch,
                lambda facts: self._tell("folding", facts),
            )  # fmt: skip
            checked = making.checked
            async with snapshot(self._url, self.live) as base:
                await outbox_gone(base, self._url)
                await making.look(base)
                self._tell("comparing", making.facts)
                await self._compare(base, remade, checked)
            if self._wish.switch and (not checked.differing or self._wish.force):
                await remade.execute("ANALYZE")
                await self._switch(making)
                checked.switched = True
        if not checked.differing:
            await self._drop(self.beside, self.former)
        elif checked.switched:
            await self._drop(self.beside)
        return checked

    async def _make_room(self) -> None:
        if self._wish.anew:
            await self._drop(self.beside)
        async with connected(self._url, self.live) as connection:
            await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {self.beside}")
        self._tell("migrating", 0)
        await asyncio.to_thread(self._migrate, self.beside)
        await self._no_vacuum()

    async def _no_vacuum(self) -> None:
        """Nobody else may hold a lock on what is to be switched."""
        async with connected(self._url, self.beside) as connection:
            for table in tables_of(self._service):
                await connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")

    async def _drop(self, *schemas: str) -> None:
        async with connected(self._url, self.live) as connection:
            for schema in schemas:
                await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")

    async def _compare(self, base: Any, remade: Any, checked: Checked) -> None:
        for table in await described(base, self.live, tables_of(self._service)):
            checked.count(table.name, 0)
            async with remade.transaction():
                found = differences(self._service, table, base, self.live, remade, self.beside)
                async for one in found:
                    checked.count(table.name)
                    checked.add([one] if one is not None else [])

    async def _switch(self, making: Remaking) -> None:
        """Catch up until little is left; then nobody writes until the tables have changed places."""
        for _ in range(LOOKS_MOST):
            before = making.facts
            async with snapshot(self._url, self.live) as base:
                await outbox_gone(base, self._url)
                await making.look(base)
            if making.facts - before <= FEW:
                break
        await self._drop(self.former)
        tables = tables_of(self._service)
        async with self._alone(tables) as owner:
            self._tell("switching", making.facts)
            await making.look(owner, unsent=True)
            behind = await owner.fetchval(_BEHIND.format(live=self.live, beside=self.beside))
            if behind and not self._wish.force:
                raise RebuildError(f"{behind} rows changed meanwhile in a way no event tells")
            for statement in (*_CARRY, *await self._moves(owner, tables), _TELL):
                await owner.execute(statement.format(live=self.live, beside=self.beside))

    @asynccontextmanager
    async def _alone(self, tables: Sequence[str]) -> AsyncIterator[Any]:
        """A transaction in which nobody else reads or writes these tables. All locks at once, or none:
        whoever is at work ends it first, and none waits for a lock while we hold another."""
        async with connected(self._url, self.live) as owner, owner.transaction():
            for _ in range(TRIES_MOST):
                if await self._locked(owner, tables):
                    yield owner
                    return
                await asyncio.sleep(PAUSE)  # others go on meanwhile
            raise RebuildError("the tables are never free: try again when there is less to do")

    async def _locked(self, owner: Any, tables: Iterable[str]) -> bool:
        """Whether all could be had; if not, those that were had are free again."""
        listed = ", ".join(f"{self.live}.{table}" for table in tables)
        try:
            async with owner.transaction():
                await owner.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
                await owner.execute(f"LOCK TABLE {listed} IN ACCESS EXCLUSIVE MODE")
                await owner.execute("SET LOCAL lock_timeout = 0")
        except asyncpg.LockNotAvailableError:
            return False
        return True

    async def _moves(self, owner: Any, tables: Iterable[str]) -> list[str]:
        """Tables and the functions of their triggers change places; grants go with them."""
        ours = [f"FUNCTION {{0}}.{row[0]}" for row in await owner.fetch(_FUNCTIONS, self.live)]
        things = [*(f"TABLE {{0}}.{table}" for table in tables), *ours]
        out = [f"ALTER {one.format(self.live)} SET SCHEMA {self.former}" for one in things]
        into = [f"ALTER {one.format(self.beside)} SET SCHEMA {self.live}" for one in things]
        grants = [
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {self.live}.{table} TO {self.live}"
            for table in tables
        ]
        relay = f"GRANT SELECT ON {self.live}.event TO {self.live}_relay"
        vacuum = [f"ALTER TABLE {self.live}.{table} RESET (autovacuum_enabled)" for table in tables]
        return [f"CREATE SCHEMA {self.former}", *out, *into, *vacuum, *grants, relay]


def schema_of(service: Service) -> str:
    return service.name.replace("-", "_")
