"""Kafka and Postgres of one home: up when `start` returns, and findable by others through its state."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from perennial_embedded.access import Access, apply_access
from perennial_embedded.home import Home, Passwords
from perennial_embedded.jars import class_path
from perennial_embedded.kafka import Kafka, KafkaPorts
from perennial_embedded.ports import choose
from perennial_embedded.postgres import Postgres
from perennial_embedded.processes import Identity, end_leftovers
from perennial_embedded.roles import apply_roles
from perennial_embedded.state import Addresses, State
from perennial_embedded.supervisor import Supervisor

PORTS = ("postgres", "kafka", "kafka-controller")


NOTHING = Access(())
NO_DETOURS: Mapping[str, int] = {}


class Stack:
    """Use as `async with Stack(path, …) as stack:`, or start and stop it. Needs the main thread."""

    def __init__(
        self,
        path: Path,
        *,
        schemas: Sequence[str] = (),
        access: Access = NOTHING,
        more_ports: Sequence[str] = (),
        detours: Mapping[str, int] = NO_DETOURS,
    ) -> None:
        """`detours` are ports under which others meet `postgres` or `kafka` instead of their own."""
        self.home = Home(path)
        self.addresses = Addresses(self.home)
        self.supervisor = Supervisor(self.home, self._write_state)
        self._passwords = Passwords(self.home.passwords)
        self._schemas = schemas
        self._access = access
        self._port_names = (*PORTS, *more_ports)
        self._detours = detours
        self._ports: dict[str, int] = {}
        self._status = "starting"
        self._held = ExitStack()

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

    async def start(self) -> None:
        self.home.prepare()
        self._held.enter_context(self.home.lock())
        try:
            before = State.of(self.home)
            end_leftovers(self.home.path, before.processes.values())
            self._ports = choose(self._port_names, before.ports)
            self._write_state()
            await self._both_up()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        await self.supervisor.stop()
        if self._ports:
            self._status = "down"
            self._write_state()
        self._held.close()

    def own_port(self, name: str) -> int:
        """Where a server itself listens, whatever detour leads to it."""
        return self._ports[name]

    def announce_ready(self) -> None:
        self._status = "ready"
        self._write_state()

    async def _both_up(self) -> None:
        try:
            async with asyncio.TaskGroup() as together:
                together.create_task(self._postgres_up())
                together.create_task(self._kafka_up())
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from failures

    async def _postgres_up(self) -> None:
        passwords = self._passwords
        postgres = Postgres(self.home, passwords, self._ports["postgres"])
        await asyncio.to_thread(postgres.initialise)
        await self.supervisor.start([postgres.process()])
        await apply_roles(postgres, self.home, passwords, self._schemas)

    async def _kafka_up(self) -> None:
        passwords = self._passwords
        own = self._ports["kafka"]
        ports = KafkaPorts(own, self._ports["kafka-controller"], self._detours.get("kafka", own))
        jars = await asyncio.to_thread(class_path)
        kafka = Kafka(self.home, passwords, ports, jars)
        await asyncio.to_thread(kafka.initialise)
        await self.supervisor.start([kafka.process()])
        await apply_access(kafka.bootstrap, self.home, passwords, self._access)

    def _write_state(self) -> None:
        processes = self.supervisor.identities()
        ports = {**self._ports, **self._detours}
        State(self._status, Identity.of(os.getpid()), ports, processes).write(self.home)
