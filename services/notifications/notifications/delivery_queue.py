"""The delivery worker's statements: claim what is due, record what came of it, report it.

A claim is a lease: a worker that dies leaves its rows to others after `LEASE`, and one that comes back
too late records nothing, since the claim is no longer its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from notifications.domain.delivery import Answer, Circuit
from notifications.store import ENDPOINTS

LEASE = timedelta(seconds=90)

_OPEN = f"""
    SELECT e.endpoint_id, e.url, e.enabled, h.failures, h.paused_until
    FROM ({ENDPOINTS}) e LEFT JOIN endpoint_health h USING (endpoint_id)
    WHERE EXISTS (SELECT FROM delivery d WHERE d.endpoint_id = e.endpoint_id
                  AND d.state = 'pending' AND d.due_at <= $1)
"""
_CLAIM = """
    WITH taken AS (
        SELECT d.id FROM unnest($1::text[], $2::int[]) AS r (endpoint_id, most)
        CROSS JOIN LATERAL (
            SELECT o.id FROM delivery o
            WHERE o.endpoint_id = r.endpoint_id AND o.state = 'pending' AND o.due_at <= $3
              AND (o.claimed_until IS NULL OR o.claimed_until < $3)
              AND NOT EXISTS (
                  SELECT FROM delivery p
                  WHERE p.endpoint_id = o.endpoint_id AND p.customer_id = o.customer_id
                    AND p.state = 'pending' AND p.seq < o.seq)
            ORDER BY o.due_at, o.seq LIMIT r.most FOR UPDATE SKIP LOCKED
        ) d
    )
    UPDATE delivery SET claim = $4, claimed_until = $5
    FROM taken WHERE delivery.id = taken.id
    RETURNING delivery.id, endpoint_id, body, attempts, spent
"""
_SECRETS = """
    SELECT endpoint_id, array_agg(secret ORDER BY made_at DESC) FROM endpoint_secret
    WHERE endpoint_id = ANY($1::text[]) AND (expires_at IS NULL OR expires_at > $2)
    GROUP BY endpoint_id
"""
_LOCK_HEALTH = """
    INSERT INTO endpoint_health (endpoint_id) VALUES ($1)
    ON CONFLICT (endpoint_id) DO UPDATE SET endpoint_id = excluded.endpoint_id
    RETURNING failures, paused_until
"""
_SAVE_HEALTH = """
    UPDATE endpoint_health SET failures = $2, paused_until = $3 WHERE endpoint_id = $1
"""
_RECORD = """
    UPDATE delivery AS d
    SET state = v.state, attempts = v.attempts, due_at = coalesce(v.due_at, d.due_at),
        status = v.status, error = v.error, claim = NULL, claimed_until = NULL,
        finished_at = CASE WHEN v.state = 'pending' THEN NULL ELSE $2::timestamptz END
    FROM unnest($3::text[], $4::text[], $5::int[], $6::timestamptz[], $7::int[], $8::text[])
        AS v (id, state, attempts, due_at, status, error)
    WHERE d.id = v.id AND d.claim = $1
"""
_ATTEMPTS = """
    INSERT INTO attempt (delivery_id, n, at, status, error)
    SELECT v.id, v.n, $1, v.status, v.error
    FROM unnest($2::text[], $3::int[], $4::int[], $5::text[]) AS v (id, n, status, error)
    ON CONFLICT DO NOTHING
"""
_GIVE_UP = """
    UPDATE delivery SET state = 'failed', error = 'the endpoint is disabled', finished_at = $2
    WHERE endpoint_id = ANY($1::text[]) AND state = 'pending'
      AND (claimed_until IS NULL OR claimed_until < $2)
"""
_UNREPORTED = """
    SELECT id, endpoint_id, alert_id, customer_id, state, attempts, status, error
    FROM delivery WHERE state <> 'pending' AND NOT reported ORDER BY seq LIMIT $1
