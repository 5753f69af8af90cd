"""The door's store as dictionaries: the same actions with the same results as `kit/postgres.py`.

A transaction reads what was committed and writes only when it commits, all or nothing. `Memory` runs
one batch at a time; locks, crashes and lost commits stand in `tests/simulation`, on the same tables.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

import asyncpg
import msgspec
from perennial.contracts.base import EPOCH, Fact
from perennial.kit import actions
from perennial.kit.batch import Entity, EntityId, Outcome, Parked, ParkedRow, Partition, Writes
from perennial.kit.kept import kept_headers, kept_value
from perennial.kit.subject import Made, Row

NEW = (None, "{}", "{}", False, None, "{}", "{}")
OPEN = {"parked", "behind", "waiting", "barred", "redrive"}
EventId = tuple[str, str, int]
"""(topic, key, version)"""


@dataclass
class Tables:
    """What one schema holds."""

    entity: dict[EntityId, tuple[Any, ...]] = field(default_factory=dict)
    part: dict[EntityId, tuple[str, str]] = field(default_factory=dict)
    alias: dict[EntityId, str] = field(default_factory=dict)
    event: dict[EventId, tuple[Any, ...]] = field(default_factory=dict)
    """→ (id, type, time, now, context, data)"""
    outbox: dict[int, EventId] = field(default_factory=dict)
    position: dict[Partition, int] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)
    parked: dict[int, ParkedRow] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    archive: dict[EventId, tuple[Any, ...]] = field(default_factory=dict)
    """→ (id, type, time, now, data)"""
    told: list[Row] = field(default_factory=list)
    sent: Counter[tuple[str, str]] = field(default_factory=Counter)
    counter: dict[str, int] = field(default_factory=dict)
    journal: list[tuple[int, datetime, str, int, str]] = field(default_factory=list)
    moment: Callable[[], datetime] = lambda: EPOCH
    """What the server's clock says: when a row of the journal was written."""
    clock: datetime | None = None
    drawn: int = 0
    """The last number of the outbox's sequence: drawn when a row is written, not when it is committed."""
    paged: int = 0
    """Likewise the journal's."""
    waking: dict[EntityId, datetime] = field(default_factory=dict)
    """Subjects with a timer, unless they are held."""
    known: set[str] = field(default_factory=set)
    """Ids of parts, names, and keys of subjects that have taken or made something."""


