"""One running door: the lanes, the app and the work of one service, living and dying together."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import uvicorn
from fastapi import FastAPI, Request
from pydantic_settings import BaseSettings, SettingsConfigDict

from perennial.kit import trials, watching
from perennial.kit.auth import Tokens
from perennial.kit.hearing import Hearing, read_anew
from perennial.kit.http import build_app
from perennial.kit.ids import uuid7
from perennial.kit.jobs import Jobs
from perennial.kit.kafka import Broker, Log
from perennial.kit.lanes import Door, Requests
from perennial.kit.operating import kit_router
from perennial.kit.parking import Parking
from perennial.kit.personal import PersonalKeys
from perennial.kit.postgres import Postgres, connect, key_table
from perennial.kit.records import Positions, Records
from perennial.kit.settle import Settlement
from perennial.kit.settling import Settling
from perennial.kit.subject import Service
from perennial.kit.timers import Timers
from perennial.kit.tokens import load
from perennial.kit.waking import set_within
from perennial.kit.worlds import Worlds

log = logging.getLogger("perennial")

KEEP_ALIVE_SECONDS = 75
"""Longer than clients keep a connection that rests: who closes first must not be us, or a request that is
just being sent on it is lost."""
STUCK_SECONDS = 60.0


class Settings(BaseSettings):
    """What a service process is told by its environment, as PERENNIAL_*."""

    model_config = SettingsConfigDict(env_prefix="PERENNIAL_")

    database_url: str
    kafka_bootstrap: str = ""
    kafka_user: str = ""
    kafka_password: str = ""
    http_host: str = "127.0.0.1"
    http_port: int = 0
    clock: str = "wall"
    """`wall`, or `ticks` where a played clock says what time it is."""
    heartbeat: Path | None = None
    secrets: Path | None = None
    """Folder with the token keys and the master key of personal data."""
    peers: dict[str, str] = {}
    allow_private_endpoints: bool = False

    def broker(self) -> Broker:
        return Broker(self.kafka_bootstrap, self.kafka_user, self.kafka_password)


@dataclass
class Runtime:
    """What the rooms of a running service may use."""

    service: Service
    settings: Settings
    pool: asyncpg.Pool
    door: Door
    asks: Requests
    parking: Parking
    settlement: Settlement
    hearing: Hearing
    jobs: Jobs
    personal: PersonalKeys
    tokens: Tokens

    def now(self) -> datetime:
        return self.door.now()

    def world(self) -> Any:
        """The world as the rules see it now."""
        return self.door.worlds.at(self.door.now())


Task = Callable[[Runtime, asyncio.Event], Awaitable[None]]


def the_runtime(request: Request) -> Runtime:
    """For routes: the running service behind the app."""
    runtime: Runtime = request.app.state.runtime
    return runtime


async def assemble(service: Service, settings: Settings) -> Runtime:
    """Everything a door needs, from its settings; nothing runs yet."""
    name = uuid7()
    pool = await connect(settings.database_url, name)
    secrets = settings.secrets
    if secrets is None:
        raise RuntimeError("PERENNIAL_SECRETS names no folder; `perennial up` makes one")
    personal = PersonalKeys(_master_key(secrets), key_table(pool))
    door = Door(service, Postgres(pool), Worlds(service, {}), settings.clock == "ticks", personal)
    await read_anew(door, pool)
    door.after_doubt.append(lambda: read_anew(door, pool))
    requests = Requests(door)
    jobs = Jobs(service.jobs, service.jobs_after_timers)
    door.after_commit.append(jobs.committed)
    settlement = Settlement(door, requests, pool, name, lambda: jobs.pending)
    return Runtime(
        service=service,
        settings=settings,
        pool=pool,
        door=door,
        asks=requests,
        parking=Parking(door, pool),
        settlement=settlement,
        hearing=Hearing(name, door, settlement),
        jobs=jobs,
        personal=personal,
        tokens=Tokens(load(secrets)),
    )


def _master_key(secrets: Path) -> bytes:
    """The key that wraps the keys of parties, from the secret word in the service's folder."""
    return hashlib.sha256((secrets / "master.key").read_bytes()).digest()


