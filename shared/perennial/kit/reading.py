"""Reads topics from outside any group: bounded by ends captured first, or following; never committing."""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from perennial.kit.batch import Partition, Record
from perennial.kit.kafka import Broker, require_c_extension

POLL_MS = 200
POLL_MOST = 5_000


class MissingTopicError(LookupError):
    """The broker has no such topic."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"the broker has no topic {topic}")


@dataclass(frozen=True, slots=True)
class Stored:
    """A record with the moment at which the broker appended it."""

    record: Record
    at: datetime


class Reader:
    """Use as `async with Reader(broker) as reader`. It is assigned partitions and joins no group."""

    def __init__(self, broker: Broker) -> None:
        require_c_extension()
        self._broker = broker
        self._consumer: Any = None

    async def __aenter__(self) -> Self:
        self._consumer = AIOKafkaConsumer(
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=POLL_MS,
            max_partition_fetch_bytes=4_000_000,
            **self._broker.security(),
        )
        await self._consumer.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._consumer.stop()

    async def partitions(self, topics: Iterable[str]) -> list[Partition]:
        """Every partition of these topics; `MissingTopicError` if one is not there."""
        found: list[Partition] = []
        for topic in topics:
            parts = await self._parts(topic)
            if not parts:
                raise MissingTopicError(topic)
            found += parts
        return found

    async def present(self, topics: Iterable[str]) -> list[Partition]:
        """Every partition of those topics that are there: a catalogue may be newer than a broker."""
        return [place for topic in topics for place in await self._parts(topic)]

    async def _parts(self, topic: str) -> list[Partition]:
        await self._consumer._client.add_topic(topic)
        parts = self._consumer.partitions_for_topic(topic) or ()
        return [(topic, part) for part in sorted(parts)]

    async def starts(
        self, partitions: Iterable[Partition], since: datetime | None = None
    ) -> dict[Partition, int]:
        """The first offset that is kept, or the first appended at or after `since`."""
        places = [TopicPartition(*one) for one in partitions]
        if since is None or not places:
            return _plain(await self._consumer.beginning_offsets(places))
        stamp = int(since.timestamp() * 1000)
        found = await self._consumer.offsets_for_times(dict.fromkeys(places, stamp))
        ends = await self._consumer.end_offsets(places)
        return _plain({place: one.offset if one else ends[place] for place, one in found.items()})

    async def ends(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        return _plain(await self._consumer.end_offsets([TopicPartition(*p) for p in partitions]))

    async def between(
        self, starts: Mapping[Partition, int], ends: Mapping[Partition, int]
    ) -> AsyncIterator[list[Stored]]:
        """All records from `starts` up to, not including, `ends`; then it ends, whatever comes."""
        left = {place: end for place, end in ends.items() if starts[place] < end}
        self._assign({place: starts[place] for place in left})
        while left:
            polled = await self._poll()
            yield [one for one in polled if one.record.offset < ends[_place(one)]]
            for place in await self._reached(left):
                del left[place]
                self._consumer.pause(TopicPartition(*place))

    async def following(self, starts: Mapping[Partition, int]) -> AsyncIterator[list[Stored]]:
        """Records from `starts` on, for ever; an empty list where nothing came for a moment."""
        self._assign(starts)
        while True:
            yield await self._poll()

    async def first_at(self, places: Mapping[Partition, int]) -> dict[Partition, Stored]:
        """The record at each of these offsets; every one of them must exist."""
        found: dict[Partition, Stored] = {}
        async for polled in self.between(places, {p: offset + 1 for p, offset in places.items()}):
            found.update({_place(one): one for one in polled})
        return found

    def seek(self, positions: Mapping[Partition, int]) -> None:
        for place, offset in positions.items():
            self._consumer.seek(TopicPartition(*place), offset)

    def _assign(self, starts: Mapping[Partition, int]) -> None:
        self._consumer.assign([TopicPartition(*place) for place in starts])
        self.seek(starts)

    async def _poll(self) -> list[Stored]:
        polled = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=POLL_MOST)
        return [_stored(place, one) for place, records in polled.items() for one in records]

    async def _reached(self, ends: Mapping[Partition, int]) -> list[Partition]:
        """By position, not by record seen: an end may lie behind what retention has deleted."""
        return [
            place
            for place, end in ends.items()
            if await self._consumer.position(TopicPartition(*place)) >= end
        ]


async def committed(broker: Broker, group: str) -> dict[Partition, int]:
    """Where a group says that it stands: about once a second, and Postgres alone decides."""
    admin = AIOKafkaAdminClient(**broker.security())
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(group)
    finally:
        await admin.close()
    return {(place.topic, place.partition): one.offset for place, one in offsets.items()}


def _stored(place: TopicPartition, one: Any) -> Stored:
    record = Record(place.topic, place.partition, one.offset, one.key, one.value, one.headers)
    return Stored(record, datetime.fromtimestamp(one.timestamp / 1000, UTC))


def _place(stored: Stored) -> Partition:
    return stored.record.topic, stored.record.part


def _plain(offsets: Mapping[TopicPartition, int]) -> dict[Partition, int]:
    return {(place.topic, place.partition): offset for place, offset in offsets.items()}
