"""From activated to maturing: what the numbers change while no light is on (C1, C11)."""

from datetime import datetime

from perennial.contracts.base import Fact
from perennial.contracts.customers import (
    CurveStarted,
    CustomerMatured,
    Evidence,
    GrowthSlowed,
    Segment,
    SignsNoted,
)
from perennial.contracts.scores import TrendChanged

from lifecycle.domain import redlight
from lifecycle.domain.moves import Events, moved
from lifecycle.domain.record import Customer
from lifecycle.domain.segments import by_trend
from lifecycle.domain.world import World


def by_numbers(customer: Customer, fact: Fact, world: World, now: datetime) -> Events:
    """What a trend means here, once it has lit nothing."""
    if not isinstance(fact.data, TrendChanged) or customer.segment is None:
        return []
    if customer.segment == "activated":
        signs = redlight.read(customer.signs, fact.data, now, world.policy.light)
        return [SignsNoted(customer_id=fact.key, signs=signs)] if signs != customer.signs else []
    after = by_trend(customer.segment, fact.data, world.policy.trend)
    if after != customer.segment:
        return _placed(customer, after, fact, fact.data, world)
    return _slowing(customer, fact, fact.data, world)


def _placed(
    customer: Customer, after: Segment, fact: Fact, trend: TrendChanged, world: World
) -> Events:
    evidence = _reason(after, fact, trend)
    events: Events = [moved(customer, after, fact, world, evidence)]
    if after == "maturing":
        events.append(_matured(customer, fact, trend, evidence))
    if customer.segment == "maturing" and customer.next_product:
        curve = customer.curve + 1
        started = CurveStarted(customer_id=fact.key, curve=curve, because="next-product")
        events.insert(0, started)
    return events


def _matured(
    customer: Customer, fact: Fact, trend: TrendChanged, evidence: list[Evidence]
) -> CustomerMatured:
    """The maturity alert: the next product or need must come before the decline does."""
    return CustomerMatured(
        customer_id=fact.key,
        owner=customer.owner,
        evidence=evidence,
        rolling_value=trend.rolling_value,
    )


def _reason(after: Segment, fact: Fact, trend: TrendChanged) -> list[Evidence]:
    if after != "maturing":
        return [Evidence(sign="trend", value=trend.change, text=trend.after, event_id=fact.id)]
    return [
        Evidence(sign="steady-periods", value=trend.steady, event_id=fact.id),
        Evidence(sign="windows-below-peak", value=trend.windows_below_peak, event_id=fact.id),
    ]


def _slowing(customer: Customer, fact: Fact, trend: TrendChanged, world: World) -> Events:
    """Ask for the next product at the peak; once in each stay in `growing`."""
    periods = world.policy.trend.slowing_periods
    if customer.segment != "growing" or customer.growth_warned or trend.slowing < periods:
        return []
    reason = Evidence(
        sign="growth-slowed", value=trend.slowing, threshold=periods, event_id=fact.id
    )
    return [GrowthSlowed(customer_id=fact.key, owner=customer.owner, evidence=[reason])]
