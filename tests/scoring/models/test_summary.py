"""Histories from order lines."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring.models.summary import Summary, summarise

from .conftest import Orders

lines = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 60), st.integers(-500, 10_000)), max_size=40
)


def of_lines(rows: list[tuple[int, int, int]]) -> Summary:
    customer, day, amount = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return summarise(customer, day, amount, last_day=50)


def test_a_days_purchases_are_one() -> None:
    seen = summarise(["b", "a", "b", "b", "b"], [7, 3, 0, 7, 99], [30, 5, 1000, 12, 7], 21)

    assert seen.customer.tolist() == ["a", "b"]
    assert seen.x.tolist() == [0, 1]
    assert seen.t_x.tolist() == [0.0, 1.0]
    assert seen.age.tolist() == [18 / 7, 3.0]
    assert seen.mean_repeat.tolist() == [0.0, 42.0]


@pytest.mark.feature("S4")
@given(lines, st.randoms(use_true_random=False))
def test_the_outcome_is_a_function_of_the_set(rows: list[tuple[int, int, int]], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = random.sample(rows, len(rows))

    one, other = (of_lines(r) for r in (rows, shuffled))

    for field in ("customer", "x", "t_x", "age", "mean_repeat"):
        assert getattr(one, field).tolist() == getattr(other, field).tolist()


@given(lines)
def test_it_agrees_with_counting_by_hand(rows: list[tuple[int, int, int]]) -> None:
    seen = of_lines(rows)

    for index, customer in enumerate(seen.customer.tolist()):
        days = {day for who, day, _ in rows if who == customer and day <= 50}
        later = [a for who, day, a in rows if who == customer and min(days) < day <= 50]
        assert seen.x[index] == len(days) - 1
        assert seen.t_x[index] == (max(days) - min(days)) / 7
        assert seen.mean_repeat[index] == (sum(later) / (len(days) - 1) if len(days) > 1 else 0.0)


@pytest.mark.feature("S1")
def test_cdnow_in_whole(orders: Orders) -> None:
    everything = summarise(orders.customer, orders.day, orders.cents, int(orders.day.max()))

    assert len(orders.day) == 6919
    assert int(everything.x.sum()) + len(everything.x) == 6696
    assert int(orders.cents.sum()) == 24_409_194
