"""Everything this service knows about SQL; its tables are the kit's, and who opened an address."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from perennial.contracts.base import Refusal
from perennial.contracts.holdings import LeadAssigned
from perennial.contracts.rounds import RoundHeld
from perennial.kit.paging import Page

from lead_intake.domain.customer import Customer, Order
from lead_intake.domain.registers import Register
from lead_intake.domain.rounds import MARKET
from lead_intake.domain.seller import Seller
from lead_intake.views import Rejection

_ORDER = "SELECT key, state::text FROM part WHERE subject = 'customer' AND id = $1"
_ORDER_HOLDERS = """
    SELECT key FROM part WHERE subject = 'customer' AND id = $1
    UNION SELECT data::jsonb->>'former' FROM event
    WHERE topic = 'orders.v1' AND type = 'perennial.order.taken.v1'
      AND data::jsonb->>'order_id' = $1
"""
_ROOT = """
    WITH RECURSIVE way (key, step) AS (
        SELECT $1::text, 1
        UNION ALL SELECT e.state->>'root', way.step + 1 FROM way
        JOIN entity e ON e.subject = 'customer' AND e.key = way.key AND e.state ? 'root'
    ) SELECT key FROM way ORDER BY step DESC LIMIT 1
"""
_IS_PARTY = (
    "SELECT EXISTS (SELECT FROM entity WHERE subject = 'customer' AND key = $1 AND made <> '{}')"
)
_HOLDERS = """
    SELECT key FROM alias WHERE subject = 'customer' AND name = $1
    UNION SELECT customer_id FROM holding WHERE $2 AND lead_id = $1
    UNION SELECT data::jsonb->>'former' FROM alias JOIN event ON event.key = alias.key
    WHERE $2 AND alias.subject = 'customer' AND alias.name = $1 AND event.topic = 'leads.v1'
      AND event.type = 'perennial.lead.taken.v1' AND data::jsonb->>'lead_id' = $1
"""
_ORDERS_OF = """
    SELECT id, state::text FROM part
    WHERE subject = 'customer' AND key = $1 AND id > $2 ORDER BY id LIMIT $3
"""
_ENTRIES = """
    SELECT key, state::text FROM entity
    WHERE subject = 'register' AND key > $1 AND key LIKE $2 AND made <> '{}'
    ORDER BY key LIMIT $3
"""
_REJECTIONS = """
    SELECT id, fact_id, type, state, reason, error, waits_for, expires, parked_at FROM parked
    WHERE principal = $1 AND state IN ('parked', 'behind', 'waiting', 'redrive') AND id > $2
    ORDER BY id LIMIT $3
"""


_NOTE_OPENED = "INSERT INTO address_opened (entry, by_whom, at) VALUES ($1, $2, $3)"


async def note_opened(pool: Any, entry: str, by: str, at: datetime) -> None:
    """Who asked for whose contact data, and when: before they are opened, so that none goes unseen."""
    await pool.execute(_NOTE_OPENED, entry, by, at)


_WAITING = """
    SELECT key, state::text FROM entity WHERE subject = 'customer' AND state ? 'waiting' ORDER BY key
"""
_UNTOLD = """
    SELECT EXISTS (
        SELECT FROM entity CROSS JOIN LATERAL jsonb_each(state->'leads') AS one (id, lead)
        WHERE subject = 'customer' AND state ? 'waiting' AND lead->>'stage' = 'waiting'
          AND (lead->>'since')::timestamptz <= $1
          AND (NOT lead ? 'queued'
               OR state->'contacts' ? 'complained_at' AND lead->>'queued' <> 'protected'))
"""
_LEDGERS = "SELECT key, state::text FROM entity WHERE subject = 'seller'"
_ROUNDS = "SELECT state->>'number' FROM entity WHERE subject = 'round' AND key = $1"


_ROUNDS_HELD = """
    SELECT data FROM event WHERE topic = 'rounds.v1' AND key = $1
    AND ($2::text IS NULL OR data::jsonb->>'round_id' < $2) ORDER BY ver DESC LIMIT $3
"""
_ROUND = """
    SELECT data FROM event WHERE topic = 'rounds.v1' AND key = $1 AND ver = $2
"""
_ASSIGNED = """
    SELECT e.key, e.now, e.data FROM alias a
    JOIN event e ON e.topic = 'leads.v1' AND e.key = a.key
    WHERE a.subject = 'customer' AND a.name = $1 AND e.type = $2
    AND e.data::jsonb->>'lead_id' = $1 ORDER BY e.ver DESC LIMIT 1
