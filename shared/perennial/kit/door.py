"""The door: how one batch goes through, as a machine that does no I/O.

`batch` yields actions and is sent their results; whoever drives it performs them, on real servers
(`postgres.py`) or in memory. Everything that decides stands here and in `fold.py`. The items of a
job are never changed: a batch that is repeated begins with the same ones.
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from perennial.contracts.platform import CLOCK, Ticked
from perennial.kit.actions import (
    Action,
    Begin,
    Breathe,
    Commit,
    LockCounters,
    LockEntities,
    Machine,
    Rollback,
    Write,
)
from perennial.kit.batch import (
    ElsewhereError,
    Entity,
    EntityId,
    Gap,
    Item,
    Loaded,
    LockedTooLateError,
    MoreNeeded,
    PartId,
    Partition,
    Roots,
    StoredAnswer,
)
from perennial.kit.batch import Job as Job  # what the lanes hand in
from perennial.kit.fold import Fold
from perennial.kit.gathering import (
    admitted,
    at_roots,
    entries_named,
    load_answers,
    load_aside,
    load_parts,
    load_wholes,
    located,
    lock_entities,
    parted,
    partition_of,
    parts_named,
    place_of,
    unparked,
    wholes,
)
from perennial.kit.journal import page
from perennial.kit.naming import resolved
from perennial.kit.subject import Service
from perennial.kit.worlds import Worlds

ON_ITS_WAY = "null"
"""The state of a part that was let go of to a subject which is still to take it."""
BREATH = 400
"""Items folded before the event loop gets a turn."""
Steps = Generator[Action, Any, Any]


def batch(service: Service, worlds: Worlds, job: Job, roots: Roots | None = None) -> Machine:
    """Take one batch through the door: lock, load, fold, write, commit.

    `roots`: who was found to be whom, as far as is known; kept up to date.
    """
    stopped: dict[Partition, str] = {}
    entries: set[EntityId] = set()
    roots = {} if roots is None else roots
    while True:
        items = [item for item in job.items if partition_of(item) not in stopped]
        try:
            outcome = yield from _attempt(service, worlds, job, items, entries, roots)
        except LockedTooLateError as late:
            yield Rollback()
            entries |= late.entries
            continue
        except ElsewhereError as elsewhere:
            yield Rollback()
            elsewhere.tell(roots)
            continue
        except Gap as gap:
            yield Rollback()
            partition = partition_of(gap.item)
            if partition is None:
                raise
            stopped[partition] = gap.detail
            continue
        outcome.stopped = stopped
        return outcome


def _attempt(
    service: Service,
    worlds: Worlds,
    job: Job,
    items: list[Item],
    entries: set[EntityId],
    roots: Roots,
) -> Machine:
    yield Begin()
    items, positions, reseek = yield from admitted(items)
    answers = yield from load_answers(items)
    items, names = yield from resolved(items)
    items, followed = at_roots((yield from located(service, items)), roots)
    together = wholes(items)
    rows, busy = yield from lock_entities(job, items, together | followed.keys())
    items, later = parted(items, busy | {followed[place] for place in busy & followed.keys()})
    entries = entries | entries_named(items)
    if entries:
        rows |= (yield LockEntities(sorted(entries), False))[0]
    items, flowing = yield from unparked(service, job, items)
    parts = yield from parts_named(service, worlds, job, items, rows)
    parts |= yield from load_wholes(together & rows.keys())
    aside = yield from load_aside(items, rows)
    batch_ = _Batch(
        service, worlds, job, items, rows, parts, answers, flowing, aside, names, followed
    )
    outcome = yield from batch_.folded()
    outcome.busy, outcome.reseek = later, reseek
    outcome.writes.positions = positions
    outcome.writes.journal = page(job, items, rows, flowing, answers)
    outcome.writes.knew = worlds.known
    if job.at_write is not None:
        job.at_write()
    yield Write(outcome.writes)
    yield Commit()
    return outcome


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
    names: dict[PartId, str]
    followed: Roots
    counters: dict[str, int] = field(default_factory=dict)

    def folded(self) -> Machine:
        while True:
            fold = Fold(self.service, self.worlds, self._loaded(), self.job.lane)
            yield from self._fold_items(fold)
            try:
                outcome = fold.finish()
            except MoreNeeded as needed:
                yield from self._lock_entries(needed.entries)
                self.parts.update((yield from load_parts(needed.parts)))
                if needed.scopes:
                    scopes = sorted({*needed.scopes, *self.counters})
                    self.counters = yield LockCounters(scopes)
                continue
            outcome.writes.clock = _clock(self.items)
            return outcome

    def _lock_entries(self, wanted: set[EntityId]) -> Steps:
        """Ledger entries come after all subjects and before counters, in their own order."""
        if not wanted:
            return
        ledgers = {one.ledger.name for one in self.service.subjects.values() if one.ledger}
        held = {place for place in self.rows if place[0] in ledgers}
        if self.counters or (held and min(wanted) < max(held)):
            raise LockedTooLateError(wanted | held)
        self.rows |= (yield LockEntities(sorted(wanted), False))[0]

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
        self._who_is_who(entities)
        pieces: dict[EntityId, dict[str, Any]] = {}
        holders: dict[PartId, str] = {}
        for part_id, kept in self.parts.items():
            key, text = kept or ("", "")
            holders[part_id] = key
            kind, place = self.service.subjects[part_id[0]].part, (part_id[0], key)
            if kind is not None and place in entities and text != ON_ITS_WAY:
                piece = msgspec.json.decode(text, type=kind)
                pieces.setdefault(place, {})[part_id[1]] = piece
        for place, held in pieces.items():
            entity = entities[place]
            entity.state = msgspec.structs.replace(entity.state, parts=held)
            entity.parts_before = held
        return Loaded(entities, self.answers, holders, self.counters, self.names, self.flowing)

    def _who_is_who(self, entities: dict[EntityId, Entity]) -> None:
        """A subject may have been found to be another meanwhile, or to be two again."""
        spoken_to = {place_of(item) for item in self.items if not item.fact.ver}
        places = entities.keys() & (spoken_to | self.followed.keys())
        roots = {
            place: (place[0], root)
            for place in places
            if (root := entities[place].subject.root(entities[place].state))
        }
        astray = any(
            roots.get(place) != root for place, root in self.followed.items() if place in places
        )
        if astray or spoken_to & roots.keys():
            raise ElsewhereError(places, roots)

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
            marks=msgspec.json.decode(marks),
            aside=dict(self.aside.get(place, {})),
            touched=held and place in self.flowing,
            stored=state,
        )


def _clock(items: list[Item]) -> datetime | None:
    ticks = [
        item.fact.data.to
        for item in items
        if item.fact.topic == CLOCK.name and isinstance(item.fact.data, Ticked)
    ]
    return max(ticks, default=None)
