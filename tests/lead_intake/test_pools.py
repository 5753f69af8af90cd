"""Public pools: routing, claims and views, limits of a day, cool-downs; features.md 2.5."""

from datetime import timedelta
from typing import Any

import pytest
from lead_intake.domain.pools import PoolLead, RevealContact
from lead_intake.domain.turnover import ReleaseLead
from perennial.contracts.base import Event
from perennial.contracts.holdings import ContactRevealed, LeadClaimed, LeadNurtured, LeadPooled
from perennial.contracts.leads import LeadTagged, LeadTouched
from perennial.contracts.touches import Touch

from tests.fold import RefusedError
from tests.lead_intake.histories import NOW
from tests.lead_intake.selling import DAY, HOUR, Market, policy, seller

pytestmark = pytest.mark.feature("I11")
NAMES = ("ann", "bo", "cy", "di")
OFF: dict[str, Any] = {"turnover": {"rules": []}}


def market(*leads: str, entered: bool = True, **sections: Any) -> Market:
    """Leads lie in their pools, and their hold is over."""
    sellers = [seller(name, team="north" if name == "di" else "") for name in NAMES]
    made = Market(*sellers, policy=policy(**{**OFF, **sections}))
    for lead in leads:
        made.lead(lead)
        pool(made, lead)
    made.now += DAY if entered else timedelta()
    return made


def pool(it: Market, lead: str) -> LeadPooled:
    (event,) = it.ask(it.key(lead), PoolLead(lead_id=lead))
    assert isinstance(event, LeadPooled)
    return event


def release(it: Market, lead: str, by: str) -> list[Event]:
    made = it.ask(it.key(lead), ReleaseLead(lead_id=lead, by=by, reason="no time"))
    if it.stage(lead) == "waiting":
        pool(it, lead)
    return made


def view(it: Market, lead: str, person: str) -> Event:
    return it.ask(it.key(lead), RevealContact(lead_id=lead, by=person))[0]


def no(act: Any, *args: Any) -> tuple[str, str]:
    with pytest.raises(RefusedError) as raised:
        act(*args)
    return raised.value.refusal.code, raised.value.refusal.detail


def test_the_first_pool_that_covers_a_lead_has_it() -> None:
    pools = [{"name": "cranes", "products": ["crane"]}, {"name": "rest"}]
    it = market(pools=pools)
    it.lead("c", product="crane")
    it.lead("d", product="hook")

    assert [pool(it, lead).pool for lead in ("c", "d")] == ["cranes", "rest"]


def test_conformance_2_the_second_claimer_is_told_when_the_first_one_won() -> None:
    it = market("l")
    (claimed,) = it.claim("l", "ann")
    won_at = it.now
    it.now += HOUR

    code, detail = no(it.claim, "l", "bo")

    assert isinstance(claimed, LeadClaimed)
    assert (code, won_at.isoformat() in detail, "ann" in detail) == ("claimed-already", True, False)
    assert no(it.claim, "l", "ann")[0] == "held-already"


def test_conformance_3_a_claim_that_is_let_go_again_counts_all_the_same() -> None:
    it = market("a", "b", "c", "d")
    for lead in ("a", "b", "c"):
        it.claim(lead, "ann")
        release(it, lead, "ann")

    code, detail = no(it.claim, "d", "ann")
    assert code == "claims-used-up"
    assert "3 of 3" in detail
    assert f"Again from {(it.now + DAY).replace(hour=0).isoformat()} on." in detail

    it.now = it.now.replace(hour=23, minute=59)
    assert no(it.claim, "d", "ann")[0] == "claims-used-up"
    it.now += timedelta(minutes=1)
    assert it.claim("d", "ann")


def test_a_day_begins_at_midnight_of_the_pools_zone() -> None:
    it = market("a", "b", pools=[{
        "name": "public", "timezone": "Asia/Shanghai", "limits": [{"name": "one", "claims": 1}],
    }])  # fmt: skip
    it.now = (NOW + DAY).replace(hour=15, minute=59)
    it.claim("a", "ann")
    assert no(it.claim, "b", "ann")[0] == "claims-used-up"

    it.now += timedelta(minutes=1)

    assert it.claim("b", "ann")


def test_conformance_4_an_edit_does_not_extend_the_hold() -> None:
    it = market("l", entered=False)
    it.now += 23 * HOUR
    assert no(it.claim, "l", "ann")[0] == "cooling-down"
    it.take(it.key("l"), [LeadTagged(customer_id=it.key("l"), lead_id="l", added=["hot"])])

    it.now += HOUR

    assert it.claim("l", "ann")