"""


async def rounds(pool: Any, page: Page) -> list[RoundHeld]:
    """Matching rounds, newest first."""
    before = str(page.after[0]) if page.after else None
    rows = await pool.fetch(_ROUNDS_HELD, MARKET, before, page.limit + 1)
    return [msgspec.json.decode(row["data"], type=RoundHeld) for row in rows]


async def round_named(pool: Any, round_id: str) -> RoundHeld | None:
    """One round; its number is its version."""
    number = round_id.rpartition("-")[2]
    row = await pool.fetchrow(_ROUND, MARKET, int(number)) if number.isdecimal() else None
    held = msgspec.json.decode(row["data"], type=RoundHeld) if row else None
    return held if held is not None and held.round_id == round_id else None


async def last_assigned(pool: Any, lead_id: str) -> tuple[str, datetime, LeadAssigned] | None:
    """The latest assignment of a lead: its customer, when it was decided, and the event."""
    row = await pool.fetchrow(_ASSIGNED, lead_id, LeadAssigned.TYPE)
    if row is None:
        return None
    return row["key"], row["now"], msgspec.json.decode(row["data"], type=LeadAssigned)


async def waiting(pool: Any) -> list[tuple[str, Customer]]:
    """Parties with a lead that waits for a seller."""
    rows = await pool.fetch(_WAITING)
    return [(row["key"], msgspec.json.decode(row["state"], type=Customer)) for row in rows]


async def untold(pool: Any, now: datetime) -> bool:
    """Whether a lead waited by then that may not have been told why; of who ever complained, perhaps."""
    return bool(await pool.fetchval(_UNTOLD, now))


async def ledgers(pool: Any) -> dict[str, Seller]:
    """Every seller's ledger by person, as committed; what is decided is decided under its lock."""
    rows = await pool.fetch(_LEDGERS)
    return {row["key"]: msgspec.json.decode(row["state"], type=Seller) for row in rows}


async def rounds_held(pool: Any, market: str) -> int:
    """The number of the last round."""
    return int(await pool.fetchval(_ROUNDS, market) or 0)


@dataclass(frozen=True)
class StoredMarket:
    """Who waits and who sells, as committed."""

    pool: Any

    async def waiting(self) -> list[tuple[str, Customer]]:
        return await waiting(self.pool)

    async def ledgers(self) -> dict[str, Seller]:
        return await ledgers(self.pool)

    async def rounds_held(self, market: str) -> int:
        return await rounds_held(self.pool, market)

    def seed(self, number: int) -> str:
        return ""


async def root_of(pool: Any, key: str) -> str:
    """The party that this one was found to be; itself if none."""
    return str(await pool.fetchval(_ROOT, key))


async def is_party(pool: Any, key: str) -> bool:
    """Whether anything was ever told of it."""
    return bool(await pool.fetchval(_IS_PARTY, key))


async def parties_of(pool: Any, lead_id: str, past: bool) -> list[str]:
    """Whose lead it is, at most one; `past`: also whose it has been, before it changed hands."""
    return [row[0] for row in await pool.fetch(_HOLDERS, lead_id, past)]


async def order(pool: Any, order_id: str) -> tuple[str, Order] | None:
    """An order and the customer who placed it."""
    row = await pool.fetchrow(_ORDER, order_id)
    return (row["key"], msgspec.json.decode(row["state"], type=Order)) if row else None


async def order_holders(pool: Any, order_id: str) -> list[str]:
    """Whose an order is, and whose it has been, before it changed hands."""
    return [row[0] for row in await pool.fetch(_ORDER_HOLDERS, order_id)]


async def orders_of(pool: Any, customer_id: str, page: Page) -> list[tuple[str, Order]]:
    """A customer's orders by id, one more than asked for if there are more."""
    after = str(page.after[0]) if page.after else ""
    rows = await pool.fetch(_ORDERS_OF, customer_id, after, page.limit + 1)
    return [(row["id"], msgspec.json.decode(row["state"], type=Order)) for row in rows]


async def entries(pool: Any, kind: str, page: Page) -> list[tuple[str, Register]]:
    """Register entries of a kind by key."""
    after = str(page.after[0]) if page.after else ""
    rows = await pool.fetch(_ENTRIES, after, f"{kind}:%", page.limit + 1)
    return [(row["key"], msgspec.json.decode(row["state"], type=Register)) for row in rows]


async def rejections(pool: Any, principal: str, page: Page) -> list[Rejection]:
    """What one partner sent and could not be applied (yet), oldest first."""
    after = int(page.after[0]) if page.after else 0
    rows = await pool.fetch(_REJECTIONS, principal, after, page.limit + 1)
    return [_rejection(row, principal) for row in rows]


def _rejection(row: Any, principal: str) -> Rejection:
    refusal = _refusal(row["error"])
    return Rejection(
        number=row["id"],
        id=_own_id(row["fact_id"], principal),
        type=row["type"],
        state=row["state"],
        code=refusal.code if refusal else row["reason"],
        detail=refusal.detail if refusal else row["error"] or row["reason"],
        pointer=refusal.pointer if refusal else "",
        waits_for=row["waits_for"] or "",
        expires=row["expires"],
        since=row["parked_at"],
    )


def _own_id(fact_id: str, principal: str) -> str:
    """The event's id as its partner wrote it; over HTTP it is kept as principal|source|id."""
    return fact_id.split("|", 2)[-1] if fact_id.startswith(f"{principal}|") else fact_id


def _refusal(error: str) -> Refusal | None:
    """A rule's `no` is kept as JSON; what broke otherwise is kept as plain words."""
    if not error.startswith("{"):
        return None
    return msgspec.json.decode(error, type=Refusal)
