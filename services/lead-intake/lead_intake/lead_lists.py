"""Leads as they stand, in lists and counts: SQL over the parties and the names of their leads."""

from typing import Any, Literal

import msgspec
from perennial.contracts.holdings import Grade
from perennial.kit.paging import Page

from lead_intake.domain.customer import Customer
from lead_intake.domain.lead import Stage
from lead_intake.lead_views import LeadCount, LeadView, lead_view

Property = Literal["stage", "channel", "grade", "holder", "source", "kind"]
_HOLDER = "CASE WHEN lead->>'stage' = 'held' THEN lead->'holdings'->-1->>'person' END"
_LEADS = f"""
    SELECT lead_id, key, state, lead FROM (
        SELECT alias.name AS lead_id, entity.key, entity.state, entity.state->'leads'->alias.name AS lead
        FROM alias JOIN entity ON entity.subject = alias.subject AND entity.key = alias.key
        WHERE alias.subject = 'customer' AND alias.name > $1 AND alias.name LIKE 'l%'
          AND entity.state->'leads' ? alias.name
    ) known
    WHERE ($2::text IS NULL OR coalesce(lead->>'stage', 'nurture') = $2)
      AND ($3::text IS NULL OR lead->>'channel' = $3)
      AND ($4::text IS NULL OR coalesce(lead->>'grade', '1A') = $4)
      AND ($5::text IS NULL OR {_HOLDER} = $5)
"""  # words of this file alone
_PAGE = f"SELECT lead_id, key, state::text FROM ({_LEADS}) found ORDER BY lead_id LIMIT $6"
_WORDS: dict[Property, str] = {
    "stage": "coalesce(lead->>'stage', 'nurture')",
    "channel": "lead->>'channel'",
    "grade": "coalesce(lead->>'grade', '1A')",
    "holder": f"coalesce({_HOLDER}, '')",
    "source": "lead->>'source'",
    "kind": "coalesce(lead->>'kind', 'new')",
}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which leads are asked for; None is any."""

    stage: Stage | None = None
    channel: str | None = None
    grade: Grade | None = None
    holder: str | None = None


async def page_of(pool: Any, wanted: Wanted, page: Page, market_role: str) -> list[LeadView]:
    """Leads by id, one more than asked for if there are more."""
    after = str(page.after[0]) if page.after else ""
    rows = await pool.fetch(_PAGE, after, *_told(wanted), page.limit + 1)
    return [
        lead_view(
            row["key"],
            row["lead_id"],
            msgspec.json.decode(row["state"], type=Customer),
            market_role,
        )
        for row in rows
    ]


async def counts(pool: Any, wanted: Wanted, by: Property) -> list[LeadCount]:
    """How many leads there are of each value of a property, by value."""
    text = f"SELECT {_WORDS[by]} AS value, count(*) AS leads FROM ({_LEADS}) found GROUP BY 1 ORDER BY 1"
    rows = await pool.fetch(text, "", *_told(wanted))
    return [LeadCount(value=row["value"] or "", leads=row["leads"]) for row in rows]


async def party_of(pool: Any, lead_id: str) -> str | None:
    """The party that a lead belongs to."""
    found: str | None = await pool.fetchval(
        "SELECT key FROM alias WHERE subject = 'customer' AND name = $1", lead_id
    )
    return found


def _told(wanted: Wanted) -> tuple[str | None, ...]:
    return wanted.stage, wanted.channel, wanted.grade, wanted.holder
