"""Time to act: short clocks, and clocks that a new grade sets going, are warned of before they end."""

from datetime import timedelta

import pytest
from lead_intake.policy import Policy
from lead_intake.policy.turnover import Rule, Turnover, Warn
from perennial.contracts.holdings import Grade, TurnoverWarned
from perennial.contracts.leads import LeadGraded

from tests.lead_intake.histories import NOW
from tests.lead_intake.selling import DAY, HOUR, Market, seller
from tests.lead_intake.test_turnover import WON, fall, fell_at, market, rules, told

pytestmark = pytest.mark.feature("I10")


def test_a_clock_too_short_for_days_is_warned_of_when_half_of_it_is_over() -> None:
    it = market()
    it.assign("l", "ann")

    early = it.go(DAY / 2)

    (warned,) = early
    assert isinstance(warned, TurnoverWarned)
    assert (warned.clock, warned.rung, warned.manager_too) == ("first-contact", "half", False)
    assert warned.due_at - it.times[-1] == DAY / 2
    assert told(it.go(DAY / 2)) == ["first-contact:due"]


def test_a_rung_is_told_once_whatever_it_is_called() -> None:
    """A policy adopted before such names were refused."""
    once = (Rule(clock="assignment", period="14d"),)
    ladder = (Warn(rung="a/b", before="5d"),)
    it = market()
    it.policy = Policy(turnover=Turnover(rules=once, warnings=ladder))
    it.assign("l", "ann")

    assert told(it.go(10 * DAY)) == ["assignment:a/b"]


def graded(it: Market, grade: Grade) -> None:
    it.take(it.key("l"), [
        LeadGraded(
            customer_id=it.key("l"), lead_id="l", grade=grade, score=0.4, ready=True,
            expected_value=1,
        )
    ])  # fmt: skip


def test_a_lead_that_silence_regrades_leaves_its_holder_time_to_act() -> None:
    it = Market(seller("ann", level=5))
    it.lead("l", grade="5A")
    it.assign("l", "ann")
    it.go(40 * DAY)
    graded(it, "4A")
    it.go(HOUR)
    graded(it, "3A")

    before = it.go(2 * DAY - HOUR - timedelta(seconds=1))

    assert set(told(before)) == {"first-contact:half", "activity:half", "assignment:half"}
    assert it.holder("l") == "ann"
    assert fall(it.go(timedelta(seconds=1))).due_at == NOW + 42 * DAY


def test_a_new_grade_under_the_same_rule_prolongs_nothing() -> None:
    it = market(**rules(WON))
    it.assign("l", "ann")
    it.go(14 * DAY - HOUR)
    graded(it, "3A")

    assert fell_at(it) == NOW + 14 * DAY
