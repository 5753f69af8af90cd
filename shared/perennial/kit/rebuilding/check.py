"""Proves that a service's schema is what its own topics make of it: nothing is stored that isn't published.

Runs beside the living service. One database snapshot is taken first; then the outbox is awaited up
to that moment, and only then are the ends of the topics captured: so the log holds all that the
snapshot knows, and what is newer is left out by its version. Memory holds one partition at a time.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from perennial.contracts.strict import Malformed
from perennial.kit.aside import snapshot
from perennial.kit.batch import Partition
from perennial.kit.kafka import Broker, partition_for
from perennial.kit.postgres import load_reference
from perennial.kit.reading import Reader, Stored
from perennial.kit.rebuilding.comparing import Checked, compared_names
from perennial.kit.rebuilding.entering import Entries
from perennial.kit.rebuilding.shadow import (
    Difference,
    Family,
    Live,
    Logged,
    compared_events,
    compared_states,
    families,
    folded,
    logged,
    made_of,
    mirrored,
    once,
    unreadable,
)
from perennial.kit.subject import Row, Service, Subject
from perennial.kit.worlds import Worlds

OUTBOX_WITHIN = 60.0

_ENTITIES = """
    SELECT subject, key, now, seen::text, made::text, state::text FROM entity
    WHERE subject = ANY($1::text[]) AND key = ANY($2::text[])
"""
_PARTS = """
    SELECT subject, key, id, state::text FROM part
    WHERE subject = ANY($1::text[]) AND key = ANY($2::text[]) AND state <> 'null'
"""
_PARTS_IN_HAND = "SELECT count(*) FROM part WHERE subject = ANY($1::text[]) AND state <> 'null'"
_NAMES = "SELECT subject, key, name FROM alias WHERE subject = ANY($1::text[]) AND key = ANY($2)"
_EVENTS = """
    SELECT key, topic, ver, id, type, time, now, data FROM event
    WHERE topic = ANY($1::text[]) AND key = ANY($2::text[])
