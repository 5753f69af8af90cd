"""What a customer is spared (T1): contacts a week, peace after a drop, no sales amid a complaint."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.domain.activities import record
from lead_intake.domain.assigning import ReholdLead
from lead_intake.domain.contacts import free_from
from lead_intake.domain.requests import ActivitySaid, PlanContact
from lead_intake.domain.turnover import ReleaseLead
from perennial.contracts.base import Fact
from perennial.contracts.holdings import (
    ActivityLogged,
    ContactPlanned,
    LeadAssigned,
    LeadNurtured,
    LeadTurnedOver,
)
from perennial.contracts.leads import LeadTouched
from perennial.contracts.partner import RecordActivity
from perennial.contracts.touches import Touch

from tests.fold import RefusedError
from tests.lead_intake.selling import DAY, HOUR, Market, policy, seller

pytestmark = pytest.mark.feature("T1")
WEEK = 7 * DAY


def market(**sections: Any) -> Market:
    made = Market(*(seller(name) for name in ("ann", "bo", "cy")), policy=policy(**sections))
    made.lead("l", party="c")
    return made


def plan(it: Market, lead: str, at: datetime, activity: str = "", by: str = "ann") -> Any:
    wish = PlanContact(
        lead_id=lead, by=by, activity=activity or f"{lead}@{at}", kind="call-connected", at=at
    )
    return it.ask(it.key(lead), wish)


def log(it: Market, lead: str, kind: Any, at: datetime | None = None, word: str = "") -> Any:
    """As a source tells of it."""
    moment = at or it.now
    said = RecordActivity(activity=word or f"{kind}@{moment}", lead=lead, at=moment, kind=kind)
    key = it.key(lead)
    asked = ActivitySaid(lead_id=lead, source="crm", said=said)
    fact = Fact(data=asked, id="f", key=key, now=it.now, time=it.now, principal="p")
    return it.take(key, record(it.party(key), fact, it.world, it.now))  # type: ignore[arg-type]


def no(act: Any, *args: Any, **more: Any) -> tuple[str, str]:
    with pytest.raises(RefusedError) as raised:
        act(*args, **more)
    return raised.value.refusal.code, raised.value.refusal.detail


def dropped(it: Market, lead: str = "l", by: str = "ann") -> None:
    """A seller who had reached them lets it go."""
    it.assign(lead, by)
    log(it, lead, "call-connected")
    it.ask(it.key(lead), ReleaseLead(lead_id=lead, by=by, reason="no fit"))


def test_three_contacts_a_week_over_all_sellers_and_then_none_until_a_date() -> None:
    it = market()
    it.lead("m", party="c")
    it.assign("l", "ann")
    it.assign("m", "bo")
    start = it.now
    log(it, "l", "call-connected")
    plan(it, "m", start + DAY, by="bo")
    plan(it, "l", start + 2 * DAY)

    code, detail = no(plan, it, "m", start + 3 * DAY, by="bo")

    assert code == "contacts-used-up"
    assert (start + WEEK).isoformat() in detail
    assert isinstance(plan(it, "m", start + WEEK, by="bo")[0], ContactPlanned)


def test_a_plan_is_moved_by_its_id_fulfilled_by_its_activity_and_lapses() -> None:
    it = market(holding={"contacts": {"most": 1}})
    it.assign("l", "ann")
    plan(it, "l", it.now + DAY, "a1")
    assert plan(it, "l", it.now + DAY, "a1") == []
    plan(it, "l", it.now + 2 * DAY, "a1")
    it.now += 2 * DAY
    log(it, "l", "call-connected", word="a1")
    assert it.party("c").contacts.planned == {}
    assert no(plan, it, "l", it.now + DAY)[0] == "contacts-used-up"

    it.now += WEEK
    plan(it, "l", it.now + HOUR, "a2")
    it.now += 2 * DAY
    assert plan(it, "l", it.now + HOUR, "a3") != []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"by": "bo"}, "not-yours"),
        ({"kind": "note"}, "no-contact"),
        ({"at": datetime(2026, 1, 1, tzinfo=UTC)}, "date-out-of-range"),
        ({"at": datetime(2027, 1, 1)}, "date-out-of-range"),
        ({"lead_id": "x"}, "lead-unknown"),
    ],
)
def test_what_can_be_no_plan_is_refused_by_name(change: dict[str, Any], code: str) -> None:
    it = market()
    it.assign("l", "ann")
    told: dict[str, Any] = {
        "lead_id": "l",
        "by": "ann",
        "activity": "a",
        "kind": "visit",
        "at": it.now + DAY,
    }

    assert no(it.ask, "c", PlanContact(**(told | change)))[0] == code


def test_a_contact_that_was_made_all_the_same_is_kept_and_says_what_it_broke() -> None:
    it = market(holding={"contacts": {"most": 1}})
    it.assign("l", "ann")
    log(it, "l", "call-connected")
    log(it, "l", "complaint")
    it.now += DAY

    (logged, *_) = log(it, "l", "visit")

    assert isinstance(logged, ActivityLogged)
    assert logged.contact
    assert logged.against == ["complaint-open", "contacts-used-up"]
    assert log(it, "l", "reply-received")[0].contact is False


def test_recorded_contacts_of_long_ago_use_up_nothing() -> None:
    it = market(holding={"contacts": {"most": 1}})
    it.assign("l", "ann")
    log(it, "l", "call-connected", at=it.now - 30 * DAY)

    assert plan(it, "l", it.now + HOUR) != []


def test_who_was_reached_and_dropped_is_left_in_peace_and_then_goes_on() -> None:
    it = market()
    dropped(it)
    until = it.now + 5 * DAY

    rested = it.events[-1]
    assert isinstance(rested, LeadNurtured)
    assert (rested.because, rested.until) == ("barred", until)
    assert it.party("c").leads["l"].barred_until == until
    code, detail = no(it.hand, "l", "bo")
    assert (code, until.isoformat() in detail) == ("quiet-time", True)
    it.go_to(until)
    assert it.stage("l") == "waiting"
    assert isinstance(it.assign("l", "bo")[0], LeadAssigned)


def test_peace_holds_for_every_lead_of_the_party_but_not_for_who_is_at_it() -> None:
    it = market()
    it.lead("m", party="c")
    it.lead("n", party="c")
    it.assign("m", "cy")
    it.now += DAY
    dropped(it)

    assert plan(it, "m", it.now + DAY, by="cy") != []
    (rested,) = it.assign("n", "bo")
    assert isinstance(rested, LeadNurtured)
    assert rested.until == it.now + 5 * DAY


def test_a_turnover_brings_peace_only_to_who_had_been_reached() -> None:
    it = market()
    it.assign("l", "ann")
    it.go(3 * DAY)
    assert isinstance(it.events[-1], LeadTurnedOver)
    assert it.stage("l") == "waiting"

    it.assign("l", "bo")
    log(it, "l", "call-connected")
    it.go(15 * DAY)

    over = next(e for e in it.events[::-1] if isinstance(e, LeadTurnedOver))
    assert (over.former, over.follows) == ("bo", "nurture")


@pytest.mark.parametrize("because", ["customer-wish", "left", "absent"])
def test_the_customers_wish_departure_and_illness_pass(because: Any) -> None:
    it = market()
    dropped(it)
    assert it.hand("l", "bo", because=because) != []


def test_a_leavers_lead_needs_no_peace() -> None:
    it = market()
    it.assign("l", "ann")
    log(it, "l", "call-connected")
    it.ask("c", ReholdLead(lead_id="l", former="ann"))

    assert isinstance(it.assign("l", "bo")[0], LeadAssigned)


def test_who_asks_for_a_call_since_has_peace_no_longer() -> None:
    it = market()
    dropped(it)
    it.now += DAY
    touch = Touch(channel="web", source="crm")
    it.take("c", [LeadTouched(customer_id="c", lead_id="l", touch=touch, wants_call=True)])

    assert it.hand("l", "bo") != []


def test_a_pooled_lead_is_not_claimed_in_quiet_time() -> None:
    it = market(turnover={"holders": 1})
    dropped(it)
    assert it.stage("l") == "pooled"
    it.now += 2 * DAY
    code, detail = no(it.claim, "l", "bo")
    assert (code, (it.now + 3 * DAY).isoformat() in detail) == ("quiet-time", True)
    it.now += 3 * DAY
    assert it.claim("l", "bo") != []


def test_no_sales_amid_a_complaint_until_it_is_answered() -> None:
    it = market()
    it.lead("m", party="c")
    it.assign("m", "cy")
    log(it, "m", "complaint")
    it.now += HOUR

    assert no(it.assign, "l", "ann")[0] == "complaint-open"
    assert no(it.hand, "l", "ann")[0] == "complaint-open"
    code, detail = no(plan, it, "m", it.now + DAY, by="cy")
    assert (code, "complaint-answered" in detail) == ("complaint-open", True)

    log(it, "m", "complaint-answered")
    assert plan(it, "m", it.now + DAY, by="cy") != []
    assert it.assign("l", "ann") != []


def test_a_complaint_that_is_told_late_opens_nothing() -> None:
    it = market()
    it.assign("l", "ann")
    log(it, "l", "complaint-answered")
    log(it, "l", "complaint", at=it.now - DAY)

    assert plan(it, "l", it.now + DAY) != []


@given(
    st.lists(st.tuples(st.integers(0, 400), st.booleans()), max_size=40),
    st.integers(1, 4),
)
def test_no_window_ever_holds_more_whatever_is_asked(
    asked: list[tuple[int, bool]], most: int
) -> None:
    """Refused plans take the date they are given, and that date is the first one that is free."""
    start, taken = datetime(2026, 6, 1, tzinfo=UTC), list[datetime]()
    for hour, takes_date in asked:
        at = start + hour * HOUR
        free = free_from(taken, at, most, WEEK)
        assert free >= at
        if free == at or takes_date:
            taken.append(free)
        else:
            assert free_from(taken, free, most, WEEK) == free
            assert free_from(taken, free - timedelta(microseconds=1), most, WEEK) == free

    assert all(sum(one <= other < one + WEEK for other in taken) <= most for one in taken)
