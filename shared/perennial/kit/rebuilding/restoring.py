"""A service whose tables are lost gets them back from the topics, before it decides anything on nothing.

What stands in no topic stays lost: answers under idempotency keys, what was set aside, the keys that
contact data are sealed with, secrets, deliveries under way. Back those up.
"""

from collections import Counter
from datetime import datetime
from typing import Any

import msgspec

from perennial.contracts.catalogue import is_partner
from perennial.kit.aside import connected
from perennial.kit.batch import Partition
from perennial.kit.kafka import Broker
from perennial.kit.reading import Reader, committed
from perennial.kit.rebuilding.remaking import Remaking
from perennial.kit.rebuilding.switching import schema_of
from perennial.kit.subject import Service

BATCH = 500

_EMPTY = "SELECT NOT EXISTS (SELECT FROM event) AND NOT EXISTS (SELECT FROM position)"
_NUMBERED = "SELECT type, time, data FROM event WHERE type = ANY($1::text[])"
_COUNTER = "INSERT INTO counter (scope, n) VALUES ($1, $2)"
_POSITION = "INSERT INTO position (topic, part, start, next_offset) VALUES ($1, $2, 0, $3)"
_SENT = (
    "INSERT INTO sent (lane, topic, n) SELECT 'restored', topic, count(*) FROM event GROUP BY topic"
)
_TAKEN = """
    INSERT INTO sent (lane, topic, n)
    SELECT 'taken', topic, sum(n::bigint) FROM entity, jsonb_each_text(seen) AS one (topic, n)
    GROUP BY topic
    UNION ALL SELECT 'taken', topic, sum(next_offset) FROM position GROUP BY topic
"""


async def restore(service: Service, url: str, broker: Broker) -> int:
    """How many facts were read; 0 where nothing is lost. Run while the service is down, by the role
    that owns the schema; cut short, it is run again."""
    async with connected(url, schema_of(service)) as tables, Reader(broker) as reader:
        if not await tables.fetchval(_EMPTY) or not await _told(service, reader):
            return 0
        making = Remaking(service, reader, tables, BATCH, lost=True)
        async with tables.transaction():
            await making.look(tables)
            await _numbers(service, tables)
            for (topic, part), offset in (await _committed(service, broker, reader)).items():
                await tables.execute(_POSITION, topic, part, offset)
            for statement in (_SENT, _TAKEN):
                await tables.execute(statement)
    return making.facts


async def _told(service: Service, reader: Reader) -> int:
    """How many records stand on its own topics."""
    places = await reader.present(sorted({topic.name for topic in service.topic_of.values()}))
    return sum((await reader.ends(places)).values())


async def _numbers(service: Service, tables: Any) -> None:
    """Gap-free numbers go on where they stood: as many as were given."""
    kinds = {event.TYPE: event for event in service.numbered}
    given: Counter[str] = Counter()
    for kind, time, data in await tables.fetch(_NUMBERED, list(kinds)):
        given[_scope(service, kinds[kind], time, data)] += 1
    for scope, n in given.items():
        await tables.execute(_COUNTER, scope, n)


def _scope(service: Service, kind: Any, time: datetime, data: str) -> str:
    return service.numbered[kind].scope(msgspec.json.decode(data, type=kind), time)


async def _committed(service: Service, broker: Broker, reader: Reader) -> dict[Partition, int]:
    """Where Kafka was last told that we stand, on topics whose facts bear no versions: at most a
    second of them comes twice. The others are read from their beginning, and what is known passes by."""
    known = await committed(broker, service.name)
    names = [topic.name for topic in service.reads if is_partner(topic)]
    return {place: known[place] for place in await reader.present(names) if place in known}
