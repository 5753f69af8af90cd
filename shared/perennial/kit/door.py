"""The door: how one batch goes through, as a machine that does no I/O.

`batch` yields actions and is sent their results; whoever drives it performs them, on real servers
(`postgres.py`) or in memory. Everything that decides stands here and in `fold.py`. The items of a
job are never changed: a batch that is repeated begins with the same ones.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec

from perennial.contracts.base import Fact, TimerFired
from perennial.contracts.platform import CLOCK, Ticked
from perennial.kit.actions import (
    Action,
    Begin,
    Breathe,
    Commit,
    LoadAnswers,
    LoadAside,
    LoadParts,
    Locate,
    LockCounters,
    LockEntities,
    LockParked,
    LockPositions,
    Machine,
    Rollback,
    Write,
)
from perennial.kit.batch import (
    Entity,
    EntityId,
    Gap,
    Item,
    Loaded,
    MoreNeeded,
    ParkedRow,
    PartId,
    Partition,
    StoredAnswer,
)
from perennial.kit.fold import Fold
from perennial.kit.kept import item_of
from perennial.kit.subject import Service, Subject
from perennial.kit.worlds import Worlds

BREATH = 400
"""Items folded before the event loop gets a turn."""
Steps = Generator[Action, Any, Any]


@dataclass(slots=True)
class Job:
    """One batch's work: facts to fold, subjects whose timers are due, and subjects to let flow again."""

    lane: str
    items: list[Item]
    timers: list[EntityId] = field(default_factory=list)
    until: datetime | None = None
    skip_locked: bool = False
    redriven: list[EntityId] = field(default_factory=list)
    """Their parked facts, and those behind them, are folded once more."""
    refused: str = ""
    """Why the database takes nothing from these timers or redriven facts: they are set aside."""


def batch(service: Service, worlds: Worlds, job: Job) -> Machine:
    """Take one batch through the door: lock, load, fold, write, commit."""
    stopped: dict[Partition, str] = {}
    while True:
        items = [item for item in job.items if _partition(item) not in stopped]
        try:
            outcome = yield from _attempt(service, worlds, job, items)
        except Gap as gap:
            yield Rollback()
            partition = _partition(gap.item)
            if partition is None:
                raise
            stopped[partition] = gap.detail
            continue
        outcome.stopped = stopped
        return outcome


def _attempt(service: Service, worlds: Worlds, job: Job, items: list[Item]) -> Machine:
    yield Begin()
    positions: dict[Partition, int] = {}
    reseek: dict[Partition, int] = {}
    partitions = sorted({place for item in items if (place := _partition(item))})
    if partitions:
        stands = yield LockPositions(partitions)
        items, positions, reseek = admit(items, stands)
    answers = yield from _answers(items)
    items = yield from _located(service, items)
    rows, busy = yield from _lock(job, items)
    later = [item for item in items if _place(item) in busy]
    items = [item for item in items if _place(item) not in busy]
    items, flowing = yield from _unparked(service, job, items)
    parts = yield from _parts(service, worlds, job, items, rows)
    aside = yield from _aside(items, rows)
    batch_ = _Batch(service, worlds, job, items, rows, parts, answers, flowing, aside)
    outcome = yield from batch_.folded()
    outcome.busy, outcome.reseek = later, reseek
    outcome.writes.positions = positions
    yield Write(outcome.writes)
    yield Commit()
    return outcome


def admit(
    items: list[Item], stands: dict[Partition, int]
) -> tuple[list[Item], dict[Partition, int], dict[Partition, int]]:
    """Drop what was taken before; a partition whose records don't start where we stand is re-sought."""
    admitted: list[Item] = []
    positions: dict[Partition, int] = {}
    reseek: dict[Partition, int] = {}
    expected = dict(stands)
    for item in items:
        place = _partition(item)
        if place is None or item.record is None:
            admitted.append(item)
        elif place in reseek or item.record.offset < expected[place]:
            continue
        elif item.record.offset > expected[place]:
            reseek[place] = expected[place]
        else:
            expected[place] = positions[place] = item.record.offset + 1
            admitted.append(item)
    return admitted, positions, reseek


def _answers(items: list[Item]) -> Generator[Action, Any, dict[str, StoredAnswer]]:
    ids = sorted({item.answer_id for item in items if item.answer_id})
    if not ids:
        return {}
    found: dict[str, StoredAnswer] = yield LoadAnswers(ids)
    return found


