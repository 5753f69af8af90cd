"""Work over many subjects, outside the fold: it looks at what is there and asks through the door.

A job is `async (runtime) -> int`: how many requests it sent, 0 when there is nothing to do. It may be
cut short anywhere; the next run makes it good. Jobs look again whenever time or reference moved.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from perennial.contracts.base import Event
from perennial.kit.ask import Answer, Ask, Asks
from perennial.kit.batch import Outcome
from perennial.kit.subject import Subject
from perennial.kit.waking import set_within

log = logging.getLogger("perennial.jobs")

LOOK_AGAIN_SECONDS = 5.0
Job = Callable[[Any], Awaitable[int]]


class Done(msgspec.Struct, frozen=True):
    """What came of a job's request."""

    events: int


class JobRefusedError(Exception):
    """The door said no to a job: a defect of ours, told loudly."""


def asking(subject: Subject, key: str, data: Any, name: str, principal: str) -> Ask:
    """A job's request. The same work asked for twice is one: its content is part of its id, and so must be,
    by `name`, the moment and the state that it is asked for."""
    content = hashlib.sha256(msgspec.json.encode(data)).digest()
    return Ask(
        subject=subject,
        key=key,
        data=data,
        id=f"job:{name}:{key}:{content.hex()[:16]}",
        fingerprint=content,
        principal=principal,
        respond=_done,
    )


async def send(asks: Asks, wishes: list[Ask]) -> int:
    """Through the door, all of them; how many were not answered before: what was, changes nothing more,
    and a job that asks for nothing else would never come to an end."""
    answers = await asks.ask_all(wishes) if wishes else []
    for answer in answers:
        if answer.refusal is not None:
            raise JobRefusedError(f"{answer.refusal.code}: {answer.refusal.detail}")
    return _new(answers)


async def offer(asks: Asks, wishes: list[Ask]) -> int:
    """The same where the door may say no, since much may have happened meanwhile."""
    return _new(await asks.ask_all(wishes) if wishes else [])


def _new(answers: Sequence[Answer]) -> int:
    return sum(one.refusal is None and not one.replayed for one in answers)


def _done(_state: Any, events: Sequence[Event]) -> tuple[int, Done]:
    return 200, Done(len(events))


class Jobs:
    """Runs a service's jobs one after the other, until none of them finds anything to do."""

    def __init__(self, jobs: Sequence[Job], after_timers: bool = False) -> None:
        self._jobs = jobs
        self._after_timers = after_timers
        self._moved = asyncio.Event()
        self._running = False
        if jobs:
            self._moved.set()

    @property
    def pending(self) -> int:
        """1 while something may still come of them (settle)."""
        return int(self._running or self._moved.is_set())

    def committed(self, outcome: Outcome) -> None:
        """Time or reference moved, or timers fired: there may be something to do."""
        fired = self._after_timers and outcome.writes.lane == "timers"
        if self._jobs and (outcome.writes.clock or outcome.reference or fired):
            self._moved.set()

    async def run(self, runtime: Any, stopping: asyncio.Event) -> None:
        while self._jobs and not stopping.is_set():
            moved = await set_within(self._moved, LOOK_AGAIN_SECONDS)
            if not moved and runtime.door.ticking:
                continue
            await self._once(runtime)

    async def _once(self, runtime: Any) -> None:
        self._running = True
        try:
            while True:
                self._moved.clear()
                sent = [await job(runtime) for job in self._jobs]
                if not any(sent) and not self._moved.is_set():
                    return
        finally:
            self._running = False
