"""Everything this service knows about SQL: lists over states, and past months out of the history.

The tables are the kit's (docs/architecture.md). A boundary of a month looks at what was recorded
before it, so a past month reads the same whenever it is asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from perennial.contracts.customers import (
    CUSTOMERS,
    CustomerActivated,
    CustomerIdentified,
    CustomerMoved,
    CustomerRecovered,
    WatcherChanged,
    WinbackClosed,
    WinbackDiagnosed,
    WinbackOpened,
)
from perennial.contracts.entering import CustomerMerged, CustomerUnmerged
from perennial.contracts.reports import ReportPublished
from perennial.contracts.scores import SCORES, CustomerScored, TrendChanged
from perennial.kit.postgres import snapshot

from lifecycle.domain import past
from lifecycle.domain.books import Books
from lifecycle.domain.record import Customer
from lifecycle.domain.report import Month
from lifecycle.domain.segments import MEMBERS

CHUNK = 200
"""Customers that a job asks for at once."""
RISK = """greatest(0,
    coalesce((state->'light'->>'value_at_risk')::bigint, 0),
    coalesce((state->'light'->>'rolling_value')::bigint, 0))"""
_SEEN_BY = """(state->>'owner' = ANY({0}) OR state->>'seller' = ANY({0}) OR EXISTS (
          SELECT FROM jsonb_each(state->'held') AS lead WHERE lead.value->>'holder' = ANY({0})))"""
_LIST = f"""
    SELECT key, {RISK} AS risk, state::text FROM entity
    WHERE subject = 'customer' AND state ? 'segment'
      AND state @> $1::jsonb
      AND ($2::text[] IS NULL OR {_SEEN_BY.format("$2")})
      AND ($3::text IS NULL OR key = $3)
      AND (NOT $4::boolean OR (state ? 'case' AND state->>'segment' IN ('declining', 'winning-back')))
      AND ($5::bigint IS NULL OR (-({RISK}), key) > ($5, $6))
    ORDER BY -({RISK}), key LIMIT $7
"""
_COUNTS = f"""
    SELECT state->>'segment' AS segment, count(*) AS n FROM entity
    WHERE subject = 'customer' AND state ? 'segment'
      AND ($1::text[] IS NULL OR {_SEEN_BY.format("$1")})
      AND ($2::text IS NULL OR key = $2)
    GROUP BY 1
"""
_COUNTS_AS_OF = """
    SELECT segment, count(*) AS n FROM (
        SELECT DISTINCT ON (key) key, coalesce(data::jsonb->>'after', 'identified') AS segment
        FROM event WHERE topic = $1 AND type = ANY($2::text[]) AND now <= $3
        ORDER BY key, ver DESC) AS latest
    WHERE segment <> 'merged' GROUP BY 1
"""
_WATCHED = """
    SELECT key, state::text FROM entity
    WHERE subject = 'customer' AND state->>'segment' = ANY($1::text[])
      AND state->'watchers' ?| $2::text[] AND key > $3
    ORDER BY key LIMIT $4
"""
_LATEST_EVENT = """
    SELECT DISTINCT ON (key) key, ver, data FROM event
    WHERE topic = $1 AND type = $2 AND now < $3 ORDER BY key, ver DESC
"""
_LATEST_ARCHIVED = _LATEST_EVENT.replace("FROM event", "FROM archive")
_STEPS = """
    SELECT key, type, data::jsonb->>'before' AS before, data::jsonb->>'after' AS after FROM event
    WHERE topic = $1 AND now >= $2 AND now < $3
      AND (type = $4 OR type = $5 AND data::jsonb->>'after' IN ('activated', 'lost', 'released')
           OR type = $6 AND data::jsonb->>'before' = ANY($8::text[])
           OR type = $7 AND data::jsonb->>'after' = ANY($8::text[]))
    ORDER BY key, ver
"""
_FIRST = "SELECT min(now) FROM event WHERE topic = $1 AND type = $2"
_LARGE = """
    WITH bought AS (
        SELECT key, month, sum(revenue)::bigint AS revenue FROM (
            SELECT key, left(data::jsonb->'order'->>'day', 7) AS month,
                   coalesce((data::jsonb->'order'->>'revenue')::bigint, 0) AS revenue
            FROM archive WHERE topic = $1 AND type = $2 AND now >= $3 AND now < $4) AS effects
        WHERE month = ANY($5::text[]) GROUP BY key, month)
    SELECT key, month, revenue FROM bought
    WHERE key IN (SELECT key FROM bought WHERE revenue > $6)
      AND NOT EXISTS (SELECT FROM entity e
                      WHERE e.subject = 'customer' AND e.key = bought.key AND e.state ? 'root')
    UNION ALL
    SELECT key, '', 0 FROM entity
    WHERE subject = 'customer' AND state ? 'vip' AND NOT state ? 'root'
