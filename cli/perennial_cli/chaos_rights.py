"""A right withdrawn for a while: Kafka refuses what a service writes to a topic of its own.

An idempotent producer that was refused once counts on, and is refused for ever; only a fresh one helps.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from random import Random

from perennial.contracts.base import Topic
from perennial.contracts.catalogue import writes
from perennial.contracts.platform import SERVICES
from perennial_embedded import kafka_requests
from perennial_embedded.access import Access, TopicSpec
from perennial_embedded.kafka import admin_client
from perennial_embedded.kafka_requests import Acl
from perennial_embedded.state import Addresses

from perennial_cli.chaos_faults import Fault
from perennial_cli.chaos_load import KAFKA_TROUBLE

SHORTEST, LONGEST = 2.0, 6.0
AGAIN_AFTER = 0.5
Change = Callable[..., Awaitable[None]]


def rights_faults(addresses: Addresses, rng: Random) -> Iterator[Fault]:
    """On a topic drawn by lot, of those that much is written to."""
    topic = rng.choice([next(iter(writes(service))) for service in SERVICES])
    seconds = rng.uniform(SHORTEST, LONGEST)
    whom = f"{topic.writer} on {topic.name} for {seconds:.1f} s"
    yield Fault("right withdrawn", whom, partial(_withdraw, addresses, topic, seconds))


async def _withdraw(addresses: Addresses, topic: Topic, seconds: float) -> None:
    rights = [one for one in _rights(topic) if one.operation == kafka_requests.WRITE]
    await _until_done(addresses, kafka_requests.delete_acls, rights)
    try:
        await asyncio.sleep(seconds)
    finally:
        await _until_done(addresses, kafka_requests.create_acls, rights)


def _rights(topic: Topic) -> set[Acl]:
    return Access([TopicSpec(topic.name, topic.partitions, [topic.writer], [])]).acls()


async def _until_done(addresses: Addresses, change: Change, rights: Sequence[Acl]) -> None:
    """Kafka may be struck meanwhile."""
    while True:
        client = admin_client(addresses.bootstrap, addresses.admin)
        try:
            await client.bootstrap()
            await change(client, rights)
        except KAFKA_TROUBLE:
            await asyncio.sleep(AGAIN_AFTER)
        else:
            return
        finally:
            await client.close()
