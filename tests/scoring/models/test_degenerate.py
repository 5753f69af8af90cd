"""Data from which little or nothing can be learnt: a plain word instead of an exception."""

import numpy as np
import pytest
from scoring.models import bgnbd, gamma_gamma, mbgnbd, paretonbd
from scoring.models.catalog import MODELS, Model
from scoring.models.dropout import NO_DROPOUT
from scoring.models.fitting import Fit
from scoring.models.histories import Unfit
from scoring.models.horizon import purchases_within

pytestmark = pytest.mark.feature("S1")
models = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
Row = tuple[list[float], list[float], list[float]]


@models
@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (([], [], []), "nobody"),
        (([3], [10.0], [20.0]), "1 customers"),
        (([0] * 50, [0.0] * 50, [20.0] * 50), "bought again"),
        (([0] * 50, [0.0] * 50, [0.0] * 50), "nobody"),
        (([1] * 50, [0.0] * 50, [20.0] * 50), "without time"),
        (([1] * 50, [30.0] * 50, [20.0] * 50), "after the end"),
        (([float("nan")] * 50, [3.0] * 50, [20.0] * 50), "missing"),
        (([1.5] * 50, [3.0] * 50, [20.0] * 50), "whole"),
        (([1] * 50, [3.0] * 50, [20.0] * 49), "length"),
    ],
)
def test_nothing_to_learn_from(model: Model, rows: Row, reason: str) -> None:
    refused = model.fit(*rows)

    assert isinstance(refused, Unfit)
    assert reason in refused.reason


@models
def test_customers_who_never_leave(model: Model) -> None:
    rng = np.random.default_rng(4)
    age = np.full(600, 100.0)
    bought = [np.sort(rng.uniform(0, 100, rng.poisson(r * 100))) for r in rng.gamma(2, 0.05, 600)]
    x = np.array([len(b) for b in bought])
    t_x = np.array([b[-1] if len(b) else 0.0 for b in bought])

    fit = model.fit(x, t_x, age)

    assert isinstance(fit, Fit)
    assert fit.note == NO_DROPOUT
    assert fit.converged
    scorer = model.scorer(fit.parameters, [purchases_within(52.0)])
    assert scorer.alive(5, 50.0, 100.0) > 0.999


@models
def test_a_whale_among_customers(model: Model) -> None:
    rng = np.random.default_rng(8)
    x = np.append(rng.integers(0, 6, 300), 5000)
    t_x = np.append(np.where(x[:-1] > 0, rng.uniform(1, 50, 300), 0.0), 1040.0)
    age = np.append(np.full(300, 52.0), 1041.0)

    fit = model.fit(x, t_x, age)

    assert isinstance(fit, Fit)
    assert np.isfinite(fit.log_likelihood)
    assert np.isfinite(model.log_likelihood(fit.parameters, x.astype(float), t_x, age)).all()


@models
def test_customers_who_are_all_alike(model: Model) -> None:
    fit = model.fit([4] * 100, [20.0] * 100, [30.0] * 100)

    assert isinstance(fit, (Fit, Unfit))
    if isinstance(fit, Fit):
        assert np.isfinite(fit.log_likelihood)


@pytest.mark.parametrize(
    "truth",
    [mbgnbd.Parameters(0.8, 8.0, 1.2, 3.0), bgnbd.Parameters(0.8, 8.0, 1.2, 3.0)],
    ids=["mbgnbd", "bgnbd"],
)
def test_parameters_come_back_from_simulated_customers(
    truth: bgnbd.Parameters | mbgnbd.Parameters,
) -> None:
    rng = np.random.default_rng(2)
    first = isinstance(truth, mbgnbd.Parameters)
    rows = [_life(rng, truth, first) for _ in range(6000)]
    x, t_x = np.array(rows).T

    fit = (mbgnbd if first else bgnbd).fit(x, t_x, np.full(len(x), 78.0))

    assert isinstance(fit, Fit)
    assert fit.parameters.r == pytest.approx(truth.r, rel=0.1)
    assert fit.parameters.a / (fit.parameters.a + fit.parameters.b) == pytest.approx(
        truth.a / (truth.a + truth.b), rel=0.15
    )


def _life(
    rng: np.random.Generator, p: bgnbd.Parameters | mbgnbd.Parameters, first: bool
) -> tuple[int, float]:
    rate, leaving = rng.gamma(p.r, 1 / p.alpha), rng.beta(p.a, p.b)
    x, now = 0, 0.0
    if first and rng.random() < leaving:
        return 0, 0.0
    while True:
        following = now + rng.exponential(1 / rate)
        if following > 78.0:
            return x, now
        x, now = x + 1, following
        if rng.random() < leaving:
            return x, now


class TestAmounts:
    @pytest.mark.feature("S3")
    @pytest.mark.parametrize(
        ("x", "mean"),
        [([0] * 9, [0.0] * 9), ([1] * 4, [2.0] * 4), ([1] * 9, [7.0] * 9), ([2] * 9, [-1.0] * 9)],
    )
    def test_nothing_to_learn_from(self, x: list[int], mean: list[float]) -> None:
        assert isinstance(gamma_gamma.fit(x, mean), Unfit)

    @pytest.mark.feature("S3")
    def test_a_customer_with_most_of_the_money(self) -> None:
        rng = np.random.default_rng(1)
        mean = np.append(rng.gamma(5, 20, 200), 1e7)

        fit = gamma_gamma.fit(np.append(rng.integers(1, 9, 200), 400), mean)

        assert isinstance(fit, Fit)
        assert np.isfinite(gamma_gamma.expected_amount(fit.parameters, [0, 3], [0.0, 50.0])).all()

    @pytest.mark.feature("S3")
    def test_one_customer_and_many_are_one_function(self) -> None:
        p = gamma_gamma.Parameters(6.25, 3.74, 15.44)

        many = gamma_gamma.expected_amount(p, [0, 1, 7], [0.0, 20.0, 35.5])

        one = [gamma_gamma.expected_amount_of(p, *row) for row in ((0, 0.0), (1, 20.0), (7, 35.5))]
        assert many == pytest.approx(one, rel=1e-14)


def test_paretos_quadrature_holds_for_large_counts() -> None:
    p = paretonbd.Parameters(0.55, 10.6, 0.61, 11.7)
    x, t_x, age = np.array([5000.0, 5000.0]), np.array([1.0, 1999.0]), np.array([2000.0, 2000.0])

    assert np.isfinite(paretonbd.log_likelihood(p, x, t_x, age)).all()
