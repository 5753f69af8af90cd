"""What the system holds after a chaos run, read by other ways than the system reads itself.

Topics with a plain consumer, tables with plain SQL, and the services over their public interface.
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import asyncpg
import httpx
from perennial.contracts.catalogue import writes
from perennial.contracts.platform import SERVICES
from perennial.kit.kafka import Broker
from perennial.kit.reading import Reader
from perennial_embedded.state import Addresses

from perennial_cli.chaos_poison import AFTER, is_poison, poisonable
from perennial_cli.driving import token
from perennial_cli.events import Seen, seen
from perennial_cli.topology import OBSERVER

PAGE = 200
Place = tuple[str, str, int, str]
"""Topic, key, version, id of an event."""
Aside = tuple[str, int, int | None, str]
"""Topic, partition, offset of a record, and the state in which it is kept."""


@dataclass
class Stream:
    """A topic as a reader sees it that drops what it has had already."""

    events: dict[str, list[Seen]] = field(default_factory=dict)
    """Key → events in order of their versions."""
    repeats: int = 0
    faults: list[str] = field(default_factory=list)
    """Gaps, and versions that stand for two different events."""

    def take(self, event: Seen) -> None:
        known = self.events.setdefault(event.key, [])
        if event.ver == len(known) + 1:
            known.append(event)
        elif event.ver > len(known):
            self.faults.append(f"{_named(event)} comes after version {len(known)}")
        elif known[event.ver - 1].id != event.id:
            self.faults.append(f"{_named(event)} is another event than the first of that version")
        else:
            self.repeats += 1

    def all(self) -> Iterator[Seen]:
        return chain.from_iterable(self.events.values())

    def of_type(self, *kinds: str) -> Iterator[Seen]:
        return (event for event in self.all() if event.type in kinds)

    def places(self) -> Iterator[Place]:
        for events in self.events.values():
            yield from ((event.topic, event.key, event.ver, event.id) for event in events)


@dataclass
class Readings:
    """Everything that is compared with the ledger, and with each other."""

    streams: dict[str, Stream]
    recorded: dict[str, list[Place]]
    """Service → the events in its own table."""
    archive: list[tuple[str, int]]
    """Key and version of the order facts that lifecycle keeps."""
    aside: dict[str, list[Aside]]
    """Service → where the facts stand that it has set aside."""
    poison: list[Aside]
    """What had to be set aside by everybody who reads its topic."""
    orders: dict[str, list[dict[str, Any]]]
    """Customer id → its orders as lead-intake tells them."""
    scores: dict[str, dict[str, Any]]
    alerts: list[str]


async def take_readings(addresses: Addresses) -> Readings:
    streams = await read_streams(addresses)
    customers = sorted(streams["orders.v1"].events)
    recorded = {service: await _recorded(addresses, service) for service in SERVICES}
    bearer = {"authorization": f"Bearer {token(addresses, 'admin')}"}
    async with httpx.AsyncClient(headers=bearer, timeout=30) as client:
        asking = _Asking(client, addresses)
        return Readings(
            streams=streams,
            recorded=recorded,
            archive=await _archive(addresses),
            aside={service: await _set_aside(addresses, service) for service in SERVICES},
            poison=await read_poison(addresses),
            orders={one: await asking.orders(one) for one in customers},
            scores={one: await asking.score(one) for one in customers},
            alerts=[one["id"] for one in await asking.pages("notifications", "/v1/alerts")],
        )


async def read_streams(addresses: Addresses) -> dict[str, Stream]:
    """Every topic that our services write, from its start to its present end; poison left out."""
    streams = {topic.name: Stream() for service in SERVICES for topic in writes(service)}
    async for event in _standing(addresses, streams):
        if not is_poison(event):
            streams[event.topic].take(event)
    return streams


async def read_poison(addresses: Addresses) -> list[Aside]:
    """Poisoned records where they stand, each once, with what must have become of it."""
    found: dict[Any, Aside] = {}
    async for one in _standing(addresses, [topic.name for topic in poisonable()]):
        if is_poison(one):
            versioned = one.ver and not one.topic.startswith("partner.")
            identity = (one.topic, one.id) if versioned else (one.topic, one.part, one.offset)
            state = "behind" if versioned and one.type == AFTER else "parked"
            found.setdefault(identity, (one.topic, one.part, one.offset, state))
    return list(found.values())


async def _standing(addresses: Addresses, topics: Iterable[str]) -> AsyncIterator[Seen]:
    """All that stands on these topics now."""
    login = addresses.credentials(OBSERVER)
    async with Reader(Broker(addresses.bootstrap, login.username, login.password)) as reader:
        places = await reader.partitions(topics)
        starts, ends = await reader.starts(places), await reader.ends(places)
        async for polled in reader.between(starts, ends):
            for one in polled:
                yield seen(one)


@dataclass
class _Asking:
    client: httpx.AsyncClient
    addresses: Addresses

    async def orders(self, customer: str) -> list[dict[str, Any]]:
        return await self.pages("lead-intake", f"/v1/customers/{customer}/orders")

    async def score(self, customer: str) -> dict[str, Any]:
        answer = await self._get("scoring", f"/v1/customers/{customer}/score")
        found: dict[str, Any] = answer.json() if answer.status_code != 404 else {}
        return found

    async def pages(self, service: str, path: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        query: dict[str, Any] = {"limit": PAGE}
        while True:
            page = (await self._get(service, path, **query)).json()
            rows += page["items"]
            if not page["next_cursor"]:
                return rows
            query["cursor"] = page["next_cursor"]

    async def _get(self, service: str, path: str, **query: Any) -> httpx.Response:
        answer = await self.client.get(f"{self.addresses.url(service)}{path}", params=query)
        if answer.status_code != 404:
            answer.raise_for_status()
        return answer


async def _recorded(addresses: Addresses, service: str) -> list[Place]:
    rows = await rows_of(addresses, service, "SELECT topic, key, ver, id FROM event")
    return [(row[0], row[1], row[2], row[3]) for row in rows]


async def _archive(addresses: Addresses) -> list[tuple[str, int]]:
    query = "SELECT key, ver FROM archive WHERE topic = 'orders.v1'"
    return [(row[0], row[1]) for row in await rows_of(addresses, "lifecycle", query)]


async def _set_aside(addresses: Addresses, service: str) -> list[Aside]:
    query = (
        "SELECT topic, part, off, state FROM parked WHERE state NOT IN ('released', 'discarded')"
    )
    rows = await rows_of(addresses, service, query)
    return [(row[0], row[1], row[2], row[3]) for row in rows]


async def rows_of(addresses: Addresses, service: str, query: str) -> list[Any]:
    """What plain SQL says, in the service's own role."""
    connection = await asyncpg.connect(addresses.dsn(service.replace("-", "_")))
    try:
        rows: list[Any] = await connection.fetch(query)
        return rows
    finally:
        await connection.close()


def _named(event: Seen) -> str:
    return f"{event.topic} {event.key}/{event.ver} at {event.part}:{event.offset}"
