"""What could not be applied: kept whole, listed, redriven in order through the same door, or discarded."""

from dataclasses import fields
from datetime import datetime
from typing import Any

from perennial.kit.batch import Item, ParkedRow
from perennial.kit.door import Job
from perennial.kit.kept import item_of
from perennial.kit.lanes import Door, at_the_edge

MOST = 500
"""Facts, or keys, released at once."""

_ROW = ", ".join(field.name for field in fields(ParkedRow))
_IS_READY = """
    (state = 'redrive'
     OR (state = 'barred' AND NOT EXISTS (
        SELECT FROM part WHERE id = substr(waits_for, strpos(waits_for, ':') + 1)))
     OR (state = 'waiting' AND (
        EXISTS (SELECT FROM part WHERE id = substr(waits_for, strpos(waits_for, ':') + 1))
        OR EXISTS (SELECT FROM alias WHERE name = substr(waits_for, strpos(waits_for, ':') + 1))
        OR EXISTS (SELECT FROM entity e WHERE e.key = waits_for
                   AND (e.made <> '{}' OR e.seen <> '{}')))))
"""
_READY = f"SELECT {_ROW} FROM parked WHERE {_IS_READY} ORDER BY id LIMIT $1"
READY_COUNT = f"SELECT count(*) FROM parked WHERE {_IS_READY}"
_EXPIRED = """
    UPDATE parked SET state = 'parked', reason = 'never known: ' || waits_for
    WHERE state = 'waiting' AND expires <= $1
"""
_REDRIVE = """
    WITH marked AS (
        UPDATE parked SET state = 'redrive', by_whom = $2, note = $3, dropping = $4
        WHERE state IN ('parked', 'waiting') AND id = ANY($1::bigint[]) AND (holds OR NOT $4)
        RETURNING subject, key, holds
    ), given_up AS (
        UPDATE parked SET state = 'discarded', by_whom = $2, note = $3, dropping = true
        WHERE state IN ('parked', 'waiting') AND id = ANY($1::bigint[]) AND NOT holds AND $4
        RETURNING id
    )
    SELECT (SELECT count(*) FROM marked) + (SELECT count(*) FROM given_up) + (
        SELECT count(*) FROM parked WHERE state = 'behind'
        AND (subject, key) IN (SELECT subject, key FROM marked WHERE holds))
"""
"""What holds its key is given up through the door, where it counts as seen; the rest just ends."""
_LIST = f"""
    SELECT {_ROW}, reason, error, attempts, by_whom, note
    FROM parked WHERE state = ANY($1::text[]) ORDER BY id LIMIT $2
"""


class Parking:
    """The parked facts of one service."""

    def __init__(self, door: Door, pool: Any) -> None:
        self._door = door
        self._pool = pool

    async def release(self, until: datetime) -> int:
        """Fold what was redriven by a person, and what waited for something that is known now."""
        await self._pool.execute(_EXPIRED, until)
        rows = [ParkedRow(*row) for row in await self._pool.fetch(_READY, MOST)]
        if not rows:
            return 0
        keys = sorted(
            {(row.subject, row.key) for row in rows if row.state != "waiting" and row.subject}
        )
        alone = [row for row in rows if row.state == "waiting" or not row.subject]
        items = [await self._item(row) for row in alone]
        await self._door.run(Job("parked", items, redriven=keys))
        return len(rows)

    async def _item(self, row: ParkedRow) -> Item:
        item = item_of(self._door.service, row)
        return await at_the_edge(self._door, item) if item.answer_id else item

    async def listed(self, states: list[str], most: int) -> list[dict[str, Any]]:
        """Parked facts in these states, oldest first, with what was said as text."""
        rows = await self._pool.fetch(_LIST, states, most)
        return [{**dict(row), "raw": (row["raw"] or b"").decode(errors="replace")} for row in rows]

    async def redrive(self, ids: list[int], by: str, note: str) -> int:
        """Fold them once more, with what stands behind the same keys, in order; how many in all."""
        return await self._mark(ids, by, note, False)

    async def discard(self, ids: list[int], by: str, note: str) -> int:
        """Give up on them, with who and why: they count as seen, and what stands behind goes on."""
        return await self._mark(ids, by, note, True)

    async def _mark(self, ids: list[int], by: str, note: str, dropping: bool) -> int:
        done: int = await self._pool.fetchval(_REDRIVE, ids, by, note, dropping)
        self._door.changed.set()
        return done
