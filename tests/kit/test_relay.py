"""The relay: every event in order per key; duplicates only as repeats of what was sent before."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition
from perennial.kit.ids import uuid7
from perennial.kit.kafka import Broker, Outlet
from perennial.kit.relay import Delete, Relay, Rest, Scan, Send, relay
from perennial_embedded.stack import Stack

from tests.kit import toy

pytestmark = [pytest.mark.feature("P2"), pytest.mark.stack]

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TOPIC = toy.COUNTS.name


def broker(stack: Stack) -> Broker:
    login = stack.addresses.credentials(toy.NAME)
    return Broker(stack.addresses.bootstrap, login.username, login.password)


@pytest_asyncio.fixture(loop_scope="session")
async def outlet(stack: Stack) -> AsyncIterator[Outlet]:
    made = Outlet(broker(stack), "relay-test")
    await made.start()
    yield made
    await made.stop()


async def fill(pool: asyncpg.Pool, events: Iterable[tuple[str, int, str]]) -> None:
    """(key, version, data) into the history and the outbox, in this order."""
    for key, ver, data in events:
        await pool.execute(
            "INSERT INTO event VALUES ($1, $2, $3, $4, 'toy.counted.v1', $5, $5, '{}', $6)",
            TOPIC, key, ver, f"{key}-{ver}", NOW, data,
        )  # fmt: skip
        await pool.execute(
            "INSERT INTO outbox (topic, key, ver) VALUES ($1, $2, $3)", TOPIC, key, ver
        )


async def published(stack: Stack, run: str) -> dict[str, list[int]]:
    """Versions by key, as a reader of the topic meets them; keys of other runs left out."""
    reader = AIOKafkaConsumer(
        group_id=None, max_partition_fetch_bytes=5_000_000, **broker(stack).security()
    )
    await reader.start()
    try:
        places = [TopicPartition(TOPIC, part) for part in range(toy.COUNTS.partitions)]
        reader.assign(places)
        await reader.seek_to_beginning(*places)
        ends = await reader.end_offsets(places)
        found: dict[str, list[int]] = {}
        while any([await reader.position(place) < ends[place] for place in places]):
            polled = await reader.getmany(timeout_ms=200)
            for one in (record for records in polled.values() for record in records):
                ver = int(dict(one.headers)["ce_sequence"])
                found.setdefault(one.key.decode(), []).append(ver)
        return {key: versions for key, versions in found.items() if key.startswith(run)}
    finally:
        await reader.stop()


async def perform(pool: asyncpg.Pool, outlet: Outlet, step: Any) -> Any:
    return await Relay("", outlet, "perennial/toy")._perform(pool, step)


async def drain(pool: asyncpg.Pool, outlet: Outlet) -> int:
    """Run the machine until it rests; how many waves it took."""
    machine, waves = relay("perennial/toy"), 0
    step = next(machine)
    while not isinstance(step, Rest):
        waves += isinstance(step, Send)
        step = machine.send(await perform(pool, outlet, step))
    return waves


async def test_every_event_leaves_in_order_and_the_outbox_empties(
    stack: Stack, pool: asyncpg.Pool, outlet: Outlet
) -> None:
    run = uuid7()
    await fill(pool, [(f"{run}{n % 5}", n // 5 + 1, "{}") for n in range(50)])
    await drain(pool, outlet)
    assert await published(stack, run) == {f"{run}{n}": list(range(1, 11)) for n in range(5)}
    assert await pool.fetchval("SELECT count(*) FROM outbox") == 0


async def test_killed_between_acknowledgement_and_delete_it_only_repeats(
    stack: Stack, pool: asyncpg.Pool, outlet: Outlet
) -> None:
    run = uuid7()
    await fill(pool, [(run, 1, "{}"), (run, 2, "{}")])
    machine = relay("perennial/toy")
    step = next(machine)
    while not isinstance(step, Delete):
        step = machine.send(await perform(pool, outlet, step))
    machine.close()
    await fill(pool, [(run, 3, "{}")])
    await drain(pool, outlet)
    assert await published(stack, run) == {run: [1, 2, 1, 2, 3]}


async def test_what_does_not_fit_into_a_wave_is_not_overtaken(
    stack: Stack, pool: asyncpg.Pool, outlet: Outlet
) -> None:
    run, large = uuid7(), '{"text":"' + "x" * 400_000 + '"}'
    events = [(run, ver, "{}" if ver == 4 else large) for ver in range(1, 8)]
    await fill(pool, events)
    assert await drain(pool, outlet) > 1
    assert await published(stack, run) == {run: list(range(1, 8))}


async def test_the_largest_event_that_can_be_stored_can_be_sent(
    stack: Stack, pool: asyncpg.Pool, outlet: Outlet
) -> None:
    run = uuid7()
    await fill(pool, [(run, 1, '"' + "x" * 899_998 + '"'), (run, 2, "{}")])
    await drain(pool, outlet)
    assert await published(stack, run) == {run: [1, 2]}


async def test_one_of_two_relays_leads_and_the_other_takes_over(
    stack: Stack, pool: asyncpg.Pool, outlet: Outlet
) -> None:
    run, url = uuid7(), stack.addresses.dsn("toy_relay")
    leaders = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
    relays = [asyncio.create_task(Relay(url, outlet, "perennial/toy").run()) for _ in range(2)]
    await until(pool, f"({leaders}) = 1")
    await fill(pool, [(run, 1, "{}")])
    await until(pool, "NOT EXISTS (SELECT FROM outbox)")
    for ver, first in enumerate(relays, 2):
        first.cancel()
        await fill(pool, [(run, ver, "{}")])
        if ver == 2:
            await until(pool, "NOT EXISTS (SELECT FROM outbox)")
    await asyncio.gather(*relays, return_exceptions=True)
    await drain(pool, outlet)
    found = (await published(stack, run))[run]
    assert sorted(set(found)) == [1, 2, 3]
    assert list(dict.fromkeys(found)) == [1, 2, 3]


def test_nothing_is_deleted_before_it_is_acknowledged() -> None:
    machine = relay("perennial/toy")
    assert next(machine) == Scan(2_000)
    row = (7, TOPIC, "k", 1, "id", "toy.counted.v1", NOW, NOW, "{}", "{}")
    sent = machine.send([row])
    assert isinstance(sent, Send)
    assert machine.send([]) == Delete([])
    assert machine.send(None) == Scan(2_000)
    assert machine.send([]) == Rest()


async def until(pool: asyncpg.Pool, condition: str) -> None:
    async with asyncio.timeout(15):
        while not await pool.fetchval(f"SELECT {condition}"):  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0.01)
