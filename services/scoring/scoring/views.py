"""What REST shows of scores and models. Numbers are as of the moment asked for: computed on reading,
from statistics that only orders change."""

from datetime import date, datetime

import msgspec
from perennial.contracts.scores import Churn, ModelFitted, Trend

from scoring.domain.fitting import ModelsState
from scoring.domain.model import World
from scoring.domain.periods import business_day
from scoring.domain.rescoring import CustomerState
from scoring.domain.scores import Customer, read


class TrendView(msgspec.Struct, frozen=True):
    """The last judgement of the trend; money in minor units."""

    trend: Trend
    window: int
    previous: int
    change: float | None
    baseline: int
    below_baseline: float
    judged_next: datetime | None


class ScoreView(msgspec.Struct, frozen=True):
    """A customer's numbers; money in minor units of the reporting currency."""

    customer_id: str
    as_of: datetime
    orders: int
    paid_orders: int
    revenue: int
    rolling_value: int
    rolling_is_revenue: bool
    frequency: int
    recency_weeks: float
    age_weeks: float
    alive: float | None
    expected_orders: float | None
    value_12m: int | None
    value_36m: int | None
    lifetime_revenue: int | None
    next_order: date | None
    next_order_latest: date | None
    days_overdue: int
    """Days past the expected date of the next order."""
    silence_days: float
    usual_days: float | None
    churn: Churn
    model: str
    trend: TrendView


class WeekExpected(msgspec.Struct, frozen=True):
    """Orders expected from the start of a forecast up to the end of one of its weeks."""

    week: int
    expected_orders: float


class ForecastView(msgspec.Struct, frozen=True):
    """What the model in force at a moment expected of the customers known by then."""

    as_of: datetime
    through: date
    """The last business day that it knows of."""
    model: str
    customers: int
    expected_orders: float
    weeks: list[WeekExpected]


class ExpectedOrders(msgspec.Struct, frozen=True):
    """One customer's part in a forecast."""

    customer_id: str
    frequency: int
    recency_weeks: float
    age_weeks: float
    expected_orders: float
    actual_orders: int
    """Days with an order that have come since, within those weeks."""


class ModelsView(msgspec.Struct, frozen=True):
    """The model in force, who judges churn for it, a fit under way, and the latest fits."""

    adopted: str
    alive_by: str
    fit_under_way: date | None
    fits: list[ModelFitted]


def score_view(key: str, state: CustomerState, world: World, moment: datetime) -> ScoreView:
    """The numbers of a customer at a moment."""
    today = business_day(moment, world.policy.zone)
    reading = read(
        Customer(key, state.history, state.churn, state.standing, today), world, "silence"
    )
    scored = reading.scored
    return ScoreView(
        customer_id=key,
        as_of=moment,
        orders=scored.orders,
        paid_orders=scored.paid_orders,
        revenue=scored.revenue,
        rolling_value=scored.rolling_value,
        rolling_is_revenue=scored.rolling_is_revenue,
        frequency=scored.frequency,
        recency_weeks=scored.recency,
        age_weeks=scored.age,
        alive=scored.alive,
        expected_orders=scored.expected_orders,
        value_12m=scored.value_12m,
        value_36m=scored.value_36m,
        lifetime_revenue=scored.lifetime_revenue,
        next_order=scored.next_order,
        next_order_latest=scored.next_order_latest,
        days_overdue=_days_overdue(scored.next_order, today),
        silence_days=scored.silence_days,
        usual_days=scored.usual_days,
        churn=reading.churn,
        model=scored.model,
        trend=_trend_view(state),
    )


def models_view(state: ModelsState, fits: list[ModelFitted]) -> ModelsView:
    """The record of models with the latest fits."""
    return ModelsView(state.adopted, state.alive_by, state.pending, fits)


def _days_overdue(expected: date | None, today: date) -> int:
    return max(0, (today - expected).days) if expected else 0


def _trend_view(state: CustomerState) -> TrendView:
    standing = state.standing
    return TrendView(
        standing.trend,
        standing.window,
        standing.previous,
        standing.change,
        standing.baseline,
        standing.below_baseline,
        state.period_ends,
    )