"""
_ABSORBED = """
    WITH RECURSIVE one (key) AS (
        SELECT key FROM entity WHERE subject = 'customer' AND state->>'root' = $1
        UNION SELECT e.key FROM one JOIN entity e
        ON e.subject = 'customer' AND e.state->>'root' = one.key
    ) SELECT key FROM one
"""
_BOOKS = "SELECT state::text FROM entity WHERE subject = 'report' AND key = 'report'"
_REPORT = """
    SELECT data FROM event WHERE topic = $1 AND key = 'report' AND type = $2
      AND data::jsonb->>'month' = $3
"""
_CASES = """
    SELECT state, cause, count(*) AS cases, coalesce(sum(saved), 0)::bigint AS saved FROM (
        SELECT (array_agg(state ORDER BY ver DESC))[1] AS state, max(saved) AS saved,
               coalesce((array_agg(cause ORDER BY ver DESC) FILTER (WHERE cause <> ''))[1], '')
                   AS cause
        FROM (
            SELECT data::jsonb->>'case_id' AS case_id, ver, data::jsonb->>'cause' AS cause,
                   (data::jsonb->>'saved')::bigint AS saved,
                   CASE type WHEN $2 THEN 'undiagnosed' WHEN $3 THEN 'winning-back'
                        WHEN $4 THEN 'checking' ELSE data::jsonb->>'outcome' END AS state
            FROM event WHERE topic = $1 AND type IN ($2, $3, $4, $5)) AS said
        GROUP BY case_id) AS cases
    GROUP BY state, cause ORDER BY state, cause
