"""A customer's numbers at a moment: statistics, what the model expects, and when to look again."""

from datetime import date
from typing import Literal, NamedTuple

from perennial.contracts.base import Id
from perennial.contracts.rounding import round_to
from perennial.contracts.scores import Churn, CustomerScored, OrderEffect

from scoring.domain import churn, silence, trend
from scoring.domain.history import History
from scoring.domain.model import Prospect, World
from scoring.domain.periods import days_later, midnight, month_index

Because = Literal["order", "silence", "model", "curve"]


class Customer(NamedTuple):
    """Of whom the numbers are asked, and on which business day."""

    id: Id
    history: History
    churn: Churn
    standing: trend.Standing
    today: date

    @property
    def recency(self) -> float:
        """Weeks from the first to the last purchase day (t_x)."""
        assert self.history.first is not None
        assert self.history.last is not None
        return (self.history.last - self.history.first).days / 7.0

    @property
    def age(self) -> float:
        """Weeks from the first purchase day to today (T), not before the last purchase."""
        assert self.history.first is not None
        return max(self.recency, (self.today - self.history.first).days / 7.0)


class Reading(NamedTuple):
    """The numbers, the churn class they give, and the rhythm that judged it."""

    scored: CustomerScored
    churn: Churn
    silence: churn.Silence


NO_SILENCE = churn.Silence(0, None, by_cohort=False)


def read(
    customer: Customer, world: World, because: Because, order: OrderEffect | None = None
) -> Reading:
    """The numbers of a customer as of a day."""
    if customer.history.first is None:
        return Reading(_nothing_left(customer, because, order), "active", NO_SILENCE)
    history, policy, model = customer.history, world.policy, world.model
    told = prospect(customer, world)
    usual = model.cohort_usual_days if model else None
    quiet = churn.silence_of(history, customer.today, policy.churn, usual)
    alive = told.alive if told else None
    after = churn.judge(customer.churn, alive, quiet, history, policy.churn)
    known = (model, told) if model and told else None
    review = silence.next_review(history, customer.today, quiet, after, known, policy)
    scored = _scored(customer, world, told, quiet, (because, order, review))
    return Reading(scored, after, quiet)


def prospect(customer: Customer, world: World) -> Prospect | None:
    """What the adopted model expects; rounded once, so that later reviews compare with what was
    published."""
    if world.model is None:
        return None
    history = customer.history
    found = world.model.prospect(
        history.repeats, customer.recency, customer.age, history.mean_repeat
    )
    return Prospect(
        round_to(found.alive),
        round_to(found.orders),
        round(found.value_12m),
        round(found.value_36m),
        found.received_36m,
    )


Story = tuple[Because, OrderEffect | None, date | None]


def _scored(
    customer: Customer, world: World, told: Prospect | None, quiet: churn.Silence, story: Story
) -> CustomerScored:
    because, order, review = story
    history, policy = customer.history, world.policy
    this_month = month_index(customer.today)
    months = trend.months_in_force(history, customer.standing, policy.trend)
    rolling, is_revenue = trend.rolling_value(history, months, this_month - 1, policy.trend)
    expected, latest = _next_order(customer, world, quiet)
    return CustomerScored(
        customer_id=customer.id,
        because=because,
        order=order,
        orders=history.orders,
        paid_orders=history.paid,
        revenue=history.revenue,
        rolling_value=rolling,
        rolling_is_revenue=is_revenue,
        frequency=history.repeats,
        recency=round_to(customer.recency),
        age=round_to(customer.age),
        alive=told.alive if told else None,
        expected_orders=told.orders if told else None,
        next_order=expected,
        next_order_latest=latest,
        value_12m=int(told.value_12m) if told else None,
        value_36m=int(told.value_36m) if told else None,
        lifetime_revenue=_lifetime_revenue(history, told) if told else None,
        silence_days=quiet.days,
        usual_days=None if quiet.usual is None else round_to(quiet.usual),
        model=world.model.version if world.model else "",
        review_at=None if review is None else midnight(review, policy.zone),
    )


def _nothing_left(
    customer: Customer, because: Because, order: OrderEffect | None
) -> CustomerScored:
    """Every order was cancelled: there is nobody to expect anything of."""
    return CustomerScored(
        customer_id=customer.id,
        because=because,
        order=order,
        orders=0,
        paid_orders=0,
        revenue=customer.history.revenue,
        rolling_value=0,
        frequency=0,
        recency=0.0,
        age=0.0,
    )


def _next_order(
    customer: Customer, world: World, quiet: churn.Silence
) -> tuple[date | None, date | None]:
    """When the next order is due (median) and at the latest (95 %), counted from the last: by the
    own rhythm, or by the model where that is unknown."""
    history, rules, model = customer.history, world.policy.churn, world.model
    assert history.last is not None
    usual = history.interval(0.5, rules.fewest_intervals)
    if usual is not None and quiet.usual is not None:
        return days_later(history.last, round(usual)), days_later(history.last, round(quiet.usual))
    if model is None:
        return None, None
    x, t_x = history.repeats, customer.recency
    half, most = model.next_order(0.5, x, t_x), model.next_order(0.95, x, t_x)
    return days_later(history.last, round(half * 7)), days_later(history.last, round(most * 7))


def _lifetime_revenue(history: History, told: Prospect) -> int:
    """Received and expected over 36 months, undiscounted; the customer's own share of margin
    turns expected margin back into revenue."""
    share = history.revenue / history.value if history.value > 0 else 1.0
    return round(history.revenue + told.received_36m * share)
