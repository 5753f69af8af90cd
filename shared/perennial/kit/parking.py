"""What could not be applied: kept whole, listed, redriven in order through the same door, or discarded."""

from dataclasses import fields, replace
from datetime import datetime
from typing import Any

import msgspec

from perennial.kit.batch import Item, ParkedRow
from perennial.kit.door import Job
from perennial.kit.kept import is_anew, item_of, readable
from perennial.kit.lanes import Door, at_the_edge
from perennial.kit.whose import Change, change

MOST = 500
"""Facts, or keys, released at once."""
OPEN = ("parked", "waiting")
"""States in which a person may handle a fact."""

_ROW = ", ".join(field.name for field in fields(ParkedRow))
_IS_READY = """
    (state = 'redrive'
     OR (state = 'barred' AND NOT EXISTS (
        SELECT FROM part p WHERE p.id = substr(waits_for, strpos(waits_for, ':') + 1)
        AND p.key <> parked.key
     ) AND (waits_for LIKE 'free:%' OR EXISTS (
        SELECT FROM part p WHERE p.id = substr(waits_for, strpos(waits_for, ':') + 1))))
     OR (state = 'waiting' AND (
        EXISTS (SELECT FROM part WHERE id = substr(waits_for, strpos(waits_for, ':') + 1)
                AND state <> 'null')
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
_WHICH = """
    (cardinality({n}::bigint[]) = 0 OR id = ANY({n}::bigint[]))
    AND strpos(lower(reason || ' ' || error), lower({n1})) > 0
    AND {n2} IN ('', key) AND {n3} IN ('', type) AND {n4} IN ('', topic) AND {n5} IN ('', principal)
"""


def _which(first: int) -> str:
    """The condition of a `Which`, whose six arguments begin with this number."""
    names = {"n" if not n else f"n{n}": f"${first + n}" for n in range(6)}
    return _WHICH.format(**names)


_MARK = f"""
    WITH chosen AS (
        SELECT id, holds, state FROM parked WHERE state IN ('parked', 'waiting') AND {_which(5)}
        ORDER BY id LIMIT $4 FOR UPDATE
    ), marked AS (
        UPDATE parked p SET state = 'redrive', by_whom = $1, note = $2, dropping = $3 FROM chosen c
        WHERE p.id = c.id AND (c.holds OR NOT $3) RETURNING p.subject, p.key, p.holds
    ), given_up AS (
        UPDATE parked p SET state = 'discarded', by_whom = $1, note = $2, dropping = true
        FROM chosen c WHERE p.id = c.id AND $3 AND NOT c.holds RETURNING p.id
    ), noted AS (
        INSERT INTO handled (parked_id, by_whom, verb, note)
        SELECT id, $1, CASE WHEN $3 THEN 'discard' ELSE 'redrive' END, $2 FROM chosen
    )
    SELECT (SELECT count(*) FROM chosen) AS facts,
        (SELECT count(*) FROM chosen WHERE state = 'waiting') AS waiting,
        (SELECT count(*) FROM parked WHERE state = 'behind'
         AND (subject, key) IN (SELECT subject, key FROM marked WHERE holds)) AS behind,
        (SELECT count(*) FROM given_up) AS given_up
"""
"""What holds its key is given up through the door, where it counts as seen; the rest just ends."""
_COUNT = f"""
    WITH chosen AS (
        SELECT subject, key, holds, state FROM parked
        WHERE state IN ('parked', 'waiting') AND {_which(2)} ORDER BY id LIMIT $1
    )
    SELECT count(*) AS facts, count(*) FILTER (WHERE state = 'waiting') AS waiting,
        (SELECT count(*) FROM parked WHERE state = 'behind'
         AND (subject, key) IN (SELECT subject, key FROM chosen WHERE holds)) AS behind
    FROM chosen
"""
_LIST = f"""
    SELECT {_ROW}, reason, error, attempts, by_whom, note
    FROM parked WHERE state = ANY($1::text[]) AND id > $2 AND {_which(4)} ORDER BY id LIMIT $3
"""
_CAUSES = f"""
    SELECT state, reason, type, topic, count(*) AS facts, min(parked_at) AS oldest,
        max(parked_at) AS newest, min(id) AS example,
        (array_agg(left(error, 300) ORDER BY id))[1] AS error
    FROM parked WHERE state = ANY($1::text[]) AND {_which(2)}
    GROUP BY state, reason, type, topic, CASE WHEN reason = 'malformed' THEN error END
    ORDER BY facts DESC, example
"""
_ONE = f"SELECT {_ROW}, reason, error, attempts, by_whom, note FROM parked WHERE id = $1"
_HANDLED = """
    SELECT at, by_whom, verb, note, before, after FROM handled WHERE parked_id = $1 ORDER BY id
