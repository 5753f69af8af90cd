"""What runs beside the door: the live feed and the delivery worker, and the desk that routes use."""

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from fastapi import Depends, Request
from perennial.kit.batch import Outcome
from perennial.kit.runtime import Runtime, the_runtime
from perennial.kit.tokens import OWN

from notifications.bell import Bell
from notifications.channels.addresses import addresses
from notifications.channels.mail import Post
from notifications.channels.webhook import webhooks
from notifications.deliveries import Deliveries
from notifications.desk import Desk
from notifications.domain.world import World
from notifications.live import broadcast_of, keep_live
from notifications.mailing import Mailing
from notifications.measures import LeadTimes
from notifications.policy import Policy


def desk_of(runtime: Runtime) -> Desk:
    """The one desk of a running service, made by whoever asks first."""
    desk: Desk | None = runtime.__dict__.get("desk")
    if desk is None:
        desk = runtime.__dict__["desk"] = _desk(runtime)
        runtime.door.after_commit.append(partial(_ring, desk))
        runtime.door.after_commit.append(
            partial(_measure, LeadTimes(runtime.door.metrics.registry))
        )
    return desk


def _ring(desk: Desk, outcome: Outcome) -> None:
    """Only where a batch left something to post or to show: most leave neither."""
    tables = {row.table for row in outcome.writes.rows}
    if tables & {"delivery", "endpoint_version"}:
        desk.bell.ring()
    if "feed" in tables:
        desk.feed_bell.ring()


def _measure(lead_times: LeadTimes, outcome: Outcome) -> None:
    lead_times.heard((made.event, made.now.timestamp()) for made in outcome.writes.events)


def _desk(runtime: Runtime) -> Desk:
    return Desk(
        asks=runtime.asks,
        pool=runtime.pool,
        broadcast=broadcast_of(runtime.pool),
        bell=Bell(),
        feed_bell=Bell(),
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
    await keep_live(desk.pool, desk.broadcast, desk.feed_bell, stopping)


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


async def carry(runtime: Runtime, stopping: asyncio.Event) -> None:
    """Letters, where a mail server is named."""
    desk, settings = desk_of(runtime), runtime.settings
    if not desk.mail.on or settings.secrets is None:
        await stopping.wait()
        return
    async with addresses(settings.peers["lead-intake"], settings.secrets / OWN) as asking:
        mailing = Mailing(
            desk.pool,
            Post(desk.mail),
            asking,
            lambda: desk.policy().delivery,
            lambda: runtime.world().people,
            desk.clock,
            desk.bell,
        )
        await mailing.run(stopping)


TASKS = (stream, deliver, carry)
