"""Facts for the tests of notifications, and a fold that lets timers fire first, as the door does."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import count
from typing import Any

import msgspec
import yaml
from notifications.domain.endpoints import Endpoint
from notifications.domain.people import Absence, Person
from notifications.domain.world import World
from notifications.handlers import CUSTOMER
from notifications.policy import Policy
from perennial.contracts.base import Event, Fact, Refusal, TimerFired
from perennial.contracts.customers import CustomerActivated, Evidence, RedLightLit

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
SILENCE = Evidence(sign="silence", value=92, threshold=30)
_ids = count(1)

SHIPPED = msgspec.convert(
    yaml.safe_load(files("notifications").joinpath("policy.yaml").read_text()), Policy
)
POLICY = msgspec.structs.replace(
    SHIPPED, escalation=msgspec.structs.replace(SHIPPED.escalation, steps=3)
)
"""As shipped, with a chain long enough to see its end."""


def hours(number: float) -> datetime:
    return START + timedelta(hours=number)


def said(data: Any, now: datetime = START, fact_id: str = "", principal: str = "") -> Fact:
    return Fact(
        data=data,
        id=fact_id or f"fact-{next(_ids)}",
        key="c-1",
        now=now,
        time=now,
        principal=principal,
    )


def lit(now: datetime = START, owner: str = "anna", fact_id: str = "") -> Fact:
    light = RedLightLit(customer_id="c-1", evidence=[SILENCE], owner=owner, value_at_risk=1_234_500)
    return said(light, now, fact_id)


def activated(owner: str = "anna", watchers: Iterable[str] = ("anna", "ben")) -> Fact:
    return said(
        CustomerActivated(customer_id="c-1", number="1", owner=owner, watchers=list(watchers))
    )


def person(id: str, **entry: Any) -> Person:
    return Person(id=id, **entry)


def away(start: float, end: float) -> list[Absence]:
    return [Absence(starts=hours(start), ends=hours(end))]


def world(*known: Person, endpoints: Iterable[Endpoint] = ()) -> World:
    people = {f"person:{one.id}": one for one in known}
    return World(POLICY, people, {f"endpoint:{one.id}": one for one in endpoints})


STAFF = world(
    person("anna", manager="mia", team="north", substitute="ben"),
    person("ben", manager="mia", team="north"),
    person("mia", manager="dora", team="north"),
    person("dora", role="head"),
)


def after(
    facts: Iterable[Fact], known: World = STAFF, state: Any = None
) -> tuple[Any, list[Event]]:
    """State and events; a refusal fails the test. Timers due by a fact's time fire before it."""
    state = state if state is not None else CUSTOMER.state()
    made: list[Event] = []
    for fact in facts:
        state = _fire(state, known, fact.now, made)
        state = _fold(state, fact, known, fact.now, made)
    return state, made


def _fire(state: Any, known: World, until: datetime, made: list[Event]) -> Any:
    while timers := {n: at for n, at in CUSTOMER.due(state, known).items() if at <= until}:
        name = min(timers, key=lambda one: timers[one])
        before = len(made)
        state = _fold(state, said(TimerFired(name), timers[name]), known, timers[name], made)
        assert len(made) > before, f"timer {name} fired and nothing came of it"
    return state


def _fold(state: Any, fact: Fact, known: World, now: datetime, made: list[Event]) -> Any:
    decision = CUSTOMER.react(state, fact, known, now)
    assert isinstance(decision, list), decision
    for event in decision:
        assert isinstance(event, Event)
        state = CUSTOMER.evolve(state, event, now)
        made.append(event)
    return state


def refusal(fact: Fact, state: Any) -> Refusal:
    decision = CUSTOMER.react(state, fact, STAFF, fact.now)
    assert isinstance(decision, Refusal)
    return decision
