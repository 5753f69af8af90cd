"""Everything this service knows about SQL: lists over states, and purchases for fitting.

The tables are the kit's (docs/architecture.md).
"""

from array import array
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
from perennial.contracts.grades import LeadScored
from perennial.contracts.scores import ModelFitted

from scoring.domain.fitting import KEY, ModelsState

_MODELS = "SELECT state::text FROM entity WHERE subject = 'model' AND key = $1"

_PURCHASES = """
    SELECT key, days.day::date AS day, (days.totals->>2)::bigint AS value
    FROM entity, jsonb_each(state->'history'->'days') AS days(day, totals)
    WHERE subject = 'customer' AND days.day <= $1
    ORDER BY key
"""
_PURCHASES_OF_PAGE = """
    SELECT key, days.day::date AS day, (days.totals->>2)::bigint AS value
    FROM (SELECT key, state FROM entity
          WHERE subject = 'customer' AND key > $3 AND state->'history'->>'first' <= $1
          ORDER BY key LIMIT $4) AS known,
         jsonb_each(state->'history'->'days') AS days(day, totals)
    WHERE days.day <= $2
    ORDER BY key
"""
_EXTENT = """
    SELECT min(first) AS first, count(*) FILTER (WHERE known > 1) AS repeaters
    FROM (
        SELECT min(days.day)::date AS first, count(*) AS known
        FROM entity, jsonb_object_keys(state->'history'->'days') AS days(day)
        WHERE subject = 'customer' AND days.day <= $1
        GROUP BY key
    ) AS customers
"""
_SCORED_BY_ANOTHER = """
    SELECT key FROM entity
    WHERE subject = 'customer' AND key > $2 AND state->'history' ? 'first'
      AND coalesce(state->'told'->>'model', '') <> $1
    ORDER BY key LIMIT $3
"""
AT_RISK = """round(coalesce((state->'told'->>'value_36m')::numeric, 0)
    * (1 - coalesce((state->'told'->>'alive')::numeric, 1)))"""
"""Value of 36 months times the chance that the customer is gone; indexed in migration 0001."""

_FITTED = """
    SELECT data FROM event
    WHERE topic = 'scores.v1' AND key = $1 AND type = $2 ORDER BY ver DESC LIMIT $3
"""
_LEAD = """
    SELECT key, data FROM event
    WHERE topic = 'grades.v1' AND type = 'perennial.lead.scored.v1' AND data::jsonb->>'lead_id' = $1
      AND ($2::timestamptz IS NULL OR now <= $2)
    ORDER BY now DESC, ver DESC LIMIT 1
"""
_ROOT = """
    WITH RECURSIVE way (key, step) AS (
        SELECT $1::text, 1
        UNION ALL SELECT last.root, way.step + 1 FROM way CROSS JOIN LATERAL (
            SELECT type, data::jsonb->>'root' AS root FROM archive
            WHERE topic = 'leads.v1' AND key = way.key AND data::jsonb->>'loser' = way.key
              AND ($2::timestamptz IS NULL OR now <= $2)
            ORDER BY ver DESC LIMIT 1) last
        WHERE last.type = 'perennial.lead.merged.v1' AND way.step < 50
    ) SELECT key FROM way ORDER BY step DESC LIMIT 1
"""
"""Ends also where two name each other, as they may while one of them was not heard to the end."""
_SCORES = f"""
    SELECT key AS customer_id,
           coalesce(state->>'churn', 'active') AS churn,
           coalesce(state->'standing'->>'trend', 'too-early') AS trend,
           (state->'told'->>'alive')::float8 AS alive,
           (state->'told'->>'value_36m')::bigint AS value_36m,
           coalesce((state->'told'->>'rolling_value')::bigint, 0) AS rolling_value,
           coalesce(state->'told'->>'model', '') AS model,
           now AS scored_at,
           ({AT_RISK})::bigint AS value_at_risk
    FROM entity
    WHERE subject = 'customer' AND state->'history' ? 'first'
      AND ($1 = '' OR coalesce(state->>'churn', 'active') = $1)
      AND ($2 = '' OR coalesce(state->'standing'->>'trend', 'too-early') = $2)
      AND ($3::bigint IS NULL OR ({AT_RISK}, key) < ($3::bigint, $4))
    ORDER BY {AT_RISK} DESC, key DESC LIMIT $5
"""


