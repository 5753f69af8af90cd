"""The four services as they run: the kit's own lanes, relay and jobs in processes that are started anew."""

import asyncio
import copy
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from aiokafka.errors import KafkaError
from perennial.contracts.base import Fact
from perennial.kit.batch import Outcome
from perennial.kit.hearing import Hearing, read_anew
from perennial.kit.jobs import Jobs
from perennial.kit.lanes import Door, Requests
from perennial.kit.parking import Parking
from perennial.kit.records import Positions, Records
from perennial.kit.relay import Relay
from perennial.kit.runtime import Runtime, Settings
from perennial.kit.settle import Settlement
from perennial.kit.subject import Service, Subject
from perennial.kit.timers import Timers
from perennial.kit.worlds import Worlds

from tests.simulation.broker import Broker, Consumer, Producer
from tests.simulation.processes import Process, World
from tests.simulation.queries import Pool
from tests.simulation.store import Schema, Store

SETTINGS = Settings(database_url="none: all is simulated")
Beside = Callable[[Process, Schema, Runtime], Awaitable[None]]
"""What runs beside a service's door, in its process."""
Spoils = Callable[[str, Fact], bool]
"""(service, fact) → whether the present build has a rule that breaks on it."""


class DoorProcess(Process):
    """One service's door with all its lanes."""

    runtime: Runtime

    def __init__(self, house: "House", name: str) -> None:
        super().__init__(house.world, name)
        self._house = house
        self.ready = False

    def start(self) -> None:
        self.spawn(self._live())

    async def _live(self) -> None:
        house, stopping = self._house, asyncio.Event()
        self.runtime = runtime = await self._assembled()
        schema = house.schema
        schema.doors[self] = runtime.hearing
        self.spawn(runtime.hearing.keep_up(stopping))
        self.spawn(runtime.asks.run(stopping))
        self.spawn(Timers(runtime.door, runtime.pool, runtime.parking.release).run(stopping))
        self.spawn(self._records(stopping))
        self.spawn(runtime.jobs.run(runtime, stopping))
        if house.beside is not None:
            await house.beside(self, schema, runtime)
        self.ready = True

    async def _assembled(self) -> Runtime:
        """As `runtime.assemble`, on this schema."""
        house = self._house
        pool: Any = Pool(self, house.schema)
        store: Any = Store(self, house.schema)
        service = house.service
        door = Door(service, store, Worlds(service, {}), house.world.ticking, house.personal)
        await read_anew(door, pool)
        door.after_doubt.append(lambda: read_anew(door, pool))
        requests = Requests(door)
        jobs = Jobs(copy.deepcopy(service.jobs), service.jobs_after_timers)
        door.after_commit += [jobs.committed, self._look]
        settlement = Settlement(door, requests, pool, self.name, lambda: jobs.pending)
        return Runtime(
            service=service,
            settings=SETTINGS,
            pool=pool,
            door=door,
            asks=requests,
            parking=Parking(door, pool),
            settlement=settlement,
            hearing=Hearing(self.name, door, settlement),
            jobs=jobs,
            personal=house.personal,
            tokens=None,  # type: ignore[arg-type]  # nobody comes over HTTP
        )

    def _look(self, outcome: Outcome) -> None:
        self.world.saw("a duplicate was absorbed", outcome.duplicates)
        self.world.saw("a partition was sought again", len(outcome.reseek))

    async def _records(self, stopping: asyncio.Event) -> None:
        """As the runtime keeps the Kafka lane alive: its client is rebuilt after any trouble."""
        house, door = self._house, self.runtime.door
        topics = [topic.name for topic in house.service.reads]
        while True:
            source: Any = Consumer(self, house.broker, house.service.name, topics)
            try:
                await Records(door, source, Positions(self.runtime.pool)).run(stopping)
            except (KafkaError, OSError):
                self.world.saw("the Kafka lane started anew")
                await asyncio.sleep(0.5)


