"""A log in partitions, with offsets: what it acknowledged stays, and what it doesn't may stand there too."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from aiokafka.errors import KafkaConnectionError, RequestTimedOutError
from perennial.contracts.catalogue import topic_named
from perennial.kit.batch import Partition, Record
from perennial.kit.kafka import Message, partition_for

from tests.simulation.processes import Process, World

Headers = tuple[tuple[str, bytes], ...]
PATIENCE = 10
"""How many times as long as asked a poll waits that finds nothing: idle turns prove nothing."""


@dataclass(frozen=True)
class Entry:
    """One record as it stands in a partition."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    at: datetime


class Broker:
    """All partitions of all topics."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.partitions: dict[Partition, list[Entry]] = {}
        self.hints: dict[tuple[str, Partition], int] = {}
        """Offsets that groups have committed: late, and never trusted."""
        self._down_until = 0.0
        self._waiting: dict[str, dict[asyncio.Event, None]] = {}

    def length(self, topic: str) -> int:
        return sum(len(log) for place, log in self.partitions.items() if place[0] == topic)

    def append(self, place: Partition, entries: Iterable[Entry]) -> None:
        self.partitions.setdefault(place, []).extend(entries)
        for waiting in self._waiting.get(place[0], ()):
            waiting.set()

    def asked(self) -> None:
        """Raises where the broker does not answer."""
        if self.world.chance.strikes("broker down"):
            self._down_until = self.world.loop.time() + self.world.chance.seconds(5)
        if self.world.loop.time() < self._down_until:
            raise KafkaConnectionError("the broker does not answer")

    async def news(self, topics: list[str], seconds: float) -> None:
        """Wait until something is appended to one of these, at most so long."""
        come = asyncio.Event()
        for topic in topics:
            self._waiting.setdefault(topic, {})[come] = None
        try:
            await asyncio.wait_for(come.wait(), seconds)
        except TimeoutError:
            return
        finally:
            for topic in topics:
                del self._waiting[topic][come]


def places_of(topic: str) -> list[Partition]:
    return [(topic, part) for part in range(topic_named(topic).partitions)]


class Consumer:
    """In the place of `kit.kafka.Log`: one member of a group, polled for bytes."""

    def __init__(self, process: Process, broker: Broker, group: str, topics: list[str]) -> None:
        self._process, self._broker, self._group = process, broker, group
        self._topics = topics
        self._places = [place for topic in topics for place in places_of(topic)]
        self._paused: set[Partition] = set()
        self._at: dict[Partition, int] = {}
        self.generation = 0
        self._assigned()

    def _assigned(self) -> None:
        """After a rebalance reading begins at what the group has committed, which may be old."""
        self.generation += 1
        self._at = {p: self._broker.hints.get((self._group, p), 0) for p in self._places}

    def assigned(self) -> list[Partition]:
        return sorted(self._places)

    def seek(self, positions: Mapping[Partition, int]) -> None:
        self._at.update(positions)

    def pause(self, partition: Partition) -> None:
        self._paused.add(partition)

    async def poll(self, most: int, wait_ms: int) -> list[Record]:
        """What has come; what is handed out counts as read, whatever becomes of it."""
        self._broker.asked()
        if not self._behind():
            if wait_ms:
                await self._broker.news(self._topics, PATIENCE * wait_ms / 1000)
            if not self._behind():
                return []
        self._stray()
        found = self._taken(most)
        await self._process.step("poll")
        return found

    def _behind(self) -> list[Partition]:
        at, paused = self._at, self._paused
        return [
            place
            for place, log in self._broker.partitions.items()
            if place in at and at[place] < len(log) and place not in paused
        ]

    def _stray(self) -> None:
        chance = self._process.world.chance
        if chance.strikes("rebalance"):
            self._assigned()
        behind = self._behind()
        if behind and chance.strikes("astray"):
            place = chance.one_of(behind)
            left = len(self._broker.partitions[place]) - self._at[place]
            self._at[place] = max(0, self._at[place] + (1 if left > 1 else -1))

    def _taken(self, most: int) -> list[Record]:
        chance, found = self._process.world.chance, list[Record]()
        for place in self._behind():
            if chance.on and chance.random.random() < 0.2:
                continue  # the fetch of another partition came first
            start, log = self._at[place], self._broker.partitions[place]
            end = min(len(log), start + max(most - len(found), 0))
            if chance.on and end > start and chance.random.random() < 0.2:
                end = chance.random.randint(start, end)
            found += [_record(place, n, log[n]) for n in range(start, end)]
            self._at[place] = end
        return found

    async def ends(self, partitions: list[Partition]) -> dict[Partition, int]:
        self._broker.asked()
        return {place: len(self._broker.partitions.get(place, ())) for place in partitions}

    async def starts(self, partitions: list[Partition]) -> dict[Partition, int]:
        return dict.fromkeys(partitions, 0)

    async def commit(self, positions: Mapping[Partition, int]) -> None:
        self._broker.asked()
        self._broker.hints.update({(self._group, p): offset for p, offset in positions.items()})


class Producer:
    """In the place of `kit.kafka.Outlet`: waves in order per partition, any of which may fail halfway."""

    def __init__(self, process: Process, broker: Broker) -> None:
        self._process, self._broker = process, broker

    async def send_wave(self, messages: Iterable[Message], timeout: float = 30) -> list[int]:
        """Places of those acknowledged. After an error nobody knows what was taken."""
        self._broker.asked()
        batches, done = self._batches(messages), list[int]()
        failed = None
        for place, batch in batches.items():
            try:
                await self._send(place, batch)
            except (KafkaConnectionError, RequestTimedOutError) as error:
                failed = error
            except asyncio.CancelledError:
                self._land_later(place, batch)
                raise
            else:
                done += [message.place for message in batch]
        if failed is not None:
            raise failed
        return done

    def _batches(self, messages: Iterable[Message]) -> dict[Partition, list[Message]]:
        """A wave may be too large for one batch per partition: what is left follows in the next."""
        chance, batches = self._process.world.chance, dict[Partition, list[Message]]()
        for one in messages:
            place = one.topic, partition_for(one.key, topic_named(one.topic).partitions)
            batches.setdefault(place, []).append(one)
        for place, batch in batches.items():
            if len(batch) > 1 and chance.strikes("wave cut short"):
                batches[place] = batch[: chance.random.randint(1, len(batch) - 1)]
        return batches

    async def _send(self, place: Partition, batch: list[Message]) -> None:
        chance = self._process.world.chance
        await self._process.step("send")
        if chance.strikes("broker refuses"):
            raise RequestTimedOutError
        self._broker.append(place, self._entries(batch))
        if chance.strikes("broker takes, answer lost"):
            raise RequestTimedOutError

    def _land_later(self, place: Partition, batch: list[Message]) -> None:
        """The producer was killed; what it had put on the line may still arrive."""
        world = self._process.world
        if world.chance.coin():
            world.saw("a dead relay's records arrived later")
            entries = self._entries(batch)
            world.loop.call_later(world.chance.seconds(3), self._broker.append, place, entries)

    def _entries(self, batch: list[Message]) -> list[Entry]:
        at = self._process.world.wall()
        return [Entry(one.key.encode(), one.value, tuple(one.headers), at) for one in batch]


def _record(place: Partition, offset: int, entry: Entry) -> Record:
    return Record(*place, offset, entry.key, entry.value, entry.headers)
