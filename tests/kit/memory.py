"""The door's store as dictionaries: the same actions with the same results as `kit/postgres.py`.

Locks and isolation are not simulated; one batch at a time, all or nothing.
"""

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

import msgspec
from perennial.contracts.base import EPOCH
from perennial.kit import actions
from perennial.kit.batch import Entity, EntityId, Outcome, Parked, ParkedRow, Partition, Writes
from perennial.kit.kept import kept_headers, kept_value

NEW = (None, "{}", "{}", False, None, "{}", "{}")
OPEN = {"parked", "behind", "waiting", "barred", "redrive"}


@dataclass
class Tables:
    """What one schema holds."""

    entity: dict[EntityId, tuple[Any, ...]] = field(default_factory=dict)
    part: dict[EntityId, tuple[str, str]] = field(default_factory=dict)
    alias: dict[EntityId, str] = field(default_factory=dict)
    event: list[tuple[Any, ...]] = field(default_factory=list)
    outbox: list[tuple[str, str, int]] = field(default_factory=list)
    position: dict[Partition, int] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)
    parked: dict[int, ParkedRow] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    archive: set[tuple[Any, ...]] = field(default_factory=set)
    told: set[tuple[Any, ...]] = field(default_factory=set)
    sent: Counter[tuple[str, str]] = field(default_factory=Counter)
    counter: dict[str, int] = field(default_factory=dict)
    journal: list[tuple[int, datetime, str, int, str]] = field(default_factory=list)


class Memory:
    """Performs batches on `Tables`."""

    def __init__(self) -> None:
        self.tables = Tables()
        self._open: Tables | None = None

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
                self._open = deepcopy(self.tables)
            case actions.Rollback():
                self._open = None
            case actions.Commit():
                self.tables = self._open or self.tables
                self._open = None
            case actions.Write(writes):
                self._write(writes)
            case actions.Breathe():
                return None
            case _:
                return self._read(action)
        return None

    def _read(self, action: actions.Action) -> Any:
        tables = self._open or self.tables
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
                return {place: tables.entity.setdefault(place, NEW) for place in ids}, set()
            case actions.LockParked(ids, places):
                return [
                    replace(row)
                    for row in sorted(tables.parked.values(), key=lambda row: row.id)
                    if row.state in OPEN and (row.id in ids or (row.subject, row.key) in places)
                ]
            case actions.LoadAside(places):
                return self._aside(tables, places)
            case actions.LoadParts(subject, ids):
                return {i: tables.part[subject, i] for i in ids if (subject, i) in tables.part}
            case actions.LoadWhole(subject, keys):
                parts = tables.part.items()
                return {i: kept for (s, i), kept in parts if s == subject and kept[0] in keys}
            case actions.LockCounters(scopes):
                return {scope: tables.counter.setdefault(scope, 0) for scope in scopes}
        raise TypeError(action)

    def _aside(self, tables: Tables, places: list[EntityId]) -> dict[EntityId, dict[str, int]]:
        found: dict[EntityId, dict[str, int]] = {}
        for row in tables.parked.values():
            place = row.subject, row.key
            if row.ver and row.state in OPEN - {"waiting"} and place in places:
                last = found.setdefault(place, {})
                last[row.topic] = max(row.ver, last.get(row.topic, 0))
        return found

    def _write(self, writes: Writes) -> None:
        tables = self._open or self.tables
        tables.entity |= {(e.subject.name, e.key): _row(e) for e in writes.entities}
        for subject, part_id, key, part in writes.parts:
            tables.part[subject, part_id] = key, _json(part)
        for subject, part_id, former, key, part in writes.moved:
            assert tables.part[subject, part_id][0] == former, "only its holder gives it away"
            tables.part[subject, part_id] = key, _json(part)
        for subject, part_id, key in writes.dropped:
            assert tables.part.pop((subject, part_id))[0] == key
        for subject, name, key in writes.aliases:
            assert (subject, name) not in tables.alias, "a name has one holder"
            tables.alias[subject, name] = key
        tables.alias |= writes.renamed
        for made in writes.events:
            said = (made.id, made.type, made.time, made.now, made.context, made.data)
            tables.event.append((made.topic, made.key, made.ver, *said))
            tables.outbox.append((made.topic, made.key, made.ver))
            tables.sent[writes.lane, made.topic] += 1
        tables.sent.update({("taken", topic): n for topic, n in writes.taken.items() if n})
        tables.told |= {tuple(row.values.values()) for row in writes.rows}
        tables.archive |= {(f.topic, f.key, f.ver, f.id) for f in writes.archive}
        tables.position |= writes.positions
        tables.answer |= {answer.id: answer for answer in writes.answers}
        tables.counter |= writes.counters
        if writes.journal:
            writes.seq = len(tables.journal) + 1
            tables.journal.append((writes.seq, EPOCH, writes.lane, writes.knew, writes.journal))
        for parked in writes.parked:
            self._park(tables, parked)
        for number, state in writes.released:
            tables.parked[number].state = state

    def _park(self, tables: Tables, parked: Parked) -> None:
        known = tables.parked.get(parked.item.parked_id)
        row = replace(known) if known else _parked(parked, len(tables.parked) + 1)
        row.state, row.waits_for, row.expires = parked.state, parked.waits_for, parked.expires
        row.subject, row.key, row.holds = parked.subject, parked.key, parked.holds
        tables.parked[row.id] = row
        tables.reasons[row.id] = parked.reason

    async def due(self, until: datetime) -> list[EntityId]:
        """As the timers' lane finds them."""
        rows = self.tables.entity.items()
        return sorted(place for place, row in rows if row[4] and row[4] <= until and not row[3])

    async def ready(self) -> list[ParkedRow]:
        """As the parking finds them."""
        return [row for row in self.tables.parked.values() if self._is_ready(row)]

    def _is_ready(self, row: ParkedRow) -> bool:
        wanted = row.waits_for or ""
        part = any(part_id == wanted.partition(":")[2] for _, part_id in self.tables.part)
        if row.state != "waiting":
            return row.state == "redrive" or (row.state == "barred" and not part)
        part = part or any(name == wanted.partition(":")[2] for _, name in self.tables.alias)
        return part or any(
            key == wanted and (entity[1] != "{}" or entity[2] != "{}")
            for (_, key), entity in self.tables.entity.items()
        )

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
            "event": sorted(tables.event),
            "outbox": tables.outbox,
            "position": tables.position,
            "answer": {a.id: (a.fingerprint, a.status, a.body) for a in tables.answer.values()},
            "parked": sorted(_shown(row, tables.reasons[row.id]) for row in tables.parked.values()),
            "archive": sorted(tables.archive),
            "told": sorted(tables.told),
            "sent": dict(tables.sent),
            "counter": tables.counter,
        }


def _row(entity: Entity) -> tuple[Any, ...]:
    state = entity.state
    if entity.subject.part is not None:
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