@pytest.mark.parametrize(("combine", "allowed"), [("min", 1), ("max", 5), ("first", 2)])
def test_conformance_13_conflicting_limits_combine_and_are_both_told(
    combine: str, allowed: int
) -> None:
    limits = [
        {"name": "all", "claims": 2},
        {"name": "north", "claims": 1, "teams": ["north"]},
        {"name": "level-2", "claims": 5, "levels": [2]},
        {"name": "level-9", "claims": 0, "levels": [9]},
    ]
    leads = [f"l{number}" for number in range(6)]
    it = market(*leads, pools=[{"name": "public", "limits": limits, "combine": combine}])
    for lead in leads[:allowed]:
        it.claim(lead, "di")

    code, detail = no(it.claim, leads[allowed], "di")

    assert code == "claims-used-up"
    assert f"all 2, north 1, level-2 5 ({combine})" in detail


def test_views_are_counted_and_limited_and_what_one_holds_is_only_kept() -> None:
    it = market("a", "b", "c", pools=[{"name": "public", "limits": [{"name": "all", "views": 2}]}])
    it.claim("c", "ann")

    seen = [view(it, lead, "ann") for lead in ("a", "b", "c")]

    assert [event.pool for event in seen if isinstance(event, ContactRevealed)] == [
        "public",
        "public",
        "",
    ]
    assert no(view, it, "a", "ann")[0] == "views-used-up"
    assert view(it, "c", "ann")
    assert no(view, it, "c", "bo")[0] == "not-yours"


def test_the_last_holder_waits_thirty_days_and_for_somebody_else_or_a_new_touch() -> None:
    it = market("l", "m", "n")
    for lead in ("l", "m", "n"):
        it.claim(lead, "ann")
        release(it, lead, "ann")
    it.now += DAY
    assert no(it.claim, "l", "ann")[0] == "cooling-down"
    it.claim("m", "bo")
    release(it, "m", "bo")
    it.now += 29 * DAY
    touched = LeadTouched(customer_id=it.key("n"), lead_id="n", touch=Touch(channel="fair"))
    it.take(it.key("n"), [touched])

    assert no(it.claim, "l", "ann")[0] == "held-last"
    assert it.claim("m", "ann")
    assert it.claim("n", "ann")


def test_nobody_may_claim_what_was_just_lost() -> None:
    it = market("l", pools=[{"name": "public", "everyone": "3d"}])
    it.claim("l", "ann")
    release(it, "l", "ann")

    it.now += 3 * DAY - HOUR
    assert no(it.claim, "l", "bo")[0] == "cooling-down"
    it.now += HOUR
    assert it.claim("l", "bo")


def test_who_lost_it_by_a_clock_waits_at_least_the_passive_cool_down() -> None:
    short = [{"name": "public", "last_holder": "0d", "passive": "7d"}]
    rules = {"rules": [{"clock": "assignment", "period": "2d"}], "holders": 1}
    it = market("l", pools=short, turnover=rules)
    it.claim("l", "ann")
    it.go(2 * DAY)
    touched = LeadTouched(customer_id=it.key("l"), lead_id="l", touch=Touch(channel="fair"))
    it.go(HOUR)
    it.take(it.key("l"), [touched])

    it.go(7 * DAY - 2 * HOUR)
    assert no(it.claim, "l", "ann")[0] == "cooling-down"
    it.go(HOUR)
    assert it.claim("l", "ann")


def test_a_claim_respects_capacity_level_and_the_budget_of_hand_overs() -> None:
    it = market("a", "b", holding={"handovers": {"most": 0}, "capacity": {"open": 1}})
    it.register["person:cy"] = seller("cy", level=5)
    assert no(it.claim, "a", "cy")[0] == "seller-level"
    assert no(it.claim, "a", "stranger")[0] == "seller-no-seller"
    it.claim("a", "ann")
    assert no(it.claim, "b", "ann")[0] == "seller-full"
    it.act("a", "call-connected")
    it.ask(it.key("a"), ReleaseLead(lead_id="a", by="ann", reason="no time"))
    assert it.stage("a") == "nurture"
    pool(it, "a")
    it.now += DAY

    assert no(it.claim, "a", "bo")[0] == "handover-barred"


@pytest.mark.feature("I3")
def test_every_look_at_contact_data_is_kept() -> None:
    it = market("l")
    boss = RevealContact(lead_id="l", by="boss", anyones=True)

    (event,) = it.ask(it.key("l"), boss)

    assert isinstance(event, ContactRevealed)
    assert (event.by, event.pool) == ("boss", "")


def test_what_nobody_claims_goes_back_to_nurture() -> None:
    it = market("l", entered=False)

    assert it.go(30 * DAY - HOUR) == []
    (event,) = it.go(HOUR)

    assert isinstance(event, LeadNurtured)
    assert (event.because, it.stage("l")) == ("unclaimed", "nurture")


def test_only_what_is_free_is_put_into_a_pool() -> None:
    it = market("l")
    it.claim("l", "ann")

    assert no(pool, it, "l")[0] == "lead-not-free"
    assert no(it.claim, "nothing", "ann")[0] == "lead-unknown"
