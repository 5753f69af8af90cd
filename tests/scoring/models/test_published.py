"""What the literature published for CDNOW, from the raw file."""

from datetime import date

import msgspec
import numpy as np
import pytest
from scipy.special import gammaln
from scoring.models import bgnbd, gamma_gamma, mbgnbd, nbd, paretonbd
from scoring.models.catalog import Parameters, scorer_of
from scoring.models.fitting import Fit, published
from scoring.models.horizon import discounted_purchases, purchases_for_life, purchases_within
from scoring.models.summary import Summary, summarise

from .conftest import CUT, Orders

pytestmark = pytest.mark.feature("S1")
Fits = dict[str, Fit[Parameters]]


@pytest.mark.parametrize(
    ("model", "parameters", "log_likelihood"),
    [
        ("bgnbd", (0.243, 4.414, 0.793, 2.426), -9582.429),
        ("mbgnbd", (0.525, 6.183, 0.891, 1.614), -9582.136),
        ("paretonbd", (0.553, 10.578, 0.606, 11.669), -9594.976),
    ],
)
def test_estimates_are_the_published_ones(
    fits: Fits, model: str, parameters: tuple[float, ...], log_likelihood: float
) -> None:
    fit = fits[model]

    assert msgspec.structs.astuple(fit.parameters) == pytest.approx(parameters, abs=5e-4)
    assert fit.log_likelihood == pytest.approx(log_likelihood, abs=5e-4)
    assert fit.converged
    assert fit.note == ""


@pytest.mark.parametrize(
    ("model", "errors"),
    [
        ("bgnbd", (0.012557, 0.378221, 0.185719, 0.705345)),
        ("paretonbd", (0.0476264, 0.8427222, 0.1872594, 6.2105448)),
    ],
)
def test_standard_errors_are_the_published_ones(
    fits: Fits, model: str, errors: tuple[float, ...]
) -> None:
    assert fits[model].standard_errors == pytest.approx(errors, rel=2e-4)


def test_nbd_is_the_published_baseline(cdnow: Summary) -> None:
    fit = nbd.fit(cdnow.x, cdnow.t_x, cdnow.age)

    assert isinstance(fit, Fit)
    assert msgspec.structs.astuple(fit.parameters) == pytest.approx((0.385, 12.072), abs=5e-4)
    assert fit.log_likelihood == pytest.approx(-9763.66, abs=5e-3)


@pytest.mark.feature("S3")
def test_gamma_gamma_is_the_published_one(cdnow: Summary) -> None:
    fit = gamma_gamma.fit(cdnow.x, cdnow.mean_repeat / 100)

    assert int((cdnow.x > 0).sum()) == 946
    assert isinstance(fit, Fit)
    assert msgspec.structs.astuple(fit.parameters) == pytest.approx((6.25, 3.74, 15.44), abs=5e-3)
    assert fit.log_likelihood == pytest.approx(-4055.9177, abs=5e-4)


@pytest.mark.feature("S3")
def test_mean_spend_of_the_first_customers_is_the_published_one(cdnow: Summary) -> None:
    fit = gamma_gamma.fit(cdnow.x, cdnow.mean_repeat / 100)
    assert isinstance(fit, Fit)

    spend = gamma_gamma.expected_amount(fit.parameters, cdnow.x[:10], cdnow.mean_repeat[:10] / 100)

    expected = (24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17)
    assert spend == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    ("model", "weeks", "customer", "purchases", "alive"),
    [
        ("bgnbd", 39.0, (2, 30.43, 38.86), 1.2259, 0.7266),
        ("bgnbd", 52.0, (26, 30.86, 31.0), 25.759, 0.96892),
        ("paretonbd", 52.0, (26, 30.86, 31.0), 25.456, 0.99792),
    ],
)
def test_worked_customers(
    fits: Fits, model: str, weeks: float, customer: tuple[int, float, float],
    purchases: float, alive: float,
) -> None:  # fmt: skip
    scorer = scorer_of(fits[model].parameters, [purchases_within(weeks)])

    assert scorer.score(*customer) == pytest.approx((alive, purchases), rel=1e-4)


