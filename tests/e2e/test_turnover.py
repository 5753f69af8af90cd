"""Leads over the whole system: assigned, warned, turned over, pooled, claimed; over kills and rules."""

import os
import signal
from collections import Counter
from typing import Any

import httpx
import pytest
from perennial_embedded.supervisor import wait_until

from tests.e2e.house import DAY, House, fresh

OWNER = "lead-intake"
SELLERS = ("tess", "tim", "tove", "tyra")


async def sellers(house: House) -> None:
    """Enough of them that an idle lead is turned over as often as it can be."""
    for name in SELLERS:
        entry = {"role": "seller", "department": "sales", "team": "sales", "level": 2}
        await house.ask("PUT", OWNER, f"/v1/registers/people/{name}", entry)


async def lead(house: House, **more: Any) -> str:
    """A lead that asks for a call; its id."""
    number = fresh("L")
    body = {"lead": number, "party": number, "captured_at": house.now, "wants_call": True, **more}
    answer = await house.ask("POST", OWNER, "/v1/leads", body)
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["lead_id"]
    return found


async def moves(house: House, lead_id: str) -> list[dict[str, Any]]:
    return list((await house.get(OWNER, f"/v1/leads/{lead_id}/moves"))["items"])


async def restarted(house: House, process: str) -> None:
    """Killed at once, and up again."""
    supervisor = house.system.stack.supervisor
    before = supervisor.identities()[process]
    os.kill(before.pid, signal.SIGKILL)

    async def up() -> bool:
        now = supervisor.identities().get(process)
        if now is None or now == before:
            return False
        try:
            async with httpx.AsyncClient() as http:
                ready = await http.get(f"{house.addresses.url(OWNER)}/readyz")
        except httpx.TransportError:
            return False
        return ready.status_code == 200

    await wait_until(f"{process} is up again", up, 60)


@pytest.mark.feature("I10")
async def test_an_idle_lead_goes_from_seller_to_seller_to_the_pool_and_to_nurture(
    house: House,
) -> None:
    """Conformance 11: the service is killed on the way; each rung is told once, each timer fires once."""
    await sellers(house)
    lead_id = await lead(house)
    await house.live(0.1)
    await restarted(house, f"{OWNER}-door")
    await house.live(2)
    await restarted(house, f"{OWNER}-door")
    await house.live(50)

    told = await moves(house, lead_id)
    whats = [one["what"] for one in told]
    holders = [one["holder"] for one in told if one["what"] == "assigned"]
    assert whats == [
        "waiting",
        *["assigned", "turned-over"] * 3,
        "pooled",
        "nurtured",
    ]
    assert len(set(holders)) == 3
    assert {one["reason"] for one in told if one["what"] == "turned-over"} == {"first-contact"}

    customer = told[0]["customer_id"]
    warned = [
        (one.data["holder"], one.data["clock"], one.data["rung"])
        for one in await house.events("leads.v1", customer)
        if one.type.startswith("perennial.lead.turnover-warned")
    ]
    assert Counter(warned).most_common(1)[0][1] == 1
    assert {(name, "first-contact", "due") for name in holders} <= set(warned)


@pytest.mark.feature("I10")
async def test_an_adopted_rule_takes_effect_by_its_transition_without_any_fact_of_the_lead(
    house: House,
) -> None:
    """Conformance 7: off, and on again with a shorter period under grace."""
    await sellers(house)
    document = (await house.get(OWNER, "/v1/policy"))["document"]
    document["turnover"]["rules"] = []
    document["turnover"]["transition"] = "recompute"
    await adopt(house, document)
    lead_id = await lead(house)
    await house.live(20)
    assert [one["what"] for one in await moves(house, lead_id)] == ["waiting", "assigned"]

    document["turnover"]["rules"] = [{"clock": "assignment", "period": "14d"}]
    document["turnover"]["transition"] = "grace 7d"
    on = await adopt(house, document)
    await house.live_until(on + 6 * DAY)
    assert (await moves(house, lead_id))[-1]["what"] == "assigned"
    await house.live_until(on + 8 * DAY)

    fell = next(one for one in await moves(house, lead_id) if one["what"] == "turned-over")
    assert fell["at"].startswith((on + 7 * DAY).strftime("%Y-%m-%dT%H:%M"))
    answer = await house.ask("POST", OWNER, "/v1/policy/adoptions", {"version": 0})
    assert answer.status_code == 201, answer.text
    await house.live(1)


async def adopt(house: House, document: Any) -> Any:
    """In force in a day; the moment."""
    drafted = await house.ask("POST", OWNER, "/v1/policy/drafts", {"document": document})
    assert drafted.status_code == 201, drafted.text
    when = house.now + DAY
    wish = {"version": drafted.json()["version"], "effective_at": when, "reason": "a story"}
    adopted = await house.ask("POST", OWNER, "/v1/policy/adoptions", wish)
    assert adopted.status_code == 201, adopted.text
    await house.live_until(when)
    return when
