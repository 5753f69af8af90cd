"""The whole system of one home: servers, permissions, migrations, services; up together, down in order."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from perennial_embedded.access import Access
from perennial_embedded.home import Applied, Home
from perennial_embedded.processes import tail, tied
from perennial_embedded.services import Environment, Service, named
from perennial_embedded.stack import NO_DETOURS, Stack
from perennial_embedded.state import Addresses, State
from perennial_embedded.supervisor import StartError

SERVICES = named("lead-intake", "lifecycle", "scoring", "notifications")
DOWN_WITHIN = 20.0
NO_MORE: Mapping[str, str] = {}


class System:
    """Use as `async with System(path, access) as system:`, or hand it to `serve`."""

    def __init__(
        self,
        path: Path,
        access: Access,
        *,
        services: Sequence[Service] = SERVICES,
        clock: str = "wall",
        settings: Mapping[str, str] = NO_MORE,
        detours: Mapping[str, int] = NO_DETOURS,
    ) -> None:
        self._services = services
        self._eyes = next(iter(access.observers), "")
        self.stack = Stack(
            path,
            schemas=[service.schema for service in services],
            access=access,
            more_ports=[service.name for service in services],
            detours=detours,
        )
        self.addresses = self.stack.addresses
        self._environment = Environment(self.stack.home, self.addresses, services, clock, settings)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> Addresses:
        await self.stack.start()
        try:
            await asyncio.gather(*(self._migrate(service) for service in self._services))
            await self.stack.supervisor.start(self._environment.processes())
        except BaseException:
            await self.stop()
            raise
        self.stack.announce_ready()
        return self.addresses

    async def stop(self) -> None:
        await self.stack.stop()

    async def _migrate(self, service: Service) -> None:
        """The schema's owner logs in. It looks at the topics, too: what a lost database held is there."""
        home = self.stack.home
        once = Applied(home.postgres, f"migrations-{service.name}", service.migrations())
        if once.is_done():
            return
        name = f"{service.name}-migrate"
        env = self._environment.of(service, name, f"{service.schema}_migrate", self._eyes)
        log = home.logs / f"{name}.log"
        code = await asyncio.to_thread(_run, service.command("migrate"), {**os.environ, **env}, log)
        if code != 0:
            raise StartError(f"{name} ended with {code}:\n{tail(log)}")
        once.done()


async def serve(
    system: System,
    announce: Callable[[Addresses], None],
    work: Callable[[Addresses], Awaitable[None]] | None = None,
) -> None:
    """Up until SIGINT, SIGTERM or a closed terminal, or until `work` ends; then down in order."""
    leave = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            loop.add_signal_handler(number, leave.set)
    asked_to_leave = asyncio.create_task(leave.wait())
    starting = asyncio.create_task(system.start())
    await asyncio.wait({starting, asked_to_leave}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return
    announce(starting.result())
    working = asyncio.ensure_future(work(starting.result())) if work else None
    ends = {asked_to_leave, asyncio.ensure_future(system.stack.supervisor.watch())}
    try:
        done, _ = await asyncio.wait(
            {*ends, working} if working else ends, return_when=asyncio.FIRST_COMPLETED
        )
        for end in done:
            end.result()
    finally:
        await _given_up(working)
        await system.stop()


async def _given_up(working: asyncio.Future[None] | None) -> None:
    """Work that still goes on has ended before what it talks to goes down."""
    if working is not None and not working.done():
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


def down(path: Path) -> bool:
    """Ends the running system of a home from outside; False if there was none."""
    state = State.of(Home(path))
    if not state.is_running() or state.supervisor is None:
        return False
    os.kill(state.supervisor.pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_WITHIN
    while state.supervisor.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the supervisor {state.supervisor.pid} does not end")
        time.sleep(0.05)
    return True


def _run(command: Sequence[str], env: dict[str, str], log: Path) -> int:
    with log.open("wb") as out:
        bound = tied(command, None, signal.SIGKILL)
        done = subprocess.run(bound, env=env, stdout=out, stderr=subprocess.STDOUT, check=False)
    return done.returncode
