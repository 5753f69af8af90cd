"""The REST face of lifecycle on a real Postgres."""

import pytest
from lifecycle import jobs
from perennial.contracts.orders import OrderPlaced

from tests.lifecycle.conftest import Client, House
from tests.lifecycle.stories import day, two_months

pytestmark = pytest.mark.stack


@pytest.fixture
async def client(client: Client, house: House) -> Client:
    """Asks of two months that have been."""
    await two_months(house)
    return client


@pytest.mark.feature("C1")
async def test_a_customer_now_and_then(client: Client) -> None:
    now = (await client.get("/v1/customers/b")).json()
    assert (now["segment"], now["value_at_risk"]) == ("declining", 900_00)
    then = (await client.get("/v1/customers/b?as_of=1997-01-31T00:00:00Z")).json()
    assert (then["segment"], then["light"]) == ("activated", None)
    assert (await client.get("/v1/customers/nobody")).status_code == 404


@pytest.mark.feature("C1")
async def test_before_the_first_event_a_customer_is_not_yet_there_and_lists_are_empty(
    client: Client, house: House
) -> None:
    early, ahead = "?as_of=1996-01-01T00:00:00Z", f"?as_of={house.now().year + 1}-01-01T00:00:00Z"
    then = await client.get(f"/v1/customers/b{early}")
    assert (then.status_code, then.json()["code"]) == (404, "not-yet")
    never = await client.get(f"/v1/customers/nobody{early}")
    assert (never.status_code, never.json()["code"]) == (404, "unknown-customer")
    assert (await client.get(f"/v1/customers/b/explain{early}")).json()["items"] == []
    assert (await client.get(f"/v1/segments{early}")).json()["counts"] == {}
    for path in ("/v1/customers/b", "/v1/customers/b/explain", "/v1/segments"):
        answer = await client.get(f"{path}{ahead}")
        assert (answer.status_code, answer.json()["code"]) == (422, "as-of-in-future"), path


@pytest.mark.feature("C1")
async def test_lists_go_page_by_page(client: Client) -> None:
    seen, path = [], "/v1/customers?limit=1"
    while path:
        found = (await client.get(path)).json()
        seen += [row["customer_id"] for row in found["items"]]
        cursor = found["next_cursor"]
        path = f"/v1/customers?limit=1&cursor={cursor}" if cursor else ""
    assert seen == ["b", "a", "c"]


@pytest.mark.feature("C3")
async def test_the_timeline_and_the_reasons(client: Client) -> None:
    first = (await client.get("/v1/customers/b/timeline?limit=2")).json()
    rest = (await client.get(f"/v1/customers/b/timeline?cursor={first['next_cursor']}")).json()
    ids = [row["id"] for row in [*first["items"], *rest["items"]]]
    assert len(ids) == len(set(ids)) > 5
    explained = (await client.get("/v1/customers/b/explain")).json()["items"]
    assert explained[0]["receipt"]["policy"] == "lifecycle@0"


@pytest.mark.feature("P9")
async def test_a_customer_sees_its_own_orders_and_nothing_of_what_we_think(
    client: Client, house: House
) -> None:
    placed = OrderPlaced(
        order_id="o-1",
        customer_id="b",
        number="1",
        source="shop",
        currency="USD",
        total=50_00,
        revenue=50_00,
        margin=20_00,
    )
    await house.told(day(2, 8), ("b", placed))
    me = await client.get("/v1/customers/me", "customer", person="b")
    mine = (await client.get("/v1/customers/me/timeline", "customer", person="b")).json()["items"]

    assert me.json()["customer_id"] == "b"
    assert set(me.json()) == {"customer_id", "number"}
    assert [one["type"] for one in mine] == ["perennial.order.placed.v1"]
    assert "total" in mine[0]["data"]
    assert not {"margin", "revenue", "receipt"} & set(mine[0]["data"])
    others = [("/v1/customers/a", "customer"), ("/v1/customers/me", "director")]
    for path, role in others:
        assert (await client.get(path, role, person="b")).status_code == 403
    assert (await client.get("/v1/customers/me", "customer", person="z")).status_code == 404


@pytest.mark.feature("C13")
@pytest.mark.parametrize(
    ("month", "why"),
    [("1996-12", "first customer was activated, on 1997-01"), ("1997-02", "not over")],
)
async def test_a_report_that_is_not_there_says_why(client: Client, month: str, why: str) -> None:
    answer = await client.get(f"/v1/reports/{month}")

    assert answer.status_code == 404
    assert why in answer.json()["detail"]


@pytest.mark.feature("C14")
async def test_a_case_is_diagnosed_once_for_each_key(client: Client) -> None:
    path = "/v1/customers/b/winback/diagnosis"
    for _ in range(2):
        answer = await client.post(path, {"cause": "price"}, key="k1")
        assert answer.status_code == 200, answer.text
        assert answer.json()["customer"]["segment"] == "winning-back"
    assert (await client.post(path, {"cause": "weather"})).json()["code"] == "unknown-cause"
    cases = (await client.get("/v1/winback-cases")).json()["items"]
    assert [one["customer_id"] for one in cases] == ["b"]
    winning = {"state": "winning-back", "cause": "price", "cases": 1, "saved": 0}
    assert (await client.get("/v1/winback-results")).json()["items"] == [winning]
    lost = await client.post(
        "/v1/customers/b/winback/close", {"outcome": "lost", "reason": "bankrupt"}
    )
    assert lost.json()["customer"]["segment"] == "lost"
    assert (await client.get("/v1/winback-results")).json()["items"] == [
        {**winning, "state": "lost"}
    ]
    reason = await client.post("/v1/customers/b/lost-reason", {"reason": "no heirs"})
    assert reason.status_code == 200
    assert (await client.get("/v1/segments")).json()["counts"] == {"activated": 2, "lost": 1}


@pytest.mark.feature("C12", "C15")
async def test_a_person_lights_the_light_and_lets_go(client: Client) -> None:
    lit = await client.post("/v1/customers/a/red-light", {"reason": "a call"})
    assert lit.json()["customer"]["light"]["signs"] == ["person"]
    again = await client.post("/v1/customers/a/red-light", {"reason": "a call"})
    assert (again.status_code, again.json()["code"]) == (409, "already-lit")
    gone = await client.post("/v1/customers/a/release", {"reason": "abuse"})
    assert gone.json()["customer"]["segment"] == "released"


async def test_whoever_owns_nothing_sees_nothing(client: Client) -> None:
    assert (await client.get("/v1/customers", "seller", person="x")).json()["items"] == []
    assert (await client.get("/v1/customers/b", "seller", person="x")).status_code == 404
    assert (await client.get("/v1/reports/1997-01", "seller", person="x")).status_code == 403
    team = (await client.get("/v1/customers", "service", person="x", team="north")).json()
    assert len(team["items"]) == 3


@pytest.mark.feature("C13")
async def test_each_line_of_a_report_opens_to_its_customers(client: Client, house: House) -> None:
    assert (await client.get("/v1/reports/1997-01")).status_code == 404
    assert (await client.get("/v1/reports/97-1")).status_code == 422
    await house.comes(day(3, 2))
    await jobs.publish_reports(house)
    report = (await client.get("/v1/reports/1997-02")).json()
    for line, said in report["lines"].items():
        found = (await client.get(f"/v1/reports/1997-02/lines/{line}")).json()["items"]
        assert (len(found), sum(one["value"] for one in found)) == (
            said["customers"],
            said["value"],
        )
