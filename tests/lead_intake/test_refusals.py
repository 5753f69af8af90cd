"""What is wrong with a wish is named, and what to do instead; nothing happens otherwise."""

from typing import Any

import pytest

from tests.lead_intake.client import Client
from tests.lead_intake.house import House
from tests.lead_intake.test_leads import ACTIVITY, LEAD, ORDER


@pytest.fixture
async def staffed(client: Client) -> Client:
    """`ann` and `bo` sell; `gone` has left."""
    for name in ("ann", "bo", "gone"):
        await client("PUT", f"/registers/people/{name}", {"role": "seller", "level": 2})
    left = await client("POST", "/registers/people/gone/leave", {})
    assert left.status_code == 200
    return client


async def refused(client: Client, path: str, body: Any, pointer: str = "") -> dict[str, Any]:
    answer = await client("POST", path, body)
    told: dict[str, Any] = answer.json() | {"status": answer.status_code}
    assert answer.status_code >= 400, told
    assert [one["pointer"] for one in told.get("errors", [])] == ([pointer] if pointer else [])
    return told


@pytest.mark.feature("I3")
@pytest.mark.parametrize("heir", ["ghost", "gone", "ann"])
async def test_a_successor_is_somebody_who_stays(staffed: Client, house: House, heir: str) -> None:
    before = len(house.events)

    told = await refused(staffed, "/registers/people/ann/leave", {"successor": heir}, "/successor")

    assert (told["status"], told["code"]) == (422, "successor-unknown")
    assert heir in told["detail"]
    assert len(house.events) == before
    named = await staffed("POST", "/registers/people/ann/leave", {"successor": "bo"})
    assert (named.status_code, len(house.events)) == (200, before + 1)


@pytest.mark.feature("I3")
async def test_leads_are_held_again_by_known_people_only(staffed: Client) -> None:
    unknown = await refused(staffed, "/people/nobody/leads:rehold", {})
    told = await refused(staffed, "/people/gone/leads:rehold", {"to": ["bo", "ghost"]}, "/to/1")

    assert (unknown["status"], unknown["code"]) == (404, "person-unknown")
    assert (told["status"], told["code"]) == (422, "taker-unknown")


@pytest.mark.feature("I8")
@pytest.mark.parametrize(
    ("field", "value", "least"), [("open", -1, 0), ("inflow", -1, 0), ("days", 0, 1)]
)
async def test_no_capacity_is_below_nothing(
    staffed: Client, field: str, value: int, least: int
) -> None:
    body = {"open": 5, "inflow": 5, "days": 30}
    path = "/registers/people/ann/capacity"

    told = await refused(staffed, path, body | {field: value}, f"/{field}")
    taken = await staffed("POST", path, body | {field: least})

    assert (told["status"], told["code"]) == (422, "capacity-out-of-range")
    assert taken.status_code == 200


@pytest.mark.feature("I8")
async def test_a_level_that_may_not_take_it_is_no_matter_of_capacity(
    staffed: Client, house: House
) -> None:
    house.adopt(holding={"qualification": {"levels": {"1A": [3, 5]}}})
    lead = (await staffed("POST", "/leads", LEAD)).json()["lead_id"]
    path = f"/leads/{lead}/assign"

    told = await refused(staffed, path, {"person": "ann"}, "/over_capacity")
    given = await staffed("POST", path, {"person": "ann", "over_capacity": "she knows them"})
    again = await refused(staffed, path, {"person": "ann"}, "/person")

    assert told["code"] == "seller-level"
    assert "ann has level 2; a lead of grade 1A asks for 3 to 5." in told["detail"]
    assert given.json()["holder"] == "ann"
    assert again["code"] == "held-already"


@pytest.mark.feature("I1")
@pytest.mark.parametrize("meant", ["77", "l" + 24 * "0"])
async def test_a_lead_that_is_not_there_is_named_as_the_caller_did(
    staffed: Client, meant: str
) -> None:
    told = await refused(staffed, f"/leads/{meant}/assign", {"person": "ann"})

    assert (told["status"], told["code"]) == (404, "lead-unknown")
    assert f"no lead {meant} " in told["detail"]
    assert "your own source, shop" in told["detail"]


@pytest.mark.feature("I11")
async def test_a_claim_says_which_pools_there_are_and_who_may(
    staffed: Client, house: House
) -> None:
    lead = (await staffed("POST", "/leads", LEAD | {"wants_call": True})).json()["lead_id"]

    stray = await refused(staffed, f"/pools/nonsense/leads/{lead}/claim", {"person": "ann"})
    early = await refused(staffed, f"/pools/public/leads/{lead}/claim", {"person": "ann"})
    await staffed("POST", f"/leads/{lead}/pool", {})
    nobody = await refused(staffed, f"/pools/public/leads/{lead}/claim", {})

    assert (stray["status"], stray["code"]) == (404, "pool-unknown")
    assert "public" in stray["detail"]
    assert (early["code"], "waiting" in early["detail"]) == ("lead-not-pooled", True)
    assert nobody["code"] == "seller-no-seller"
    assert "name in `person` who shall have it" in nobody["detail"]


@pytest.mark.feature("I1", "I17")
async def test_a_currency_that_is_none_is_refused_at_once_whatever_it_is_said_of(
    client: Client, house: House
) -> None:
    """Nobody will ever say its rate, so nothing waits for it; a real one's rate is waited for."""
    await client("POST", "/leads", LEAD)
    won = {"closed_at": "2026-05-08T09:00:00Z", "outcome": "won", "value": 5}
    said = [
        ("POST", "/orders", ORDER),
        ("POST", "/leads", LEAD | {"lead": "L2", "cost": 5}),
        ("POST", "/leads/L1/activities", ACTIVITY | {"kind": "quotation", "amount": 5}),
        ("POST", "/leads/L1/close", won),
        ("PUT", "/registers/products/tea", {"price": 5}),
    ]
    known = len(house.events)
    for method, path, body in said:
        answer = await client(method, path, body | {"currency": "UDS"})
        assert answer.status_code == 422, (path, answer.text)
        assert answer.json()["code"] == "currency-unknown"
        (fault,) = answer.json()["errors"]
        assert fault["pointer"] == "/currency"
        assert "UDS is no currency of ISO 4217: correct the code" in fault["message"]
    rate = {"rate": 1.1, "starts": "2026-01-01"}
    refused = await client("PUT", "/registers/rates/UDS", rate)
    (row,) = await client.bulk("/registers:bulk", [{"register": "rates", "id": "UDS", **rate}])
    (order,) = await client.bulk("/orders:bulk", [ORDER | {"order": "2", "currency": "UDS"}])

    assert (refused.status_code, refused.json()["code"]) == (422, "currency-unknown")
    assert (row["error"]["code"], order["error"]["code"]) == ("currency-unknown",) * 2
    assert (len(house.events), house.parked) == (known, [])
    assert (await client("PUT", "/registers/rates/DEM", rate)).status_code == 201, "of history"
