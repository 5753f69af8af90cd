"""The door as its lanes use it, and the lane of requests (others: `records`, `timers`)."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import asyncpg

from perennial.contracts.catalogue import topic_named
from perennial.kit import door
from perennial.kit.ask import Answer, Ask
from perennial.kit.batch import Item, Outcome, Partition, Roots, Writes
from perennial.kit.door import Job
from perennial.kit.ingest import asked, placed
from perennial.kit.isolating import halves, to_be_parked
from perennial.kit.kafka import partition_for
from perennial.kit.metrics import Metrics, timed
from perennial.kit.personal import PersonalKeys
from perennial.kit.postgres import (
    THE_FACTS_FAULT,
    CommitUnknownError,
    LostRaceError,
    Postgres,
    is_transient,
)
from perennial.kit.subject import Service
from perennial.kit.waking import set_within
from perennial.kit.worlds import Worlds

log = logging.getLogger("perennial.kit")

GROUP_MOST = 256
BULK_MOST = 2_000
BULK_AT_ONCE = 2
"""While Postgres writes one chunk, the next is folded."""
ROUNDS_BEFORE_WAITING = 3
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0
LOST_RACES_MOST = 5
"""A unique violation is a lost race; so many in a row are none."""


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
        self.stopped: dict[Partition, str] = {}
        """Partitions that take no more facts, and why: a person must look."""
        self.roots: Roots = {}
        self.metrics = Metrics(service.name)
        self.progress = time.monotonic()
        self.after_commit: list[Callable[[Outcome], None]] = []
        self.after_doubt: list[Callable[[], Awaitable[None]]] = []
        """Asked to read anew what they know of the store: a commit may have happened unseen."""
        self.changed = asyncio.Event()
        """Something may be due, or ready to be let through again."""
        self.aside = True
        """Facts are set aside that any other fact may let go; True until somebody has looked."""

    def now(self) -> datetime:
        """The moment at the edge: the wall clock, or the last tick where a clock is played."""
        if self.ticking:
            return self.ticked or datetime(1970, 1, 1, tzinfo=UTC)
        return datetime.now(UTC)

    def horizon(self) -> datetime | None:
        """Up to when timers may fire: nothing recorded before it still waits to be folded."""
        return self.ticked if self.ticking else self.caught_up

    def stands_still(self, key: str) -> bool:
        """Whether facts of this key may lie in a partition that was stopped."""
        return any(
            partition_for(key, topic_named(topic).partitions) == part
            for topic, part in self.stopped
        )

    async def run(self, job: Job) -> Outcome:
        """One batch, repeated while trouble passes; a fault of the data itself is isolated."""
        pause, races = FIRST_PAUSE, 0
        while True:
            try:
                machine = door.batch(self.service, self.worlds, job, self.roots)
                spend = self.metrics.fold_seconds.inc
                outcome = await self.store.drive(timed(machine, spend))
            except Exception as error:
                races += isinstance(error, asyncpg.UniqueViolationError)
                if is_transient(error) and races < LOST_RACES_MOST:
                    await self._doubt(error, pause)
                    pause = min(pause * 2, LONGEST_PAUSE)
                    continue
                if not isinstance(error, THE_FACTS_FAULT):
                    raise
                if len(job.items) + len(job.timers) + len(job.redriven) > 1:
                    return await self._bisected(job)
                job = to_be_parked(job, error)
                continue
            self._committed(job, outcome)
            return outcome

    async def _doubt(self, error: Exception, pause: float) -> None:
        self.metrics.repeated.labels(type(error).__name__).inc()
        log.warning("batch repeated: %s: %s", type(error).__name__, error)
        if not isinstance(error, LostRaceError):
            await asyncio.sleep(pause * (1 + random.random()))
        if isinstance(error, CommitUnknownError):
            await self.in_doubt()

    async def in_doubt(self) -> None:
        """The store may hold what we did not see coming."""
        for read_anew in self.after_doubt:
            await read_anew()

    async def _bisected(self, job: Job) -> Outcome:
        """Halve until the one fact that the database refuses stands alone, and park that."""
        first, second = halves(job)
        done = await self.run(first)
        more = await self.run(second)
        done.answers.update(more.answers)
        done.reseek.update(more.reseek)
        done.stopped.update(more.stopped)
        done.busy.extend(more.busy)
        done.writes.positions.update(more.writes.positions)
        return done

    def _committed(self, job: Job, outcome: Outcome) -> None:
        writes = outcome.writes
        if outcome.reference:
            self.worlds = self.worlds.with_states(outcome.reference, writes.seq)
        if writes.clock:
            self.ticked = max(writes.clock, self.ticked or writes.clock)
        self.progress = time.monotonic()
        self.metrics.batch(job, outcome)
        if self._may_be_due(writes):
            self.changed.set()
        for tell in self.after_commit:
            tell(outcome)

    def _may_be_due(self, writes: Writes) -> bool:
        until = self.horizon()
        late = (one.due and until and one.due <= until for one in writes.entities)
        return bool(writes.clock or writes.parked or self.aside) or any(late)


async def at_the_edge(door_: Door, item: Item, sealing: Any = None) -> Item:
    """A partner's fact is adapted here, and its key found; others are as they came.

    `sealing` stands in for the keys of personal data, where nothing is to be kept.
    """
    service = door_.service
    if item.subject is not None or item.park or not item.answer_id:
        return item
    if service.adapt is not None:
        try:
            item.fact = await service.adapt(item.fact, sealing or door_.personal)
        except Exception as error:  # poison, unless it is the key table that does not answer
            if is_transient(error):
                raise
            item.park, item.error = type(error).__name__, str(error)
            return item
    return placed(service, item)


class Requests:
    """The lane of people and apps: concurrent requests share a commit."""

    def __init__(self, door_: Door) -> None:
        self._door = door_
        self._waiting: list[tuple[Ask, asyncio.Future[Answer], int]] = []
        self._wake = asyncio.Event()
        self._bulk = asyncio.Semaphore(BULK_AT_ONCE)
        self._unanswered = 0

    @property
    def waiting(self) -> int:
        """Requests that have no answer yet."""
        return self._unanswered

    async def ask(self, ask: Ask) -> Answer:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((ask, future, 0))
        self._unanswered += 1
        self._wake.set()
        return await future

    async def ask_all(self, asks: list[Ask]) -> list[Answer]:
        answers: list[Answer] = []
        self._unanswered += len(asks)
        try:
            return await self._in_chunks(asks, answers)
        finally:
            self._unanswered -= len(asks)

    async def _in_chunks(self, asks: list[Ask], answers: list[Answer]) -> list[Answer]:
        async with self._bulk:
            for start in range(0, len(asks), BULK_MOST):
                chunk = asks[start : start + BULK_MOST]
                outcome = await asyncio.shield(self._door.run(self._job(chunk, "bulk")))
                answers += [outcome.answers[id(ask)] for ask in chunk]
        return answers

    async def run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            await set_within(self._wake, 1)
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
        """One group; a request that met a held key too often waits for it, alone."""
        patient = next(
            (n for n, one in enumerate(self._waiting) if one[2] >= ROUNDS_BEFORE_WAITING), None
        )
        if patient is None:
            taken, self._waiting = self._waiting[:GROUP_MOST], self._waiting[GROUP_MOST:]
        else:
            taken = [self._waiting.pop(patient)]
        job = self._job([entry[0] for entry in taken], "requests")
        job.skip_locked = patient is None
        outcome = await self._door.run(job)
        busy = {id(item.ask) for item in outcome.busy}
        for ask, future, rounds in taken:
            if id(ask) in busy:
                self._waiting.append((ask, future, rounds + 1))
                continue
            self._unanswered -= 1
            if not future.done():
                future.set_result(outcome.answers[id(ask)])

    def _job(self, asks: list[Ask], lane: str) -> Job:
        now = self._door.now()
        return Job(lane, [asked(self._door.service, ask, now) for ask in asks])
