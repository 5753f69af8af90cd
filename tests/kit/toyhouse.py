"""The toy behind its door, on whichever store: facts in, tables out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
from perennial.contracts.base import Fact
from perennial.contracts.partner import DEMO, PlaceOrder, RecordPayment
from perennial.kit.ask import Answer, Ask
from perennial.kit.batch import Item, Outcome, ParkedRow, Record
from perennial.kit.door import Job
from perennial.kit.ingest import asked, identity_of, placed
from perennial.kit.kafka import partition_for
from perennial.kit.kept import item_of
from perennial.kit.lanes import Door
from perennial.kit.parking import _READY, MOST
from perennial.kit.postgres import Postgres
from perennial.kit.worlds import Worlds

from tests.kit import toy
from tests.kit.memory import Memory

START = datetime(2026, 1, 1, tzinfo=UTC)
PARTS = {topic.name: topic.partitions for topic in (*toy.TOPICS, DEMO)}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class Real(Postgres):
    """The real store, with what the conformance suite wants to know of it."""

    async def due(self, until: datetime) -> list[tuple[str, str]]:
        rows = await self.pool.fetch(
            "SELECT subject, key FROM entity WHERE due <= $1 AND NOT held ORDER BY 1, 2", until
        )
        return [(row[0], row[1]) for row in rows]

    async def ready(self) -> list[ParkedRow]:
        return [ParkedRow(*row) for row in await self.pool.fetch(_READY, MOST)]

    async def redrive(self, dropping: bool = False) -> None:
        await self.pool.execute(
            "UPDATE parked SET dropping = $1, state = CASE WHEN $1 AND NOT holds THEN 'discarded'"
            " ELSE 'redrive' END WHERE state = 'parked'",
            dropping,
        )

    async def dump(self) -> dict[str, Any]:
        async def rows(sql: str) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in await self.pool.fetch(sql)]

        plain = msgspec.json.decode
        entities = await rows(
            "SELECT subject, key, now, seen::text, made::text, state::text, marks::text, held, due"
            " FROM entity"
        )
        return {
            "entity": {e[:2]: (e[2], *map(plain, e[3:7]), *e[7:]) for e in entities},
            "part": {
                p[:2]: (p[2], plain(p[3]))
                for p in await rows("SELECT subject, id, key, state::text FROM part")
            },
            "alias": {a[:2]: a[2] for a in await rows("SELECT subject, name, key FROM alias")},
            "event": sorted(
                await rows("SELECT topic, key, ver, id, type, time, now, context, data FROM event")
            ),
            "outbox": await rows("SELECT topic, key, ver FROM outbox ORDER BY seq"),
            "position": {
                p[:2]: p[2] for p in await rows("SELECT topic, part, next_offset FROM position")
            },
            "answer": {
                a[0]: a[1:] for a in await rows("SELECT id, fingerprint, status, body FROM answer")
            },
            "parked": sorted(
                await rows(
                    "SELECT topic, part, coalesce(off, -1), subject, key, ver, fact_id, state,"
                    " reason, coalesce(waits_for, ''), holds FROM parked"
                )
            ),
            "archive": sorted(await rows("SELECT topic, key, ver, id FROM archive")),
            "told": sorted(await rows("SELECT topic, key, ver FROM told")),
            "sent": {s[:2]: s[2] for s in await rows("SELECT lane, topic, n FROM sent")},
            "counter": dict(await rows("SELECT scope, n FROM counter")),
        }


@dataclass
class Source:
    """Gives facts their versions and records their offsets, as writers and brokers do."""

    versions: dict[tuple[str, str], int] = field(default_factory=dict)
    ends: dict[tuple[str, int], int] = field(default_factory=dict)

    def fact(self, topic: str, key: str, data: Any, seconds: float = 0, ver: int = 0) -> Fact:
        """The key's next fact on a topic of our own; with `ver`, another one under that version."""
        if not ver:
            ver = self.versions[topic, key] = self.versions.get((topic, key), 0) + 1
        moment = at(seconds)
        return Fact(
            data=data, id=f"{ver:08d}-{topic}-{key}", key=key, now=moment, time=moment,
            topic=topic, type=data.TYPE, ver=ver, source="test", principal="test",
        )  # fmt: skip

    def item(self, fact: Fact) -> Item:
        """The fact as it comes from the log, at the next offset of its partition."""
        subject = toy.SERVICE.by_topic.get(fact.topic)
        return Item(fact, subject, fact.key, self.record(fact.topic, fact.key))

    def record(self, topic: str, key: str) -> Record:
        place = topic, partition_for(key, PARTS[topic])
        offset = self.ends.get(place, 0)
        self.ends[place] = offset + 1
        return Record(*place, offset, key.encode(), b"{}", ())

    def fed(self, key: str, amount: int = 1, seconds: float = 0, **more: Any) -> Item:
        return self.item(self.fact(toy.FEED.name, key, toy.Fed(amount=amount, **more), seconds))

    def partner(self, data: Any, fact_id: str, seconds: float = 0) -> Item:
        fact = Fact(
            data=data, id=fact_id, key="any", now=at(seconds), time=at(seconds), topic=DEMO.name,
            type=data.TYPE, source="shop", principal=DEMO.writer,
        )  # fmt: skip
        record = self.record(DEMO.name, "any")
        return placed(toy.SERVICE, Item(fact, record=record, answer_id=identity_of(fact)))

    def order(self, key: str, order: str, fact_id: str = "", currency: str = "USD") -> Item:
        said = PlaceOrder(order=order, customer=key, placed_at=START, currency=currency, total=1)
        return self.partner(said, fact_id or f"order-{order}")

    def payment(self, order: str, payment: str) -> Item:
        said = RecordPayment(payment=payment, order=order, paid_at=START, amount=1, currency="USD")
        return self.partner(said, f"payment-{payment}")


