"""Jobs come to an end: what was asked before is no work that was done."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from perennial.kit.ask import Answer, Ask
from perennial.kit.jobs import JobRefusedError, offer, send

from tests.kit import toy
from tests.kit.memory import Memory
from tests.kit.toyhouse import Toy, ask

pytestmark = pytest.mark.feature("P2")


class Asks:
    """The door's lane of requests, as jobs use it."""

    def __init__(self) -> None:
        self.house = Toy(Memory())

    async def ask(self, ask: Ask) -> Answer:
        return (await self.ask_all([ask]))[0]

    async def ask_all(self, asks: list[Ask]) -> list[Answer]:
        return await self.house.asks(*asks)


@pytest.mark.parametrize("through", [send, offer])
async def test_what_was_asked_before_counts_for_nothing(
    through: Callable[[Any, list[Ask]], Awaitable[int]],
) -> None:
    asks = Asks()
    one, other = (ask(key, toy.Add(amount=1), f"job:{key}") for key in "ab")
    assert await through(asks, []) == 0
    assert await through(asks, [one]) == 1
    assert await through(asks, [one, other]) == 1
    assert await through(asks, [one, other]) == 0


async def test_a_no_is_loud_or_nothing_was_done() -> None:
    asks = Asks()
    much = ask("a", toy.Add(amount=1_000_000), "job:much")
    assert await offer(asks, [much]) == 0
    with pytest.raises(JobRefusedError):
        await send(asks, [much])
