"""What runs beside the door: the live feed and the delivery worker, and the desk that routes use."""

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from fastapi import Depends, Request
from perennial.kit.batch import Outcome
from perennial.kit.runtime import Runtime, the_runtime

from notifications.bell import Bell
from notifications.channels.webhook import webhooks
from notifications.deliveries import Deliveries
from notifications.desk import Desk
from notifications.domain.world import World
from notifications.live import broadcast_of, keep_live
from notifications.policy import Policy


def desk_of(runtime: Runtime) -> Desk:
    """The one desk of a running service, made by whoever asks first."""
    desk: Desk | None = runtime.__dict__.get("desk")
    if desk is None:
        desk = runtime.__dict__["desk"] = _desk(runtime)
        runtime.door.after_commit.append(partial(_ring, desk.bell))
    return desk


def _ring(bell: Bell, outcome: Outcome) -> None:
    """Only where a batch left rows: most leave nothing to post or to show."""
    if outcome.writes.rows:
        bell.ring()


def _desk(runtime: Runtime) -> Desk:
    return Desk(
        asks=runtime.asks,
        pool=runtime.pool,
        broadcast=broadcast_of(runtime.pool),
        bell=Bell(),
        policy=lambda: _policy(runtime),
        clock=wall_clock,
        allow_private_endpoints=runtime.settings.allow_private_endpoints,
    )


def _policy(runtime: Runtime) -> Policy:
    world: World = runtime.world()
    return world.policy


def wall_clock() -> datetime:
    """Deliveries live in real time even where a replay plays the clock: receivers check it."""
    return datetime.now(UTC)


def _at_desk(request: Request) -> Desk:
    return desk_of(the_runtime(request))


AtDesk = Annotated[Desk, Depends(_at_desk)]


async def stream(runtime: Runtime, stopping: asyncio.Event) -> None:
    desk = desk_of(runtime)
    await keep_live(desk.pool, desk.broadcast, desk.bell, stopping)


async def deliver(runtime: Runtime, stopping: asyncio.Event) -> None:
    desk = desk_of(runtime)
    async with webhooks(desk.allow_private_endpoints) as posting:
        worker = Deliveries(
            desk.pool,
            desk.asks,
            posting,
            lambda: desk.policy().delivery,
            desk.clock,
            desk.bell,
        )
        await worker.run(stopping)


TASKS = (stream, deliver)
