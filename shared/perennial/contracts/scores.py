"""Numbers about customers, written by scoring, keyed by customer id (models: by model name).

Money is in minor units of the reporting currency; probabilities are 0 to 1, rounded to 6 digits.
"""

from datetime import date, datetime
from typing import ClassVar, Literal

import msgspec

from perennial.contracts.base import Count, Event, Fraction, Id, Minor, Topic

Trend = Literal["too-early", "rising", "steady", "falling"]
Churn = Literal["active", "overdue", "at-risk"]


class OrderEffect(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one order fact adds to the set of a customer's order rows (signed)."""

    order_id: Id
    day: date
    """Business day of the order (also for its return or cancellation), in scoring's zone."""
    kind: Literal["placed", "paid", "returned", "cancelled", "taken", "left"]
    """`taken` and `left`: the order as it stands came from, or went to, another customer."""
    orders: int = 0
    paid: int = 0
    revenue: Minor = 0
    margin: Minor | None = None
    product: str = ""
    """The line with the largest amount."""
    return_id: str = ""
    """Of a return, so that its second delivery changes nothing."""
    late: bool = False
    """Of a payment: it came after the policy's term."""
    gross: Minor = 0
    """Of an order that changed hands: revenue as placed; `returned` of it."""
    returned: Minor = 0
    returns: list[Id] = []
    cancelled: bool = False


class CustomerScored(Event, frozen=True, kw_only=True):
    """A customer's numbers after an order fact, a long silence, or another model."""

    TYPE: ClassVar[str] = "perennial.customer.scored.v1"
    customer_id: Id
    because: Literal["order", "silence", "model", "curve"]
    order: OrderEffect | None = None
    orders: Count
    """Live orders (placed and not cancelled)."""
    paid_orders: Count
    revenue: Minor
    rolling_value: Minor
    """Margin of the window; revenue where no cost is known (then `rolling_is_revenue`)."""
    rolling_is_revenue: bool = False
    frequency: Count
    """Distinct purchase days after the first (x)."""
    recency: float
    """Weeks from the first to the last purchase day (t_x)."""
    age: float
    """Weeks from the first purchase day to now (T)."""
    alive: Fraction | None = None
    """P(still a customer) by the adopted model; absent before the first model."""
    expected_orders: float | None = None
    """Expected purchases in the next 52 weeks."""
    next_order: date | None = None
    next_order_latest: date | None = None
    """Upper end of the interval (95 %) for the next order's date."""
    value_12m: Minor | None = None
    value_36m: Minor | None = None
    """Lifetime value: expected discounted margin − cost to serve over the next 36 months."""
    lifetime_revenue: Minor | None = None
    """Received + expected, undiscounted."""
    silence_days: float = 0
    usual_days: float | None = None
    """95th percentile of the customer's own intervals (of its cohort below three)."""
    model: str = ""
    """Version of the adopted model, as `pareto-nbd@2`."""
    review_at: datetime | None = None
    """When silence alone would next change something that matters."""
    period_ends: datetime | None = None
    """After an order: when the period it falls in is over and the trend is judged."""


class TrendChanged(Event, frozen=True, kw_only=True):
    """Scoring's judgement of the trend (S10) at the end of a period; lifecycle only maps it.

    Published when anything in it moved, so `before` and `after` may be equal: the window then has
    another value, or a count went on. Two silent windows change nothing: the judgement stands.
    """

    TYPE: ClassVar[str] = "perennial.customer.trend-changed.v1"
    customer_id: Id
    before: Trend
    after: Trend
    period: str
    """The last full period judged, as `1997-09`."""
    window: Minor
    previous: Minor
    change: float | None
    """(window − previous) / previous, both without outliers and season."""
    baseline: Minor
    """Best window of the present curve, without outliers and season."""
    below_baseline: float
    """Share by which the window lies below the baseline, 0 to 1."""
    falls: Count = 0
    """Periods in a row that fell."""
    steady: Count = 0
    """Periods in a row judged steady."""
    slowing: Count = 0
    """Periods in a row in which growth slowed while rising."""
    windows_below_peak: Count = 0
    """Windows in a row that did not pass the peak of the curve."""
    rolling_value: Minor = 0
    months: Count = 1
    """Length of a period."""
    review_at: datetime | None = None
    """The next end of a period at which silence alone would move any of this."""


class ChurnChanged(Event, frozen=True, kw_only=True):
    """Whether this is still a customer (S11): `overdue` by its own rhythm, `at-risk` by the model."""

    TYPE: ClassVar[str] = "perennial.customer.churn-changed.v1"
    customer_id: Id
    before: Churn
    after: Churn
    alive: Fraction | None = None
    silence_days: float
    usual_days: float | None = None
    cohort_rhythm: bool = False
    """`usual_days` is the cohort's, for fewer than three intervals of its own."""
    value_36m: Minor | None = None
    model: str = ""


class FitRequested(Event, frozen=True, kw_only=True):
    """A fit is to be made of everything known up to a day; it runs outside the fold."""

    TYPE: ClassVar[str] = "perennial.model.fit-requested.v1"
    through: date
    """Last business day to use, inclusive."""
    by: str = "rule"


class ModelFitted(Event, frozen=True, kw_only=True):
    """A fit finished: parameters, fit and back-test, whether adopted or not."""

    TYPE: ClassVar[str] = "perennial.model.fitted.v1"
    model: Id
    """Version, as `bg-nbd@3`."""
    family: Literal["bg-nbd", "mbg-nbd", "pareto-nbd"]
    parameters: dict[str, float]
    log_likelihood: float
    money: dict[str, float] = {}
    """Gamma-Gamma p, q, gamma and its log_likelihood; empty where it could not be fitted."""
    customers: Count
    through: date
    """Last business day used, inclusive."""
    backtest: dict[str, float] = {}
    cohort_usual_days: float | None = None
    """95th percentile of all intervals between purchase days."""
    note: str = ""


class ModelAdopted(Event, frozen=True, kw_only=True):
    """From now on scores come from this model; the reason compares it with what it replaces."""

    TYPE: ClassVar[str] = "perennial.model.adopted.v1"
    model: Id
    replaces: str = ""
    reason: str = ""
    by: str = "rule"
    alive_by: str = ""
    """Whose P(alive) judges churn where the model's own must not (BG/NBD's)."""


SCORES = Topic(
    "scores.v1",
    "scoring",
    [
        CustomerScored,
        TrendChanged,
        ChurnChanged,
        FitRequested,
        ModelFitted,
        ModelAdopted,
    ],
)
