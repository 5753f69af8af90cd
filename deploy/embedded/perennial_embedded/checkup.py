"""Questions to a running system; none of them changes anything."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import asyncpg
from aiokafka.errors import KafkaError

from perennial_embedded.access import Access, describe_topics
from perennial_embedded.finding import Finding, fail, ok, warn
from perennial_embedded.home import Applied, Home
from perennial_embedded.probes import answers
from perennial_embedded.services import BEATS_WITHIN, Service
from perennial_embedded.state import Addresses, State

OUTBOX_WATCH = 2.0
Check = Callable[[], Awaitable[Finding]]


class Checkup:
    def __init__(self, home: Home, access: Access, services: Sequence[Service]) -> None:
        self._home = home
        self._access = access
        self._services = services
        self._addresses = Addresses(home)

    async def findings(self) -> AsyncIterator[Finding]:
        yield self._processes()
        yield await self._postgres()
        yield await self._topics()
        for service in self._services:
            yield self._migrations(service)
            yield await self._door(service)
            yield self._relay(service)
        together = await asyncio.gather(*(self._outbox(service) for service in self._services))
        for finding in together:
            yield finding
        for service in self._services:
            yield await self._parked(service)

    def _processes(self) -> Finding:
        processes = State.of(self._home).processes
        dead = [name for name, identity in processes.items() if not identity.exists()]
        if dead:
            cure = f"It is being started again; if it stays so, read {self._log(dead[0])}."
            return warn("processes", f"not running: {', '.join(dead)}", cure)
        return ok("processes", f"{len(processes)} running")

    async def _postgres(self) -> Finding:
        try:
            version = await self._ask("postgres", "SHOW server_version")
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            return fail("postgres", f"does not answer: {error}", f"Read {self._log('postgres')}.")
        return ok("postgres", f"{version} at port {self._addresses.port('postgres')}")

    async def _topics(self) -> Finding:
        try:
            present = await describe_topics(self._addresses.bootstrap, self._addresses.admin)
        except (OSError, KafkaError) as error:
            return fail("kafka", f"does not answer: {error}", f"Read {self._log('kafka')}.")
        wanted = {topic.name: topic.partitions for topic in self._access.topics}
        if missing := sorted(wanted.keys() - present.keys()):
            return fail(
                "kafka", f"topics missing: {', '.join(missing)}", "`perennial down`, then `up`."
            )
        if wrong := sorted(name for name in wanted if wanted[name] != present[name]):
            cure = "Topics are never repartitioned: declare what is there, or use a new version's name."
            return fail("kafka", f"other partitions than declared: {', '.join(wrong)}", cure)
        return ok("kafka", f"{len(wanted)} topics at {self._addresses.bootstrap}")

    def _migrations(self, service: Service) -> Finding:
        check = f"{service.name} migrations"
        if Applied(
            self._home.postgres, f"migrations-{service.name}", service.migrations()
        ).is_done():
            return ok(check, "at head")
        return warn(
            check, "the code has changed since the start", "`perennial down`, then `perennial up`."
        )

    async def _door(self, service: Service) -> Finding:
        check = f"{service.name} door"
        if await answers(self._addresses.port(service.name), "/readyz")():
            return ok(check, f"ready at {self._addresses.url(service.name)}")
        return fail(check, "is not ready", f"Read {self._log(f'{service.name}-door')}.")

    def _relay(self, service: Service) -> Finding:
        check = f"{service.name} relay"
        heart = self._home.heartbeats / f"{service.name}-relay"
        cure = f"Read {self._log(f'{service.name}-relay')}."
        if not heart.exists():
            return fail(check, "no heartbeat", cure)
        age = time.time() - heart.stat().st_mtime
        if age > BEATS_WITHIN:
            return fail(check, f"last heartbeat {age:.0f} s ago", cure)
        return ok(check, f"heartbeat {age:.0f} s ago")

    async def _outbox(self, service: Service) -> Finding:
        """Rows come and go; an oldest row that stays is what nobody publishes."""
        check = f"{service.name} outbox"
        oldest = "SELECT min(seq) FROM outbox"
        try:
            first = await self._ask(service.schema, oldest)
            if first is None:
                return ok(check, "empty")
            await asyncio.sleep(OUTBOX_WATCH)
            waiting = await self._ask(service.schema, "SELECT count(*) FROM outbox")
            if await self._ask(service.schema, oldest) != first:
                return ok(check, f"moving, {waiting} waiting")
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            return warn(
                check, f"can't be read: {error}", f"Read {self._log(f'{service.name}-migrate')}."
            )
        return fail(
            check, f"stuck, {waiting} waiting", f"Read {self._log(f'{service.name}-relay')}."
        )

    async def _parked(self, service: Service) -> Finding:
        check = f"{service.name} parked"
        try:
            parked = await self._ask(
                service.schema,
                "SELECT count(*) FROM parked WHERE state IN ('parked', 'behind')",
            )
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            return warn(
                check, f"can't be read: {error}", f"Read {self._log(f'{service.name}-migrate')}."
            )
        if parked:
            return warn(check, f"{parked} facts", "See why, mend it, and redrive them.")
        return ok(check, "none")

    async def _ask(self, role: str, query: str) -> object:
        connection = await asyncpg.connect(self._addresses.dsn(role), timeout=5)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    def _log(self, process: str) -> str:
        return str(self._home.logs / f"{process}.log")
