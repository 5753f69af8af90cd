"""One customer's numbers: rescored at every order, at silences that matter, at each period's end.

State is what the published events make of it: statistics come from the order effects that
`CustomerScored` carries, judgements from `TrendChanged` and `ChurnChanged`.
"""

from datetime import date, datetime

import msgspec
from perennial.contracts.base import At, Decision, Event, Fact, State, TimerFired
from perennial.contracts.customers import CurveStarted
from perennial.contracts.grades import GradeChanged, LeadScored, LeadScoringEnded
from perennial.contracts.scores import (
    Churn,
    ChurnChanged,
    CustomerScored,
    OrderEffect,
    TrendChanged,
)
from perennial.contracts.unions import LeadMerged, LeadUnmerged

from scoring.domain import conduct, grading, leads, orders, regrading, trend
from scoring.domain.conduct import NO_ORDERS, Conduct
from scoring.domain.grading import UNGRADED, Graded
from scoring.domain.history import History, with_effect
from scoring.domain.leads import NO_LEADS, Leads
from scoring.domain.model import World
from scoring.domain.orders import OrderRow
from scoring.domain.periods import (
    business_day,
    month_end,
    month_index,
    month_name,
    month_number,
)
from scoring.domain.scores import Because, Customer, Reading, read
from scoring.domain.trend import Standing

SILENCE = "silence"
PERIOD = "period"
LEAD = "lead"
GRADE = "grade"


class Rescore(msgspec.Struct, frozen=True):
    """A request of the adoption's job: score this customer by the model now in force."""

    TYPE = "scoring.rescore"
    model: str
    adoption: int = 1
    """How manyth adoption this is: going back to an earlier model is another wish."""


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """The numbers last published; lists and later decisions read them."""

    alive: float | None = None
    expected_orders: float | None = None
    value_12m: int | None = None
    value_36m: int | None = None
    rolling_value: int = 0
    usual_days: float | None = None
    model: str = ""


class CustomerState(State, frozen=True, kw_only=True):
    """A customer as scoring's own events tell of it."""

    parts: dict[str, OrderRow] = msgspec.field(default_factory=dict)
    history: History = msgspec.field(default_factory=History)
    told: Told = msgspec.field(default_factory=Told)
    churn: Churn = "active"
    standing: Standing = msgspec.field(default_factory=Standing)
    curve_from: date | None = None
    """First day of the present curve; none on the first."""
    review_at: datetime | None = None
    period_ends: datetime | None = None
    leads: Leads = NO_LEADS
    conduct: Conduct = NO_ORDERS
    graded: Graded = UNGRADED


def react(state: CustomerState, fact: Fact, world: World, now: datetime) -> Decision:
    """What a fact changes in a customer's numbers."""
    match fact.data:
        case _ if isinstance(fact.data, orders.ORDER_FACTS):
            return _order(state, fact, world, now)
        case TimerFired(name="silence"):
            return _rescored(state, fact.key, world, now, "silence")
        case TimerFired(name="period"):
            regraded = regrading.by_orders(party_of(state, fact.key), world.policy, now)
            return [_judged(state, fact.key, world, now), *regraded]
        case CurveStarted():
            return _rescored(state, fact.key, world, now, "curve")
        case Rescore(model=model):
            return _adopted(state, fact.key, world, now, model)
        case LeadMerged() | LeadUnmerged():
            return []
        case TimerFired(name="grade"):
            return [regrading.by_silence(party_of(state, fact.key), world.policy, now)]
        case _:
            return list(regrading.by_lead(party_of(state, fact.key), fact, world.policy, now))


def evolve(state: CustomerState, event: Event, now: datetime) -> CustomerState:
    """The customer after one of scoring's own events."""
    match event:
        case CustomerScored():
            return _with_numbers(state, event, now)
        case TrendChanged():
            return msgspec.structs.replace(
                state, standing=_standing(event), period_ends=event.review_at
            )
        case ChurnChanged():
            return msgspec.structs.replace(state, churn=event.after)
        case LeadScored() | LeadScoringEnded():
            return msgspec.structs.replace(state, leads=leads.evolve(state.leads, event))
        case GradeChanged():
            return msgspec.structs.replace(state, graded=grading.graded(event, now))
        case _:
            return state


def due(state: CustomerState, world: World) -> dict[str, datetime]:
    """Silence speaks at `review_at`; the trend is judged when the period is over; a lead is looked
    at when silence changes its score, a grade when its window is empty."""
    timers = {}
    if state.review_at is not None:
        timers[SILENCE] = state.review_at
    if state.period_ends is not None:
        timers[PERIOD] = state.period_ends
    if state.leads.by_id and (lead := state.leads.review_at) is not None:
        timers[LEAD] = lead
    if state.graded.basis == "actual":
        policy = world.policy
        look = conduct.next_look(state.graded, state.history, policy.zone, policy.grades.months)
        if look is not None:
            timers[GRADE] = look
    return timers


