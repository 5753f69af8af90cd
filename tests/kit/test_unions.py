"""What was found to be one: facts go to the root, parts change hands, and both are undone exactly."""

import asyncpg
import pytest
from perennial.kit.batch import Item
from perennial.kit.door import Job
from perennial.kit.ingest import asked

from tests.kit import toy
from tests.kit.toyhouse import Source, Toy, ask

pytestmark = pytest.mark.feature("I2")


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.stack)])
def house(request: pytest.FixtureRequest) -> Toy:
    if request.param == "memory":
        return Toy.in_memory()
    return Toy.on(request.getfixturevalue("pool"))


@pytest.fixture
def source() -> Source:
    return Source()


async def united(house: Toy, one: str = "a", other: str = "b", apart: bool = False) -> int:
    name = f"{one} {other} {apart}"
    [answer] = await house.asks(ask(one, toy.Unite(other=other, apart=apart), name))
    return answer.status


def handed(source: Source, giver: str, taker: str) -> tuple[Item, Item]:
    """An order goes from the one to the other: both facts of it."""
    told = (giver, toy.Parted(order="o1", to=taker)), (taker, toy.Joined(order="o1", to=taker))
    gone, come = [source.item(source.fact(toy.FEED.name, key, data)) for key, data in told]
    return gone, come


async def test_its_parts_and_all_later_facts_go_to_the_root(house: Toy, source: Source) -> None:
    await house.records(source.order("b", "o1"), source.payment("o1", "p1"))
    assert await united(house) == 201
    assert await house.part("o1") == ("a", ["p1"])
    await house.records(source.payment("o1", "p2"), source.order("b", "o2"))
    assert await house.part("o1") == ("a", ["p1", "p2"])
    assert await house.part("o2") == ("a", [])
    [total] = await house.asks(ask("b", toy.Add(amount=7), "add"))
    assert total.status == 201
    assert await house.total("a") == 7


async def test_a_root_that_became_another_in_turn_is_followed(house: Toy, source: Source) -> None:
    await united(house, "a", "b")
    await united(house, "c", "a")
    await house.records(source.order("b", "o1"))
    assert (await house.part("o1"))[0] == "c"


async def test_apart_again_each_has_its_own(house: Toy, source: Source) -> None:
    await house.records(source.order("b", "o1"))
    before = (await house.store.dump())["part"]
    await united(house)
    assert await united(house, apart=True) == 201
    assert (await house.store.dump())["part"] == before
    await house.records(source.order("b", "o2"))
    assert (await house.part("o2"))[0] == "b"


@pytest.mark.parametrize("apart", [False, True])
async def test_what_is_said_in_the_batch_of_a_union_waits_for_the_next_one(
    house: Toy, apart: bool
) -> None:
    """Who is who was looked at before the batch was folded."""
    if apart:
        await united(house)
    union = ask("a", toy.Unite(other="b", apart=apart), "union")
    add = ask("b", toy.Add(amount=7), "add")
    items = [asked(toy.SERVICE, wish, house.door.now()) for wish in (union, add)]
    outcome = await house.door.run(Job("requests", items))
    assert [id(item.ask) for item in outcome.busy] == [id(add)]
    await house.asks(add)
    assert await house.total("b" if apart else "a") == 7


async def test_facts_that_bear_a_version_stay_with_their_key(house: Toy, source: Source) -> None:
    await united(house)
    await house.records(source.fed("b", 5))
    assert (await house.total("a"), await house.total("b")) == (0, 5)


async def test_a_part_on_its_way_holds_its_new_subject_until_it_is_let_go_of(
    house: Toy, source: Source
) -> None:
    """The two keys lie in different partitions: either may be read first."""
    feed = toy.FEED.name
    await house.records(source.order("b", "o1"))
    joined = source.item(source.fact(feed, "a", toy.Joined(order="o1", to="a")))
    await house.records(joined, source.fed("a", 3))
    assert sorted(await house.parked()) == ["barred", "behind"]
    assert await house.total("a") == 0
    assert await house.release() == 0
    await house.records(source.item(source.fact(feed, "b", toy.Parted(order="o1", to="a"))))
    assert await house.release() == 1
    assert (await house.part("o1"))[0] == "a"
    assert await house.total("a") == 3
    await house.records(source.fed("a", 4))
    assert await house.total("a") == 7


async def test_a_part_is_taken_after_it_was_let_go_of_also_by_one_never_heard_of_it(
    house: Toy, source: Source
) -> None:
    """The key on which it was made lies in a partition that is read last."""
    order = source.order("c", "o1")
    gone, come = handed(source, "c", "a")
    await house.records(come)
    assert await house.parked() == ["barred"]
    assert await house.release() == 0
    await house.records(order)
    assert (await house.part("o1"))[0] == "c"
    assert await house.release() == 0
    await house.records(gone)
    assert await house.release() == 1
    assert (await house.part("o1"))[0] == "a"


async def test_a_part_that_goes_to_and_fro_stops_where_it_was_left(
    house: Toy, source: Source
) -> None:
    """c → a → c → a, and all that a hears of it is read before c takes it back."""
    await house.records(source.order("c", "o1"))
    ways = [handed(source, *way) for way in (("c", "a"), ("a", "c"), ("c", "a"))]
    (first, taken), (back, taken_back), (last, kept) = ways
    await house.records(first, taken, back, kept)
    assert await house.parked() == ["barred"]
    assert await house.release() == 0
    await house.records(taken_back)
    assert (await house.part("o1"))[0] == "c"
    await house.records(last)
    assert await house.release() == 1
    assert (await house.part("o1"))[0] == "a"
    assert await house.parked() == ["released"]


async def test_what_was_let_go_of_and_never_held_is_taken_all_the_same(
    house: Toy, source: Source
) -> None:
    gone, come = handed(source, "b", "a")
    await house.records(gone, come)
    assert (await house.part("o1"))[0] == "a"
    assert await house.parked() == []


async def test_let_go_of_and_gained_in_one_batch(house: Toy, source: Source) -> None:
    await house.records(source.order("b", "o1"))
    await house.records(*handed(source, "b", "a"))
    assert (await house.part("o1"))[0] == "a"
    assert await house.parked() == []


async def test_what_nobody_holds_any_more_is_gone(house: Toy, source: Source) -> None:
    await house.records(source.order("b", "o1"))
    await house.records(source.item(source.fact(toy.FEED.name, "b", toy.Parted(order="o1"))))
    assert (await house.store.dump())["part"] == {}


async def test_a_refused_union_changes_nothing(house: Toy, source: Source) -> None:
    await house.records(source.order("b", "o1"))
    assert await united(house, "a", "a") == 409
    assert await united(house, apart=True) == 409
    assert (await house.part("o1"))[0] == "b"


@pytest.mark.stack
async def test_requests_wait_for_both_whom_they_are_about(pool: asyncpg.Pool) -> None:
    house = Toy.on(pool)
    [answer] = await house.asks(ask("b", toy.Add(amount=1), "first"))
    assert answer.status == 201
    async with pool.acquire() as other, other.transaction():
        await other.execute("SELECT FROM entity WHERE key = 'b' FOR UPDATE")
        wish = ask("a", toy.Unite(other="b"), "unite")
        items = [asked(toy.SERVICE, wish, house.door.now())]
        outcome = await house.door.run(Job("requests", items, skip_locked=True))
        assert [id(item.ask) for item in outcome.busy] == [id(wish)]
