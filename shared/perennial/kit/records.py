"""The Kafka lane: polls, folds, follows; Postgres alone says where it stands.

While one batch is written, the next is polled and decoded: what would be waiting for Postgres is
spent on it. Not sooner, or it would be over before the waiting begins.
"""

import asyncio
import logging
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from perennial.kit.batch import Item, Partition
from perennial.kit.door import Job
from perennial.kit.gathering import partition_of
from perennial.kit.ingest import receive
from perennial.kit.kafka import Log
from perennial.kit.lanes import Door, at_the_edge

log = logging.getLogger("perennial.kit")

POLL_MOST = 5_000
SIP = 250
"""Records decoded before the event loop gets a turn: a batch at Postgres may be waiting for it."""
ON_THE_WAY = timedelta(milliseconds=500)
"""How long a fact may lie in its writer's outbox before the broker knows of it."""
HOLES_MOST = 3
ENDS_WITHIN = 10.0
ASK_AGAIN_SECONDS = 1.0
"""Asking for the ends of all partitions costs as much as a fetch: where time is played, seldom."""
SOUGHT_ANEW = -1
"""No generation of assignments: what was read ahead is dropped, and all partitions are sought."""


class Records:
    """Polls bytes, folds them, and notes how far everything recorded is folded."""

    def __init__(self, door_: Door, source: Log, positions: "Positions") -> None:
        self._door = door_
        self._log = source
        self._positions = positions
        self._generation = SOUGHT_ANEW
        self._ahead: asyncio.Task[list[Item]] | None = None
        """The next poll, decoded while the last one is written."""
        self._committed_at = 0.0
        self._asked_at = 0.0
        self._dirty: dict[Partition, int] = {}
        self._stands: dict[Partition, int] = {}
        self._goal: tuple[datetime, dict[Partition, int]] | None = None
        self._holes: dict[Partition, tuple[int, int]] = {}
        door_.stopped = {}

    async def run(self, stopping: asyncio.Event) -> None:
        try:
            while not stopping.is_set():
                await self.once()
        finally:
            await self.close()

    async def once(self) -> None:
        """One poll, folded."""
        if self._log.generation != self._generation:
            await self.close()
            self._generation = self._log.generation
            self._goal = None
            self._stands = await self._positions.of(self._log)
            self._log.seek(self._stands)
            self._dirty = dict(self._stands)  # who was here before may not have come to tell it
        polled = await (self._ahead or self._polled())
        self._ahead = None
        items = [one for one in polled if partition_of(one) not in self._door.stopped]
        if items:
            await self._fold(items)
        await self._note_how_far()
        await self._follow()

    def _read_ahead(self) -> None:
        if self._ahead is None:  # a batch that is repeated is written twice
            self._ahead = asyncio.create_task(self._polled())

    async def close(self) -> None:
        """Forget what was read ahead: it stands in the log, and Postgres knows how far it was folded."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await ahead

    async def _polled(self) -> list[Item]:
        """What has come, decoded, and a partner's adapted; nothing is left behind in the client."""
        items: list[Item] = []
        while len(items) < POLL_MOST:
            records = await self._log.poll(SIP, 0 if items else 100)
            if not records:
                break
            now = self._door.now()
            for one in records:
                item = receive(self._door.service, one, now)
                items.append(await at_the_edge(self._door, item))
            await asyncio.sleep(0)
        return items

    async def _note_how_far(self) -> None:
        """What the log held when the broker was last asked: once that is folded, timers may go so far.

        The broker is asked, for what a consumer remembers of it may be old; and what was asked stands
        until it is reached, so that steady traffic does not hold back the timers.
        """
        if self._goal is None:
            if self._door.ticking and time.monotonic() - self._asked_at < ASK_AGAIN_SECONDS:
                return  # the clock's topic says how far time has come; this only shows that we live
            self._asked_at = time.monotonic()
            asked = datetime.now(UTC)
            ends = await asyncio.wait_for(self._log.ends(list(self._stands)), ENDS_WITHIN)
            self._goal = asked, ends
        asked, ends = self._goal
        behind = {place for place, end in ends.items() if self._stands.get(place, end) < end}
        if behind <= self._door.stopped.keys():
            self._door.caught_up = asked - ON_THE_WAY
            self._door.progress = time.monotonic()
            self._goal = None

    async def _fold(self, items: list[Item]) -> None:
        outcome = await self._door.run(Job("records", items, at_write=self._read_ahead))
        self._dirty.update(outcome.writes.positions)
        self._stands.update(outcome.writes.positions)
        for place, stand in outcome.reseek.items():
            self._hole(place, stand)
        for place, why in outcome.stopped.items():
            self._stop(place, why)

    def _hole(self, place: Partition, stand: int) -> None:
        """Seek where we stand; if the log has lost what was there, no seeking brings it back."""
        known, times = self._holes.get(place, (stand, 0))
        times = times + 1 if known == stand else 1
        self._holes[place] = stand, times
        if times >= HOLES_MOST:
            self._stop(place, f"offset {stand} is missing from the log")
            return
        log.warning("%s: not where we stand, sought again at %d", place, stand)
        self._generation = SOUGHT_ANEW

    def _stop(self, place: Partition, why: str) -> None:
        log.critical("partition %s stopped: %s", place, why)
        self._door.stopped[place] = why
        self._door.metrics.stopped.labels(*map(str, place)).set(1)
        self._log.pause(place)

    async def _follow(self) -> None:
        """Tell Kafka where we stand, for everybody's lag tools; failing at it is harmless."""
        if self._dirty and time.monotonic() - self._committed_at > 1:
            self._committed_at = time.monotonic()
            dirty, self._dirty = self._dirty, {}
            try:
                await self._log.commit(dirty)
            except Exception as error:
                log.info("commit hint not taken: %s", error)


class Positions:
    """Where every input partition stands, in Postgres."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self.start: dict[Partition, int] = {}

    async def of(self, source: Log) -> dict[Partition, int]:
        """Positions of the assigned partitions; new ones begin at the log's start, recorded."""
        assigned = source.assigned()
        rows = await self._pool.fetch("SELECT topic, part, start, next_offset FROM position")
        stands = {(row["topic"], row["part"]): row["next_offset"] for row in rows}
        self.start = {(row["topic"], row["part"]): row["start"] for row in rows}
        fresh = [place for place in assigned if place not in stands]
        if fresh:
            starts = await source.starts(fresh)
            await self._pool.executemany(
                "INSERT INTO position (topic, part, start, next_offset) VALUES ($1, $2, $3, $3)"
                " ON CONFLICT DO NOTHING",
                [(*place, offset) for place, offset in starts.items()],
            )
            stands.update(starts)
            self.start.update(starts)
        ends = await source.ends(assigned)
        for place in assigned:
            if ends[place] < stands[place]:
                raise RuntimeError(
                    f"{place}: the log ends at {ends[place]}, we stand at {stands[place]}: the topic was recreated"
                )
        return {place: stands[place] for place in assigned}
