"""From a held lead to a team by the grade, on a real Postgres and over REST."""

from typing import Any

import msgspec
import pytest
from lifecycle import jobs
from lifecycle.domain import books
from lifecycle.handlers import CUSTOMER, REPORT
from lifecycle.main import SERVICE
from perennial.contracts.leads import LeadCaptured
from perennial.contracts.registers import PersonJoined
from perennial.kit.history import state_at

from tests.lifecycle.conftest import Client, House
from tests.lifecycle.driving import ANN, ordered, scored
from tests.lifecycle.leading import L1, assigned, captured, grade, matched, pooled, won
from tests.lifecycle.stories import day

pytestmark = pytest.mark.stack


async def staffed(house: House) -> None:
    roles = {"c1": "call-centre", "c2": "call-centre", "s1": "service", "s2": "service"}
    for name, role in {**roles, "s3": "service", "sam": "seller"}.items():
        joined = PersonJoined(person_id=name, role=role)
        await house.told(day(1, 1), (f"person:{name}", joined))


async def told(house: House, month: int, number: int, *facts: Any, key: str = ANN) -> None:
    await house.told(day(month, number), *((key, fact) for fact in facts))


async def seen(client: Client, path: str = "") -> Any:
    answer = await client.get(f"/v1/customers/{ANN}{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def assert_rebuilt(house: House) -> None:
    """Every stored state is what its own published events make of it (P7)."""
    keys = [row["key"] for row in await house.pool.fetch("SELECT DISTINCT key FROM event")]
    for key in keys:
        subject = REPORT if key == books.KEY else CUSTOMER
        stored = await state_at(house.pool, SERVICE, subject, key)
        told = await state_at(house.pool, SERVICE, subject, key, house.now())
        if subject is CUSTOMER:
            told = msgspec.structs.replace(told, parts={})
        assert stored == told, key
    assert keys


async def sold(house: House) -> None:
    """Ann's lead is held by Sam, goes to the pool and back, and is won with the first order."""
    await staffed(house)
    first = captured()
    secret = LeadCaptured(
        customer_id=ANN,
        lead_id=L1,
        channel=first.channel,
        source="s",
        external_id="1",
        claims=["email:1f"],
        personal="sealed",
    )
    await told(house, 1, 6, secret, matched(80), assigned())
    await told(house, 1, 7, pooled())
    await told(house, 1, 8, assigned(holder="sam"), grade("3A", "expected"))
    await told(house, 1, 9, won(), ordered(1, day(1, 9)))


@pytest.mark.feature("C1", "C29")
async def test_a_held_lead_makes_a_prospect_and_its_holder_sees_it(
    client: Client, house: House
) -> None:
    await staffed(house)
    await told(house, 1, 6, captured(), assigned())
    await told(house, 1, 6, captured("l9"), key="other")
    held = await seen(client)
    assert (held["segment"], held["lead_holders"]) == ("prospecting", {L1: "sam"})
    assert held["accountable"] == {"department": "sales", "person": "role:sales-head"}
    mine = (await client.get("/v1/customers", "seller", person="sam")).json()["items"]
    assert [row["customer_id"] for row in mine] == [ANN]
    assert (await client.get("/v1/customers/other", "seller", person="sam")).status_code == 404
    counts = (await client.get("/v1/segments")).json()["counts"]
    assert counts == {"identified": 1, "prospecting": 1}
    await told(house, 1, 7, pooled())
    then = await seen(client, "?as_of=1997-01-06T12:00:00Z")
    assert ((await seen(client))["segment"], then["segment"]) == ("identified", "prospecting")
    past = (await client.get("/v1/segments?as_of=1997-01-06T12:00:00Z")).json()["counts"]
    assert past == counts


@pytest.mark.feature("C1", "C3", "C8")
async def test_team_and_history_from_the_first_touch_on(client: Client, house: House) -> None:
    await sold(house)
    now = await seen(client)
    assert (now["segment"], now["persona"], now["seller"]) == ("activated", "passed", "sam")
    assert (now["grade"], now["grade_basis"]) == ("3A", "expected")
    assert (now["binding"], now["tier"], now["owner"][0]) == ("service-person", "gold", "s")
    assert now["accountable"] == {"department": "service", "person": now["owner"]}
    timeline = (await seen(client, "/timeline?limit=200"))["items"]
    kinds = {row["type"].split(".")[2] for row in timeline if ".lead." in row["type"]}
    assert kinds == {"captured", "assigned", "pooled", "won"}
    assert "sealed" not in str(timeline)
    moves = [one for one in (await seen(client, "/explain"))["items"] if ".moved." in one["type"]]
    assert [one["data"]["after"] for one in reversed(moves)] == [
        "prospecting",
        "identified",
        "prospecting",
        "activated",
    ]
    assert all(one["receipt"]["causes"] for one in moves)


@pytest.mark.feature("C8")
async def test_another_grade_is_another_team_with_a_hand_over(client: Client, house: House) -> None:
    await sold(house)
    await told(house, 1, 20, grade("4A"))
    now = await seen(client)
    assert (now["binding"], now["tier"], len(now["watchers"])) == ("named-team", "platinum", 3)
    items = [task["item"] for task in now["handover"]]
    assert items
    path = f"/v1/customers/{ANN}/handover/confirmations"
    for item in items:
        answer = await client.post(path, {"item": item, "note": "done"})
        assert answer.status_code == 200, answer.text
    assert all(task["confirmed_by"] for task in answer.json()["customer"]["handover"])
    again = await client.post(path, {"item": items[0]})
    assert (again.status_code, again.json()["code"]) == (409, "already-confirmed")
    for query, found in {
        "grade=4A": 1,
        "grade=1A": 0,
        "binding=named-team": 1,
        "binding=call-centre": 0,
        "tier=platinum&segment=activated": 1,
        "tier=silver": 0,
        "vip=true": 0,
    }.items():
        rows = (await client.get(f"/v1/customers?{query}")).json()["items"]
        assert len(rows) == found, query
    await assert_rebuilt(house)
    past = await state_at(house.pool, SERVICE, CUSTOMER, ANN, day(1, 19))
    assert (past.binding, past.tier) == ("service-person", "gold")


@pytest.mark.feature("C1")
async def test_a_person_confirms_or_a_week_passes(client: Client, house: House) -> None:
    await staffed(house)
    for key in (ANN, "bob"):
        await told(house, 1, 6, captured(), matched(10), ordered(1, day(1, 6)), key=key)
    waiting = await seen(client)
    assert (waiting["segment"], waiting["number"]) == ("identified", "")
    assert waiting["awaiting_confirmation_by"].startswith("1997-01-13")
    await assert_rebuilt(house)
    path = f"/v1/customers/{ANN}/persona/confirmation"
    answer = await client.post(path, {"reason": "an old friend"})
    assert answer.json()["customer"]["segment"] == "activated"
    assert (await client.post(path, {"reason": "x"})).json()["code"] == "nothing-to-confirm"
    await told(house, 1, 14, captured("l3"), key="bob")
    bob = (await client.get("/v1/customers/bob")).json()
    assert (bob["persona"], bob["served_grade"], bob["since"][:10]) == (
        "unconfirmed",
        "1A",
        "1997-01-13",
    )
    await assert_rebuilt(house)


async def test_a_month_of_large_orders_makes_a_vip_and_three_small_ones_end_it(
    client: Client, house: House
) -> None:
    await sold(house)
    large = ordered(2, day(1, 20))
    assert large.order is not None
    effect = type(large.order)(
        order_id="o2", day=day(1, 20).date(), kind="placed", orders=1, revenue=100_000_01
    )
    await told(house, 1, 20, scored(because="order", order=effect, orders=2, paid_orders=2))
    await house.comes(day(2, 2))
    assert await jobs.publish_reports(house) == 2, "the verdict, then the report"
    now = await seen(client)
    assert (now["vip"], now["served_grade"], now["binding"]) == (True, "4A", "named-team")
    assert len((await client.get("/v1/customers?vip=true")).json()["items"]) == 1
    await house.comes(day(4, 2))
    await jobs.publish_reports(house)
    assert (await seen(client))["vip"]
    await house.comes(day(5, 2))
    await jobs.publish_reports(house)
    now = await seen(client)
    assert (now["vip"], now["binding"], now["tier_notice"]["after"]) == (
        False,
        "service-person",
        "gold",
    )
    assert await jobs.publish_reports(house) == 0
    await assert_rebuilt(house)


@pytest.mark.feature("C13")
async def test_parties_without_a_number_are_in_no_report(client: Client, house: House) -> None:
    await staffed(house)
    await told(house, 1, 6, captured(), assigned())
    await house.comes(day(2, 2))
    assert await jobs.publish_reports(house) == 0, "nobody has come in yet"
    await told(house, 2, 3, captured(), ordered(1, day(2, 3)), key="bob")
    await house.comes(day(3, 2))
    await jobs.publish_reports(house)
    report = (await client.get("/v1/reports/1997-02")).json()
    assert report["lines"]["closing"]["customers"] == report["lines"]["new"]["customers"] == 1
