"""What must hold when all faults are healed: P1 to P8 of what a system like this has to promise."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any

import msgspec
from perennial.contracts.alerts import AlertEscalated, AlertFailed, AlertRaised, AlertSent
from perennial.contracts.catalogue import topic_named
from perennial.contracts.customers import CustomerActivated
from perennial.contracts.holdings import ActivityLogged
from perennial.contracts.leads import LeadCaptured
from perennial.contracts.orders import (
    OrderCancelled,
    OrderPlaced,
    OrderReturned,
)
from perennial.contracts.partner import PlaceOrder
from perennial.contracts.scores import CustomerScored
from perennial.contracts.unions import LeadMerged, LeadUnmerged
from perennial.kit.subject import Service
from perennial.kit.worlds import Worlds

from tests.kit.memory import OPEN, Tables
from tests.simulation import mail
from tests.simulation.broker import Broker
from tests.simulation.load import SOURCE, Company
from tests.simulation.poisoning import is_poison, misplaced
from tests.simulation.processes import World
from tests.simulation.rebuilding import Comparison, by_key, in_hand, reference
from tests.simulation.store import Schema
from tests.simulation.unity import WhoIsWho

_json = msgspec.json.decode


class Judge:
    """Reads the tables and the log of a run that has come to rest."""

    def __init__(
        self,
        world: World,
        broker: Broker,
        services: dict[str, Service],
        tables: dict[str, Tables],
        company: Company,
        outside: Any,
        posted: Schema,
    ) -> None:
        self.world, self.broker, self.services = world, broker, services
        self.tables, self.company, self.outside = tables, company, outside
        self.posted = posted
        self.topics = sorted({topic for topic, _ in broker.partitions})

    def judge(self) -> None:
        checks: list[Callable[[], Iterator[str]]] = [
            self._complete, self._ordered, self._addressed, self._kept, self._said_once, self._conserved,
            self._timers, self._rebuilt, self._numbered, self._answered, self._united, self._delivered, self._set_aside,
        ]  # fmt: skip
        for check in checks:
            for found in check():
                self.world.defect(f"{check.__name__.strip('_')}: {found}")

    def events(self, service: str, *kinds: type) -> Iterator[tuple[tuple[str, str, int], Any, Any]]:
        """(place, envelope, event) of a service's own events of these types, in the order of versions."""
        known = {kind.TYPE: kind for kind in kinds}  # type: ignore[attr-defined]
        for place, said in sorted(self.tables[service].event.items()):
            if said[1] in known:
                yield place, said, _json(said[5], type=known[said[1]])

    def _complete(self) -> Iterator[str]:
        """P5: the outbox is empty, positions stand at the ends, and nothing is set aside that holds."""
        for name, tables in self.tables.items():
            if tables.outbox:
                yield f"{name} still has {len(tables.outbox)} events in its outbox"
            read = {topic.name for topic in self.services[name].reads}
            ends = {p: len(log) for p, log in self.broker.partitions.items() if p[0] in read}
            stands = {place: tables.position.get(place) for place in ends}
            yield from (
                f"{name} stands at {stands[p]} of {p}" for p in ends if stands[p] != ends[p]
            )
            for row in (one for one in tables.parked.values() if not is_poison(one.key)):
                if row.state in ("behind", "barred", "redrive") or (
                    row.holds and row.state == "parked"
                ):
                    yield f"{name} keeps {row.type} of {row.key} {row.state}"
            held = [p for p, row in tables.entity.items() if row[3] and not is_poison(p[1])]
            if held:
                yield f"{name} holds {held[:3]}"

    def _ordered(self) -> Iterator[str]:
        """P4: versions without gaps in each topic, in the order of the log; and all of them taken."""
        outside = ("partner.", "clock.")
        for topic in (one for one in self.topics if not one.startswith(outside)):
            for key, log in by_key(self.broker, {topic}).items():
                versions = [one.fact.ver for one in log]
                reached = [0, *accumulate(versions, max)]
                pairs = zip(versions, reached, strict=False)
                gaps = [(ver, last) for ver, last in pairs if ver > last + 1]
                yield from (f"{topic} {key}: version {ver} after {last}" for ver, last in gaps)
                yield from self._taken(topic, key, reached[-1])

    def _addressed(self) -> Iterator[str]:
        """What is told of a party stands under its key."""
        for name, tables in self.tables.items():
            for (topic, key, ver), said in tables.event.items():
                named = _json(said[5]).get("customer_id", key)
                if named != key and "rejected" not in topic:
                    yield f"{name}: {topic} {key} {ver} is told of {named!r}"

    def _taken(self, topic: str, key: str, last: int) -> Iterator[str]:
        for name, service in self.services.items():
            subject = service.by_topic.get(topic)
            if subject is None:
                continue
            row = self.tables[name].entity.get((subject.name, key))
            seen = _json(row[1]).get(topic, 0) if row else 0
            if seen != last:
                yield f"{name} has seen version {seen} of {last} of {key} in {topic}"

    def _kept(self) -> Iterator[str]:
        """P1: every fact that was acknowledged has its effect, its answer, or its place aside."""
        answers = self.tables["lead-intake"].answer
        for said in self.outside.said:
            name = f"{topic_named(said.topic).writer}|{SOURCE}|{said.id}"
            if said.data is not None and not said.ver and name not in answers:
                yield f"{said.data.TYPE} {said.id} was acknowledged and is nowhere"
        placed = Counter(event.order_id for _, _, event in self.events("lead-intake", OrderPlaced))
        waiting = [
            row.raw
            for row in self.tables["lead-intake"].parked.values()
            if row.state in OPEN and row.type == PlaceOrder.TYPE
        ]
        for order_id in self.company.ledger.orders:
            aside = any(order_id.encode() in (raw or b"") for raw in waiting)
            if placed[order_id] + aside != 1:
                yield f"order {order_id} has {placed[order_id]} effects"

    def _said_once(self) -> Iterator[str]:
        """P2, P3: no effect twice, and none of what nobody said."""
        ledger = self.company.ledger
        facts: dict[str, tuple[type, str, set[str]]] = {
            "order": (OrderPlaced, "order_id", set(ledger.orders)),
            "return": (OrderReturned, "return_id", ledger.returns),
            "activity": (ActivityLogged, "activity_id", ledger.activities),
        }
        for what, (kind, name, said) in facts.items():
            made = Counter(
                str(getattr(event, name)) for _, _, event in self.events("lead-intake", kind)
            )
            yield from (f"{what} {one} has {n} effects" for one, n in made.items() if n > 1)
            yield from (f"{what} {one} was never said" for one in made.keys() - said)
        leads = Counter(
            event.lead_id
            for _, _, event in self.events("lead-intake", LeadCaptured)
            if not event.by_order
        )
        yield from (f"lead {one} has {n} effects" for one, n in leads.items() if n > 1)
        yield from (f"lead {one} was never said" for one in leads.keys() - ledger.leads)
        for name, tables in self.tables.items():
            ids = Counter(said[0] for said in tables.event.values())
            yield from (
                f"{name}: event {one} was made {n} times" for one, n in ids.items() if n > 1
            )

    def _conserved(self) -> Iterator[str]:
        """P6: an order's money is the same wherever it is counted."""
        flow = self.events("lead-intake", OrderPlaced, OrderReturned, OrderCancelled)
        told = sum(
            event.revenue if isinstance(event, OrderPlaced) else -event.revenue
            for _, _, event in flow
        )
        rows = [_json(text) for _, (_, text) in in_hand(self.tables["scoring"])]
        kept = sum(row.get("revenue", 0) for row in rows if not row.get("cancelled"))
        effects = sum(
            event.order.revenue
            for _, _, event in self.events("scoring", CustomerScored)
            if event.order is not None
        )
        archived = [
            said
            for said in self.tables["lifecycle"].archive.values()
            if said[1] == CustomerScored.TYPE
        ]
        heard = sum((_json(said[4]).get("order") or {}).get("revenue", 0) for said in archived)
        if not told == kept == effects == heard:
            yield f"orders tell of {told}, scoring keeps {kept}, tells {effects}, lifecycle heard {heard}"

    def _timers(self) -> Iterator[str]:
        """P7: by their states no moment up to the last tick is still to come. (Twice: `_said_once`.)"""
        until = self.outside.ticked
        for name, service in self.services.items():
            tables = self.tables[name]
            world = Worlds(service, reference(service, tables)).at(until)
            for (subject, key), row in tables.entity.items():
                kind = service.subjects[subject]
                due = kind.due(_json(row[5], type=kind.state), world)
                late = {what: at for what, at in due.items() if at <= until}
                if late:
                    yield f"{name}: {key} still has {late}"

    def _rebuilt(self) -> Iterator[str]:
        """P8: the tables are what the topics make of them."""
        for name, service in self.services.items():
            for one in Comparison(service, self.tables[name], self.broker).differences():
                yield f"{name}: {one.table} {one.key}: {one.what}: {one.table_says[:80]} / {one.topics_say[:80]}"

    def _numbered(self) -> Iterator[str]:
        """Customers' numbers have no gaps."""
        numbers = sorted(
            event.number for _, _, event in self.events("lifecycle", CustomerActivated)
        )
        drawn = sum(self.tables["lifecycle"].counter.values())
        if len(set(numbers)) != len(numbers) or drawn != len(numbers):
            yield f"{len(numbers)} customers, {len(set(numbers))} numbers, {drawn} drawn"

    def _set_aside(self) -> Iterator[str]:
        """P3: poison on our own topics holds its key, and nothing else."""
        yield from misplaced(self.outside.said, self.services, self.tables)

    def _delivered(self) -> Iterator[str]:
        kinds = (AlertRaised, AlertEscalated, AlertSent, AlertFailed)
        told = [one for _, _, one in self.events("notifications", *kinds)]
        yield from mail.judged(self.posted, told)

    def _united(self) -> Iterator[str]:
        """Who is who, and what is whose, is what people said of it; in all services alike."""
        told = [one for _, _, one in self.events("lead-intake", LeadMerged, LeadUnmerged)]
        yield from WhoIsWho(self.tables, self.company).violations(self.outside, told)

    def _answered(self) -> Iterator[str]:
        """What a client was told stands."""
        for wish_id, (service, answer) in self.outside.answered.items():
            stored = self.tables[service].answer.get(wish_id)
            if stored is None:
                yield f"{wish_id} was answered {answer.status}, and no answer is kept"
            elif (stored.status, stored.body.encode()) != (answer.status, answer.body):
                yield f"{wish_id} was answered {answer.status}, kept is {stored.status}"
