"""The fold of one batch: pure. Entities and facts in, everything to be written out."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from perennial.contracts.base import Event, Fact, Receipt, Refusal, TimerFired, Wait
from perennial.kit.ask import Answer
from perennial.kit.batch import (
    CountersNeeded,
    Entity,
    EntityId,
    Gap,
    Item,
    Outcome,
    Parked,
    StoredAnswer,
    Writes,
    event_of,
)
from perennial.kit.ids import event_id
from perennial.kit.subject import Made, Service
from perennial.kit.worlds import Worlds

MOST_HOPS = 16
MOST_FIRINGS = 10_000
REFUSED = {"conflict": 409, "invalid": 422, "missing": 404, "forbidden": 403}
_encoder = msgspec.json.Encoder()


class Fold:
    """Folds items into locked entities, one key's facts in order; nothing here does I/O."""

    def __init__(
        self,
        service: Service,
        worlds: Worlds,
        entities: dict[EntityId, Entity],
        answers: Mapping[str, StoredAnswer],
        counters: Mapping[str, int] | None,
        lane: str,
    ) -> None:
        self.service = service
        self.worlds = worlds
        self.entities = entities
        self.stored = dict(answers)
        self.counters = dict(counters or {})
        self.counters_missing: set[str] = set()
        self.writes = Writes(lane=lane)
        self.outcome = Outcome(self.writes)
        self._reopened: set[EntityId] = set()

    def take(self, item: Item) -> None:
        """Fold one item: apply it, answer it, or park it; exactly one of the three."""
        if item.record is not None:
            topic = item.fact.topic
            self.writes.taken[topic] = self.writes.taken.get(topic, 0) + 1
        if item.answer_id and self._answered(item):
            return
        entity = self._entity_of(item)
        if item.subject is not None and entity is None and not (item.park or item.wait):
            raise LookupError(f"{item.subject.name} {item.key} was not locked")
        if entity is not None and item.parked_id:
            self._reopen(entity)
        if entity is not None and item.fact.ver and not self._in_order(entity, item):
            return
        if item.park or item.wait:
            self._set_aside(item, entity)
        elif entity is not None:
            self._apply(item, entity)

    def fire(self, entity: Entity, until: datetime) -> None:
        """Fire the timers of one subject that are due by `until`, earliest first."""
        for _ in range(MOST_FIRINGS):
            if entity.held or entity.due is None or entity.due > until:
                return
            self._fire_next(entity)
        raise RuntimeError(f"timers of {entity.subject.name} {entity.key} never come to rest")

    def adopt_reference(self) -> None:
        """Let the rules of this batch know what its reference facts say."""
        changed = {
            place: entity.state
            for place, entity in self.entities.items()
            if entity.subject.reference and entity.touched
        }
        self.worlds = self.worlds.with_states(changed)
        self.outcome.reference = changed

    def finish(self) -> Outcome:
        """Collect what changed. Raises `CountersNeeded` where numbers must be drawn first."""
        if self.counters_missing:
            raise CountersNeeded(self.counters_missing)
        writes = self.writes
        for entity in self.entities.values():
            if not entity.touched:
                continue
            writes.entities.append(entity)
            if entity.subject.part is not None:
                before = entity.parts_before
                for part_id, part in entity.state.parts.items():
                    if before.get(part_id) is not part:
                        writes.parts.append((entity.subject.name, part_id, entity.key, part))
        writes.counters = self.counters
        return self.outcome

    def _entity_of(self, item: Item) -> Entity | None:
        return self.entities.get((item.subject.name, item.key)) if item.subject else None

    def _reopen(self, entity: Entity) -> None:
        """A redriven key flows again, until one of its facts fails once more."""
        place = (entity.subject.name, entity.key)
        if place not in self._reopened:
            self._reopened.add(place)
            entity.touched |= entity.held
            entity.held = False

    def _in_order(self, entity: Entity, item: Item) -> bool:
        """Whether this version is the key's next one; duplicates and those behind are dealt with."""
        fact = item.fact
        if entity.held:
            self._park(Parked(item, "behind", "behind a parked fact of the same key"), entity)
            return False
        seen = entity.seen.get(fact.topic, 0)
        if fact.ver <= seen:
            self.outcome.duplicates += 1
            if item.record is not None:
                self.writes.taken[fact.topic] -= 1
            self._done_with(item)
            return False
        if fact.ver > seen + 1:
            raise Gap(item, f"{fact.topic} {fact.key}: version {fact.ver} after {seen}")
        return True

    def _apply(self, item: Item, entity: Entity) -> None:
        restore = self._snapshot(entity)
        try:
            if item.fact.hops > MOST_HOPS:
                raise LoopError(f"{item.fact.hops} hops since the outside fact")
            self._react(item, entity)
        except (Gap, CountersNeeded):
            raise
        except Exception as error:  # a poison fact must not stop the others: it is parked, whole
            restore()
            self._poisoned(item, entity, error)

    def _react(self, item: Item, entity: Entity) -> None:
        fact = item.fact
        now = max(fact.now, entity.now) if entity.now else fact.now
        self.fire(entity, now)
        if fact.ver:
            entity.seen[fact.topic] = fact.ver
        entity.touched = True
        decision = (
            entity.subject.react(entity.state, fact, self.worlds.at(now), now)
            if type(fact.data) in self.service.routes and not item.dropping
            else []
        )
        if isinstance(decision, Refusal):
            self._refused(item, entity, decision)
        elif isinstance(decision, Wait):
            item.wait, item.expires = decision.until_known, decision.expires
            self._set_aside(item, entity)
        else:
            events = self._record(entity, decision, fact, now)
            self._kept(item, fact)
            self._answer(item, entity, events)

    def _record(
        self, entity: Entity, decision: list[Any], fact: Fact, now: datetime
    ) -> list[Event]:
        events = []
        for index, wish in enumerate(decision):
            event, time = event_of(wish)
            if not entity.subject.emits:  # a mirror: another's fact is all there is to know
                entity.state = entity.subject.evolve(entity.state, event, now)
                continue
            event = self._numbered(event, time or now)
            made = self._made(entity, event, time or now, fact, now, index)
            entity.state = entity.subject.evolve(entity.state, event, now)
            entity.now = now
            events.append(event)
            self.writes.events.append(made)
            if self.service.rows is not None:
                self.writes.rows.extend(self.service.rows(made))
        if decision:
            entity.touched = True
        due = entity.subject.due(entity.state, self.worlds.at(now))
        entity.due = min(due.values()) if due else None
        return events

    def _made(
        self, entity: Entity, event: Event, time: datetime, fact: Fact, now: datetime, index: int
    ) -> Made:
        topic = self.service.topic_of[type(event)].name
        ver = entity.made[topic] = entity.made.get(topic, 0) + 1
        policy = self.worlds.policy_version(now)
        receipt = Receipt(causes=[fact.id], policy=policy, seen=entity.seen, now=now)
        context = {
            "correlationid": fact.correlation or fact.id,
            "causationid": fact.id,
            "policyversion": policy,
            "hops": fact.hops + 1,
        }
        if fact.traceparent:
            context["traceparent"] = fact.traceparent
        cause = f"{fact.principal}\0{fact.source}\0{fact.id}" if not fact.ver else fact.id
        return Made(
            topic=topic,
            key=entity.key,
            ver=ver,
            id=event_id(self.service.name, entity.subject.name, entity.key, cause, index),
            type=event.TYPE,
            time=time,
            now=now,
            context=_encoder.encode(context).decode(),
            data=_with_receipt(event, receipt),
            event=event,
        )

    def _numbered(self, event: Event, time: datetime) -> Event:
        numbering = self.service.numbered.get(type(event))
        if numbering is None:
            return event
        scope = numbering.scope(event, time)
        if scope not in self.counters:
            self.counters_missing.add(scope)
            return event
        self.counters[scope] += 1
        number = numbering.number(scope, self.counters[scope])
        return msgspec.structs.replace(event, number=number)

    def _fire_next(self, entity: Entity) -> None:
        at = entity.due
        assert at is not None
        due = entity.subject.due(entity.state, self.worlds.at(max(at, entity.now or at)))
        name = min(due, key=lambda name: (due[name], name)) if due else ""
        at = due.get(name, at)
        fact = Fact(
            data=TimerFired(name),
            id=f"timer:{name}:{at.isoformat()}",
            key=entity.key,
            now=at,
            time=at,
            type="timer",
            topic="timer",
        )
        restore = self._snapshot(entity)
        try:
            now = max(at, entity.now) if entity.now else at
            decision = entity.subject.react(entity.state, fact, self.worlds.at(now), now)
            if not isinstance(decision, list) or not decision:
                raise StuckTimerError(f"timer {name!r} fired and nothing came of it")
            self._record(entity, decision, fact, now)
        except (Gap, CountersNeeded):
            raise
        except Exception as error:  # the key is held, with the timer that failed named
            restore()
            item = Item(fact, entity.subject, entity.key, held_key=True)
            self._poisoned(item, entity, error)

    def _answered(self, item: Item) -> bool:
        stored = self.stored.get(item.answer_id)
        if stored is None:
            return False
        ask = item.ask
        if ask is None:
            self.outcome.duplicates += 1
        elif stored.fingerprint != ask.fingerprint:
            refusal = Refusal(
                code="idempotency-key-reused",
                detail="This Idempotency-Key was used with another request; use a new key.",
                pointer="",
                kind="invalid",
            )
            self.outcome.answers[id(ask)] = Answer(422, _encoder.encode(refusal), refusal=refusal)
        else:
            self.outcome.answers[id(ask)] = replayed(stored)
        return True

    def _answer(self, item: Item, entity: Entity, events: list[Event]) -> None:
        ask = item.ask
        if ask is None:
            status = 200 if events else 208
            body = ""
        else:
            status, made = ask.respond(entity.state, events)
            body = _encoder.encode(made).decode()
            self.outcome.answers[id(ask)] = Answer(status, body.encode())
        self._remember(item, status, body)
        self._done_with(item)

    def _done_with(self, item: Item) -> None:
        if item.parked_id:
            state = "discarded" if item.dropping else "released"
            self.writes.released.append((item.parked_id, state))

    def _refused(self, item: Item, entity: Entity, refusal: Refusal) -> None:
        ask = item.ask
        if ask is None:
            parked = Parked(item, "parked", refusal.code, _encoder.encode(refusal).decode())
            self._park(parked, entity)
            self._remember(item, REFUSED[refusal.kind], parked.error)
            return
        body = _encoder.encode(refusal)
        status = REFUSED[refusal.kind]
        self.outcome.answers[id(ask)] = Answer(status, body, refusal=refusal)
        self._remember(item, status, body.decode())

    def _remember(self, item: Item, status: int, body: str) -> None:
        if item.answer_id:
            fingerprint = item.ask.fingerprint if item.ask else b""
            stored = StoredAnswer(item.answer_id, fingerprint, status, body)
            self.stored[item.answer_id] = stored
            self.writes.answers.append(stored)

    def _kept(self, item: Item, fact: Fact) -> None:
        if type(fact.data) in self.service.archives:
            self.writes.archive.append(fact)

    def _set_aside(self, item: Item, entity: Entity | None) -> None:
        if item.park:
            if entity is not None and item.held_key:
                entity.held = entity.touched = True
            self._park(Parked(item, "parked", item.park, item.error), entity)
            return
        reason = f"waits until {item.wait} is known"
        parked = Parked(item, "waiting", reason, waits_for=item.wait, expires=item.expires)
        self._park(parked, entity)
        body = _encoder.encode({"status": "waiting", "until_known": item.wait}).decode()
        if item.ask is not None:
            self.outcome.answers[id(item.ask)] = Answer(202, body.encode())
        self._remember(item, 202, body)

    def _poisoned(self, item: Item, entity: Entity, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}"
        if item.ask is not None:
            refusal = Refusal(code="internal-error", detail="The request could not be judged.")
            self.outcome.answers[id(item.ask)] = Answer(500, text.encode(), refusal=refusal)
            return
        if item.held_key or item.fact.ver:
            entity.held = entity.touched = True
        self._park(Parked(item, "parked", type(error).__name__, text), entity)
        self._remember(item, 500, text)

    def _park(self, parked: Parked, entity: Entity | None) -> None:
        if entity is not None:
            parked.subject, parked.key = entity.subject.name, entity.key
        self.writes.parked.append(parked)

    def _snapshot(self, entity: Entity) -> Callable[[], None]:
        writes = self.writes
        state, now, due = entity.state, entity.now, entity.due
        made, seen = dict(entity.made), dict(entity.seen)
        lengths = len(writes.events), len(writes.rows), len(writes.archive)

        def restore() -> None:
            entity.state, entity.now, entity.due = state, now, due
            entity.made, entity.seen = made, seen
            del writes.events[lengths[0] :]
            del writes.rows[lengths[1] :]
            del writes.archive[lengths[2] :]

        return restore


class LoopError(Exception):
    """Services react to each other without end."""


class StuckTimerError(Exception):
    """A timer would be due again at once: its rule does not move on."""


def replayed(stored: StoredAnswer) -> Answer:
    """The answer given before, word for word."""
    refusal = msgspec.json.decode(stored.body, type=Refusal) if stored.status >= 400 else None
    return Answer(stored.status, stored.body.encode(), replayed=True, refusal=refusal)


def _with_receipt(event: Event, receipt: Receipt) -> str:
    """The event as JSON with its receipt spliced in: one encoding, no copy of the struct."""
    data = _encoder.encode(event)
    joint = b"" if len(data) == 2 else b","
    return (data[:-1] + joint + b'"receipt":' + _encoder.encode(receipt) + b"}").decode()
