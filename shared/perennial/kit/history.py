"""What a subject was at any past moment, and why: read from the service's own events."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from perennial.kit.problems import Fault
from perennial.kit.subject import Service, Subject

_OWN = """
    SELECT topic, key, ver, id, type, time, now, data FROM event
    WHERE topic = ANY($1::text[]) AND key = $2 AND ($3::timestamptz IS NULL OR now <= $3)
    ORDER BY now, topic, ver
"""
_TIMELINE = """
    SELECT * FROM (
        SELECT topic, key, ver, id, type, time, now, data FROM event WHERE key = ANY($1::text[])
        UNION ALL
        SELECT topic, key, ver, id, type, time, now, data FROM archive WHERE key = ANY($1::text[])
    ) facts
    WHERE ($2::timestamptz IS NULL OR (now, topic, ver, key) < ($2, $3, $4, $5))
    AND ($7::text[] IS NULL OR topic = ANY($7))
    ORDER BY now DESC, topic DESC, ver DESC, key DESC LIMIT $6
"""


T = TypeVar("T")
Find = Callable[[datetime | None], Awaitable[T | None]]
"""Looks for a thing as it stood at a moment, or stands; None where there was none."""
Place = tuple[datetime, str, int, str]
"""Of a row in a timeline: recorded, topic, version, key."""


async def state_at(
    pool: Any, service: Service, subject: Subject, key: str, as_of: datetime | None = None
) -> Any:
    """The state as it stands, or as its events up to `as_of` had made it; `State()` if none.

    With `as_of`, parts are folded too; without it only the root is read.
    """
    if as_of is None:
        text = await pool.fetchval(
            "SELECT state::text FROM entity WHERE subject = $1 AND key = $2", subject.name, key
        )
        return msgspec.json.decode(text, type=subject.state) if text else subject.state()
    rows = await pool.fetch(_OWN, [topic.name for topic in subject.emits], key, as_of)
    return folded(service, subject, rows)


def folded(service: Service, subject: Subject, rows: Any) -> Any:
    """The state that a subject's own events make, in order."""
    kinds = {event.TYPE: event for event in service.topic_of}
    state = subject.state()
    for row in rows:
        event = msgspec.json.decode(row["data"], type=kinds[row["type"]])
        state = subject.evolve(state, event, row["now"])
    return state


async def as_it_stood(find: Find[T], as_of: datetime | None, what: str) -> T | None:
    """What `find` finds at a moment, or now; 404 `not-yet` for what is there now and was not then.

    For single things only: of a list, what was not there is left out.
    """
    found = await find(as_of)
    if found is None and as_of is not None and await find(None) is not None:
        told = f"{what} was not there for you to see at {as_of.isoformat()}: give a later as_of"
        raise Fault(404, "not-yet", f"{told}, or leave it out for now.")
    return found


async def decisions(
    pool: Any, subject: Subject, key: str, as_of: datetime | None = None, most: int = 50
) -> list[dict[str, Any]]:
    """The latest decisions on a subject with their receipts, newest first."""
    topics = [topic.name for topic in subject.emits]
    rows = await pool.fetch(_OWN, topics, key, as_of)
    return [_described(row) for row in reversed(rows[-most:])]


async def timeline(
    pool: Any,
    keys: Sequence[str],
    before: Place | None,
    most: int,
    topics: list[str] | None = None,
) -> list[dict[str, Any]]:
    """Everything known of these keys, newest first: own events and the facts kept of others; of these
    topics only, where some are named."""
    now, topic, ver, key = before or (None, None, None, None)
    rows = await pool.fetch(_TIMELINE, keys, now, topic, ver, key, most, topics)
    return [{**_described(row), "key": row["key"]} for row in rows]


def _described(row: Any) -> dict[str, Any]:
    data = msgspec.json.decode(row["data"])
    return {
        "id": row["id"],
        "type": row["type"],
        "topic": row["topic"],
        "version": row["ver"],
        "time": row["time"],
        "recorded": row["now"],
        "receipt": data.pop("receipt", None),
        "data": data,
    }
