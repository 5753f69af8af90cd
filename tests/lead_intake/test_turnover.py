"""A holder's time: clocks, ladder, leases, changes of rule and calendar; features.md 2.5."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.domain.turnover import ProtectLead, ReleaseLead
from perennial.contracts.base import Event
from perennial.contracts.holdings import (
    LeadNurtured,
    LeadPooled,
    LeadReleased,
    LeadTurnedOver,
    ProtectionEnded,
    ProtectionGranted,
    TurnoverWarned,
)

from tests.fold import RefusedError
from tests.lead_intake.histories import NOW
from tests.lead_intake.selling import DAY, HOUR, Market, adopted, policy, seller

pytestmark = pytest.mark.feature("I10")
NAMES = ("ann", "bo", "cy", "di")
WON = {"clock": "assignment", "period": "14d"}


def rules(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"turnover": {"rules": list(rows), **more}}


def market(**sections: Any) -> Market:
    """NOW is a Monday. Nobody is left in peace after a drop: test_protection.py has that."""
    sections["holding"] = {"quiet": "0d"} | sections.get("holding", {})
    made = Market(*(seller(name) for name in NAMES), policy=policy(**sections))
    made.lead("l")
    return made


def told(events: list[Event]) -> list[str]:
    return [f"{e.clock}:{e.rung}" for e in events if isinstance(e, TurnoverWarned)]


def fall(events: list[Event]) -> LeadTurnedOver:
    (found,) = [event for event in events if isinstance(event, LeadTurnedOver)]
    return found


def fell_at(it: Market) -> datetime:
    """When the lead is turned over if nothing more happens."""
    it.go(200 * DAY)
    return next(
        at for at, e in zip(it.times, it.events, strict=True) if isinstance(e, LeadTurnedOver)
    )


def test_no_first_contact_within_a_working_day_turns_over() -> None:
    it = market()
    it.go(4 * DAY)
    it.assign("l", "ann")

    assert "first-contact:2d" in told(it.go(3 * DAY - timedelta(seconds=1)))
    assert it.holder("l") == "ann"
    events = it.go(timedelta(seconds=1))

    over = fall(events)
    assert (over.clock, over.former, over.follows, over.calendar) == (
        "first-contact", "ann", "waiting", "default@1",
    )  # fmt: skip
    assert over.due_at == NOW + 7 * DAY
    assert told(events) == ["first-contact:due"]
    assert it.stage("l") == "waiting"


def test_a_week_without_effective_activity_turns_over_and_a_note_is_none() -> None:
    it = market()
    it.assign("l", "ann")
    it.act("l", "call-connected")
    it.go(3 * DAY)
    it.act("l", "note", effective=False)

    events = it.go(4 * DAY)

    assert fall(events).clock == "activity"
    assert fall(events).last_effective == NOW
    assert told(events) == ["activity:2d", "activity:due"]


def test_not_won_after_two_weeks_turns_over_whatever_is_done() -> None:
    it = market()
    it.assign("l", "ann")
    events: list[Event] = []
    for _ in range(14):
        it.act("l", "call-connected")
        events += it.go(DAY)

    assert fall(events).clock == "assignment"
    assert told(events) == ["assignment:5d", "assignment:2d", "assignment:due"]
    assert it.times[-1] == NOW + 14 * DAY


def test_conformance_1_a_record_never_contacted_counts_from_its_assignment() -> None:
    it = market(**rules({"clock": "activity", "period": "30d"}))
    it.go(100 * DAY)
    it.assign("l", "ann")

    assert fell_at(it) == NOW + 130 * DAY


def test_an_activity_cancels_the_rungs_of_its_clock_and_they_come_again() -> None:
    it = market(**rules({"clock": "activity", "period": "7d"}))
    it.assign("l", "ann")
    first = it.go(3 * DAY)
    it.act("l", "reply-received")
    second = it.go(4 * DAY)

    assert (told(first), told(second)) == (["activity:5d"], ["activity:5d"])
    assert it.holder("l") == "ann"


def test_never_back_to_an_earlier_holder_and_to_the_pool_after_three() -> None:
    it = market(**rules(WON))
    follows = []
    for name in ("ann", "bo", "cy"):
        it.assign("l", name)
        follows.append(fall(it.go(14 * DAY)).follows)
        if it.stage("l") == "waiting":
            with pytest.raises(RefusedError, match="held-before"):
                it.assign("l", name)

    assert follows == ["waiting", "waiting", "pool"]
    assert isinstance(it.events[-1], LeadPooled)
    assert it.stage("l") == "pooled"


def test_a_5a_is_reviewed_by_the_manager_and_never_turned_over() -> None:
    it = Market(seller("ann", level=5))
    it.lead("l", grade="5A")
    it.assign("l", "ann")

    events = it.go(100 * DAY)

    (warned,) = events
    assert isinstance(warned, TurnoverWarned)
    assert (warned.rung, warned.manager_too, warned.due_at) == ("review", True, NOW + 14 * DAY)
    assert it.holder("l") == "ann"


@pytest.mark.parametrize(
    ("combine", "clock", "day"),
    [("min", "activity", 7), ("max", "assignment", 14), ("first", "assignment", 14)],
)
def test_several_rules_combine_as_the_policy_says(combine: str, clock: str, day: int) -> None:
    both = [WON, {"clock": "activity", "period": "7d"}]
    it = market(**rules(*both, combine=combine))
    it.assign("l", "ann")

    assert fell_at(it) == NOW + day * DAY
    assert next(e for e in it.events if isinstance(e, LeadTurnedOver)).clock == clock


def test_periods_differ_by_grade_product_and_source() -> None:
    it = market(**rules(
        {"clock": "assignment", "period": "10d", "products": ["crane"]},
        {"clock": "assignment", "period": "20d", "sources": ["fair"], "grades": ["2A"]},
        {"clock": "assignment", "period": "30d"},
        combine="first",
    ))  # fmt: skip
    for lead, product in (("c", "crane"), ("d", "hook")):
        it.lead(lead, product=product)
        it.assign(lead, "ann")
    it.go(10 * DAY)
    assert (it.stage("c"), it.stage("d")) == ("waiting", "held")
    it.go(20 * DAY)
    assert it.stage("d") == "waiting"


def test_the_clocks_of_quotation_and_contract_end() -> None:
    it = market(**rules(
        {"clock": "quotation", "period": "5d"}, {"clock": "contract-end", "period": "30d"},
        lease={"by": []},
    ))  # fmt: skip
    it.lead("q")
    it.lead("e", attributes={"contract_end": "2026-06-11"})
    for lead in ("q", "e"):
        it.assign(lead, "ann")
    it.go(9 * DAY)
    it.act("q", "quotation")
    it.go(5 * DAY)

    assert (it.stage("q"), it.holder("e")) == ("waiting", "ann")
    it.go_to(datetime(2026, 7, 11, tzinfo=UTC))
    assert it.stage("e") == "waiting"


def test_conformance_12_a_lease_protects_and_the_fall_after_it_cites_it() -> None:
    it = market(**rules(WON))
    it.assign("l", "ann")
    it.go(10 * DAY)
    granted = it.act("l", "quotation")[-1]
    assert isinstance(granted, ProtectionGranted)
    assert (granted.until, granted.times) == (NOW + 24 * DAY, 1)

    assert it.go(14 * DAY - timedelta(seconds=1)) != []
    assert it.holder("l") == "ann"
    events = it.go(timedelta(seconds=1))

    assert [type(event) for event in events[-2:]] == [ProtectionEnded, LeadTurnedOver]
    assert fall(events).lease == f"lease 1 ended {(NOW + 24 * DAY).isoformat()}"


def test_a_holding_earns_two_leases_at_most_and_a_new_one_begins_anew() -> None:
    it = market(**rules(WON))
    it.assign("l", "ann")
    granted = [len(it.act("l", "meeting-held")) - 1 for _ in range(3)]
    with pytest.raises(RefusedError, match="leased-too-often"):
        it.ask(it.key("l"), ProtectLead(lead_id="l", by="boss", reason="soon"))
    it.go(14 * DAY)
    it.assign("l", "bo")

    assert granted == [1, 1, 0]
    assert len(it.act("l", "quotation")) == 2


def test_a_lease_that_ends_before_any_clock_only_ends() -> None:
    it = market(**rules({"clock": "assignment", "period": "60d"}))
    it.assign("l", "ann")
    it.act("l", "meeting-held")

    assert [type(event) for event in it.go(14 * DAY)] == [ProtectionEnded]
    assert it.holder("l") == "ann"


def test_what_may_not_be_handed_over_again_rests_in_nurture_with_its_date() -> None:
    it = market(**rules(WON), holding={"handovers": {"most": 1}})
    for name in ("ann", "bo"):
        it.assign("l", name)
        it.act("l", "call-connected")
        it.go(14 * DAY)

    rested = it.events[-1]
    assert isinstance(rested, LeadNurtured)
    assert (rested.because, rested.until) == ("barred", NOW + 14 * DAY + 90 * DAY)
    assert fall(it.events[-2:]).follows == "nurture"


def test_its_holder_lets_it_go_with_a_reason() -> None:
    it = market()
    it.assign("l", "ann")
    key = it.key("l")
    with pytest.raises(RefusedError, match="not-yours"):
        it.ask(key, ReleaseLead(lead_id="l", by="bo", reason="mine"))
    with pytest.raises(RefusedError, match="reason-missing"):
        it.ask(key, ReleaseLead(lead_id="l", by="ann", reason=" "))

    (event,) = it.ask(key, ReleaseLead(lead_id="l", by="ann", reason="wrong region"))

    assert isinstance(event, LeadReleased)
    assert (it.stage("l"), it.ledgers["ann"].open) == ("waiting", {})


def test_conformance_7_off_and_on_again_leaves_the_clock_as_it_was() -> None:
    it = market()
    it.adoptions = adopted(
        (NOW - DAY, rules(WON)),
        (NOW + 3 * DAY, rules(transition="recompute")),
        (NOW + 5 * DAY, rules(WON, transition="recompute")),
    )
    it.assign("l", "ann")

    assert fell_at(it) == NOW + 14 * DAY


def test_conformance_7_a_shorter_period_under_grace_takes_nobody_before_its_end() -> None:
    it = market()
    month = {"clock": "assignment", "period": "30d"}
    it.adoptions = adopted(
        (NOW - DAY, rules(month)), (NOW + 20 * DAY, rules(WON, transition="grace 7d"))
    )
    it.assign("l", "ann")
    it.go(15 * DAY)
    it.lead("young")
    it.assign("young", "bo")

    events = it.go(30 * DAY)

    falls = [
        (event.former, at)
        for event, at in zip(it.events, it.times, strict=True)
        if isinstance(event, LeadTurnedOver)
    ]
    assert falls == [("ann", NOW + 27 * DAY), ("bo", NOW + 29 * DAY)]
    assert told(events).count("assignment:2d") == 2


@pytest.mark.parametrize(
    ("transition", "day"), [("grandfather", 30), ("recompute", 20), ("grace 14d", 34)]
)
def test_a_new_version_says_what_becomes_of_running_clocks(transition: str, day: int) -> None:
    it = market()
    month = {"clock": "assignment", "period": "30d"}
    it.adoptions = adopted(
        (NOW - DAY, rules(month)), (NOW + 20 * DAY, rules(WON, transition=transition))
    )
    it.assign("l", "ann")

    assert fell_at(it) == NOW + day * DAY


def test_an_announced_change_that_moves_no_clock_silences_no_rung() -> None:
    it = market()
    it.adoptions = adopted(
        (NOW - DAY, rules(WON)),
        (NOW + 10 * DAY, rules({"clock": "assignment", "period": "3d"})),
    )
    it.assign("l", "ann")

    assert told(it.go(14 * DAY)) == ["assignment:5d", "assignment:2d", "assignment:due"]


def test_conformance_10_a_holiday_edited_today_does_not_move_yesterdays_breach() -> None:
    it = market(**rules({"clock": "assignment", "period": "3wd"}))
    it.calendar(timezone="UTC")
    it.lead("late")
    it.assign("l", "ann")
    it.go(DAY)
    it.assign("late", "bo")
    it.go(2 * DAY + HOUR)
    assert it.stage("l") == "waiting"
    breach = it.times[-1]

    it.calendar(timezone="UTC", holidays=[date(2026, 6, 3), date(2026, 6, 5)])

    assert breach == NOW + 3 * DAY
    assert fall(it.events).due_at == breach
    it.go(30 * DAY)
    late = next(e for e in it.events if isinstance(e, LeadTurnedOver) and e.former == "bo")
    assert (late.due_at, late.calendar) == (NOW + 8 * DAY, "default@2")


def test_conformance_10_holds_when_the_breach_is_only_noticed_after_the_edit() -> None:
    """The service was down over both: the breach stands where it was."""
    it = market(**rules({"clock": "assignment", "period": "3wd"}))
    it.calendar(timezone="UTC")
    it.assign("l", "ann")
    it.now = NOW + 4 * DAY
    it.calendar(timezone="UTC", holidays=[date(2026, 6, 3)])
    it.now = NOW

    assert fell_at(it) == NOW + 3 * DAY


def test_a_holiday_taken_back_lets_nobody_fall_before_that_is_known() -> None:
    it = market(**rules({"clock": "assignment", "period": "3wd"}))
    it.calendar(timezone="UTC", holidays=[date(2026, 6, 2), date(2026, 6, 3)])
    it.assign("l", "ann")
    it.go(4 * DAY)
    it.calendar(timezone="UTC")

    assert fell_at(it) == NOW + 4 * DAY


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["note", "call-connected", "quotation", "wait", "assign"]),
            st.integers(1, 72),
        ),
        max_size=30,
    )
)
def test_conformance_11_each_rung_is_told_once_for_each_run_of_its_clock(
    steps: list[tuple[Any, int]],
) -> None:
    it = market()
    for what, hours in steps:
        if what == "assign" and it.stage("l") == "waiting":
            free = [name for name in NAMES if name not in it.party(it.key("l")).leads["l"].held_by]
            it.assign("l", free[0])
        elif what not in ("wait", "assign") and it.holder("l"):
            it.act("l", what, effective=what != "note")
        it.go(hours * HOUR)

    runs = Counter(
        (e.holder, e.clock, e.rung, e.started_at)
        for e in it.events
        if isinstance(e, TurnoverWarned)
    )
    assert not runs or max(runs.values()) == 1
    for event, at in zip(it.events, it.times, strict=True):
        if isinstance(event, LeadTurnedOver):
            assert at >= event.due_at
