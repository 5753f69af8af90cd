"""The arithmetic of one round of fitting, run in a process of its own: purchases in, result out."""

from collections.abc import Mapping
from datetime import date

import msgspec
import numpy as np

from scoring.adopted import MINOR_UNITS
from scoring.domain.fitting import Champion, Family, FitFinished, Fitted
from scoring.models import gamma_gamma
from scoring.models.backtest import Report, backtest
from scoring.models.catalog import MODELS
from scoring.models.choice import ChoicePolicy, choose
from scoring.models.fitting import published, six_digits
from scoring.models.histories import Integers, Unfit
from scoring.models.summary import Summary, summarise
from scoring.policy import Models
from scoring.store import Purchases

FAMILIES: dict[str, Family] = {
    "bgnbd": "bg-nbd",
    "mbgnbd": "mbg-nbd",
    "paretonbd": "pareto-nbd",
}
USUAL = 0.95
TESTED = ("total_error", "correlation", "rmse", "mae", "expected_auc", "holdout_log_likelihood")


def fit_all(
    purchases: Purchases, through: date, rules: Models, incumbent: Family | None, fit: int = 1
) -> FitFinished:
    """Every family fitted up to and with a day, tested on the last part of the time before it."""
    customer, day = np.asarray(purchases.customer), np.asarray(purchases.day)
    summary = summarise(customer, day, np.asarray(purchases.value), through.toordinal())
    reports = _tested(customer, day, through, rules)
    money = _money(summary)
    fits = [_fitted(name, summary, reports[name], money) for name in MODELS]
    return FitFinished(
        fit=fit,
        through=through,
        fits=fits,
        cohort_usual_days=_usual_days(customer, day, through),
        champion=_champion(reports, rules, incumbent),
    )


def _tested(
    customer: Integers, day: Integers, through: date, rules: Models
) -> Mapping[str, Report | Unfit]:
    last = through.toordinal()
    weeks = int((last - int(day.min())) / 7 * rules.holdout_share)
    if weeks < 1:
        return {name: Unfit("too short a time to test in") for name in MODELS}
    return backtest(customer, day, last - 7 * weeks, weeks)


def _fitted(name: str, summary: Summary, report: Report | Unfit, money: dict[str, float]) -> Fitted:
    fit = MODELS[name].fit(summary.x, summary.t_x, summary.age)
    customers = len(summary.x)
    if isinstance(fit, Unfit):
        return Fitted(family=FAMILIES[name], customers=customers, note=fit.reason)
    if not fit.converged:
        return Fitted(family=FAMILIES[name], customers=customers, note="did not settle")
    return Fitted(
        family=FAMILIES[name],
        parameters=msgspec.structs.asdict(published(fit.parameters)),
        log_likelihood=round(fit.log_likelihood, 4),
        money=money,
        customers=customers,
        backtest=_figures(report),
        note=fit.note,
    )


def _figures(report: Report | Unfit) -> dict[str, float]:
    if isinstance(report, Unfit):
        return {}
    return {name: getattr(report, name) for name in TESTED}


def _money(summary: Summary) -> dict[str, float]:
    fit = gamma_gamma.fit(summary.x, summary.mean_repeat / MINOR_UNITS)
    if isinstance(fit, Unfit) or not fit.converged:
        return {}
    return {
        **msgspec.structs.asdict(published(fit.parameters)),
        "log_likelihood": round(fit.log_likelihood, 4),
    }


def _champion(
    reports: Mapping[str, Report | Unfit], rules: Models, incumbent: Family | None
) -> Champion | None:
    """The candidate that predicts the held-out weeks best; if its P(alive) does not rank, the best
    of those that do judges churn."""
    gates = ChoicePolicy(rules.worst_total_error, rules.least_correlation)
    name = incumbent.replace("-", "") if incumbent else None
    tested = {n: r for n, r in reports.items() if FAMILIES[n] in rules.candidates}
    choice = choose(tested, gates, name)
    if choice.champion is None or choice.churn is None:
        return None
    best = choice.champion
    alive_by = best if MODELS[best].alive_ranks else choice.churn
    reasons = [f"{FAMILIES[n]} {why}" for n, why in choice.reasons.items()]
    reason = "; ".join(reasons).replace(f"against {best}", f"against {FAMILIES[best]}")
    return Champion(FAMILIES[best], FAMILIES[alive_by], reason)


def _usual_days(customer: Integers, day: Integers, through: date) -> float | None:
    """95th percentile of all intervals between purchase days; None without any."""
    seen = day <= through.toordinal()
    who, when = customer[seen], day[seen]
    order = np.lexsort((when, who))
    who, when = who[order], when[order]
    gaps = np.diff(when)[np.diff(who) == 0]
    gaps = gaps[gaps > 0]
    return six_digits(float(np.quantile(gaps, USUAL))) if len(gaps) else None
