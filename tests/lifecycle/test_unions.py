"""Customers that were found to be one: the one that is part of another rests whole, as it was (I2)."""

from typing import Any

import pytest
from lifecycle import jobs, store
from lifecycle.domain.report import reconciles
from lifecycle.handlers import CUSTOMER
from lifecycle.main import SERVICE
from perennial.contracts.customers import CustomerActivated, CustomerMoved, RedLightLit
from perennial.contracts.entering import CustomerMerged, CustomerUnmerged, LeadHolderNoted
from perennial.contracts.scores import CustomerScored, OrderEffect
from perennial.contracts.unions import LeadLeft, LeadMerged, LeadTaken, LeadUnmerged
from perennial.kit.history import state_at, timeline

from tests.lifecycle.conftest import House
from tests.lifecycle.driving import ANN, START, Life, lead, lived, ordered, scored
from tests.lifecycle.stories import day, two_months

pytestmark = pytest.mark.feature("I2")
SAID: dict[str, Any] = {"root": "c-root", "loser": ANN, "by": "kim"}


def customer() -> Life:
    return lived([(0, lead()), (1, ordered(1, START)), (5, ordered(2, START))])


def merged(key: str = ANN, **more: Any) -> LeadMerged:
    return LeadMerged(customer_id=key, **{**SAID, **more})


def unmerged(key: str = ANN, **more: Any) -> LeadUnmerged:
    return LeadUnmerged(customer_id=key, **{**SAID, **more})


def gone(number: int) -> CustomerScored:
    left = OrderEffect(order_id=f"o{number}", day=START.date(), kind="left", orders=-1, paid=-1)
    return scored(because="order", order=left, orders=1, paid_orders=1, alive=0.01)


def taken_back(number: int) -> CustomerScored:
    order = OrderEffect(order_id=f"o{number}", day=START.date(), kind="taken", orders=1, paid=1)
    return scored(because="order", order=order, orders=1, paid_orders=1)


def test_it_rests_in_no_segment_and_nothing_said_of_it_counts() -> None:
    life = customer()
    before = life.segment
    life.after(1, merged())
    assert (life.segment, life.state.root, life.state.was) == (None, "c-root", before)
    made = len(life.events)
    life.after(400, scored(alive=0.01, silence_days=400.0))
    assert len(life.events) == made
    [event] = life.made(CustomerMerged)
    assert (event.before, event.number) == (before, life.state.number)


def test_apart_again_it_stands_where_it_stood_with_its_number() -> None:
    life = customer()
    before = life.state
    life.after(1, merged(), unmerged())
    assert life.state == before
    assert [one.after for one in life.made(CustomerUnmerged)] == [before.segment]


def test_a_score_that_overtakes_the_word_that_they_are_two_counts_once_it_came() -> None:
    life = lived([(0, lead()), (0, merged())])
    life.after(3, taken_back(1), unmerged())
    assert (life.segment, life.state.entry_order, life.state.early) == ("activated", "o1", ())
    assert life.made(CustomerUnmerged)[0].after == "identified"
    late = lived([(0, lead()), (0, merged())]).after(3, unmerged(), taken_back(1))
    assert (late.segment, late.state.number) == (life.segment, life.state.number)


def test_a_score_under_way_when_they_became_one_leaves_nothing_once_its_order_left() -> None:
    life = lived([(0, lead()), (0, merged())])
    alike = life.state
    life.after(1, ordered(1, life.now), scored(alive=0.9), gone(1))
    assert life.state == alike
    life.after(1, unmerged())
    assert (life.segment, life.made(CustomerActivated)) == ("identified", [])


def test_a_case_waits_with_its_customer_and_goes_on_afterwards() -> None:
    life = customer().after(1, scored(alive=0.01, silence_days=90.0))
    assert life.made(RedLightLit)
    case = life.state.case
    life.after(0, merged()).after(30)
    assert CUSTOMER.due(life.state, life.world) == {}
    life.after(0, unmerged())
    assert (life.segment, life.state.case.case_id) == ("declining", case.case_id)


def test_to_the_root_it_makes_no_difference_but_leads_and_orders() -> None:
    life = customer()
    state = life.state
    life.after(1, merged(root=ANN, loser="c-other"))
    assert life.state == state
    moves = len(life.made(CustomerMoved))
    life.after(1, gone(2))
    assert len(life.made(CustomerMoved)) == moves


def test_who_held_a_lead_of_the_one_holds_it_of_the_other() -> None:
    taken = LeadTaken(
        customer_id=ANN, lead_id="l9", former="c-2", stage="held", holder="carl", grade="3A"
    )
    life = lived([(0, lead()), (1, taken)])
    assert (life.segment, life.state.held["l9"].holder) == ("prospecting", "carl")
    life.after(1, LeadLeft(customer_id=ANN, lead_id="l9", to="c-2"))
    assert (life.segment, life.state.held) == ("identified", {})
    assert [one.stage for one in life.made(LeadHolderNoted)] == ["held", "free"]


@pytest.mark.stack
@pytest.mark.feature("C13")
async def test_the_month_reconciles_and_every_list_knows_of_it(house: House) -> None:
    await two_months(house)
    union: dict[str, Any] = {"root": "a", "loser": "c", "by": "kim"}
    await house.told(day(2, 20), ("c", LeadMerged(customer_id="c", **union)))
    wish = await jobs.monthly(house, "1997-02")
    assert reconciles(wish.lines)
    assert (wish.lines["merged"].customers, wish.lines["closing"].customers) == (1, 2)

    counts = await store.segment_counts(house.pool, None, None)
    assert counts == {"activated": 1, "declining": 1}
    assert await store.segment_counts_as_of(house.pool, day(2, 21)) == counts
    assert await store.segment_counts_as_of(house.pool, day(2, 19)) == {
        "activated": 2,
        "declining": 1,
    }
    assert await store.absorbed(house.pool, "a") == ["c"]
    kinds = {(row["key"], row["type"]) for row in await timeline(house.pool, ["a", "c"], None, 200)}
    assert {("c", "perennial.customer.merged.v1"), ("a", "perennial.customer.activated.v1")} < kinds

    await house.told(day(3, 2), ("c", LeadUnmerged(customer_id="c", **union)))
    march = await jobs.monthly(house, "1997-03")
    assert reconciles(march.lines)
    assert march.lines["unmerged"].customers == 1
    past = await state_at(house.pool, SERVICE, CUSTOMER, "c", day(2, 25))
    assert past.root == "a"
