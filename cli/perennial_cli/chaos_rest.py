"""How a storm comes to rest: clocks stand, everything is taken, outboxes are empty; and what it has met."""

import asyncio
import time
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import httpx
from perennial.contracts.catalogue import READS
from perennial.contracts.platform import SERVICES
from perennial.kit.kafka import Broker
from perennial.kit.reading import MissingTopicError, Reader
from perennial.kit.settle import Question
from perennial_embedded.home import Home
from perennial_embedded.state import Addresses
from perennial_embedded.system import SERVICES as SERVICES_OF_HOME

from perennial_cli.chaos_check import Check
from perennial_cli.chaos_load import KAFKA_TROUBLE, Tally
from perennial_cli.chaos_market import close_market
from perennial_cli.chaos_poison import POISON
from perennial_cli.chaos_readings import Readings, rows_of
from perennial_cli.driving import Driver
from perennial_cli.rebuilding import compared
from perennial_cli.rest import Services
from perennial_cli.topology import OBSERVER
from perennial_cli.trouble import Trouble

POLL = 0.2


class BusyError(Exception):
    """Something stands on a topic or in an outbox that is not taken yet, or a service is at work."""


TROUBLE = (
    aiohttp.ClientError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    httpx.HTTPError,
    *KAFKA_TROUBLE,
    Trouble,
    BusyError,
    MissingTopicError,
)


async def at_rest(addresses: Addresses, within: float) -> str:
    """Waits until everybody is back and has nothing left to do; what is amiss if that takes too long."""
    deadline = time.monotonic() + within
    trouble: Exception | None = None
    closed = False
    while time.monotonic() < deadline:
        try:
            if not closed:
                await asyncio.to_thread(_close, addresses)
                closed = True
            async with Driver(addresses) as driver:
                await _nothing_moves(driver, addresses)
        except TROUBLE as error:
            trouble = error
            await asyncio.sleep(POLL)
        else:
            return ""
    return repr(trouble)


async def _nothing_moves(driver: Driver, addresses: Addresses) -> None:
    """All is taken, nobody is at work, and a second look finds the same. Raises `BusyError`.

    What a played history settles by, numbers sent and taken, doesn't hold here: others write too.
    """
    looks = []
    for _ in range(2):
        reports = [await driver.ask(Question(service, {})) for service in SERVICES]
        for one in reports:
            if one.busy or not one.reached:
                raise BusyError(
                    f"{one.service}: in hand {one.in_hand}, due {one.due}, jobs {one.jobs}"
                )
        looks.append([(one.epoch, one.sent, one.taken) for one in reports])
        await _all_taken(addresses)
    if looks[0] != looks[1]:
        raise BusyError("something was taken or sent between two looks")


async def _all_taken(addresses: Addresses) -> None:
    """Every position at the end of its partition."""
    login = addresses.credentials(OBSERVER)
    async with Reader(Broker(addresses.bootstrap, login.username, login.password)) as reader:
        for service in SERVICES:
            places = await reader.partitions(topic.name for topic in READS[service])
            ends = await reader.ends(places)
            query = "SELECT topic, part, next_offset FROM position"
            rows = await rows_of(addresses, service, query)
            stands = {(row[0], row[1]): row[2] for row in rows}
            behind = [place for place, end in ends.items() if end and stands.get(place, 0) != end]
            if behind:
                raise BusyError(f"{service} is not at the end of {behind[:3]}")


async def rebuilt(home: Home, addresses: Addresses) -> list[Check]:
    """Every schema against its own topics, row for row; of poison the tables know nothing."""
    checks = []
    for service in SERVICES_OF_HOME:
        try:
            found = await asyncio.to_thread(compared, home, addresses, service)
        except Trouble as trouble:
            checks.append(Check(f"{service.name} rebuilt", lost=1, examples=[str(trouble)]))
            continue
        told = [one for one in found["differences"] if not _of_poison(one)]
        unlike = found["differing"] - len(found["differences"]) + len(told)
        examples = [f"{service.name} {one['table']} {one['key']}: {one['what']}" for one in told]
        held = sum(found["compared"].values())
        checks.append(
            Check(f"{service.name} rebuilt", held, disordered=unlike, examples=examples[:3])
        )
    return checks


def _of_poison(difference: dict[str, Any]) -> bool:
    """Some poison has no key; what nobody can read is counted where it is set aside."""
    return difference["table"] == "topic" or POISON in difference["key"]


async def deadlocks(addresses: Addresses, logs: Path) -> int:
    """As Postgres counts and logs them (a crash resets its counts), and as the doors have met them."""
    counted = await rows_of(
        addresses,
        SERVICES[0],
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    )
    told = _logged(logs, "postgres").count(b"deadlock detected")
    met_by_doors = _logged(logs, "*-door").count(b"DeadlockDetected")
    return max(int(counted[0][0]), told, met_by_doors)


def met(readings: Readings, logs: Path) -> Tally:
    """What struck where it could hurt, from the topics and the services' own logs."""
    doors = _logged(logs, "*-door")
    return Tally({
        "relay duplicates absorbed": sum(one.repeats for one in readings.streams.values()),
        "poison set aside": len(readings.poison),
        "batches repeated": doors.count(b"batch repeated"),
        "commits unknown": doors.count(b"CommitUnknown"),
        "positions sought again": doors.count(b"positions differ"),
        "Kafka lanes started anew": doors.count(b"Kafka lane starts anew"),
    })  # fmt: skip


def _logged(logs: Path, name: str) -> bytes:
    return b"".join(log.read_bytes() for log in logs.glob(f"{name}.log*"))


def _close(addresses: Addresses) -> None:
    with Services(addresses, "admin") as services:
        close_market(services)