class Transaction:
    """What one batch reads, and what it will leave behind."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.made: set[EntityId] = set()
        self.writes: Writes | None = None
        self._numbered: dict[int, EventId] = {}

    def read(self, action: actions.Action) -> Any:
        tables = self.tables
        match action:
            case actions.LockPositions(partitions):
                return {place: tables.position[place] for place in partitions}
            case actions.LoadAnswers(ids):
                return {one: tables.answer[one] for one in ids if one in tables.answer}
            case actions.Locate(subject, ids):
                return {i: tables.part[subject, i][0] for i in ids if (subject, i) in tables.part}
            case actions.Resolve(subject, names):
                return {n: tables.alias[subject, n] for n in names if (subject, n) in tables.alias}
            case actions.LockEntities(ids):
                self.made |= {place for place in ids if place not in tables.entity}
                return {place: tables.entity.get(place, NEW) for place in ids}, set()
            case actions.LockParked(ids, places):
                return self.parked(set(ids), set(places))
            case actions.LoadAside(places):
                return self._aside(set(places))
            case actions.LoadParts(subject, ids):
                return {i: tables.part[subject, i] for i in ids if (subject, i) in tables.part}
            case actions.LoadWhole(subject, keys):
                parts = tables.part.items()
                return {i: kept for (s, i), kept in parts if s == subject and kept[0] in keys}
            case actions.LockCounters(scopes):
                return {scope: tables.counter.get(scope, 0) for scope in scopes}
        raise TypeError(action)

    def parked(self, ids: set[int], places: set[EntityId]) -> list[ParkedRow]:
        return [
            replace(row)
            for row in self.tables.parked.values()
            if row.state in OPEN and (row.id in ids or (row.subject, row.key) in places)
        ]

    def _aside(self, places: set[EntityId]) -> dict[EntityId, dict[str, int]]:
        found: dict[EntityId, dict[str, int]] = {}
        for row in self.tables.parked.values():
            place = row.subject, row.key
            if row.ver and row.state in OPEN - {"waiting"} and place in places:
                last = found.setdefault(place, {})
                last[row.topic] = max(row.ver, last.get(row.topic, 0))
        return found

    def write(self, writes: Writes) -> None:
        """Take what is to be written. Raises as Postgres does where it must not be."""
        tables = self.tables
        events = [(made.topic, made.key, made.ver) for made in writes.events]
        _refuse_known("event", events, tables.event)
        _refuse_known("alias", ((s, name) for s, name, _ in writes.aliases), tables.alias)
        _refuse_known("answer", (answer.id for answer in writes.answers), tables.answer)
        for subject, part_id, key, _ in writes.parts:
            if tables.part.get((subject, part_id), (key,))[0] != key:
                raise asyncpg.NotNullViolationError(f"part {part_id} is another's")
        for subject, part_id, former, *_ in (*writes.moved, *writes.dropped):
            assert tables.part[subject, part_id][0] == former, "only its holder gives it away"
        for one in events:
            tables.drawn += 1
            self._numbered[tables.drawn] = one
        if writes.journal:
            tables.paged += 1
            writes.seq = tables.paged
        self.writes = writes

    def commit(self) -> None:
        tables, writes = self.tables, self.writes
        for place in self.made:
            tables.entity.setdefault(place, NEW)
        if writes is None:
            return
        for entity in writes.entities:
            self._keep(entity)
        for entity in writes.counted:
            self._count_versions(entity)
        self._hand_over(writes)
        for subject, name, key in writes.aliases:
            tables.alias[subject, name] = key
            tables.known.add(name)
        tables.alias |= writes.renamed
        tables.known.update(name for _, name in writes.renamed)
        tables.event.update((_place(made), _told(made)) for made in writes.events)
        tables.outbox.update(self._numbered)
        self._count(writes)
        tables.told += writes.rows
        for fact in writes.archive:
            tables.archive.setdefault((fact.topic, fact.key, fact.ver), _archived(fact))
        tables.position |= writes.positions
        tables.answer |= {answer.id: answer for answer in writes.answers}
        tables.counter |= writes.counters
        if writes.journal:
            page = writes.seq, tables.moment(), writes.lane, writes.knew, writes.journal
            tables.journal.append(page)
        for parked in writes.parked:
            self._park(parked)
        for number, state in writes.released:
            tables.parked[number] = replace(tables.parked[number], state=state)

    def _hand_over(self, writes: Writes) -> None:
        tables = self.tables
        moved = [(subject, part_id, key, part) for subject, part_id, _, key, part in writes.moved]
        for subject, part_id, key, part in (*writes.parts, *moved):
            tables.part[subject, part_id] = key, _json(part)
            (tables.known.discard if part is None else tables.known.add)(part_id)
        for subject, part_id, _ in writes.dropped:
            del tables.part[subject, part_id]
            tables.known.discard(part_id)

    def _keep(self, entity: Entity) -> None:
        place, row = (entity.subject.name, entity.key), _row(entity)
        self.tables.entity[place] = row
        if entity.due is not None and not entity.held:
            self.tables.waking[place] = entity.due
        else:
            self.tables.waking.pop(place, None)
        if entity.seen or entity.made:
            self.tables.known.add(entity.key)

    def _count_versions(self, entity: Entity) -> None:
        place = entity.subject.name, entity.key
        now, _, made, held, due, state, _ = self.tables.entity[place]
        seen, marks = _json(entity.seen), _json(entity.marks)
        self.tables.entity[place] = now, seen, made, held, due, state, marks
        self.tables.known.add(entity.key)

    def _count(self, writes: Writes) -> None:
        sent = self.tables.sent
        for made in writes.events:
            sent[writes.lane, made.topic] += 1
        sent.update({("taken", topic): n for topic, n in writes.taken.items() if n})
        if writes.clock is not None:
            self.tables.clock = max(writes.clock, self.tables.clock or writes.clock)

    def _park(self, parked: Parked) -> None:
        tables = self.tables
        known = tables.parked.get(parked.item.parked_id)
        row = replace(known) if known else _parked(parked, len(tables.parked) + 1)
        row.state, row.waits_for, row.expires = parked.state, parked.waits_for, parked.expires
        row.subject, row.key, row.holds = parked.subject, parked.key, parked.holds
        tables.parked[row.id] = row
        tables.reasons[row.id] = parked.reason


class Memory:
    """Performs batches on `Tables`, one at a time."""

    def __init__(self) -> None:
        self.tables = Tables()
        self._open: Transaction | None = None

    async def drive(self, machine: actions.Machine) -> Outcome:
        try:
            action = next(machine)
            while True:
                action = machine.send(self.perform(action))
        except StopIteration as done:
            outcome: Outcome = done.value
            return outcome
        finally:
            self._open = None

    def perform(self, action: actions.Action) -> Any:
        match action:
            case actions.Begin():
                self._open = Transaction(self.tables)
            case actions.Rollback():
                self._open = None
            case actions.Commit():
                self._opened().commit()
                self._open = None
            case actions.Write(writes):
                self._opened().write(writes)
            case actions.Breathe():
                return None
            case _:
                return self._opened().read(action)
        return None

    def _opened(self) -> Transaction:
        return self._open or Transaction(self.tables)

    async def due(self, until: datetime) -> list[EntityId]:
        """As the timers' lane finds them."""
        return sorted(place for place, at in self.tables.waking.items() if at <= until)

    async def ready(self) -> list[ParkedRow]:
        """As the parking finds them."""
        return [row for row in self.tables.parked.values() if is_ready(self.tables, row)]

    async def redrive(self, dropping: bool = False) -> None:
        """As a person does with all that is parked."""
        for row in self.tables.parked.values():
            if row.state == "parked":
                row.state, row.dropping = "redrive", dropping
                if dropping and not row.holds:
                    row.state = "discarded"

    async def dump(self) -> dict[str, Any]:
        """Everything that must be the same in every store, in an order of its own."""
        tables = self.tables
        return {
            "entity": {place: _plain(row) for place, row in tables.entity.items()},
            "part": {k: (v[0], msgspec.json.decode(v[1])) for k, v in tables.part.items()},
            "alias": tables.alias,
            "event": sorted((*place, *said) for place, said in tables.event.items()),
            "outbox": [place for _, place in sorted(tables.outbox.items())],
            "position": tables.position,
            "answer": {a.id: (a.fingerprint, a.status, a.body) for a in tables.answer.values()},
            "parked": sorted(_shown(row, tables.reasons[row.id]) for row in tables.parked.values()),
            "archive": sorted((*place, said[0]) for place, said in tables.archive.items()),
            "told": sorted(tuple(row.values.values()) for row in tables.told),
            "sent": dict(tables.sent),
            "counter": tables.counter,
        }


