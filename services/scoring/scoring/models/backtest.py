"""Which model is to be believed: fit up to a day, predict the weeks after, compare with them."""

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from scoring.models.catalog import MODELS, Model, scorer_of
from scoring.models.fitting import Fit, published, six_digits
from scoring.models.histories import Floats, Unfit
from scoring.models.horizon import purchases_within
from scoring.models.summary import Summary, summarise


class Report(msgspec.Struct, frozen=True):
    """One model on one hold-out, every number rounded as published.

    ``holdout_log_likelihood`` is the log density of the hold-out's purchases given what was known
    at the cut: log-likelihood of the whole minus that of the calibration, same parameters.
    ``alive_auc`` is P(alive) as a score for "buys in the hold-out", ``expected_auc`` the expected
    purchases; BG/NBD's P(alive) is reported here to be seen, and used for nothing.
    """

    model: str
    alive_ranks: bool
    parameters: Any
    log_likelihood: float
    note: str
    customers: int
    actual: float
    predicted: float
    total_error: float
    correlation: float
    rmse: float
    mae: float
    alive_auc: float
    expected_auc: float
    holdout_log_likelihood: float


def backtest(
    customer: ArrayLike, day: ArrayLike, cut_day: int, weeks: int, models: Iterable[str] = MODELS
) -> dict[str, Report | Unfit]:
    """Fits on the days up to and with ``cut_day`` and predicts the coming weeks for the customers
    known by then. Days are whole day numbers, one row an order line, in any order."""
    days = np.asarray(day, np.int64)
    nothing = np.zeros_like(days)
    known = summarise(customer, days, nothing, cut_day)
    whole = summarise(customer, days, nothing, cut_day + 7 * weeks)
    later = _rows(whole, np.searchsorted(whole.customer, known.customer))
    return {name: _report(MODELS[name], known, later, weeks) for name in models}


def _rows(summary: Summary, index: np.ndarray[Any, Any]) -> Summary:
    return Summary(
        summary.customer[index], summary.x[index], summary.t_x[index],
        summary.age[index], summary.mean_repeat[index],
    )  # fmt: skip


def _report(model: Model, known: Summary, later: Summary, weeks: int) -> Report | Unfit:
    fitted = model.fit(known.x, known.t_x, known.age)
    if isinstance(fitted, Unfit):
        return fitted
    if not fitted.converged:
        return Unfit("the search for parameters did not settle")
    parameters = published(fitted.parameters)
    scorer = scorer_of(parameters, [purchases_within(float(weeks))])
    alive, expected = scorer.scores(known.x, known.t_x, known.age)
    after = model.log_likelihood(parameters, later.x, later.t_x, later.age)
    before = model.log_likelihood(parameters, known.x, known.t_x, known.age)
    actual = (later.x - known.x).astype(np.float64)
    return _compared(model, fitted, actual, expected, alive, float((after - before).sum()))


def _compared(
    model: Model, fitted: Fit[Any], actual: Floats, expected: Floats, alive: Floats, holdout: float
) -> Report:
    total, off = float(actual.sum()), expected - actual
    return Report(
        model=model.name,
        alive_ranks=model.alive_ranks,
        parameters=published(fitted.parameters),
        log_likelihood=six_digits(fitted.log_likelihood),
        note=fitted.note,
        customers=len(actual),
        actual=total,
        predicted=six_digits(float(expected.sum())),
        total_error=six_digits(float(off.sum()) / max(total, 1.0)),
        correlation=six_digits(correlation(expected, actual)),
        rmse=six_digits(float(np.sqrt(np.mean(off**2)))),
        mae=six_digits(float(np.mean(np.abs(off)))),
        alive_auc=six_digits(auc(alive, actual > 0)),
        expected_auc=six_digits(auc(expected, actual > 0)),
        holdout_log_likelihood=six_digits(holdout),
    )


def correlation(one: Floats, other: Floats) -> float:
    """Pearson's; 0.0 where one of them doesn't vary."""
    if len(one) < 2 or float(np.ptp(one)) == 0.0 or float(np.ptp(other)) == 0.0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def auc(score: Floats, happened: np.ndarray[Any, np.dtype[np.bool_]]) -> float:
    """P(a score where it happened is above one where it didn't), ties count half (Mann-Whitney);
    0.5 where there is nothing to tell apart."""
    yes = int(happened.sum())
    no = len(happened) - yes
    if not yes or not no:
        return 0.5
    ranks = float(rankdata(np.round(score, 12))[happened].sum())
    return (ranks - yes * (yes + 1) / 2.0) / (yes * no)
