"""The feed's positions on a real Postgres: whoever has read n never misses what becomes visible later."""

import asyncio
from typing import Any

import pytest
from notifications import store
from notifications.live import number_all
from perennial.contracts.customers import RedLightCleared, RedLightLit

from tests.notifications.conftest import House
from tests.notifications.told import SILENCE, said

pytestmark = [pytest.mark.stack, pytest.mark.feature("N9")]

_ADD = "INSERT INTO feed (event_id, type, alert_id, body) VALUES ($1, 't', 'a', '{}')"


async def positions(house: House, after: int = 0) -> list[int]:
    return [row.position for row in await store.feed(house.pool, after, 10_000)]


async def test_who_commits_late_comes_later_though_its_sequence_is_smaller(house: House) -> None:
    async with house.pool.acquire() as slow, house.pool.acquire() as quick:
        late = slow.transaction()
        await late.start()
        await slow.execute(_ADD, "drawn-first")
        await quick.execute(_ADD, "committed-first")
        await number_all(house.pool)
        assert await positions(house) == [1]
        await late.commit()
    await number_all(house.pool)

    ids = await house.pool.fetch("SELECT event_id FROM feed ORDER BY position")
    assert [row[0] for row in ids] == ["committed-first", "drawn-first"]
    assert await positions(house, after=1) == [2]


async def test_many_lanes_and_numberers_leave_no_gap_and_no_reader_misses_one(house: House) -> None:
    done = asyncio.Event()
    read: list[int] = []

    async def write(lane: int) -> None:
        for number in range(50):
            async with house.pool.acquire() as connection, connection.transaction():
                await connection.execute(_ADD, f"{lane}-{number}")
                await asyncio.sleep(0.001 * (lane % 3))

    async def number() -> None:
        while not done.is_set():
            await store.number_feed(house.pool, 7)

    async def follow() -> None:
        while len(read) < 200:
            read.extend(await positions(house, after=read[-1] if read else 0))

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        reader = tasks.create_task(follow())
        numberers = [tasks.create_task(number()) for _ in range(3)]
        await asyncio.gather(*(write(lane) for lane in range(4)))
        await reader
        done.set()
        await asyncio.gather(*numberers)
    assert read == list(range(1, 201))


async def test_a_numbering_cut_off_before_its_commit_leaves_nothing_behind(house: House) -> None:
    await house.pool.execute(_ADD, "one")
    async with house.pool.acquire() as connection:
        cut = connection.transaction()
        await cut.start()
        head = await connection.fetchval(store._LOCK_HEAD)
        assert await connection.fetchval(store._NUMBER, head, 10) == 1
        await cut.rollback()
    assert (await positions(house), await store.feed_head(house.pool)) == ([], 0)

    await number_all(house.pool)
    assert (await positions(house), await store.feed_head(house.pool)) == ([1], 1)


async def test_events_of_one_customer_stand_in_their_order_with_whom_they_concern(
    house: House,
) -> None:
    def fact(data: Any) -> Any:
        return said(data)

    light = RedLightLit(customer_id="c-1", evidence=[SILENCE], owner="anna")
    await house.told(fact(light), fact(light), fact(RedLightCleared(customer_id="c-1")))
    await number_all(house.pool)

    rows = await store.feed(house.pool, 0, 10)
    assert [row.type.split(".")[2] for row in rows] == ["raised", "repeated", "resolved"]
    assert all("anna" in row.people for row in rows)
