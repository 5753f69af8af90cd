"""What others who write a service's tables tell its door, over one connection that listens.

A door keeps in memory what its rules know whole: registers, policies, the played clock. Others may change
that in the tables: the commit of a process that died lands when its successor has read them, and while one
process takes over from another, both are at work.
"""

import asyncio
import logging
from typing import Any

import asyncpg

from perennial.kit.lanes import Door
from perennial.kit.postgres import TRANSIENT, load_reference, snapshot
from perennial.kit.settle import Settlement
from perennial.kit.waking import set_within
from perennial.kit.worlds import Worlds

log = logging.getLogger("perennial.kit")


async def read_anew(door: Door, pool: Any) -> None:
    """What the door keeps in memory of what was committed. What it learns meanwhile is newer."""
    while True:
        before = door.worlds
        async with snapshot(pool) as base:
            known = await base.fetchval("SELECT coalesce(max(seq), 0) FROM journal")
            reference = await load_reference(base, door.service)
            ticked = await base.fetchval("SELECT now FROM clock WHERE name = 'tick'")
        if door.worlds is before:
            break
    door.worlds = Worlds(door.service, reference, known)
    door.ticked = max((one for one in (ticked, door.ticked) if one), default=None)


class Hearing:
    """Wakes the settlement when the relay has sent, and the door when others changed what it knows."""

    def __init__(self, name: str, door: Door, settlement: Settlement) -> None:
        self._name = name
        self._door = door
        self._settlement = settlement
        self._told = asyncio.Event()

    def sent(self, events: int) -> None:
        """The relay has sent so many."""
        self._settlement.hear(events)

    def known(self, by: str) -> None:
        """A process of that name committed something that doors keep in memory."""
        if by != self._name:
            self._told.set()

    async def run(self, url: str, stopping: asyncio.Event) -> None:
        """Listen for ever; without a connection, settlements look every now and then."""
        while not stopping.is_set():
            try:
                connection = await asyncpg.connect(url, timeout=10)
            except (OSError, TimeoutError, asyncpg.PostgresError) as error:
                log.info("hearing nothing from others: %s", error)
                await set_within(stopping, 1)
                continue
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _connection, lost=lost: lost.set())
            schema = await connection.fetchval("SELECT current_schema()")
            await connection.add_listener(f"sent_{schema}", lambda *said: self.sent(int(said[-1])))
            await connection.add_listener(f"known_{schema}", lambda *said: self.known(said[-1]))
            await self.keep_up(stopping, lost)
            await connection.close(timeout=2)

    async def keep_up(self, *over: asyncio.Event) -> None:
        """Read anew whenever somebody says so, until one of these is set; before that nobody heard."""
        self._told.set()
        while not any(one.is_set() for one in over):
            if not await set_within(self._told, 1):
                continue
            self._told.clear()
            try:
                await self._door.in_doubt()
            except TRANSIENT as error:
                log.info("not read anew: %s", error)
                self._told.set()
                await set_within(over[0], 1)
