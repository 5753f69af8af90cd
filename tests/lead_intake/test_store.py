"""What REST reads, from a real Postgres that was filled through the real door."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from lead_intake.main import SERVICE
from perennial.kit.lanes import Door, Requests
from perennial.kit.postgres import Postgres
from perennial.kit.tables import TABLES as TABLES_OF_THE_KIT
from perennial.kit.worlds import Worlds

from tests.lead_intake.client import Client
from tests.lead_intake.house import rest

pytestmark = pytest.mark.stack

TABLES = ("entity", "part", "event", "outbox", "answer", "parked")
START = datetime(2026, 6, 1, tzinfo=UTC)
ORDER: dict[str, Any] = {
    "customer": "ann",
    "placed_at": "2026-05-01T09:00:00Z",
    "currency": "USD",
    "total": 10_000,
}


class Served:
    """One client of the service, and the clock of its door."""

    def __init__(self, client: Client, door: Door) -> None:
        self.client, self.door = client, door


@pytest.fixture
async def served(stack: Any) -> AsyncIterator[Served]:
    await _make_tables(stack.addresses.dsn("lead_intake_migrate"))
    pool = await asyncpg.create_pool(stack.addresses.dsn("lead_intake"), min_size=1, max_size=4)
    for table in TABLES:
        await pool.execute(f"DELETE FROM {table}")
    door = Door(SERVICE, Postgres(pool), Worlds(SERVICE, {}), ticking=True)
    door.ticked = START
    asks, stopping = Requests(door), asyncio.Event()
    answering = asyncio.create_task(asks.run(stopping))
    app, tokens = rest(asks, pool, door)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://svc") as http:
        yield Served(Client(http, tokens), door)
    stopping.set()
    await answering
    await pool.close()


async def _make_tables(dsn: str) -> None:
    """Once in a run, whoever comes first."""
    connection = await asyncpg.connect(dsn)
    try:
        if not await connection.fetchval("SELECT to_regclass('entity')"):
            await connection.execute(TABLES_OF_THE_KIT)
    finally:
        await connection.close()


@pytest.mark.feature("I15")
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
    assert before.status_code == 404


@pytest.mark.feature("I15")
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
