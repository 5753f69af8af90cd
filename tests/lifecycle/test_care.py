"""Binding, team and tier follow the grade; VIPs are lifted; hand-overs are confirmed item by item."""

from datetime import timedelta
from itertools import product
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifecycle import policy
from lifecycle.domain.care import accountable, served_grade, vip_verdict
from lifecycle.domain.requests import ConfirmHandover, JudgeVip, ReleaseCustomer, Rewatch
from perennial.contracts.customers import CustomerActivated, WatcherChanged
from perennial.contracts.holdings import Grade
from perennial.contracts.teams import (
    CustomerGraded,
    TeamChanged,
    TierChanged,
    TierNoticed,
    VipChanged,
)

from tests.lifecycle.driving import START, UNHURRIED, Life, ordered, person, serving, staffed
from tests.lifecycle.leading import assigned, captured, grade

GRADES = get_args(Grade)
RULES_MD = {
    "1A": ("call-centre", "silver"),
    "2A": ("call-centre", "silver"),
    "3A": ("service-person", "gold"),
    "4A": ("named-team", "platinum"),
    "5A": ("project-team", "platinum"),
}
LIMIT = 100_000_00
MANY = staffed(
    *(person(f"call{n}", "call-centre") for n in range(2)),
    *(person(f"serve{n}") for n in range(3)),
    person("help", "support"),
    person("ada", "head", department="market"),
)


def active(first: Any = None, within: Any = MANY) -> Life:
    facts = [grade(first, "expected")] if first else []
    return Life(within).after(0, captured(), *facts, ordered(1, START))


@pytest.mark.feature("C8")
@pytest.mark.parametrize("first", GRADES)
def test_binding_and_tier_begin_with_the_grade_of_the_lead(first: str) -> None:
    state = active(first).state
    assert (state.binding, state.tier) == RULES_MD[first]
    assert len(state.watchers) == policy.default().bindings[state.binding].size
    kind = "call" if state.binding == "call-centre" else "serve"
    assert state.owner.startswith(kind)


@pytest.mark.feature("C8")
@pytest.mark.parametrize(("before", "after"), [*product(GRADES, GRADES)])
def test_every_change_of_grade(before: str, after: str) -> None:
    life = active(before).after(40, grade(after)).after(31)
    state = life.state
    assert (state.binding, state.tier, state.grade) == (*RULES_MD[after], after)
    changed = life.made(TeamChanged)
    assert [(one.before, one.after) for one in changed] == (
        [(RULES_MD[before][0], RULES_MD[after][0])]
        if RULES_MD[before][0] != RULES_MD[after][0]
        else []
    )
    assert len(state.watchers) == policy.default().bindings[state.binding].size
    assert state.owner == state.watchers[0]
    assert (state.handover is not None) == bool(changed)
    assert len(life.made(TierChanged)) == (RULES_MD[before][1] != RULES_MD[after][1])


@pytest.mark.feature("C8")
def test_who_knows_the_customer_stays() -> None:
    life = active("3A")
    before = life.state.watchers
    life.after(1, grade("5A"))
    assert life.state.watchers[:2] == before
    assert len(life.state.watchers) == 4
    life.after(1, grade("4A"))
    assert life.state.watchers[:2] == before
    assert len(life.state.watchers) == 3
    assert life.take(grade("4A")) == [], "nothing new is no event"


@pytest.mark.feature("C5", "C8")
def test_a_leaver_is_replaced_up_to_the_size_of_the_team() -> None:
    life = active("5A")
    gone = life.state.watchers[1]
    rest = [*(person(f"serve{n}") for n in range(4)), person("help", "support")]
    life.world = staffed(*(one for one in rest if one.person_id != gone))
    life.take(Rewatch(reason="register"))
    assert gone not in life.state.watchers
    assert len(life.state.watchers) == 4


def test_a_fall_of_the_tier_is_noticed_before_and_can_be_averted() -> None:
    life = active("4A").after(1, grade("1A"))
    notice = life.made(TierNoticed)[-1]
    assert (life.state.tier, notice.after) == ("platinum", "silver")
    assert notice.effective_at == START + timedelta(31)
    life.after(10, grade("3A"))
    assert life.state.tier_notice.after == "gold"
    life.after(10, grade("5A"))
    assert life.made(TierNoticed)[-1].after == "platinum", "withdrawn"
    assert (life.state.tier, life.state.tier_notice) == ("platinum", None)
    assert not life.after(60).made(TierChanged)


