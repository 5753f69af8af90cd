"""What people read: alerts, endpoints and their secrets, deliveries; and the feed's numbering.

The delivery worker's own statements are in `queue.py`. Everything runs in the service's schema.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from notifications.channels.stream import FeedRow
from notifications.domain.sight import Sight

Record = Mapping[str, Any]

_MARKS = """
    SELECT coalesce(bool_or(mark = 'resolved'), false) AS resolved,
           coalesce(bool_or(mark = 'acknowledged'), false) AS acknowledged,
           max(who) FILTER (WHERE mark = 'acknowledged') AS acknowledged_by,
           coalesce(array_agg(who ORDER BY ver) FILTER (WHERE mark = 'escalated'), '{}') AS escalated,
           count(*) FILTER (WHERE mark = 'repeated') AS repeats,
           count(*) FILTER (WHERE mark = 'sent') AS sent,
           count(*) FILTER (WHERE mark = 'failed') AS failed
    FROM alert_mark WHERE alert_id = a.id AND ($1::timestamptz IS NULL OR at <= $1)
"""
_STATE = "CASE WHEN resolved THEN 'resolved' WHEN acknowledged THEN 'acknowledged' ELSE 'open' END"
_ALERTS = f"""
    SELECT a.*, m.*, {_STATE} AS state
    FROM alert a CROSS JOIN LATERAL ({_MARKS}) m
    WHERE ($1::timestamptz IS NULL OR a.raised_at <= $1)
      AND ($2::bool OR a.person = $3 OR $3 = ANY (a.also || m.escalated)
           OR (a.team <> '' AND a.team = $4))
"""
_LIST = f"""{_ALERTS}
      AND ($5::text IS NULL OR a.customer_id = $5)
      AND ($6::text IS NULL OR a.kind = $6)
      AND ($7::text IS NULL OR a.person = $7 OR $7 = ANY (a.also || m.escalated))
      AND ($8::text IS NULL OR {_STATE} = $8)
      AND ($9::text IS NULL OR a.lead_id = $9)
      AND ($10::timestamptz IS NULL OR (a.raised_at, a.id) < ($10, $11::text))
    ORDER BY a.raised_at DESC, a.id DESC LIMIT $12
"""
_ALERT = f"""
    SELECT f.*, e.data FROM ({_ALERTS} AND a.id = $5) f
    JOIN event e ON e.topic = 'alerts.v1' AND e.key = f.customer_id AND e.ver = f.ver
"""
_COUNTS = """
    SELECT a.kind, count(*) AS raised,
           count(*) FILTER (WHERE NOT coalesce(m.acknowledged OR m.resolved, false)) AS open,
           count(*) FILTER (WHERE m.acknowledged) AS acknowledged,
           count(*) FILTER (WHERE m.resolved) AS resolved,
           count(*) FILTER (WHERE m.escalated <> '{}') AS escalated,
           coalesce(sum(m.sent), 0)::bigint AS sent,
           coalesce(sum(m.failed), 0)::bigint AS failed
    FROM alert a LEFT JOIN (
        SELECT alert_id, bool_or(mark = 'resolved') AS resolved,
               bool_or(mark = 'acknowledged') AS acknowledged,
               coalesce(array_agg(who) FILTER (WHERE mark = 'escalated'), '{}') AS escalated,
               count(*) FILTER (WHERE mark = 'sent') AS sent,
               count(*) FILTER (WHERE mark = 'failed') AS failed
        FROM alert_mark GROUP BY alert_id) AS m ON m.alert_id = a.id
    WHERE $1::bool OR a.person = $2 OR $2 = ANY (a.also || coalesce(m.escalated, '{}'))
       OR (a.team <> '' AND a.team = $3)
    GROUP BY a.kind ORDER BY a.kind
"""
_LEAD_TIMES = """
    SELECT a.rung, a.clock, count(*) AS warned, count(s.at) AS sent,
           count(*) FILTER (WHERE s.at > a.due_at) AS sent_late,
           min(a.due_at - a.raised_at) AS raised_least,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY a.due_at - a.raised_at) AS raised_median,
           min(a.due_at - s.at) AS sent_least,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY a.due_at - s.at) AS sent_median
    FROM alert a LEFT JOIN LATERAL (
        SELECT min(at) AS at FROM alert_mark WHERE alert_id = a.id AND mark = 'sent') AS s ON true
    WHERE a.rung <> '' AND ($1::bool OR a.person = $2 OR $2 = ANY (a.also)
                            OR (a.team <> '' AND a.team = $3))
    GROUP BY a.rung, a.clock ORDER BY a.rung, a.clock
