"""Leads as SQL sees them: by any combination of what is known of them, counted, and their history."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec
from perennial.contracts.base import EPOCH
from perennial.contracts.holdings import ActivityLogged
from perennial.contracts.leads import LeadCaptured, LeadTagged, LeadTouched
from perennial.contracts.unions import Heard, LeadTaken
from perennial.kit.paging import Page

from lead_intake.domain.customer import Proposal
from lead_intake.domain.lead import Lead, Stage

HEARD_MOST = 100
PROPERTIES = (
    "stage", "grade", "kind", "channel", "campaign", "product", "unmatched", "source", "holder",
    "class", "industry", "size", "region",
)  # fmt: skip
"""What leads are filtered and counted by, columns of their list; `tag` besides, of which a lead may
have several."""
_LISTED = """
    SELECT l.lead_id AS id, l.customer_id AS key, (e.state->'leads'->l.lead_id)::text AS lead,
           (e.state->'attributes')::text AS told
    FROM (SELECT lead_id, customer_id FROM lead WHERE lead_id > $1{conditions}
          ORDER BY lead_id LIMIT {limit}) AS l
    JOIN entity e ON e.subject = 'customer' AND e.key = l.customer_id
    ORDER BY l.lead_id
"""
_COUNTED = """
    SELECT {by} AS value, count(*) AS n FROM lead{beside} WHERE true{conditions}
    GROUP BY 1 ORDER BY 1
"""
_TAGS = " CROSS JOIN LATERAL jsonb_array_elements_text(tags) AS one(tag)"
_ANSWERING = "CASE WHEN holder <> '' THEN holder ELSE coalesce(${place}::jsonb->>stage, '') END"
_CREDITED = """
    SELECT coalesce(touch->>$1, '') AS value, count(*) AS touches, count(DISTINCT id) AS leads,
           count(DISTINCT id) FILTER (WHERE stage = 'won') AS wins,
           coalesce(sum((touch->>'cost')::bigint), 0)::bigint AS cost,
           coalesce(sum((told->'credit'->>(place - 1)::int)::bigint), 0)::bigint AS won
    FROM (SELECT l.lead_id AS id, l.stage, e.state->'leads'->l.lead_id AS told
          FROM (SELECT lead_id, customer_id, stage FROM lead WHERE true{conditions}) AS l
          JOIN entity e ON e.subject = 'customer' AND e.key = l.customer_id) AS found
    CROSS JOIN LATERAL jsonb_array_elements(told->'touches') WITH ORDINALITY AS one(touch, place)
    GROUP BY 1 ORDER BY 1
"""
_PROPOSALS = """
    SELECT e.key, one.key AS other, one.value::text AS proposal
    FROM entity e CROSS JOIN LATERAL jsonb_each(e.state->'proposals') AS one
    WHERE e.subject = 'customer' AND e.state ? 'proposals' AND NOT e.state ? 'root'
      AND (e.key, one.key) > ($1, $2)
      AND NOT coalesce((one.value->>'declined')::boolean, false)
    ORDER BY 1, 2 LIMIT $3
"""
_HISTORY = """
    SELECT key, ver, id, type, time, now, data FROM event
    WHERE topic = 'leads.v1' AND key = ANY($1::text[]) AND (now, ver, key) > ($2, $3, $4)
      AND data::jsonb->>'lead_id' = $5
    ORDER BY now, ver, key LIMIT $6
"""


_HEARD = """
    SELECT type, time, data FROM event
    WHERE topic = 'leads.v1' AND key = ANY($1::text[]) AND type = ANY($2::text[])
    ORDER BY time, ver
"""
_HEARD_IN = (LeadCaptured, LeadTouched, LeadTagged, ActivityLogged, LeadTaken)


Answering = Mapping[Stage, str]
"""The roles that answer for leads no seller holds, by stage; told, they count as holders."""
_NOBODY: Answering = {}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One lead, whose it is, and what is known of the party."""

    customer_id: str
    lead_id: str
    lead: Lead
    attributes: dict[str, str]


async def leads(
    pool: Any, wanted: dict[str, list[str]], page: Page, answering: Answering = _NOBODY
) -> list[Found]:
    """Leads that have one of the wanted values of every property named, by id."""
    conditions, values = _conditions(wanted, 2, answering)
    after = str(page.after[0]) if page.after else ""
    sql = _LISTED.format(conditions=conditions, limit=page.limit + 1)
    rows = await _fetched(pool, sql, after, *values)
    return [
        Found(
            customer_id=row["key"],
            lead_id=row["id"],
            lead=msgspec.json.decode(row["lead"], type=Lead),
            attributes=msgspec.json.decode(row["told"] or "{}"),
        )
        for row in rows
    ]


async def counted(
    pool: Any, wanted: dict[str, list[str]], by: str, answering: Answering = _NOBODY
) -> list[tuple[str, int]]:
    """How many such leads there are, by one property; by `tag` a lead counts once for each of its
    tags."""
    conditions, values = _conditions(wanted, 1, answering)
    told: list[Any] = list(values)
    column = "tag" if by == "tag" else _column(by)
    if by == "holder" and answering:
        told.append(msgspec.json.encode(answering).decode())
        column = _ANSWERING.format(place=len(told))
    beside = _TAGS if by == "tag" else ""
    sql = _COUNTED.format(by=column, beside=beside, conditions=conditions)
    return [(row["value"], row["n"]) for row in await _fetched(pool, sql, *told)]


