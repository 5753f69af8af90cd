"""The letter carrier's statements; claims and records are those of every delivery (delivery_queue)."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg
import msgspec
from perennial.contracts.alerts import AlertRaised

from notifications.domain.delivery import Circuit

_CIRCUIT = "SELECT failures, paused_until FROM endpoint_health WHERE endpoint_id = $1"
_PEOPLE_WITH_LETTERS = """
    SELECT endpoint_id FROM delivery o
    WHERE state = 'pending' AND person <> '' AND due_at <= $1
      AND (claimed_until IS NULL OR claimed_until < $1)
      AND NOT EXISTS (
          SELECT FROM delivery p
          WHERE p.endpoint_id = o.endpoint_id AND p.customer_id = o.customer_id
            AND p.state = 'pending' AND p.seq < o.seq)
    GROUP BY endpoint_id ORDER BY min(due_at), min(seq) LIMIT $2
"""
_LETTER = """
    SELECT d.person, d.kind = 'escalated', e.data
    FROM delivery d JOIN alert a ON a.id = d.alert_id
    JOIN event e ON e.topic = 'alerts.v1' AND e.key = a.customer_id AND e.ver = a.ver
    WHERE d.id = $1
"""


@dataclass(frozen=True)
class LetterSource:
    """What a letter is written from."""

    person: str
    escalated: bool
    raised: AlertRaised


async def letter_source(pool: asyncpg.Pool, delivery_id: str) -> LetterSource | None:
    row = await pool.fetchrow(_LETTER, delivery_id)
    decoded = msgspec.json.decode(row[2], type=AlertRaised) if row else None
    return LetterSource(row[0], row[1], decoded) if decoded else None


async def people_with_letters(pool: asyncpg.Pool, now: datetime, most: int) -> list[str]:
    """Whose letters are due, as `mail:anna`; who has waited longest comes first."""
    rows = await pool.fetch(_PEOPLE_WITH_LETTERS, now, most)
    return [row[0] for row in rows]


async def circuit(pool: asyncpg.Pool, name: str) -> Circuit:
    row = await pool.fetchrow(_CIRCUIT, name)
    return Circuit(row[0], row[1]) if row else Circuit()
