"""What REST reads, from a real Postgres that was filled through the real door."""

from datetime import timedelta
from typing import Any

import pytest

from tests.lead_intake.serving import START, Served

pytestmark = pytest.mark.stack

ORDER: dict[str, Any] = {
    "customer": "ann",
    "placed_at": "2026-05-01T09:00:00Z",
    "currency": "USD",
    "total": 10_000,
}


async def test_an_order_is_shown_as_it_stands_and_as_it_stood(served: Served) -> None:
    client = served.client
    placed = await client("POST", "/orders", ORDER | {"order": "1"})
    served.door.ticked = START + timedelta(days=1)
    back = {"return": "r", "returned_at": "2026-05-02T09:00:00Z", "amount": 4_000}
    await client("POST", "/orders/1/returns", back)

    order = placed.json()["order_id"]
    now = (await client("GET", f"/orders/{order}", b"")).json()
    then = (await client("GET", f"/orders/{order}?as_of=2026-06-01T12:00:00Z", b"")).json()
    before = await client("GET", f"/orders/{order}?as_of=2026-05-01T12:00:00Z", b"")

    assert (now["revenue"], now["returned"], now["owed"]) == (6_000, 4_000, 6_000)
    assert (then["revenue"], then["returned"]) == (10_000, 0)
    assert (before.status_code, before.json()["code"]) == (404, "not-yet")


async def test_looking_back_and_ahead_is_answered_alike_everywhere(served: Served) -> None:
    client = served.client
    order = (await client("POST", "/orders", ORDER | {"order": "1"})).json()["order_id"]
    lead = {"lead": "1", "captured_at": "2026-05-01T09:00:00Z"}
    lead_id = (await client("POST", "/leads", lead)).json()["lead_id"]
    await client("PUT", "/registers/people/ann", {"role": "seller"})
    single = [f"/orders/{order}", f"/leads/{lead_id}", "/registers/people/ann"]
    lists = [f"/leads/{lead_id}/moves", "/sellers/ann/holdings"]

    async def asked(path: str, year: int) -> tuple[int, Any]:
        answer = await client("GET", f"{path}?as_of={year}-05-31T00:00:00Z", b"")
        return answer.status_code, answer.json().get("code", answer.json().get("items"))

    assert {await asked(path, 2025) for path in single} == {(404, "not-yet")}
    assert [await asked(path, 2025) for path in lists] == [(200, []), (200, [])]
    assert {await asked(path, 2027) for path in single + lists} == {(422, "as-of-in-future")}
    unknown = await asked("/orders/o" + 24 * "0", 2025)
    assert unknown == (404, "order-unknown")


async def test_a_customers_orders_come_in_pages(served: Served) -> None:
    rows = [ORDER | {"order": str(n)} for n in range(5)]
    await served.client.bulk("/orders:bulk", rows)
    placed = await served.client("POST", "/orders", ORDER | {"order": "0"})
    customer = placed.json()["customer_id"]

    first = (await served.client("GET", f"/customers/{customer}/orders?limit=3", b"")).json()
    path = f"/customers/{customer}/orders?limit=3&cursor={first['next_cursor']}"
    second = (await served.client("GET", path, b"")).json()

    numbers = [row["number"] for page in (first, second) for row in page["items"]]
    assert sorted(numbers) == ["0", "1", "2", "3", "4"]
    assert second["next_cursor"] is None


@pytest.mark.feature("I17")
async def test_a_partner_sees_what_waits_and_why(served: Served) -> None:
    payment = {"payment": "p", "paid_at": "2026-05-02T09:00:00Z", "amount": 1, "currency": "USD"}
    event = {
        "specversion": "1.0",
        "id": "e1",
        "source": "/eu",
        "type": "partner.payment.received.v1",
        "data": payment | {"order": "nobody's"},
    }
    form = "application/cloudevents+json"
    sent = await served.client("POST", "/events", event, role="partner", Content_Type=form)

    found = await served.client("GET", "/partners/me/rejections", b"", role="partner")

    assert sent.status_code == 202
    (rejection,) = found.json()["items"]
    assert (rejection["id"], rejection["state"]) == ("e1", "waiting")
    assert rejection["waits_for"].startswith("order:o")


@pytest.mark.feature("P14")
async def test_registers_are_listed_and_shown(served: Served) -> None:
    for name in ("anna", "bo"):
        await served.client("PUT", f"/registers/people/{name}", {"role": "seller"})
    await served.client("PUT", "/registers/products/tea", {"margin": 0.4})

    people = (await served.client("GET", "/registers/people", b"")).json()["items"]
    tea = await served.client("GET", "/registers/products/tea", b"")

    assert [entry["key"] for entry in people] == ["person:anna", "person:bo"]
    assert (tea.headers["ETag"], tea.json()["entry"]["product"]["margin"]) == ('"1"', 0.4)
    assert (await served.client("GET", "/registers/rates/EUR", b"")).status_code == 404


@pytest.mark.feature("I18")
async def test_two_thousand_orders_are_one_transaction(served: Served) -> None:
    rows = [ORDER | {"order": str(n), "customer": f"c{n % 100}"} for n in range(2_000)]

    results = await served.client.bulk("/orders:bulk", rows)

    assert {result["status"] for result in results} == {"accepted"}


async def test_an_address_is_kept_sealed_and_opened_for_who_sends_alone(served: Served) -> None:
    client, path = served.client, "/people/anna/address"
    contact = {"name": "Anna", "email": "anna@firm.example"}
    made = await client("PUT", "/registers/people/anna", {"role": "seller", "contact": contact})
    same = await client("PUT", "/registers/people/anna", {"role": "seller", "contact": contact})
    moved = await client("PUT", "/registers/people/anna", {"role": "seller", "level": 2})
    opened = await client("GET", path, b"", role="notifier")
    others = await client("GET", path, b"", role="admin")

    assert (made.status_code, moved.status_code) == (201, 200)
    assert (made.headers["ETag"], opened.json()) == (same.headers["ETag"], contact)
    assert (others.status_code, others.json()["code"]) == (403, "scope-missing")
    stored = await served.pool.fetch(
        "SELECT data FROM event UNION ALL SELECT body FROM answer"
        " UNION ALL SELECT state::text FROM entity"
    )
    assert stored
    assert "firm.example" not in "".join(row[0] for row in stored)
    looks = await served.pool.fetch("SELECT entry, by_whom FROM address_opened")
    assert [tuple(row) for row in looks] == [("person:anna", "notifier")]


async def test_who_left_or_has_no_address_is_written_to_nowhere(served: Served) -> None:
    client, contact = served.client, {"email": "ben@firm.example"}
    rows = [
        {"register": "people", "id": "ben", "role": "seller", "contact": contact},
        {"register": "people", "id": "carl", "role": "seller", "contact": {"email": "carl"}},
    ]
    results = await client.bulk("/registers:bulk", rows)
    before = await client("GET", "/people/ben/address", b"", role="notifier")
    await client("POST", "/registers/people/ben/leave", {})
    after = await client("GET", "/people/ben/address", b"", role="notifier")

    assert [(one["status"], "contact" in str(one)) for one in results] == [
        ("accepted", False),
        ("rejected", True),
    ]
    assert before.json() == contact
    assert (after.status_code, after.json()["code"]) == (404, "address-unknown")