def app_of(runtime: Runtime) -> FastAPI:
    """The REST face of a running service."""
    app = build_app(
        runtime.service.name,
        [*([runtime.service.router] if runtime.service.router else []), kit_router()],
        runtime.tokens,
        ready=lambda: _ready(runtime),
        registry=runtime.door.metrics.registry,
    )
    app.state.runtime = runtime
    return app


async def _ready(runtime: Runtime) -> list[str]:
    """Requests can be taken as soon as Postgres answers; Kafka may come back later."""
    try:
        await asyncio.wait_for(runtime.pool.fetchval("SELECT 1"), 2)
    except (TimeoutError, OSError, asyncpg.PostgresError) as error:
        return [f"Postgres does not answer: {error}"]
    return []


async def serve_door(service: Service, settings: Settings, stopping: asyncio.Event) -> None:
    """Run one door until told to stop; when one of its parts fails, all of it ends."""
    runtime = await assemble(service, settings)
    app = Settling(app_of(runtime), runtime.settlement, runtime.tokens)
    config = uvicorn.Config(
        app,
        host=settings.http_host,
        port=settings.http_port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=3,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        lifespan="off",
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # ours are set
    lanes: list[Coroutine[Any, Any, None]] = [
        runtime.asks.run(stopping),
        Timers(runtime.door, runtime.pool, runtime.parking.release).run(stopping),
        _records(runtime, stopping),
        _watch(runtime, stopping),
        runtime.jobs.run(runtime, stopping),
        runtime.hearing.run(settings.database_url, stopping),
        trials.work(runtime, stopping),
        watching.work(runtime, stopping),
        *(task(runtime, stopping) for task in service.tasks),
    ]
    try:
        await _together(lanes, server, stopping)
    finally:
        await asyncio.wait_for(runtime.pool.close(), 5)


async def _together(
    lanes: list[Coroutine[Any, Any, None]], server: uvicorn.Server, stopping: asyncio.Event
) -> None:
    async with asyncio.TaskGroup() as group:
        for lane in lanes:
            group.create_task(lane)
        serving = group.create_task(server._serve())
        await _first(stopping.wait(), serving)
        stopping.set()
        server.should_exit = True


async def _first(*waits: Any) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


async def _records(runtime: Runtime, stopping: asyncio.Event) -> None:
    """Keep the Kafka lane alive: its client is rebuilt after any trouble, HTTP goes on meanwhile."""
    service, settings = runtime.service, runtime.settings
    topics = [topic.name for topic in service.reads]
    while topics and not stopping.is_set():
        source = Log(settings.broker(), service.name, topics)
        try:
            await asyncio.wait_for(source.start(), 30)
            runtime.door.progress = time.monotonic()
            await Records(runtime.door, source, Positions(runtime.pool)).run(stopping)
        except Exception as error:
            log.warning("Kafka lane starts anew: %s: %s", type(error).__name__, error)
            runtime.door.progress = time.monotonic()
            await set_within(stopping, 0.5)
        finally:
            await _quietly(source.stop())
    await stopping.wait()


async def _quietly(stop: Awaitable[None]) -> None:
    """A client that is given up may fail at stopping too; it is forgotten all the same."""
    try:
        await stop
    except Exception as error:
        log.info("while stopping the Kafka client: %s", error)


async def _watch(runtime: Runtime, stopping: asyncio.Event) -> None:
    """Show that we live, and end a door that makes no progress: the supervisor starts a fresh one."""
    heartbeat = runtime.settings.heartbeat
    while not stopping.is_set():
        idle = time.monotonic() - runtime.door.progress
        if idle > STUCK_SECONDS:
            raise RuntimeError(f"no progress for {idle:.0f} s")
        if heartbeat is not None:
            heartbeat.touch()
        await set_within(stopping, 1)