"""

_decoders: dict[type, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind)
    for kind in (
        CustomerMoved,
        CustomerMerged,
        CustomerUnmerged,
        WatcherChanged,
        CustomerScored,
        TrendChanged,
        ReportPublished,
    )
}
_customer = msgspec.json.Decoder(Customer)


async def customers(
    pool: Any,
    *,
    wanted: Mapping[str, Any],
    people: Sequence[str] | None,
    only: str | None,
    with_case: bool,
    after: tuple[Any, ...] | None,
    limit: int,
) -> list[tuple[str, int, Customer]]:
    """A page of customers, those with the most value at risk first: (id, value at risk, state).

    `wanted` names fields of the state and what they must be; `people` whose customers may be seen.
    """
    risk, key = (-after[0], after[1]) if after else (None, None)
    fields = msgspec.json.encode(wanted).decode()
    rows = await pool.fetch(_LIST, fields, people, only, with_case, risk, key, limit)
    return [(row["key"], row["risk"], _customer.decode(row["state"])) for row in rows]


async def segment_counts(
    pool: Any, people: Sequence[str] | None, only: str | None
) -> dict[str, int]:
    return {row["segment"]: row["n"] for row in await pool.fetch(_COUNTS, people, only)}


async def segment_counts_as_of(pool: Any, as_of: datetime) -> dict[str, int]:
    kinds = [
        one.TYPE for one in (CustomerMoved, CustomerIdentified, CustomerMerged, CustomerUnmerged)
    ]
    rows = await pool.fetch(_COUNTS_AS_OF, CUSTOMERS.name, kinds, as_of)
    return {row["segment"]: row["n"] for row in rows}


async def winback_results(pool: Any) -> list[Mapping[str, Any]]:
    """All cases there ever were: how many stand where, by their last known cause."""
    kinds = (WinbackOpened, WinbackDiagnosed, CustomerRecovered, WinbackClosed)
    return list(await pool.fetch(_CASES, CUSTOMERS.name, *(kind.TYPE for kind in kinds)))


async def watched_by(
    pool: Any, people: Sequence[str], after: str, limit: int
) -> list[tuple[str, Customer]]:
    """Members whom one of these watches, in the order of their ids."""
    rows = await pool.fetch(_WATCHED, sorted(map(str, MEMBERS)), list(people), after, limit)
    return [(row["key"], _customer.decode(row["state"])) for row in rows]


async def large_customers(
    pool: Any, months: Sequence[str], opens: datetime, closes: datetime, limit: int
) -> dict[str, list[int]]:
    """Revenue by month of everybody who bought for more than `limit` in one of them, and of VIPs.

    Orders count in the month of their business day, as far as they were known by `closes`.
    """
    wanted = (SCORES.name, CustomerScored.TYPE, opens, closes, list(months), limit)
    found: dict[str, list[int]] = {}
    for key, month, revenue in await pool.fetch(_LARGE, *wanted):
        bought = found.setdefault(key, [0] * len(months))
        if month:
            bought[months.index(month)] = revenue
    return found


async def published_report(pool: Any, month: str) -> ReportPublished | None:
    text = await pool.fetchval(_REPORT, CUSTOMERS.name, ReportPublished.TYPE, month)
    found: ReportPublished | None = _decoders[ReportPublished].decode(text) if text else None
    return found


async def absorbed(pool: Any, customer_id: str) -> list[str]:
    """Customers that were found to be this one, and those that they had taken in before."""
    return [row["key"] for row in await pool.fetch(_ABSORBED, customer_id)]


async def books(pool: Any) -> Books:
    """Which months are closed and reported."""
    text = await pool.fetchval(_BOOKS)
    return msgspec.json.decode(text, type=Books) if text else Books()


async def first_activation(pool: Any) -> datetime | None:
    """When the first customer came in: the month from which there is something to report."""
    found: datetime | None = await pool.fetchval(_FIRST, CUSTOMERS.name, CustomerActivated.TYPE)
    return found


async def months(pool: Any, opens: datetime, closes: datetime) -> list[Month]:
    """Every customer's month between two boundaries, for those who were customers in it."""
    told = (CustomerRecovered, CustomerMoved, CustomerMerged, CustomerUnmerged)
    wanted = (CUSTOMERS.name, opens, closes, *(kind.TYPE for kind in told), list(MEMBERS))
    async with snapshot(pool) as view:  # what is recorded meanwhile would not add up
        opening, closing = await _boundary(view, opens), await _boundary(view, closes)
        found = await view.fetch(_STEPS, *wanted)
    recovered = [row["key"] for row in found if row["type"] == CustomerRecovered.TYPE]
    rest = (row for row in found if row["type"] != CustomerRecovered.TYPE)
    steps = [(row["key"], past.step(row["before"], row["after"])) for row in rest]
    return past.months(opening, closing, steps, recovered)


async def _boundary(pool: Any, boundary: datetime) -> past.Boundary:
    """What was last told of every customer before a moment."""
    return past.Boundary(
        moves=await _latest(pool, _LATEST_EVENT, CUSTOMERS.name, CustomerMoved, boundary),
        watchers=await _latest(pool, _LATEST_EVENT, CUSTOMERS.name, WatcherChanged, boundary),
        scored=await _latest(pool, _LATEST_ARCHIVED, SCORES.name, CustomerScored, boundary),
        trends=await _latest(pool, _LATEST_ARCHIVED, SCORES.name, TrendChanged, boundary),
        merged=await _latest(pool, _LATEST_EVENT, CUSTOMERS.name, CustomerMerged, boundary),
        apart=await _latest(pool, _LATEST_EVENT, CUSTOMERS.name, CustomerUnmerged, boundary),
    )


async def _latest(
    pool: Any, query: str, topic: str, kind: type, boundary: datetime
) -> dict[str, past.Dated]:
    rows = await pool.fetch(query, topic, kind.TYPE, boundary)  # type: ignore[attr-defined]
    return {row["key"]: (row["ver"], _decoders[kind].decode(row["data"])) for row in rows}


@dataclass(frozen=True)
class StoredPast:
    """What jobs ask of the past and of those in care, as it was committed."""

    pool: Any

    async def watched_by(self, people: Sequence[str], after: str) -> list[tuple[str, Customer]]:
        return await watched_by(self.pool, people, after, CHUNK)

    async def books(self) -> Books:
        return await books(self.pool)

    async def first_activation(self) -> datetime | None:
        return await first_activation(self.pool)

    async def months(self, opens: datetime, closes: datetime) -> list[Month]:
        return await months(self.pool, opens, closes)

    async def large_customers(
        self, wanted: Sequence[str], opens: datetime, closes: datetime, limit: int
    ) -> dict[str, list[int]]:
        return await large_customers(self.pool, wanted, opens, closes, limit)
