"""A service small enough to read at a glance, with one of everything that the kit can do.

A customer counts what it is fed, holds orders as parts, reminds itself by timers, refuses what is
over the limit, waits for what is not known yet, and draws gap-free numbers. Purses are a ledger:
several customers take from one, and get back from it by reminders. Staff is a mirror of another's
facts; rates are a reference of its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace as changed
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace
from perennial.contracts.base import (
    Decision,
    Event,
    Fact,
    Of,
    Part,
    Refusal,
    State,
    TimerFired,
    Topic,
    Wait,
)
from perennial.contracts.partner import DEMO, PlaceOrder, RecordPayment
from perennial.contracts.platform import CLOCK, PolicyAdopted, PolicyDrafted
from perennial.kit.policies import policy_subject
from perennial.kit.subject import Ledger, Made, Numbering, Row, Service, Subject, on

from tests.kit.toy_words import (
    Add as Add,
)
from tests.kit.toy_words import (
    Come as Come,
)
from tests.kit.toy_words import (
    Counted as Counted,
)
from tests.kit.toy_words import (
    Fed as Fed,
)
from tests.kit.toy_words import (
    Gone as Gone,
)
from tests.kit.toy_words import (
    Joined as Joined,
)
from tests.kit.toy_words import (
    Named as Named,
)
from tests.kit.toy_words import (
    Noted as Noted,
)
from tests.kit.toy_words import (
    Paid as Paid,
)
from tests.kit.toy_words import (
    Parted as Parted,
)
from tests.kit.toy_words import (
    Placed as Placed,
)
from tests.kit.toy_words import (
    RateSet as RateSet,
)
from tests.kit.toy_words import (
    Reminded as Reminded,
)
from tests.kit.toy_words import (
    SetRate as SetRate,
)
from tests.kit.toy_words import (
    Ticket as Ticket,
)
from tests.kit.toy_words import (
    Ticketed as Ticketed,
)
from tests.kit.toy_words import (
    Unite as Unite,
)
from tests.kit.toy_words import (
    United as United,
)

NAME = "toy"
POISON, UNSTORABLE, STUCK = -13, -17, -19
"""Amounts at which the rule raises, makes what Postgres refuses, or sets a timer that never moves on."""
TABLE = "CREATE TABLE told (topic text, key text, ver bigint, PRIMARY KEY (topic, key, ver))"


FEED = Topic("feed.v1", "feeder", [Fed, Parted, Joined], partitions=4)
NOTES = Topic("notes.v1", "noter", [Noted], partitions=4)
STAFF = Topic("staff.v1", "registrar", [Named], partitions=1)
MADE: list[type[Event]] = [Counted, Placed, Paid, Reminded, Ticketed, Gone, Come, United]
COUNTS = Topic("toy.v1", NAME, MADE, partitions=4)
RATES = Topic("toy-rates.v1", NAME, [RateSet], partitions=1)
POLICY = Topic("policies.toy.v1", NAME, [PolicyDrafted, PolicyAdopted], partitions=1)
TOPICS = (FEED, NOTES, STAFF, COUNTS, RATES, POLICY)
PARTITIONS = [
    (topic.name, part)
    for topic in (FEED, NOTES, STAFF, DEMO, CLOCK)
    for part in range(topic.partitions)
]


class Order(Part, frozen=True, kw_only=True):
    payments: list[str] = []


class Purse(State, frozen=True, kw_only=True):
    taken: dict[str, int] = {}
    """By customer: a function of the set of events, in any order of customers."""


class Customer(State, frozen=True, kw_only=True):
    total: int = 0
    purse: str = ""
    beside: dict[str, Purse] = {}
    remind_at: datetime | None = None
    times: int = 0
    stuck: bool = False
    order: str = ""
    """Whose payment the reminder asks about."""
    text: str = ""
    into: str = ""
    others: dict[str, "Customer"] = {}
    parts: dict[str, Order] = {}


class Person(State, frozen=True, kw_only=True):
    name: str = ""


class Rate(State, frozen=True, kw_only=True):
    value: int = 0


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    limit: int = 1000


class World(msgspec.Struct, frozen=True, kw_only=True):
    policy: Policy
    staff: Mapping[str, Person] = {}
    rates: Mapping[str, Rate] = {}


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """What the toy answers."""

    total: int
    numbers: list[str] = []


def react(state: Customer, fact: Fact, world: World, now: datetime) -> Decision:
    match fact.data:
        case Fed() as fed:
            return _fed(fed, world, now)
        case Add(amount=amount, purse=purse):
            taken = sum(state.beside[purse].taken.values()) if purse else 0
            if state.total + amount > world.policy.limit or taken + amount > world.policy.limit:
                return Refusal(code="over-limit", detail=f"At most {world.policy.limit}; add less.")
            return [
                Counted(amount=amount, limit=world.policy.limit, purse=purse, customer=fact.key)
            ]
        case PlaceOrder():
            return _placed(state, fact.data, world, now)
        case RecordPayment(order=order, payment=payment):
            if order not in state.parts:
                return Wait(until_known=f"order:{order}", expires=now + timedelta(days=30))
            return [Paid(order=order, payment=payment)]
        case Ticket(series=series, poison=poison):
            made = [Ticketed(series=series), Ticketed(series=series)]
            return [*made, Ticketed(series=series, text="poison")] if poison else [*made]
        case Unite():
            return _united(state, fact)
        case Parted(order=order):
            return [Gone(order=order)]
        case Joined(order=order):
            return [Come(order=order)]
        case TimerFired():
            return _reminded(state, fact.key)
    return []


def _united(state: Customer, fact: Fact) -> Decision:
    wish: Unite = fact.data
    into = state.others[wish.other].into
    if wish.other == fact.key or into != (fact.key if wish.apart else ""):
        return Refusal(code="as-it-is", detail="They are so already.")
    giver, taker = (fact.key, wish.other) if wish.apart else (wish.other, fact.key)
    orders = (state if wish.apart else state.others[wish.other]).parts
    gone = [Of(giver, Gone(order=order)) for order in orders]
    come = [Of(taker, Come(order=one, payments=kept.payments)) for one, kept in orders.items()]
    return [*gone, *come, Of(wish.other, United(into="" if wish.apart else fact.key))]


def whole(fact: Fact) -> Iterable[str]:
    return (fact.data.other,) if isinstance(fact.data, Unite) else ()


def _fed(fed: Fed, world: World, now: datetime) -> Decision:
    if fed.amount == POISON:
        raise ValueError("poison")
    made = Counted(
        amount=fed.amount,
        by=world.staff["boss"].name if "boss" in world.staff else "",
        limit=world.policy.limit,
        text="\0" if fed.amount == UNSTORABLE else "",
    )
    if fed.remind_after:
        at = now + timedelta(seconds=fed.remind_after)
        made = replace(made, remind_at=at, times=fed.times)
    return [made]


def _placed(state: Customer, said: PlaceOrder, world: World, now: datetime) -> Decision:
    if said.order in state.parts:
        return []
    if said.currency != "USD" and f"rate:{said.currency}" not in world.rates:
        return Wait(until_known=f"rate:{said.currency}", expires=now + timedelta(days=30))
    return [Placed(order=said.order)]


def _reminded(state: Customer, key: str) -> Decision:
    if state.stuck or state.remind_at is None:
        return []
    following = state.remind_at + timedelta(seconds=60) if state.times > 1 else None
    return [Reminded(next_at=following, purse=state.purse, customer=key)]


def evolve(state: Customer, event: Event, _now: datetime) -> Customer:
    match event:
        case Counted():
            purse = event.purse or state.purse
            total = state.total + event.amount
            state = replace(state, total=total, text=event.text, purse=purse)
            if event.remind_at is not None:
                stuck = event.amount == STUCK
                return replace(state, remind_at=event.remind_at, times=event.times, stuck=stuck)
        case Placed():
            return replace(state, parts={**state.parts, event.order: Order()})
        case Come():
            parts = {**state.parts, event.order: Order(payments=event.payments)}
            return replace(state, parts=parts)
        case Gone():
            parts = {name: one for name, one in state.parts.items() if name != event.order}
            return replace(state, parts=parts)
        case United():
            return replace(state, into=event.into)
        case Paid():
            order = state.parts[event.order]
            paid = replace(order, payments=[*order.payments, event.payment])
            return replace(state, parts={**state.parts, event.order: paid})
        case Reminded():
            return replace(state, remind_at=event.next_at, times=state.times - 1, purse="")
        case Ticketed(text="poison"):
            raise ValueError("poison after a number was drawn")
    return state


def due(state: Customer, _world: World) -> dict[str, datetime]:
    return {"remind": state.remind_at} if state.remind_at else {}


def purses(event: Event) -> Iterable[str]:
    purse = getattr(event, "purse", "")
    return (purse,) if purse else ()


def enter(state: Purse, _purse: str, event: Event, _now: datetime) -> Purse:
    match event:
        case Counted(customer=customer, amount=amount):
            taken = state.taken.get(customer, 0) + amount
            return Purse(taken={**state.taken, customer: taken})
        case Reminded(customer=customer):
            return Purse(taken={**state.taken, customer: 0})
    return state


def looks_at(_state: Customer, fact: Fact) -> Iterable[str]:
    return (fact.data.purse,) if isinstance(fact.data, Add) and fact.data.purse else ()


def names(fact: Fact) -> Iterable[str]:
    match fact.data:
        case (
            PlaceOrder(order=order)
            | RecordPayment(order=order)
            | Parted(order=order)
            | Joined(order=order)
        ):
            yield order


def hands(fact: Fact) -> Mapping[str, str]:
    match fact.data:
        case Parted(order=order, to=key) | Joined(order=order, to=key) if key:
            return {order: key}
    return {}


def mirror(_state: Person, fact: Fact, _world: World, _now: datetime) -> Decision:
    return [fact.data]


def hire(_state: Person, event: Event, _now: datetime) -> Person:
    assert isinstance(event, Named)
    return Person(name=event.name)


def set_rate(_state: Rate, fact: Fact, _world: World, _now: datetime) -> Decision:
    return [RateSet(value=fact.data.value)]


def rate_set(_state: Rate, event: Event, _now: datetime) -> Rate:
    assert isinstance(event, RateSet)
    return Rate(value=event.value)


def locate(fact: Fact) -> str | tuple[str, str]:
    said: Any = fact.data
    if isinstance(said, PlaceOrder):
        return said.customer
    return said.order, f"order:{said.order}"


def rows(made: Made) -> Iterable[Row]:
    yield Row("told", {"topic": made.topic, "key": made.key, "ver": made.ver})


def series_of(event: Event, _time: datetime) -> str:
    assert isinstance(event, Ticketed)
    return event.series


CUSTOMER = Subject(
    name="customer",
    state=Customer,
    react=react,
    evolve=evolve,
    due=due,
    part=Order,
    names=names,
    hands=hands,
    emits=(COUNTS,),
    requests=(Add, Ticket, Unite),
    whole=whole,
    root=lambda state: state.into,
    ledger=Ledger("purse", Purse, purses, enter),
    beside=looks_at,
)
PERSON = Subject(name="staff", state=Person, react=mirror, evolve=hire, reference=True)
RATE = Subject(
    name="rate", state=Rate, react=set_rate, evolve=rate_set, emits=(RATES,), reference=True
)


CUSTOMERS_FACTS = (
    Fed, Noted, Parted, Joined, PlaceOrder, RecordPayment, Add, Ticket, Unite,
)  # fmt: skip


def world(reference: Mapping[str, Mapping[str, Any]], policy: Policy) -> World:
    staff, rates = reference.get("staff", {}), reference.get("rate", {})
    return World(policy=policy, staff=staff, rates=rates)


SERVICE = Service(
    name=NAME,
    package="tests.kit.toybox",
    listens=(
        on(*CUSTOMERS_FACTS, to=CUSTOMER),
        on(Named, to=PERSON),
        on(SetRate, to=RATE),
    ),
    reads=(FEED, NOTES, STAFF, DEMO, CLOCK),
    policy=Policy,
    policy_subject=changed(policy_subject("scoring", Policy), emits=(POLICY,)),
    world=world,
    rows=rows,
    archives=(Fed,),
    numbered={Ticketed: Numbering(series_of, lambda scope, n: f"{scope}-{n}")},
    requests=(Add, Ticket, Unite, SetRate),
    locate=locate,
)