class RelayProcess(Process):
    """One service's relay."""

    def __init__(self, house: "House", name: str) -> None:
        super().__init__(house.world, name)
        self._house = house

    def start(self) -> None:
        self.spawn(self._live())

    async def _live(self) -> None:
        """Any produce error ends the process: an idempotent producer that failed can't be trusted."""
        outlet: Any = Producer(self, self._house.broker)
        try:
            await _Relay(self, self._house, outlet).run()
        except KafkaError:
            self.world.saw("the relay ended over a produce error")
            self.kill()


class _Relay(Relay):
    """The kit's relay; only its leader's lock is this schema's."""

    def __init__(self, process: Process, house: "House", outlet: Any) -> None:
        super().__init__("", outlet, f"perennial/{house.service.name}")
        self._process, self._schema = process, house.schema

    async def _perform(self, connection: Any, step: Any) -> Any:
        done = await super()._perform(connection, step)
        if isinstance(done, list) and done and isinstance(done[0], int):
            world = self._process.world
            if world.chance.strikes("relay dies after send"):
                world.saw("relay died between send and delete")
                self._process.kill()
                raise asyncio.CancelledError
        return done

    @asynccontextmanager
    async def _leading(self) -> AsyncIterator[Any]:
        schema, process = self._schema, self._process
        while schema.leader not in (None, process):  # noqa: ASYNC110 - as the kit waits for its lock
            await asyncio.sleep(0.2)
        schema.leader = process
        schema.outbox_filled[process] = self._wake.set
        try:
            yield _Connection(process, schema)
        finally:
            schema.outbox_filled.pop(process, None)
            process.world.loop.call_later(process.world.chance.seconds(0.5), self._let_go)

    def _let_go(self) -> None:
        """The server notices a while later that nobody is there."""
        if self._schema.leader is self._process:
            self._schema.leader = None


class _Connection(Pool):
    """A connection that holds a lock: gone with the server that it was made to."""

    def __init__(self, process: Process, schema: Schema) -> None:
        super().__init__(process, schema)
        self._restarts = schema.restarts

    async def fetch(self, sql: str, *arguments: Any) -> Any:
        if self._restarts != self._schema.restarts:
            raise ConnectionResetError("the server was restarted")
        return await super().fetch(sql, *arguments)


class House:
    """One service: its schema, and the processes that are started over it again and again."""

    door: DoorProcess
    relay: RelayProcess

    def __init__(
        self, service: Service, world: World, broker: Broker, personal: Any, beside: Beside | None
    ) -> None:
        self.service, self.world, self.broker = service, world, broker
        self.personal, self.beside = personal, beside
        self.schema = Schema(world)
        self._started = 0

    def start(self) -> None:
        """Doors and relays, each with a supervisor of its own."""
        loop = self.world.loop
        self._supervisors = [
            loop.create_task(self._keep(make(), make)) for make in (self._new_door, self._new_relay)
        ]

    def stop(self) -> None:
        for supervisor in self._supervisors:
            supervisor.cancel()
        self.door.kill()
        self.relay.kill()

    async def _keep(self, process: Process, make: Callable[[], Process]) -> None:
        while True:
            await process.ended.wait()
            self.schema.doors.pop(process, None)
            await asyncio.sleep(0.05 + self.world.chance.seconds(0.5))
            process = make()

    def _new_door(self) -> Process:
        self._started += 1
        self.door = DoorProcess(self, f"{self.service.name}#{self._started}")
        self.door.start()
        return self.door

    def _new_relay(self) -> Process:
        self._started += 1
        self.relay = RelayProcess(self, f"{self.service.name}-relay#{self._started}")
        self.relay.start()
        return self.relay


def spoilt(service: Service, spoils: Spoils, error: type[Exception]) -> Service:
    """The same service in a build whose rules may break."""
    subjects: dict[int, Subject] = {}

    def with_fault(subject: Subject) -> Subject:
        def react(state: Any, fact: Fact, world: Any, now: Any) -> Any:
            if spoils(service.name, fact):
                raise error(f"a rule of this build breaks on {fact.id}")
            return subject.react(state, fact, world, now)

        return subjects.setdefault(id(subject), replace(subject, react=react))

    listens = tuple(replace(one, subject=with_fault(one.subject)) for one in service.listens)
    return replace(service, listens=listens)
