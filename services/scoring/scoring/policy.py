"""The typed rules of scoring; `policy.yaml` holds the defaults a company starts with.

Volume of silence events on the CDNOW history (2,357 customers, 78 weeks) is what tuned the steps of
`review`; the figures stand in `tests/scoring/domain/test_cdnow.py`.
"""

from functools import cache, cached_property
from importlib.resources import files
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from perennial.contracts.base import Minor
from perennial.contracts.holdings import ActivityKind, Grade

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


Points = Annotated[float, msgspec.Meta(ge=0, le=100)]
Weight = Annotated[float, msgspec.Meta(gt=0, le=1000)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Dimension = Literal["revenue", "profit", "efficiency", "ease", "integrity"]
SIGNALS = frozenset({"wants-call", *(f"activity:{kind}" for kind in get_args(ActivityKind))})


class Asked(Rules, frozen=True, kw_only=True, dict=True):
    """An attribute that a persona asks for: one of several values, or a number within a range."""

    name: Name
    accepts: tuple[Name, ...] = ()
    at_least: float | None = None
    at_most: float | None = None
    weight: Weight
    reason: Name
    """Why it matters; shown wherever the match is explained."""

    def __post_init__(self) -> None:
        if bool(self.accepts) == (self.at_least is not None or self.at_most is not None):
            raise ValueError("say either what it accepts, or at_least and at_most")

    @cached_property
    def accepted(self) -> frozenset[str]:
        return frozenset(value.casefold() for value in self.accepts)


class Persona(Rules, frozen=True, kw_only=True):
    """An ideal customer (I5)."""

    name: Name
    version: Few = 1
    attributes: Annotated[tuple[Asked, ...], msgspec.Meta(min_length=1)]


class Group(Rules, frozen=True, kw_only=True):
    """Signals that speak of the same thing, and how many points they can make together."""

    most: Points
    points: dict[Name, Points]

    def __post_init__(self) -> None:
        for what in self.points:
            if what not in SIGNALS and not what.startswith(("channel:", "tag:")):
                raise ValueError(f"{what} is no signal")


class Leads(Rules, frozen=True, kw_only=True, dict=True):
    """What a lead's score is made of (I5, I6, S9)."""

    ready_from: Annotated[float, msgspec.Meta(gt=0, le=100)] = 60.0
    """The score of an opportunity."""
    fit_most: Points = 50.0
    engagement_most: Points = 50.0
    match_unknown: Points = 50.0
    """Taken for the match where nothing is known that a persona asks for."""
    half_life_days: Annotated[float, msgspec.Meta(gt=0, le=3650)] = 14.0
    """Engagement halves with each so long silence."""
    groups: dict[Name, Group]
    values: dict[Grade, Minor]
    """Expected value where the source names none, in reporting currency."""
    personas: tuple[Persona, ...]

    def __post_init__(self) -> None:
        if self.fit_most + self.engagement_most > 100:
            raise ValueError("fit_most and engagement_most exceed 100 together")
        signals = [what for group in self.groups.values() for what in group.points]
        if len(signals) > len(set(signals)):
            raise ValueError("a signal stands in several groups")
        if len(self.values) < len(get_args(Grade)):
            raise ValueError("values lack a grade")

    @cached_property
    def counted(self) -> frozenset[str]:
        """Signals that make points."""
        return frozenset(what for group in self.groups.values() for what in group.points)


class Quantiles(Rules, frozen=True, kw_only=True):
    """A field's figure and the share of customers below it, in per cent; linear between the rows."""

    rows: Annotated[tuple[tuple[float, Points], ...], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        figures = [figure for figure, _ in self.rows]
        if figures != sorted(set(figures)):
            raise ValueError("figures do not ascend")

    def score(self, figure: float) -> float:
        """Below the first row its score, above the last one the last one's."""
        below, low = self.rows[0]
        if figure <= below:
            return low
        for above, high in self.rows:
            if figure <= above:
                return low + (high - low) * (figure - below) / (above - below)
            below, low = above, high
        return low


class Tells(Rules, frozen=True, kw_only=True):
    """What an attribute tells of a dimension, by its text or by its number."""

    attribute: Name
    scores: dict[Name, Points] = {}
    quantiles: Quantiles | None = None


class Grades(Rules, frozen=True, kw_only=True):
    """One scale for leads and customers (S7)."""

    weights: dict[Dimension, Weight]
    cutoffs: tuple[Points, Points, Points, Points] = (20.0, 40.0, 60.0, 80.0)
    beyond: Points = 3.0
    """A grade moves after two evaluations so far beyond the cut-off."""
    few_known: Annotated[int, msgspec.Meta(ge=1, le=5)] = 3
    few_known_cap: Grade = "4A"
    integrity_from: Points = 40.0
    integrity_cap: Grade = "2A"
    nothing_known: Points = 50.0
    """The total of a lead of which nothing is known: it goes by its readiness alone."""
    actual_from_paid: Few = 2
    months: Few = 12
    """Revenue and profit of so many months, the running one included, as yearly figures."""
    payment_days: Annotated[int, msgspec.Meta(ge=0, le=3650)] = 30
    """An order paid later is paid late, one unpaid for longer is overdue."""
    team: Name = "team"
    """The attribute that says how many people of ours serve it, in full-time equivalents."""
    version: Few = 1
    """Of the quantiles below."""
    quantiles: dict[Literal["revenue", "profit", "efficiency", "returned", "in-time"], Quantiles]
    expected: dict[Dimension, tuple[Tells, ...]]
    """What attributes tell of a dimension, the first known one holds. Profit is the persona's match
    before the first orders."""

    def __post_init__(self) -> None:
        if list(self.cutoffs) != sorted(set(self.cutoffs)):
            raise ValueError("cutoffs do not ascend")
        if len(self.weights) < len(get_args(Dimension)):
            raise ValueError("weights lack a dimension")
        if len(self.quantiles) < 5:
            raise ValueError("quantiles lack a field")


@cache
def _shipped() -> dict[str, Any]:
    found: dict[str, Any] = msgspec.yaml.decode(
        files("scoring").joinpath("policy.yaml").read_bytes()
    )
    return found


class Policy(Rules, frozen=True, kw_only=True, dict=True):
    """What judges a customer's numbers. A version takes effect at a moment."""

    timezone: str = "UTC"
    """Business days and months are this zone's."""
    churn: Churn = msgspec.field(default_factory=Churn)
    review: Review = msgspec.field(default_factory=Review)
    trend: Trend = msgspec.field(default_factory=Trend)
    money: Money = msgspec.field(default_factory=Money)
    models: Models = msgspec.field(default_factory=Models)
    leads: Leads = msgspec.field(
        default_factory=lambda: msgspec.convert(_shipped()["leads"], Leads)
    )
    grades: Grades = msgspec.field(
        default_factory=lambda: msgspec.convert(_shipped()["grades"], Grades)
    )
    """A document that does not name leads or grades takes the shipped ones."""

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"timezone {self.timezone!r} is not a name as Europe/Berlin"
            ) from error
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
    return msgspec.convert(_shipped(), Policy)
