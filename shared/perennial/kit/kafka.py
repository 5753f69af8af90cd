"""aiokafka as a thin byte transport: trusted for nothing but carrying bytes. The only file that imports it."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.partitioner import murmur2
from aiokafka.record.memory_records import MemoryRecords

from perennial.kit.batch import Partition, Record

MAX_BATCH_BYTES = 900_000


@dataclass(frozen=True)
class Broker:
    """Where Kafka is and who we are there."""

    bootstrap: str
    user: str
    password: str

    def security(self) -> dict[str, Any]:
        return {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": self.user,
            "sasl_plain_password": self.password,
        }


class _Assignments(ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes which partitions are ours; nothing that matters depends on it."""

    def __init__(self) -> None:
        self.generation = 0

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        return None

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self.generation += 1


class Log:
    """The input topics of one service, polled as bytes."""

    def __init__(self, broker: Broker, group: str, topics: list[str]) -> None:
        require_c_extension()
        self._listener = _Assignments()
        self._topics = topics
        self._consumer = AIOKafkaConsumer(
            group_id=group,
            client_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=[RangePartitionAssignor],
            session_timeout_ms=10_000,
            rebalance_timeout_ms=30_000,
            max_poll_interval_ms=300_000,
            heartbeat_interval_ms=2_000,
            fetch_max_wait_ms=250,
            fetch_max_bytes=16_000_000,
            max_partition_fetch_bytes=4_000_000,
            **broker.security(),
        )
        self._consumer.subscribe(topics, listener=self._listener)

    async def start(self) -> None:
        await self._consumer.start()

    async def stop(self) -> None:
        """Leave the group; bounded, for a frozen broker would hold us for ever."""
        await asyncio.wait_for(self._consumer.stop(), timeout=5)

    @property
    def generation(self) -> int:
        """Counts rebalances, so that positions are sought anew after each."""
        return self._listener.generation

    def assigned(self) -> list[Partition]:
        return sorted((tp.topic, tp.partition) for tp in self._consumer.assignment())

    def seek(self, positions: Mapping[Partition, int]) -> None:
        ours = self._consumer.assignment()
        for (topic, part), offset in positions.items():
            place = TopicPartition(topic, part)
            if place in ours:
                self._consumer.seek(place, offset)

    def pause(self, partition: Partition) -> None:
        self._consumer.pause(TopicPartition(*partition))

    async def poll(self, most: int, wait_ms: int) -> list[Record]:
        """What has come, at most `most` records, each partition's in order."""
        polled = await self._consumer.getmany(timeout_ms=wait_ms, max_records=most)
        return [
            Record(place.topic, place.partition, one.offset, one.key, one.value, one.headers)
            for place, records in polled.items()
            for one in records
        ]

    async def ends(self, partitions: list[Partition]) -> dict[Partition, int]:
        places = [TopicPartition(*one) for one in partitions]
        found = await self._consumer.end_offsets(places)
        return {(place.topic, place.partition): offset for place, offset in found.items()}

    async def starts(self, partitions: list[Partition]) -> dict[Partition, int]:
        places = [TopicPartition(*one) for one in partitions]
        found = await self._consumer.beginning_offsets(places)
        return {(place.topic, place.partition): offset for place, offset in found.items()}

    async def commit(self, positions: Mapping[Partition, int]) -> None:
        """A hint for lag tools: late, and never trusted."""
        ours = self._consumer.assignment()
        offsets = {
            place: offset
            for (topic, part), offset in positions.items()
            if (place := TopicPartition(topic, part)) in ours
        }
        if offsets:
            await asyncio.wait_for(self._consumer.commit(offsets), timeout=5)


class Outlet:
    """A producer in explicit batches. After any error it is never used again."""

    def __init__(self, broker: Broker, client: str) -> None:
        require_c_extension()
        self._producer = AIOKafkaProducer(
            client_id=client,
            acks="all",
            enable_idempotence=True,
            max_batch_size=MAX_BATCH_BYTES,
            linger_ms=0,
            request_timeout_ms=15_000,
            **broker.security(),
        )
        self._partitions: dict[str, int] = {}

    async def start(self) -> None:
        await self._producer.start()

    async def stop(self) -> None:
        await asyncio.wait_for(self._producer.stop(), timeout=5)

    async def partition_of(self, topic: str, key: str) -> int:
        count = self._partitions.get(topic)
        if count is None:
            count = self._partitions[topic] = len(await self._producer.partitions_for(topic))
        return partition_for(key, count)

    async def send_wave(self, messages: Iterable["Message"], timeout: float = 30) -> list[int]:
        """Send one wave, in order per partition; returns the positions of those acknowledged.

        A partition whose batch is full is closed for this wave, so that nothing overtakes.
        """
        batches: dict[Partition, Any] = {}
        taken: dict[Partition, list[int]] = {}
        closed: set[Partition] = set()
        for message in messages:
            place = (message.topic, await self.partition_of(message.topic, message.key))
            if place in closed:
                continue
            batch = batches.get(place)
            if batch is None:
                batch = batches[place] = self._producer.create_batch()
            appended = batch.append(
                key=message.key.encode(),
                value=message.value,
                timestamp=None,
                headers=message.headers,
            )
            if appended is None:
                closed.add(place)
            else:
                taken.setdefault(place, []).append(message.place)
        sends = [
            await self._producer.send_batch(batch, topic, partition=part)
            for (topic, part), batch in batches.items()
        ]
        await asyncio.wait_for(asyncio.gather(*sends), timeout)
        return [place for places in taken.values() for place in places]

    async def send_raw(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, bytes]],
    ) -> None:
        """One record as it is, right or wrong; returns once it is acknowledged."""
        await self._producer.send_and_wait(topic, value, key=key, headers=headers)


@dataclass(slots=True)
class Message:
    """One record to be sent; `place` is its row in the outbox."""

    place: int
    topic: str
    key: str
    value: bytes
    headers: list[tuple[str, bytes]]


@lru_cache(maxsize=200_000)
def partition_for(key: str, count: int) -> int:
    """Java's partitioner: the same key goes to the same partition from every client."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % count)


def require_c_extension() -> None:
    """Without it aiokafka reads 35 times slower; say so at start, not under load."""
    if "_crecords" not in MemoryRecords.__module__:
        raise RuntimeError("aiokafka was installed without its C extension; reinstall the wheel")


async def length(broker: Broker, topic: str) -> int:
    """How many records a topic holds that never deletes any."""
    reader = AIOKafkaConsumer(group_id=None, **broker.security())
    await reader.start()
    try:
        await reader._client.add_topic(topic)
        parts = [TopicPartition(topic, part) for part in reader.partitions_for_topic(topic) or ()]
        return sum((await reader.end_offsets(parts)).values())
    finally:
        await reader.stop()
