"""What one connection can write: the rows of our own run, from memory, by the same statement."""

import time
from collections.abc import Sequence
from typing import Any

import asyncpg
from perennial.kit.batch import Writes
from perennial.kit.writing import statement_for

_MAKE = """
    INSERT INTO entity (subject, key) SELECT * FROM unnest($1::text[], $2::text[])
    ON CONFLICT DO NOTHING
"""
_SUMS = """
    SELECT (SELECT count(*) FROM event WHERE topic = 'scores.v1'),
           (SELECT count(*) FROM outbox WHERE topic = 'scores.v1'),
           (SELECT count(*) FROM part),
           (SELECT sum((state->>'revenue')::bigint) FROM part)
"""


class FromMemory:
    """Nothing is read, nothing folded, nothing encoded: the arguments stand ready."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: Any = None

    async def write(self, batches: Sequence[Writes]) -> float:
        """Facts per second."""
        connection = await self._connected()
        ready = [(*statement_for(writes), _places(writes)) for writes in batches]
        began = time.perf_counter()
        for text, arguments, places in ready:
            async with connection.transaction():
                await connection.execute(_MAKE, *places)
                await connection.execute(text, *arguments)
        facts = sum(sum(writes.taken.values()) for writes in batches)
        return facts / (time.perf_counter() - began)

    async def prove(self, facts: int, revenue: int) -> None:
        found = tuple(await (await self._connected()).fetchrow(_SUMS))
        expected = (facts, facts, facts, revenue)
        assert found == expected, f"{found} is not {expected}"

    async def close(self) -> None:
        await self._connection.close()

    async def _connected(self) -> Any:
        if self._connection is None:
            self._connection = await asyncpg.connect(self._dsn)
        return self._connection


def _places(writes: Writes) -> tuple[list[str], list[str]]:
    """In the order in which the door would lock them."""
    places = sorted((entity.subject.name, entity.key) for entity in writes.entities)
    return [subject for subject, _ in places], [key for _, key in places]
