"""The live fold over subjects that stay in memory: what a run without a store folds into."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from heapq import heappop, heappush
from typing import Any

import msgspec

from perennial.contracts.base import Event, Fact, Of
from perennial.kit.batch import Entity, EntityId, Item, Loaded, Parked, ParkedRow, PartId
from perennial.kit.fold import Fold
from perennial.kit.journal import Again, origin
from perennial.kit.kept import item_of, kept_headers, kept_value
from perennial.kit.making import made_event
from perennial.kit.subject import Service, Subject
from perennial.kit.worlds import Worlds


class Population(dict[EntityId, Entity]):
    """Subjects by place; one that is not there is made when it is looked for."""

    def __init__(self, subjects: Mapping[str, Subject]) -> None:
        super().__init__()
        self._subjects = subjects

    def get(self, place: EntityId, default: Any = None) -> Any:
        found = super().get(place)
        if found is None and place[0] in self._subjects:
            subject = self._subjects[place[0]]
            found = Entity(subject, place[1], None, {}, {}, False, None, subject.state())
            self[place] = found
        return found

    def at(self, place: EntityId) -> Entity:
        """The same of a subject that there is."""
        found: Entity = self.get(place)
        return found

    def __missing__(self, place: EntityId) -> Entity:
        return self.at(place)


class Holders(dict[PartId, str]):
    """Whose each part is: nobody's, where nothing else is known."""

    def get(self, part: PartId, default: Any = "") -> Any:
        return super().get(part, "")


class Counters(dict[str, int]):
    """Every scope has its counter, from zero on."""

    def __contains__(self, _scope: object) -> bool:
        return True

    def __missing__(self, _scope: str) -> int:
        return 0

    def __bool__(self) -> bool:
        return True

    def __copy__(self) -> "Counters":
        return Counters(self)


