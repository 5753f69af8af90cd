"""What only real servers can show: locks, races, commits that answer nobody."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import msgspec
import pytest
from perennial.contracts.base import Event
from perennial.kit import postgres
from perennial.kit.door import Job
from perennial.kit.hearing import Hearing, read_anew
from perennial.kit.lanes import Requests
from perennial.kit.parking import Parking
from perennial.kit.settle import Settlement
from perennial.kit.timers import Timers
from perennial_embedded.stack import Stack

from tests.kit import toy
from tests.kit.toyhouse import Source, Toy, ask, at

pytestmark = pytest.mark.feature("P2")


@pytest.fixture
def source() -> Source:
    return Source()


async def versions(pool: asyncpg.Pool) -> dict[str, list[int]]:
    rows = await pool.fetch("SELECT key, ver FROM event WHERE topic = 'toy.v1' ORDER BY ver")
    found: dict[str, list[int]] = {}
    for key, ver in rows:
        found.setdefault(key, []).append(ver)
    return found


def repeated(house: Toy) -> dict[str, float]:
    """How often batches were repeated, by error."""
    return {
        sample.labels["error"]: sample.value
        for metric in house.door.metrics.repeated.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }


async def test_two_lanes_that_meet_a_new_key_lose_and_double_nothing(
    pool: asyncpg.Pool, source: Source
) -> None:
    """R1: a row that is not there can't be locked. Each round a fresh set of keys, from both sides."""
    house = Toy.on(pool)
    for round_ in range(20):
        keys = [f"{round_}-{n}" for n in range(10)]
        wishes = [ask(key, toy.Add(amount=1), f"w{key}") for key in reversed(keys)]
        await asyncio.gather(house.records(*[source.fed(key) for key in keys]), house.asks(*wishes))
    found = await versions(pool)
    assert all(vers == [1, 2] for vers in found.values())
    assert len(found) == 200
    totals = await pool.fetch("SELECT state->>'total' FROM entity WHERE subject = 'customer'")
    assert {row[0] for row in totals} == {"2"}


async def test_lanes_over_the_same_keys_never_deadlock(pool: asyncpg.Pool, source: Source) -> None:
    house = Toy.on(pool)
    keys = [f"k{n}" for n in range(40)]

    async def asking(name: str) -> None:
        for n in range(15):
            wishes = [ask(key, toy.Add(amount=1), f"{name}{n}{key}") for key in keys]
            await house.asks(*wishes)

    async def reading() -> None:
        for _ in range(15):
            await house.records(*[source.fed(key) for key in reversed(keys)])

    await asyncio.gather(asking("x"), asking("y"), reading())
    assert "DeadlockDetectedError" not in repeated(house)
    assert {tuple(vers) for vers in (await versions(pool)).values()} == {tuple(range(1, 46))}


async def test_a_request_whose_key_is_held_does_not_hold_the_others(pool: asyncpg.Pool) -> None:
    house = Toy.on(pool)
    await house.asks(ask("slow", toy.Add(amount=1), "first"))
    requests = Requests(house.door)
    stopping = asyncio.Event()
    lane = asyncio.create_task(requests.run(stopping))
    async with pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT 1 FROM entity WHERE key = 'slow' FOR UPDATE")
        held = asyncio.create_task(requests.ask(ask("slow", toy.Add(amount=1), "held")))
        free = await requests.ask(ask("fast", toy.Add(amount=1), "free"))
        assert (free.status, held.done(), requests.waiting) == (201, False, 1)
    assert (await held).status == 201
    assert requests.waiting == 0
    stopping.set()
    await lane


async def test_timers_fire_once_though_many_lanes_see_them_due(
    pool: asyncpg.Pool, source: Source
) -> None:
    house = Toy.on(pool)
    await house.records(*[source.fed(f"k{n}", remind_after=10, times=3) for n in range(30)])
    house.door.ticked = at(1000)
    lanes = [Timers(house.door, pool, Parking(house.door, pool).release) for _ in range(4)]
    await asyncio.gather(*(lane.once() for lane in lanes))
    fired = await pool.fetch("SELECT key, now FROM event WHERE type = $1", toy.Reminded.TYPE)
    assert sorted((row[0], row[1]) for row in fired) == sorted(
        (f"k{n}", at(moment)) for n in range(30) for moment in (10, 70, 130)
    )


async def test_numbers_have_no_gap_and_no_twin_under_many_lanes(pool: asyncpg.Pool) -> None:
    house = Toy.on(pool)

    async def drawing(name: str) -> None:
        for n in range(10):
            poison = toy.Ticket(series="s", poison=n % 3 == 0)
            await house.asks(
                ask(name, toy.Ticket(series="s"), f"{name}{n}"), ask(name, poison, f"{name}{n}p")
            )

    await asyncio.gather(*(drawing(name) for name in "abcd"))
    rows = await pool.fetch("SELECT data::json->>'number' FROM event")
    numbers = sorted(int(row[0].partition("-")[2]) for row in rows)
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 80


async def test_a_limit_over_many_keys_holds_under_many_lanes(
    pool: asyncpg.Pool, source: Source
) -> None:
    """Ledger entries are locked after subjects, whoever names them first, and never go over."""
    house = Toy.on(pool)
    purses = [f"p{n}" for n in range(4)]
    await house.records(*[source.fed(f"k{n}", 1, remind_after=1, times=30) for n in range(40)])

    async def taking(name: str) -> None:
        for n in range(40):
            keys = (n, n + 1, n + 2)
            wishes = [
                ask(f"k{k % 40}", toy.Add(amount=100, purse=purses[(k * 7) % 4]), f"{name}{n}.{k}")
                for k in keys
            ]
            await house.asks(*wishes)

    await asyncio.gather(*(taking(name) for name in "uvwx"))
    rows = await pool.fetch("SELECT key, state::text FROM entity WHERE subject = 'purse'")
    taken = {row[0]: sum(msgspec.json.decode(row[1])["taken"].values()) for row in rows}
    assert taken == dict.fromkeys(purses, 1000)
    for second in range(1, 40):  # reminders give back: entries that only the fold can name
        await house.timers(second * 60)
    rows = await pool.fetch("SELECT state::text FROM entity WHERE subject = 'purse'")
    left = [sum(msgspec.json.decode(row[0])["taken"].values()) for row in rows]
    assert sum(left) < 4000
    assert "DeadlockDetectedError" not in repeated(house)


