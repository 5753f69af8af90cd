"""Timers: each once, at its moment, before later facts of its key; a stuck one holds the key."""

from dataclasses import replace as changed
from datetime import datetime

import pytest
from perennial.contracts.base import Fact, TimerFired
from perennial.kit.subject import Service, on

from tests.kit import toy
from tests.kit.toyhouse import Source, Toy, ask, at

pytestmark = pytest.mark.feature("P2")


@pytest.fixture
def house() -> Toy:
    return Toy.in_memory()


@pytest.fixture
def source() -> Source:
    return Source()


def told(house: Toy) -> list[tuple[str, datetime]]:
    return [(event[1], event[3]) for event in house.store.tables.event.values()]


async def test_timers_due_before_a_fact_fire_before_it_at_their_own_moments(
    house: Toy, source: Source
) -> None:
    await house.records(
        source.fed("a", remind_after=10, times=2), source.fed("a", seconds=100), source.fed("b")
    )
    assert told(house)[:4] == [
        (toy.Counted.TYPE, at(0)),
        (toy.Reminded.TYPE, at(10)),
        (toy.Reminded.TYPE, at(70)),
        (toy.Counted.TYPE, at(100)),
    ]


async def test_each_timer_fires_once_and_none_before_its_time(house: Toy, source: Source) -> None:
    await house.records(source.fed("a", remind_after=10))
    await house.timers(9)
    assert len(told(house)) == 1
    await house.timers(10)
    await house.timers(1000)
    assert told(house) == [(toy.Counted.TYPE, at(0)), (toy.Reminded.TYPE, at(10))]


async def test_a_stuck_timer_holds_its_key_and_the_fact_that_met_it_stands_behind(
    house: Toy, source: Source
) -> None:
    await house.records(source.fed("a", toy.STUCK, remind_after=10))
    outcome = await house.records(source.fed("a", 2, seconds=20), source.fed("b", 3))
    assert sorted(await house.parked()) == ["behind", "parked"]
    assert await house.total("b") == 3
    outcome = await house.records(source.fed("a", 4, seconds=21))
    assert outcome.stopped == {}
    assert await house.store.due(at(1000)) == []


async def test_a_mended_timer_fires_and_its_key_flows_again(
    house: Toy, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.records(source.fed("a", toy.STUCK, remind_after=10))
    await house.timers(15)
    await house.records(source.fed("a", 2, seconds=20))
    assert sorted(await house.parked()) == ["behind", "parked"]
    monkeypatch.setattr(toy, "_reminded", lambda *_: [toy.Reminded()])
    await house.store.redrive()
    await house.release()
    assert await house.parked() == ["released", "released"]
    assert told(house) == [
        (toy.Counted.TYPE, at(0)),
        (toy.Reminded.TYPE, at(10)),
        (toy.Counted.TYPE, at(20)),
    ]


async def test_a_timer_that_a_new_policy_moves_later_does_not_fire_at_the_old_moment(
    house: Toy, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.records(source.fed("a", remind_after=10))
    later = changed(toy.CUSTOMER, due=lambda _state, _world: {"remind": at(50)})
    service: Service = changed(
        toy.SERVICE, listens=(on(toy.Fed, to=later), *toy.SERVICE.listens[1:])
    )
    house.door.service = service
    await house.timers(20)
    assert len(told(house)) == 1
    assert (await house.state("a"))[-1] == at(50)


async def test_what_timers_did_before_a_poison_fact_is_undone_with_it(
    house: Toy, source: Source
) -> None:
    """It is held: its timers come again, in order, when it flows."""
    await house.records(source.fed("a", remind_after=10))
    await house.records(source.fed("a", toy.POISON, seconds=20))
    assert len(told(house)) == 1
    await house.store.redrive(dropping=True)
    await house.release()
    assert [kind for kind, _ in told(house)] == [toy.Counted.TYPE, toy.Reminded.TYPE]


async def test_a_timer_that_names_a_part_no_fact_named_finds_it_loaded(
    house: Toy, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timer is set by a fact of the same batch, so that nothing could foresee its part."""
    await house.records(source.order("a", "o1"))

    def names_o1(fact: Fact) -> list[str]:
        return ["o1"] if isinstance(fact.data, TimerFired) else list(toy.names(fact))

    def ask_about(state: toy.Customer, _key: str) -> list[toy.Reminded]:
        return [toy.Reminded(paid="o1" in state.parts)]

    monkeypatch.setattr(toy, "_reminded", ask_about)
    subject = changed(toy.CUSTOMER, names=names_o1)
    listens = [
        on(*line.facts, to=subject) if line.subject is toy.CUSTOMER else line
        for line in toy.SERVICE.listens
    ]
    house.door.service = changed(toy.SERVICE, listens=tuple(listens))
    items = [source.fed("a", remind_after=10), source.fed("a", seconds=100)]
    for item in items:
        item.subject = subject
    await house.records(*items)
    assert '"paid":true' in list(house.store.tables.event.values())[2][-1]


async def test_a_request_fires_the_timers_before_it_too(house: Toy, source: Source) -> None:
    await house.records(source.fed("a", remind_after=10))
    house.door.ticked = at(60)
    await house.asks(ask("a", toy.Add(amount=1), "add"))
    assert [kind for kind, _ in told(house)] == [
        toy.Counted.TYPE,
        toy.Reminded.TYPE,
        toy.Counted.TYPE,
    ]
