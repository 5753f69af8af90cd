"""The win-back case, from the light to the end of its effectiveness check (C14)."""

from datetime import UTC, date, datetime, timedelta
from typing import Literal

from perennial.contracts import calendar
from perennial.contracts.base import Fact, Minor, month_of
from perennial.contracts.customers import (
    CurveStarted,
    CustomerLost,
    CustomerRecovered,
    Evidence,
    RedLightCleared,
    RedLightLit,
    Signs,
    SignsNoted,
    WinbackClosed,
    WinbackOpened,
    WinbackOverdue,
)
from perennial.contracts.rounding import round_to
from perennial.contracts.scores import CustomerScored, TrendChanged

from lifecycle.domain import redlight
from lifecycle.domain.moves import Events, because, moved
from lifecycle.domain.record import Case, Customer, answers_after
from lifecycle.domain.segments import after_light
from lifecycle.domain.world import World
from lifecycle.policy import Winback

NO_ANSWER = "no answer"


def light(
    customer: Customer,
    fact: Fact,
    evidence: list[Evidence],
    signs: Signs,
    world: World,
    now: datetime,
) -> Events:
    """Red light: the customer declines and a case with an owner is open in the same breath."""
    numbers = fact.data if isinstance(fact.data, redlight.Numbers) else None
    at_risk = redlight.value_at_risk(numbers) if numbers else 0
    lit = RedLightLit(
        customer_id=fact.key,
        evidence=evidence,
        owner=customer.owner,
        value_at_risk=at_risk,
        rolling_value=redlight.rolling_value(numbers) if numbers else 0,
    )
    return [
        lit,
        moved(customer, "declining", fact, world, evidence),
        _opened(customer, fact, lit, signs, world, now),
    ]


def _opened(
    customer: Customer, fact: Fact, lit: RedLightLit, signs: Signs, world: World, now: datetime
) -> WinbackOpened:
    """A new case; or the old one again, if the light comes back before its check (C14)."""
    rules, earlier = world.policy.winback, customer.case
    return WinbackOpened(
        customer_id=fact.key,
        case_id=earlier.case_id if earlier else f"{fact.key}-w{customer.cases + 1}",
        owner=customer.owner,
        evidence=lit.evidence,
        diagnose_by=calendar.add(now, rules.diagnose_within, world.calendar),
        deadline=now + timedelta(days=rules.deadline_days),
        value_at_risk=lit.value_at_risk,
        baseline=fact.data.baseline if isinstance(fact.data, TrendChanged) else 0,
        reopens=earlier.reopens + 1 if earlier else 0,
        signs=signs,
    )


def while_declining(customer: Customer, fact: Fact, world: World, now: datetime) -> Events:
    """Before the cause is known: the light may go out by itself; else what was said is noted."""
    rules, light_on = world.policy.light, customer.light
    signs = redlight.read(customer.signs, fact.data, now, rules)
    lit_by = light_on.signs if light_on else []
    cured = redlight.cure(lit_by, signs, fact.data, rules, fact.id)
    return cleared(customer, fact, cured, signs, world) if cured else _noted(customer, fact, signs)


def cleared(
    customer: Customer, fact: Fact, cured: list[Evidence], signs: Signs, world: World
) -> Events:
    """Light off, case closed, back to the trend's segment on the same curve."""
    back = after_light(customer.unlit_segment or "maintaining", signs.trend)
    events: Events = [RedLightCleared(customer_id=fact.key, evidence=cured)]
    if customer.case is not None:
        events.append(_closed(customer.case, fact, "light-cleared", cured[0].sign))
    return [*events, moved(customer, back, fact, world, cured)]


def while_winning_back(customer: Customer, fact: Fact, world: World, now: datetime) -> Events:
    """With the cause known only orders in rhythm, or the value itself, say it worked."""
    signs = redlight.read(customer.signs, fact.data, now, world.policy.light)
    case = customer.case
    if case is not None and not redlight.still_not_alive(signs, world.policy.light):
        found = _recovery(case, fact, signs, world.policy.winback)
        if found:
            return _recovered(customer, case, fact, found, signs, world, now)
    return _noted(customer, fact, signs)


def _recovery(case: Case, fact: Fact, signs: Signs, rules: Winback) -> list[Evidence]:
    if isinstance(fact.data, TrendChanged):
        return _value_is_back(case, fact, fact.data, rules)
    if _answer(case, fact) is None or signs.last_order is None:
        return []
    answers = answers_after(case, signs.last_order, signs.usual_days)
    if answers < rules.orders_to_recover:
        return []
    return [
        Evidence(
            sign="orders-in-rhythm",
            value=answers,
            threshold=rules.orders_to_recover,
            event_id=fact.id,
        )
    ]


