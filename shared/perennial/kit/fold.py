"""The fold of one batch: pure. Entities and facts in, everything to be written out."""

from collections.abc import Callable, Sequence
from copy import copy
from datetime import datetime
from typing import Any

import msgspec

from perennial.contracts.base import Decision, Event, Fact, Of, Refusal, Wait
from perennial.kit.batch import (
    Entity,
    EntityId,
    Gap,
    Item,
    Loaded,
    MoreNeeded,
    Outcome,
    event_of,
)
from perennial.kit.ledgers import Ledgers
from perennial.kit.making import firing, made_event
from perennial.kit.naming import Names, nobodys
from perennial.kit.ordering import MARK, Ordering
from perennial.kit.parts import BarredError, Parts
from perennial.kit.rejecting import copies
from perennial.kit.subject import Service
from perennial.kit.worlds import Worlds

MOST_HOPS = 16
MOST_FIRINGS = 10_000


class Fold(Ordering):
    """Folds items into locked entities, one key's facts in order; nothing here does I/O."""

    _make = staticmethod(made_event)

    def __init__(self, service: Service, worlds: Worlds, loaded: Loaded, lane: str) -> None:
        super().__init__(lane, loaded.answers)
        self.service = service
        self.worlds = worlds
        self.entities = loaded.entities
        self.ledgers = Ledgers(loaded.entities)
        self.names = Names(loaded.names, self.writes.aliases, self.writes.renamed)
        self.parts = Parts(loaded.entities, loaded.holders, self.writes)
        self.counters = dict(loaded.counters)
        self._scopes_missing: set[str] = set()

    def take(self, item: Item) -> None:
        """Fold one item: apply it, answer it, or park it; exactly one of the three."""
        if item.record is not None:
            self._count(item, 1)
        if item.answer_id and self._answered(item):
            return
        entity = self._entity_of(item)
        if entity is None:
            self._without_place(item)
        elif self._is_next(entity, item):
            if item.park:
                self._cannot(item, entity, item.park, item.error, holds=item.held_key)
            else:
                self._apply(item, entity)

    def fire_due(self, place: EntityId, until: datetime, refused: str = "") -> None:
        """Fire the timers of one subject that are due by `until`, earliest first."""
        entity = self.entities.get(place)
        if entity is None or entity.due is None or entity.due > until:
            return
        if refused:
            self._stuck(entity, entity.due, RefusedError(refused))
        else:
            self._fire(entity, until)

    def adopt_reference(self) -> None:
        """Let the rules of this batch know what its reference facts say."""
        found = self.entities.items()
        changed = {p: one.state for p, one in found if one.subject.reference and one.touched}
        self.worlds = self.worlds.with_states(changed)
        self.outcome.reference = changed

    def finish(self) -> Outcome:
        """Collect what changed. Raises `MoreNeeded` where something must be drawn or loaded first."""
        if self._scopes_missing or self.parts.missing or self.ledgers.missing:
            raise MoreNeeded(self._scopes_missing, self.parts.missing, self.ledgers.missing)
        writes = self.writes
        for entity in self.entities.values():
            if entity.touched:
                writes.entities.append(entity)
                if entity.subject.part is not None:
                    self.parts.write(entity)
            elif entity.counted:
                writes.counted.append(entity)
        self.parts.write_let_go()
        writes.counters = self.counters
        writes.events += copies(self.service.name, writes.parked)
        return self.outcome

    def _entity_of(self, item: Item) -> Entity | None:
        known = item.subject is not None and not item.wait
        return self.entities.get((item.subject.name, item.key)) if known and item.subject else None

    def _without_place(self, item: Item) -> None:
        """Nobody's fact passes by; one that should be somebody's is kept until it is."""
        if item.dropping:
            self._done_with(item)
        elif item.park:
            self._cannot(item, None, item.park, item.error)
        elif item.wait:
            self._wait(
                item, None, Wait(until_known=item.wait, expires=item.expires or item.fact.now)
            )
        elif item.ask is not None and item.names:
            self._refused(item, None, nobodys(item.names[0]))
        elif item.subject is not None or item.parked_id:
            self._cannot(item, None, "no key", "nothing says whose fact this is")

    def _apply(self, item: Item, entity: Entity) -> None:
        restore = self._snapshot(entity, *self._others(entity, item.fact).values())
        try:
            if item.fact.hops > MOST_HOPS:
                raise LoopError(f"{item.fact.hops} hops since the outside fact")
            self._react(item, entity)
        except Gap:
            raise
        except BarredError as barred:
            restore()
            self._barred(item, entity, str(barred), barred.waits_for)
        except Exception as error:  # a poison fact must not stop the others: it is parked, whole
            restore()
            holds = item.held_key or item.fact.ver > entity.seen.get(item.fact.topic, 0)
            self._cannot(item, entity, type(error).__name__, _told(error), holds=holds)

    def _react(self, item: Item, entity: Entity) -> None:
        fact = self.names.told(item, entity.key)
        concerned = (entity, *self._others(entity, fact).values())
        now = max([fact.now, *(one.now for one in concerned if one.now)])
        for one in concerned:
            self._fire(one, now)
        if fact.ver > entity.seen.get(fact.topic, 0):
            if entity.held:  # one of the timers that come before this fact is stuck
                self._flows(entity, item, fact.ver - 1)
                return
            entity.seen[fact.topic] = fact.ver
            entity.marks[fact.topic] = fact.id[:MARK]
            entity.counted = True
        if item.dropping or type(fact.data) not in self.service.routes:
            self._done_with(item)
            return
        decision = self.parts.stranger(entity, fact) or self._decided(entity, fact, now)
        if isinstance(decision, Refusal):
            self._refused(item, entity, decision)
        elif isinstance(decision, Wait):
            self._wait(item, entity, decision)
        else:
            events = self._record(entity, decision, fact, now)
            self.parts.hand_over(entity.subject, fact)
            if type(fact.data) in self.service.archives:
                self.writes.archive.append(fact)
            self._answer(item, entity, events)

    def _decided(self, entity: Entity, fact: Fact, now: datetime) -> Decision:
        state = self.ledgers.beside(entity, fact)
        if others := self._others(entity, fact):
            states = {key: other.state for key, other in others.items()}
            state = msgspec.structs.replace(state, others=states)
        return entity.subject.react(state, fact, self.worlds.at(now), now)

    def _others(self, entity: Entity, fact: Fact) -> dict[str, Entity]:
        """Who else the fact is about, as locked with its own subject."""
        subject = entity.subject
        keys = subject.whole(fact)
        return {key: self.entities[subject.name, key] for key in keys} if keys else {}

    def _record(
        self, entity: Entity, decision: Sequence[Any], fact: Fact, now: datetime
    ) -> list[Event]:
        events = []
        subject, policy = entity.subject, self.worlds.policy_version(now)
        own, changed = entity, {entity.key: (entity, entity.state)}
        for index, wish in enumerate(decision):
            event, time = event_of(wish)
            entity = self.entities[subject.name, wish.key] if isinstance(wish, Of) else own
            changed.setdefault(entity.key, (entity, entity.state))
            if not subject.emits:  # a mirror: another's fact is all there is to know
                entity.state = subject.evolve(entity.state, event, now)
                continue
            event = self._numbered(event, time or now)
            topic = self.service.topic_of[type(event)].name
            made = self._make(
                self.service.name, entity, topic, event, fact, index, time or now, now, policy
            )
            entity.state = subject.evolve(entity.state, event, now)
            entity.now = now
            self.ledgers.enter(subject, event, now)
            self.names.give(subject, event)
            events.append(event)
            self.writes.events.append(made)
            if self.service.rows is not None:
                self.writes.rows.extend(self.service.rows(made))
        if decision:
            self.parts.follow(changed.values())
        for entity, _ in changed.values():
            named = subject.due(entity.state, self.worlds.at(now))
            due = min(named.values(), default=None)
            entity.touched = entity.touched or bool(decision) or due != entity.due
            entity.due = due
        return events

    def _numbered(self, event: Event, time: datetime) -> Event:
        numbering = self.service.numbered.get(type(event))
        if numbering is None:
            return event
        scope = numbering.scope(event, time)
        if scope not in self.counters:
            self._scopes_missing.add(scope)
            return event
        self.counters[scope] += 1
        number = numbering.number(scope, self.counters[scope])
        return msgspec.structs.replace(event, number=number)

    def _fire(self, entity: Entity, until: datetime) -> None:
        for _ in range(MOST_FIRINGS):
            if entity.held or entity.due is None or entity.due > until:
                return
            self._fire_next(entity, until)
        self._stuck(entity, until, StuckTimerError("its timers never come to rest"))

    def _fire_next(self, entity: Entity, until: datetime) -> None:
        restore = self._snapshot(entity)
        at: datetime = entity.due or until
        name = ""
        try:
            now = max(at, entity.now) if entity.now else at
            world = self.worlds.at(now)
            due = entity.subject.due(entity.state, world)
            name = min(due, key=lambda name: (due[name], name), default="")
            if not name or due[name] > until:  # under the policy of that moment it is not due
                entity.due, entity.touched = due.get(name), True
                return
            at = due[name]
            now = max(at, entity.now) if entity.now else at
            fact = firing(entity, name, at)
            decision = self.parts.stranger(entity, fact) or self._decided(entity, fact, now)
            if not isinstance(decision, list) or not decision:
                raise StuckTimerError(f"timer {name!r} fired and nothing came of it")
            self._record(entity, decision, fact, now)
        except Exception as error:  # the key is held, with the timer that failed named
            restore()
            self._stuck(entity, at, error, name)

    def _stuck(self, entity: Entity, at: datetime, error: Exception, name: str = "") -> None:
        item = Item(firing(entity, name, at), entity.subject, entity.key)
        self._cannot(item, entity, type(error).__name__, _told(error), holds=True)

    def _snapshot(self, *concerned: Entity) -> Callable[[], None]:
        writes = self.writes
        before = [
            (one, one.folded, one.now, one.due, dict(one.made), dict(one.seen), dict(one.marks))
            for one in concerned
        ]
        counters = copy(self.counters) if self.counters else self.counters
        lengths = len(writes.events), len(writes.rows), len(writes.archive)
        entered, given, changes = self.ledgers.entered, self.names.given, self.parts.changes

        def restore() -> None:
            for one, folded, now, due, made, seen, marks in before:
                one.folded, one.now, one.due = folded, now, due
                one.made, one.seen, one.marks = made, seen, marks
            self.parts.undo(changes)
            self.counters = counters
            self.ledgers.undo(entered)
            self.names.undo(given)
            del writes.events[lengths[0] :]
            del writes.rows[lengths[1] :]
            del writes.archive[lengths[2] :]

        return restore


class LoopError(Exception):
    """Services react to each other without end."""


class StuckTimerError(Exception):
    """A timer would be due again at once: its rule does not move on."""


class RefusedError(Exception):
    """The database takes nothing of what these timers make."""


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