def party_of(state: CustomerState, key: str) -> regrading.Party:
    """What the customer's grade is made of."""
    return regrading.Party(key, state.graded, state.history, state.conduct, state.leads)


def _order(state: CustomerState, fact: Fact, world: World, now: datetime) -> Decision:
    effect = orders.effect_of(state.parts.get(fact.data.order_id), fact, world.policy)
    if not isinstance(effect, OrderEffect):
        return effect or []
    after = with_effect(state.history, effect)
    return _rescored(state, fact.key, world, now, "order", after, effect)


def _rescored(
    state: CustomerState,
    key: str,
    world: World,
    now: datetime,
    because: Because,
    history: History | None = None,
    order: OrderEffect | None = None,
) -> list[Event | At]:
    today = business_day(now, world.policy.zone)
    customer = Customer(key, history or state.history, state.churn, state.standing, today)
    reading = read(customer, world, because, order)
    scored = reading.scored
    if because in ("order", "curve") and customer.history.first is not None:
        ends = trend.next_end(
            customer.history, state.standing, month_index(today), world.policy.trend
        )
        scored = msgspec.structs.replace(scored, period_ends=month_end(ends, world.policy.zone))
    events: list[Event | At] = [scored]
    if reading.churn != state.churn:
        events.append(_churn_changed(state, reading))
    party = regrading.Party(key, state.graded, customer.history, state.conduct, state.leads)
    return [*events, *regrading.by_orders(party, world.policy, now, order)]


def _churn_changed(state: CustomerState, reading: Reading) -> ChurnChanged:
    scored = reading.scored
    return ChurnChanged(
        customer_id=scored.customer_id,
        before=state.churn,
        after=reading.churn,
        alive=scored.alive,
        silence_days=scored.silence_days,
        usual_days=scored.usual_days,
        cohort_rhythm=reading.silence.by_cohort,
        value_36m=scored.value_36m,
        model=scored.model,
    )


def _adopted(
    state: CustomerState, key: str, world: World, now: datetime, model: str
) -> list[Event | At]:
    """Once per customer and adoption; whoever ordered meanwhile has the new numbers already, and
    where yet another model has been adopted since, its own round is on the way."""
    in_force = world.model.version if world.model else ""
    if model != in_force or state.told.model == model or state.history.first is None:
        return []
    return _rescored(state, key, world, now, "model")


def _judged(state: CustomerState, key: str, world: World, now: datetime) -> TrendChanged:
    zone = world.policy.zone
    last_month = month_index(business_day(now, zone)) - 1
    curve = month_index(state.curve_from) if state.curve_from else 0
    first = state.history.first
    if first is None or month_index(first) > last_month:
        looks_again = None if first is None else month_end(month_index(first), zone)
        return _trend_changed(state, key, Standing(judged=last_month), looks_again)
    after, moves = trend.judge(state.history, state.standing, last_month, curve, world.policy.trend)
    return _trend_changed(state, key, after, None if moves is None else month_end(moves, zone))


def _trend_changed(
    state: CustomerState, key: str, after: Standing, review_at: datetime | None
) -> TrendChanged:
    assert after.judged is not None
    return TrendChanged(
        customer_id=key,
        before=state.standing.trend,
        after=after.trend,
        period=month_name(after.judged),
        window=after.window,
        previous=after.previous,
        change=after.change,
        baseline=after.baseline,
        below_baseline=after.below_baseline,
        falls=after.falls,
        steady=after.steady,
        slowing=after.slowing,
        windows_below_peak=after.windows_below_peak,
        rolling_value=after.window,
        months=after.months,
        review_at=review_at,
    )


def _standing(event: TrendChanged) -> Standing:
    return Standing(
        trend=event.after,
        judged=month_number(event.period),
        months=event.months,
        window=event.window,
        previous=event.previous,
        change=event.change,
        baseline=event.baseline,
        below_baseline=event.below_baseline,
        falls=event.falls,
        steady=event.steady,
        slowing=event.slowing,
        windows_below_peak=event.windows_below_peak,
    )


def _with_numbers(state: CustomerState, event: CustomerScored, now: datetime) -> CustomerState:
    history, parts, order = state.history, state.parts, event.order
    behaved = state.conduct
    if order is not None:
        history = with_effect(history, order)
        behaved = conduct.with_order(behaved, order)
        parts = orders.after(parts, order)
    return CustomerState(
        parts=parts,
        history=history,
        told=Told(
            event.alive,
            event.expected_orders,
            event.value_12m,
            event.value_36m,
            event.rolling_value,
            event.usual_days,
            event.model,
        ),
        churn=state.churn,
        standing=state.standing,
        curve_from=now.date() if event.because == "curve" else state.curve_from,
        review_at=event.review_at,
        period_ends=event.period_ends or state.period_ends,
        leads=state.leads,
        conduct=behaved,
        graded=state.graded,
    )
