"""What nobody of ours would write to a topic: poison of every kind, old records said again in disorder,
and strangers who join a service's group and leave it again."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import TypeVar

from perennial.contracts.base import Topic
from perennial.contracts.catalogue import READS, is_partner, writes
from perennial.contracts.partner import DEMO
from perennial.contracts.platform import SERVICES
from perennial.kit.kafka import Broker, Log, Outlet
from perennial.kit.reading import MissingTopicError, Reader
from perennial_embedded.state import Addresses

from perennial_cli.chaos_faults import Fault
from perennial_cli.chaos_load import KAFKA_TROUBLE
from perennial_cli.events import Seen
from perennial_cli.topology import OBSERVER

POISON = "poison-"
"""Keys and ids of poisoned records begin so."""
AFTER = "poison.after.v1"
"""What follows a poison under its key: it must wait behind it."""
SAID_AGAIN = 200
STORM_ROUNDS, STORM_SECONDS, JOINS_WITHIN = 5, 2.0, 10.0
Headers = list[tuple[str, bytes]]
T = TypeVar("T")


@dataclass(frozen=True)
class Record:
    """A record in whatever shape."""

    key: bytes | None
    value: bytes | None
    headers: Headers


def poisons(topic: Topic, number: int) -> dict[str, list[Record]]:
    """Every kind of poison by its name: the record, and where a version holds its key, the next one."""
    key = f"{POISON}{number}"
    kind = next(iter(topic.events))

    def record(name: str, value: bytes | None, **more: bytes) -> list[Record]:
        return [_record(f"{key}-{name}", value, kind, 1, more)]

    wrong = [*record("type", b'{"customer_id": [5], "lead": 7}')]
    return {
        "not JSON": [*record("json", b"{oops"), _record(f"{key}-json", b"{}", AFTER, 2)],
        "wrong type": wrong,
        "no UTF-8": record("utf8", b'{"customer_id": "\xff\xfe"}'),
        "large": record("large", b'{"customer_id": "' + b"x" * 900_000 + b'"}'),
        "null value": record("null", None),
        "null key": [Record(None, b"{}", _headers(kind, f"{key}-nokey", 0))],
        "header bomb": record("bomb", b"{}", **{f"x-{n}": b"y" * 500 for n in range(300)}),
        "no version": record("spec", b"{}", ce_specversion=b"9.9"),
    }


class Disturber:
    """Writes as the topics' own writers would never."""

    def __init__(self, addresses: Addresses, rng: Random) -> None:
        self._addresses = addresses
        self._rng = rng
        self._numbers = 0

    def faults(self) -> Iterator[Fault]:
        topic = self._rng.choice(poisonable())
        yield Fault("poison", topic.name, lambda: self._poison(topic))
        own = self._rng.choice([one for one in poisonable() if not is_partner(one)])
        yield Fault("old records again", own.name, lambda: self._say_again(own))
        service = self._rng.choice(SERVICES)
        yield Fault("rebalance storm", service, lambda: self._storm(service))

    async def _poison(self, topic: Topic) -> None:
        """One kind after the other: of eight drawn by lot some would never be drawn."""
        kinds = list(poisons(topic, self._numbers).values())
        self._numbers += 1
        await self.publish(topic, kinds[self._numbers % len(kinds)])

    async def _say_again(self, topic: Topic) -> None:
        """Part of what stands on a topic, in any order: all of it is known by its versions."""
        records = await _tried(partial(self._read, topic))
        self._rng.shuffle(records)
        await self.publish(topic, records[:SAID_AGAIN])

    async def _storm(self, service: str) -> None:
        """A stranger in the group takes partitions, tells Kafka that what it polled is done, as any
        consumer does, and leaves again, and again."""
        topics = [topic.name for topic in READS[service]]
        for _ in range(STORM_ROUNDS):
            member = Log(self._broker(service), service, topics)
            try:
                await asyncio.wait_for(member.start(), JOINS_WITHIN)
                polled = await member.poll(SAID_AGAIN, int(STORM_SECONDS * 1000))
                await member.commit({(one.topic, one.part): one.offset + 1 for one in polled})
            except KAFKA_TROUBLE:
                continue  # the group could not be met: that was no storm
            finally:
                await _stopped(member)

    async def publish(self, topic: Topic, records: Iterable[Record]) -> None:
        """In their order, each until it is acknowledged; some may so be said twice."""
        for one in records:
            await _tried(partial(self._send, topic, one))

    async def _send(self, topic: Topic, record: Record) -> None:
        outlet = Outlet(self._broker(topic.writer), "chaos-poison")
        try:
            await outlet.start()
            await outlet.send_raw(topic.name, record.key, record.value, record.headers)
        finally:
            await _stopped(outlet)

    async def _read(self, topic: Topic) -> list[Record]:
        async with Reader(self._broker(OBSERVER)) as reader:
            places = await reader.partitions([topic.name])
            part = self._rng.choice(places)
            found = await reader.starts([part]), await reader.ends([part])
            records = [one.record async for polled in reader.between(*found) for one in polled]
        return [
            Record(one.key, one.value, list(one.headers))
            for one in records[-SAID_AGAIN * 5 :]
            if one.key and not one.key.startswith(POISON.encode())
        ]

    def _broker(self, principal: str) -> Broker:
        login = self._addresses.credentials(principal)
        return Broker(self._addresses.bootstrap, login.username, login.password)


def poisonable() -> list[Topic]:
    """Topics that somebody of ours reads and that a single record can't speak for all on."""
    own = [topic for service in SERVICES for topic in writes(service)]
    return [topic for topic in (*own, DEMO) if any(topic in read for read in READS.values())]


def is_poison(event: Seen) -> bool:
    return event.id.startswith(POISON)


def _record(
    key: str, value: bytes | None, kind: str, ver: int, more: dict[str, bytes] | None = None
) -> Record:
    headers = dict(_headers(kind, key, ver)) | (more or {})
    return Record(key.encode(), value, list(headers.items()))


def _headers(kind: str, key: str, ver: int) -> Headers:
    now = datetime.now(UTC).isoformat().encode()
    told = {
        "ce_specversion": b"1.0",
        "ce_type": kind.encode(),
        "ce_id": f"{key}-{ver}".encode(),
        "ce_source": b"chaos",
        "ce_partitionkey": key.encode(),
        "ce_sequence": f"{ver:020d}".encode(),
        "ce_time": now,
        "ce_recordedtime": now,
        "content-type": b"application/json",
    }
    return [(name, value) for name, value in told.items() if ver or name != "ce_sequence"]


async def _tried(act: Callable[[], Awaitable[T]]) -> T:
    """Until it is done; Kafka may be struck meanwhile."""
    while True:
        try:
            return await asyncio.wait_for(act(), 20)
        except (*KAFKA_TROUBLE, MissingTopicError):
            await asyncio.sleep(0.5)


async def _stopped(client: Log | Outlet) -> None:
    try:
        await client.stop()
    except KAFKA_TROUBLE:
        return  # given up, and never used again
