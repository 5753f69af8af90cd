"""What each mutant does wrong, as patches of the kit that a process of ours makes when it starts."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import asyncpg
from aiokafka import TopicPartition
from perennial.kit import actions, fold, gathering, ordering, postgres, relay, tables, verdicts
from perennial.kit.batch import Writes
from perennial.kit.gathering import partition_of
from perennial.kit.kafka import Log

WIDER = 0.05
"""Seconds by which a window is held open, so that a kill falls into it."""


def plant(name: str) -> None:
    """Do wrong from now on. A patch whose place is gone fails here, and so does the process."""
    MUTANTS[name]()


def replace(owner: Any, name: str, by: Any) -> Any:
    """What was there before."""
    before = getattr(owner, name)
    setattr(owner, name, by)
    return before


def no_position_check() -> None:
    """Goes on where Kafka's late commit says, and takes whatever comes."""

    def admit(items: list[Any], _stands: Any) -> Any:
        placed = [item for item in items if partition_of(item) and item.record]
        return items, {partition_of(one): one.record.offset + 1 for one in placed}, {}

    replace(gathering, "admit", admit)
    replace(Log, "seek", lambda _log, _positions: None)


def no_version_check() -> None:
    """Takes every record as the key's next."""
    replace(ordering.Ordering, "_is_next", lambda _fold, _entity, _item: True)


def kafka_commit_first() -> None:
    """Tells Kafka that records are done before they are."""
    no_position_check()

    async def poll(log: Log, most: int, wait_ms: int) -> Any:
        records = await before(log, most, wait_ms)
        ends = {TopicPartition(one.topic, one.part): one.offset + 1 for one in records}
        if ends:
            await log._consumer.commit(ends)
        return records

    before = replace(Log, "poll", poll)


def cursor_relay() -> None:
    """Remembers how far it has read, and never looks back."""
    text = _scan("WHERE seq > $2")

    async def perform(self: Any, connection: Any, step: Any) -> Any:
        if not isinstance(step, relay.Scan):
            return await before(self, connection, step)
        self._wake.clear()
        rows = await connection.fetch(text, step.most, getattr(self, "cursor", 0))
        self.cursor = max((row["seq"] for row in rows), default=getattr(self, "cursor", 0))
        return rows

    before = replace(relay.Relay, "_perform", perform)
    _sends_plainly()


def xmin_filter() -> None:
    """Shows only rows of transactions older than all that run: not in the order of a key's versions,
    for a batch of records has its number long before it gets the lock of a busy key."""
    old = "xmin::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
    replace(relay, "_SCAN", _scan(f"WHERE seq <> ALL($2::bigint[]) AND {old}"))

    async def read(self: Any, action: Any) -> Any:
        done = await before(self, action)
        if isinstance(action, actions.LockPositions):
            await asyncio.sleep(2 * WIDER)
        return done

    before = replace(postgres._Transaction, "_read", read)


def three_relays() -> None:
    """Several that share the outbox, each skipping what another has locked."""
    text = _scan("WHERE true").replace("ORDER BY seq LIMIT $1", "ORDER BY seq LIMIT 20 FOR UPDATE SKIP LOCKED")  # fmt: skip
    text = text.replace("WHERE true", "WHERE $1 > 0")

    async def work(self: Any) -> None:
        connection = await asyncpg.connect(self._url, command_timeout=60)
        while True:
            self.turns += 1
            async with connection.transaction():
                rows = await connection.fetch(text, 1)
                messages = [relay.message_of(self._source, row) for row in rows]
                sent = await self._outlet.send_wave(messages) if messages else []
                await connection.fetch(relay._DELETE, sent)
            await asyncio.sleep(0 if rows else WIDER)

    async def run(self: Any) -> None:
        await asyncio.gather(*(work(self) for _ in range(3)))

    replace(relay.Relay, "run", run)


def delete_first() -> None:
    """Deletes what it is about to send."""

    def machine(source: str) -> Any:
        while True:
            rows = yield relay.Scan(relay.WAVE)
            if not rows:
                yield relay.Rest()
                continue
            messages = [relay.message_of(source, row) for row in rows]
            yield relay.Delete([one.place for one in messages])
            yield relay.Send(messages)

    async def delete_and_dawdle(self: Any, connection: Any, step: Any) -> Any:
        done = await before(self, connection, step)
        if isinstance(step, relay.Delete):
            await asyncio.sleep(WIDER)
        return done

    replace(relay, "relay", machine)
    before = replace(relay.Relay, "_perform", delete_and_dawdle)
    _sends_plainly()


def producer_again() -> None:
    """Goes on with a producer that has failed, as if a wave could simply be sent once more."""

    async def sent(self: Any, _connection: Any, messages: Any) -> Any:
        try:
            return await self._outlet.send_wave(messages, 2)
        except Exception:
            self.turns += 1
            return []

    replace(relay.Relay, "_sent", sent)


def two_transactions() -> None:
    """Positions are committed before their effects are."""

    async def write(self: Any, writes: Any) -> None:
        if writes.positions:
            position = Writes(positions=writes.positions)
            await before(self, position)
            await self._open.commit()
            await asyncio.sleep(WIDER)
            self._open = self._connection.transaction()
            await self._open.start()
            writes.positions = {}
        await before(self, writes)

    before = replace(postgres._Transaction, "_write", write)


def reads_the_clock() -> None:
    """A rule asks the wall what time it is."""

    def record(self: Any, entity: Any, decision: Any, fact: Any, _now: Any) -> Any:
        subject = entity.subject
        evolve = subject.evolve
        object.__setattr__(
            subject, "evolve", lambda state, event, _at: evolve(state, event, datetime.now(UTC))
        )
        try:
            return before(self, entity, decision, fact, _now)
        finally:
            object.__setattr__(subject, "evolve", evolve)

    before = replace(fold.Fold, "_record", record)


def no_quarantine() -> None:
    """Parks a fact and lets its key's next ones pass by it."""

    def cannot(self: Any, item: Any, entity: Any, reason: str, error: str, **_held: Any) -> None:
        before(self, item, entity, reason, error, holds=False)

    before = replace(verdicts.Verdicts, "_cannot", cannot)


def cached_sequence() -> None:
    """Every session draws ten numbers of the outbox at once."""
    identity = "GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n    topic text NOT NULL,\n    key   text NOT NULL,\n    ver   bigint NOT NULL\n)"  # fmt: skip
    cached = identity.replace("AS IDENTITY", "AS IDENTITY (CACHE 10)")
    assert identity in tables.TABLES
    replace(tables, "TABLES", tables.TABLES.replace(identity, cached))


def _scan(which: str) -> str:
    usual = "WHERE seq <> ALL($2::bigint[])"
    assert usual in relay._SCAN
    return str(relay._SCAN.replace(usual, which))


def _sends_plainly() -> None:
    async def sent(self: Any, _connection: Any, messages: Any) -> Any:
        return await self._outlet.send_wave(messages)

    replace(relay.Relay, "_sent", sent)


MUTANTS: dict[str, Callable[[], None]] = {
    "M1": no_position_check,
    "M2": no_version_check,
    "M3": kafka_commit_first,
    "M4": cursor_relay,
    "M5": xmin_filter,
    "M6": three_relays,
    "M7": delete_first,
    "M8": producer_again,
    "M9": two_transactions,
    "M10": reads_the_clock,
    "M11": no_quarantine,
    "M12": cached_sequence,
}
