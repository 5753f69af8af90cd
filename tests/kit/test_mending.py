"""Parked facts mended by people: chosen by cause, capped, edited beside the original, and accounted for."""

import asyncpg
import pytest
from perennial.contracts.strict import Malformed
from perennial.kit.batch import Record
from perennial.kit.ingest import receive
from perennial.kit.parking import Handled, Parking, Which

from tests.kit import toy
from tests.kit.toyhouse import Source, Toy, at

pytestmark = [pytest.mark.feature("P3"), pytest.mark.stack]
MANY = 10_000


@pytest.fixture
def source() -> Source:
    return Source()


class Desk:
    """A house with its parking, and a person on call."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.house = Toy.on(pool)
        self.parking = Parking(self.house.door, pool)

    async def redrive(self, which: Which, most: int = MANY) -> Handled:
        told = await self.parking.redrive(which, most, "ada", "mended")
        while await self.parking.release(at(0)):
            continue
        return told

    async def ids(self) -> list[int]:
        return [one["id"] for one in await self.parking.listed(["parked"], Which(), 0, MANY)]


async def test_ten_thousand_are_redriven_by_one_word_and_what_stands_behind_follows(
    pool: asyncpg.Pool, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(pool)
    for start in range(0, MANY, 2_500):
        keys = [f"k{n}" for n in range(start, start + 2_500)]
        await desk.house.records(*(source.fed(key, toy.POISON) for key in keys))
    await desk.house.records(*(source.fed(f"k{n}", 2) for n in range(100)))
    (cause,) = await desk.parking.causes(["parked"], Which())
    assert (cause["facts"], cause["topic"]) == (MANY, toy.FEED.name)

    monkeypatch.setattr(toy, "POISON", None)
    told = await desk.redrive(Which(reason=cause["reason"].upper()))

    assert told == Handled(facts=MANY, behind=100)
    assert set(await desk.house.parked()) == {"released"}
    assert await desk.house.total("k7") == -13 + 2
    assert await desk.house.total("k9999") == -13
    assert await pool.fetchval("SELECT count(*) FROM handled WHERE verb = 'redrive'") == MANY


async def test_an_edited_copy_is_folded_and_the_original_stays_beside_it(
    pool: asyncpg.Pool, source: Source
) -> None:
    desk = Desk(pool)
    await desk.house.records(source.fed("a", toy.POISON), source.fed("a", 2))
    (number,) = await desk.ids()

    assert await desk.parking.edit(number, b'{"amount": 40}', "ada", "a slip of the pen")
    assert await desk.redrive(Which(ids=(number,))) == Handled(facts=1, behind=1)

    assert await desk.house.total("a") == 42
    found = await desk.parking.one(number)
    assert found is not None
    assert "-13" in found["raw"]
    assert found["edited"] == '{"amount": 40}'
    assert [(one["by_whom"], one["verb"], one["note"]) for one in found["history"]] == [
        ("ada", "edit", "a slip of the pen"),
        ("ada", "redrive", "mended"),
    ]
    assert (found["history"][0]["before"], found["history"][0]["after"]) == (
        found["raw"],
        found["edited"],
    )
    assert not await desk.parking.edit(number, b'{"amount": 1}', "ada", "too late")


async def test_what_could_not_be_read_is_read_anew_as_it_was_mended(
    pool: asyncpg.Pool, source: Source, toys: None
) -> None:
    desk = Desk(pool)
    fact = source.fact(toy.FEED.name, "a", toy.Fed(amount=3))
    plain = source.record(toy.FEED.name, "a")
    told = {
        "ce_specversion": "1.0", "ce_type": toy.Fed.TYPE, "ce_id": fact.id, "ce_source": "test",
        "ce_partitionkey": "a", "ce_sequence": f"{1:020d}", "ce_time": "2026-01-01T00:00:00Z",
        "ce_recordedtime": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    headers = tuple((name, value.encode()) for name, value in told.items())
    torn = Record(plain.topic, plain.part, plain.offset, b"a", b'{"amount": 3', headers)
    await desk.house.records(receive(toy.SERVICE, torn, at(0)))
    (number,) = await desk.ids()

    with pytest.raises(Malformed):
        await desk.parking.edit(number, b'{"amount": "much"}', "ada", "no better")
    assert await desk.parking.edit(number, b'{"amount": 3}', "ada", "the end was torn off")
    await desk.redrive(Which(ids=(number,)))

    assert await desk.house.total("a") == 3
    await desk.house.records(source.fed("a", 4))
    assert await desk.house.total("a") == 7


async def test_no_more_are_handled_than_was_said_and_only_those_that_are_meant(
    pool: asyncpg.Pool, source: Source
) -> None:
    desk = Desk(pool)
    await desk.house.records(*(source.fed(key, toy.POISON) for key in "abc"))
    assert await desk.parking.redrive(Which(topic="orders.v1"), 9, "ada", "") == Handled(facts=0, behind=0)  # fmt: skip
    assert await desk.parking.redrive(Which(key="b"), 9, "ada", "") == Handled(facts=1, behind=0)
    assert (await desk.parking.discard(Which(topic=toy.FEED.name), 1, "ada", "no use")).facts == 1
    first = await desk.parking.listed(["parked", "redrive"], Which(), 0, 2)
    rest = await desk.parking.listed(["parked", "redrive"], Which(), first[-1]["id"], 2)
    assert [one["key"] for one in (*first, *rest)] == ["a", "b", "c"]