def test_what_a_new_customer_buys_is_the_published_curve(fits: Fits) -> None:
    weeks = (0.1429, 1.0, 3.0, 31.8571, 32.0, 78.0)
    scorer = scorer_of(fits["bgnbd"].parameters, [purchases_within(t) for t in weeks])

    assert scorer.score(0, 0.0, 0.0)[1:] == pytest.approx(
        (0.0078, 0.0532, 0.1506, 1.0405, 1.0437, 1.8576), abs=4e-4
    )


def test_all_customers_together_over_a_year(fits: Fits, cdnow: Summary) -> None:
    p = fits["bgnbd"].parameters
    assert isinstance(p, bgnbd.Parameters)

    assert bgnbd.expected(p, 52.0, cdnow.x, cdnow.t_x, cdnow.age).sum() == pytest.approx(
        2089.4, abs=0.05
    )


@pytest.mark.feature("S3")
def test_twelve_month_values_of_the_first_customers(fits: Fits, cdnow: Summary) -> None:
    money = gamma_gamma.fit(cdnow.x, cdnow.mean_repeat / 100)
    assert isinstance(money, Fit)
    scorer = scorer_of(
        fits["bgnbd"].parameters, [discounted_purchases(12, 1.01**12 - 1, month_weeks=4.345)]
    )

    spend = gamma_gamma.expected_amount(money.parameters, cdnow.x, cdnow.mean_repeat / 100)
    values = scorer.scores(cdnow.x, cdnow.t_x, cdnow.age)[1] * spend

    expected = (36.2785, 4.6375, 8.3441, 8.3441, 8.3441, 283.5236)
    assert values[:6] == pytest.approx(expected, rel=1e-3)
    assert values.sum() == pytest.approx(71_509.9, rel=1e-3)


@pytest.mark.feature("S3")
@pytest.mark.parametrize(
    ("customer", "transactions"),
    [
        ((0, 0.0, 38.86), 0.4769154), ((2, 30.43, 38.86), 6.482033),
        ((7, 29.43, 38.86), 16.53452), ((26, 30.86, 31.0), 86.0282),
    ],
)  # fmt: skip
def test_discounted_residual_transactions(
    fits: Fits, customer: tuple[int, float, float], transactions: float
) -> None:
    yearly = np.exp(0.0027 * 365.25 / 7) - 1
    scorer = scorer_of(fits["paretonbd"].parameters, [purchases_for_life(float(yearly))])

    assert scorer.score(*customer)[1] == pytest.approx(transactions, rel=2e-4)


@pytest.mark.parametrize(
    ("model", "by_frequency"),
    [
        ("bgnbd", (0.225, 0.523, 1.044, 1.52, 2.164, 2.654, 3.504, 6.157)),
        ("paretonbd", (0.138, 0.599, 1.196, 1.714, 2.398, 2.907, 3.819, 6.403)),
    ],
)
def test_conditional_expectations_by_frequency(
    fits: Fits, cdnow: Summary, model: str, by_frequency: tuple[float, ...]
) -> None:
    scorer = scorer_of(fits[model].parameters, [purchases_within(39.0)])
    expected = scorer.scores(cdnow.x, cdnow.t_x, cdnow.age)[1]

    means = [expected[np.minimum(cdnow.x, 7) == x].mean() for x in range(8)]

    assert means == pytest.approx(by_frequency, abs=1e-3)


