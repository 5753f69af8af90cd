"""The door: how one batch goes through, as a machine that does no I/O.

`batch` yields actions and is sent their results; whoever drives it performs them, on real servers
(`postgres.py`) or in memory. Everything that decides stands here and in `fold.py`.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from perennial.contracts.base import Fact, TimerFired
from perennial.contracts.platform import CLOCK, Ticked
from perennial.kit.batch import (
    CountersNeeded,
    Entity,
    EntityId,
    Gap,
    Item,
    Outcome,
    Partition,
    StoredAnswer,
    Writes,
)
from perennial.kit.fold import Fold
from perennial.kit.subject import Service
from perennial.kit.worlds import Worlds

BREATH = 400
"""Items folded before the event loop gets a turn."""


@dataclass(frozen=True)
class Begin:
    """Open a transaction."""


@dataclass(frozen=True)
class LockPositions:
    """→ {partition: next offset}, locked in order."""

    partitions: list[Partition]


@dataclass(frozen=True)
class LoadAnswers:
    """→ {id: StoredAnswer} for those that exist."""

    ids: list[str]


@dataclass(frozen=True)
class Locate:
    """→ {part id: key} for the parts that exist."""

    subject: str
    ids: list[str]


@dataclass(frozen=True)
class LockEntities:
    """→ ({(subject, key): row}, busy keys): missing rows made first, all locked in order."""

    ids: list[EntityId]
    skip_locked: bool


@dataclass(frozen=True)
class LoadParts:
    """→ {part id: (key, JSON)}"""

    subject: str
    ids: list[str]


@dataclass(frozen=True)
class LockCounters:
    """→ {scope: last number drawn}"""

    scopes: list[str]


@dataclass(frozen=True)
class Write:
    writes: Writes


@dataclass(frozen=True)
class Commit:
    """A connection lost here means *unknown*: positions and answers tell what became of it."""


@dataclass(frozen=True)
class Rollback:
    pass


@dataclass(frozen=True)
class Breathe:
    """Let others run: a fold must not hold the event loop."""


Action = (
    Begin
    | LockPositions
    | LoadAnswers
    | Locate
    | LockEntities
    | LoadParts
    | LockCounters
    | Write
    | Commit
    | Rollback
    | Breathe
)
Machine = Generator[Action, Any, Outcome]


@dataclass(slots=True)
class Job:
    """One batch's work: facts to fold and subjects whose timers are due."""

    lane: str
    items: list[Item]
    timers: list[EntityId] = field(default_factory=list)
    until: datetime | None = None
    skip_locked: bool = False


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
    yield from _locate(service, items)
    wanted = sorted({(i.subject.name, i.key) for i in items if i.subject and i.key and not i.wait})
    wanted = sorted({*wanted, *job.timers})
    rows, busy = (yield LockEntities(wanted, job.skip_locked)) if wanted else ({}, set())
    later = [item for item in items if item.subject and (item.subject.name, item.key) in busy]
    items = [item for item in items if not (item.subject and (item.subject.name, item.key) in busy)]
    parts = yield from _parts(service, worlds, job, items, rows)
    outcome = yield from _fold(service, worlds, job, items, rows, parts, answers)
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
    ids = sorted({item.answer_id for item in items if item.answer_id and not item.parked_id})
    if not ids:
        return {}
    found: dict[str, StoredAnswer] = yield LoadAnswers(ids)
    return found


def _locate(service: Service, items: list[Item]) -> Generator[Action, Any, None]:
    """Give facts that name only a part the key of its holder: in this batch, or in the store."""
    here: dict[str, str] = {}
    unplaced: dict[str, list[Item]] = {}
    for item in items:
        if item.subject is None:
            continue
        if not item.wait:
            for part_id in item.subject.names(item.fact):
                here.setdefault(part_id, item.key)
        elif item.key in here:
            item.key, item.wait = here[item.key], ""
        else:
            unplaced.setdefault(item.subject.name, []).append(item)
    for subject, waiting in sorted(unplaced.items()):
        known = yield Locate(subject, sorted({item.key for item in waiting}))
        for item in waiting:
            holder = known.get(item.key) or here.get(item.key)
            if holder:
                item.key, item.wait = holder, ""


