"""One service's schema: transactions with row locks, lost commits and restarts, over `tests/kit/memory`.

As under READ COMMITTED: a statement sees what was committed when it began; a row that was waited for
is read as it stands afterwards. A transaction of a dead process ends a while later, one way or the other.
"""

import asyncio
from collections.abc import Callable, Hashable
from typing import Any

from asyncpg import DataError, SerializationError, UniqueViolationError
from perennial.kit import actions
from perennial.kit.batch import EntityId, Outcome, ParkedRow, Writes
from perennial.kit.hearing import Hearing
from perennial.kit.postgres import CommitUnknownError, LostRaceError

from tests.kit.memory import NEW, OPEN, Tables, Transaction
from tests.simulation.locks import Holder, Locks
from tests.simulation.processes import Process, World

UNSTORABLE = "unstorable"
"""A text that this store refuses in an event, as Postgres does what exceeds its limits."""


class Schema:
    """Tables, their locks, and who is told of changes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tables = Tables(moment=world.wall)
        self.locks = Locks()
        self.restarts = 0
        self.leader: Process | None = None
        self.outbox_filled: dict[Process, Callable[[], None]] = {}
        self.doors: dict[Process, Hearing] = {}
        self.committed: Callable[[Writes], None] = lambda writes: None
        self._open: set[Opened] = set()
        self._begun = 0

    def begin(self, process: Process) -> "Opened":
        self._begun += 1
        opened = Opened(self, process, self._begun)
        self._open.add(opened)
        return opened

    def commit(self, opened: "Opened") -> None:
        opened.transaction.commit()
        self.end(opened)
        writes = opened.transaction.writes
        if writes is not None:
            self.committed(writes)
        if writes is not None and writes.events:
            for tell in self.outbox_filled.values():
                tell()
        if writes is not None and writes.known:
            for door in self.doors.values():
                self.world.loop.call_later(self._soon(), door.known, opened.process.name)

    def _soon(self) -> float:
        """A word to who listens is no faster than the next answer on another connection."""
        return self.world.chance.seconds(0.05)

    def end(self, opened: "Opened") -> None:
        self._open.discard(opened)
        self.locks.drop_all(opened.holder)

    def abandon(self, opened: "Opened") -> None:
        """Its process is gone: the server goes on with what it was told, and notices later."""
        if opened not in self._open:
            return
        chance = self.world.chance
        lands = opened.committing and chance.coin()
        if lands:
            self.world.saw("a dead process's commit happened later")
        finish = self.commit if lands else self.end
        self.world.loop.call_later(chance.seconds(0.5), self._finish, finish, opened)

    def _finish(self, finish: Callable[["Opened"], None], opened: "Opened") -> None:
        if opened in self._open:
            finish(opened)

    def restart(self) -> None:
        """All transactions are gone; a commit under way has happened or not."""
        self.restarts += 1
        self.leader = None
        for opened in sorted(self._open, key=lambda one: one.number):
            if opened.committing and self.world.chance.coin():
                self.commit(opened)
        self._open.clear()
        self.locks.break_off(ConnectionResetError("the server was restarted"))


class Opened:
    """One transaction on its connection."""

    def __init__(self, schema: Schema, process: Process, number: int) -> None:
        self.number = number
        self.schema, self.process = schema, process
        self.transaction = Transaction(schema.tables)
        self.holder = Holder()
        self.committing = False
        self.restarts = schema.restarts

    async def read(self, action: actions.Action) -> Any:
        match action:
            case actions.LockPositions(places):
                await self._lock("position", places)
            case actions.LockCounters(scopes):
                await self._lock("counter", scopes)
            case actions.LockEntities(ids, skip):
                return await self._entities(ids, skip)
            case actions.LockParked(ids, places):
                return await self._parked(set(ids), set(places))
        return self.transaction.read(action)

    async def write(self, writes: Writes) -> None:
        """Unique keys are waited for like rows: whoever else inserts one may yet roll back."""
        await self._lock("part", sorted((subject, name) for subject, name, _, _ in writes.parts))
        await self._lock("alias", sorted((subject, name) for subject, name, _ in writes.aliases))
        await self._lock("answer", sorted(answer.id for answer in writes.answers))
        refuse_unstorable(writes)
        try:
            self.transaction.write(writes)
        except UniqueViolationError:
            self.schema.world.saw("lost the race for a name")
            raise

    async def _lock(self, table: str, keys: list[Any]) -> None:
        for key in keys:
            await self._take((table, key))

    async def _take(self, key: Hashable) -> bool:
        waited = await self.schema.locks.take(self.holder, key)
        self.schema.world.saw("waited for a lock", waited)
        return waited

    async def _entities(
        self, ids: list[EntityId], skip: bool
    ) -> tuple[dict[EntityId, Any], set[EntityId]]:
        tables, made = self.transaction.tables, self.transaction.made
        there, missing = [place for place in ids if place in tables.entity], set[EntityId]()
        for place in (one for one in ids if one not in set(there)):
            await self._take(("entity", place))
            if place in tables.entity and place not in made:
                self.schema.locks.drop(self.holder, ("entity", place))
                missing.add(place)  # another made it meanwhile: this statement does not see it
            else:
                made.add(place)
        for place in there:
            if skip and not self.schema.locks.free(self.holder, ("entity", place)):
                missing.add(place)
            else:
                await self._take(("entity", place))
        if missing and not skip:
            self.schema.world.saw("lost the race for a row")
            raise LostRaceError(f"{len(missing)} subjects were made by another")
        self.schema.world.saw("met a busy key", bool(missing))
        return {p: tables.entity.get(p, NEW) for p in ids if p not in missing}, missing

    async def _parked(self, ids: set[int], places: set[EntityId]) -> list[ParkedRow]:
        for row in self.transaction.parked(ids, places):
            await self._take(("parked", row.id))
        return [row for row in self.transaction.parked(ids, places) if row.state in OPEN]


class Store:
    """In the place of `kit.postgres.Postgres`: runs batch machines for one process."""

    def __init__(self, process: Process, schema: Schema) -> None:
        self._process, self._schema = process, schema

    async def drive(self, machine: actions.Machine) -> Outcome:
        session = _Session(self._process, self._schema)
        try:
            action = next(machine)
            while True:
                action = machine.send(await session.perform(action))
        except StopIteration as done:
            outcome: Outcome = done.value
            return outcome
        finally:
            session.close()


class _Session:
    def __init__(self, process: Process, schema: Schema) -> None:
        self._process, self._schema = process, schema
        self._opened: Opened | None = None

    async def perform(self, action: actions.Action) -> Any:
        match action:
            case actions.Breathe():
                await asyncio.sleep(0)
                return None
            case actions.Rollback():
                self.close()
                return None
        await asked(self._process, self._schema)
        if isinstance(action, actions.Begin):
            self._opened = self._schema.begin(self._process)
            return None
        opened = self._connected()
        match action:
            case actions.Write(writes):
                await opened.write(writes)
            case actions.Commit():
                await self._commit(opened)
            case _:
                return await opened.read(action)
        return None

    def _connected(self) -> Opened:
        opened = self._opened
        if opened is None or opened.restarts != self._schema.restarts:
            raise ConnectionResetError("the server was restarted")
        return opened

    async def _commit(self, opened: Opened) -> None:
        chance, opened.committing = self._schema.world.chance, True
        await self._process.step("commit")
        if opened.restarts != self._schema.restarts:
            raise CommitUnknownError("the server was restarted")
        if chance.strikes("commit lost, did not happen"):
            self._schema.end(opened)
            raise CommitUnknownError("the connection was lost")
        self._schema.commit(opened)
        if chance.strikes("commit lost, happened"):
            raise CommitUnknownError("the connection was lost")

    def close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is None:
            return
        if self._process.alive:
            self._schema.end(opened)
        else:
            self._schema.abandon(opened)


async def asked(process: Process, schema: Schema) -> None:
    """One statement reaches the server, or does not."""
    await process.step("statement")
    chance = schema.world.chance
    if chance.strikes("store restart"):
        schema.restart()
    if chance.strikes("connection lost"):
        raise ConnectionResetError("the connection was lost")
    if chance.strikes("serialization failure"):
        raise SerializationError("could not serialize access")


def refuse_unstorable(writes: Writes) -> None:
    if any(UNSTORABLE in made.data for made in writes.events):
        raise DataError("this text cannot be stored")