async def test_money_and_its_order_meet_whoever_commits_first(
    pool: asyncpg.Pool, source: Source
) -> None:
    house = Toy.on(pool)
    parking = Parking(house.door, pool)
    for n in range(15):
        order = ask(f"k{n}", toy.Add(amount=0), f"other{n}")
        paid = source.payment(f"o{n}", f"p{n}")
        placed = source.order(f"k{n}", f"o{n}")
        paid.record = placed.record = None  # two lanes: an import and a partner's topic
        await asyncio.gather(
            house.door.run(Job("bulk", [placed])), house.records(paid), house.asks(order)
        )
    while await parking.release(at(0)):
        pass
    rows = await pool.fetch("SELECT id, state->>'payments' FROM part")
    assert {row[0]: row[1] for row in rows} == {f"o{n}": f'["p{n}"]' for n in range(15)}


class Losing:
    """The first COMMIT loses its connection before, while, or after it happens."""

    def __init__(self, moment: str, pool: asyncpg.Pool) -> None:
        self.struck = False
        self._moment = moment
        self._pool = pool
        self._committed = postgres._Transaction._commit

    async def commit(self, transaction: Any) -> None:
        if self.struck:
            return await self._committed(transaction)
        self.struck = True
        connection = transaction._connection
        if self._moment == "while":
            await asyncio.gather(self._committed(transaction), self._end(connection))
            return None
        if self._moment == "before":
            await self._end(connection)
        await self._committed(transaction)
        await self._end(connection)
        raise postgres.CommitUnknownError("the answer got lost")

    async def _end(self, connection: Any) -> None:
        pid = connection.get_server_pid()
        await self._pool.execute("SELECT pg_terminate_backend($1, 2000)", pid)


MAKES: dict[str, type[Event]] = {
    "records": toy.Counted,
    "asks": toy.Counted,
    "timers": toy.Reminded,
    "parked": toy.Paid,
}


@pytest.mark.parametrize("moment", ["before", "while", "after"])
@pytest.mark.parametrize("work", ["records", "asks", "timers", "parked"])
async def test_a_commit_that_answers_nobody_is_neither_lost_nor_doubled(
    pool: asyncpg.Pool, source: Source, monkeypatch: pytest.MonkeyPatch, work: str, moment: str
) -> None:
    house = Toy.on(pool)
    house.door.after_doubt.append(lambda: read_anew(house.door, pool))
    await house.records(source.payment("o1", "p1"), source.fed("a", remind_after=10))
    await house.records(source.order("a", "o1"))
    losing = Losing(moment, pool)
    monkeypatch.setattr(postgres._Transaction, "_commit", lambda one: losing.commit(one))
    match work:
        case "records":
            boss = source.item(source.fact(toy.STAFF.name, "boss", toy.Named(name="Ada")))
            await house.records(source.fed("a", 2), boss)
            assert house.door.worlds.at(at(0)).staff["boss"].name == "Ada"
        case "asks":
            (answer,) = await house.asks(ask("a", toy.Add(amount=2), "one"))
            assert answer.status == 201
        case "timers":
            await house.timers(20)
        case "parked":
            await house.release()
    events: dict[str, list[type[Event]]] = {
        "records": [toy.Counted], "asks": [toy.Counted], "timers": [toy.Reminded],
        "parked": [toy.Paid],
    }  # fmt: skip
    made = await pool.fetch("SELECT type FROM event WHERE topic = 'toy.v1' AND ver > 2")
    assert [row[0] for row in made] == [event.TYPE for event in events[work]]
    assert (await house.state("a"))[2] == {"toy.v1": 3}


@pytest.fixture
async def successor(stack: Stack) -> AsyncIterator[asyncpg.Pool]:
    """As another process of the same service is connected."""
    made = await postgres.connect(stack.addresses.dsn(toy.NAME), "successor", size=2)
    yield made
    await made.close()


async def test_a_door_hears_what_another_process_committed(
    stack: Stack, pool: asyncpg.Pool, successor: asyncpg.Pool, source: Source
) -> None:
    """The commit of a process that died lands when its successor has read the tables."""
    dead, alive = Toy.on(pool), Toy.on(successor)
    read = asyncio.Event()

    async def anew() -> None:
        await read_anew(alive.door, successor)
        read.set()

    alive.door.after_doubt.append(anew)
    settlement = Settlement(alive.door, Requests(alive.door), successor, "successor", lambda: 0)
    hearing, stopping = Hearing("successor", alive.door, settlement), asyncio.Event()
    listening = asyncio.create_task(hearing.run(stack.addresses.dsn(toy.NAME), stopping))
    await asyncio.wait_for(read.wait(), 20)
    read.clear()
    assert "boss" not in alive.door.worlds.at(at(0)).staff
    await dead.records(source.item(source.fact(toy.STAFF.name, "boss", toy.Named(name="Ada"))))
    await asyncio.wait_for(read.wait(), 20)
    assert alive.door.worlds.at(at(0)).staff["boss"].name == "Ada"
    stopping.set()
    await listening
