"""The hold-out of CDNOW as published, and the rule that adopts a model."""

import msgspec
import numpy as np
import pytest
from scoring.models.backtest import Report, auc, backtest, correlation
from scoring.models.choice import ChoicePolicy, choose
from scoring.models.histories import Unfit

from .conftest import CUT, Orders

POLICY = ChoicePolicy()


@pytest.fixture(scope="module")
def reports(orders: Orders) -> dict[str, Report]:
    found = backtest(orders.customer, orders.day, CUT, 39)
    assert all(isinstance(report, Report) for report in found.values())
    return found  # type: ignore[return-value]  # asserted the line before


@pytest.mark.feature("S1")
@pytest.mark.parametrize(
    ("model", "total", "mae", "rmse", "corr", "alive_auc", "expected_auc"),
    [
        ("bgnbd", 1653.4, 0.7855, 1.6080, 0.6256, 0.316, 0.7725),
        ("mbgnbd", 1576.7, 0.7648, 1.6072, 0.6273, 0.687, 0.7728),
        ("paretonbd", 1665.5, 0.7545, 1.6028, 0.6302, 0.726, 0.7787),
    ],
)
def test_the_held_out_weeks_are_predicted_as_published(
    reports: dict[str, Report], model: str, total: float, mae: float, rmse: float,
    corr: float, alive_auc: float, expected_auc: float,
) -> None:  # fmt: skip
    report = reports[model]

    assert report.actual == 1882
    assert report.predicted == pytest.approx(total, abs=0.06)
    assert (report.mae, report.rmse) == pytest.approx((mae, rmse), abs=6e-5)
    assert report.correlation == pytest.approx(corr, abs=6e-5)
    assert (report.alive_auc, report.expected_auc) == pytest.approx(
        (alive_auc, expected_auc), abs=6e-4
    )


@pytest.mark.feature("S6")
def test_it_depends_on_no_order_of_input(orders: Orders, reports: dict[str, Report]) -> None:
    shuffled = np.random.default_rng(1).permutation(len(orders.day))

    again = backtest(orders.customer[shuffled], orders.day[shuffled], CUT, 39, ["mbgnbd"])

    assert again["mbgnbd"] == reports["mbgnbd"]


@pytest.mark.feature("S6")
@pytest.mark.feature("S11")
def test_churn_is_never_judged_by_bgnbd(reports: dict[str, Report]) -> None:
    best = {
        name: msgspec.structs.replace(r, holdout_log_likelihood=0.0 if name == "bgnbd" else -100.0)
        for name, r in reports.items()
    }

    choice = choose(best, POLICY)

    assert choice.champion == "bgnbd"
    assert choice.churn in {"mbgnbd", "paretonbd"}


@pytest.mark.feature("S6")
def test_the_better_hold_out_wins_and_everyone_learns_why(reports: dict[str, Report]) -> None:
    choice = choose(reports, POLICY)

    assert choice.champion == "mbgnbd"
    assert set(choice.reasons) == set(reports)
    assert choice.reasons["paretonbd"].startswith("against mbgnbd")


@pytest.mark.feature("S6")
def test_errors_alone_decide_where_the_policy_says_so(reports: dict[str, Report]) -> None:
    by_errors = ChoicePolicy(likelihood_tie=float("inf"), rmse_tie=0.0)

    assert choose(reports, by_errors).champion == "paretonbd"


@pytest.mark.feature("S6")
def test_the_champion_in_office_stays_in_a_tie(reports: dict[str, Report]) -> None:
    tolerant = ChoicePolicy(likelihood_tie=10.0)

    assert choose(reports, tolerant, "paretonbd").champion == "paretonbd"
    assert choose(reports, tolerant, "bgnbd").champion == "bgnbd"


@pytest.mark.feature("S6")
def test_models_that_miss_the_bar_are_refused_with_the_reason(reports: dict[str, Report]) -> None:
    strict = ChoicePolicy(worst_total_error=0.12)

    choice = choose({**reports, "bgnbd": Unfit("too thin")}, strict)

    assert choice.champion == "paretonbd"
    assert choice.reasons["bgnbd"] == "too thin"
    assert choice.reasons["mbgnbd"].startswith("total off by -16.2%")
    assert choose(reports, ChoicePolicy(worst_total_error=0.01)).champion is None


def test_thin_data_are_refused() -> None:
    found = backtest([1, 2, 2], [1, 2, 9], 10, 4)

    assert all(isinstance(report, Unfit) for report in found.values())


def test_ranking_measures() -> None:
    score, happened = np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, False, True, True])

    assert auc(score, happened) == pytest.approx(3.5 / 4)
    assert auc(score, np.ones(4, dtype=bool)) == 0.5
    assert correlation(score, np.ones(4)) == 0.0
