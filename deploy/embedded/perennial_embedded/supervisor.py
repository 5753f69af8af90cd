"""Keeps processes running: started in order, brought back when they end, ended when they freeze."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from perennial_embedded.home import Home
from perennial_embedded.probes import Probe
from perennial_embedded.processes import Identity, Process, rotate, signal_group, spawn, tail

TICK = 0.05
PROBE_EVERY = 1.0
SHORTEST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
CALM_AFTER = 10.0
TRIES_BEFORE_READY = 3


class StartError(RuntimeError):
    """A process that won't come up says why in its log; the message carries the end of it."""


class Keeper:
    """One process and its history; `run` ends only when told to stop."""

    def __init__(self, process: Process, home: Home, on_change: Callable[[], None]) -> None:
        self.process = process
        self.ready = asyncio.Event()
        self.identity: Identity | None = None
        self.restarts = 0
        self.failure: str | None = None
        self._home = home
        self._log = home.logs / f"{process.name}.log"
        self._on_change = on_change
        self._stopping = asyncio.Event()
        self._running: subprocess.Popen[bytes] | None = None

    async def run(self) -> None:
        rotate(self._log)
        pause = SHORTEST_PAUSE
        while not self._stopping.is_set():
            began = time.monotonic()
            await self._live_once()
            self._give_up_if_hopeless()
            pause = SHORTEST_PAUSE if time.monotonic() - began > CALM_AFTER else pause * 2
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), min(pause, LONGEST_PAUSE))

    async def stop(self) -> None:
        """Asks, waits, then insists."""
        self._stopping.set()
        running = self._running
        if running is None or running.poll() is not None:
            return
        running.send_signal(self.process.stop_signal)
        if not await _within(self.process.grace, lambda: running.poll() is not None):
            signal_group(running.pid, signal.SIGKILL)
            await _within(self.process.grace, lambda: running.poll() is not None)

    async def _live_once(self) -> None:
        if self.process.before is not None:
            self.process.before()
        running = spawn(self.process, self._home.path, self._log)
        self._running = running
        self.identity = Identity.of(running.pid)
        self._on_change()
        try:
            if await self._becomes_ready(running):
                self.ready.set()
                await self._ends(running)
        finally:
            self.restarts += 1
            if not self._stopping.is_set():
                signal_group(running.pid, signal.SIGKILL)
            await _within(self.process.grace, lambda: running.poll() is not None)

    async def _becomes_ready(self, running: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + self.process.start_within
        while running.poll() is None and time.monotonic() < deadline:
            if self.process.ready is None or await self.process.ready():
                return True
            await asyncio.sleep(TICK)
        return False

    async def _ends(self, running: subprocess.Popen[bytes]) -> None:
        """Returns when the process has ended, or has not answered for too long."""
        answered = asked = time.monotonic()
        while running.poll() is None:
            await asyncio.sleep(TICK)
            now = time.monotonic()
            if self.process.alive is None or now - asked < PROBE_EVERY:
                continue
            asked = now
            if await self.process.alive():
                answered = now
            elif now - answered > self.process.frozen_after:
                return

    def _give_up_if_hopeless(self) -> None:
        """Before it was ever ready, endless restarting would only hide the cause."""
        if self.ready.is_set() or self._stopping.is_set() or self.restarts < TRIES_BEFORE_READY:
            return
        self.failure = f"{self.process.name} does not start:\n{tail(self._log)}"
        self._stopping.set()


class Supervisor:
    """All keepers of one home. Start in groups; `stop` ends them in the opposite order."""

    def __init__(self, home: Home, on_change: Callable[[], None]) -> None:
        self._home = home
        self._on_change = on_change
        self._keepers: dict[str, Keeper] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, processes: Sequence[Process], timeout: float = 120.0) -> None:
        """Returns when all are ready. `after` names processes of this or an earlier call."""
        added = [Keeper(process, self._home, self._on_change) for process in processes]
        self._keepers.update({keeper.process.name: keeper for keeper in added})
        self._tasks += [asyncio.create_task(self._run_in_turn(keeper)) for keeper in added]
        settled = await _within(
            timeout, lambda: _all_ready(added) or self._failure(added) is not None
        )
        failure = self._failure(added)
        if failure is not None:
            raise StartError(failure)
        if not settled:
            raise StartError(self._late(added, timeout))

    async def stop(self) -> None:
        """Level by level, dependants first, so that nobody loses what it stands on while it works."""
        for level in _levels([keeper.process for keeper in self._keepers.values()]):
            await asyncio.gather(*(self._keepers[name].stop() for name in level))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._keepers.clear()
        self._tasks.clear()

    async def watch(self) -> None:
        """Returns never, unless a keeper itself fails: that must not pass in silence."""
        await asyncio.gather(*self._tasks)

    def identities(self) -> dict[str, Identity]:
        found = {name: keeper.identity for name, keeper in self._keepers.items()}
        return {name: identity for name, identity in found.items() if identity is not None}

    def restarts(self) -> dict[str, int]:
        return {name: keeper.restarts for name, keeper in self._keepers.items()}

    async def _run_in_turn(self, keeper: Keeper) -> None:
        for name in keeper.process.after:
            await self._keepers[name].ready.wait()
        await keeper.run()

    def _failure(self, keepers: Sequence[Keeper]) -> str | None:
        for task in self._tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                return f"{type(error).__name__}: {error}"
        return next((keeper.failure for keeper in keepers if keeper.failure), None)

    def _late(self, keepers: Sequence[Keeper], timeout: float) -> str:
        waiting = [keeper.process.name for keeper in keepers if not keeper.ready.is_set()]
        logs = "\n".join(f"--- {name}\n{tail(self._home.logs / f'{name}.log')}" for name in waiting)
        return f"not ready after {timeout:.0f} s: {', '.join(waiting)}\n{logs}"


async def wait_until(what: str, probe: Probe, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not await probe():
        if time.monotonic() > deadline:
            raise StartError(f"{what}: not there after {timeout:.0f} s")
        await asyncio.sleep(TICK)


async def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(TICK)
    return True


def _all_ready(keepers: Sequence[Keeper]) -> bool:
    return all(keeper.ready.is_set() for keeper in keepers)


def _levels(processes: Sequence[Process]) -> list[list[str]]:
    """Names in the order of ending: first those nobody else stands on."""
    left = {process.name: set(process.after) for process in processes}
    levels = []
    while left:
        needed = set().union(*left.values())
        level = [name for name in left if name not in needed]
        if not level:
            raise ValueError(f"processes wait for each other in a circle: {sorted(left)}")
        levels.append(level)
        left = {name: after for name, after in left.items() if name not in level}
    return levels
