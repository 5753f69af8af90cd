"""The live stream: in order, resumable, scoped, and never held up by a slow client."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from notifications.channels.stream import RING, Broadcast, FeedRow, events
from notifications.domain.sight import Sight

ALL = Sight(everything=True)


class Feed:
    """The numbered feed, as the store shows it."""

    def __init__(self) -> None:
        self.rows: list[FeedRow] = []

    async def read(self, after: int, limit: int) -> list[FeedRow]:
        return self.rows[after : after + limit]

    def add(self, number: int = 1, person: str = "anna", team: str = "north") -> None:
        for _ in range(number):
            position = len(self.rows) + 1
            body = f'{{"n":{position}}}'
            row = FeedRow(position, "alert", body, team, frozenset([person]))
            self.rows.append(row)


def started(feed: Feed, head: int, ring: int = RING) -> Broadcast:
    broadcast = Broadcast(feed.read, ring)
    broadcast.start(head)
    return broadcast


async def take(stream: AsyncIterator[bytes], last: int) -> list[int]:
    """The ids that a client gets, up to this one."""
    ids: list[int] = []
    while not ids or ids[-1] < last:
        chunk = await asyncio.wait_for(anext(stream), 5)
        ids += [int(line[4:]) for line in chunk.decode().splitlines() if line.startswith("id: ")]
    return ids


@pytest.mark.feature("N9")
async def test_a_client_gets_everything_after_its_last_id_then_what_comes() -> None:
    feed = Feed()
    feed.add(5)
    broadcast = started(feed, 5)
    stream = events(broadcast, 2, ALL)

    assert await take(stream, 5) == [3, 4, 5]
    feed.add(2)
    await broadcast.catch_up()
    assert await take(stream, 7) == [6, 7]


@pytest.mark.feature("N9")
async def test_nothing_is_missed_while_a_client_catches_up() -> None:
    feed = Feed()
    feed.add(3000)
    broadcast = started(feed, 3000, ring=10)
    stream = events(broadcast, 0, ALL)
    ids = await take(stream, 1000)
    feed.add(500)
    await broadcast.catch_up()
    ids += await take(stream, 3500)

    assert ids == list(range(1, 3501))


@pytest.mark.feature("N9")
async def test_a_client_that_fell_out_of_the_ring_is_dropped_and_resumes() -> None:
    feed = Feed()
    broadcast = started(feed, 0, ring=10)
    slow = events(broadcast, 0, ALL)
    live = asyncio.ensure_future(take(slow, 1))
    while not broadcast.clients:  # noqa: ASYNC110 - nothing tells of a client but its count
        await asyncio.sleep(0)
    feed.add(1)
    await broadcast.catch_up()
    assert await live == [1]
    feed.add(50)
    await broadcast.catch_up()

    with pytest.raises(StopAsyncIteration):
        await anext(slow)
    assert broadcast.clients == 0
    assert await take(events(broadcast, 1, ALL), 51) == list(range(2, 52))


@pytest.mark.feature("N9")
@pytest.mark.parametrize(
    ("sight", "seen"),
    [
        (ALL, [1, 2, 3]),
        (Sight(person="anna"), [1]),
        (Sight(person="zoe", team="north"), [1, 2]),
        (Sight(), []),
    ],
)
async def test_rows_out_of_sight_are_not_shown_but_the_id_moves_on(
    sight: Sight, seen: list[int]
) -> None:
    feed = Feed()
    feed.add(person="anna")
    feed.add(person="ben")
    feed.add(person="carl", team="")
    chunk = await anext(events(started(feed, 3), 0, sight))
    fields = [block.split("\n") for block in chunk.decode().split("\n\n") if block]

    assert [int(one[0][4:]) for one in fields if len(one) == 3] == seen
    assert fields[-1][0] == "id: 3"


@pytest.mark.feature("N9")
async def test_a_quiet_stream_is_kept_alive() -> None:
    stream = events(started(Feed(), 0), 0, ALL, heartbeat=0.01)

    assert await anext(stream) == b": still here\n\n"


async def test_an_id_from_the_future_waits_for_what_comes() -> None:
    feed = Feed()
    feed.add(3)
    broadcast = started(feed, 3)
    stream = events(broadcast, 999, ALL)
    waiting = asyncio.ensure_future(anext(stream))
    while not broadcast.clients:  # noqa: ASYNC110 - nothing tells of a client but its count
        await asyncio.sleep(0)
    feed.add(1)
    await broadcast.catch_up()

    assert (await waiting).startswith(b"id: 4\n")
