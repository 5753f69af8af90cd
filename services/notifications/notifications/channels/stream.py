"""The live stream of alert events (SSE), resumable by `Last-Event-ID`, for a thousand clients.

Positions. A sequence is no cursor: numbers are drawn before the commit, so that 7 may become visible
after 8, and who has read 8 never sees 7. Here an event leaves an unnumbered `feed` row in its own
transaction, and positions are given afterwards, to committed rows only, by whoever holds the lock on
the one row of `feed_head` (store.number_feed). These numberings follow one another, so positions
become visible in their order, without gaps; a crash before the commit of a numbering undoes rows and
head together. Many lanes, and many processes, may number at once: all but one find nothing left.

Fan-out. Every event is made into bytes once and kept in one ring. A client is only a position in it:
it waits until the head has passed that position, and takes everything since in one chunk. No queue per
client, so memory is bounded by the ring; who falls out of it is dropped and resumes from its last id.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from itertools import islice

import msgspec
from perennial.kit.waking import set_within
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from notifications.domain.sight import Sight

HEARTBEAT_SECONDS = 15.0
STUCK_SECONDS = 30.0
RING = 4096
PAGE = 1000
_HEARTBEAT = b": still here\n\n"


class FeedRow(msgspec.Struct, frozen=True):
    """One numbered event of the feed, with whom it concerns."""

    position: int
    type: str
    body: str
    team: str
    people: frozenset[str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as every client gets it."""

    position: int
    team: str
    people: frozenset[str]
    chunk: bytes


ReadFeed = Callable[[int, int], Awaitable[list[FeedRow]]]
"""(after this position, at most so many) → rows in order."""


class Broadcast:
    """The newest stretch of the feed, in memory, for all clients of this process."""

    def __init__(self, read: ReadFeed, ring: int = RING) -> None:
        self._read = read
        self._entries: deque[Entry] = deque(maxlen=ring)
        self._news = asyncio.Event()
        self.started = asyncio.Event()
        self.head = 0
        self.clients = 0

    def start(self, head: int) -> None:
        """From here on it is live; what is older is read from the store by those who ask for it."""
        self.head = head
        self.started.set()

    async def catch_up(self) -> None:
        """Take what was numbered since; woken after every numbering."""
        while rows := await self._read(self.head, PAGE):
            self._entries.extend(serialised(row) for row in rows)
            self.head = rows[-1].position
            news, self._news = self._news, asyncio.Event()
            news.set()
            if len(rows) < PAGE:
                return

    async def since(self, position: int) -> list[Entry]:
        """The next entries after a position: from the ring, or from the store where it is older."""
        if not self.holds(position):
            return [serialised(row) for row in await self._read(position, PAGE)]
        return self.newest(position)

    def newest(self, position: int) -> list[Entry]:
        """What the ring has after a position; positions have no gaps, so it can be counted off."""
        start = len(self._entries) - (self.head - position)
        return list(islice(self._entries, start, None))

    def holds(self, position: int) -> bool:
        return self.head - position <= len(self._entries)

    async def news(self, position: int, seconds: float) -> bool:
        """Whether anything came after a position, within that time."""
        return self.head > position or await set_within(self._news, seconds)


async def events(
    broadcast: Broadcast, after: int | None, sight: Sight, heartbeat: float = HEARTBEAT_SECONDS
) -> AsyncIterator[bytes]:
    """One client's stream: what it missed after its last id (nothing, if it has none), then what comes.

    Ends where the client, once live, fell out of the ring.
    """
    await broadcast.started.wait()
    position = broadcast.head if after is None else min(after, broadcast.head)
    broadcast.clients += 1
    try:
        while position < broadcast.head:
            entries = await broadcast.since(position)
            position = entries[-1].position
            yield _chunk(entries, sight)
        while broadcast.holds(position):
            if await broadcast.news(position, heartbeat):
                entries = broadcast.newest(position)
                position += len(entries)
                yield _chunk(entries, sight)
            else:
                yield _HEARTBEAT
    finally:
        broadcast.clients -= 1


class EventStream(StreamingResponse):
    """An SSE answer that lets go of a client who no longer reads."""

    media_type = "text/event-stream"

    def __init__(self, chunks: AsyncIterator[bytes], stuck_after: float = STUCK_SECONDS) -> None:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(chunks, headers=headers)
        self._stuck_after = stuck_after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def impatient(message: object) -> None:
            async with asyncio.timeout(self._stuck_after):
                await send(message)  # type: ignore[arg-type]  # passed through as it came

        await super().__call__(scope, receive, impatient)


def serialised(row: FeedRow) -> Entry:
    """An event's bytes; the body is one line of JSON, so that it fits one `data:` field."""
    chunk = f"id: {row.position}\nevent: {row.type}\ndata: {row.body}\n\n".encode()
    return Entry(row.position, row.team, row.people, chunk)


def _chunk(entries: list[Entry], sight: Sight) -> bytes:
    """Everything in sight as one write; the id moves on even where the last of it is not in sight."""
    seen = [one for one in entries if sight.sees(one.team, one.people)]
    chunk = b"".join([one.chunk for one in seen])
    last = entries[-1]
    return chunk if seen and seen[-1] is last else chunk + f"id: {last.position}\n\n".encode()
