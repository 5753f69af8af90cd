"""A service's life once more, in memory: the journal's batches through the same fold, without I/O.

Under the policies that judged then, every decision comes out as it did, ids and receipts included.
Under another policy, what it would have decided. One fold lives as long as the run; what it makes is
handed on after each batch.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from perennial.contracts.base import Event, Fact
from perennial.kit.actions import Locate, Resolve
from perennial.kit.ask import Answer, Ask
from perennial.kit.batch import Entity, EntityId, Item, PartId, Record, Writes
from perennial.kit.gathering import at_roots, located
from perennial.kit.ingest import identity_of, placed
from perennial.kit.jobs import Done
from perennial.kit.journal import Again, Entry, Fired, Flows, Page, Said, Taken
from perennial.kit.naming import resolved
from perennial.kit.population import Aside, LongFold
from perennial.kit.rejecting import copies
from perennial.kit.subject import Made, Service
from perennial.kit.worlds import Worlds

LogItem = Callable[[str, int, int, bool], Item]
"""(topic, partition, offset, whether it could not be applied) → the record there as an item, freshly made."""


@dataclass(frozen=True, slots=True)
class Step:
    """One batch of the journal."""

    seq: int
    at: datetime
    lane: str
    knew: int
    page: Page


@dataclass(frozen=True, slots=True)
class Remembered:
    """An own event, or an archived fact, that a rehearsed job may look back at."""

    key: str
    ver: int
    now: datetime
    data: Any


class Rerun:
    """One service's fold over recorded batches; `made` collects what it decided."""

    def __init__(
        self,
        service: Service,
        log: LogItem,
        worlds: Worlds | None = None,
        fold: Callable[[Service, Worlds], LongFold] = LongFold,
    ) -> None:
        self.service = service
        self.worlds = worlds or Worlds(service, {})
        self._log = log
        self._known = [(0, self.worlds)]
        self._fold = fold(service, self.worlds)
        self._aside = Aside(service)
        self._postponed: dict[tuple[str, str, datetime], int] = {}
        remembers = service.rehearsal.remembers if service.rehearsal is not None else ()
        self._past: dict[type, list[Remembered]] = {kind: [] for kind in remembers}

    @property
    def entities(self) -> Mapping[EntityId, Entity]:
        """Every subject as it stands."""
        return self._fold.population

    @property
    def concerned(self) -> Mapping[str, Entity]:
        """Subjects that a rehearsed job would look at, by key."""
        return self._fold.concerned

    def past(self, kind: type) -> Sequence[Remembered]:
        """What was told of a kind that the rehearsal remembers, in the order in which it was folded."""
        return self._past[kind]

    def named(self, subject: str, name: str) -> Any:
        """The state of whoever goes by a name; None if nobody does."""
        key = self._fold.names.held.get((subject, name))
        return self._fold.population.at((subject, key)).state if key else None

    def fire(self, until: datetime, seq: int) -> list[Made]:
        """Fire what is due by then, but for what a later look of the recorded life found."""
        self._fold.worlds = self.worlds
        self._due(until, seq)
        return self._drained()

    def postpone(self, steps: Iterable[Step]) -> None:
        """Timers that were due long before they were looked at stay for that look."""
        self._postponed |= {
            (one.subject, one.key, one.due): step.seq
            for step in steps
            for one in step.page.entries
            if isinstance(one, Fired)
        }

    def take(self, step: Step, items: Sequence[Item] | None = None) -> list[Made]:
        """Fold one batch; with `items`, those instead of the records and wishes it had."""
        fold = self._fold
        fold.worlds = self._worlds_at(step.knew)
        for entry in step.page.entries:
            if isinstance(entry, Flows):
                fold.flow((entry.subject, entry.key))
        changed = self._facts(self.items_of(step.page.entries) if items is None else items)
        if step.page.until is not None:
            self._timers(step)
        if changed:
            self.worlds = self.worlds.with_states(changed, step.seq)
            self._known.append((step.seq, self.worlds))
        return self._drained()

    def ask(self, step: Step, items: Sequence[Item]) -> tuple[list[Made], dict[int, Answer]]:
        """Fold wishes of a job; what they made, and the answers by `id(ask)`."""
        fold = self._fold
        fold.worlds = self.worlds
        self._facts(items)
        answers = dict(fold.outcome.answers)
        return self._drained(), answers

    def items_of(self, entries: Iterable[Entry]) -> list[Item]:
        """What these entries of the journal point at."""
        items: list[Item] = []
        for entry in entries:
            match entry:
                case Taken(topic, part, offset, count, park):
                    found = [self._log(topic, part, offset + n, bool(park)) for n in range(count)]
                    for one in found if park else ():
                        one.park = park
                    items += found
                case Said():
                    items.append(said_item(self.service, entry))
                case Again():
                    items += self._aside.again(entry)
        return items

    def _facts(self, items: Sequence[Item]) -> dict[EntityId, Any]:
        fold = self._fold
        if any(item.names or item.wait for item in items):
            items = self._found(list(items))
        if any(not item.fact.ver for item in items):
            items, _ = at_roots(list(items), fold.roots)
        first = [item for item in items if item.subject is not None and item.subject.reference]
        for item in first:
            fold.take(item)
        changed = fold.adopt(first) if first else {}
        for item in items:
            if item.subject is None or not item.subject.reference:
                fold.take(item)
        return changed

    def _found(self, items: list[Item]) -> list[Item]:
        items, _ = self._answered(resolved(items))
        found: list[Item] = self._answered(located(self.service, items))
        return found

    def _answered(self, looking: Any) -> Any:
        """Where names and parts lead, from memory."""
        try:
            action = next(looking)
            while True:
                action = looking.send(self._look(action))
        except StopIteration as done:
            return done.value

    def _look(self, action: Any) -> dict[str, str]:
        match action:
            case Resolve(subject, names):
                known = self._fold.names.held
                return {n: known[subject, n] for n in names if (subject, n) in known}
            case Locate(subject, ids):
                held: Mapping[PartId, str] = self._fold.parts.holders
                return {i: held[subject, i] for i in ids if held.get((subject, i))}
        raise TypeError(f"no such action: {action}")

    def _timers(self, step: Step) -> None:
        """Those that fired then; then whatever else is due, but for what a later look found."""
        until = step.page.until
        assert until is not None
        for entry in step.page.entries:
            if isinstance(entry, Fired):
                self._fold.fire_due((entry.subject, entry.key), until)
        self._due(until, step.seq)

    def _due(self, until: datetime, seq: int) -> None:
        fold, later = self._fold, []
        for due, subject, key in fold.due_by(until):
            if self._postponed.get((subject, key, due), 0) > seq:
                later.append((due, subject, key))
            else:
                fold.fire_due((subject, key), until)
        fold.due_again(later)

    def _worlds_at(self, knew: int) -> Worlds:
        """As the batch knew them: a change may have been committed while it was folded."""
        for seq, worlds in reversed(self._known):
            if seq <= knew:
                return worlds
        return self._known[0][1]

    def _drained(self) -> list[Made]:
        writes = self._fold.writes
        made = [*writes.events, *copies(self.service.name, writes.parked)]
        if self._past:
            self._remember(writes)
        for number, _ in writes.released:
            self._aside.forget(number)
        for parked in writes.parked:
            self._aside.keep(parked)
            if parked.subject and parked.item.fact.ver:
                place = parked.subject, parked.key
                self._fold.population.at(place).aside = self._aside.last(place)
        for kept in (writes.events, writes.rows, writes.archive, writes.parked, writes.answers):
            kept.clear()
        writes.released.clear()
        writes.aliases.clear()
        self._fold.parts.stand()
        self._fold.outcome.answers.clear()
        return made

    def _remember(self, writes: Writes) -> None:
        known = self._past
        for one in writes.events:
            if type(one.event) in known:
                known[type(one.event)].append(Remembered(one.key, one.ver, one.now, one.event))
        for fact in writes.archive:
            if type(fact.data) in known:
                known[type(fact.data)].append(Remembered(fact.key, fact.ver, fact.now, fact.data))


