"""Time that only passes when nobody has anything to do: an event loop without a clock and without sockets.

The kit's own lanes run on it unchanged. What they read of the machine (clocks, chance) is played.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, tzinfo
from random import Random
from typing import Any
from unittest.mock import patch

from perennial.kit import lanes, records, settle

LOOK_SECONDS = 1e-8


class StillError(Exception):
    """Everybody waits for something that can never come."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs what is ready; when nothing is, time jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self._elapsed = 0.0
        self._selector = self

    def time(self) -> float:
        """Looking takes a moment, so that whoever waits by looking gets there."""
        self._elapsed += LOOK_SECONDS
        return self._elapsed

    def select(self, timeout: float | None) -> list[Any]:
        """In the place of a selector: there is no input, so waiting costs nothing."""
        if timeout is None:
            raise StillError("nothing is ready and no timer is set")
        self._elapsed += timeout
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        return

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> "asyncio.Future[Any]":
        """At once: another thread would make a run unrepeatable."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


class _InOrder(dict[Any, None]):
    """As much of a set as a group of tasks needs, in the order in which they began."""

    def add(self, task: Any) -> None:
        self[task] = None

    def discard(self, task: Any) -> None:
        self.pop(task, None)


class _Group(asyncio.TaskGroup):
    """Its tasks are broken off in one order: a run must be repeatable."""

    def __init__(self) -> None:
        super().__init__()
        self._tasks = _InOrder()  # type: ignore[assignment]

    def create_task(self, coro: Any, **more: Any) -> "asyncio.Task[Any]":
        """What was to begin in a group that is being broken off never begins."""
        try:
            return super().create_task(coro, **more)
        except RuntimeError:
            coro.close()
            raise


class _Clock:
    """What the kit reads as `time`."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.monotonic = loop.time


@contextmanager
def played(loop: VirtualLoop, chance: Random, wall: Callable[[], datetime]) -> Iterator[None]:
    """Let the kit read this loop's time, this wall clock and this chance."""

    class Moment(datetime):
        def __new__(cls, *said: Any, **more: Any) -> "Moment":
            return datetime(*said, **more)  # type: ignore[return-value]  # a plain one is stored

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return wall()

    with ExitStack() as stack:
        for module in (lanes, records, settle):
            stack.enter_context(patch.object(module, "time", _Clock(loop)))
        for module in (lanes, records):
            stack.enter_context(patch.object(module, "datetime", Moment))
        stack.enter_context(patch.object(lanes, "random", chance))
        stack.enter_context(patch.object(asyncio, "TaskGroup", _Group))
        yield
