"""What a batch locks and reads before it folds, step by step, in the one order of locks."""

from collections.abc import Generator, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from perennial.contracts.base import Fact, TimerFired
from perennial.kit.actions import (
    Action,
    LoadAnswers,
    LoadAside,
    LoadParts,
    LoadWhole,
    Locate,
    LockEntities,
    LockParked,
    LockPositions,
)
from perennial.kit.batch import (
    EntityId,
    Item,
    Job,
    ParkedRow,
    PartId,
    Partition,
    Roots,
    StoredAnswer,
)
from perennial.kit.kept import item_of
from perennial.kit.subject import Service, Subject
from perennial.kit.worlds import Worlds

Admitted = tuple[list[Item], dict[Partition, int], dict[Partition, int]]
"""Items to fold, where each partition stands after them, and those to be read again from elsewhere."""


def admitted(items: list[Item]) -> Generator[Action, Any, Admitted]:
    """Lock where their partitions stand, and let through what comes next."""
    partitions = sorted({place for item in items if (place := partition_of(item))})
    if not partitions:
        return items, {}, {}
    return admit(items, (yield LockPositions(partitions)))


def admit(items: list[Item], stands: dict[Partition, int]) -> Admitted:
    """Drop what was taken before; a partition whose records don't start where we stand is re-sought."""
    admitted: list[Item] = []
    positions: dict[Partition, int] = {}
    reseek: dict[Partition, int] = {}
    expected = dict(stands)
    for item in items:
        place = partition_of(item)
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


def load_answers(items: list[Item]) -> Generator[Action, Any, dict[str, StoredAnswer]]:
    ids = sorted({item.answer_id for item in items if item.answer_id})
    if not ids:
        return {}
    found: dict[str, StoredAnswer] = yield LoadAnswers(ids)
    return found


def located(service: Service, items: list[Item]) -> Generator[Action, Any, list[Item]]:
    """Give facts that name only a part the key of its holder: in the store, or in this batch."""
    unplaced: dict[str, set[str]] = {}
    for item in items:
        if item.subject is not None and item.wait and not item.names:
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
    if item.subject is None or not item.wait or item.names:
        return item
    holder = holders.get((item.subject.name, item.key))
    return replace(item, key=holder, wait="") if holder else item


def at_roots(items: list[Item], roots: Mapping[EntityId, EntityId]) -> tuple[list[Item], Roots]:
    """Facts that bear no version go to the subject that theirs was found to be; who was followed."""
    followed: Roots = {}
    return [_at_root(item, roots, followed) for item in items] if roots else items, followed


def _at_root(item: Item, roots: Mapping[EntityId, EntityId], followed: Roots) -> Item:
    place = place_of(item)
    while place is not None and not item.fact.ver and place in roots:
        followed[place] = roots[place]
        key = roots[place][1]
        fact = msgspec.structs.replace(item.fact, key=key, of=item.fact.of or item.key)
        item = replace(item, key=key, fact=fact)
        place = place_of(item)
    return item


def wholes(items: list[Item]) -> set[EntityId]:
    """Subjects that facts are about beside their own, and these: all their parts are wanted."""
    found: set[EntityId] = set()
    for item in items:
        place = place_of(item)
        if place and item.subject and (others := tuple(item.subject.whole(item.fact))):
            found |= {place, *((item.subject.name, key) for key in others)}
    return found


def parted(items: list[Item], busy: set[EntityId]) -> tuple[list[Item], list[Item]]:
    """What can be folded now; and what is about somebody whom another transaction holds, or who may be
    found to be another, or two again, by what is folded now: who is who was looked at before it."""
    now, later, unsettled = list[Item](), list[Item](), set(busy)
    for item in items:
        together = wholes([item])
        if unsettled and unsettled & {place_of(item), *together}:
            later.append(item)
        else:
            now.append(item)
            unsettled |= together
    return now, later


def load_wholes(
    places: set[EntityId],
) -> Generator[Action, Any, dict[PartId, tuple[str, str] | None]]:
    loaded: dict[PartId, tuple[str, str] | None] = {}
    for name in sorted({name for name, _ in places}):
        keys = sorted(key for subject, key in places if subject == name)
        found: dict[str, tuple[str, str]] = yield LoadWhole(name, keys)
        loaded |= {(name, part_id): kept for part_id, kept in found.items()}
    return loaded


def lock_entities(
    job: Job, items: list[Item], more: Iterable[EntityId]
) -> Generator[Action, Any, tuple[dict[EntityId, Any], set[EntityId]]]:
    wanted = {place for item in items if (place := place_of(item))}
    ids = sorted({*wanted, *job.timers, *job.redriven, *more})
    if not ids:
        return {}, set()
    locked: tuple[dict[EntityId, Any], set[EntityId]] = yield LockEntities(ids, job.skip_locked)
    return locked


def entries_named(items: list[Item]) -> set[EntityId]:
    """Ledger entries that the facts themselves name."""
    named: set[EntityId] = set()
    for item in items:
        subject = item.subject
        if subject is not None and subject.ledger is not None and item.fact.data is not None:
            keys = subject.beside(subject.state(), item.fact)
            named.update((subject.ledger.name, key) for key in keys)
    return named


def unparked(
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
        again = row.state in ("redrive", "barred") or (row.state == "behind" and flows)
        if row.id not in ids and again:
            items.append(_redriven(item_of(service, row), row, job))
    return items, flowing


def _redriven(item: Item, row: ParkedRow, job: Job) -> Item:
    if job.refused and row.state == "redrive":
        return replace(item, park="refused", error=job.refused, held_key=row.holds)
    return item


def load_aside(
    items: list[Item], rows: dict[EntityId, Any]
) -> Generator[Action, Any, dict[EntityId, dict[str, int]]]:
    """How far held subjects have got in what stands behind them, so that nothing is parked twice."""
    held = {
        place
        for item in items
        if item.fact.ver and (place := place_of(item)) and place in rows and rows[place][3]
    }
    if not held:
        return {}
    found: dict[EntityId, dict[str, int]] = yield LoadAside(sorted(held))
    return found


def parts_named(
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
        subject, place = item.subject, place_of(item)
        if subject is None or subject.part is None or place is None:
            continue
        wanted.update((subject.name, part_id) for part_id in subject.names(item.fact))
        newest[place] = max(item.fact.now, newest.get(place, item.fact.now))
    for place, until in newest.items():
        subject, row = service.subjects[place[0]], rows.get(place)
        if subject.part is not None and row is not None and row[4] and row[4] <= until:
            wanted.update(_named_by_timers(subject, worlds, row, until))
    return (yield from load_parts(wanted))


def load_parts(
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


def place_of(item: Item) -> EntityId | None:
    """Whose fact it is, if that is known."""
    known = item.subject is not None and item.key and not item.wait
    return (item.subject.name, item.key) if known and item.subject else None


def partition_of(item: Item) -> Partition | None:
    return (item.record.topic, item.record.part) if item.record else None
