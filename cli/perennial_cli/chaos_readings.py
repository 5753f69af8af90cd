"""What the system holds after a chaos run, read by other ways than the system reads itself.

Topics with a plain consumer, tables with plain SQL, and the services over their public interface.
"""

from collections.abc import Iterator
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

from perennial_cli.driving import token
from perennial_cli.events import Seen, seen
from perennial_cli.topology import OBSERVER

PAGE = 200
Place = tuple[str, str, int, str]
"""Topic, key, version, id of an event."""


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
    left: dict[str, int]
    """What is not finished: outbox rows and parked facts, by service."""
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
            left=await _left(addresses),
            orders={one: await asking.orders(one) for one in customers},
            scores={one: await asking.score(one) for one in customers},
            alerts=[one["id"] for one in await asking.pages("notifications", "/v1/alerts")],
        )


async def read_streams(addresses: Addresses) -> dict[str, Stream]:
    """Every topic that our services write, from its start to its present end."""
    login = addresses.credentials(OBSERVER)
    streams = {topic.name: Stream() for service in SERVICES for topic in writes(service)}
    async with Reader(Broker(addresses.bootstrap, login.username, login.password)) as reader:
        places = await reader.partitions(streams)
        starts, ends = await reader.starts(places), await reader.ends(places)
        async for polled in reader.between(starts, ends):
            for stored in polled:
                streams[stored.record.topic].take(seen(stored))
    return streams


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
    rows = await _rows(addresses, service, "SELECT topic, key, ver, id FROM event")
    return [(row[0], row[1], row[2], row[3]) for row in rows]


async def _archive(addresses: Addresses) -> list[tuple[str, int]]:
    query = "SELECT key, ver FROM archive WHERE topic = 'orders.v1'"
    return [(row[0], row[1]) for row in await _rows(addresses, "lifecycle", query)]


async def _left(addresses: Addresses) -> dict[str, int]:
    open_states = "('parked', 'behind', 'waiting', 'barred', 'redrive')"
    counts = {
        "outbox": "SELECT count(*) FROM outbox",
        "parked": f"SELECT count(*) FROM parked WHERE state IN {open_states}",
    }
    return {
        f"{service} {name}": (await _rows(addresses, service, query))[0][0]
        for service in SERVICES
        for name, query in counts.items()
    }


async def _rows(addresses: Addresses, service: str, query: str) -> list[Any]:
    connection = await asyncpg.connect(addresses.dsn(service.replace("-", "_")))
    try:
        rows: list[Any] = await connection.fetch(query)
        return rows
    finally:
        await connection.close()


def _named(event: Seen) -> str:
    return f"{event.topic} {event.key}/{event.ver} at {event.part}:{event.offset}"
