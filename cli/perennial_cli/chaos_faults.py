"""Faults at random moments: processes killed with SIGKILL, or frozen for a while. Real ones."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
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
POLL = 0.05


@dataclass(frozen=True)
class Fault:
    """What is done to which process; `seconds` of frost, or 0 for a kill."""

    process: str
    seconds: float = 0.0

    @property
    def kind(self) -> str:
        what = self.process if self.process in SERVERS else self.process.rpartition("-")[2]
        return f"{what} frozen" if self.seconds else f"{what} killed"


def deck(rng: Random, longest_freeze: float) -> list[Fault]:
    """Every kind of fault at least once, in random order, on random processes."""
    kills = [rng.choice(DOORS) for _ in range(3)] + [rng.choice(RELAYS) for _ in range(4)]
    frozen = [rng.choice(DOORS), rng.choice(RELAYS), rng.choice(SERVERS)]
    cards = [Fault(process) for process in (*kills, *SERVERS)]
    cards += [Fault(process, rng.uniform(SHORTEST_FREEZE, longest_freeze)) for process in frozen]
    rng.shuffle(cards)
    return cards


class Faults:
    """Strikes until told to stop, then thaws what is frozen and waits until everybody is back."""

    def __init__(
        self,
        supervisor: Supervisor,
        rng: Random,
        every: float,
        longest_freeze: float,
        tell: Callable[[str], None],
    ) -> None:
        self.struck: Counter[str] = Counter()
        self.every_kind = asyncio.Event()
        """Set once each kind of fault has struck."""
        self._supervisor = supervisor
        self._rng = rng
        self._every = every
        self._longest_freeze = longest_freeze
        self._tell = tell
        self._frosts: set[asyncio.Task[None]] = set()
        self._before = supervisor.restarts()
        self._began = time.monotonic()

    async def run(self, stopping: asyncio.Event) -> None:
        cards: list[Fault] = []
        while not stopping.is_set():
            with suppress(TimeoutError):
                pause = self._rng.uniform(0.4, 1.6) * self._every
                await asyncio.wait_for(stopping.wait(), pause)
                return
            cards = cards or deck(self._rng, self._longest_freeze)
            await self._strike(cards.pop(), stopping)
            if not cards:
                self.every_kind.set()

    async def heal(self) -> None:
        """Returns when no process is frozen any more."""
        await asyncio.gather(*self._frosts)

    def recoveries(self) -> int:
        """Processes started again, after a kill or because they stood still too long."""
        after = self._supervisor.restarts()
        return sum(after.values()) - sum(self._before.values())

    async def _strike(self, fault: Fault, stopping: asyncio.Event) -> None:
        identity = self._supervisor.identities().get(fault.process)
        while identity is None or not identity.exists():
            if stopping.is_set():
                return
            await asyncio.sleep(POLL)
            identity = self._supervisor.identities().get(fault.process)
        at = time.monotonic() - self._began
        length = f" for {fault.seconds:.1f} s" if fault.seconds else ""
        self._tell(f"{at:6.1f} s  {fault.process} {fault.kind.rpartition(' ')[2]}{length}")
        self.struck[fault.kind] += 1
        if fault.seconds:
            frost = asyncio.create_task(_freeze(identity, fault.seconds))
            self._frosts.add(frost)
        else:
            _send(identity.pid, signal.SIGKILL)


async def _freeze(identity: Identity, seconds: float) -> None:
    """The process with all its children: Postgres' sessions are processes of their own."""
    try:
        root = psutil.Process(identity.pid)
        family = [root.pid, *(child.pid for child in root.children(recursive=True))]
    except psutil.NoSuchProcess:
        return
    for pid in family:
        _send(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        for pid in family:
            _send(pid, signal.SIGCONT)


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
