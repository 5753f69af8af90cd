"""A history folded once more, from its journal and the log alone, decides the same to the byte."""

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from perennial.kit.batch import Item
from perennial.kit.rerun import Rerun, steps_of

from tests.kit import toy
from tests.kit.memory import Memory
from tests.kit.test_door_conformance import Step, few, play, steps
from tests.kit.toyhouse import Toy

pytestmark = pytest.mark.feature("P6")


def in_memory() -> Memory:
    store = Memory()
    store.tables.position = dict.fromkeys(toy.PARTITIONS, 0)
    return store


class Listening(Toy):
    """Remembers every record it was given, as a log does."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.log: dict[tuple[str, int, int], Item] = {}

    async def records(self, *items: Item) -> Any:
        for item in items:
            assert item.record is not None
            self.log[item.record.topic, item.record.part, item.record.offset] = item
        return await super().records(*items)

    def item(self, topic: str, part: int, offset: int, _unreadable: bool) -> Item:
        return self.log[topic, part, offset]


def step(kind: str, key: str) -> Step:
    return Step(kind=kind, key=key, amount=1, order="o1", remind=0, again=False)


# Placed and let go of in one batch, and then named by another: it is nobody's.
@example([*[step("fed", "a")] * 12, step("order", "b"), step("hand", "b"), step("hand", "a")])
@settings(few, max_examples=150)
@given(st.lists(steps, max_size=30))
def test_the_live_policy_decides_the_same_again(history: list[Step]) -> None:
    house = Listening(in_memory())
    asyncio.run(play(house, history))

    again = Rerun(toy.SERVICE, house.item)
    recorded = steps_of(house.store.tables.journal)
    again.postpone(recorded)
    made = [one for step in recorded for one in again.take(step)]

    told = [(m.topic, m.key, m.ver, m.id, m.type, m.time, m.now, m.context, m.data) for m in made]
    assert told == [(*place, *said) for place, said in house.store.tables.event.items()]
    for place, row in house.store.tables.entity.items():
        entity = again.entities.get(place)
        assert entity is not None
        state = entity.state
        if entity.subject.part is not None:
            state = msgspec.structs.replace(state, parts={})
        assert (entity.now, entity.due, entity.held) == (row[0], row[4], row[3])
        assert (entity.seen, entity.made) == tuple(map(msgspec.json.decode, row[1:3]))
        assert msgspec.to_builtins(state) == msgspec.json.decode(row[5])
