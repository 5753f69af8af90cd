"""The lanes that lead through the door: records, requests, due timers, and what was set aside."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from perennial.kit import door
from perennial.kit.ask import Answer, Ask
from perennial.kit.batch import Item, Outcome, Partition, Record
from perennial.kit.door import Job
from perennial.kit.ingest import asked, placed, receive
from perennial.kit.kafka import Log
from perennial.kit.metrics import Metrics
from perennial.kit.personal import PersonalKeys
from perennial.kit.postgres import Postgres, is_transient
from perennial.kit.subject import Service
from perennial.kit.worlds import Worlds

log = logging.getLogger("perennial.kit")

POLL_MOST = 5_000
GROUP_MOST = 256
BULK_MOST = 2_000
TIMERS_MOST = 2_000
ROUNDS_BEFORE_WAITING = 3
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0
FETCH_AGE = timedelta(milliseconds=500)
"""How old the broker's word about the end of a partition may be."""


class Door:
    """One service's door: runs batches, keeps the worlds current, tells who waits."""

    def __init__(
        self,
        service: Service,
        store: Postgres,
        worlds: Worlds,
        ticking: bool,
        personal: PersonalKeys | None = None,
    ) -> None:
        self.service = service
        self.personal = personal
        self.store = store
        self.worlds = worlds
        self.ticking = ticking
        self.ticked: datetime | None = None
        self.caught_up: datetime | None = None
        """Every fact recorded before this moment has been folded (wall clock)."""
        self.metrics = Metrics(service.name)
        self.progress = time.monotonic()
        self.after_commit: list[Callable[[Outcome], None]] = []
        self.changed = asyncio.Event()

    def now(self) -> datetime:
        """The moment at the edge: the wall clock, or the last tick where a clock is played."""
        if self.ticking:
            return self.ticked or datetime(1970, 1, 1, tzinfo=UTC)
        return datetime.now(UTC)

    def horizon(self) -> datetime | None:
        """Up to when timers may fire: nothing recorded before it still waits to be folded."""
        return self.ticked if self.ticking else self.caught_up

    async def run(self, job: Job) -> Outcome:
        """One batch, repeated while trouble passes; a fault of the data itself is isolated."""
        pause = FIRST_PAUSE
        while True:
            try:
                machine = door.batch(self.service, self.worlds, job)
                outcome = await self.store.drive(machine)
            except Exception as error:
                if is_transient(error):
                    self.metrics.repeated.labels(type(error).__name__).inc()
                    log.warning("batch repeated: %s: %s", type(error).__name__, error)
                    await asyncio.sleep(pause * (1 + random.random()))
                    pause = min(pause * 2, LONGEST_PAUSE)
                    continue
                if len(job.items) + len(job.timers) <= 1:
                    job = _to_be_parked(job, error)
                    continue
                return await self._bisected(job)
            self._committed(job, outcome)
            return outcome

    async def _bisected(self, job: Job) -> Outcome:
        """Halve until the one fact that the database refuses stands alone, and park that."""
        half, timers = (len(job.items) + 1) // 2, (len(job.timers) + 1) // 2
        first = Job(job.lane, job.items[:half], job.timers[:timers], job.until)
        second = Job(job.lane, job.items[half:], job.timers[timers:], job.until)
        done = await self.run(first)
        more = await self.run(second)
        done.answers.update(more.answers)
        done.reseek.update(more.reseek)
        done.stopped.update(more.stopped)
        done.busy.extend(more.busy)
        return done

    def _committed(self, job: Job, outcome: Outcome) -> None:
        writes = outcome.writes
        if outcome.reference:
            self.worlds = self.worlds.with_states(outcome.reference)
        if writes.clock:
            self.ticked = max(writes.clock, self.ticked or writes.clock)
        self.progress = time.monotonic()
        self.metrics.batch(job, outcome)
        self.changed.set()
        for tell in self.after_commit:
            tell(outcome)


def _to_be_parked(job: Job, error: Exception) -> Job:
    reason = type(error).__name__
    if not job.items:
        raise error
    item = job.items[0]
    if item.park:
        raise error
    log.error("parked %s %s: %s", item.fact.topic, item.fact.id, error)
    item.park, item.error, item.held_key = reason, str(error), bool(item.fact.ver)
    return job