"""
_REPORTED = """
    UPDATE delivery AS d SET reported = true
    FROM unnest($1::text[], $2::int[]) AS v (id, attempts)
    WHERE d.id = v.id AND d.attempts = v.attempts AND d.state <> 'pending'
"""
_NEXT = "SELECT min(due_at) FROM delivery WHERE state = 'pending' AND due_at > $1"


@dataclass(frozen=True)
class Target:
    """An endpoint with work due."""

    endpoint: str
    url: str
    enabled: bool
    circuit: Circuit


@dataclass(frozen=True)
class Claimed:
    """One delivery that is this worker's for a while."""

    id: str
    endpoint: str
    body: str
    attempts: int
    spent: int


@dataclass(frozen=True)
class Result:
    """What one attempt made of a delivery; a `due_at` means that it is tried again."""

    delivery: Claimed
    answer: Answer
    state: str
    due_at: datetime | None = None


@dataclass(frozen=True)
class Finished:
    """A delivery that came to its end and is to be told of."""

    id: str
    endpoint: str
    alert: str
    customer: str
    state: str
    attempts: int
    status: int
    error: str


async def targets(pool: asyncpg.Pool, now: datetime) -> list[Target]:
    rows = await pool.fetch(_OPEN, now)
    return [Target(row[0], row[1], row[2], Circuit(row[3] or 0, row[4])) for row in rows]


async def claim(
    pool: asyncpg.Pool, most: Mapping[str, int], token: str, now: datetime
) -> list[Claimed]:
    """The heads of the line per endpoint and customer that are due, at most so many an endpoint."""
    endpoints, limits = list(most), list(most.values())
    rows = await pool.fetch(_CLAIM, endpoints, limits, now, token, now + LEASE)
    return [Claimed(*row) for row in rows]


async def secrets(
    pool: asyncpg.Pool, endpoints: Sequence[str], now: datetime
) -> dict[str, list[str]]:
    rows = await pool.fetch(_SECRETS, endpoints, now)
    return {row[0]: row[1] for row in rows}


async def lock_circuit(connection: asyncpg.Connection, endpoint: str) -> Circuit:
    """The endpoint's circuit, held until the commit, so that no worker's failure is forgotten."""
    row = await connection.fetchrow(_LOCK_HEALTH, endpoint)
    return Circuit(row[0], row[1])


async def record(
    connection: asyncpg.Connection,
    token: str,
    endpoint: str,
    circuit: Circuit,
    results: Sequence[Result],
    now: datetime,
) -> None:
    """Everything that a round of posts to one endpoint came to, under its locked circuit."""
    await connection.execute(_SAVE_HEALTH, endpoint, circuit.failures, circuit.paused_until)
    ids = [one.delivery.id for one in results]
    numbers = [one.delivery.attempts + 1 for one in results]
    statuses = [one.answer.status for one in results]
    errors = [one.answer.error for one in results]
    states, dues = [one.state for one in results], [one.due_at for one in results]
    await connection.execute(_RECORD, token, now, ids, states, numbers, dues, statuses, errors)
    await connection.execute(_ATTEMPTS, now, ids, numbers, statuses, errors)


async def give_up(pool: asyncpg.Pool, endpoints: Sequence[str], now: datetime) -> None:
    await pool.execute(_GIVE_UP, endpoints, now)


async def unreported(pool: asyncpg.Pool, limit: int) -> list[Finished]:
    return [Finished(*row) for row in await pool.fetch(_UNREPORTED, limit)]


async def mark_reported(pool: asyncpg.Pool, finished: Sequence[Finished]) -> None:
    """Those of exactly these attempts: one that was replayed meanwhile is told of again."""
    ids, attempts = [one.id for one in finished], [one.attempts for one in finished]
    await pool.execute(_REPORTED, ids, attempts)


async def next_due(pool: asyncpg.Pool, now: datetime) -> datetime | None:
    moment: datetime | None = await pool.fetchval(_NEXT, now)
    return moment
