"""Keeps the live feed moving: number what was committed, then show it to the clients of this process."""

import asyncio

import asyncpg

from notifications import store
from notifications.bell import Bell, rung_within
from notifications.channels.stream import PAGE, Broadcast, FeedRow

LOOK_SECONDS = 1.0


def broadcast_of(pool: asyncpg.Pool) -> Broadcast:
    async def read(after: int, limit: int) -> list[FeedRow]:
        return await store.feed(pool, after, limit)

    return Broadcast(read)


async def keep_live(
    pool: asyncpg.Pool, broadcast: Broadcast, bell: Bell, stopping: asyncio.Event
) -> None:
    """Runs as long as the service; any error ends it, and with it the process."""
    broadcast.start(await store.feed_head(pool))
    while not stopping.is_set():
        ring = bell.next_ring()
        await number_all(pool)
        await broadcast.catch_up()
        await rung_within(ring, LOOK_SECONDS)


async def number_all(pool: asyncpg.Pool) -> None:
    while await store.number_feed(pool, PAGE) == PAGE:
        continue
