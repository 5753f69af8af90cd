"""The typed rules of scoring; `policy.yaml` holds the defaults a company starts with.

Volume of silence events on the CDNOW history (2,357 customers, 78 weeks) is what tuned the steps of
`review`; the figures stand in `tests/scoring/domain/test_cdnow.py`.
"""

from functools import cached_property
from importlib.resources import files
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
from perennial.contracts.base import Minor

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Times = Annotated[float, msgspec.Meta(gt=1, le=100)]
Few = Annotated[int, msgspec.Meta(ge=1, le=120)]
Month = Annotated[int, msgspec.Meta(ge=1, le=12)]


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group of rules; unknown fields are refused, so that a typo is no silence."""


class Churn(Rules, frozen=True, kw_only=True):
    """When a customer counts as overdue or at risk (S11)."""

    at_risk_below: Share = 0.3
    """P(still a customer) under which nobody should wait for the next order."""
    restored_above: Share = 0.5
    """The way back needs more than the way out, so that nobody flickers."""
    percentile: Share = 0.95
    """Silence beyond this percentile of the own intervals is overdue."""
    fewest_intervals: Few = 3
    """With fewer own intervals the cohort's percentile holds."""


class Review(Rules, frozen=True, kw_only=True):
    """Which changes in silence matter enough to be told (S5)."""

    alive_step: Share = 0.05
    value_step: Share = 0.05
    value_step_least: Minor = 500
    """Five units of money: below that a change of value changes nobody's decision, and five per
    cent of a small customer would be told week after week."""
    alive_end: Share = 0.01
    """Below this silence has nothing more to say."""


class Trend(Rules, frozen=True, kw_only=True):
    """How the trend is judged (S10)."""

    rising_from: float = 0.10
    falling_from: float = -0.10
    window_periods: Few = 3
    period_intervals: float = 3.0
    """A period holds about so many of the customer's usual intervals, if that exceeds a month."""
    period_most_months: Few = 3
    """Nobody's judgement is older than a quarter, however slow the rhythm."""
    fewest_intervals: Few = 3
    """With fewer own intervals the rhythm is unknown and the period is a month."""
    outlier_times: Times = 3.0
    """A lone period above so many times the median of its neighbours counts as that median: one
    large order is no growth, and its absence later no fall."""
    outlier_neighbours: Few = 5
    """How many periods to each side are neighbours."""
    season_from_months: Few = 13
    season_prior_years: float = 0.25
    """Weight of `no season` against the years seen; one year of evidence counts four fifths."""


class Money(Rules, frozen=True, kw_only=True):
    """What turns purchases into lifetime value (S3)."""

    yearly_discount: Share = 0.10
    monthly_cost_to_serve: Minor = 0
    """Per customer and month, taken off once, in reporting currency."""


class Models(Rules, frozen=True, kw_only=True):
    """When models are fitted, and when one replaces another (S6)."""

    fit_months: tuple[Month, ...] = (1, 4, 7, 10)
    """A fit is due on the first day of these months."""
    least_weeks: Few = 26
    least_repeaters: Annotated[int, msgspec.Meta(ge=1)] = 100
    holdout_share: Share = 0.5
    """The last part of the time observed, kept from the fit to test it."""
    worst_total_error: Share = 0.25
    """A candidate that misses the held-out total by more is no candidate."""
    least_correlation: Share = 0.2
    """Nor is one that hardly tells customers apart."""
    candidates: tuple[Literal["bg-nbd", "mbg-nbd", "pareto-nbd"], ...] = (
        "bg-nbd",
        "mbg-nbd",
        "pareto-nbd",
    )
    """Who may be adopted by rule. Where BG/NBD wins, it says how much is to come and the best of the
    others says who is still a customer: its own P(alive) is 1 for whoever never came back."""
    adopt_by_rule: bool = True
    rescore_chunk: Annotated[int, msgspec.Meta(ge=1, le=5000)] = 500


class Policy(Rules, frozen=True, kw_only=True, dict=True):
    """What judges a customer's numbers. A version takes effect at a moment."""

    timezone: str = "UTC"
    """Business days and months are this zone's."""
    churn: Churn = msgspec.field(default_factory=Churn)
    review: Review = msgspec.field(default_factory=Review)
    trend: Trend = msgspec.field(default_factory=Trend)
    money: Money = msgspec.field(default_factory=Money)
    models: Models = msgspec.field(default_factory=Models)

    def __post_init__(self) -> None:
        ZoneInfo(self.timezone)
        if self.churn.restored_above < self.churn.at_risk_below:
            raise ValueError("restored_above lies below at_risk_below")

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


def load(document: bytes) -> Policy:
    """A policy document as published."""
    return msgspec.yaml.decode(document, type=Policy)


def default() -> Policy:
    """The document shipped with the service."""
    return load(files("scoring").joinpath("policy.yaml").read_bytes())