def is_ready(tables: Tables, row: ParkedRow) -> bool:
    """Whether a fact that was set aside can be folded now."""
    wanted = row.waits_for or ""
    name = wanted.partition(":")[2]
    if row.state == "barred":
        keys = [key for (_, part_id), (key, _) in tables.part.items() if part_id == name]
        return all(key == row.key for key in keys) and bool(keys or wanted.startswith("free:"))
    if row.state == "waiting":
        return wanted in tables.known or name in tables.known
    return row.state == "redrive"


def _refuse_known(table: str, wanted: Iterable[Any], known: Any) -> None:
    taken = [one for one in wanted if one in known]
    if taken:
        raise asyncpg.UniqueViolationError(f"{table}: {taken[0]} is there already")


def _place(made: Made) -> EventId:
    return made.topic, made.key, made.ver


def _told(made: Made) -> tuple[Any, ...]:
    return made.id, made.type, made.time, made.now, made.context, made.data


def _archived(fact: Fact) -> tuple[Any, ...]:
    return fact.id, fact.type, fact.time, fact.now, _json(fact.data)


def _row(entity: Entity) -> tuple[Any, ...]:
    state = entity.state
    if entity.subject.part is not None and state.parts:
        state = msgspec.structs.replace(state, parts={})
    seen, made, marks = _json(entity.seen), _json(entity.made), _json(entity.marks)
    return (entity.now, seen, made, entity.held, entity.due, _json(state), marks)


def _parked(parked: Parked, number: int) -> ParkedRow:
    item, fact = parked.item, parked.item.fact
    record = item.record
    known: dict[str, Any] = {one.name: None for one in fields(ParkedRow)}
    known |= {
        "id": number,
        "topic": record.topic if record else fact.topic,
        "part": record.part if record else 0,
        "off": record.offset if record else None,
        "ver": fact.ver,
        "fact_id": fact.id,
        "type": fact.type,
        "principal": fact.principal,
        "headers": kept_headers(item),
        "raw": kept_value(item),
        "parked_at": fact.now,
        "dropping": False,
    }
    return ParkedRow(**known)


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    now, seen, made, held, due, state, marks = row
    return (now, *map(msgspec.json.decode, (seen, made, state, marks)), held, due)


def _shown(row: ParkedRow, reason: str) -> tuple[Any, ...]:
    return (row.topic, row.part, -1 if row.off is None else row.off, row.subject, row.key, row.ver, row.fact_id,
            row.state, reason, row.waits_for or "", row.holds)  # fmt: skip


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