def ask(key: str, data: Any, name: str, fingerprint: bytes = b"") -> Ask:
    subject = toy.RATE if isinstance(data, toy.SetRate) else toy.CUSTOMER

    def respond(state: Any, events: list[Any]) -> tuple[int, toy.Total]:
        numbers = [one.number for one in events if isinstance(one, toy.Ticketed)]
        return 201, toy.Total(total=getattr(state, "total", 0), numbers=numbers)

    return Ask(subject, key, data, name, fingerprint or msgspec.json.encode(data), "me", respond)


class Toy:
    """One door of the toy service on a store."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.door = Door(toy.SERVICE, store, Worlds(toy.SERVICE, {}), ticking=True)
        self.door.ticked = START

    @classmethod
    def on(cls, pool: asyncpg.Pool) -> "Toy":
        return cls(Real(pool))

    @classmethod
    def in_memory(cls) -> "Toy":
        store = Memory()
        store.tables.position = dict.fromkeys(toy.PARTITIONS, 0)
        return cls(store)

    async def records(self, *items: Item) -> Outcome:
        return await self.door.run(Job("records", list(items)))

    async def asks(self, *asks: Ask, skip_locked: bool = False) -> list[Answer]:
        items = [asked(toy.SERVICE, one, self.door.now()) for one in asks]
        outcome = await self.door.run(Job("requests", items, skip_locked=skip_locked))
        return [outcome.answers[id(one)] for one in asks]

    async def timers(self, seconds: float) -> Outcome:
        until = at(seconds)
        return await self.door.run(Job("timers", [], await self.store.due(until), until))

    async def release(self) -> int:
        """As `Parking.release`, on any store."""
        rows = await self.store.ready()
        keys = sorted({(r.subject, r.key) for r in rows if r.state != "waiting" and r.subject})
        alone = [item_of(toy.SERVICE, r) for r in rows if r.state == "waiting" or not r.subject]
        if rows:
            await self.door.run(Job("parked", alone, redriven=keys))
        return len(rows)

    async def state(self, key: str) -> Any:
        """(now, seen, made, state, marks, held, due) of a customer, as stored."""
        return (await self.store.dump())["entity"]["customer", key]

    async def part(self, order: str) -> tuple[str, list[str]]:
        """Whose an order is, and what was paid for it."""
        key, kept = (await self.store.dump())["part"]["customer", order]
        return key, kept.get("payments", [])

    async def total(self, key: str) -> int:
        total: int = (await self.state(key))[3].get("total", 0)
        return total

    async def parked(self, key: Callable[[Any], Any] = lambda row: row[7]) -> list[Any]:
        """What is set aside, by default the states alone."""
        return [key(row) for row in (await self.store.dump())["parked"]]
