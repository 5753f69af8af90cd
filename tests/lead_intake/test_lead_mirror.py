"""The rows that lists are read from are what the states say, whatever has happened."""

from typing import Any

import asyncpg
import msgspec
import pytest
from lead_intake import lead_store
from lead_intake.domain.customer import Customer
from lead_intake.domain.identity import party_id
from perennial.kit.paging import Page

from tests.lead_intake.serving import Served
from tests.lead_intake.test_leads import ACTIVITY, LEAD

pytestmark = [pytest.mark.stack, pytest.mark.feature("I4")]


async def mirrored(served: Served) -> dict[str, tuple[Any, ...]]:
    rows = await served.pool.fetch("SELECT * FROM lead")
    return {row["lead_id"]: (*tuple(row)[1:-1], _tags(row["tags"])) for row in rows}


def _tags(said: str | None) -> tuple[str, ...]:
    return tuple(msgspec.json.decode(said)) if said else ()


async def standing(served: Served) -> dict[str, tuple[Any, ...]]:
    rows = await served.pool.fetch("SELECT key, state::text FROM entity WHERE subject = 'customer'")
    found: dict[str, tuple[Any, ...]] = {}
    for row in rows:
        party = msgspec.json.decode(row["state"], type=Customer)
        told = [party.attributes.get(name, "") for name in ("class", "industry", "size", "region")]
        for lead_id, lead in party.leads.items():
            found[lead_id] = (
                row["key"], lead.stage, lead.grade, lead.kind, lead.channel,
                lead.touches[0].campaign, lead.product, lead.unmatched, lead.source, lead.holder,
                *told, lead.tags,
            )  # fmt: skip
    return found


async def test_rows_follow_the_states_through_everything(served: Served) -> None:
    async def post(path: str, body: Any) -> None:
        answer = await served.client("POST", path, body)
        assert answer.status_code in (200, 201), answer.text
        assert await mirrored(served) == await standing(served), path

    acme, globex = party_id("shop", "acme"), party_id("shop", "globex")
    other = {"lead": "L2", "party": "globex", "person": None, "attributes": {"industry": "water"}}
    await served.client("PUT", "/registers/people/ann", {"role": "seller", "level": 2})
    await post("/leads", LEAD | {"campaign": "spring", "tags": ["hot"]})
    await post("/leads", LEAD | other)
    await post("/leads/L1/tags", {"add": ["big"], "remove": ["hot"]})
    await post("/leads/L1/assign", {"person": "ann"})
    await post("/leads/L1/activities", ACTIVITY)
    await post("/leads", LEAD | other | {"lead": "L3", "attributes": {"region": "north"}})
    await post(f"/customers/{acme}/merge", {"other": globex})
    await post("/leads/L2/ready", {})
    root, loser = sorted([acme, globex])  # as old as each other
    await post(f"/customers/{root}/unmerge", {"other": loser})
    lost = {"closed_at": "2026-05-08T09:00:00Z", "outcome": "lost", "reason": "price"}
    await post("/leads/L1/close", lost)
    await post("/leads/L1/reopen", {})
    assert len(await mirrored(served)) == 3


async def test_every_list_is_planned_for_what_it_asks(database: str) -> None:
    """One plan for any filter, which Postgres turns to after five times, is slow for a rare value."""
    async with asyncpg.create_pool(database, min_size=1, max_size=1) as pool:
        for number in range(12):
            await lead_store.leads(pool, {"campaign": [f"c{number}"]}, Page(10))
        plans = await pool.fetchrow(
            "SELECT sum(generic_plans) AS generic, sum(custom_plans) AS custom"
            " FROM pg_prepared_statements WHERE statement LIKE $1",
            "%FROM lead WHERE%",
        )
        assert tuple(plans) == (0, 12)
