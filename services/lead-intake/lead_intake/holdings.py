"""Who holds and held what, as SQL over the moves; and what lies in a pool."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from perennial.kit.paging import Page

from lead_intake.domain.identity import party_id
from lead_intake.domain.lead import Lead
from lead_intake.domain.seller import Seller

_HELD = """
    SELECT * FROM (
        SELECT DISTINCT ON (lead_id) lead_id, customer_id, at, how, holder FROM holding
        WHERE lead_id IN (SELECT lead_id FROM holding WHERE holder = $1 AND at <= $2) AND at <= $2
        ORDER BY lead_id, at DESC, ver DESC
    ) last WHERE holder = $1 AND lead_id > $3 ORDER BY lead_id LIMIT $4
"""
_MOVES = """
    SELECT lead_id, customer_id, at, what, holder, former, pool, how, reason FROM holding
    WHERE lead_id = $1 AND ($2::timestamptz IS NULL OR at <= $2) ORDER BY at, ver
"""
_GAINS = """
    SELECT lead_id, at, how FROM holding WHERE holder = $1 AND at > $2 AND at <= $3
    ORDER BY at, lead_id
"""
_POOLED = """
    SELECT lead_id, key, lead::text, grade, fresh FROM (
        SELECT h.lead_id, e.key, e.state->'leads'->h.lead_id AS lead,
               coalesce(e.state->'leads'->h.lead_id->>'grade', '1A') AS grade,
               coalesce((e.state->'leads'->h.lead_id->>'touched_at')::timestamptz, h.at) AS fresh
        FROM holding h
        JOIN alias a ON a.subject = 'customer' AND a.name = h.lead_id
        JOIN entity e ON e.subject = 'customer' AND e.key = a.key
        WHERE h.pool = $1 AND h.what = 'pooled' AND NOT EXISTS (
            SELECT FROM holding n WHERE n.lead_id = h.lead_id AND (n.at, n.ver) > (h.at, h.ver))
    ) lying
    WHERE lead->>'stage' = 'pooled'
      AND ($2::text IS NULL OR (grade, fresh, lead_id) < ($2, $3, $4))
    ORDER BY grade DESC, fresh DESC, lead_id DESC LIMIT $5
"""
_SELLER = "SELECT state::text FROM entity WHERE subject = 'seller' AND key = $1"
_PARTIES_OF_HELD = """
    SELECT DISTINCT alias.key FROM entity
    CROSS JOIN LATERAL jsonb_object_keys(entity.state->'open') AS lead
    JOIN alias ON alias.subject = 'customer' AND alias.name = lead
    WHERE entity.subject = 'seller' AND entity.state ? 'open'
"""
_SEALED = """
    SELECT data::jsonb->>'personal' AS sealed, data::jsonb->>'lead_id' = $2 AS own,
           coalesce(data::jsonb->>'source', data::jsonb->'touch'->>'source') AS source,
           data::jsonb->>'external_id' AS external_id
    FROM event
    WHERE topic = 'leads.v1' AND key = ANY($1::text[])
      AND coalesce(data::jsonb->>'personal', '') <> ''
    ORDER BY (data::jsonb->>'lead_id' = $2) DESC, now DESC, ver DESC LIMIT 1
"""


class Move(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One move of a lead; `holder` has it from then on."""

    lead_id: str
    customer_id: str
    at: datetime
    what: str
    holder: str = ""
    former: str = ""
    pool: str = ""
    how: str = ""
    reason: str = ""


class Held(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A lead that a seller holds or held at the moment asked for."""

    lead_id: str
    customer_id: str
    since: datetime
    how: str


class Gain(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What counts as inflow, and until when."""

    lead_id: str
    at: datetime
    how: str
    counts_until: datetime


class Pooled(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    lead_id: str
    customer_id: str
    lead: Lead
    grade: str
    fresh: datetime
    """The last touch."""


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """Contact data, and for whom they are sealed: the party as its source knows it."""

    party: str
    data: str = ""
    of: Literal["lead", "party"] = "party"


async def held(pool: Any, person: str, at: datetime, page: Page) -> list[Held]:
    """What a seller held at a moment, by lead, one more than asked for if there are more."""
    after = str(page.after[0]) if page.after else ""
    found = await pool.fetch(_HELD, person, at, after, page.limit + 1)
    return [
        Held(
            lead_id=row["lead_id"],
            customer_id=row["customer_id"],
            since=row["at"],
            how=row["how"],
        )
        for row in found
    ]


async def moves(pool: Any, lead_id: str, as_of: datetime | None) -> list[Move]:
    """All moves of a lead, oldest first."""
    return [Move(**dict(row)) for row in await pool.fetch(_MOVES, lead_id, as_of)]


async def gains(
    pool: Any, person: str, ledger: Seller, since: datetime, until: datetime
) -> list[Gain]:
    """Every gain after `since`, oldest first, and when it stops counting.

    Moves stand at the moment they were made; what arrived held was gained before.
    """
    rows = await pool.fetch(_GAINS, person, since, until)
    moves = {(row["lead_id"], row["at"]): row["how"] for row in rows}
    return [
        Gain(
            lead_id=lead,
            at=at,
            how=moves.get((lead, at), "arrived"),
            counts_until=at + (until - since),
        )
        for at, lead in ledger.gained(since)
    ]


async def pooled(pool: Any, name: str, page: Page) -> list[Pooled]:
    """What lies in a pool, best grade and freshest first."""
    grade, fresh, lead_id = page.after or (None, None, None)
    since = datetime.fromisoformat(fresh) if fresh else None
    rows = await pool.fetch(_POOLED, name, grade, since, lead_id, page.limit + 1)
    return [
        Pooled(
            lead_id=row["lead_id"],
            customer_id=row["key"],
            lead=msgspec.json.decode(row["lead"], type=Lead),
            grade=row["grade"],
            fresh=row["fresh"],
        )
        for row in rows
    ]


async def seller(pool: Any, person: str) -> Seller:
    """A seller's ledger."""
    text = await pool.fetchval(_SELLER, person)
    return msgspec.json.decode(text, type=Seller) if text else Seller()


async def parties_of_held(pool: Any) -> list[str]:
    """Keys of the parties whose leads somebody holds."""
    return [row[0] for row in await pool.fetch(_PARTIES_OF_HELD)]


async def sealed_contact(pool: Any, parties: Sequence[str], lead_id: str) -> Sealed:
    """The latest contact data that came with a lead; where none did, its parties' latest."""
    row = await pool.fetchrow(_SEALED, parties, lead_id)
    if row is None:
        return Sealed(party=parties[0])
    party = party_id(row["source"], row["external_id"])
    return Sealed(party=party, data=row["sealed"], of="lead" if row["own"] else "party")
