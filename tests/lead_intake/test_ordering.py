"""Orders of one customer: every decision, and equal totals whatever the order of arrival."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.domain.customer import Customer
from lead_intake.domain.identity import order_id
from lead_intake.handlers import CUSTOMER
from lead_intake.policy import Policy
from perennial.contracts.base import Event, Wait
from perennial.contracts.leads import LeadCaptured
from perennial.contracts.orders import (
    OrderCancelled,
    OrderLine,
    OrderPaid,
    OrderPlaced,
    OrderReturned,
)
from perennial.contracts.registers import ProductChanged

from tests.fold import RefusedError, fold, fold_waiting
from tests.lead_intake.histories import (
    DAY,
    NOW,
    SHOP,
    back,
    cancel,
    fact,
    order,
    payment,
    shelf,
    world,
)


def happened(*sayings: Any, in_world: Any = None) -> tuple[Customer, list[Event]]:
    return fold(CUSTOMER, Customer(), [fact(one) for one in sayings], in_world or world())


def refusal(*sayings: Any, in_world: Any = None) -> str:
    with pytest.raises(RefusedError) as raised:
        happened(*sayings, in_world=in_world)
    return f"{raised.value.refusal.code} {raised.value.refusal.pointer}"


def the_order(state: Customer, number: str = "1") -> Any:
    return state.parts[order_id(SHOP, number)]


def totals(events: list[Event]) -> Counter[str]:
    """What the published facts add up to."""
    sums: Counter[str] = Counter()
    for event in events:
        match event:
            case OrderPaid():
                sums["paid"] += event.amount
                sums["settled"] = max(sums["settled"], int(event.settled))
            case OrderPlaced():
                sums["revenue"] += event.revenue
                sums["margin"] += event.margin or 0
            case OrderReturned() | OrderCancelled():
                sums["revenue"] -= event.revenue
                sums["margin"] -= event.margin or 0
    return sums


def test_a_first_order_is_a_first_touch() -> None:
    _, events = happened(order(channel="e-commerce", attributes={"region": "north"}))

    captured, placed = events
    assert isinstance(captured, LeadCaptured)
    assert (captured.by_order, captured.external_id, captured.channel) == (
        True,
        "ann",
        "e-commerce",
    )
    assert isinstance(placed, OrderPlaced)
    assert placed.customer_id == captured.customer_id


def test_the_second_order_is_no_first_touch() -> None:
    _, events = happened(order("1"), order("2"))

    assert [type(event) for event in events] == [LeadCaptured, OrderPlaced, OrderPlaced]


def test_the_same_order_again_changes_nothing() -> None:
    same_moment = DAY.astimezone(tz=datetime.now().astimezone().tzinfo)

    _, events = happened(order(), order(), order(placed_at=same_moment))

    assert len(events) == 2


def test_an_order_id_with_other_content_is_refused_and_changes_nothing() -> None:
    assert refusal(order(total=1), order(total=2)) == "order-differs /order"


def test_partial_payments_settle_when_they_cover_what_is_owed() -> None:
    _, events = happened(order(), payment("p1", 4_000), payment("p2", 6_000), payment("p3", 1))

    assert [event.settled for event in events if isinstance(event, OrderPaid)] == [
        False,
        True,
        True,
    ]


def test_a_return_settles_what_had_been_paid_so_far() -> None:
    state, events = happened(order(), payment("p", 7_000), back("r", 3_000))

    assert isinstance(events[-1], OrderPaid)
    assert (events[-1].amount, events[-1].settled) == (0, True)
    assert the_order(state).settled


def test_a_return_without_any_payment_settles_nothing() -> None:
    state, _ = happened(order(), back("r"))

    assert not the_order(state).settled


def test_a_payment_or_return_known_already_changes_nothing() -> None:
    once, _ = happened(order(), payment("p", 5), back("r", 7))
    twice, _ = happened(order(), payment("p", 5), payment("p", 5), back("r", 7), back("r", 7))

    assert once == twice


@pytest.mark.parametrize(
    ("sayings", "expected"),
    [
        ((order(), payment("p", 5), payment("p", 6)), "payment-differs /payment"),
        ((order(), payment("p", 5, currency="EUR")), "currency-differs /currency"),
        ((order(), payment("p", 0)), "amount-not-above-zero /amount"),
        ((order(), back("r", 5), back("r", 6)), "return-differs /return"),
        ((order(), back("r", 6_000), back("s", 4_001)), "return-exceeds-order /amount"),
        ((order(), back("r"), back("s")), "return-exceeds-order /amount"),
        ((order(), payment("p", 5, customer="bob")), "customer-differs /customer"),
        ((order(), back("r", 5, customer="bob")), "customer-differs /customer"),
        ((order(), cancel(customer="bob")), "customer-differs /customer"),
        ((order(), back("r", -1)), "amount-below-zero /amount"),
        ((order(total=-1),), "total-below-zero /total"),
        ((order(currency="UDS"),), "currency-unknown /currency"),
        ((order(placed_at=datetime(1899, 12, 31, tzinfo=UTC)),), "date-out-of-range /placed_at"),
        ((order(placed_at=NOW + timedelta(hours=25)),), "date-out-of-range /placed_at"),
        ((order(placed_at=datetime(2026, 5, 1)),), "time-without-zone /placed_at"),
        ((order(total=100, lines=[OrderLine(product="a", amount=98)]),), "total-differs /total"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(sayings: tuple[Any, ...], expected: str) -> None:
    assert refusal(*sayings) == expected


def test_a_cancellation_gives_up_what_returns_have_left() -> None:
    state, events = happened(order(), back("r", 2_500), cancel(), cancel())

    assert totals(events)["revenue"] == 0
    assert the_order(state).cancelled


def test_what_comes_after_a_cancellation_is_recorded_without_being_counted_twice() -> None:
    state, events = happened(order(), cancel(), back("r", 2_500), payment("p", 10_000))

    assert totals(events)["revenue"] == 0
    assert (the_order(state).received, the_order(state).settled) == (10_000, False)


def test_whoever_names_the_orders_own_customer_is_heard() -> None:
    state, _ = happened(order(), payment("p", 5, customer="ann"), cancel(customer="ann"))

    assert (the_order(state).received, the_order(state).cancelled) == (5, True)


def test_an_unknown_order_is_waited_for() -> None:
    decision = CUSTOMER.react(Customer(), fact(payment("p", 1)), world(), NOW)

    assert decision == Wait(
        until_known=f"order:{order_id(SHOP, '1')}", expires=NOW + timedelta(days=30)
    )


def test_revenue_uses_the_rate_of_the_orders_own_day() -> None:
    rates = world(EUR=[(date(2026, 1, 1), 1.10), (date(2026, 5, 1), 1.25), (date(2026, 5, 2), 9.0)])

    _, events = happened(order(total=999, currency="EUR"), in_world=rates)

    assert totals(events)["revenue"] == 1249


@pytest.mark.parametrize(
    ("currency", "total", "rate"), [("JPY", 1_000, 0.0065), ("KWD", 2_000, 3.25)]
)
def test_minor_units_follow_the_currency(currency: str, total: int, rate: float) -> None:
    rates = world(None, **{currency: [(date(2026, 1, 1), rate)]})

    _, events = happened(order(total=total, currency=currency), in_world=rates)

    assert totals(events)["revenue"] == 650


def test_an_order_in_a_currency_without_a_rate_waits_for_it() -> None:
    too_late = world(EUR=[(date(2026, 5, 2), 1.1)])

    decision = CUSTOMER.react(Customer(), fact(order(currency="EUR")), too_late, NOW)

    assert isinstance(decision, Wait)
    assert decision.until_known == "rate:EUR"


def test_margin_comes_from_cost_then_product_then_policy() -> None:
    lines = [
        OrderLine(product="with-cost", amount=1_000, cost=400),
        OrderLine(product="Known PRODUCT", amount=1_000),
        OrderLine(product="by-policy", amount=1_000),
    ]
    known = ProductChanged(product_id="known", margin=0.3, aliases=["known product"])
    policy = Policy(margins={"by-policy": 0.1})

    _, events = happened(order(total=3_000, lines=lines), in_world=shelf(known, policy=policy))

    placed = events[-1]
    assert isinstance(placed, OrderPlaced)
    assert placed.margin == 600 + 300 + 100
    assert [line.product for line in placed.lines] == ["with-cost", "known", "by-policy"]
    assert placed.unmatched == ["with-cost", "by-policy"]


def test_one_line_without_a_cost_leaves_the_margin_unknown() -> None:
    lines = [
        OrderLine(product="a", amount=1_000, cost=400),
        OrderLine(product="b", amount=1_000),
    ]

    _, events = happened(order(total=2_000, lines=lines))

    assert isinstance(events[-1], OrderPlaced)
    assert events[-1].margin is None


def test_a_misspelt_product_waits_where_products_must_be_known() -> None:
    shop = shelf(ProductChanged(product_id="teapot"), policy=Policy(products_must_be_known=True))
    line = [OrderLine(product="tea pott", amount=10_000)]

    decision = CUSTOMER.react(Customer(), fact(order(lines=line)), shop, NOW)

    assert isinstance(decision, Wait)
    assert decision.until_known == "product:tea pott"
    assert shop.catalogue.near("tea pott") == ["teapot"]


def test_a_history_read_back_from_its_events_is_the_same_state() -> None:
    state, events = happened(order(), payment("p", 7_000), back("r", 3_000), cancel())
    rebuilt = Customer()
    for event in events:
        published = msgspec.json.decode(msgspec.json.encode(event), type=type(event))
        rebuilt = CUSTOMER.evolve(rebuilt, published, NOW)

    assert rebuilt == state
    assert msgspec.json.decode(msgspec.json.encode(state), type=Customer) == state


def makes_known(event: Event) -> list[str]:
    """What may have waited for an order that is there now."""
    return [f"order:{event.order_id}"] if isinstance(event, OrderPlaced) else []


HISTORIES = [
    [order(), payment("p", 3_000), payment("q", 7_000), back("r", 1_111), cancel()],
    [order(), payment("p", 6_000), back("r", 3_333), back("s", 667)],
    [order("1"), order("2", 777), payment("p", 777, "2"), back("r", None, "2"), cancel("1")],
    [order(total=3), back("a", 1), back("b", 1), back("c", 1)],
]


@pytest.mark.feature("I17")
@pytest.mark.parametrize("history", HISTORIES)
def test_any_order_of_arrival_comes_to_equal_totals(history: list[Any]) -> None:
    rules = world(Policy(default_margin=0.37))
    expected = None
    for arrival in permutations(history):
        facts = [fact(one) for one in [*arrival, *arrival[:2]]]
        _, events = fold_waiting(CUSTOMER, Customer(), facts, rules, makes_known)
        outcome = (totals(events)["revenue"], totals(events)["margin"], totals(events)["paid"])
        expected = expected or outcome
        assert outcome == expected


@given(
    total=st.integers(0, 10**9),
    pieces=st.lists(st.integers(1, 10**6), max_size=5),
    share=st.floats(-1, 1),
    rate=st.floats(1e-4, 1e4),
    cancelled=st.booleans(),
    data=st.data(),
)
@pytest.mark.feature("I17")
def test_totals_of_an_order_do_not_depend_on_arrival(
    total: int, pieces: list[int], share: float, rate: float, cancelled: bool, data: st.DataObject
) -> None:
    total = max(total, sum(pieces))
    history = [
        order(total=total, currency="EUR"),
        *(back(f"r{index}", piece) for index, piece in enumerate(pieces)),
        *(payment(f"p{index}", piece, currency="EUR") for index, piece in enumerate(pieces)),
        *([cancel()] if cancelled else []),
    ]
    rules = world(Policy(default_margin=share), EUR=[(date(2026, 1, 1), rate)])
    arrival = data.draw(st.permutations(history))

    in_order, told = fold(CUSTOMER, Customer(), [fact(one) for one in history], rules)
    shuffled, heard = fold_waiting(
        CUSTOMER, Customer(), [fact(one) for one in arrival], rules, makes_known
    )

    assert totals(heard)["revenue"] == totals(told)["revenue"]
    assert totals(heard)["margin"] == totals(told)["margin"]
    assert totals(heard)["paid"] == totals(told)["paid"]
    assert the_order(shuffled).returned == the_order(in_order).returned
    if not cancelled:
        assert totals(heard)["settled"] == totals(told)["settled"]


def test_a_return_names_what_it_gives_up_in_reporting_currency() -> None:
    rates = world(Policy(default_margin=0.5), EUR=[(date(2026, 1, 1), 2.0)])

    _, events = happened(order(currency="EUR"), back("r", 1_000), in_world=rates)

    returned = events[-1]
    assert isinstance(returned, OrderReturned)
    assert (returned.amount, returned.revenue, returned.margin) == (1_000, 2_000, 1_000)
