"""The three doors over HTTP: one order, many rows, partners' events; and the registers."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from perennial.contracts.leads import LeadCaptured
from perennial.contracts.orders import OrderPaid, OrderPlaced
from perennial.contracts.registers import PersonChanged, PersonJoined

from tests.lead_intake.client import Client
from tests.lead_intake.house import House, rest

ORDER: dict[str, Any] = {
    "order": "1",
    "customer": "ann",
    "placed_at": "2026-05-01T09:00:00Z",
    "currency": "USD",
    "total": 10_000,
}
PAYMENT = {"payment": "p", "paid_at": "2026-05-02T09:00:00Z", "amount": 10_000, "currency": "USD"}


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
async def client(house: House) -> AsyncIterator[Client]:
    app, tokens = rest(house)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://svc") as http:
        yield Client(http, tokens)


@pytest.mark.feature("I1")
async def test_an_order_is_taken_once(client: Client, house: House) -> None:
    first = await client("POST", "/orders", ORDER)
    again = await client("POST", "/orders", ORDER)
    other = await client("POST", "/orders", ORDER | {"total": 5})

    assert (first.status_code, first.json()["status"]) == (201, "accepted")
    assert (again.status_code, again.json()["status"]) == (200, "duplicate")
    assert (other.status_code, other.json()["code"]) == (409, "order-differs")
    assert [type(event) for event in house.events] == [LeadCaptured, OrderPlaced]


@pytest.mark.feature("I1")
async def test_the_same_key_is_answered_the_same(client: Client, house: House) -> None:
    first = await client("POST", "/orders", ORDER, Idempotency_Key="k")
    again = await client("POST", "/orders", ORDER, Idempotency_Key="k")
    misused = await client("POST", "/orders", ORDER | {"total": 5}, Idempotency_Key="k")

    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert misused.status_code == 422
    assert len(house.events) == 2


async def test_money_for_an_order_that_comes_later_is_kept(client: Client, house: House) -> None:
    early = await client("POST", "/orders/1/payments", PAYMENT)
    placed = await client("POST", "/orders", ORDER)
    house.release()

    assert (early.status_code, early.json()["status"]) == (202, "waiting")
    assert isinstance(house.events[-1], OrderPaid)
    late = await client("POST", f"/orders/{placed.json()['order_id']}/payments", PAYMENT)
    assert (late.status_code, late.json()["status"]) == (200, "duplicate")


async def test_returns_and_cancellations_by_either_name_of_the_order(
    client: Client, house: House
) -> None:
    placed = await client("POST", "/orders", ORDER)
    moment = "2026-05-03T09:00:00Z"
    back = await client(
        "POST", "/orders/1/returns", {"return": "r", "returned_at": moment, "amount": 10_001}
    )
    order_id = placed.json()["order_id"]
    void = await client("POST", f"/orders/{order_id}/cancellation", {"cancelled_at": moment})

    assert (back.status_code, back.json()["errors"][0]["pointer"]) == (422, "/amount")
    assert void.json() == placed.json() | {"stands": "cancelled"}


async def test_what_names_another_order_or_customer_than_its_own_is_refused(
    client: Client, house: House
) -> None:
    await client("POST", "/orders", ORDER)
    moment = "2026-05-03T09:00:00Z"
    by_order = await client("POST", "/orders/1/payments", PAYMENT | {"order": "2"})
    by_customer = await client("POST", "/orders/1/payments", PAYMENT | {"customer": "bob"})
    bulk = await client.bulk(
        "/orders:bulk",
        [{"type": "return", "return": "r", "order": "1", "customer": "bob", "returned_at": moment}],
    )
    same = await client("POST", "/orders/1/payments", PAYMENT | {"order": "1", "customer": "ann"})

    for answer, pointer in ((by_order, "/order"), (by_customer, "/customer")):
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (bulk[0]["status"], bulk[0]["error"]["pointer"]) == ("rejected", "/customer")
    assert same.status_code == 201


async def test_the_answer_says_how_the_order_stands(client: Client) -> None:
    placed = await client("POST", "/orders", ORDER)
    paid = await client("POST", "/orders/1/payments", PAYMENT)
    over = await client("POST", "/orders/1/payments", PAYMENT | {"payment": "q", "amount": 5})
    moment = {"returned_at": "2026-05-03T09:00:00Z"}
    back = await client("POST", "/orders/1/returns", {"return": "r", **moment})

    stands = [one.json()["stands"] for one in (placed, paid, over, back)]
    assert stands == ["open", "paid", "overpaid", "returned"]
    assert over.json()["overpaid"] == 5


async def test_a_return_of_a_cancelled_order_is_refused_but_noted_in_a_history(
    client: Client,
) -> None:
    back = {"return": "r", "returned_at": "2026-05-03T09:00:00Z", "amount": 5}
    await client("POST", "/orders", ORDER)
    await client("POST", "/orders/1/cancellation", {"cancelled_at": "2026-05-02T09:00:00Z"})
    asked = await client("POST", "/orders/1/returns", back)
    told = await client.bulk("/orders:bulk", [back | {"type": "return", "order": "1"}])

    assert (asked.status_code, asked.json()["code"]) == (409, "order-cancelled")
    assert told[0]["status"] == "accepted"


@pytest.mark.feature("I1")
async def test_a_thousand_rows_with_one_bad_one(client: Client, house: House) -> None:
    rows: list[Any] = [ORDER | {"order": str(n), "customer": f"c{n % 50}"} for n in range(1_000)]
    rows[500] = ORDER | {"order": "500", "total": -1}

    results = await client.bulk("/orders:bulk", rows)

    assert [result["status"] for result in results].count("accepted") == 999
    assert (results[500]["row"], results[500]["error"]["pointer"]) == (501, "/total")


@pytest.mark.feature("I1")
@pytest.mark.feature("I18")
async def test_every_kind_in_one_request_in_any_order(client: Client) -> None:
    results = await client.bulk(
        "/orders:bulk",
        [
            PAYMENT | {"type": "payment", "order": "7", "source": "erp"},
            ORDER | {"order": "7", "source": "erp"},
            ORDER | {"order": "7", "source": "erp"},
            {"type": "invoice"},
            b"{broken",
            ORDER | {"placed_at": "yesterday"},
            {"type": "cancel", "order": "8", "cancelled_at": "2026-05-03T09:00:00Z"},
            b'{"type": "return", "return": "r", "returned_at": "2026-05-03T09:00:00Z"}',
        ],
    )

    assert [result["status"] for result in results] == [
        "waiting", "accepted", "duplicate", "rejected", "rejected", "rejected", "waiting", "rejected",
    ]  # fmt: skip
    assert {result.get("waits_for", "")[:6] for result in results} == {"order:", ""}
    pointers = [result["error"].get("pointer", "") for result in results if "error" in result]
    assert pointers == ["/type", "", "/placed_at", "/order"]


@pytest.mark.feature("I1")
async def test_a_bulk_request_again_under_its_key_doubles_nothing(
    client: Client, house: House
) -> None:
    rows = [ORDER, PAYMENT | {"type": "payment", "order": "1"}]

    await client.bulk("/orders:bulk", rows, Idempotency_Key="k")
    again = await client.bulk("/orders:bulk", rows, Idempotency_Key="k")

    assert [result["status"] for result in again] == ["duplicate", "duplicate"]
    assert len(house.events) == 3


async def test_a_token_speaks_for_its_own_app(client: Client) -> None:
    own = await client("POST", "/orders", ORDER, role="seller")
    others = await client("POST", "/orders", ORDER | {"source": "rival"}, role="seller")

    assert own.status_code == 201
    assert (others.status_code, others.json()["errors"][0]["pointer"]) == (422, "/source")


def event(fact_id: str, data: dict[str, Any], kind: str = "partner.order.placed.v1") -> Any:
    return {"specversion": "1.0", "id": fact_id, "source": "/eu", "type": kind, "data": data}


@pytest.mark.feature("I17")
async def test_events_structured_binary_and_batched(client: Client, house: House) -> None:
    structured = {"role": "partner", "Content_Type": "application/cloudevents+json"}
    binary = {"ce_specversion": "1.0", "ce_id": "b", "ce_source": "/eu"}

    first = await client("POST", "/events", event("a", ORDER), **structured)
    again = await client("POST", "/events", event("a", ORDER), **structured)
    paid = await client(
        "POST",
        "/events",
        PAYMENT | {"order": "1"},
        role="partner",
        ce_type="partner.payment.received.v1",
        **binary,
    )
    batch = await client(
        "POST",
        "/events",
        [event("c", ORDER | {"order": "2"}), event("d", {}), event("e", ORDER, "no.such.v1")],
        role="partner",
        Content_Type="application/cloudevents-batch+json",
    )

    assert [one.status_code for one in (first, again, paid)] == [201, 200, 201]
    assert [one["status"] for one in batch.json()] == ["accepted", "rejected", "rejected"]
    assert len(house.events) == 4


@pytest.mark.feature("I17")
async def test_a_partner_is_one_customer_space_whichever_door(client: Client, house: House) -> None:
    await client("POST", "/orders", ORDER, role="seller")
    by_event = await client(
        "POST",
        "/events",
        event("a", ORDER),
        role="partner",
        Content_Type="application/cloudevents+json",
    )

    assert (by_event.status_code, by_event.json()["status"]) == (200, "duplicate")


async def test_contact_data_are_kept_sealed_only(client: Client, house: House) -> None:
    person = {"email": "Ann@X.example", "phone": "0049 30 1234567"}

    await client("POST", "/orders", ORDER | {"person": person, "currency": "EUR"})
    await client("POST", "/orders", ORDER | {"person": person, "order": "2"})

    captured = house.events[0]
    assert isinstance(captured, LeadCaptured)
    assert captured.personal.startswith("sealed-for-")
    assert [claim.partition(":")[0] for claim in captured.claims] == ["email", "phone"]
    kept = msgspec.json.encode([house.events, [one.item.fact for one in house.parked]])
    assert house.parked
    assert b"example" not in kept
    assert b"1234567" not in kept


@pytest.mark.feature("P14")
async def test_register_entries_are_versioned(client: Client, house: House) -> None:
    made = await client("PUT", "/registers/people/anna", {"role": "seller", "level": 2})
    same = await client("PUT", "/registers/people/anna", {"role": "seller", "level": 2})
    moved = await client(
        "PUT",
        "/registers/people/anna",
        {"role": "seller", "level": 3},
        If_Match=made.headers["ETag"],
    )
    stale = await client(
        "PUT", "/registers/people/anna", {"role": "head"}, If_Match=made.headers["ETag"]
    )

    assert [one.status_code for one in (made, same, moved, stale)] == [201, 200, 200, 412]
    assert [type(one) for one in house.events] == [PersonJoined, PersonChanged]


@pytest.mark.feature("P14")
async def test_an_order_waits_for_the_rate_of_its_currency(client: Client, house: House) -> None:
    order = await client("POST", "/orders", ORDER | {"currency": "EUR"})
    rate = await client("PUT", "/registers/rates/EUR", {"rate": 1.1, "starts": "2026-01-01"})
    house.release()

    assert (order.status_code, order.json()["until_known"]) == (202, "rate:EUR")
    assert rate.status_code == 201
    placed = house.events[-1]
    assert isinstance(placed, OrderPlaced)
    assert placed.revenue == 11_000


@pytest.mark.feature("P14")
async def test_many_entries_and_what_is_dated_about_people(client: Client) -> None:
    results = await client.bulk(
        "/registers:bulk",
        [
            {"register": "people", "id": "bo", "role": "service"},
            {"register": "products", "id": "tea", "margin": 0.4, "aliases": ["Tee"]},
            {"register": "rates", "id": "euro", "rate": 1, "starts": "2026-01-01"},
            {"register": "planets", "id": "mars"},
        ],
    )
    away = {"starts": "2026-06-01T00:00:00Z", "ends": "2026-06-08T00:00:00Z"}
    absent = await client("POST", "/registers/people/bo/absence", away)
    unknown = await client("POST", "/registers/people/zoe/leave", {"successor": "bo"})
    match = await client("GET", "/registers/products/TEE/matches", b"")

    assert [one["status"] for one in results] == ["accepted", "accepted", "rejected", "rejected"]
    assert absent.json()["version"] == 2
    assert (unknown.status_code, unknown.json()["code"]) == (404, "person-unknown")
    assert match.json()["product"] == "tea"


@pytest.mark.feature("P14")
async def test_a_calendar_that_nobody_can_count_by_is_refused(client: Client) -> None:
    wrong = await client("PUT", "/registers/calendars/cn", {"timezone": "Mars/Olympus"})
    right = await client("PUT", "/registers/calendars/cn", {"timezone": "Asia/Shanghai"})

    assert (wrong.status_code, wrong.json()["code"]) == (422, "calendar-unusable")
    assert right.status_code == 201
