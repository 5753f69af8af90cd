"""What the door promises of facts: order, duplicates, holes, gaps, forks, answers, numbers."""

from dataclasses import replace as changed

import pytest
from msgspec.structs import replace
from perennial.contracts.base import Event
from perennial.contracts.partner import DEMO
from perennial.kit import actions, door
from perennial.kit.door import Job
from perennial.kit.ingest import asked
from perennial.kit.kafka import partition_for
from perennial.kit.policies import AdoptPolicy, DraftPolicy

from tests.kit import toy
from tests.kit.toyhouse import Source, Toy, ask, at

pytestmark = pytest.mark.feature("P2")

PARTITION = partition_for("a", toy.FEED.partitions)
FAR = next(key for key in "bcdef" if partition_for(key, toy.FEED.partitions) != PARTITION)
"""A key in another partition than `a`."""


@pytest.fixture
def house() -> Toy:
    return Toy.in_memory()


@pytest.fixture
def source() -> Source:
    return Source()


async def test_the_same_records_twice_are_taken_once(house: Toy, source: Source) -> None:
    batch = [source.fed("a"), source.fed("a"), source.fed("b")]
    await house.records(*batch)
    before = await house.store.dump()
    again = await house.records(*batch)
    assert await house.store.dump() == before
    assert not again.reseek
    assert again.writes.taken == {}


async def test_a_partition_not_where_we_stand_is_sought_again_and_others_commit(
    house: Toy, source: Source
) -> None:
    first, second, other = source.fed("a"), source.fed("a"), source.fed(FAR)
    outcome = await house.records(second, other)
    assert outcome.reseek == {(toy.FEED.name, PARTITION): 0}
    assert await house.total(FAR) == 1
    await house.records(first, second)
    assert await house.total("a") == 2


@pytest.mark.parametrize("said", [toy.Noted(), toy.Gone(order="o1")])
async def test_a_fact_that_changes_nothing_leaves_its_version_alone(
    house: Toy, source: Source, said: Event
) -> None:
    await house.records(source.fed("a", 5, remind_after=60))
    before = await house.state("a")
    outcome = await house.records(source.item(source.fact(toy.NOTES.name, "a", said, 1)))
    [entity] = outcome.writes.counted
    assert not outcome.writes.entities
    assert (entity.folded is None) == isinstance(said, toy.Gone), "what nobody hears needs no state"
    now, seen, *rest = before
    assert await house.state("a") == (
        now, {**seen, toy.NOTES.name: 1}, *rest[:2], {**rest[2], toy.NOTES.name: "00000001"}, *rest[3:],
    )  # fmt: skip


async def test_a_relays_duplicate_changes_nothing_and_is_not_counted(
    house: Toy, source: Source
) -> None:
    fact = source.fact(toy.FEED.name, "a", toy.Fed(amount=5))
    outcome = await house.records(source.item(fact), source.item(fact))
    assert await house.total("a") == 5
    assert outcome.duplicates == 1
    assert outcome.writes.taken == {toy.FEED.name: 1}


async def test_a_gap_stops_just_that_partition(house: Toy, source: Source) -> None:
    await house.records(source.fed("a"))
    source.fact(toy.FEED.name, "a", toy.Fed())  # lost on the way
    ahead, other = source.fed("a"), source.fed(FAR)
    outcome = await house.records(ahead, other)
    assert list(outcome.stopped) == [(toy.FEED.name, PARTITION)]
    assert "version 3 after 1" in next(iter(outcome.stopped.values()))
    assert await house.total("a") == await house.total(FAR) == 1
    assert house.store.tables.position[toy.FEED.name, PARTITION] == 1


async def test_another_fact_under_a_version_that_was_taken_stops_as_a_fork(
    house: Toy, source: Source
) -> None:
    await house.records(source.fed("a"))
    restored = source.fact(toy.FEED.name, "a", toy.Fed(amount=9), ver=1)
    changed = replace(restored, id="00000000-after-a-restore")
    outcome = await house.records(source.item(changed))
    assert "fork" in next(iter(outcome.stopped.values()))


async def test_a_loop_of_services_ends_after_sixteen_hops(house: Toy, source: Source) -> None:
    fact = replace(source.fact(toy.FEED.name, "a", toy.Fed()), hops=17)
    await house.records(source.item(fact))
    assert await house.parked() == ["parked"]


async def test_a_partners_fact_said_again_is_folded_once(house: Toy, source: Source) -> None:
    await house.records(source.order("a", "o1"), source.payment("o1", "p1"))
    await house.records(source.payment("o1", "p1"), source.order("a", "o1"))
    assert [event[4] for event in (await house.store.dump())["event"]] == [
        toy.Placed.TYPE,
        toy.Paid.TYPE,
    ]


async def test_a_key_used_twice_gives_one_effect_and_the_same_answer(house: Toy) -> None:
    first, same = await house.asks(
        ask("a", toy.Add(amount=5), "one"), ask("a", toy.Add(amount=5), "one")
    )
    (later,) = await house.asks(ask("a", toy.Add(amount=5), "one"))
    assert first.body == same.body == later.body
    assert (first.replayed, same.replayed, later.replayed) == (False, True, True)
    assert await house.total("a") == 5


