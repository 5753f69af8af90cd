"""Who waits for the bell is broken off like anybody else."""

import asyncio

import pytest
from notifications.bell import Bell, rung_within

pytestmark = pytest.mark.feature("N8")


@pytest.mark.parametrize("turns", range(4))
async def test_who_is_broken_off_while_it_rings_does_not_go_on(turns: int) -> None:
    bell = Bell()
    task = asyncio.create_task(rung_within(bell.next_ring(), 60))
    await asyncio.sleep(0)
    bell.ring()
    for _ in range(turns):
        await asyncio.sleep(0)
    if not task.done():
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_it_rings_or_the_time_is_over() -> None:
    bell = Bell()
    ring = bell.next_ring()
    bell.ring()
    async with asyncio.timeout(5):
        await rung_within(ring, 60)
        await rung_within(bell.next_ring(), 0)
