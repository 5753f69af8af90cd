"""Lives a customer's life in memory as the door does: due timers first, numbers drawn, versions kept."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import msgspec
from hypothesis import HealthCheck, settings
from lifecycle import policy
from lifecycle.domain.register import Entry
from lifecycle.domain.world import World, world
from lifecycle.handlers import CUSTOMER, NUMBERED
from perennial.contracts.base import At, Event, Fact, Refusal, TimerFired
from perennial.contracts.customers import CustomerMoved
from perennial.contracts.leads import LeadCaptured
from perennial.contracts.registers import PersonJoined
from perennial.contracts.scores import ChurnChanged, CustomerScored, OrderEffect, TrendChanged

ANN = "c-ann"
START = datetime(1997, 1, 6, 10, tzinfo=UTC)  # a Monday
E = TypeVar("E", bound=Event)
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no counter-example."""


def staffed(*people: PersonJoined) -> World:
    entries = {f"person:{one.person_id}": Entry(person=one) for one in people}
    return world({"register": entries}, policy.default())


def person(person_id: str, role: str = "service", **more: Any) -> PersonJoined:
    return PersonJoined(person_id=person_id, role=role, **more)


TEAM = staffed(
    person("bo", manager="kim"), person("cy", manager="kim"), person("kim", "head", manager="lou")
)


class Life:
    """One customer, its facts folded in order, and everything it published."""

    def __init__(self, within: World = TEAM) -> None:
        self.world = within
        self.state: Any = CUSTOMER.state()
        self.events: list[Event] = []
        self.now = START
        self.numbers: Counter[str] = Counter()

    @property
    def segment(self) -> Any:
        return self.state.segment

    @property
    def path(self) -> list[str]:
        return [event.after for event in self.events if isinstance(event, CustomerMoved)]

    def made(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def after(self, days: float = 0, *data: Any) -> "Life":
        """Facts so many days later; timers due until then fire before them, each at its time."""
        self.now += timedelta(days=days)
        self.fire()
        for one in data:
            self.take(one)
        return self

    def fire(self) -> None:
        while due := CUSTOMER.due(self.state, self.world):
            at, name = min((at, name) for name, at in due.items())
            if at > self.now:
                return
            assert self._fold(_fact(TimerFired(name), at)), f"{name} fired for nothing"

    def take(self, data: Any) -> list[Event]:
        made = self._fold(_fact(data, self.now))
        self.fire()
        return made

    def asked(self, wish: Any) -> str:
        """The code of the refusal, or nothing where the wish was granted."""
        decision = CUSTOMER.react(self.state, _fact(wish, self.now), self.world, self.now)
        if isinstance(decision, Refusal):
            return decision.code
        self.take(wish)
        return ""

    def _fold(self, fact: Fact) -> list[Event]:
        decision = CUSTOMER.react(self.state, fact, self.world, fact.now)
        assert isinstance(decision, list), decision
        made = [self._numbered(wish, fact) for wish in decision]
        for event in made:
            self.state = CUSTOMER.evolve(self.state, _as_published(event), fact.now)
        self.events += made
        return made

    def _numbered(self, wish: Event | At, fact: Fact) -> Event:
        event, time = (wish.event, wish.time) if isinstance(wish, At) else (wish, fact.now)
        numbering = NUMBERED.get(type(event))
        if numbering is None:
            return event
        scope = numbering.scope(event, time)
        self.numbers[scope] += 1
        return msgspec.structs.replace(event, number=numbering.number(scope, self.numbers[scope]))


def lived(facts: Iterable[tuple[float, Any]], within: World = TEAM) -> Life:
    life = Life(within)
    for days, data in facts:
        life.after(days, data)
    return life


def lead() -> LeadCaptured:
    return LeadCaptured(customer_id=ANN, channel="shop", source="s", external_id="1", by_order=True)


def ordered(n: int, on: datetime | date, paid: bool = True, **more: Any) -> CustomerScored:
    """The score after the nth order."""
    day = on.date() if isinstance(on, datetime) else on
    product = more.pop("product", "")
    order = OrderEffect(
        order_id=f"o{n}", day=day, kind="placed", orders=1, paid=int(paid), product=product
    )
    return scored(because="order", order=order, orders=n, paid_orders=n if paid else 0, **more)


def scored(**more: Any) -> CustomerScored:
    known: dict[str, Any] = {
        "because": "silence",
        "orders": 1,
        "paid_orders": 1,
        "revenue": 100_00,
        "rolling_value": 100_00,
        "frequency": 0,
        "recency": 0.0,
        "age": 0.0,
        "alive": 0.9,
        "silence_days": 0.0,
        "usual_days": 30.0,
        "value_36m": 500_00,
        "model": "pareto-nbd@1",
    }
    return CustomerScored(customer_id=ANN, **{**known, **more})


def trend(after: Any, **more: Any) -> TrendChanged:
    known: dict[str, Any] = {
        "before": "too-early",
        "period": "1997-06",
        "window": 100_00,
        "previous": 100_00,
        "change": 0.0,
        "baseline": 100_00,
        "below_baseline": 0.0,
        "rolling_value": 100_00,
    }
    return TrendChanged(customer_id=ANN, after=after, **{**known, **more})


def churn(after: Any, **more: Any) -> ChurnChanged:
    known: dict[str, Any] = {
        "before": "active",
        "silence_days": 0.0,
        "usual_days": 30.0,
        "value_36m": 500_00,
        "model": "pareto-nbd@1",
    }
    return ChurnChanged(customer_id=ANN, after=after, **{**known, **more})


def serving() -> Life:
    """Ann after her second order."""
    return Life().after(0, lead(), ordered(1, START)).after(7, ordered(2, START + timedelta(7)))


def declining() -> Life:
    """Ann, silent for longer than she ever was."""
    return serving().after(31, scored(silence_days=31.0, orders=2, paid_orders=2))


def _fact(data: Any, now: datetime) -> Fact:
    return Fact(data=data, id="f", key=ANN, now=now, time=now, principal="kim")


def _as_published(event: Event) -> Event:
    """What a reader of the topic would see: the state must need nothing more."""
    return msgspec.json.decode(msgspec.json.encode(event), type=type(event))