"""
_EXPLAIN = """
    SELECT e.id, e.type, e.time, e.now, e.context, e.data
    FROM alert a
    JOIN event e ON e.topic = 'alerts.v1' AND e.key = a.customer_id
    WHERE a.id = $1
      AND (e.ver = a.ver OR e.ver IN (SELECT ver FROM alert_mark WHERE alert_id = $1))
    ORDER BY e.ver
"""
_CUSTOMER = "SELECT customer_id FROM alert WHERE id = $1"
ENDPOINTS = """
    SELECT DISTINCT ON (endpoint_id) endpoint_id, url, kinds, persons, enabled, by_whom, reason, at
    FROM endpoint_version ORDER BY endpoint_id, ver DESC
"""
_KEEP_SECRET = """
    INSERT INTO endpoint_secret (endpoint_id, secret, made_at)
    SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM endpoint_secret WHERE endpoint_id = $1)
"""
_SHOW_SECRET = """
    SELECT secret FROM endpoint_secret WHERE endpoint_id = $1 AND expires_at IS NULL
"""
_LOCK_SECRETS = "SELECT 1 FROM endpoint_secret WHERE endpoint_id = $1 FOR UPDATE"
_RETIRE_SECRETS = """
    UPDATE endpoint_secret SET expires_at = $2 WHERE endpoint_id = $1 AND expires_at IS NULL
"""
_ADD_SECRET = "INSERT INTO endpoint_secret (endpoint_id, secret, made_at) VALUES ($1, $2, $3)"
_DELIVERIES = """
    SELECT d.*, coalesce((SELECT json_agg(json_build_object(
               'n', n, 'at', at, 'status', status, 'error', error) ORDER BY n)
           FROM attempt WHERE delivery_id = d.id), '[]')::text AS tries
    FROM delivery d
    WHERE ($1::text IS NULL OR endpoint_id = $1) AND ($2::text IS NULL OR state = $2)
      AND ($3::text IS NULL OR alert_id = $3) AND ($4::bigint IS NULL OR seq < $4)
    ORDER BY seq DESC LIMIT $5
"""
_REPLAY = """
    UPDATE delivery SET state = 'pending', due_at = $1, spent = attempts, reported = alert_id = '',
           claim = NULL, claimed_until = NULL, finished_at = NULL
    WHERE state <> 'pending' AND (id = $2 OR (
        $2 IS NULL AND state = 'failed' AND finished_at >= $3
        AND ($4::text IS NULL OR endpoint_id = $4)))
"""
_TEST = """
    INSERT INTO delivery (id, endpoint_id, alert_id, customer_id, kind, body, made_at, due_at,
                          reported)
    VALUES ($1, $2, '', '', 'test', $3, $4, $4, true) ON CONFLICT DO NOTHING
"""
_FEED = """
    SELECT f.position, f.type, f.body, coalesce(a.team, '') AS team, a.person, a.also,
           (SELECT array_agg(who) FROM alert_mark m
            WHERE m.alert_id = f.alert_id AND mark = 'escalated')
    FROM feed f LEFT JOIN alert a ON a.id = f.alert_id
    WHERE f.position > $1 ORDER BY f.position LIMIT $2
"""
_LOCK_HEAD = "SELECT position FROM feed_head FOR UPDATE"
_NUMBER = """
    WITH fresh AS (
        SELECT event_id, $1::bigint + row_number() OVER (ORDER BY seq) AS position
        FROM (SELECT event_id, seq FROM feed WHERE position IS NULL ORDER BY seq LIMIT $2) AS first_ones
    ), numbered AS (
        UPDATE feed SET position = fresh.position FROM fresh WHERE feed.event_id = fresh.event_id
        RETURNING 1
    )
    UPDATE feed_head SET position = position + (SELECT count(*) FROM numbered)
    WHERE EXISTS (SELECT FROM numbered) RETURNING position - $1