@dataclass(frozen=True)
class Purchases:
    """Purchase days of all customers: parallel columns, a customer's rows together."""

    customer: "array[int]"
    day: "array[int]"
    """Day numbers (`date.toordinal`)."""
    value: "array[int]"
    """Minor units."""


class ScoreRow(msgspec.Struct, frozen=True):
    """A customer in a list, with the numbers last published; money in minor units."""

    customer_id: str
    churn: str
    trend: str
    alive: float | None
    value_36m: int | None
    rolling_value: int
    model: str
    scored_at: datetime
    value_at_risk: int
    """Value of 36 months times the chance that the customer is gone."""


async def models(pool: Any) -> ModelsState:
    """The record of models."""
    text = await pool.fetchval(_MODELS, KEY)
    return msgspec.json.decode(text, type=ModelsState) if text else ModelsState()


async def lead(pool: Any, lead_id: str, as_of: datetime | None) -> tuple[str, LeadScored] | None:
    """Whose lead it is, and its last score up to a moment; none if it was never scored."""
    row = await pool.fetchrow(_LEAD, lead_id, as_of)
    return (row["key"], msgspec.json.decode(row["data"], type=LeadScored)) if row else None


async def root_of(pool: Any, key: str, as_of: datetime | None) -> str:
    """The customer that this one was found to be by a moment; itself if none."""
    return str(await pool.fetchval(_ROOT, key, as_of))


async def fitted(pool: Any, most: int) -> list[ModelFitted]:
    """The latest fits with their back-tests, newest first."""
    rows = await pool.fetch(_FITTED, KEY, ModelFitted.TYPE, most)
    return [msgspec.json.decode(row["data"], type=ModelFitted) for row in rows]


async def extent(pool: Any, through: date) -> tuple[date | None, int]:
    """The first purchase day up to a day, and how many customers have bought again by then."""
    row = await pool.fetchrow(_EXTENT, through.isoformat())
    return row["first"], row["repeaters"]


async def purchases(pool: Any, through: date) -> Purchases:
    """All purchase days up to a day, in columns; read in steps, so that the door goes on."""
    customer, day, value = array("q"), array("q"), array("q")
    number, last = -1, None
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        async for row in connection.cursor(_PURCHASES, through.isoformat(), prefetch=2000):
            if row["key"] != last:
                number, last = number + 1, row["key"]
            customer.append(number)
            day.append(row["day"].toordinal())
            value.append(row["value"])
    return Purchases(customer, day, value)


async def purchases_of_page(
    pool: Any, through: date, until: date, after: str, most: int
) -> tuple[list[str], Purchases]:
    """The next customers known by a day, by id, with their purchase days until a later one."""
    days = (through.isoformat(), until.isoformat())
    rows = await pool.fetch(_PURCHASES_OF_PAGE, *days, after, most)
    keys = list(dict.fromkeys(row["key"] for row in rows))
    numbers = {key: number for number, key in enumerate(keys)}
    return keys, Purchases(
        array("q", (numbers[row["key"]] for row in rows)),
        array("q", (row["day"].toordinal() for row in rows)),
        array("q", (row["value"] for row in rows)),
    )


async def scored_by_another(pool: Any, model: str, after: str, most: int) -> list[str]:
    """Customers after a key whose numbers come from another model, in order of key."""
    rows = await pool.fetch(_SCORED_BY_ANOTHER, model, after, most)
    return [row["key"] for row in rows]


async def scores(
    pool: Any, churn: str, trend: str, after: tuple[int, str] | None, most: int
) -> list[ScoreRow]:
    """Customers by the value at risk, highest first."""
    value, key = after or (None, None)
    rows = await pool.fetch(_SCORES, churn, trend, value, key, most)
    return [ScoreRow(**row) for row in rows]
