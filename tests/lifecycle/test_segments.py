"""The nine segments: every legal move can be made, and no other can be expressed."""

from collections.abc import Callable
from itertools import pairwise, product
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifecycle import policy
from lifecycle.domain.moves import moved
from lifecycle.domain.record import Customer
from lifecycle.domain.requests import (
    CloseWinback,
    DiagnoseWinback,
    LightRedLight,
    ReleaseCustomer,
    Rewatch,
)
from lifecycle.domain.segments import MOVES, IllegalMoveError, by_trend, legal
from lifecycle.handlers import CUSTOMER
from perennial.contracts.base import Fact, Refusal, TimerFired
from perennial.contracts.customers import (
    CurveStarted,
    CustomerActivated,
    CustomerMatured,
    CustomerMoved,
    CustomerReactivated,
    GrowthSlowed,
    RedLightCleared,
    RedLightLit,
    Segment,
    WinbackClosed,
    WinbackOpened,
)

from tests.lifecycle.driving import (
    ANN,
    START,
    TEAM,
    Life,
    churn,
    declining,
    lead,
    ordered,
    scored,
    serving,
    trend,
)

SEGMENTS = get_args(Segment)
RULES_MD = """
identified → prospecting activated
prospecting → identified activated
activated → serving declining released
serving → growing maintaining declining released
growing → maintaining declining released
maintaining → growing maturing declining released
maturing → growing declining released
declining → growing maintaining maturing winning-back lost released
winning-back → growing lost released
lost → activated
released → activated
"""


@pytest.mark.feature("C1")
def test_the_moves_are_those_of_the_rules_and_no_others() -> None:
    written = {
        (before.strip(), after)
        for before, afters in (line.split("→") for line in RULES_MD.strip().splitlines())
        for after in afters.split()
    }
    assert {(b, a) for b, a in product(SEGMENTS, SEGMENTS) if legal(b, a)} == written
    assert MOVES[None] == {"identified"}


@pytest.mark.feature("C1")
@pytest.mark.parametrize(("before", "after"), [*product(SEGMENTS, SEGMENTS)])
def test_an_illegal_move_cannot_be_expressed(before: Segment, after: Segment) -> None:
    fact = Fact(data=lead(), id="f", key=ANN, now=START, time=START)
    customer = Customer(segment=before)
    if legal(before, after):
        assert moved(customer, after, fact, TEAM).after == after
    else:
        with pytest.raises(IllegalMoveError):
            moved(customer, after, fact, TEAM)


def at(segment: str | None) -> Life:
    """A life that has come to a segment by facts alone."""
    if segment is None:
        return Life()
    if segment in ("identified", "prospecting"):
        life = Life().after(0, lead())
        life.state = msgspec.structs.replace(life.state, segment=segment)
        return life
    makers: dict[str, Callable[[], Life]] = {
        "activated": lambda: Life().after(0, lead(), ordered(1, START)),
        "serving": serving,
        "growing": lambda: serving().after(1, trend("rising")),
        "maintaining": lambda: serving().after(1, trend("steady")),
        "maturing": lambda: serving().after(1, trend("steady"), trend("steady", steady=6)),
        "declining": declining,
        "winning-back": lambda: declining().after(1, DiagnoseWinback(cause="price")),
        "lost": lambda: declining().after(1, CloseWinback(outcome="lost", reason="moved away")),
        "released": lambda: serving().after(1, ReleaseCustomer(reason="abuse")),
    }
    return makers[segment]()