def _located(service: Service, items: list[Item]) -> Generator[Action, Any, list[Item]]:
    """Give facts that name only a part the key of its holder: in the store, or in this batch."""
    unplaced: dict[str, set[str]] = {}
    for item in items:
        if item.subject is not None and item.wait:
            unplaced.setdefault(item.subject.name, set()).add(item.key)
    if not unplaced:
        return items
    holders: dict[PartId, str] = {}
    for name, ids in sorted(unplaced.items()):
        known: dict[str, str] = yield Locate(name, sorted(ids))
        holders.update({(name, part_id): key for part_id, key in known.items()})
    for item in items:
        if item.subject is not None and not item.wait:
            for part_id in item.subject.names(item.fact):
                holders.setdefault((item.subject.name, part_id), item.key)
    return [_at_holder(item, holders) for item in items]


def _at_holder(item: Item, holders: dict[PartId, str]) -> Item:
    if item.subject is None or not item.wait:
        return item
    holder = holders.get((item.subject.name, item.key))
    return replace(item, key=holder, wait="") if holder else item


def _lock(job: Job, items: list[Item]) -> Generator[Action, Any, tuple[dict[EntityId, Any], Any]]:
    wanted = {place for item in items if (place := _place(item))}
    ids = sorted({*wanted, *job.timers, *job.redriven})
    if not ids:
        return {}, ()
    locked: tuple[dict[EntityId, Any], Any] = yield LockEntities(ids, job.skip_locked)
    return locked


def _unparked(
    service: Service, job: Job, items: list[Item]
) -> Generator[Action, Any, tuple[list[Item], set[EntityId]]]:
    """Which parked facts are still open, and what stands behind them; read under their keys' lock."""
    ids = sorted(item.parked_id for item in items if item.parked_id)
    if not ids and not job.redriven:
        return items, set()
    rows: list[ParkedRow] = yield LockParked(ids, sorted(job.redriven))
    still = {row.id for row in rows}
    items = [item for item in items if not item.parked_id or item.parked_id in still]
    waiting = {(row.subject, row.key) for row in rows if row.holds and row.state == "parked"}
    flowing = set(job.redriven) - waiting
    for row in rows:
        flows = (row.subject, row.key) in flowing
        if row.id not in ids and (row.state == "redrive" or (row.state == "behind" and flows)):
            items.append(_redriven(item_of(service, row), row, job))
    return items, flowing


def _redriven(item: Item, row: ParkedRow, job: Job) -> Item:
    if job.refused and row.state == "redrive":
        return replace(item, park="refused", error=job.refused, held_key=row.holds)
    return item


def _aside(
    items: list[Item], rows: dict[EntityId, Any]
) -> Generator[Action, Any, dict[EntityId, dict[str, int]]]:
    """How far held subjects have got in what stands behind them, so that nothing is parked twice."""
    held = {
        place
        for item in items
        if item.fact.ver and (place := _place(item)) and place in rows and rows[place][3]
    }
    if not held:
        return {}
    found: dict[EntityId, dict[str, int]] = yield LoadAside(sorted(held))
    return found


def _parts(
    service: Service,
    worlds: Worlds,
    job: Job,
    items: list[Item],
    rows: dict[EntityId, Any],
) -> Generator[Action, Any, dict[PartId, tuple[str, str] | None]]:
    """The parts that facts name, and those that timers of their subjects may name meanwhile."""
    wanted: set[PartId] = set()
    newest = {place: job.until for place in job.timers if job.until is not None}
    for item in items:
        subject, place = item.subject, _place(item)
        if subject is None or subject.part is None or place is None:
            continue
        wanted.update((subject.name, part_id) for part_id in subject.names(item.fact))
        newest[place] = max(item.fact.now, newest.get(place, item.fact.now))
    for place, until in newest.items():
        subject, row = service.subjects[place[0]], rows.get(place)
        if subject.part is not None and row is not None and row[4] and row[4] <= until:
            wanted.update(_named_by_timers(subject, worlds, row, until))
    return (yield from _load_parts(wanted))


