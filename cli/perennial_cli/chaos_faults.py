"""Faults at random moments: what strikes next, when, and what is still going on. And the plainest of
them: processes killed with SIGKILL, or frozen for a while."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import psutil  # type: ignore[import-untyped]
from perennial.contracts.platform import SERVICES
from perennial_embedded.processes import Identity
from perennial_embedded.supervisor import Supervisor

DOORS = tuple(f"{service}-door" for service in SERVICES)
RELAYS = tuple(f"{service}-relay" for service in SERVICES)
SERVERS = ("kafka", "postgres")
SHORTEST_FREEZE = 1.0
PEACE_BEFORE = 8.0
"""Seconds before the first fault: what everybody takes in peace is what they must come back to."""
POLL = 0.05
OVER_WITHIN = 90.0
"""Seconds after the storm in which every fault that still goes on ends by itself."""
KILLED = "killed"


@dataclass(frozen=True)
class Fault:
    """One strike: what it is, on whom, and the doing of it, which ends when the fault is over."""

    kind: str
    whom: str
    strike: Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Struck:
    """A fault that is over, in seconds since the storm began."""

    kind: str
    whom: str
    began: float
    ended: float


class Faults:
    """Strikes until told to stop, then waits until the last fault is over."""

    def __init__(
        self,
        deal: Callable[[], list[Fault]],
        rng: Random,
        every: float,
        tell: Callable[[str], None],
        peace: float = PEACE_BEFORE,
    ) -> None:
        self.struck: list[Struck] = []
        self.every_kind = asyncio.Event()
        """Set once each kind of fault has struck."""
        self.began = time.monotonic()
        self._deal = deal
        self._rng = rng
        self._every = every
        self._tell = tell
        self._peace = peace
        self._going_on: set[asyncio.Task[None]] = set()

    async def run(self, stopping: asyncio.Event) -> None:
        cards: list[Fault] = []
        drawn: set[str] = set()
        await _at_most(self._peace, stopping)
        while not stopping.is_set():
            await _at_most(self._rng.uniform(0.4, 1.6) * self._every, stopping)
            if stopping.is_set():
                return
            for over in [task for task in self._going_on if task.done()]:
                self._going_on.remove(over)
                over.result()  # a fault that can't be made ends the run
            if not cards:
                cards = self._deal()
                self._rng.shuffle(cards)
                cards.sort(key=_turns(cards), reverse=True)
            fault = cards.pop()
            drawn.add(fault.kind)
            self._going_on.add(asyncio.create_task(self._strike(fault)))
            if drawn.issuperset(one.kind for one in cards):
                self.every_kind.set()

    async def heal(self) -> int:
        """Returns when no fault goes on any more; how many had to be given up, for a client of Kafka
        may never come back from being stopped."""
        if not self._going_on:
            return 0
        done, stuck = await asyncio.wait(self._going_on, timeout=OVER_WITHIN)
        for task in done:
            task.result()
        for task in stuck:
            task.cancel()
        return len(stuck)

    def counted(self) -> Counter[str]:
        return Counter(one.kind for one in self.struck)

    def kills(self) -> int:
        return sum(one.kind.endswith(KILLED) for one in self.struck)

    async def _strike(self, fault: Fault) -> None:
        began = time.monotonic() - self.began
        self._tell(f"{began:7.1f} s  {fault.kind}: {fault.whom}")
        await fault.strike()
        self.struck.append(Struck(fault.kind, fault.whom, began, time.monotonic() - self.began))


def process_faults(supervisor: Supervisor, rng: Random, longest_freeze: float) -> Iterable[Fault]:
    """Kills of every kind of process, and frosts of some, on processes drawn by lot."""
    kills = [rng.choice(DOORS) for _ in range(4)] + [rng.choice(RELAYS) for _ in range(4)]
    for name in (*kills, *SERVERS):
        yield Fault(f"{_sort(name)} {KILLED}", name, _killing(supervisor, name))
    for name in (rng.choice(DOORS), rng.choice(RELAYS), *SERVERS):
        seconds = rng.uniform(SHORTEST_FREEZE, longest_freeze)
        whom = f"{name} for {seconds:.1f} s"
        yield Fault(f"{_sort(name)} frozen", whom, _freezing(supervisor, name, seconds))


def _turns(cards: Iterable[Fault]) -> Callable[[Fault], int]:
    """The how-manyth of its kind each is: all kinds strike before any strikes again."""
    known: Counter[str] = Counter()
    turns: dict[int, int] = {}
    for one in cards:
        turns[id(one)] = known[one.kind]
        known[one.kind] += 1
    return lambda one: turns[id(one)]


async def _at_most(seconds: float, stopping: asyncio.Event) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)


def _sort(process: str) -> str:
    return process if process in SERVERS else process.rpartition("-")[2]


def _killing(supervisor: Supervisor, name: str) -> Callable[[], Awaitable[None]]:
    async def strike() -> None:
        _send((await _alive(supervisor, name)).pid, signal.SIGKILL)

    return strike


def _freezing(supervisor: Supervisor, name: str, seconds: float) -> Callable[[], Awaitable[None]]:
    async def strike() -> None:
        """The process with all its children: Postgres' sessions are processes of their own."""
        family = _family(await _alive(supervisor, name))
        for pid in family:
            _send(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            for pid in family:
                _send(pid, signal.SIGCONT)

    return strike


async def _alive(supervisor: Supervisor, name: str) -> Identity:
    """Wait until there is somebody to strike: a process that comes back always does."""
    while True:
        identity = supervisor.identities().get(name)
        if identity is not None and identity.exists():
            return identity
        await asyncio.sleep(POLL)


def _family(identity: Identity) -> list[int]:
    try:
        root = psutil.Process(identity.pid)
        return [root.pid, *(child.pid for child in root.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
