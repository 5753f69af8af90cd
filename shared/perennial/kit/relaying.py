"""The relay process: light, alone, and gone at the first doubt."""

import asyncio
import logging
import os
from pathlib import Path

from perennial.kit.kafka import Broker, Outlet
from perennial.kit.relay import Relay
from perennial.kit.waking import set_within

log = logging.getLogger("perennial.relay")


async def serve_relay(service: str, stopping: asyncio.Event) -> None:
    """Wait for a broker, then relay until told to stop; any error ends the process."""
    environment = os.environ
    broker = Broker(
        environment["PERENNIAL_KAFKA_BOOTSTRAP"],
        environment["PERENNIAL_KAFKA_USER"],
        environment["PERENNIAL_KAFKA_PASSWORD"],
    )
    outlet = Outlet(broker, f"{service}-relay")
    await _broker_is_there(outlet, stopping)
    relay = Relay(environment["PERENNIAL_DATABASE_URL"], outlet, f"perennial/{service}")
    heartbeat = environment.get("PERENNIAL_HEARTBEAT")
    work = asyncio.ensure_future(relay.run())
    beat = asyncio.ensure_future(_beat(relay, Path(heartbeat) if heartbeat else None, stopping))
    done, _ = await asyncio.wait({work, beat}, return_when=asyncio.FIRST_COMPLETED)
    failed = next((error for task in done if (error := task.exception())), None)
    if failed is not None:
        log.error("relay ends: %s: %s", type(failed).__name__, failed)
        os._exit(1)
    os._exit(0)


async def _broker_is_there(outlet: Outlet, stopping: asyncio.Event) -> None:
    while not stopping.is_set():
        try:
            await asyncio.wait_for(outlet.start(), 20)
        except Exception as error:
            log.warning("no broker yet: %s", error)
            os._exit(1)
        return


async def _beat(relay: Relay, heartbeat: Path | None, stopping: asyncio.Event) -> None:
    """Touch the heartbeat while the relay takes steps; a wave that hangs stops it."""
    turns = -1
    while not stopping.is_set():
        if heartbeat is not None and relay.turns != turns:
            heartbeat.touch()
        turns = relay.turns
        await set_within(stopping, 1)