"""


@dataclass(frozen=True)
class AlertFilter:
    """What a list of alerts is narrowed to, and where its page begins."""

    customer: str | None = None
    kind: str | None = None
    person: str | None = None
    state: str | None = None
    lead: str | None = None
    before: tuple[datetime, str] | None = None


async def alerts(pool: asyncpg.Pool, sight: Sight, wanted: AlertFilter, limit: int) -> list[Record]:
    at, alert_id = wanted.before or (None, None)
    seen = (None, sight.everything, sight.person, sight.team)
    narrowed = (wanted.customer, wanted.kind, wanted.person, wanted.state, wanted.lead)
    return list(await pool.fetch(_LIST, *seen, *narrowed, at, alert_id, limit))


async def alert(
    pool: asyncpg.Pool, sight: Sight, alert_id: str, as_of: datetime | None
) -> Record | None:
    """One alert with its evidence, as it stands or as it stood."""
    seen = (as_of, sight.everything, sight.person, sight.team)
    found: Record | None = await pool.fetchrow(_ALERT, *seen, alert_id)
    return found


async def alert_counts(pool: asyncpg.Pool, sight: Sight) -> list[Record]:
    """Every kind of alert in sight: how many there were, and what became of them."""
    return list(await pool.fetch(_COUNTS, sight.everything, sight.person, sight.team))


async def lead_times(pool: asyncpg.Pool, sight: Sight) -> list[Record]:
    """Of the warnings of turnover in sight: how long before the due moment they came."""
    return list(await pool.fetch(_LEAD_TIMES, sight.everything, sight.person, sight.team))


async def explanation(pool: asyncpg.Pool, alert_id: str) -> list[Record]:
    """The alert's events with their receipts, oldest first."""
    return list(await pool.fetch(_EXPLAIN, alert_id))


async def customer_of(pool: asyncpg.Pool, alert_id: str) -> str | None:
    found: str | None = await pool.fetchval(_CUSTOMER, alert_id)
    return found


async def endpoints(pool: asyncpg.Pool) -> list[Record]:
    return list(await pool.fetch(ENDPOINTS))


async def keep_secret(pool: asyncpg.Pool, endpoint_id: str, secret: str, now: datetime) -> str:
    """The endpoint's first secret: a repeated registration keeps, and shows, the one it made."""
    await pool.execute(_KEEP_SECRET, endpoint_id, secret, now)
    kept: str = await pool.fetchval(_SHOW_SECRET, endpoint_id)
    return kept


async def rotate_secret(
    pool: asyncpg.Pool, endpoint_id: str, secret: str, now: datetime, old_until: datetime
) -> None:
    """From now on both sign, until the old one expires. Rotations of one endpoint queue up."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(_LOCK_SECRETS, endpoint_id)
        await connection.execute(_RETIRE_SECRETS, endpoint_id, old_until)
        await connection.execute(_ADD_SECRET, endpoint_id, secret, now)


@dataclass(frozen=True)
class DeliveryFilter:
    endpoint: str | None = None
    state: str | None = None
    alert: str | None = None
    before: int | None = None


async def deliveries(pool: asyncpg.Pool, wanted: DeliveryFilter, limit: int) -> list[Record]:
    narrowed = (wanted.endpoint, wanted.state, wanted.alert, wanted.before)
    return list(await pool.fetch(_DELIVERIES, *narrowed, limit))


async def replay_one(pool: asyncpg.Pool, delivery_id: str, now: datetime) -> int:
    return _count(await pool.execute(_REPLAY, now, delivery_id, None, None))


async def replay_failed(
    pool: asyncpg.Pool, since: datetime, endpoint: str | None, now: datetime
) -> int:
    return _count(await pool.execute(_REPLAY, now, None, since, endpoint))


async def add_test(
    pool: asyncpg.Pool, delivery_id: str, endpoint: str, body: str, now: datetime
) -> None:
    await pool.execute(_TEST, delivery_id, endpoint, body, now)


async def feed(pool: asyncpg.Pool, after: int, limit: int) -> list[FeedRow]:
    rows = await pool.fetch(_FEED, after, limit)
    return [
        FeedRow(row["position"], row["type"], row["body"], row["team"], _people(*row[4:]))
        for row in rows
    ]


async def feed_head(pool: asyncpg.Pool) -> int:
    head: int = await pool.fetchval("SELECT position FROM feed_head")
    return head


async def number_feed(pool: asyncpg.Pool, limit: int) -> int:
    """Give positions to committed rows (why: channels/stream.py); how many were given.

    The lock is a statement of its own: only the next one sees what the former holder committed.
    """
    async with pool.acquire() as connection, connection.transaction():
        head = await connection.fetchval(_LOCK_HEAD)
        return await connection.fetchval(_NUMBER, head, limit) or 0


def _people(
    person: str | None, also: Sequence[str] | None, escalated: Sequence[str] | None
) -> frozenset[str]:
    return frozenset([person or "", *(also or ()), *(escalated or ())]) - {""}


def _count(tag: str) -> int:
    """Rows touched, from a command's tag as `UPDATE 3`."""
    return int(tag.rpartition(" ")[2])
