"""What could not be applied: kept whole, listed, redriven in order through the same door, or discarded."""

from datetime import datetime
from typing import Any

import msgspec

from perennial.contracts.base import Fact
from perennial.kit.batch import Item
from perennial.kit.door import Job
from perennial.kit.lanes import Door
from perennial.kit.subject import Service

KEYS_MOST = 500

_FIELDS = """id, topic, part, off, subject, key, ver, fact_id, type, principal, state, reason,
    error, waits_for, expires, attempts, headers, raw, parked_at, by_whom, note, dropping"""
_IS_READY = """
    (state = 'redrive' OR (state = 'waiting' AND (
        EXISTS (SELECT FROM part WHERE id = substr(waits_for, strpos(waits_for, ':') + 1))
        OR EXISTS (SELECT FROM entity e WHERE e.key = waits_for AND e.made <> '{}'))))
"""
_READY = f"""
    WITH keys AS (
        SELECT subject, key FROM parked WHERE {_IS_READY}
        GROUP BY subject, key ORDER BY min(id) LIMIT $1
    )
    SELECT {_FIELDS} FROM parked JOIN keys USING (subject, key) WHERE {_IS_READY} ORDER BY id
"""
"""Whole keys at a time: a key that flows again must have nothing left behind."""
READY_COUNT = f"SELECT count(*) FROM parked WHERE {_IS_READY}"
_EXPIRED = """
    UPDATE parked SET state = 'parked', reason = 'never known: ' || waits_for
    WHERE state = 'waiting' AND expires <= $1
"""
_REDRIVE = """
    UPDATE parked SET state = 'redrive', by_whom = $2, note = $3,
        dropping = $4 AND id = ANY($1::bigint[])
    WHERE (state IN ('parked', 'waiting') AND id = ANY($1::bigint[]))
    OR (state = 'behind' AND EXISTS (
        SELECT FROM parked first WHERE first.id = ANY($1::bigint[])
        AND first.subject = parked.subject AND first.key = parked.key))
"""


class Parking:
    """The parked facts of one service."""

    def __init__(self, door: Door, pool: Any) -> None:
        self._door = door
        self._pool = pool

    async def release(self, until: datetime) -> int:
        """Fold what was redriven by a person, and what waited for something that is known now."""
        await self._pool.execute(_EXPIRED, until)
        rows = await self._pool.fetch(_READY, KEYS_MOST)
        if not rows:
            return 0
        items = [_item(self._door.service, row) for row in rows]
        await self._door.run(Job("parked", items))
        return len(items)

    async def listed(self, states: list[str], most: int) -> list[dict[str, Any]]:
        """Parked facts in these states, oldest first, with what was said as text."""
        rows = await self._pool.fetch(
            f"SELECT {_FIELDS} FROM parked WHERE state = ANY($1::text[]) ORDER BY id LIMIT $2",
            states,
            most,
        )
        return [{**dict(row), "raw": (row["raw"] or b"").decode(errors="replace")} for row in rows]

    async def redrive(self, ids: list[int], by: str, note: str) -> int:
        """Fold them once more, with what stands behind the same keys, in order; how many in all."""
        return await self._mark(ids, by, note, False)

    async def discard(self, ids: list[int], by: str, note: str) -> int:
        """Give up on them, with who and why: they count as seen, and what stands behind goes on."""
        return await self._mark(ids, by, note, True)

    async def _mark(self, ids: list[int], by: str, note: str, dropping: bool) -> int:
        done = await self._pool.execute(_REDRIVE, ids, by, note, dropping)
        self._door.changed.set()
        return int(done.split()[-1])


def _item(service: Service, row: Any) -> Item:
    """A parked row as the item it was."""
    envelope = msgspec.json.decode(row["headers"])
    decoder = service.decoders.get(row["type"])
    fact = Fact(
        data=decoder.decode(row["raw"]) if decoder and row["raw"] else None,
        id=row["fact_id"],
        key=row["key"],
        now=msgspec.convert(envelope["now"], datetime),
        time=msgspec.convert(envelope["time"], datetime),
        topic=row["topic"],
        type=row["type"],
        ver=row["ver"],
        source=envelope["source"],
        principal=row["principal"],
        correlation=envelope["correlation"],
        causation=envelope["causation"],
        traceparent=envelope["traceparent"],
        hops=0,
    )
    item = Item(fact, service.subjects.get(row["subject"]), row["key"], parked_id=row["id"])
    item.dropping = row["dropping"]
    if row["waits_for"] and not item.dropping and service.locate is not None:
        place = service.locate(fact)
        item.key, item.wait = (place, "") if isinstance(place, str) else place
        item.expires = row["expires"]
    return item
