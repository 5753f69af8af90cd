"""How the rows of a rebuild are written: set-based, each twice with the same result."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from perennial.contracts.base import Fact
from perennial.kit.rebuilding.remade import Page
from perennial.kit.subject import Made, Row
from perennial.kit.writing import archived_row

_PARTS_GONE = """
    DELETE FROM part USING unnest($1::text[], $2::text[]) AS v (subject, key)
    WHERE part.subject = v.subject AND part.key = v.key
"""
_NAMES_GONE = _PARTS_GONE.replace("part", "alias")
_ENTITIES = """
    INSERT INTO entity (subject, key, now, seen, made, due, state)
    SELECT subject, key, now, seen::jsonb, made::jsonb, due, state::jsonb
    FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[],
        $6::timestamptz[], $7::text[]) AS v (subject, key, now, seen, made, due, state)
    ON CONFLICT (subject, key) DO UPDATE SET now = excluded.now, seen = excluded.seen,
        made = excluded.made, due = excluded.due, state = excluded.state
"""
_STATES = """
    INSERT INTO entity (subject, key, seen, state)
    SELECT subject, key, seen::jsonb, state::jsonb
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS v (subject, key, seen, state)
    ON CONFLICT (subject, key) DO UPDATE SET seen = excluded.seen, state = excluded.state
"""
_PARTS = """
    INSERT INTO part (subject, id, key, state)
    SELECT subject, id, key, state::jsonb
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS v (subject, id, key, state)
    ON CONFLICT (subject, id) DO UPDATE SET key = excluded.key, state = excluded.state
"""
_NAMES = """
    INSERT INTO alias (subject, name, key)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
    ON CONFLICT (subject, name) DO UPDATE SET key = excluded.key
"""
_EVENTS = """
    INSERT INTO event (topic, key, ver, id, type, time, now, context, data)
    SELECT * FROM unnest($1::text[], $2::text[], $3::int8[], $4::text[], $5::text[],
        $6::timestamptz[], $7::timestamptz[], $8::text[], $9::text[])
    ON CONFLICT DO NOTHING
"""
_ENTERED = (
    "INSERT INTO outbox (topic, key, ver) SELECT * FROM unnest($1::text[], $2::text[], $3::int8[])"
)
_ARCHIVE = """
    INSERT INTO archive (topic, key, ver, id, type, time, now, data)
    SELECT * FROM unnest($1::text[], $2::text[], $3::int8[], $4::text[], $5::text[],
        $6::timestamptz[], $7::timestamptz[], $8::text[])
    ON CONFLICT DO NOTHING
"""


async def save(connection: Any, page: Page) -> None:
    """All of a page or nothing. What its keys had before and no longer have goes."""
    async with connection.transaction():
        await _all(connection, _PARTS_GONE, page.keys)
        await _all(connection, _NAMES_GONE, page.keys)
        await _all(connection, _ENTITIES, page.entities)
        await _all(connection, _PARTS, page.parts)
        await _all(connection, _NAMES, page.names)
        await save_events(connection, page.events)
        await _all(connection, _ENTERED, page.entered)
        await _rows(connection, page.rows)


async def save_events(connection: Any, events: Iterable[Made]) -> None:
    rows = [(e.topic, e.key, e.ver, e.id, e.type, e.time, e.now, e.context, e.data) for e in events]
    await _all(connection, _EVENTS, rows)


async def save_states(connection: Any, states: Sequence[tuple[str, str, str, str]]) -> None:
    """(subject, key, seen, state) of subjects that have no events of their own."""
    await _all(connection, _STATES, states)


async def save_archive(connection: Any, facts: Iterable[Fact]) -> None:
    await _all(connection, _ARCHIVE, [archived_row(fact) for fact in facts])


async def _all(connection: Any, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        await connection.execute(statement, *(list(column) for column in zip(*rows, strict=True)))


async def _rows(connection: Any, rows: Iterable[Row]) -> None:
    tables: dict[str, list[Row]] = {}
    for row in rows:
        tables.setdefault(row.table, []).append(row)
    for table, its in tables.items():
        columns = ", ".join(its[0].values)
        told = msgspec.json.encode([dict(row.values) for row in its]).decode()
        await connection.execute(
            f"INSERT INTO {table} ({columns}) SELECT {columns}"
            f" FROM jsonb_populate_recordset(NULL::{table}, $1::jsonb) ON CONFLICT DO NOTHING",
            told,
        )
