"""Is this still a customer? (S11) By the adopted model, and by the customer's own rhythm."""

from datetime import date
from typing import NamedTuple

from perennial.contracts.scores import Churn

from scoring import policy
from scoring.domain.history import History


class Silence(NamedTuple):
    """How long it has been quiet, against what is usual; days."""

    days: int
    usual: float | None
    """Upper end of the own rhythm, or of the cohort's; none while neither is known."""
    by_cohort: bool

    @property
    def too_long(self) -> bool:
        return self.usual is not None and self.days > self.usual


def silence_of(
    history: History, today: date, rules: policy.Churn, cohort_usual: float | None
) -> Silence:
    """The present silence of a customer with at least one order."""
    assert history.last is not None
    own = history.interval(rules.percentile, rules.fewest_intervals)
    usual = cohort_usual if own is None else own
    return Silence(max(0, (today - history.last).days), usual, own is None and usual is not None)


def judge(
    before: Churn, alive: float | None, silence: Silence, history: History, rules: policy.Churn
) -> Churn:
    """The class after a fact. The way back from `at-risk` is longer than the way there."""
    if alive is not None and alive < rules.at_risk_below:
        return "at-risk"
    if before == "at-risk" and not _recovered(alive, silence, history, rules):
        return "at-risk"
    return "overdue" if silence.too_long else "active"


def _recovered(
    alive: float | None, silence: Silence, history: History, rules: policy.Churn
) -> bool:
    if alive is not None and alive > rules.restored_above:
        return True
    return _rhythm_restored(silence, history)


def _rhythm_restored(silence: Silence, history: History) -> bool:
    """The last interval and the silence since both lie within what is usual."""
    if silence.usual is None or history.last is None or history.before_last is None:
        return False
    return (history.last - history.before_last).days <= silence.usual and not silence.too_long