def _parts(
    service: Service,
    worlds: Worlds,
    job: Job,
    items: list[Item],
    rows: dict[EntityId, Any],
) -> Generator[Action, Any, dict[tuple[str, str], Any]]:
    wanted: dict[str, set[str]] = {}
    newest: dict[EntityId, datetime] = {}
    for item in items:
        subject = item.subject
        if subject is None or subject.part is None or item.wait:
            continue
        wanted.setdefault(subject.name, set()).update(subject.names(item.fact))
        place = (subject.name, item.key)
        newest[place] = max(item.fact.now, newest.get(place, item.fact.now))
    for place in job.timers:
        if job.until is not None:
            newest[place] = job.until
    for place, until in newest.items():
        subject = service.subjects[place[0]]
        row = rows.get(place)
        if subject.part is None or row is None or row[4] is None or row[4] > until:
            continue
        wanted.setdefault(subject.name, set()).update(_named_by_timers(subject, worlds, row, until))
    loaded: dict[tuple[str, str], Any] = {}
    for name, ids in sorted(wanted.items()):
        if ids:
            found = yield LoadParts(name, sorted(ids))
            loaded.update({(name, part_id): text for part_id, text in found.items()})
    return loaded


def _named_by_timers(subject: Any, worlds: Worlds, row: Any, until: datetime) -> Iterable[str]:
    state = msgspec.json.decode(row[5], type=subject.state)
    for name, at in subject.due(state, worlds.at(until)).items():
        if at <= until:
            fact = Fact(data=TimerFired(name), id="", key="", now=at, time=at)
            yield from subject.names(fact)


def _fold(
    service: Service,
    worlds: Worlds,
    job: Job,
    items: list[Item],
    rows: dict[EntityId, Any],
    parts: dict[tuple[str, str], Any],
    answers: dict[str, StoredAnswer],
) -> Machine:
    counters: dict[str, int] | None = None
    while True:
        entities = {place: _entity(service, place, row) for place, row in rows.items()}
        _give_parts(items, entities, parts, service)
        fold = Fold(service, worlds, entities, answers, counters, job.lane)
        yield from _fold_items(service, fold, items)
        for place in job.timers:
            if job.until is not None and place in entities:
                fold.fire(entities[place], job.until)
        try:
            outcome = fold.finish()
        except CountersNeeded as needed:
            scopes = {*needed.scopes, *(counters or {})}
            counters = yield LockCounters(sorted(scopes))
            continue
        outcome.writes.clock = _clock(items)
        return outcome


def _fold_items(service: Service, fold: Fold, items: list[Item]) -> Generator[Action, Any, None]:
    """Reference subjects first, so that the rules of the same batch know what they say."""
    first = [item for item in items if item.subject and item.subject.reference]
    for item in first:
        fold.take(item)
    if first:
        fold.adopt_reference()
    for count, item in enumerate(items, 1):
        if item.subject is None or not item.subject.reference:
            fold.take(item)
        if count % BREATH == 0:
            yield Breathe()


def _entity(service: Service, place: EntityId, row: Any) -> Entity:
    now, seen, made, held, due, state = row
    subject = service.subjects[place[0]]
    return Entity(
        subject,
        place[1],
        now,
        msgspec.json.decode(seen),
        msgspec.json.decode(made),
        held,
        due,
        msgspec.json.decode(state, type=subject.state),
    )


def _give_parts(
    items: list[Item],
    entities: dict[EntityId, Entity],
    parts: dict[tuple[str, str], Any],
    service: Service,
) -> None:
    """Hang the loaded parts on the states that hold them."""
    held: dict[EntityId, dict[str, Any]] = {}
    for (name, part_id), (key, text) in parts.items():
        kind = service.subjects[name].part
        if kind is not None and (name, key) in entities:
            held.setdefault((name, key), {})[part_id] = msgspec.json.decode(text, type=kind)
    for place, pieces in held.items():
        entity = entities[place]
        entity.state = msgspec.structs.replace(entity.state, parts=pieces)
        entity.parts_before = dict(pieces)


def _partition(item: Item) -> Partition | None:
    return (item.record.topic, item.record.part) if item.record else None


def _clock(items: list[Item]) -> datetime | None:
    ticks = [
        item.fact.data.to
        for item in items
        if item.fact.topic == CLOCK.name and isinstance(item.fact.data, Ticked)
    ]
    return max(ticks, default=None)
