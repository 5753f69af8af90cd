"""Statistics of a set of orders: any order of arrival, any number of deliveries."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perennial.contracts.base import Event, Fact
from perennial.contracts.orders import OrderCancelled, OrderPaid, OrderPlaced, OrderReturned
from perennial.contracts.scores import CustomerScored
from scoring import policy
from scoring.domain.model import World
from scoring.domain.rescoring import CustomerState, evolve, react

WORLD = World(policy.default())
START = date(1997, 1, 1)
NOW = datetime(1998, 1, 1, tzinfo=UTC)


def fact(data: Any, day: int = 0) -> Fact:
    moment = datetime(1997, 1, 1, 9, tzinfo=UTC) + timedelta(days=day)
    return Fact(data=data, id="f", key="c1", now=NOW, time=moment)


@st.composite
def lives(draw: st.DrawFn) -> list[list[Fact]]:
    """Orders of one customer, each with what happened to it afterwards, in its topic's order."""
    count = draw(st.integers(1, 12))
    return [draw(order_of(f"o{number}")) for number in range(count)]


@st.composite
def order_of(draw: st.DrawFn, order_id: str) -> list[Fact]:
    revenue = draw(st.integers(0, 10_000))
    margin = draw(st.none() | st.integers(-500, revenue))
    day = draw(st.integers(0, 60))
    facts = [fact(_placed(order_id, revenue, margin, draw(st.booleans())), day)]
    given_back = 0
    for number in range(draw(st.integers(0, 2))):
        amount = draw(st.integers(0, revenue - given_back))
        given_back += amount
        facts.append(fact(_returned(order_id, f"{order_id}-r{number}", amount), day + 5))
    if draw(st.booleans()):
        facts.append(fact(_paid(order_id), day + 3))
    if draw(st.integers(0, 3)) == 0:
        facts.append(fact(OrderCancelled(order_id=order_id, revenue=revenue - given_back), day + 9))
    return facts


def _placed(order_id: str, revenue: int, margin: int | None, paid: bool) -> OrderPlaced:
    return OrderPlaced(
        order_id=order_id, customer_id="c1", number=order_id, source="s", currency="USD",
        total=revenue, revenue=revenue, margin=margin, paid=paid,
    )  # fmt: skip


def _returned(order_id: str, return_id: str, revenue: int) -> OrderReturned:
    return OrderReturned(order_id=order_id, return_id=return_id, amount=revenue, revenue=revenue)


def _paid(order_id: str) -> OrderPaid:
    return OrderPaid(order_id=order_id, payment_id="p", amount=1, currency="USD", settled=True)


@given(lives(), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
@pytest.mark.feature("S4")
def test_statistics_do_not_depend_on_arrival_or_repetition(
    life: list[list[Fact]], random: Any
) -> None:
    straight, _ = folded(fact for order in life for fact in order)
    shuffled, events = folded(with_repetitions(interleaved(life, random), random))

    assert shuffled.history == straight.history
    assert shuffled.parts == straight.parts
    assert rebuilt(events) == shuffled


@given(lives())
@settings(max_examples=100, deadline=None)
def test_sums_are_those_of_the_orders_that_live(life: list[list[Fact]]) -> None:
    state, _ = folded(fact for order in life for fact in order)
    live = [row for row in state.parts.values() if not row.cancelled]
    days = sorted({row.day for row in live})

    assert state.history.orders == len(live)
    assert state.history.revenue == sum(row.revenue for row in live)
    assert sorted(state.history.days) == days
    assert state.history.first == (days[0] if days else None)
    assert state.history.last == (days[-1] if days else None)
    assert state.history.gaps == tuple(sorted((b - a).days for a, b in pairwise(days)))


@pytest.mark.feature("S4")
def test_every_order_fact_is_told_once_with_its_effect() -> None:
    facts = [
        fact(_placed("o1", 5000, 2000, False), 0),
        fact(_placed("o2", 1000, None, True), 0),
        fact(_returned("o1", "r1", 2500), 4),
        fact(_returned("o1", "r1", 2500), 4),
        fact(_paid("o1"), 5),
        fact(OrderCancelled(order_id="o1", revenue=2500), 6),
        fact(_paid("o1"), 7),
    ]
    _, events = folded(facts)
    told = [e.order for e in events if isinstance(e, CustomerScored) and e.order]

    assert [(e.kind, e.orders, e.paid, e.revenue, e.margin) for e in told] == [
        ("placed", 1, 0, 5000, 2000),
        ("placed", 1, 1, 1000, None),
        ("returned", 0, 0, -2500, -1000),
        ("paid", 0, 1, 0, None),
        ("cancelled", -1, -1, -2500, -1000),
    ]


def test_a_cancelled_day_is_no_purchase_unless_something_else_was_bought_on_it() -> None:
    state, _ = folded(
        [
            fact(_placed("o1", 10, None, True), 0),
            fact(_placed("o2", 10, None, True), 10),
            fact(_placed("o3", 10, None, True), 10),
            fact(OrderCancelled(order_id="o1", revenue=10), 11),
            fact(OrderCancelled(order_id="o3", revenue=10), 11),
        ]
    )
    assert sorted(state.history.days) == [START + timedelta(days=10)]
    assert (state.history.first, state.history.gaps) == (START + timedelta(days=10), ())


def folded(facts: Iterable[Fact]) -> tuple[CustomerState, list[Event]]:
    state = CustomerState()
    made: list[Event] = []
    for one in facts:
        decision = react(state, one, WORLD, one.now)
        assert isinstance(decision, list), decision
        for event in decision:
            assert isinstance(event, Event)
            state = evolve(state, event, one.now)
            made.append(event)
    return state, made


def rebuilt(events: list[Event]) -> CustomerState:
    """From what was published, through JSON, as another process would read it."""
    state = CustomerState()
    for event in events:
        read = msgspec.json.decode(msgspec.json.encode(event), type=type(event))
        state = evolve(state, read, NOW)
    return msgspec.json.decode(msgspec.json.encode(state), type=CustomerState)


def interleaved(life: list[list[Fact]], random: Any) -> list[Fact]:
    """Any order between orders; within one the order of its topic."""
    queues, merged = [list(order) for order in life], []
    while queues:
        queue = random.choice(queues)
        merged.append(queue.pop(0))
        queues = [q for q in queues if q]
    return merged


def with_repetitions(facts: list[Fact], random: Any) -> list[Fact]:
    """About a tenth comes again, right away or later."""
    for one in [f for f in facts if random.random() < 0.1]:
        facts.insert(random.randint(facts.index(one) + 1, len(facts)), one)
    return facts