class TestWaysToGetItWrong:
    def test_unmerged_days_are_another_estimate(self, orders: Orders) -> None:
        customer, first, last, rows = _unmerged(orders)
        assert len(customer) == 2357

        fit = bgnbd.fit(rows - 1, (last - first) / 7, (CUT - first) / 7)

        assert not isinstance(fit, Fit) or fit.parameters.r != pytest.approx(0.243, abs=5e-3)

    def test_weekly_buckets_are_another_estimate(self, orders: Orders) -> None:
        # pandas' weeks end on a Sunday; ordinal 7 is one
        weeks = -(-orders.day // 7)
        known = summarise(
            orders.customer[orders.day <= CUT], weeks[orders.day <= CUT],
            orders.cents[orders.day <= CUT], -(-CUT // 7),
        )  # fmt: skip

        fit = bgnbd.fit(known.x, known.t_x * 7, known.age * 7)

        assert isinstance(fit, Fit)
        assert fit.parameters.r == pytest.approx(0.28345, abs=5e-4)
        assert fit.parameters.alpha == pytest.approx(6.59111, abs=5e-3)
        assert fit.log_likelihood == pytest.approx(-9154.83, abs=0.5)

    def test_customers_who_paid_nothing_count(self, orders: Orders, cdnow: Summary) -> None:
        paying = orders.cents > 0
        without = summarise(orders.customer[paying], orders.day[paying], orders.cents[paying], CUT)

        assert (len(without.x), len(cdnow.x)) == (2349, 2357)

    def test_the_likelihood_is_on_unscaled_time(self, fits: Fits, cdnow: Summary) -> None:
        scale = 10.0 / cdnow.age.max()
        fit = bgnbd.fit(cdnow.x, cdnow.t_x * scale, cdnow.age * scale)

        assert isinstance(fit, Fit)
        shift = cdnow.x.sum() * np.log(scale)
        assert fit.log_likelihood + shift == pytest.approx(fits["bgnbd"].log_likelihood, abs=1e-6)
        assert fit.log_likelihood > -9000


def _unmerged(orders: Orders) -> tuple[np.ndarray, ...]:
    seen = orders.day <= CUT
    customer, index = np.unique(orders.customer[seen], return_inverse=True)
    first = np.full(len(customer), CUT)
    last = np.zeros(len(customer), dtype=np.int64)
    np.minimum.at(first, index, orders.day[seen])
    np.maximum.at(last, index, orders.day[seen])
    return customer, first, last, np.bincount(index)


def test_estimates_depend_on_no_order_and_merge_equal_rows(fits: Fits, cdnow: Summary) -> None:
    shuffled = np.random.default_rng(3).permutation(len(cdnow.x))
    doubled = np.full(len(cdnow.x), 2.0)

    fit = mbgnbd.fit(
        cdnow.x[shuffled], cdnow.t_x[shuffled], cdnow.age[shuffled], doubled
    )  # fmt: skip

    assert isinstance(fit, Fit)
    assert published(fit.parameters) == published(fits["mbgnbd"].parameters)
    assert fit.log_likelihood == pytest.approx(2 * fits["mbgnbd"].log_likelihood, rel=1e-12)


def test_the_calibration_starts_as_published(cdnow: Summary) -> None:
    assert date(1997, 9, 30).toordinal() == CUT
    assert (len(cdnow.x), int(cdnow.x.sum())) == (2357, 2457)


def test_the_likelihood_of_pareto_is_its_closed_form(fits: Fits, cdnow: Summary) -> None:
    """log L = log of the alive term - log P(alive): quadrature against hypergeometric."""
    p = fits["paretonbd"].parameters
    assert isinstance(p, paretonbd.Parameters)
    x, t_x, age = cdnow.x.astype(float), cdnow.t_x, cdnow.age
    term = gammaln(p.r + x) - gammaln(p.r) + p.r * np.log(p.alpha) + p.s * np.log(p.beta)
    term -= (p.r + x) * np.log(p.alpha + age) + p.s * np.log(p.beta + age)

    closed = term - np.log(paretonbd.alive(p, x, t_x, age))

    assert paretonbd.log_likelihood(p, x, t_x, age) == pytest.approx(closed, rel=1e-10)
