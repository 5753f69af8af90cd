"""I6 and S7 over REST, on real tables: leads and orders as their topics bring them."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from perennial.contracts.base import Fact
from perennial.contracts.holdings import LeadWon
from perennial.kit.history import state_at
from scoring.handlers import CUSTOMER
from scoring.main import SERVICE

from tests.scoring.conftest import House, numbered
from tests.scoring.domain.test_leads import SO_SO, START, activity, captured
from tests.scoring.domain.test_leads import fact as lead_fact
from tests.scoring.replaying import order
from tests.scoring.test_service import asked

pytestmark = pytest.mark.stack
LEAD = "/v1/leads/l1/score"


def of_leads(facts: Iterable[Fact]) -> list[Fact]:
    """With the versions that the leads topic gives each key."""
    return [msgspec.structs.replace(fact, topic="leads.v1") for fact in numbered(facts)]


async def got(house: House, path: str, who: str = "ann") -> Any:
    answer = await asked(house, "GET", path, who)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def refused(house: House, path: str, who: str = "ann") -> int:
    return (await asked(house, "GET", path, who)).status_code


def moment(days: float) -> str:
    return (START + timedelta(days=days)).isoformat().replace("+00:00", "Z")


@pytest.mark.feature("I6")
async def test_a_lead_is_scored_and_silence_takes_it_back(house: House) -> None:
    meeting = lead_fact(activity("meeting-held"), START + timedelta(days=3))
    facts = [lead_fact(captured(wants_call=True, attributes=SO_SO)), meeting]
    facts.append(lead_fact(captured("l2", attributes=SO_SO), START + timedelta(days=4)))
    await house.told(of_leads(facts))
    await house.until(START + timedelta(days=100))

    early = await got(house, f"{LEAD}?as_of={moment(0)}")
    assert (early["score"], early["ready"], early["grade"]) == (77.27, True, "4A")
    sizes = [one for one in early["contributions"] if one["feature"] == "size"]
    assert [one["points"] for one in sizes] == [27.27]
    late = await got(house, f"{LEAD}?as_of={moment(100)}")
    assert (late["ready"], late["grade"], late["review_at"]) == (False, "2A", None)
    between = await got(house, f"{LEAD}?as_of={moment(10)}")
    assert late["engagement"] < between["engagement"] < early["engagement"] + 25

    why = (await got(house, f"{LEAD}/explain"))["items"]
    assert [one["data"]["because"] for one in why][-2:] == ["activity", "captured"]
    assert why[0]["data"]["because"] == "silence"
    assert why[0]["receipt"]["policy"] == "scoring@0"
    listed = await got(house, "/v1/customers/c1/lead-scores?limit=1")
    assert [row["lead_id"] for row in listed["items"]] == ["l1"]
    after = await got(house, f"/v1/customers/c1/lead-scores?cursor={listed['next_cursor']}")
    assert [row["lead_id"] for row in after["items"]] == ["l2"]
    assert await refused(house, LEAD, "4711") == 404
    assert await refused(house, "/v1/leads/unheard-of/score") == 404
    await rebuilt(house)


async def test_the_score_of_a_lead_that_was_won_is_its_last(house: House) -> None:
    won = LeadWon(customer_id="c1", lead_id="l1")
    await house.told(of_leads([lead_fact(captured()), lead_fact(won, START + timedelta(days=2))]))
    await house.until(START + timedelta(days=100))

    view = await got(house, LEAD)
    assert (view["ended"], view["score"], view["review_at"]) == (True, 65.0, None)
    assert (await got(house, "/v1/customers/c1/lead-scores"))["items"] == []


@pytest.mark.feature("S7")
async def test_a_grade_is_expected_then_actual_and_looks_back(house: House) -> None:
    assert await refused(house, "/v1/customers/c1/grade") == 404
    await house.told(of_leads([lead_fact(captured(wants_call=True))]))
    first = START.date() + timedelta(days=20)
    orders = [order(first + timedelta(days=9 * n), 500_000, paid=True) for n in range(2)]
    await house.told(numbered(orders))
    await house.until(datetime(2027, 6, 1, tzinfo=UTC))

    expected = await got(house, f"/v1/customers/c1/grade?as_of={moment(1)}")
    assert (expected["basis"], expected["grade"], expected["known"]) == ("expected", "4A", 5)
    actual = await got(house, f"/v1/customers/c1/grade?as_of={moment(30)}")
    assert (actual["basis"], actual["grade"]) == ("actual", "4A")
    evidence = {one["name"]: one.get("evidence") for one in actual["dimensions"]}
    assert evidence["revenue"] == "10,000.00 a year"
    assert evidence["profit"] is None
    now = await got(house, "/v1/customers/c1/grade")
    assert now["dimensions"][0]["score"] == 0, "the window is empty"
    why = (await got(house, "/v1/customers/c1/grade/explain"))["items"]
    assert [one["data"]["basis"] for one in why[-2:]] == ["actual", "expected"]
    assert why[-2]["data"]["order_id"] == f"o-{orders[1].time.date()}"
    assert await refused(house, "/v1/customers/c1/grade", "4711") == 404
    await rebuilt(house)


async def test_before_it_was_there_a_single_thing_is_not_yet_and_a_list_is_empty(
    house: House,
) -> None:
    await house.told(of_leads([lead_fact(captured(wants_call=True))]))
    await house.told(numbered([order(START.date() + timedelta(days=20), 500_000, paid=True)]))
    await house.until(START + timedelta(days=100))
    single = ["/v1/customers/c1/score", "/v1/customers/c1/grade", LEAD]
    lists = [f"{path}/explain" for path in single] + ["/v1/customers/c1/lead-scores"]

    async def said(path: str, days: float) -> tuple[int, Any]:
        answer = await asked(house, "GET", f"{path}?as_of={moment(days)}")
        return answer.status_code, answer.json().get("code", answer.json().get("items"))

    assert {await said(path, -1) for path in single} == {(404, "not-yet")}
    assert [await said(path, -1) for path in lists] == [(200, [])] * 4
    assert {await said(path, 101) for path in single + lists} == {(422, "as-of-in-future")}
    assert await said("/v1/leads/unheard-of/score", -1) == (404, "lead-unknown")
    assert await said("/v1/leads/unheard-of/score/explain", -1) == (404, "lead-unknown")
    for path in ("/v1/forecast", "/v1/forecast/customers"):
        assert await said(path, 1) == (404, "no-model")


async def test_a_customer_of_orders_alone_is_graded_too(house: House) -> None:
    by_order = lead_fact(captured(lead_id="", by_order=True))
    await house.told(of_leads([by_order]))
    await house.told(numbered(order(date(2026, 2, n), 100, paid=True) for n in (1, 2)))

    view = await got(house, "/v1/customers/c1/grade")
    assert (view["basis"], view["known"]) == ("actual", 3)
    assert (await got(house, "/v1/customers/c1/lead-scores"))["items"] == []


async def rebuilt(house: House) -> None:
    """What the events make is what stands in the table."""
    stored = await state_at(house.pool, SERVICE, CUSTOMER, "c1")
    made = await state_at(house.pool, SERVICE, CUSTOMER, "c1", house.door.now())
    assert msgspec.structs.replace(made, parts={}) == msgspec.structs.replace(stored, parts={})
