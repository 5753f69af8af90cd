"""The forecast of a past day against the weeks that came, on the CDNOW sample."""

from array import array
from collections.abc import Iterable
from datetime import date

import numpy as np
import pytest
from scoring.domain.fitting import KnownModel
from scoring.forecasts import expected_by_customer, expected_by_week
from scoring.store import Purchases

from tests.scoring.domain.test_fitting import cdnow_rows

THROUGH = date(1997, 9, 30).toordinal()
WEEKS = 39
PARETO = KnownModel(
    family="pareto-nbd",
    parameters={"r": 0.553277, "alpha": 10.577683, "s": 0.606240, "beta": 11.668733},
    money={},
    through=date(1997, 9, 30),
)


def known(until: int) -> tuple[list[str], Purchases]:
    """Purchase days as the store gives them: a customer's rows together, days once."""
    days = sorted({(who, day.toordinal()) for who, day, _ in cdnow_rows()})
    keys = list(dict.fromkeys(who for who, _ in days))
    number = {who: n for n, who in enumerate(keys)}
    kept = [(number[who], day) for who, day in days if day <= until]
    return [str(key) for key in keys], Purchases(
        column(who for who, _ in kept), column(day for _, day in kept), column(0 for _ in kept)
    )


def column(values: Iterable[int]) -> "array[int]":
    return array("q", values)


@pytest.mark.feature("S1")
def test_weeks_40_to_78_are_forecast_as_published() -> None:
    keys, purchases = known(THROUGH + 7 * WEEKS)

    rows = expected_by_customer(keys, purchases, THROUGH, PARETO, WEEKS)

    expected = np.array([row.expected_orders for row in rows])
    actual = np.array([row.actual_orders for row in rows])
    assert actual.sum() == 1882
    assert expected.sum() == pytest.approx(1665.5, abs=0.05)
    assert np.corrcoef(expected, actual)[0, 1] == pytest.approx(0.6302, abs=5e-5)


def test_the_weeks_of_all_add_up_to_the_customers() -> None:
    keys, purchases = known(THROUGH)

    customers, by_week = expected_by_week(purchases, THROUGH, PARETO, WEEKS)

    rows = expected_by_customer(keys, purchases, THROUGH, PARETO, WEEKS)
    assert customers == len(rows) == 2357
    assert by_week[-1] == pytest.approx(sum(row.expected_orders for row in rows), abs=0.01)
    assert by_week == sorted(by_week)
    assert all(row.actual_orders == 0 for row in rows)


def test_nobody_is_known_before_the_first_order() -> None:
    nothing = Purchases(column([]), column([]), column([]))

    assert expected_by_week(nothing, THROUGH, PARETO, 2) == (0, [0.0, 0.0])
    assert expected_by_customer([], nothing, THROUGH, PARETO, 2) == []
