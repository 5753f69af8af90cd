"""Processes that can be killed between any two steps, frozen, and started anew."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from perennial.kit.jobs import JobRefusedError
from perennial.kit.postgres import is_transient

from tests.simulation.chance import Chance
from tests.simulation.virtual import VirtualLoop

T = TypeVar("T")

FROZEN_SECONDS = 12.0
"""Longer than a session with the broker lasts."""
START = datetime(2026, 1, 5, tzinfo=UTC)


class UnavailableError(Exception):
    """Nobody answers there: whoever asked does not know what became of it."""


class BuildError(Exception):
    """A rule of a faulty build."""


@dataclass
class World:
    """What all processes share: time, luck, and what was seen of them."""

    loop: VirtualLoop
    chance: Chance
    ticking: bool = True
    steps: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    """Interesting situations that were reached, by name."""
    defects: list[str] = field(default_factory=list)
    skew: timedelta = timedelta()
    """How far the wall clock was set forward."""

    def wall(self) -> datetime:
        return START + self.skew + timedelta(seconds=self.loop.time())

    def saw(self, what: str, times: int = 1) -> None:
        if times:
            self.seen[what] += times

    def defect(self, what: str) -> None:
        """Something that must never be, found while it runs."""
        if len(self.defects) < 20:
            self.defects.append(what)


class Process:
    """Everything that lives and dies together; each of its actions is a step at which it may die."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.alive = True
        self.ended = asyncio.Event()
        self._tasks: dict[asyncio.Task[Any], None] = {}
        """In the order in which they began: a run must be repeatable."""

    async def step(self, at: str) -> None:
        """Time for others, and for faults; whoever is dead goes no further."""
        world, chance = self.world, self.world.chance
        if not self.alive:
            raise asyncio.CancelledError
        world.steps += 1
        if chance.strikes("kill"):
            self.kill()
            raise asyncio.CancelledError
        delay = 0.0 if chance.coin() else chance.seconds(0.004)
        if chance.strikes("slow"):
            delay = chance.seconds(0.3)
        if chance.strikes("freeze"):
            delay = chance.seconds(FROZEN_SECONDS)
        await asyncio.sleep(delay)
        if not self.alive:
            raise asyncio.CancelledError

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Part of the process: it ends with it, and the process with its failure."""
        task = self.world.loop.create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._over)

    async def serve(self, work: Coroutine[Any, Any, T]) -> T:
        """What the process does for somebody outside. Raises `UnavailableError` if it dies over it."""
        if not self.alive:
            work.close()
            raise UnavailableError(self.name)
        task = self.world.loop.create_task(work)
        self._tasks[task] = None
        try:
            await asyncio.wait([task])
        finally:
            self._tasks.pop(task, None)
        if task.cancelled():
            raise UnavailableError(self.name)
        error = task.exception()
        if error is not None and is_transient(error):
            raise UnavailableError(self.name) from error
        return task.result()

    def kill(self) -> None:
        """As kill -9: whatever it was about to do is not done."""
        if not self.alive:
            return
        self.alive = False
        self.ended.set()
        for task in self._tasks:
            task.cancel()

    def _over(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.pop(task, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is None or not self.alive:
            return
        if not is_transient(error) and not isinstance(error, JobRefusedError | BuildError):
            self.world.defect(f"{self.name} ended: {type(error).__name__}: {error}")
        if isinstance(error, JobRefusedError):
            self.world.defect(f"{self.name}: a job was refused: {error}")
        self.kill()