async def credited(
    pool: Any,
    wanted: dict[str, list[str]],
    by: Literal["channel", "campaign", "source"],
    answering: Answering = _NOBODY,
) -> list[dict[str, Any]]:
    """Touches of such leads with what they cost and brought, by one property of theirs."""
    conditions, values = _conditions(wanted, 2, answering)
    sql = _CREDITED.format(conditions=conditions)
    return [dict(row) for row in await _fetched(pool, sql, by, *values)]


async def proposals(pool: Any, page: Page) -> list[tuple[str, str, Proposal]]:
    """Merges that nobody has decided: a party, the other, and what they share."""
    after = (str(page.after[0]), str(page.after[1])) if page.after else ("", "")
    rows = await pool.fetch(_PROPOSALS, *after, page.limit + 1)
    return [(row[0], row[1], msgspec.json.decode(row[2], type=Proposal)) for row in rows]


async def history(pool: Any, parties: list[str], lead_id: str, page: Page) -> list[dict[str, Any]]:
    """Everything that happened to a lead under these parties, oldest first, each with its receipt."""
    now, ver, key = page.after or (EPOCH.isoformat(), 0, "")
    moment = datetime.fromisoformat(str(now))
    rows = await pool.fetch(_HISTORY, parties, moment, int(ver), str(key), lead_id, page.limit + 1)
    return [_told(row) for row in rows]


async def heard(pool: Any, parties: list[str]) -> dict[str, list[Heard]]:
    """What spoke for each of these parties' leads so far, the latest hundred, oldest first."""
    kinds = {kind.TYPE: kind for kind in _HEARD_IN}
    found: dict[str, dict[Heard, None]] = {}
    for row in await pool.fetch(_HEARD, parties, list(kinds)):
        event: Any = msgspec.json.decode(row["data"], type=kinds[row["type"]])
        if event.lead_id:
            known = found.setdefault(event.lead_id, {})
            known.update(dict.fromkeys(_said(event, row["time"])))
    return {
        lead: sorted(known, key=lambda one: (one.at, one.what))[-HEARD_MOST:]
        for lead, known in found.items()
    }


def _said(event: Any, at: datetime) -> list[Heard]:
    match event:
        case LeadTaken(heard=heard):
            return heard
        case ActivityLogged(kind=kind):
            whats = [f"activity:{kind}"]
        case LeadTagged(added=added):
            whats = [f"tag:{tag}" for tag in added]
        case LeadCaptured(channel=channel, wants_call=wants, tags=tags):
            whats = [f"channel:{channel}", *(["wants-call"] if wants else ())]
            whats += [f"tag:{tag}" for tag in tags]
        case LeadTouched(touch=touch, wants_call=wants):
            whats = [f"channel:{touch.channel}", *(["wants-call"] if wants else ())]
        case _:
            whats = []
    return [Heard(what=what, at=at) for what in whats]


async def _fetched(pool: Any, sql: str, *values: Any) -> list[Any]:
    """Planned anew for these values: one plan for all of them walks every lead for a rare one."""
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        rows: list[Any] = await connection.fetch(sql, *values)
        return rows


def _conditions(
    wanted: dict[str, list[str]], first: int, answering: Answering
) -> tuple[str, list[list[str]]]:
    """Names of properties come from the table above only; what is wanted is always a parameter."""
    text, values = "", []
    for place, (name, some) in enumerate(wanted.items(), first):
        if name == "tag":
            text += f" AND tags ?| ${place}::text[]"
        elif name == "holder" and answering:
            text += f" AND {_held_by(some, place, answering)}"
        else:
            text += f" AND {_column(name)} = ANY(${place}::text[])"
        values.append(some)
    return text, values


def _held_by(some: list[str], place: int, answering: Answering) -> str:
    """By a seller, or by the role that answers at its stage where no seller holds it."""
    text = f"holder = ANY(${place}::text[])"
    if "" in some:
        text = f"({text} AND (holder <> '' OR stage NOT IN ({_stages(answering)})))"
    stages = [stage for stage, role in answering.items() if role in some]
    return f"({text} OR holder = '' AND stage IN ({_stages(stages)}))" if stages else text


def _stages(stages: Iterable[Stage]) -> str:
    return ", ".join(f"'{stage}'" for stage in stages)


def _column(name: str) -> str:
    """Raises `ValueError` for a property that leads do not have."""
    return PROPERTIES[PROPERTIES.index(name)]


def _told(row: Any) -> dict[str, Any]:
    data = msgspec.json.decode(row["data"])
    return {
        "customer_id": row["key"],
        "version": row["ver"],
        "id": row["id"],
        "type": row["type"],
        "time": row["time"],
        "recorded": row["now"],
        "receipt": data.pop("receipt", None),
        "data": {name: value for name, value in data.items() if name != "personal"},
    }
