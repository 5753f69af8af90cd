"""Poison on our own topics: records that nobody of ours wrote, which none can read or whose rule breaks
for ever; what comes behind them under their key waits, and nothing else does."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from random import Random

from perennial.contracts.catalogue import topic_named
from perennial.contracts.customers import CUSTOMERS
from perennial.contracts.grades import GRADES
from perennial.contracts.leads import LEADS
from perennial.contracts.orders import ORDERS, OrderCancelled
from perennial.contracts.scores import SCORES
from perennial.kit.subject import Service

from tests.kit.memory import Tables
from tests.simulation.outside import Said

TOPICS = (CUSTOMERS, GRADES, LEADS, ORDERS, SCORES)
POISON = "poison"
"""Keys of poisoned records begin so."""
UNREADABLE = (b"{oops", b"\xff\xfe", b'{"customer_id": [5]}', b"")


def is_poison(key: str) -> bool:
    return key.startswith(POISON)


def poisoned(random: Random, number: int, now: datetime) -> list[Said]:
    """One record, and the next one of the same key."""
    topic = random.choice(TOPICS)
    first, key = next(iter(topic.events)), f"{POISON}{number}"
    breaks = topic is ORDERS and random.random() < 0.5
    data = OrderCancelled(order_id=key, revenue=1) if breaks else None
    raw = b"" if breaks else random.choice(UNREADABLE)

    def record(ver: int, kind: str, raw: bytes) -> Said:
        return Said(topic.name, key, f"{key}-{ver}", topic.writer, now, raw=raw, kind=kind, ver=ver)

    broken = record(1, OrderCancelled.TYPE if breaks else first, raw)
    if data is not None:
        broken = Said(
            topic.name, key, f"{key}-1", topic.writer, now, data=data, kind=data.TYPE, ver=1
        )
    return [broken, record(2, "poison.after.v1", b"{}")]


def misplaced(
    said: list[Said], services: Mapping[str, Service], tables: Mapping[str, Tables]
) -> Iterator[str]:
    """Whoever takes facts of that topic has set both aside, once; the others have not stopped at it."""
    keys = {one.key: one for one in said if one.ver == 1}
    for key, one in keys.items():
        for name, service in services.items():
            reads = topic_named(one.topic) in service.reads
            holds = reads and one.topic in service.by_topic
            broke = one.data is None or type(one.data) in service.routes
            wanted = ["behind", "parked"] if holds and broke else ["parked"] if reads and broke else []  # fmt: skip
            rows = sorted(row.state for row in tables[name].parked.values() if row.key == key)
            if rows != wanted:
                yield f"{name} keeps {rows} of {key} on {one.topic}, not {wanted}"
