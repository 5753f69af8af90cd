"""Lifetime value, next order, and the moments at which silence changes them."""

from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring.models import gamma_gamma, mbgnbd
from scoring.models.catalog import scorer_of
from scoring.models.horizon import MONTH_WEEKS, Outlook, purchases_within
from scoring.models.silence import History, Sensitivity, next_change
from scoring.models.value import (
    Money,
    expected_margin,
    lifetime_value,
    lifetime_values,
    next_order,
)

OUTLOOK = Outlook()
PARAMETERS = mbgnbd.Parameters(0.524843, 6.18309, 0.891359, 1.614)
SCORER = scorer_of(PARAMETERS, OUTLOOK.measures())
CUSTOMER = History(4, 30.0, 33.0)
AT = (CUSTOMER.x, CUSTOMER.t_x, CUSTOMER.age)


@pytest.mark.feature("S3")
@pytest.mark.parametrize("months", [12, 36])
def test_value_is_the_discounted_sum_over_months(months: int) -> None:
    ends = np.arange(1, months + 1) * MONTH_WEEKS
    bought = scorer_of(PARAMETERS, [purchases_within(t) for t in ends]).score(*AT)[1:]
    monthly = np.diff(bought, prepend=0.0)

    value = lifetime_value(SCORER.score(*AT), OUTLOOK, months, Money(20.0))

    assert value == pytest.approx(20.0 * (monthly / 1.1 ** (np.arange(1, months + 1) / 12)).sum())


@pytest.mark.feature("S3")
def test_value_can_be_negative_and_takes_cost_off_once() -> None:
    score = SCORER.score(*AT)
    free, dear = (lifetime_value(score, OUTLOOK, 36, Money(20.0, cost)) for cost in (0.0, 500.0))

    assert dear < 0 < free
    assert free - dear == pytest.approx(500.0 * score[OUTLOOK.place(36)[1]])


@pytest.mark.feature("S3")
def test_one_customer_and_many_have_one_value() -> None:
    scores = SCORER.scores([4, 0], [30.0, 0.0], [33.0, 10.0])

    values = lifetime_values(scores, OUTLOOK, 36, np.array([20.0, 8.0]), 2.0)

    assert values[0] == pytest.approx(
        lifetime_value(SCORER.score(*AT), OUTLOOK, 36, Money(20.0, 2.0)), rel=1e-12
    )


@pytest.mark.feature("S3")
def test_margin_is_a_share_of_the_expected_amount() -> None:
    amounts = gamma_gamma.Parameters(6.25, 3.74, 15.44)

    assert expected_margin(amounts, 0, 0.0, 0.4) == pytest.approx(0.4 * 6.25 * 15.44 / 2.74)


@pytest.mark.feature("S11")
def test_the_next_order_comes_with_an_interval() -> None:
    due = next_order(SCORER, 4, 33.0)

    assert 0 < due.earliest < due.expected < due.latest < inf


histories = st.tuples(st.integers(0, 40), st.floats(0.02, 1.0), st.floats(1.0, 300.0))


@pytest.mark.feature("S5")
@settings(max_examples=100, deadline=None)
@given(histories, st.floats(0.0, 2.0))
def test_a_timer_fires_when_a_number_has_moved_and_not_before(
    drawn: tuple[int, float, float], cost: float
) -> None:
    x, share, age = drawn
    customer = History(x, share * age if x else 0.0, age)
    money, sensitivity = Money(20.0, cost), Sensitivity(value_least=1.0)

    moment = next_change(SCORER, OUTLOOK, customer, money, sensitivity)

    assert moment >= customer.age
    if moment < inf:
        assert _moved(customer, moment, money, sensitivity) == pytest.approx(1.0, abs=1e-5)


def _moved(customer: History, age: float, money: Money, sensitivity: Sensitivity) -> float:
    """The largest movement, as a share of what counts."""
    before = SCORER.score(customer.x, customer.t_x, customer.age)
    after = SCORER.score(customer.x, customer.t_x, age)
    moves = [(before[0] - after[0]) / sensitivity.alive]
    for months in OUTLOOK.months:
        now, then = (lifetime_value(s, OUTLOOK, months, money) for s in (before, after))
        enough = max(sensitivity.value_share * abs(now), sensitivity.value_least)
        moves.append(abs(then - now) / enough)
    return max(moves)


@pytest.mark.feature("S5")
def test_thresholds_of_a_policy_count() -> None:
    still = Sensitivity(alive=2.0, value_share=0.0, thresholds=(0.3, 0.999))

    moment = next_change(SCORER, OUTLOOK, CUSTOMER, Money(1.0), still)

    assert moment == SCORER.crossing(0.3, *AT)
