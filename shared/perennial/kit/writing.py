"""One statement that writes everything a batch leaves behind, whatever its size."""

from collections import Counter
from functools import cache
from typing import Any

import msgspec

from perennial.contracts.base import EPOCH, State
from perennial.kit.batch import Writes
from perennial.kit.kept import kept_headers, kept_value

_json = msgspec.json.Encoder()

CLAUSES: dict[str, tuple[str, str]] = {
    "entity": (
        "text[],text[],timestamptz[],text[],text[],text[],bool[],timestamptz[],text[]",
        """UPDATE entity AS t SET now = v.now, seen = v.seen::jsonb, marks = v.marks::jsonb,
               made = v.made::jsonb, held = v.held, due = v.due, state = v.state::jsonb
           FROM unnest({0}) AS v (subject, key, now, seen, marks, made, held, due, state)
           WHERE t.subject = v.subject AND t.key = v.key""",
    ),
    "counted": (
        "text[],text[],text[],text[]",
        """UPDATE entity AS t SET seen = v.seen::jsonb, marks = v.marks::jsonb
           FROM unnest({0}) AS v (subject, key, seen, marks)
           WHERE t.subject = v.subject AND t.key = v.key""",
    ),
    "part": (
        "text[],text[],text[],text[]",
        """INSERT INTO part (subject, id, key, state)
           SELECT subject, id, key, state::jsonb FROM unnest({0}) AS v (subject, id, key, state)
           ON CONFLICT (subject, id) DO UPDATE SET state = excluded.state,
               key = CASE WHEN part.key = excluded.key THEN part.key END""",
    ),
    "moved": (
        "text[],text[],text[],text[],text[]",
        """UPDATE part AS t SET key = v.key, state = v.state::jsonb
           FROM unnest({0}) AS v (subject, id, former, key, state)
           WHERE t.subject = v.subject AND t.id = v.id AND t.key = v.former""",
    ),
    "dropped": (
        "text[],text[],text[]",
        """DELETE FROM part AS t USING unnest({0}) AS v (subject, id, key)
           WHERE t.subject = v.subject AND t.id = v.id AND t.key = v.key""",
    ),
    "alias": (
        "text[],text[],text[]",
        "INSERT INTO alias (subject, name, key) SELECT * FROM unnest({0})",
    ),
    "renamed": (
        "text[],text[],text[]",
        """INSERT INTO alias (subject, name, key) SELECT * FROM unnest({0})
           ON CONFLICT (subject, name) DO UPDATE SET key = excluded.key""",
    ),
    "event": (
        "text[],text[],int8[],text[],text[],timestamptz[],timestamptz[],text[],text[]",
        """INSERT INTO event (topic, key, ver, id, type, time, now, context, data)
           SELECT * FROM unnest({0})""",
    ),
    "outbox": (
        "text[],text[],int8[]",
        """INSERT INTO outbox (topic, key, ver) SELECT v.topic, v.key, v.ver
           FROM unnest({0}) WITH ORDINALITY AS v (topic, key, ver, n) ORDER BY n""",
    ),
    "archive": (
        "text[],text[],int8[],text[],text[],timestamptz[],timestamptz[],text[]",
        """INSERT INTO archive (topic, key, ver, id, type, time, now, data)
           SELECT * FROM unnest({0}) ON CONFLICT DO NOTHING""",
    ),
    "position": (
        "text[],int4[],int8[]",
        """UPDATE position AS t SET next_offset = v.next FROM unnest({0}) AS v (topic, part, next)
           WHERE t.topic = v.topic AND t.part = v.part""",
    ),
    "answer": (
        "text[],bytea[],int4[],text[]",
        "INSERT INTO answer (id, fingerprint, status, body) SELECT * FROM unnest({0})",
    ),
    "parked": (
        "text[],int4[],int8[],text[],text[],int8[],text[],text[],text[],text[],text[],text[],"
        "text[],timestamptz[],bool[],text[],bytea[],timestamptz[]",
        """INSERT INTO parked (topic, part, off, subject, key, ver, fact_id, type, principal,
               state, reason, error, waits_for, expires, holds, headers, raw, parked_at)
           SELECT * FROM unnest({0})""",
    ),
    "released": (
        "int8[],text[]",
        """UPDATE parked AS t SET state = v.state FROM unnest({0}) AS v (id, state)
           WHERE t.id = v.id""",
    ),
    "again": (
        "int8[],text[],text[],text[],text[],timestamptz[],text[],text[],bool[]",
        """UPDATE parked AS t SET state = v.state, reason = v.reason, error = v.error,
               waits_for = v.waits_for, expires = v.expires, subject = v.subject, key = v.key,
               holds = v.holds, attempts = t.attempts + 1
           FROM unnest({0}) AS v (id, state, reason, error, waits_for, expires, subject, key, holds)
           WHERE t.id = v.id""",
    ),
    "sent": (
        "text[],text[],int8[]",
        """INSERT INTO sent AS t (lane, topic, n) SELECT * FROM unnest({0})
           ON CONFLICT (lane, topic) DO UPDATE SET n = t.n + excluded.n""",
    ),
    "counter": (
        "text[],int8[]",
        """UPDATE counter AS t SET n = v.n FROM unnest({0}) AS v (scope, n)
           WHERE t.scope = v.scope""",
    ),
    "journal": (
        "text[],int8[],text[]",
        """INSERT INTO journal (lane, knew, page) SELECT * FROM unnest({0}) RETURNING seq""",
    ),
    "clock": (
        "text[],timestamptz[]",
        """INSERT INTO clock AS t (name, now) SELECT * FROM unnest({0})
           ON CONFLICT (name) DO UPDATE SET now = greatest(t.now, excluded.now)""",
    ),
}