@pytest.mark.feature("C8")
def test_a_hand_over_is_confirmed_item_by_item() -> None:
    life = Life(MANY).after(0, captured(), assigned(), ordered(1, START))
    items = [one.item for one in life.made(CustomerActivated)[0].handover]
    assert life.asked(ConfirmHandover(item="weather")) == "unknown-item"
    for item in items:
        assert life.asked(ConfirmHandover(item=item)) == ""
        assert life.asked(ConfirmHandover(item=item)) == "already-confirmed"
    assert all(task.by == "kim" for task in life.state.handover.items.values())
    life.after(1, grade("4A"))
    assert not any(task.by for task in life.state.handover.items.values()), "the next begins anew"


@pytest.mark.parametrize(
    ("months", "verdict"),
    [
        ([0, 0, LIMIT + 1], "one-month"),
        ([0, 0, LIMIT], "below"),
        ([LIMIT * 4, 0, 0], "average"),
        ([LIMIT + 1, 0, 0], None),
        ([LIMIT, LIMIT, LIMIT], "below"),
        ([0, LIMIT + 1, LIMIT], None),
    ],
)
def test_what_three_months_say_of_a_vip(months: list[int], verdict: str | None) -> None:
    assert vip_verdict(months, policy.default().vip) == verdict


@pytest.mark.parametrize("first", GRADES)
def test_a_vip_is_served_like_4a_at_least_until_three_months_below(first: Any) -> None:
    life = active(first).after(30, JudgeVip(last="1997-01", months=[0, 0, LIMIT + 1]))
    lifted = max(first, "4A")
    assert (life.state.vip, served_grade(life.state, life.world.policy)) == (True, lifted)
    assert (life.state.binding, life.state.tier) == RULES_MD[lifted]
    life.after(60, JudgeVip(last="1997-03", months=[LIMIT + 1, 0, 0]))
    assert life.state.vip, "only three months below end it"
    life.after(30, JudgeVip(last="1997-04", months=[0, 0, 0]))
    assert (life.state.vip, life.state.binding) == (False, RULES_MD[first][0])
    assert [one.because for one in life.made(VipChanged)] == ["one-month", "below"]


def test_only_customers_are_vips() -> None:
    life = Life(MANY).after(0, captured(), JudgeVip(last="1997-01", months=[LIMIT + 1]))
    assert life.made(VipChanged) == []


@pytest.mark.feature("C29")
def test_the_named_owner_answers_from_3a_up_and_the_head_below() -> None:
    identified = Life(MANY).after(0, captured())
    assert accountable(identified.state, MANY) == ("market", "ada")
    held = identified.after(1, assigned(), grade("2A", "expected"))
    assert accountable(held.state, MANY) == ("sales", "role:sales-head")
    assert accountable(held.after(1, grade("3A", "expected")).state, MANY) == ("sales", "sam")
    assert accountable(active("2A").state, MANY) == ("service", "role:service-head")
    large = active("3A").state
    assert accountable(large, MANY) == ("service", large.owner)


def test_a_grade_that_comes_while_a_customer_rests_counts_when_it_is_back() -> None:
    life = serving().after(1, ReleaseCustomer(reason="abuse"))
    life.after(1, grade("5A"))
    assert life.made(TeamChanged) == []
    assert len(life.made(CustomerGraded)) == 1
    life.after(1, ordered(3, life.now))
    assert (life.segment, life.state.binding) == ("activated", "project-team")
    assert life.state.owner == life.state.watchers[0]


STEPS = st.one_of(
    st.sampled_from(GRADES).map(grade),
    st.lists(st.sampled_from([0, LIMIT, LIMIT + 1]), min_size=3, max_size=3).map(
        lambda months: JudgeVip(last="1997-01", months=months)
    ),
)


@pytest.mark.feature("C5", "C8")
@UNHURRIED
@given(st.lists(st.tuples(st.integers(0, 40), STEPS), max_size=12))
def test_binding_and_tier_are_always_those_of_the_grade_it_is_served_by(steps: list[Any]) -> None:
    life = active()
    for days, step in steps:
        life.after(days, step)
        state, rules = life.state, life.world.policy
        wanted = rules.grades[served_grade(state, rules)]
        assert state.binding == wanted.binding
        assert wanted.tier == (state.tier_notice.after if state.tier_notice else state.tier)
        assert len(set(state.watchers)) == rules.bindings[state.binding].size
    last = life.made(WatcherChanged)
    assert not last or tuple(last[-1].watchers) == life.state.watchers