class _Roots(Mapping[EntityId, EntityId]):
    """Who was found to be another, as their states say."""

    def __init__(self, population: Population) -> None:
        self._population = population

    def __getitem__(self, place: EntityId) -> EntityId:
        entity = dict.get(self._population, place)
        root = entity.subject.root(entity.state) if entity is not None else ""
        if not root:
            raise KeyError(place)
        return place[0], root

    def __iter__(self) -> Iterator[EntityId]:
        return (place for place in self._population if place in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return True


class LongFold(Fold):
    """The live fold over a population that stays."""

    def __init__(self, service: Service, worlds: Worlds) -> None:
        self.population = Population(service.subjects)
        super().__init__(service, worlds, Loaded(self.population, {}, Holders(), {}), "rerun")
        self.counters = Counters() if service.numbered else {}
        self.roots = _Roots(self.population)
        self.concerned: dict[str, Any] = {}
        """Keys with states that a rehearsed job would look at, in the order in which they came."""
        self._due: list[tuple[datetime, str, str]] = []
        self._kept: dict[EntityId, dict[str, Any]] = {}

    def take(self, item: Item) -> None:
        """See `Fold`; the parts that the fact names are at hand."""
        entity = self._entity_of(item)
        if entity is None or entity.subject.part is None:
            super().take(item)
            return
        whole = [entity, *self._others(entity, item.fact).values()]
        for one in whole:
            fires = one.due is not None and one.due <= item.fact.now
            everything = fires or len(whole) > 1
            self._at_hand(one, None if everything else entity.subject.names(item.fact))
        super().take(item)
        for one in whole:
            self._keep(one)

    def adopt(self, items: Iterable[Item]) -> dict[EntityId, Any]:
        """Let the rules know what these reference facts say."""
        changed: dict[EntityId, Any] = {}
        for item in items:
            entity = self._entity_of(item)
            if entity is not None and entity.touched:
                changed[entity.subject.name, entity.key] = entity.state
                entity.touched = False
        self.worlds = self.worlds.with_states(changed)
        return changed

    def flow(self, place: EntityId) -> None:
        """It was held, and takes facts again."""
        self.population.at(place).held = False

    def fire_due(self, place: EntityId, until: datetime, refused: str = "") -> None:
        """See `Fold`; what is due next is noted."""
        entity = self.population.at(place)
        if entity.subject.part is not None:
            self._at_hand(entity, None)
        super().fire_due(place, until, refused)
        self._keep(entity)
        if entity.due is not None:
            heappush(self._due, (entity.due, *place))

    def due_by(self, until: datetime) -> Iterator[tuple[datetime, str, str]]:
        """Whatever is due by then, earliest first; taken off the heap."""
        heap = self._due
        while heap and heap[0][0] <= until:
            due, subject, key = heappop(heap)
            entity = self.population.at((subject, key))
            if entity.due == due and not entity.held:
                yield due, subject, key

    def due_again(self, later: Iterable[tuple[datetime, str, str]]) -> None:
        """Back on the heap."""
        for one in later:
            heappush(self._due, one)

    def _note_concerned(self, entity: Entity) -> None:
        rehearsal = self.service.rehearsal
        if rehearsal is None or entity.subject.name != rehearsal.subject:
            return
        if rehearsal.concerns(entity.state):
            self.concerned[entity.key] = entity
        else:
            self.concerned.pop(entity.key, None)

    def _at_hand(self, entity: Entity, names: Iterable[str] | None) -> None:
        """Put parts into the state: those named, or all."""
        kept = self._kept.get((entity.subject.name, entity.key), {})
        parts = kept if names is None else {one: kept[one] for one in names if one in kept}
        if parts or entity.state.parts:
            entity.state = msgspec.structs.replace(entity.state, parts=parts)
        entity.parts_before = parts

    def _keep(self, entity: Entity) -> None:
        if entity.subject.part is None or entity.state.parts is entity.parts_before:
            return
        kept = self._kept.setdefault((entity.subject.name, entity.key), {})
        gone = entity.parts_before.keys() - entity.state.parts.keys()
        kept.update(entity.state.parts)
        for part_id in gone:
            del kept[part_id]

    def _record(
        self, entity: Entity, decision: Sequence[Any], fact: Fact, now: datetime
    ) -> list[Event]:
        before = entity.due
        events = super()._record(entity, decision, fact, now)
        self._note_concerned(entity)
        for wish in decision:
            other = entity
            if isinstance(wish, Of):
                other = self.population.at((entity.subject.name, wish.key))
            if other.due is not None and (other is not entity or other.due != before):
                heappush(self._due, (other.due, other.subject.name, other.key))
        if not decision and entity.due is not None and entity.due != before:
            heappush(self._due, (entity.due, entity.subject.name, entity.key))
        return events


class UntoldFold(LongFold):
    """For comparing: what it makes bears no text."""

    _make = staticmethod(partial(made_event, told=False))


@dataclass
class Aside:
    """What was set aside, by where it came from."""

    service: Service
    rows: dict[str, ParkedRow] = field(default_factory=dict)
    origins: dict[int, str] = field(default_factory=dict)

    def keep(self, parked: Parked) -> None:
        """Set aside, or once more."""
        item = parked.item
        fact, record = item.fact, item.record
        if item.parked_id:
            origin_ = self.origins[item.parked_id]
            row = self.rows[origin_]
        else:
            topic, part, off = fact.topic, 0, None
            if record is not None:
                topic, part, off = record.topic, record.part, record.offset
            origin_ = origin(topic, part, off, parked.subject, parked.key, fact.id)
            number = len(self.origins) + 1
            self.origins[number] = origin_
            row = ParkedRow(
                number, topic, part, off, "", "", fact.ver, fact.id, fact.type, fact.principal,
                "", None, None, kept_headers(item), kept_value(item), fact.now, False, False,
            )  # fmt: skip
            self.rows[origin_] = row
        row.state, row.waits_for, row.expires = parked.state, parked.waits_for, parked.expires
        row.subject, row.key, row.holds = parked.subject, parked.key, parked.holds

    def again(self, entry: Again) -> list[Item]:
        """As it was found, if it was set aside here too."""
        row = self.rows.get(entry.origin)
        if row is None:
            return []
        row.state, row.dropping, row.edited = entry.state, entry.dropping, entry.edited
        item = item_of(self.service, row)
        item.park, item.held_key = entry.park, bool(entry.park) and row.holds
        return [item]

    def last(self, place: EntityId) -> dict[str, int]:
        """How far a subject has got in what stands aside, by topic."""
        found: dict[str, int] = {}
        for row in self.rows.values():
            if row.ver and (row.subject, row.key) == place and row.state != "waiting":
                found[row.topic] = max(row.ver, found.get(row.topic, 0))
        return found

    def forget(self, number: int) -> None:
        """It is done with."""
        self.rows.pop(self.origins[number], None)
