"""Champion against challengers, by rule: pure, with the reason for everyone who lost."""

from collections.abc import Mapping

import msgspec

from scoring.models.backtest import Report
from scoring.models.histories import Unfit


class ChoicePolicy(msgspec.Struct, frozen=True):
    """What a model must reach on the hold-out, and what decides among those that do.

    Hold-out log-likelihoods within ``likelihood_tie`` of the best are a tie, which the RMSE
    decides; within the share ``rmse_tie`` of the best RMSE the champion in office stays, else the
    error of the total decides. With an infinite ``likelihood_tie`` errors alone decide.
    """

    worst_total_error: float = 0.25
    least_correlation: float = 0.2
    likelihood_tie: float = 2.0
    rmse_tie: float = 0.005


class Choice(msgspec.Struct, frozen=True):
    """``champion`` answers how much is to come; ``churn`` answers who is still a customer, chosen
    only among models whose P(alive) ranks (never BG/NBD). None where nobody is fit for it."""

    champion: str | None
    churn: str | None
    reasons: dict[str, str]


def choose(
    candidates: Mapping[str, Report | Unfit], policy: ChoicePolicy, incumbent: str | None = None
) -> Choice:
    """The rule of the policy over a backtest."""
    faults = {name: _fault(report, policy) for name, report in sorted(candidates.items())}
    fit = {
        name: report for name, report in sorted(candidates.items())
        if isinstance(report, Report) and not faults[name]
    }  # fmt: skip
    champion = _best(fit, policy, incumbent)
    churn = _best({n: r for n, r in fit.items() if r.alive_ranks}, policy, champion)
    lost = {name: _why(report, fit[champion]) for name, report in fit.items() if champion}
    refused = {name: fault for name, fault in faults.items() if fault}
    return Choice(champion, churn, refused | lost)


def _fault(report: Report | Unfit, policy: ChoicePolicy) -> str:
    if isinstance(report, Unfit):
        return report.reason
    if abs(report.total_error) > policy.worst_total_error:
        return f"total off by {report.total_error:+.1%}, allowed {policy.worst_total_error:.0%}"
    if report.correlation < policy.least_correlation:
        return f"correlation {report.correlation:.3f}, needed {policy.least_correlation:.3f}"
    return ""


def _best(fit: Mapping[str, Report], policy: ChoicePolicy, favourite: str | None) -> str | None:
    if not fit:
        return None
    top = max(report.holdout_log_likelihood for report in fit.values())
    tied = [r for r in fit.values() if r.holdout_log_likelihood >= top - policy.likelihood_tie]
    sharpest = min(report.rmse for report in tied) * (1.0 + policy.rmse_tie)
    tied = [report for report in tied if report.rmse <= sharpest]
    if any(report.model == favourite for report in tied):
        return favourite
    return min(tied, key=lambda report: (abs(report.total_error), report.model)).model


def _why(report: Report, champion: Report) -> str:
    figures = (
        f"hold-out log-likelihood {report.holdout_log_likelihood:.2f}, "
        f"RMSE {report.rmse:.4f}, total {report.total_error:+.1%}"
    )
    if report.model == champion.model:
        return f"champion: {figures}"
    return f"against {champion.model}: {figures}"
