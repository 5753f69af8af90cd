"""Replays one customer's facts as the door does: timers due by a fact's moment fire before it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from perennial.contracts.base import Event, Fact, Refusal, TimerFired, Wait
from perennial.contracts.orders import OrderPlaced
from scoring.domain.model import World
from scoring.domain.rescoring import CustomerState
from scoring.handlers import CUSTOMER


@dataclass
class Replay:
    """One customer's life so far."""

    world: World
    key: str = "c1"
    state: CustomerState = field(default_factory=CustomerState)
    events: list[Event] = field(default_factory=list)
    moments: list[datetime] = field(default_factory=list)
    fired: int = 0

    def take(self, facts: Iterable[Fact]) -> "Replay":
        """Fold facts in the order given."""
        for fact in facts:
            self.until(fact.now)
            self._apply(fact, fact.now)
        return self

    def until(self, moment: datetime) -> "Replay":
        """Let time pass: everything due by then fires."""
        while timers := CUSTOMER.due(self.state, self.world):
            name = min(timers, key=lambda name: (timers[name], name))
            at = timers[name]
            if at > moment:
                break
            assert self._apply(timer(self.key, name, at), at), f"{name} fired for nothing"
            self.fired += 1
        return self

    def _apply(self, fact: Fact, now: datetime) -> list[Event]:
        decision = CUSTOMER.react(self.state, fact, self.world, now)
        assert not isinstance(decision, Refusal | Wait), decision
        for event in decision:
            assert isinstance(event, Event)
            self.state = CUSTOMER.evolve(self.state, event, now)
            self.events.append(event)
            self.moments.append(now)
        return decision  # type: ignore[return-value]


def timer(key: str, name: str, at: datetime) -> Fact:
    return Fact(data=TimerFired(name), id=f"timer:{name}", key=key, now=at, time=at)


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def fact(data: Any, happened: datetime, learned: datetime | None = None, key: str = "c1") -> Fact:
    return Fact(
        data=data, id=f"{data.TYPE}:{id(data)}", key=key, now=learned or happened, time=happened
    )


def order(
    day: date,
    revenue: int = 1000,
    order_id: str = "",
    key: str = "c1",
    learned: datetime | None = None,
    **more: Any,
) -> Fact:
    """An order at noon of a day."""
    data = OrderPlaced(
        order_id=order_id or f"o-{day}",
        customer_id=key,
        number=order_id or f"o-{day}",
        source="shop",
        currency="USD",
        total=revenue,
        revenue=revenue,
        **more,
    )
    return fact(data, noon(day), learned, key)


def each(start: date, days: int, times: int, revenue: int = 1000) -> list[Fact]:
    """Orders at a steady rhythm."""
    return [order(start + timedelta(days=days * i), revenue) for i in range(times)]