class Records:
    """The Kafka lane: polls, folds, follows; Postgres alone says where it stands."""

    def __init__(self, door_: Door, source: Log, positions: "Positions") -> None:
        self._door = door_
        self._log = source
        self._positions = positions
        self._generation = -1
        self._committed_at = 0.0
        self._dirty: dict[Partition, int] = {}
        self._stands: dict[Partition, int] = {}
        self.stopped: dict[Partition, str] = {}

    async def run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            await self._once()

    async def _once(self) -> None:
        if self._log.generation != self._generation:
            self._generation = self._log.generation
            self._stands = await self._positions.of(self._log)
            self._log.seek(self._stands)
        began = datetime.now(UTC)
        records = await self._log.poll(POLL_MOST, 100)
        records = [one for one in records if (one.topic, one.part) not in self.stopped]
        if records:
            await self._fold(records)
        if self._log.drained(self._stands):
            self._door.caught_up = began - FETCH_AGE
            self._door.progress = time.monotonic()
        await self._follow()

    async def _fold(self, records: list[Record]) -> None:
        now = self._door.now()
        service = self._door.service
        items = [await self._placed(receive(service, record, now)) for record in records]
        outcome = await self._door.run(Job("records", items))
        self._dirty.update(outcome.writes.positions)
        self._stands.update(outcome.writes.positions)
        if outcome.reseek:
            log.warning("positions differ, sought again: %s", outcome.reseek)
            self._log.seek(outcome.reseek)
        for place, why in outcome.stopped.items():
            log.critical("partition %s stopped: %s", place, why)
            self.stopped[place] = why
            self._door.metrics.stopped.labels(*map(str, place)).set(1)
            self._log.pause(place)

    async def _placed(self, item: Item) -> Item:
        """A partner's fact is adapted at this edge, and its key found; others are as they came."""
        service = self._door.service
        if item.subject is not None or item.park or not item.answer_id:
            return item
        if service.adapt is not None:
            item.fact = await service.adapt(item.fact, self._door.personal)
        return placed(service, item)

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


class Requests:
    """The lane of people and apps: concurrent requests share a commit."""

    def __init__(self, door_: Door) -> None:
        self._door = door_
        self._waiting: list[tuple[Ask, asyncio.Future[Answer], int]] = []
        self._wake = asyncio.Event()
        self._bulk = asyncio.Semaphore(1)
        self._in_bulk = 0

    @property
    def waiting(self) -> int:
        """Requests that have no answer yet."""
        return len(self._waiting) + self._in_bulk

    async def ask(self, ask: Ask) -> Answer:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((ask, future, 0))
        self._wake.set()
        return await future

    async def ask_all(self, asks: list[Ask]) -> list[Answer]:
        answers: list[Answer] = []
        self._in_bulk += len(asks)
        try:
            return await self._in_chunks(asks, answers)
        finally:
            self._in_bulk -= len(asks)

    async def _in_chunks(self, asks: list[Ask], answers: list[Answer]) -> list[Answer]:
        async with self._bulk:
            for start in range(0, len(asks), BULK_MOST):
                chunk = asks[start : start + BULK_MOST]
                outcome = await asyncio.shield(self._door.run(self._job(chunk, "bulk")))
                answers += [outcome.answers[id(ask)] for ask in chunk]
        return answers

    async def run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), 1)
            await self._gather()
            self._wake.clear()
            if self._waiting:
                await self._group()
                self._wake.set()

    async def _gather(self) -> None:
        """Let a group grow while it still does, a few turns of the loop at most."""
        size = -1
        for _ in range(6):
            if len(self._waiting) == size or len(self._waiting) >= GROUP_MOST:
                return
            size = len(self._waiting)
            await asyncio.sleep(0.0005 if size else 0)

    async def _group(self) -> None:
        patient = [entry for entry in self._waiting if entry[2] >= ROUNDS_BEFORE_WAITING]
        taken = patient[:1] or self._waiting[:GROUP_MOST]
        self._waiting = [entry for entry in self._waiting if entry not in taken]
        job = self._job([entry[0] for entry in taken], "requests")
        job.skip_locked = not patient
        outcome = await self._door.run(job)
        busy = {id(item.ask) for item in outcome.busy}
        for ask, future, rounds in taken:
            if id(ask) in busy:
                self._waiting.append((ask, future, rounds + 1))
            elif not future.done():
                future.set_result(outcome.answers[id(ask)])

    def _job(self, asks: list[Ask], lane: str) -> Job:
        now = self._door.now()
        return Job(lane, [asked(self._door.service, ask, now) for ask in asks])


class Timers:
    """The lane of due moments, and of facts set aside whose time has come."""

    def __init__(
        self, door_: Door, pool: Any, set_aside: Callable[[datetime], Awaitable[int]]
    ) -> None:
        self._door = door_
        self._pool = pool
        self._set_aside = set_aside

    async def run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            if not await self.once():
                self._door.changed.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._door.changed.wait(), 0.25)

    async def once(self) -> int:
        """Fire what is due, release what was waited for; how much there was to do."""
        until = self._door.horizon()
        if until is None:
            return 0
        done = await self._set_aside(until)
        rows = await self._pool.fetch(
            "SELECT subject, key FROM entity WHERE due <= $1 AND NOT held"
            " ORDER BY due, subject, key LIMIT $2",
            until,
            TIMERS_MOST,
        )
        if rows:
            places = sorted((row[0], row[1]) for row in rows)
            await self._door.run(Job("timers", [], places, until))
        return done + len(rows)