async def test_a_key_used_with_another_body_is_refused(house: Toy) -> None:
    _, other = await house.asks(
        ask("a", toy.Add(amount=5), "one"), ask("a", toy.Add(amount=6), "one")
    )
    (later,) = await house.asks(ask("a", toy.Add(amount=7), "one"))
    assert (other.status, later.status) == (422, 422)
    assert await house.total("a") == 5


async def test_a_refusal_is_stored_and_said_again_though_it_would_now_pass(house: Toy) -> None:
    (no,) = await house.asks(ask("a", toy.Add(amount=1001), "big"))
    await house.asks(ask("a", toy.Add(amount=-500), "less"))
    (still,) = await house.asks(ask("a", toy.Add(amount=1001), "big"))
    assert no.refusal
    assert (no.status, no.refusal.code) == (409, "over-limit")
    assert (still.status, still.refusal, still.replayed) == (409, no.refusal, True)


async def test_a_request_whose_rule_fails_is_answered_500_alone_and_parks_nothing(
    house: Toy,
) -> None:
    bad, good = await house.asks(
        ask("a", toy.Ticket(series="s", poison=True), "bad"),
        ask("a", toy.Ticket(series="s"), "good"),
    )
    assert (bad.status, good.status) == (500, 201)
    assert await house.parked() == []


async def test_numbers_have_no_gap_though_a_request_fails_after_drawing_some(house: Toy) -> None:
    bad = ask("a", toy.Ticket(series="s", poison=True), "bad")
    await house.asks(
        ask("a", toy.Ticket(series="s"), "1"), bad, ask("b", toy.Ticket(series="s"), "2")
    )
    (later,) = await house.asks(ask("a", toy.Ticket(series="s"), "3"))
    assert b'["s-5","s-6"]' in later.body
    assert (await house.store.dump())["counter"] == {"s": 6}


async def test_reference_facts_are_known_to_the_rules_of_their_batch(
    house: Toy, source: Source
) -> None:
    boss = source.item(source.fact(toy.STAFF.name, "boss", toy.Named(name="Ada")))
    await house.records(source.fed("a"), boss)
    assert '"by":"Ada"' in (await house.store.dump())["event"][0][-1]
    assert house.door.worlds.at(at(0)).staff["boss"].name == "Ada"


async def test_a_policy_is_chosen_by_the_facts_moment_not_by_its_arrival(
    house: Toy, source: Source
) -> None:
    policy = house.door.service.policy_subject
    drafted = ask(toy.NAME, DraftPolicy(document={"limit": 7}), "draft")
    wish = AdoptPolicy(version=1, effective_at=at(100), reason="tighter")
    adopted = ask(toy.NAME, wish, "adopt")
    await house.asks(changed(drafted, subject=policy), changed(adopted, subject=policy))
    await house.records(source.fed("a", seconds=100), source.fed("b", seconds=99))
    events = [event for event in (await house.store.dump())["event"] if event[0] == toy.COUNTS.name]
    limits = {event[1]: '"limit":7' in event[-1] for event in events}
    assert limits == {"a": True, "b": False}
    assert ['"toy@1"' in event[-1] for event in events] == [True, False]


async def test_a_part_has_one_holder(house: Toy, source: Source) -> None:
    await house.records(source.order("a", "o1"), source.order("b", "o1", "twice"))
    await house.records(source.order("b", "o1", "thrice"))
    tables = await house.store.dump()
    assert {place: part[0] for place, part in tables["part"].items()} == {("customer", "o1"): "a"}
    assert await house.parked(lambda row: (row[7], row[8])) == [("parked", "held-by-another")] * 2


def test_a_repeated_batch_begins_with_the_same_items(source: Source) -> None:
    """A deadlock after the fold: what the first try decided must not colour the second."""
    house = Toy.in_memory()
    waiting = source.order("a", "o1", currency="EUR")
    job = Job("records", [waiting, source.payment("o1", "p1"), source.fed("a")])
    for _ in range(2):
        machine, action = door.batch(toy.SERVICE, house.door.worlds, job), None
        while not isinstance(action, actions.Write):
            action = machine.send(house.store.perform(action) if action else None)
        machine.close()
        assert [one.state for one in action.writes.parked] == ["waiting", "waiting"]
        assert waiting.wait == ""


async def test_a_request_on_a_key_another_holds_is_deferred_not_answered(house: Toy) -> None:
    wish = asked(toy.SERVICE, ask("a", toy.Add(amount=1), "1"), at(0))
    free = asked(toy.SERVICE, ask("b", toy.Add(amount=1), "2"), at(0))
    machine = door.batch(toy.SERVICE, house.door.worlds, Job("requests", [wish, free]))
    action = next(machine)
    outcome = None
    while outcome is None:
        result = house.store.perform(action)
        if isinstance(action, actions.LockEntities):
            rows, _ = result
            held = {("customer", "a")}
            result = {place: row for place, row in rows.items() if place not in held}, held
        try:
            action = machine.send(result)
        except StopIteration as done:
            outcome = done.value
    assert [item.key for item in outcome.busy] == ["a"]
    assert list(outcome.answers) == [id(free.ask)]


async def test_a_fact_that_fails_at_the_edge_is_parked_and_the_topic_goes_on(
    house: Toy, source: Source
) -> None:
    strange = source.partner(toy.Noted(), "x")  # the toy's `locate` knows no such fact
    outcome = await house.records(strange, source.order("a", "o1"))
    assert await house.parked(lambda row: (row[7], row[8])) == [("parked", "AttributeError")]
    assert outcome.writes.taken == {DEMO.name: 2}