def _value_is_back(case: Case, fact: Fact, trend: TrendChanged, rules: Winback) -> list[Evidence]:
    """A window judged after the light, and an order since: an old window proves nothing."""
    baseline = trend.baseline or case.baseline
    if not case.answers or baseline <= 0 or trend.period <= month_of(case.opened_at):
        return []
    share = round_to(trend.window / baseline)
    if share < rules.value_to_recover:
        return []
    threshold = rules.value_to_recover
    return [Evidence(sign="value-restored", value=share, threshold=threshold, event_id=fact.id)]


def _recovered(
    customer: Customer,
    case: Case,
    fact: Fact,
    found: list[Evidence],
    signs: Signs,
    world: World,
    now: datetime,
) -> Events:
    """Growing on the next curve; the case itself closes only after its effectiveness check."""
    at_light = customer.light.rolling_value if customer.light else 0
    return [
        CustomerRecovered(
            customer_id=fact.key,
            case_id=case.case_id,
            evidence=found,
            saved=max(0, signs.rolling_value - at_light),
            check_at=now + timedelta(days=world.policy.winback.check_after_days),
        ),
        CurveStarted(customer_id=fact.key, curve=customer.curve + 1, because="recovery"),
        moved(customer, "growing", fact, world, found),
    ]


def _answer(case: Case, fact: Fact) -> date | None:
    """The day of an order that came after the light; one from before it answers nothing."""
    day = redlight.order_day(fact.data)
    return day if day is not None and day >= case.opened_at.date() else None


def _noted(customer: Customer, fact: Fact, signs: Signs) -> Events:
    """Scores out of silence move nothing and are not kept; the rest is, for later decisions."""
    answer = _answer(customer.case, fact) if customer.case else None
    if isinstance(fact.data, CustomerScored) and answer is None:
        return []
    order_id = fact.data.order.order_id if answer is not None else ""
    return [SignsNoted(customer_id=fact.key, signs=signs, order_id=order_id)]


def due(customer: Customer, rules: Winback) -> dict[str, datetime]:
    """What will happen by itself: the ladder, the deadline, or the effectiveness check."""
    case = customer.case
    if case is None:
        return {}
    if case.check_at is not None:
        return {"effectiveness-check": case.check_at}
    if customer.segment == "winning-back":
        return {"deadline": _given_up_at(case, customer.signs, rules)}
    if case.reminders < len(rules.escalate_after_days):
        after = rules.escalate_after_days[case.reminders]
        return {"diagnosis": case.diagnose_by + timedelta(days=after)}
    return {}


def _given_up_at(case: Case, signs: Signs, rules: Winback) -> datetime:
    """Past the deadline and silent for long: an order in between moves this moment away."""
    if signs.usual_days is None or signs.last_order is None:
        return case.deadline
    last = datetime.combine(signs.last_order, datetime.min.time(), UTC)
    silent = last + timedelta(days=rules.lost_after_silence * signs.usual_days)
    return max(case.deadline, silent)


def overdue(customer: Customer, case: Case, fact: Fact, world: World) -> Events:
    """One rung up the ladder: the owner's manager, then the manager's, at last a named role."""
    person = case.owner
    for _ in range(case.reminders + 1):
        person = world.staff.manager(person)
    return [
        WinbackOverdue(
            customer_id=fact.key,
            case_id=case.case_id,
            owner=case.owner,
            escalated_to=person or world.policy.watchers.last_resort[0],
            step=case.reminders + 1,
        )
    ]


def given_up(
    customer: Customer, fact: Fact, world: World, reason: str = NO_ANSWER, by: str = ""
) -> Events:
    """The customer is lost: by the deadline with no answer, or because a person says so."""
    case = customer.case
    evidence = because("person" if by else "deadline", fact, text=reason)
    closing = [_closed(case, fact, "lost", reason, by)] if case else []
    return [
        *closing,
        CustomerLost(
            customer_id=fact.key,
            case_id=case.case_id if case else "",
            reason=reason,
            owner=customer.owner,
            value_lost=value_lost(customer),
            evidence=evidence,
        ),
        moved(customer, "lost", fact, world, evidence),
    ]


def value_lost(customer: Customer) -> Minor:
    return customer.light.rolling_value if customer.light else 0


def checked(case: Case, fact: Fact) -> Events:
    """No light since the recovery: it held, and only now is the case closed."""
    return [
        WinbackClosed(
            customer_id=fact.key,
            case_id=case.case_id,
            outcome="recovered",
            reason="held",
            saved=case.saved,
        )
    ]


def closed_by_release(case: Case, fact: Fact) -> WinbackClosed:
    """Whoever is let go is not won back, unless it had come back already."""
    if case.check_at is not None:
        return _closed(case, fact, "recovered", "released", fact.principal)
    return _closed(case, fact, "lost", "released", fact.principal)


def _closed(
    case: Case,
    fact: Fact,
    outcome: Literal["recovered", "lost", "light-cleared"],
    reason: str,
    by: str = "",
) -> WinbackClosed:
    return WinbackClosed(
        customer_id=fact.key,
        case_id=case.case_id,
        outcome=outcome,
        reason=reason,
        by=by,
    )
