"""The Kafka lane on a real broker: it folds, follows, seeks, stops one partition, and lets timers go."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from perennial.contracts.base import Fact
from perennial.contracts.cloudevents import encode_data, headers
from perennial.kit.ids import uuid7
from perennial.kit.kafka import Broker, Log, Message, Outlet, partition_for
from perennial.kit.parking import Parking
from perennial.kit.records import HOLES_MOST, Positions, Records
from perennial.kit.timers import Timers
from perennial_embedded.stack import Stack

from tests.kit import toy
from tests.kit.toyhouse import Source, Toy

pytestmark = [pytest.mark.feature("P2"), pytest.mark.usefixtures("toys")]
FEED = toy.FEED.name


class Lane:
    """A door with its Kafka lane, and the feeder who writes to it."""

    def __init__(self, pool: asyncpg.Pool, log: Log, feeder: Outlet) -> None:
        self.house = Toy.on(pool)
        self.house.door.ticking = False
        self.records = Records(self.house.door, log, Positions(pool))
        self.feeder = feeder
        self.source = Source()
        self.run = uuid7()

    async def publish(self, *facts: Fact) -> None:
        await self.feeder.send_wave(
            [
                Message(0, fact.topic, fact.key, encode_data(fact.data), headers(fact))
                for fact in facts
            ]
        )

    def fed(self, name: str, **more: Any) -> Fact:
        return self.source.fact(FEED, self.run + name, toy.Fed(**more))

    async def until_caught_up(self) -> None:
        self.house.door.caught_up = None
        async with asyncio.timeout(20):
            while self.house.door.caught_up is None:
                await self.records.once()


def broker(stack: Stack, principal: str) -> Broker:
    login = stack.addresses.credentials(principal)
    return Broker(stack.addresses.bootstrap, login.username, login.password)


@pytest_asyncio.fixture(loop_scope="session")
async def lane(stack: Stack, pool: asyncpg.Pool) -> AsyncIterator[Lane]:
    feeder = Outlet(broker(stack, "feeder"), "feeder")
    log = Log(broker(stack, toy.NAME), f"toy-{uuid7()}", [FEED])
    await pool.execute("DELETE FROM position")
    await feeder.start()
    await log.start()
    ends = await log.ends([(FEED, part) for part in range(toy.FEED.partitions)])
    left_by_others = [(*place, end) for place, end in ends.items()]
    await pool.executemany("INSERT INTO position VALUES ($1, $2, $3, $3)", left_by_others)
    made = Lane(pool, log, feeder)
    await made.until_caught_up()
    yield made
    await made.records.close()
    await log.stop()
    await feeder.stop()


async def test_facts_are_folded_and_timers_may_go_as_far(lane: Lane) -> None:
    await lane.publish(lane.fed("a", amount=2), lane.fed("a", amount=3))
    await lane.until_caught_up()
    assert await lane.house.total(f"{lane.run}a") == 5


async def test_kafka_is_told_where_we_stand_though_nothing_has_come_since(
    lane: Lane, pool: asyncpg.Pool
) -> None:
    """Whoever was here before may have ended before it told: lag tools would show it for ever."""
    await lane.records.once()
    stands = await pool.fetch("SELECT part, next_offset FROM position WHERE topic = $1", FEED)
    told = lane.records._log._consumer.committed
    for part, stand in stands:
        assert await told(TopicPartition(FEED, part)) == stand


async def test_a_gap_stops_one_partition_and_neither_the_lane_nor_its_watchdog(lane: Lane) -> None:
    door = lane.house.door
    lane.fed("a")  # never published: the next is ahead of it
    ahead = lane.fed("a")
    far = next(name for name in "bcdefgh" if _part(lane, name) != _part(lane, "a"))
    door.progress = 0
    await lane.publish(ahead, lane.fed(far, amount=2))
    await lane.until_caught_up()
    assert list(door.stopped) == [(FEED, _part(lane, "a"))]
    assert await lane.house.total(lane.run + far) == 2
    assert door.progress > 0
    assert door.stands_still(f"{lane.run}a")
    assert not door.stands_still(lane.run + far)


async def test_timers_of_a_stopped_partition_wait(lane: Lane, pool: asyncpg.Pool) -> None:
    door = lane.house.door
    await lane.publish(lane.fed("a", remind_after=10))
    await lane.until_caught_up()
    door.stopped[FEED, _part(lane, "a")] = "a gap"
    timers = Timers(door, pool, Parking(door, pool).release)
    assert await timers.once() == 0
    del door.stopped[FEED, _part(lane, "a")]
    assert await timers.once() == 1


async def test_where_postgres_stands_is_sought_and_not_what_kafka_believes(
    lane: Lane, pool: asyncpg.Pool
) -> None:
    await lane.publish(lane.fed("a", amount=2))
    await lane.until_caught_up()
    before = await lane.house.store.dump()
    await pool.execute(
        "UPDATE position SET next_offset = next_offset - 1 WHERE topic = $1 AND part = $2",
        FEED,
        _part(lane, "a"),
    )
    await lane.publish(lane.fed("a", amount=3))
    await lane.until_caught_up()
    after = await lane.house.store.dump()
    assert (
        after["position"][FEED, _part(lane, "a")] == before["position"][FEED, _part(lane, "a")] + 1
    )
    assert await lane.house.total(f"{lane.run}a") == 5


async def test_what_the_log_has_lost_stops_the_partition(lane: Lane, pool: asyncpg.Pool) -> None:
    """As after a retention that ate facts: where we stand there is nothing any more."""
    place = FEED, _part(lane, "a")
    for _ in range(HOLES_MOST):
        lane.records._hole(place, 7)
    assert "offset 7 is missing" in lane.house.door.stopped[place]


def _part(lane: Lane, name: str) -> int:
    return partition_for(lane.run + name, toy.FEED.partitions)