NEW = ordered(9, START.replace(year=1998))
STRONG = trend("falling", below_baseline=0.4)
FACTS = {
    "lead": lead(),
    "unpaid": ordered(9, START.replace(year=1998), paid=False),
    "order": NEW,
    "silence": scored(silence_days=31.0),
    "not-alive": scored(alive=0.29),
    "alive": churn("active", alive=0.8),
    "at-risk": churn("at-risk", alive=0.1),
    "rising": trend("rising"),
    "steady": trend("steady"),
    "mature": trend("steady", steady=6),
    "plateau": trend("steady", windows_below_peak=2),
    "falling": trend("falling", below_baseline=0.2, falls=1),
    "fallen": STRONG,
    "creeping": trend("falling", falls=3),
    "too-early": trend("too-early"),
    "person": LightRedLight(reason="a call"),
    "cause": DiagnoseWinback(cause="price"),
    "give up": CloseWinback(outcome="lost", reason="bankrupt"),
    "no light": CloseWinback(outcome="light-cleared", reason="a mistake"),
    "release": ReleaseCustomer(reason="abuse"),
    "rewatch": Rewatch(reason="register"),
}
LIGHTS = {"silence", "not-alive", "at-risk", "fallen", "creeping", "person"}
UNLIT = ("activated", "serving", "growing", "maintaining", "maturing")
EXPECTED: dict[tuple[str | None, str], str] = {
    **{(segment, fact): "declining" for segment in UNLIT for fact in LIGHTS},
    **{(segment, "release"): "released" for segment in (*UNLIT, "declining", "winning-back")},
    (None, "lead"): "identified",
    (None, "unpaid"): "identified",
    ("activated", "unpaid"): "serving",
    ("serving", "rising"): "growing",
    ("serving", "steady"): "maintaining",
    ("serving", "mature"): "maintaining",
    ("serving", "plateau"): "maintaining",
    ("growing", "steady"): "maintaining",
    ("growing", "mature"): "maintaining",
    ("growing", "plateau"): "maintaining",
    ("maintaining", "rising"): "growing",
    ("maintaining", "mature"): "maturing",
    ("maintaining", "plateau"): "maturing",
    ("maturing", "rising"): "growing",
    ("activated", "order"): "serving",
    ("declining", "order"): "maintaining",
    ("declining", "unpaid"): "maintaining",
    ("declining", "alive"): "maintaining",
    ("declining", "cause"): "winning-back",
    ("declining", "give up"): "lost",
    ("declining", "no light"): "maintaining",
    ("winning-back", "give up"): "lost",
    ("lost", "order"): "activated",
    ("released", "order"): "activated",
}
ENTERING = {"order", "silence", "not-alive"}
"""Scores of a party with a paid order, wherever it is first heard of."""


def expected(segment: str | None, fact: str) -> str | None:
    if segment in (None, "identified", "prospecting") and fact in ENTERING:
        return "serving" if fact == "order" else "activated"
    return EXPECTED.get((segment, fact), segment)


@pytest.mark.feature("C1", "C12")
@pytest.mark.parametrize(("segment", "fact"), [*product((None, *SEGMENTS), FACTS)])
def test_every_segment_against_every_fact(segment: str | None, fact: str) -> None:
    life = at(segment)
    assert life.segment == segment
    life.asked(FACTS[fact])
    assert life.segment == expected(segment, fact)


@pytest.mark.feature("C1")
def test_timers_mean_nothing_where_no_case_is_open() -> None:
    for segment in (None, *SEGMENTS):
        life = at(segment)
        if not CUSTOMER.due(life.state, TEAM):
            fact = Fact(data=TimerFired("diagnosis"), id="t", key=ANN, now=START, time=START)
            assert CUSTOMER.react(life.state, fact, TEAM, START) == []


@pytest.mark.feature("C11")
def test_maturing_raises_the_alert_and_a_product_first_bought_there_starts_the_next_curve() -> None:
    life = at("maturing")
    assert len(life.made(CustomerMatured)) == 1
    life.after(1, ordered(3, life.now, product="film"), trend("rising"))
    assert life.segment == "growing"
    assert [(one.curve, one.because) for one in life.made(CurveStarted)] == [(2, "next-product")]


@pytest.mark.feature("C11")
def test_growth_out_of_maturing_by_an_old_product_stays_on_the_curve() -> None:
    life = Life().after(0, lead(), ordered(1, START, product="film"), ordered(2, START))
    life.after(1, trend("steady"), trend("steady", steady=6))
    life.after(1, ordered(3, life.now, product="film"), trend("rising"))
    assert life.segment == "growing"
    assert life.state.curve == 1


