"""S7: five dimensions from quantiles, unknown ones left out, caps, hysteresis, and silence."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from perennial.contracts.base import Fact
from perennial.contracts.grades import GradeChanged
from perennial.contracts.holdings import Grade
from perennial.contracts.orders import OrderCancelled, OrderPaid, OrderReturned
from scoring import policy
from scoring.domain.grading import SCALE, UNKNOWN, Graded, Reading, judged, weighed
from scoring.domain.model import World

from tests.scoring.domain.test_leads import LATER, START, captured, rebuilt, story
from tests.scoring.domain.test_leads import fact as lead_fact
from tests.scoring.replaying import Replay, each, fact, noon, order

POLICY = policy.default()
RULES = POLICY.grades
WORLD = World(POLICY)
JAN = date(2025, 1, 6)


def readings(*values: float | None) -> tuple[Reading, ...]:
    return tuple(UNKNOWN if value is None else Reading(value) for value in values)


@pytest.mark.parametrize(
    ("values", "total", "known", "highest", "caps"),
    [
        ((80, 80, 80, 80, 80), 80, 5, "5A", ()),
        ((100, 50, None, None, 60), 70.71, 3, "5A", ()),
        ((100, None, None, None, 100), 100, 2, "4A", ("few-known",)),
        ((100, 100, 100, 100, 39), 87.8, 5, "2A", ("integrity",)),
        ((None, None, None, None, 10), 10, 1, "2A", ("few-known", "integrity")),
        ((None,) * 5, 50, 0, "4A", ("few-known",)),
    ],
)
def test_weights_and_caps(
    values: tuple[Any, ...], total: float, known: int, highest: str, caps: tuple[str, ...]
) -> None:
    found = weighed(readings(*values), RULES)

    assert found.total == pytest.approx(total, abs=0.005)
    assert (found.known, SCALE[found.highest], found.caps) == (known, highest, caps)


def path(start: Grade, *totals: float) -> list[tuple[Grade | None, Grade | None]]:
    """Grade and pending after each evaluation at such totals."""
    stands, told = Graded(start, "actual"), []
    for total in totals:
        stands = judged(stands, "actual", weighed(readings(*[total] * 4, None), RULES), RULES)
        told.append((stands.grade, stands.pending))
    return told


@pytest.mark.parametrize(
    ("start", "totals", "told"),
    [
        ("3A", (62.9, 62.9), [("3A", None), ("3A", None)]),
        ("3A", (63, 63), [("3A", "4A"), ("4A", None)]),
        ("3A", (63, 62, 63, 63), [("3A", "4A"), ("3A", None), ("3A", "4A"), ("4A", None)]),
        ("3A", (37.1,), [("3A", None)]),
        ("3A", (37, 37), [("3A", "2A"), ("2A", None)]),
        ("3A", (90, 65), [("3A", "5A"), ("4A", None)]),
        ("4A", (10, 30), [("4A", "1A"), ("2A", None)]),
        ("3A", (90, 10, 10), [("3A", "5A"), ("3A", "1A"), ("1A", None)]),
        ("5A", (80, 76, 76), [("5A", None), ("5A", "4A"), ("4A", None)]),
    ],
)
def test_a_grade_moves_after_two_evaluations_clearly_beyond(
    start: Grade, totals: tuple[float, ...], told: list[Any]
) -> None:
    assert path(start, *totals) == told


@given(st.sampled_from(SCALE), st.lists(st.floats(0, 100), max_size=20))
def test_between_two_evaluations_a_grade_never_moves_unannounced(
    start: Grade, totals: list[float]
) -> None:
    for (before, pending), (after, _) in pairwise([(start, None), *path(start, *totals)]):
        assert after == before or pending is not None


def test_a_cap_holds_at_once_and_lifts_slowly() -> None:
    good, bad = readings(90, 90, 90, 90, 90), readings(90, 90, 90, 90, 20)
    stands = judged(Graded("5A", "actual"), "actual", weighed(bad, RULES), RULES)
    assert (stands.grade, stands.capped_by) == ("2A", ("integrity",))

    first = judged(stands, "actual", weighed(good, RULES), RULES)
    assert (first.grade, first.pending) == ("2A", "5A")
    assert judged(first, "actual", weighed(good, RULES), RULES).grade == "5A"


@given(st.floats(-1e12, 1e12))
def test_quantiles_give_scores_that_ascend(figure: float) -> None:
    table = RULES.quantiles["revenue"]
    assert 0 <= table.score(figure) <= table.score(figure + abs(figure) + 1) <= 100


def grades(told: Replay) -> list[GradeChanged]:
    return [event for event in told.events if isinstance(event, GradeChanged)]


def test_actual_from_the_second_paid_order_with_evidence() -> None:
    told = Replay(WORLD).take(each(JAN, 10, 2, 500_000))
    assert grades(told) == [], "not paid yet"

    told.take([paid(JAN, 12), paid(JAN + timedelta(days=10), 12)])
    (first,) = grades(told)
    dimensions = {one.name: one for one in first.dimensions}
    assert (first.before, first.after, first.basis, first.known) == (None, "4A", "actual", 3)
    assert first.order_id == f"o-{JAN + timedelta(days=10)}"
    assert dimensions["revenue"].score == 60
    assert dimensions["revenue"].evidence == "10,000.00 a year"
    assert dimensions["profit"].score is None, "no costs are known"
    assert dimensions["efficiency"].score is None
    assert dimensions["ease"].evidence == "0.0% given back"
    assert dimensions["integrity"].evidence.startswith("2 of 2 orders paid in time")
    assert first.total == pytest.approx((25 * 60 + 15 * 60 + 20 * 75) / 60, abs=0.005)


def paid(day: date, days: int) -> Fact:
    data = OrderPaid(order_id=f"o-{day}", payment_id="p", amount=1, currency="USD", settled=True)
    return fact(data, noon(day + timedelta(days=days)))


def test_margin_and_team_tell_profit_and_efficiency() -> None:
    told = story(lead_fact(captured(attributes={"team": "2", "customisation": "much"})))
    told.take(
        order(LATER.date() + timedelta(days=n), 500_000, paid=True, margin=200_000) for n in (0, 9)
    )

    last = grades(told)[-1]
    dimensions = {one.name: one for one in last.dimensions}
    assert (last.basis, last.known) == ("actual", 5)
    assert dimensions["profit"].evidence == "4,000.00 margin a year"
    assert dimensions["efficiency"].evidence == "2,000.00 margin a year for each of 2 people"
    assert dimensions["ease"].score == 40, "mean of customisation (20) and returns (60)"


def test_late_unpaid_and_cancelled_orders_cost_integrity() -> None:
    told = Replay(WORLD).take(each(JAN, 1, 5, 5_000_000))
    told.take([paid(JAN, 20), paid(JAN + timedelta(days=1), 90)])
    told.take(
        [
            fact(
                OrderCancelled(order_id=f"o-{JAN + timedelta(days=2)}", revenue=1),
                noon(date(2025, 6, 1)),
            )
        ]
    )

    conduct, last = told.state.conduct, grades(told)[-1]
    assert (conduct.late, conduct.cancelled, sum(conduct.unpaid.values())) == (1, 1, 2)
    assert last.dimensions[-1].evidence == (
        "1 of 5 orders paid in time, 1 late, 3 overdue, 0 cancelled"
    )
    assert (last.after, last.capped_by) == ("2A", ["integrity"])


def test_returns_make_a_customer_less_easy() -> None:
    told = Replay(WORLD).take(order(JAN + timedelta(days=n), 1000, paid=True) for n in (0, 1))
    back = OrderReturned(order_id=f"o-{JAN}", return_id="r", amount=600, revenue=600)
    told.take([fact(back, noon(JAN + timedelta(days=3)))])

    assert told.state.conduct.returned == 600
    assert told.state.conduct.gross == 2000


def test_a_grade_is_expected_while_there_are_only_leads() -> None:
    told = story(lead_fact(captured(wants_call=True)))
    (expected,) = grades(told)
    assert (expected.basis, expected.before, expected.after, expected.known) == (
        "expected", None, "4A", 5,
    )  # fmt: skip
    assert {one.evidence for one in expected.dimensions} == {
        "size medium", "matches established-company@1 by 100%", "team 1", "customisation little",
        "credit check passed",
    }  # fmt: skip

    told.take(order(LATER.date() + timedelta(days=n), 1000, paid=True) for n in (0, 9))
    assert [(one.before, one.basis) for one in grades(told)[1:]][-1] == ("4A", "actual")


def test_silence_is_judged_when_the_window_is_empty() -> None:
    told = Replay(WORLD).take(
        order(JAN + timedelta(days=7 * n), 2_000_000, paid=True) for n in range(8)
    )
    assert grades(told)[-1].after == "4A"

    told.until(datetime(2027, 1, 1, tzinfo=UTC))

    assert grades(told)[-1].after == "3A"
    assert grades(told)[-1].dimensions[0].score == 0
    assert len(grades(told)) <= 8
    assert told.state == rebuilt(told)


def test_little_is_told_of_a_steady_customer() -> None:
    told = Replay(WORLD).take(
        order(JAN + timedelta(days=7 * n), 10_000, paid=True) for n in range(100)
    )

    assert len(grades(told)) < 8


@given(st.permutations(range(6)))
def test_conduct_does_not_depend_on_the_order_of_arrival(arrival: list[int]) -> None:
    lives = [
        [placed(n), *([paid_order(n)] if n % 2 else []), *([cancelled(n)] if n % 3 == 0 else [])]
        for n in range(6)
    ]
    straight = Replay(WORLD).take(f for life in lives for f in life)
    shuffled = Replay(WORLD).take(f for n in arrival for f in lives[n])

    assert shuffled.state.conduct == straight.state.conduct
    assert shuffled.state.history == straight.state.history


def placed(n: int) -> Fact:
    return msgspec.structs.replace(order(JAN + timedelta(days=9 * n), 100 * n), now=START)


def paid_order(n: int) -> Fact:
    return msgspec.structs.replace(paid(JAN + timedelta(days=9 * n), 25 + n), now=START)


def cancelled(n: int) -> Fact:
    day = JAN + timedelta(days=9 * n)
    return fact(OrderCancelled(order_id=f"o-{day}", revenue=100 * n), noon(day), START)