"""
_EDIT = """
    WITH old AS (SELECT id, coalesce(edited, raw) AS said FROM parked
        WHERE id = $1 AND state IN ('parked', 'waiting') FOR UPDATE),
    changed AS (UPDATE parked p SET edited = $2 FROM old WHERE p.id = old.id RETURNING p.id)
    INSERT INTO handled (parked_id, by_whom, verb, note, before, after)
    SELECT id, $3, 'edit', $4, said, $2 FROM old RETURNING parked_id
"""


class Which(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parked facts by all that is named here; whatever is empty takes any."""

    ids: tuple[int, ...] = ()
    reason: str = ""
    """Part of the reason or error, in any case of letters."""
    key: str = ""
    type: str = ""
    topic: str = ""
    principal: str = ""

    @property
    def arguments(self) -> tuple[Any, ...]:
        return list(self.ids), self.reason, self.key, self.type, self.topic, self.principal


class Handled(msgspec.Struct, frozen=True, kw_only=True):
    facts: int
    """How many were marked."""
    waiting: int = 0
    """Of these, how many only wait for something unknown."""
    behind: int
    """How many stand behind the same keys, and go on with them."""


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
        alone = [row for row in rows if row.state == "waiting" or not row.subject or is_anew(row)]
        taken = {row.id for row in alone}
        keys = sorted({(row.subject, row.key) for row in rows if row.id not in taken})
        items = [await self._item(row) for row in alone]
        await self._door.run(Job("parked", items, redriven=keys))
        return len(rows)

    async def _item(self, row: ParkedRow) -> Item:
        item = item_of(self._door.service, row)
        return await at_the_edge(self._door, item) if item.answer_id else item

    async def listed(
        self, states: list[str], which: Which, after: int, most: int
    ) -> list[dict[str, Any]]:
        """Parked facts in these states, oldest first from the one after `after`; what was said as text."""
        rows = await self._pool.fetch(_LIST, states, after, most, *which.arguments)
        return [_told(row) for row in rows]

    async def causes(self, states: list[str], which: Which) -> list[dict[str, Any]]:
        """The same grouped by cause, most facts first, each with its oldest as an example."""
        return [dict(row) for row in await self._pool.fetch(_CAUSES, states, *which.arguments)]

    async def one(self, number: int) -> dict[str, Any] | None:
        """A fact whole, with all that people did about it: who, when, why, and what they changed."""
        row = await self._pool.fetchrow(_ONE, number)
        if row is None:
            return None
        rows = await self._pool.fetch(_HANDLED, number)
        history = [_readably(one, "before", "after") for one in rows]
        return {**_told(row), "history": history}

    async def edit(self, number: int, said: bytes, by: str, note: str) -> Change | None:
        """Keep an edited copy beside the original, to be folded instead: see `previewed`."""
        found = await self.previewed(number, said)
        if found is None or not await self._pool.fetchval(_EDIT, number, said, by, note):
            return None
        return found

    async def previewed(self, number: int, said: bytes) -> Change | None:
        """Whose an edit would make this fact; None if it is not set aside.

        Raises `Malformed` for what could not be read either.
        """
        row = await self._pool.fetchrow(_ONE, number)
        if row is None or row["state"] not in OPEN:
            return None
        parked = ParkedRow(*(row[field.name] for field in fields(ParkedRow)))
        readable(self._door.service, replace(parked, edited=said))
        return await change(self._door, self._pool, parked, said)

    async def counted(self, which: Which, most: int) -> Handled:
        """How many a redrive or discard would mark."""
        return _handled(await self._pool.fetchrow(_COUNT, most, *which.arguments))

    async def redrive(self, which: Which, most: int, by: str, note: str) -> Handled:
        """Fold them once more, with what stands behind the same keys, in order."""
        return await self._mark(which, most, by, note, False)

    async def discard(self, which: Which, most: int, by: str, note: str) -> Handled:
        """Give up on them, with who and why: they count as seen, and what stands behind goes on."""
        return await self._mark(which, most, by, note, True)

    async def _mark(self, which: Which, most: int, by: str, note: str, dropping: bool) -> Handled:
        row = await self._pool.fetchrow(_MARK, by, note, dropping, most, *which.arguments)
        self._door.changed.set()
        return _handled(row)


def _handled(row: Any) -> Handled:
    return Handled(facts=row["facts"], waiting=row["waiting"], behind=row["behind"])


def _told(row: Any) -> dict[str, Any]:
    told = _readably(row, "raw", "edited")
    return {**told, "raw": told["raw"] or ""}


def _readably(row: Any, *names: str) -> dict[str, Any]:
    """Bytes as text, whatever they are."""
    return dict(row) | {name: row[name] and row[name].decode(errors="replace") for name in names}
