"""What can't be applied: parked alone, its key held in order, redriven, discarded, waited for."""

from typing import Any

import asyncpg
import pytest
from perennial.kit.batch import Record
from perennial.kit.ingest import receive
from perennial.kit.parking import Handled, Parking, Which

from tests.kit import toy
from tests.kit.toyhouse import Source, Toy, ask, at

pytestmark = pytest.mark.feature("P3")


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.stack)])
def house(request: pytest.FixtureRequest) -> Toy:
    if request.param == "memory":
        return Toy.in_memory()
    return Toy.on(request.getfixturevalue("pool"))


@pytest.fixture
def source() -> Source:
    return Source()


async def test_a_poison_fact_parks_alone_and_the_rest_commits(house: Toy, source: Source) -> None:
    poison, after, other = source.fed("a", toy.POISON), source.fed("a", 2), source.fed("b", 3)
    outcome = await house.records(poison, after, other)
    assert await house.parked(lambda row: (row[4], row[5], row[7])) == [
        ("a", 1, "parked"),
        ("a", 2, "behind"),
    ]
    assert await house.total("b") == 3
    assert outcome.writes.taken == {toy.FEED.name: 3}


async def test_what_stands_behind_is_folded_in_order_once_the_fault_is_mended(
    house: Toy, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.records(source.fed("a", toy.POISON), source.fed("a", 2))
    await house.records(source.fed("a", 3))
    monkeypatch.setattr(toy, "POISON", None)
    await house.store.redrive()
    await house.release()
    assert await house.parked() == ["released"] * 3
    assert await house.total("a") == -13 + 2 + 3
    await house.records(source.fed("a", 4))
    assert await house.total("a") == -13 + 2 + 3 + 4


async def test_what_fails_again_holds_its_key_again(house: Toy, source: Source) -> None:
    await house.records(source.fed("a", toy.POISON), source.fed("a", 2))
    await house.store.redrive()
    await house.release()
    assert sorted(await house.parked()) == ["behind", "parked"]
    assert (await house.state("a"))[5] is True


async def test_a_fact_given_up_counts_as_seen_and_the_next_ones_flow(
    house: Toy, source: Source
) -> None:
    await house.records(source.fed("a", toy.POISON), source.fed("a", 2))
    await house.store.redrive(dropping=True)
    await house.release()
    assert sorted(await house.parked()) == ["discarded", "released"]
    await house.records(source.fed("a", 3))
    assert await house.total("a") == 5


async def test_a_fact_parked_between_the_mark_and_the_release_is_not_left_behind(
    house: Toy, source: Source
) -> None:
    await house.records(source.fed("a", toy.POISON))
    await house.store.redrive(dropping=True)
    await house.records(source.fed("a", 2))  # still held: it stands behind, after the mark
    await house.release()
    outcome = await house.records(source.fed("a", 3))
    assert outcome.stopped == {}
    assert await house.total("a") == 5


async def test_a_relays_duplicate_of_what_stands_behind_is_parked_and_counted_once(
    house: Toy, source: Source
) -> None:
    await house.records(source.fed("a", toy.POISON))
    fact = source.fact(toy.FEED.name, "a", toy.Fed(amount=2))
    first = await house.records(source.item(fact))
    again = await house.records(source.item(fact))
    assert (first.writes.taken, again.writes.taken) == ({toy.FEED.name: 1}, {toy.FEED.name: 0})
    assert sorted(await house.parked()) == ["behind", "parked"]


async def test_other_parked_facts_of_a_held_key_do_not_let_it_flow(
    house: Toy, source: Source
) -> None:
    await house.records(source.order("a", "o1", currency="EUR"), source.fed("a", toy.POISON))
    await house.asks(ask("rate:EUR", toy.SetRate(value=1), "rate"))
    await house.release()  # the order that waited is folded, the poison is not
    assert sorted(await house.parked()) == ["parked", "released"]
    outcome = await house.records(source.fed("a", 2))
    assert outcome.stopped == {}
    assert sorted(await house.parked()) == ["behind", "parked", "released"]


async def test_money_before_its_order_waits_and_is_folded_when_it_comes(
    house: Toy, source: Source
) -> None:
    await house.records(source.payment("o1", "p1"))
    assert await house.parked() == ["waiting"]
    assert await house.release() == 0
    await house.records(source.order("a", "o1"))
    await house.release()
    assert (await house.store.dump())["part"]["customer", "o1"] == ("a", {"payments": ["p1"]})


async def test_money_beside_its_order_in_one_batch_needs_no_waiting(
    house: Toy, source: Source
) -> None:
    await house.records(source.order("a", "o1"), source.payment("o1", "p1"))
    assert (await house.store.dump())["part"]["customer", "o1"] == ("a", {"payments": ["p1"]})
    assert await house.parked() == []


async def test_money_whose_order_is_refused_waits_on_and_follows_it(
    house: Toy, source: Source
) -> None:
    """The payment finds the order's key in the batch, and yet no order: the rule says wait."""
    await house.records(source.order("a", "o1", currency="EUR"), source.payment("o1", "p1"))
    assert await house.parked() == ["waiting", "waiting"]
    await house.asks(ask("rate:EUR", toy.SetRate(value=1), "rate"))
    await house.release()
    await house.release()
    assert await house.parked() == ["released", "released"]
    assert (await house.store.dump())["part"]["customer", "o1"] == ("a", {"payments": ["p1"]})


async def test_a_release_that_is_repeated_folds_nothing_twice(house: Toy, source: Source) -> None:
    """Two doors, or one whose COMMIT answered nobody: the row says that it is done."""
    await house.records(source.payment("o1", "p1"), source.order("a", "o1"))
    await house.records(source.payment("o2", "p2"))
    await house.records(source.order("a", "o2"))
    rows = await house.store.ready()
    await house.release()
    before = await house.store.dump()

    async def as_before() -> list[Any]:
        return list(rows)

    house.store.ready = as_before
    await house.release()
    assert await house.store.dump() == before


async def test_what_could_not_be_read_is_read_again(house: Toy, source: Source, toys: None) -> None:
    good = source.fact(toy.FEED.name, "a", toy.Fed(amount=4))
    headers = [("ce_specversion", b"1.0"), ("ce_id", b"x"), ("ce_source", b"s")]
    headers += [("ce_type", toy.Fed.TYPE.encode()), ("ce_time", b"2026-01-01T00:00:00Z")]
    headers += [("ce_sequence", b"1"), ("ce_partitionkey", b"a")]
    headers += [("ce_recordedtime", b"2026-01-01T00:00:00Z")]
    place = source.item(good).record
    assert place
    broken = Record(place.topic, place.part, place.offset, b"a", b'{"amount": "4"}', tuple(headers))
    await house.records(receive(toy.SERVICE, broken, at(0)), source.fed("a", 2))
    assert await house.parked() == ["parked", "behind"]
    await house.store.redrive()
    await house.release()
    assert sorted(await house.parked()) == ["behind", "parked"]  # unreadable as before
    await house.store.redrive(dropping=True)
    await house.release()
    assert await house.total("a") == 2


class TestOnPostgres:
    """Through the lane itself."""

    async def test_expired_waiting_is_parked_for_a_person(
        self, pool: asyncpg.Pool, source: Source
    ) -> None:
        house = Toy.on(pool)
        await house.records(source.payment("o1", "p1"))
        parking = Parking(house.door, pool)
        await parking.release(at(29 * 86400))
        assert await house.parked() == ["waiting"]
        await parking.release(at(31 * 86400))
        assert await house.parked(lambda row: row[7:9]) == [
            ("parked", "never known: order:o1"),
        ]

    async def test_redrive_and_discard_say_how_many_and_by_whom(
        self, pool: asyncpg.Pool, source: Source
    ) -> None:
        house = Toy.on(pool)
        parking = Parking(house.door, pool)
        await house.records(
            source.fed("a", toy.POISON), source.fed("a", 2), source.payment("o1", "p1")
        )
        listed = await parking.listed(["parked", "waiting"], Which(), 0, 10)
        which = Which(ids=tuple(row["id"] for row in listed))
        assert await parking.discard(which, 10, "ada", "not ours") == Handled(
            facts=2, waiting=1, behind=1
        )
        await parking.release(at(0))
        listed = await parking.listed(["discarded"], Which(), 0, 10)
        assert [(row["by_whom"], row["note"]) for row in listed] == [("ada", "not ours")] * 2
        assert await house.total("a") == 2

    async def test_a_fact_that_the_database_refuses_is_found_and_parked_alone(
        self, pool: asyncpg.Pool, source: Source
    ) -> None:
        house = Toy.on(pool)
        keys = [f"k{n}" for n in range(20)]
        keys.insert(7, "bad")
        batch = [source.fed(key, toy.UNSTORABLE if key == "bad" else 1) for key in keys]
        outcome = await house.records(*batch)
        stands = {place: n for place, n in source.ends.items() if place[0] == toy.FEED.name}
        assert outcome.writes.positions == stands
        await house.records(source.fed("bad", 2))
        assert await house.parked(lambda row: (row[4], row[7])) == [
            ("bad", "parked"),
            ("bad", "behind"),
        ]
        assert await house.total("k19") == 1
