"""Kafka and Postgres of a bench's own, in a folder that is gone afterwards; services where asked for."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
from perennial.contracts.platform import SERVICES
from perennial.kit.kafka import Broker
from perennial.kit.tables import TABLES
from perennial_cli.topology import OBSERVER, access
from perennial_embedded.access import Access, TopicSpec
from perennial_embedded.probes import answers
from perennial_embedded.processes import Process
from perennial_embedded.services import Environment, Service
from perennial_embedded.stack import Stack
from perennial_embedded.state import Addresses
from perennial_embedded.system import System

BENCH = "bench"
"""Kafka principal of what only the bench sends."""
HOPS = ("bench.hop1", "bench.hop2", "bench.hop3", "bench.hop4")
SCHEMAS = [service.replace("-", "_") for service in SERVICES]
BASELINES = ("bench_orm", "bench_memory")
"""Schemas with tables equal to those of a service, for what we are compared with."""


@contextmanager
def _home() -> Iterator[Path]:
    """In a folder that Postgres' own user may enter."""
    with tempfile.TemporaryDirectory(prefix="perennial-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o711)
        yield Path(made) / "home"


def _access() -> Access:
    declared = access()
    hops = [TopicSpec(name, 24, [BENCH], [BENCH]) for name in HOPS]
    return Access([*declared.topics, *hops], observers=[OBSERVER], others=[BENCH])


@asynccontextmanager
async def servers(more_ports: Sequence[str] = ()) -> AsyncIterator[Stack]:
    """No service runs: what is measured is started by whoever measures it."""
    with _home() as home:
        stack = Stack(home, schemas=[*SCHEMAS, *BASELINES], access=_access(), more_ports=more_ports)
        async with stack:
            for schema in BASELINES:
                await _make_tables(stack.addresses.dsn(f"{schema}_migrate"))
            yield stack


@asynccontextmanager
async def whole_system() -> AsyncIterator[System]:
    """All services, on the wall's clock."""
    with _home() as home:
        async with System(home, _access()) as system:
            yield system


async def _make_tables(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(TABLES)
    finally:
        await connection.close()


def environment(stack: Stack, service: Service) -> Environment:
    return Environment(stack.home, stack.addresses, [service], "wall")


async def migrated(stack: Stack, service: Service) -> None:
    """The service's own schema, by its own migration."""
    env = environment(stack, service).of(service, "migrate", f"{service.schema}_migrate")
    command = service.command("migrate")
    running = await asyncio.create_subprocess_exec(*command, env={**os.environ, **env})
    if await running.wait() != 0:
        raise RuntimeError(f"{service.name} does not migrate")


async def with_module(stack: Stack, module: str, env: Mapping[str, str], *said: str) -> None:
    """Run a module of the bench beside us, until the stack ends. Its name is its port's."""
    name = said[0] if said else module
    port = stack.addresses.port(name)
    await stack.supervisor.start(
        [
            Process(
                name=name,
                argv=(sys.executable, "-m", f"tests.bench.{module}", *said),
                env={**env, "PERENNIAL_HTTP_PORT": str(port)},
                ready=answers(port, "/readyz"),
            )
        ]
    )


def broker(addresses: Addresses, principal: str) -> Broker:
    login = addresses.credentials(principal)
    return Broker(addresses.bootstrap, login.username, login.password)


def forwarder(addresses: Addresses, source: str, target: str) -> Process:
    """A process that passes records on from one topic to the next."""
    login = broker(addresses, BENCH)
    return Process(
        name=f"hop-{source}",
        argv=(sys.executable, "-m", "tests.bench.hops", source, target),
        env={
            "PERENNIAL_KAFKA_BOOTSTRAP": login.bootstrap,
            "PERENNIAL_KAFKA_USER": login.user,
            "PERENNIAL_KAFKA_PASSWORD": login.password,
        },
    )