def said_item(service: Service, said: Said) -> Item:
    """What was said, as it came through the door."""
    fact = Fact(
        data=service.decoders[said.type].decode(said.data),
        id=said.id,
        key=said.key,
        now=said.now,
        time=said.time,
        topic=said.topic,
        type=said.type,
        source=said.source,
        principal=said.principal,
        correlation=said.correlation,
        causation=said.causation,
        traceparent=said.traceparent,
        hops=said.hops,
        of=said.of,
    )
    if said.mended:
        return placed(service, Item(fact))
    if said.part >= 0:
        record = Record(said.topic, said.part, said.offset, None, None, ())
        return placed(service, Item(fact, None, "", record, answer_id=identity_of(fact)))
    if said.topic != "request":
        return placed(service, Item(fact, answer_id=identity_of(fact)))
    subject = service.subjects[said.subject] if said.subject else None
    known = subject or service.routes[type(fact.data)].subject
    ask = Ask(known, said.key, fact.data, said.id, b"", said.principal, _done)
    item = Item(fact, known, said.key, ask=ask, answer_id=said.id)
    return item if subject is not None else placed(service, item)


def _done(_state: Any, events: Sequence[Event]) -> tuple[int, Done]:
    return 200, Done(len(events))


def steps_of(rows: Iterable[tuple[int, datetime, str, int, str]]) -> list[Step]:
    """Rows of the journal (seq, at, lane, knew, page), read."""
    decode = msgspec.json.Decoder(Page).decode
    return [Step(seq, at, lane, knew, decode(text)) for seq, at, lane, knew, text in rows]