@pytest.mark.feature("C11")
def test_slowing_growth_warns_once_in_each_stay() -> None:
    life = at("growing").after(1, trend("rising", slowing=1))
    assert not life.made(GrowthSlowed)
    life.after(30, trend("rising", slowing=2)).after(30, trend("rising", slowing=3))
    assert len(life.made(GrowthSlowed)) == 1
    life.after(30, trend("steady"), trend("rising"), trend("rising", slowing=2))
    assert len(life.made(GrowthSlowed)) == 2, "another stay, another warning"


@pytest.mark.feature("C1")
def test_a_trend_judged_before_the_second_order_holds_from_it_on() -> None:
    life = at("activated").after(1, trend("rising"), ordered(2, START))
    assert life.path[-2:] == ["serving", "growing"]


@pytest.mark.feature("C2", "C15")
def test_a_lost_customer_comes_back_under_its_number_on_the_next_curve() -> None:
    life = at("lost")
    number = life.state.number
    life.after(1, ordered(3, life.now - (life.now - START)))
    assert life.segment == "lost", "an order from before the loss wakes nobody"
    life.after(1, ordered(4, life.now))
    assert [one.number for one in life.made(CustomerReactivated)] == [number]
    assert (life.segment, life.state.number, life.state.curve) == ("activated", number, 2)
    life.after(1, scored(orders=5))
    assert life.segment == "activated", "orders of the earlier life do not count"
    life.after(1, ordered(6, life.now))
    assert life.segment == "serving"


@pytest.mark.feature("C1")
def test_leads_and_scores_in_any_order_end_in_the_same_decisions() -> None:
    scores = [
        ordered(1, START, paid=False),
        ordered(1, START),
        ordered(2, START),
        trend("steady"),
        scored(silence_days=40.0),
    ]
    ends = set()
    for place in range(len(scores) + 1):
        life = Life()
        for one in [*scores[:place], lead(), *scores[place:]]:
            life.after(0, one)
        kept = msgspec.structs.replace(life.state, channel="")
        ends.add((msgspec.json.encode(kept), tuple(life.path)))
        assert len(life.made(CustomerActivated)) == 1
    assert len(ends) == 1


@pytest.mark.feature("C29")
@pytest.mark.parametrize("segment", UNLIT)
def test_every_move_names_a_department_and_a_person(segment: Segment) -> None:
    move = at(segment).made(CustomerMoved)[-1]
    assert move.accountable == policy.default().accountable[segment]
    assert move.person in ("bo", "cy")


@pytest.mark.feature("C1", "C5", "C12")
@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from(sorted(FACTS))), max_size=40))
def test_any_life_is_lawful(steps: list[tuple[int, str]]) -> None:
    """Whatever happens: legal and joined moves, one light and one case at a time, two watchers."""
    life = Life()
    for days, name in steps:
        life.after(days)
        data = FACTS[name]
        if name in ("order", "unpaid"):
            data = ordered(9, life.now, paid=name == "order")
        life.asked(data)
        assert life.segment not in UNLIT or len(life.state.watchers) >= 2
    moves = life.made(CustomerMoved)
    assert all(legal(move.before, move.after) for move in moves)
    assert all(one.after == two.before for one, two in pairwise(moves))
    assert all(move.accountable for move in moves)
    lights = life.made(RedLightLit)
    outs = sum(move.before in ("declining", "winning-back") for move in moves)
    outs -= sum(move.after == "winning-back" for move in moves)
    assert 0 <= len(lights) - outs <= 1
    assert len(life.made(RedLightCleared)) <= len(lights)
    cases = {one.case_id for one in life.made(WinbackOpened)}
    assert len(cases) - len(life.made(WinbackClosed)) == (life.state.case is not None)


def test_a_refusal_changes_nothing_and_says_what_to_do() -> None:
    for segment, wish in product((None, *SEGMENTS), (FACTS["cause"], FACTS["release"])):
        life = at(segment)
        fact = Fact(data=wish, id="f", key=ANN, now=life.now, time=life.now)
        decision = CUSTOMER.react(life.state, fact, TEAM, life.now)
        if isinstance(decision, Refusal):
            assert decision.detail.endswith(".")


def test_falling_keeps_the_segment() -> None:
    rules = policy.default().trend
    for segment in ("serving", "growing", "maturing"):
        assert by_trend(segment, trend("falling"), rules) == segment
