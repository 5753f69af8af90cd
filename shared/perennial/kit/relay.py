"""The relay: outbox rows to Kafka, in order per key, at least once. A process of its own.

A scan of what is unpublished, by `seq`, by one leader; never a cursor. Any produce error ends the
process: an idempotent producer that has failed once can't be trusted again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from perennial.contracts.base import Fact
from perennial.contracts.cloudevents import headers
from perennial.kit.kafka import Message, Outlet
from perennial.kit.making import Context
from perennial.kit.waking import set_within

log = logging.getLogger("perennial.relay")

WAVE = 2_000
IDLE_SECONDS = 0.5

_SCAN = """
    SELECT o.seq, e.topic, e.key, e.ver, e.id, e.type, e.time, e.now, e.context, e.data
    FROM (
        SELECT seq, topic, key, ver FROM outbox WHERE seq <> ALL($2::bigint[])
        ORDER BY seq LIMIT $1
    ) o
    JOIN event e ON e.topic = o.topic AND e.key = o.key AND e.ver = o.ver
    ORDER BY o.seq
"""


_context = msgspec.json.Decoder(Context)


_DELETE = """
    WITH gone AS (DELETE FROM outbox WHERE seq = ANY($1::bigint[]) RETURNING seq)
    SELECT pg_notify('sent_' || current_schema(), count(*)::text) FROM gone
"""
"""Whoever waits until all is sent is told at once."""
_NO_WAIT_FOR_DISK = {"synchronous_commit": "off"}
"""A relay only deletes; rows that a crash brings back are sent again, and every reader knows them."""


@dataclass(frozen=True)
class Scan:
    """→ the oldest unpublished rows, by `seq`."""

    most: int


@dataclass(frozen=True)
class Send:
    """→ the `seq`s that Kafka has acknowledged."""

    messages: list[Message]


@dataclass(frozen=True)
class Delete:
    seqs: list[int]


@dataclass(frozen=True)
class Rest:
    """Nothing to do: sleep until woken (since the last scan began), or for a moment."""


Step = Scan | Send | Delete | Rest


def relay(source: str) -> Generator[Step, Any, None]:
    """One wave after the other, each deleted only once it is acknowledged."""
    while True:
        rows = yield Scan(WAVE)
        if not rows:
            yield Rest()
            continue
        acknowledged = yield Send([message_of(source, row) for row in rows])
        yield Delete(acknowledged)
        if len(acknowledged) < WAVE and len(acknowledged) == len(rows):
            yield Rest()  # that was all; what was committed since has woken us


def message_of(source: str, row: Any) -> Message:
    """An outbox row as a CloudEvent in binary mode; what the writer said is never changed."""
    seq, topic, key, ver, event_id, kind, time, now, context, data = row
    said = _context.decode(context)
    fact = _fact(source, topic, key, ver, event_id, kind, time, now, said)
    return Message(seq, topic, key, data.encode(), headers(fact, policy=said.policyversion))


def _fact(
    source: str,
    topic: str,
    key: str,
    ver: int,
    event_id: str,
    kind: str,
    time: datetime,
    now: datetime,
    said: Context,
) -> Fact:
    return Fact(
        data=None,
        id=event_id,
        key=key,
        now=now,
        time=time,
        topic=topic,
        type=kind,
        ver=ver,
        source=source,
        correlation=said.correlationid,
        causation=said.causationid,
        traceparent=said.traceparent,
        hops=said.hops,
    )


class Relay:
    """Drives the relay machine on real servers, under a leader's lock."""

    def __init__(self, url: str, outlet: Outlet, source: str) -> None:
        self._url = url
        self._outlet = outlet
        self._source = source
        self._wake = asyncio.Event()
        self._ahead: list[Any] = []
        self.turns = 0
        """Counts steps, so that a watchdog sees a frozen relay."""

    async def run(self) -> None:
        async with self._leading() as connection:
            machine = relay(self._source)
            step = next(machine)
            while True:
                self.turns += 1
                step = machine.send(await self._perform(connection, step))

    async def _perform(self, connection: Any, step: Step) -> Any:
        match step:
            case Scan(most):
                self._wake.clear()
                ahead, self._ahead = self._ahead, []
                return ahead or await connection.fetch(_SCAN, most, [])
            case Send(messages):
                return await self._sent(connection, messages)
            case Delete(seqs):
                await connection.fetch(_DELETE, seqs)
            case Rest():
                await set_within(self._wake, IDLE_SECONDS)
        return None

    async def _sent(self, connection: Any, messages: list[Message]) -> list[int]:
        """While Kafka writes a full wave, the next is read. It only counts if this one went out
        whole: what stayed behind must not be overtaken."""
        if len(messages) < WAVE:
            return await self._outlet.send_wave(messages)
        under_way = [message.place for message in messages]
        acknowledged, ahead = await asyncio.gather(
            self._outlet.send_wave(messages), connection.fetch(_SCAN, WAVE, under_way)
        )
        self._ahead = ahead if len(acknowledged) == len(messages) else []
        return acknowledged

    @asynccontextmanager
    async def _leading(self) -> AsyncIterator[Any]:
        """One relay at a time: the lock lives as long as this connection."""
        connection = await asyncpg.connect(
            self._url, command_timeout=60, server_settings=_NO_WAIT_FOR_DISK
        )
        try:
            schema = await connection.fetchval("SELECT current_schema()")
            while not await connection.fetchval(
                "SELECT pg_try_advisory_lock(hashtext('relay'), hashtext($1))", schema
            ):
                self.turns += 1
                await asyncio.sleep(0.2)
            await connection.add_listener(f"outbox_{schema}", lambda *_: self._wake.set())
            yield connection
        finally:
            await connection.close()