def _load_parts(
    wanted: Iterable[PartId],
) -> Generator[Action, Any, dict[PartId, tuple[str, str] | None]]:
    by_subject: dict[str, list[str]] = {}
    for name, part_id in sorted(wanted):
        by_subject.setdefault(name, []).append(part_id)
    loaded: dict[PartId, tuple[str, str] | None] = dict.fromkeys(wanted)
    for name, ids in by_subject.items():
        found: dict[str, tuple[str, str]] = yield LoadParts(name, ids)
        loaded.update({(name, part_id): kept for part_id, kept in found.items()})
    return loaded


def _named_by_timers(
    subject: Subject, worlds: Worlds, row: Any, until: datetime
) -> Iterable[PartId]:
    state = msgspec.json.decode(row[5], type=subject.state)
    for name, at in subject.due(state, worlds.at(until)).items():
        if at <= until:
            fact = Fact(data=TimerFired(name), id="", key="", now=at, time=at)
            yield from ((subject.name, part_id) for part_id in subject.names(fact))


@dataclass(slots=True)
class _Batch:
    """Everything locked and loaded; folded anew each time the fold finds that it needs more."""

    service: Service
    worlds: Worlds
    job: Job
    items: list[Item]
    rows: dict[EntityId, Any]
    parts: dict[PartId, tuple[str, str] | None]
    answers: dict[str, StoredAnswer]
    flowing: set[EntityId]
    aside: dict[EntityId, dict[str, int]]
    counters: dict[str, int] = field(default_factory=dict)

    def folded(self) -> Machine:
        while True:
            fold = Fold(self.service, self.worlds, self._loaded(), self.job.lane)
            yield from self._fold_items(fold)
            try:
                outcome = fold.finish()
            except MoreNeeded as needed:
                self.parts.update((yield from _load_parts(needed.parts)))
                if needed.scopes:
                    scopes = sorted({*needed.scopes, *self.counters})
                    self.counters = yield LockCounters(scopes)
                continue
            outcome.writes.clock = _clock(self.items)
            return outcome

    def _fold_items(self, fold: Fold) -> Generator[Action, Any, None]:
        """Reference subjects first, so that the rules of the same batch know what they say."""
        first = [item for item in self.items if item.subject and item.subject.reference]
        for item in first:
            fold.take(item)
        if first:
            fold.adopt_reference()
        for count, item in enumerate(self.items, 1):
            if item.subject is None or not item.subject.reference:
                fold.take(item)
            if count % BREATH == 0:
                yield Breathe()
        if self.job.until is not None:
            for place in self.job.timers:
                fold.fire_due(place, self.job.until, self.job.refused)

    def _loaded(self) -> Loaded:
        entities = {place: self._entity(place, row) for place, row in self.rows.items()}
        pieces: dict[EntityId, dict[str, Any]] = {}
        holders: dict[PartId, str] = {}
        for part_id, kept in self.parts.items():
            key, text = kept or ("", "")
            holders[part_id] = key
            kind, place = self.service.subjects[part_id[0]].part, (part_id[0], key)
            if kind is not None and place in entities:
                piece = msgspec.json.decode(text, type=kind)
                pieces.setdefault(place, {})[part_id[1]] = piece
        for place, held in pieces.items():
            entity = entities[place]
            entity.state = msgspec.structs.replace(entity.state, parts=held)
            entity.parts_before = held
        return Loaded(entities, self.answers, holders, self.counters, self.flowing)

    def _entity(self, place: EntityId, row: Any) -> Entity:
        now, seen, made, held, due, state, marks = row
        subject = self.service.subjects[place[0]]
        return Entity(
            subject,
            place[1],
            now,
            msgspec.json.decode(seen),
            msgspec.json.decode(made),
            held and place not in self.flowing,
            due,
            msgspec.json.decode(state, type=subject.state),
            msgspec.json.decode(marks),
            dict(self.aside.get(place, {})),
            touched=held and place in self.flowing,
        )


def _place(item: Item) -> EntityId | None:
    """Whose fact it is, if that is known."""
    known = item.subject is not None and item.key and not item.wait
    return (item.subject.name, item.key) if known and item.subject else None


def _partition(item: Item) -> Partition | None:
    return (item.record.topic, item.record.part) if item.record else None


def _clock(items: list[Item]) -> datetime | None:
    ticks = [
        item.fact.data.to
        for item in items
        if item.fact.topic == CLOCK.name and isinstance(item.fact.data, Ticked)
    ]
    return max(ticks, default=None)