"""
_LEDGERS = "SELECT subject, key, state::text FROM entity WHERE subject = ANY($1::text[])"
_DISCARDED = "SELECT topic, key, ver FROM parked WHERE state = 'discarded'"


class RebuildError(Exception):
    """The comparison could not be made; nothing is said about the data."""


async def check(service: Service, url: str, broker: Broker) -> Checked:
    """Compare every own subject, part and event, and every mirror, with the topics."""
    checked = Checked(service=service.name)
    async with snapshot(url) as base, Reader(broker) as reader:
        await outbox_gone(base, url)
        worlds = Worlds(service, await load_reference(base, service))
        moment = await base.fetchval("SELECT transaction_timestamp()")
        for family in families(service):
            await _Comparison(service, worlds, family, moment, base, reader, checked).run()
    return checked


async def outbox_gone(base: Any, url: str) -> None:
    """Wait until all that the snapshot knows is published."""
    last = await base.fetchval("SELECT max(seq) FROM outbox")
    if last is None:
        return
    watching = await asyncpg.connect(url)
    waiting = "SELECT EXISTS (SELECT FROM outbox WHERE seq <= $1)"
    try:
        async with asyncio.timeout(OUTBOX_WITHIN):
            while await watching.fetchval(waiting, last):  # noqa: ASYNC110 - another process empties it
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise RebuildError("the outbox does not empty: is the relay running?") from error
    finally:
        await watching.close()


class _Comparison:
    """One family, partition by partition."""

    def __init__(
        self,
        service: Service,
        worlds: Worlds,
        family: Family,
        moment: datetime,
        base: Any,
        reader: Reader,
        checked: Checked,
    ) -> None:
        self._service, self._worlds, self._family = service, worlds, family
        self._moment = moment
        self._base, self._reader, self._checked = base, reader, checked
        self._topics = [topic.name for topic in family.topics]
        self._tables = frozenset(service.rebuilds)
        self._rows: dict[str, int] = dict.fromkeys(self._tables, 0)
        self._seen = {"event": 0, "part": 0}
        self._entries = Entries(family)

    async def run(self) -> None:
        places = await self._reader.partitions(self._topics)
        starts, ends = await self._reader.starts(places), await self._reader.ends(places)
        keys = await self._live_keys(_count(places))
        discarded = {tuple(row) for row in await self._base.fetch(_DISCARDED)}
        for part in range(_count(places)):
            here = [place for place in places if place[1] == part]
            log = await self._logged({p: starts[p] for p in here}, {p: ends[p] for p in here})
            wanted = sorted({*log, *keys.get(part, ())})
            if wanted and self._family.mirrors:
                await self._mirrors(wanted, log, discarded)
            elif wanted:
                await self._own(wanted, log)
        if not self._family.mirrors:
            await self._nothing_else()

    async def _live_keys(self, count: int) -> dict[int, list[str]]:
        """Keys that the tables know, by partition: none may be missing in the log."""
        rows = await self._base.fetch(
            "SELECT key FROM entity WHERE subject = ANY($1::text[]) AND (made <> '{}' OR $2)",
            self._family.names,
            self._family.mirrors,
        )
        keys: dict[int, list[str]] = {}
        for (key,) in rows:
            keys.setdefault(partition_for(key, count), []).append(key)
        return keys

    async def _logged(
        self, starts: Mapping[Partition, int], ends: Mapping[Partition, int]
    ) -> dict[str, list[Logged]]:
        found: dict[str, list[Logged]] = {}
        async for polled in self._reader.between(starts, ends):
            for stored in polled:
                if (one := self._readable(stored)) is not None:
                    found.setdefault(one.fact.key, []).append(one)
        return found

    def _readable(self, stored: Stored) -> Logged | None:
        """A record as its writer made it. On own topics a type that is none of ours is a difference."""
        try:
            one = logged(stored)
            if one.fact.data is None and not self._family.mirrors:
                raise Malformed(f"nobody here writes {one.fact.type}", "/type")
        except Malformed as error:
            self._checked.add([unreadable(stored, error)])
            return None
        return one

    async def _own(self, keys: Sequence[str], log: Mapping[str, list[Logged]]) -> None:
        live = await self._live(keys)
        rows = await self._event_rows(keys)
        told: list[Logged] = []
        for key in keys:
            subject, entity = self._owner(key, live)
            known, forks = once(log.get(key, ()), entity.made, self._moment)
            self._checked.add(forks)
            self._checked.add(compared_events(key, rows.get(key, {}), known))
            self._checked.add(compared_states(subject, key, entity, folded(subject, known)))
            self._checked.add(compared_names(subject, key, entity.names, known))
            self._checked.count("event", len(known))
            self._checked.count("alias", len(entity.names))
            self._checked.count("entity")
            self._checked.count("part", len(entity.parts))
            self._seen["event"] += len(rows.get(key, ()))
            self._seen["part"] += len(entity.parts)
            told += known
        self._entries.enter(told)
        await self._work_rows(told)

    async def _mirrors(
        self, keys: Sequence[str], log: Mapping[str, list[Logged]], discarded: set[Any]
    ) -> None:
        live = await self._live(keys)
        for key in keys:
            subject, entity = self._owner(key, live)
            known, forks = once(log.get(key, ()), entity.seen)
            told = [one.fact for one in known]
            facts = [one for one in told if (one.topic, key, one.ver) not in discarded]
            shadow = mirrored(self._service, self._worlds, subject, facts)
            self._checked.add(forks)
            self._checked.add(compared_states(subject, key, entity, shadow))
            self._checked.count("mirror", int((subject.name, key) in live))

    def _owner(self, key: str, live: Mapping[tuple[str, str], Live]) -> tuple[Subject, Live]:
        """Whose key it is. The log alone doesn't say where several subjects share a topic."""
        held = [subject for subject in self._family.subjects if (subject.name, key) in live]
        made = [subject for subject in held if live[subject.name, key].made]
        subject = (made or held or list(self._family.subjects))[0]
        return subject, live.get((subject.name, key)) or _nothing(subject)

    async def _live(self, keys: Sequence[str]) -> dict[tuple[str, str], Live]:
        found: dict[tuple[str, str], Live] = {}
        subjects, json = self._service.subjects, msgspec.json.decode
        for row in await self._base.fetch(_ENTITIES, self._family.names, keys):
            name, key, now, seen, made, text = row
            state = json(text, type=subjects[name].state)
            found[name, key] = Live(now, json(seen), json(made), state)
        for name, key, part_id, text in await self._base.fetch(_PARTS, self._family.names, keys):
            subject = subjects[name]
            place = found.setdefault((name, key), _nothing(subject))
            place.parts[part_id] = json(text, type=subject.part)
        for name, key, alias in await self._base.fetch(_NAMES, self._family.names, keys):
            place = found.setdefault((name, key), _nothing(subjects[name]))
            place.names |= {alias}
        return found

    async def _event_rows(self, keys: Sequence[str]) -> dict[str, dict[tuple[str, int], Any]]:
        found: dict[str, dict[tuple[str, int], Any]] = {}
        for key, topic, ver, *rest in await self._base.fetch(_EVENTS, self._topics, keys):
            found.setdefault(key, {})[topic, ver] = tuple(rest)
        return found

    async def _work_rows(self, told: Iterable[Logged]) -> None:
        """Rows that events leave in tables which the service says can be told again."""
        if not self._tables or self._service.rows is None:
            return
        made: dict[str, list[Row]] = {}
        for one in told:
            for row in self._service.rows(made_of(one)):
                if row.table in self._tables:
                    made.setdefault(row.table, []).append(row)
        for table, rows in made.items():
            await self._rows_are_there(table, rows)

    async def _rows_are_there(self, table: str, rows: Sequence[Row]) -> None:
        columns = ", ".join(rows[0].values)
        told = msgspec.json.encode([dict(row.values) for row in rows]).decode()
        recordset = f"SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, $1::jsonb)"
        missing = await self._base.fetch(
            f"SELECT to_jsonb(r)::text FROM ({recordset} EXCEPT SELECT {columns} FROM {table}) r",
            told,
        )
        count = await self._base.fetchval(
            f"SELECT count(*) FROM ({recordset} GROUP BY {columns}) r", told
        )
        self._rows[table] += count
        self._checked.count(table, count)
        self._checked.add(
            Difference(table=table, key="", what="is missing in the table", topics_say=row[0])
            for row in missing
        )

    async def _nothing_else(self) -> None:
        """Ledgers over all keys; then what the tables hold beyond all that was compared."""
        rows = await self._base.fetch(_LEDGERS, [one.name for one in self._entries.ledgers])
        self._checked.count("ledger", len(rows))
        self._checked.add(self._entries.compared({(row[0], row[1]): row[2] for row in rows}))
        ask = self._base.fetchval
        there = {
            "event": await ask(
                "SELECT count(*) FROM event WHERE topic = ANY($1::text[])", self._topics
            ),
            "part": await ask(_PARTS_IN_HAND, self._family.names),
        }
        for table, count in there.items():
            if surplus := count - self._seen[table]:
                what = f"{surplus} rows belong to no published event"
                self._checked.add([Difference(table=table, key="", what=what)])


def _nothing(subject: Subject) -> Live:
    return Live(None, {}, {}, subject.state())


def _count(places: Sequence[Partition]) -> int:
    """Partitions of a family's topics; they must be equal, or keys would part."""
    counts = Counter(topic for topic, _ in places)
    if len(set(counts.values())) != 1:
        raise RebuildError(f"topics of one subject differ in partitions: {counts}")
    return next(iter(counts.values()))