_TELL = "pg_notify('known_' || current_schema(), current_setting('application_name'))"
"""Other doors of this service hear of it (`hearing`)."""


def statement_for(writes: Writes) -> tuple[str, list[Any]]:
    """SQL and its array arguments; empty text where there is nothing to write."""
    columns = {name: rows for name, rows in _columns(writes).items() if rows}
    tables: dict[str, list[dict[str, Any]]] = {}
    for row in writes.rows:
        tables.setdefault(row.table, []).append(dict(row.values))
    shapes = tuple((table, tuple(rows[0])) for table, rows in tables.items())
    if not columns and not shapes:
        return "", []
    arguments: list[Any] = [
        list(column) for rows in columns.values() for column in zip(*rows, strict=True)
    ]
    arguments += [_json.encode(rows).decode() for rows in tables.values()]
    return _text(tuple(columns), shapes, writes.known), arguments


@cache
def _text(
    names: tuple[str, ...], shapes: tuple[tuple[str, tuple[str, ...]], ...], known: bool
) -> str:
    clauses, count = [], 0
    for name in names:
        types, sql = CLAUSES[name]
        arrays = []
        for kind in types.split(","):
            count += 1
            arrays.append(f"${count}::{kind}")
        clauses.append(f"{name}_rows AS ({sql.format(', '.join(arrays))})")
    for table, fields in shapes:
        count += 1
        listed = ", ".join(fields)
        clauses.append(
            f"{table}_made AS (INSERT INTO {table} ({listed}) SELECT {listed} "
            f"FROM jsonb_populate_recordset(NULL::{table}, ${count}::jsonb) "
            "ON CONFLICT DO NOTHING)"
        )
    seq = "(SELECT seq FROM journal_rows)" if "journal" in names else "0"
    wake = "pg_notify('outbox_' || current_schema(), '')" if "outbox" in names else "1"
    tell = _TELL if known else "1"
    return f"WITH {', '.join(clauses)} SELECT {seq}, {wake}, {tell}"


def _columns(writes: Writes) -> dict[str, list[tuple[Any, ...]]]:
    events = writes.events
    sent = Counter(event.topic for event in events)
    return {
        "entity": [_entity(entity) for entity in writes.entities],
        "counted": [_counted(entity) for entity in writes.counted],
        "part": [(s, i, k, _json.encode(part).decode()) for s, i, k, part in writes.parts],
        "moved": [(s, i, f, k, _json.encode(part).decode()) for s, i, f, k, part in writes.moved],
        "dropped": writes.dropped,
        "alias": sorted(writes.aliases),
        "renamed": [(*name, key) for name, key in sorted(writes.renamed.items())],
        "event": [
            (e.topic, e.key, e.ver, e.id, e.type, e.time, e.now, e.context, e.data) for e in events
        ],
        "outbox": [(e.topic, e.key, e.ver) for e in events],
        "archive": [archived_row(fact) for fact in writes.archive],
        "position": [(*place, offset) for place, offset in writes.positions.items()],
        "answer": sorted((a.id, a.fingerprint, a.status, a.body) for a in writes.answers),
        "parked": [_parked(one) for one in writes.parked if not one.item.parked_id],
        "again": [_again(one) for one in writes.parked if one.item.parked_id],
        "released": writes.released,
        "sent": [
            *((writes.lane, topic, n) for topic, n in sorted(sent.items())),
            *(("taken", topic, n) for topic, n in sorted(writes.taken.items()) if n),
        ],
        "counter": list(writes.counters.items()),
        "journal": [(writes.lane, writes.knew, writes.journal)] if writes.journal else [],
        "clock": [("tick", writes.clock)] if writes.clock else [],
    }


def _entity(entity: Any) -> tuple[Any, ...]:
    state = entity.state
    if entity.subject.part is not None and state.parts:
        state = msgspec.structs.replace(state, parts={})
    return (
        entity.subject.name,
        entity.key,
        entity.now,
        _json.encode(entity.seen).decode(),
        _json.encode(entity.marks).decode(),
        _json.encode(entity.made).decode(),
        entity.held,
        entity.due,
        encode_state(state),
    )


def _counted(entity: Any) -> tuple[str, ...]:
    seen, marks = _json.encode(entity.seen), _json.encode(entity.marks)
    return entity.subject.name, entity.key, seen.decode(), marks.decode()


def encode_state(state: State) -> str:
    """A state as it is stored: its root, without the parts."""
    return _json.encode(state).decode()


def archived_row(fact: Any) -> tuple[Any, ...]:
    data = _json.encode(fact.data).decode()
    return (fact.topic, fact.key, fact.ver, fact.id, fact.type, fact.time, fact.now, data)


def _parked(parked: Any) -> tuple[Any, ...]:
    item, record = parked.item, parked.item.record
    fact = item.fact
    topic, part, offset = (
        (record.topic, record.part, record.offset) if record else (fact.topic, 0, None)
    )
    return (
        topic,
        part,
        offset,
        parked.subject,
        parked.key,
        fact.ver,
        fact.id,
        fact.type,
        fact.principal,
        parked.state,
        parked.reason,
        parked.error,
        parked.waits_for,
        parked.expires,
        parked.holds,
        kept_headers(item),
        kept_value(item),
        max(fact.now, EPOCH),
    )


def _again(parked: Any) -> tuple[Any, ...]:
    return (
        parked.item.parked_id,
        parked.state,
        parked.reason,
        parked.error,
        parked.waits_for,
        parked.expires,
        parked.subject,
        parked.key,
        parked.holds,
    )
