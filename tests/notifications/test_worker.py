"""The delivery worker on a real Postgres against a real server: nothing lost, in order, once told."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from notifications import delivery_queue as queue
from notifications import store
from notifications.bell import Bell
from notifications.channels.webhook import Webhooks, webhooks
from notifications.deliveries import Deliveries, Noted
from notifications.desk import new_secret
from notifications.domain.endpoints import ChangeEndpoint, RegisterEndpoint
from notifications.handlers import ENDPOINT
from perennial.contracts.customers import RedLightLit
from perennial.kit.ask import Ask

from tests.notifications.conftest import House
from tests.notifications.receiver import Receiver, receiving
from tests.notifications.told import POLICY, SILENCE, START, said

pytestmark = pytest.mark.stack


class Clock:
    """Time as the tests want it."""

    def __init__(self) -> None:
        self.now = START + timedelta(seconds=1)

    def __call__(self) -> datetime:
        return self.now

    def later(self, **by: float) -> None:
        self.now += timedelta(**by)


class Line:
    """A house with one registered endpoint and a worker that delivers to it."""

    def __init__(self, house: House, receiver: Receiver, posting: Webhooks) -> None:
        self.house, self.receiver, self.posting = house, receiver, posting
        self.clock = Clock()
        self.secret = new_secret()

    def worker(self) -> Deliveries:
        rule = POLICY.delivery
        pool, asks = self.house.pool, self.house.asks
        return Deliveries(pool, asks, self.posting, lambda: rule, self.clock, Bell())

    async def register(self, endpoint: str, **wanted: Any) -> None:
        wish = RegisterEndpoint(
            endpoint_id=endpoint, url=f"{self.receiver.url}/{endpoint}", **wanted
        )
        await self.ask(endpoint, wish)
        await store.keep_secret(self.house.pool, endpoint, self.secret, START)

    async def ask(self, endpoint: str, wish: Any) -> None:
        key = f"endpoint:{endpoint}"
        ask = Ask(ENDPOINT, key, wish, f"{wish}", b"", "test", lambda _state, _made: (200, Noted()))
        (answer,) = await self.house.asks.ask_all([ask])
        assert answer.status < 300, answer

    async def light(self, *customers: str) -> None:
        """A red light for each customer: one alert, and one delivery per endpoint."""
        for customer in customers:
            light = RedLightLit(customer_id=customer, evidence=[SILENCE], owner="anna")
            fact = said(light)
            await self.house.told(type(fact)(**{**_fields(fact), "key": customer}))

    async def states(self) -> Counter[str]:
        rows = await self.house.pool.fetch("SELECT state FROM delivery")
        return Counter(row[0] for row in rows)

    async def published(self) -> Counter[str]:
        rows = await self.house.pool.fetch("SELECT type FROM event WHERE topic = 'alerts.v1'")
        return Counter(row[0].split(".")[2] for row in rows)


def _fields(fact: Any) -> dict[str, Any]:
    return {name: getattr(fact, name) for name in fact.__struct_fields__}


@pytest.fixture
async def line(house: House) -> Any:
    async with receiving() as receiver, webhooks(allow_private=True) as posting:
        one = Line(house, receiver, posting)
        await one.register("ep-1")
        yield one


@pytest.mark.feature("N8")
async def test_an_alert_is_delivered_signed_once_and_told_of(line: Line) -> None:
    line.clock.now = datetime.now(UTC)
    await line.light("c-1")
    await line.worker().settle()

    (got,) = line.receiver.received
    assert got.verified(line.secret)["data"]["kind"] == "red-light"
    assert (await line.states(), await line.published()) == ({"sent": 1}, {"raised": 1, "sent": 1})


@pytest.mark.feature("N8")
async def test_a_crash_between_post_and_record_posts_again_under_the_same_id(line: Line) -> None:
    await line.light("c-1")
    (claimed,) = await queue.claim(line.house.pool, {"ep-1": 9}, "dead", line.clock())
    await line.worker()._post(f"{line.receiver.url}/ep-1", claimed, [line.secret], POLICY.delivery)
    await line.worker().settle()
    assert len(line.receiver.received) == 1, "the claim of the dead worker still holds"

    line.clock.later(seconds=queue.LEASE.total_seconds() + 1)
    await line.worker().settle()
    first, second = line.receiver.received
    assert first.id == second.id
    assert (await line.published())["sent"] == 1


@pytest.mark.feature("N8")
async def test_telling_twice_is_telling_once(line: Line) -> None:
    await line.light("c-1")
    await line.worker().settle()
    await line.house.pool.execute("UPDATE delivery SET reported = false")

    assert await line.worker().report() == 1
    assert (await line.published())["sent"] == 1


@pytest.mark.feature("N8")
async def test_one_customer_waits_behind_its_failed_alert_others_do_not(line: Line) -> None:
    line.receiver.reply = lambda _path, number: web.Response(status=500 if number == 1 else 204)
    await line.light("c-1")
    await line.worker().settle()
    await line.house.pool.execute(
        """INSERT INTO delivery (id, endpoint_id, alert_id, customer_id, kind, body, made_at, due_at)
           SELECT 'second', endpoint_id, alert_id, customer_id, kind, body, made_at, made_at
           FROM delivery"""
    )
    await line.light("c-2")
    await line.worker().settle()
    assert await line.states() == {"pending": 2, "sent": 1}

    line.clock.later(seconds=7)
    await line.worker().settle()
    ids = [one.id for one in line.receiver.received]
    assert ids[0] == ids[2]
    assert ids[3] == "second"
    assert await line.states() == {"sent": 3}


@pytest.mark.feature("N8")
async def test_attempts_are_exhausted_told_of_listed_and_replayed(line: Line) -> None:
    line.receiver.reply = lambda _path, _number: web.Response(status=500)
    await line.light("c-1")
    for _ in POLICY.delivery.schedule:
        await line.worker().settle()
        line.clock.later(hours=30)
    assert (await line.states(), (await line.published())["failed"]) == ({"failed": 1}, 1)
    (listed,) = await store.deliveries(line.house.pool, store.DeliveryFilter(state="failed"), 9)
    assert (listed["attempts"], listed["status"]) == (10, 500)

    line.receiver.reply = lambda _path, _number: web.Response(status=204)
    assert await store.replay_failed(line.house.pool, START, "ep-1", line.clock()) == 1
    await line.worker().settle()
    assert len({one.id for one in line.receiver.received}) == 1
    assert (await line.states(), (await line.published())["sent"]) == ({"sent": 1}, 1)


@pytest.mark.feature("N8")
async def test_410_disables_the_endpoint_and_gives_up_what_waits(line: Line) -> None:
    await line.register("ep-2")
    line.receiver.reply = lambda path, _n: web.Response(status=410 if path == "/ep-1" else 204)
    await line.light("c-1", "c-2")
    asking = asyncio.create_task(line.house.asks.run(stopping := asyncio.Event()))
    await line.worker().settle()
    await line.light("c-3")
    await line.worker().settle()
    stopping.set()
    await asking

    endpoints = {row["endpoint_id"]: row for row in await store.endpoints(line.house.pool)}
    assert (endpoints["ep-1"]["enabled"], endpoints["ep-1"]["reason"]) == (False, "410 Gone")
    assert await line.states() == {"failed": 2, "sent": 3}


@pytest.mark.feature("N8")
async def test_a_throttled_endpoint_is_left_alone_and_others_are_not(line: Line) -> None:
    await line.register("ep-2")
    headers = {"retry-after": "60"}
    line.receiver.reply = lambda path, _n: (
        web.Response(status=429, headers=headers) if path == "/ep-1" else web.Response(status=204)
    )
    await line.light("c-1")
    await line.worker().settle()
    await line.light("c-2")
    line.clock.later(seconds=30)
    await line.worker().settle()

    paths = Counter(one.path for one in line.receiver.received)
    assert paths == {"/ep-1": 1, "/ep-2": 2}


@pytest.mark.feature("N8")
async def test_after_a_rotation_both_secrets_sign_then_only_the_new_one(line: Line) -> None:
    new, pool = new_secret(), line.house.pool
    await store.rotate_secret(pool, "ep-1", new, line.clock(), START + timedelta(days=1))
    both = await queue.secrets(pool, ["ep-1"], line.clock())
    later = await queue.secrets(pool, ["ep-1"], START + timedelta(days=2))

    assert (both, later) == ({"ep-1": [new, line.secret]}, {"ep-1": [new]})


@pytest.mark.feature("N8")
async def test_two_workers_share_the_work_and_never_post_the_same(line: Line) -> None:
    for number in range(4):
        await line.register(f"ep-x{number}")
    await line.light(*(f"c-{number}" for number in range(40)))
    async with asyncio.timeout(30):
        await asyncio.gather(line.worker().settle(), line.worker().settle())
        await line.worker().settle()

    ids = Counter(one.id for one in line.receiver.received)
    assert (len(ids), max(ids.values())) == (200, 1)
    assert await line.states() == {"sent": 200}


async def test_a_disabled_endpoint_gets_nothing_and_it_is_told(line: Line) -> None:
    await line.light("c-1")
    await line.ask("ep-1", ChangeEndpoint(endpoint_id="ep-1", enabled=False, reason="holiday"))
    await line.light("c-2")
    await line.worker().settle()

    assert line.receiver.received == []
    assert (await line.states(), (await line.published())["failed"]) == ({"failed": 1}, 1)
