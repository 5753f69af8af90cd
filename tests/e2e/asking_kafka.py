"""What the broker lets a principal do, asked with real requests that change nothing."""

from collections.abc import Iterable, Sequence

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import TopicAuthorizationFailedError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from perennial_embedded.kafka import admin_client
from perennial_embedded.state import Addresses

DENIED = TopicAuthorizationFailedError.errno
NODE = 1
PARTITION = 0


def torn_batch() -> bytes:
    """A batch with a wrong checksum: permission is asked first, and nobody would store it."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 16_000)
    builder.append(0, None, b"key", b"value", [])
    whole = bytearray(builder.build())
    whole[-1] ^= 0xFF
    return bytes(whole)


async def connected(addresses: Addresses, principal: str) -> AIOKafkaClient:
    client = admin_client(addresses.bootstrap, addresses.credentials(principal))
    await client.bootstrap()
    return client


async def writable(client: AIOKafkaClient, topics: Sequence[str]) -> set[str]:
    """The topics where a record was judged by what it is, not by who sent it."""
    batch = torn_batch()
    request = ProduceRequest(None, -1, 5_000, [(topic, [(PARTITION, batch)]) for topic in topics])
    response = await client.send(NODE, request)
    return _allowed((topic, part[1]) for topic, parts in response.topics for part in parts)


async def readable(client: AIOKafkaClient, topics: Sequence[str]) -> set[str]:
    wanted = [(topic, [(PARTITION, 0, 1)]) for topic in topics]
    response = await client.send(NODE, FetchRequest(0, 0, 1_000_000, 0, wanted))
    return _allowed((topic, part[1]) for topic, parts in response.topics for part in parts)


def _allowed(answers: Iterable[tuple[str, int]]) -> set[str]:
    return {topic for topic, code in answers if code != DENIED}
