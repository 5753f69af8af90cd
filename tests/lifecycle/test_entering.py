"""From the first touch to the activation: who holds a lead, who is one of ours, what counts as paid."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifecycle.domain.numbering import is_valid
from lifecycle.domain.requests import ConfirmPersona, LightRedLight
from perennial.contracts.base import Event
from perennial.contracts.customers import CustomerActivated, CustomerMoved
from perennial.contracts.entering import ActivationAwaited, FirstOrderPaid, LeadHolderNoted

from tests.lifecycle.driving import (
    START,
    UNHURRIED,
    Life,
    churn,
    declining,
    ordered,
    scored,
    trend,
)
from tests.lifecycle.leading import (
    L1,
    L2,
    assigned,
    captured,
    claimed,
    closed,
    deal,
    grade,
    lost,
    matched,
    nurtured,
    pooled,
    released,
    returned,
    turned_over,
    won,
)

FREED: Mapping[str, Callable[..., Any]] = {
    "turned over": turned_over,
    "pooled": pooled,
    "returned": returned,
    "released": released,
    "nurtured": nurtured,
    "lost": lost,
    "closed": closed,
    "reported won without a value": lambda lead_id=L1: deal(lead_id, value=None),
}


def paid() -> Any:
    return ordered(1, START)


@pytest.mark.feature("C1")
@pytest.mark.parametrize("gained", [assigned(), claimed()])
@pytest.mark.parametrize("freed", FREED)
def test_prospecting_is_who_has_a_held_lead(gained: Event, freed: str) -> None:
    life = Life().after(0, captured())
    assert life.segment == "identified"
    life.after(1, gained)
    assert life.segment == "prospecting"
    moves = life.made(CustomerMoved)
    assert (moves[-1].accountable, moves[-1].person) == ("sales", life.state.held[L1].holder)
    life.after(1, FREED[freed]())
    assert (life.segment, life.state.held, life.state.number) == ("identified", {}, "")
    assert life.made(CustomerMoved)[-1].person == "role:market-head"


@pytest.mark.feature("C1")
@pytest.mark.parametrize("freed", FREED)
def test_with_several_leads_prospecting_lasts_while_any_is_held(freed: str) -> None:
    life = Life().after(0, captured(), captured(L2), assigned(), assigned(L2, "sue"))
    life.after(1, FREED[freed]())
    assert life.segment == "prospecting"
    life.after(1, FREED[freed](L2))
    assert life.segment == "identified"
    assert life.path == ["prospecting", "identified"]


@pytest.mark.feature("C1")
def test_another_holder_is_no_move_and_the_same_one_no_news() -> None:
    life = Life().after(0, captured(), assigned(), assigned(), assigned(holder="sue"))
    assert life.path == ["prospecting"]
    assert [one.holder for one in life.made(LeadHolderNoted)] == ["sam", "sue"]
    assert life.take(pooled(L2)) == []


@pytest.mark.feature("C1")
@pytest.mark.parametrize("win_first", [True, False])
def test_a_paid_order_activates_and_whoever_sold_is_of_the_team(win_first: bool) -> None:
    facts = [won(), paid()] if win_first else [paid(), won()]
    life = Life().after(0, captured(), assigned()).after(1, *facts)
    assert life.path == ["prospecting", "activated"]
    assert (life.state.seller, life.state.held) == ("sam", {})
    assert "sam" not in life.state.watchers
    activated = life.made(CustomerActivated)[0]
    assert is_valid(activated.number)
    assert {one.department for one in activated.handover} == {"market", "sales", "service"}


@pytest.mark.feature("C1")
def test_whoever_wins_is_the_seller_among_several_holders() -> None:
    life = Life().after(0, captured(), captured(L2), assigned(), assigned(L2, "sue"))
    life.after(1, won(L2, holder="sue"), paid())
    assert life.state.seller == "sue"
    assert list(life.state.held) == [L1], "the other lead goes on"


@pytest.mark.feature("C1")
def test_an_order_without_a_seller_has_nothing_to_hand_over() -> None:
    life = Life().after(0, captured(), paid())
    assert life.made(CustomerActivated)[0].handover == []
    assert life.state.seller == ""


@pytest.mark.feature("C1", "C2")
def test_a_reported_deal_with_a_value_is_a_signed_contract() -> None:
    life = Life().after(0, captured(), deal())
    activated = life.made(CustomerActivated)[0]
    assert (life.segment, activated.contract, activated.order_id) == ("activated", L1, "")
    assert life.made(CustomerMoved)[-1].evidence[0].sign == "signed-contract"
    life.after(1, ordered(1, life.now, paid=False), ordered(2, life.now, paid=False))
    assert life.segment == "activated", "what nobody paid for says nothing"
    life.after(1, ordered(2, life.now))
    assert life.segment == "serving"
    assert len(life.made(FirstOrderPaid)) == len(life.made(CustomerActivated)) == 1


@pytest.mark.feature("C1")
@pytest.mark.parametrize("value", [None, 0])
def test_a_deal_without_a_value_activates_nobody(value: int | None) -> None:
    life = Life().after(0, captured(), deal(value=value, holder=""))
    assert (life.segment, life.made(CustomerActivated)) == ("identified", [])


@pytest.mark.feature("C1")
@pytest.mark.parametrize(
    ("match", "persona"), [(None, "unknown"), (60.0, "passed"), (99.0, "passed")]
)
def test_a_match_over_the_threshold_or_unknown_lets_in(match: float | None, persona: str) -> None:
    life = Life().after(0, captured(), matched(match), paid())
    assert (life.segment, life.made(CustomerActivated)[0].persona) == ("activated", persona)


@pytest.mark.feature("C1")
@pytest.mark.parametrize("entry", [paid(), deal()])
def test_below_the_threshold_a_person_is_asked(entry: Event) -> None:
    life = Life().after(0, captured(), matched(59.9), entry)
    assert life.segment == "identified"
    awaited = life.made(ActivationAwaited)[0]
    assert (awaited.asked, awaited.confirm_by) == ("role:market-head", START + timedelta(7))
    assert life.asked(LightRedLight(reason="a call")) == "not-a-customer"
    assert life.asked(ConfirmPersona(reason="a friend of the house")) == ""
    assert (life.segment, life.state.persona) == ("activated", "confirmed")
    assert life.asked(ConfirmPersona(reason="again")) == "nothing-to-confirm"


@pytest.mark.feature("C1")
def test_nobody_answers_for_seven_days_and_it_is_served_like_the_lowest_grade() -> None:
    life = Life().after(0, captured(), grade("4A", "expected"), matched(10), paid())
    life.after(6.9)
    assert life.segment == "identified"
    life.after(0.2)
    activated = life.made(CustomerActivated)[0]
    assert (life.segment, activated.persona, activated.grade) == ("activated", "unconfirmed", "1A")
    assert (life.state.binding, life.state.tier) == ("call-centre", "silver")
    assert life.asked(ConfirmPersona(reason="we looked")) == ""
    assert (life.state.binding, life.state.tier) == ("named-team", "platinum")


@pytest.mark.feature("C1")
def test_a_better_match_ends_the_waiting_and_a_persons_word_stays() -> None:
    life = Life().after(0, captured(), matched(10), paid(), matched(80))
    assert (life.segment, life.state.persona) == ("activated", "passed")
    life = Life().after(0, captured(), matched(10))
    assert life.asked(ConfirmPersona(reason="known")) == ""
    life.after(1, matched(5), paid())
    assert life.made(CustomerActivated)[0].persona == "confirmed"


@pytest.mark.feature("C1")
def test_what_comes_while_a_person_is_asked_counts_afterwards() -> None:
    numbers = [ordered(2, START), trend("rising"), scored(silence_days=31.0)]
    for n in range(len(numbers) + 1):
        straight = Life().after(0, captured(), paid(), *numbers[:n])
        waited = Life().after(0, captured(), matched(10), paid(), *numbers[:n]).after(8)
        assert waited.path == straight.path
        assert waited.state.awaiting is None


@pytest.mark.feature("C1")
def test_leads_of_a_customer_move_nothing() -> None:
    for life in (Life().after(0, captured(), paid()), declining()):
        segment = life.segment
        life.after(0, captured(L2), assigned(L2), deal(L2), matched(3), pooled(L1))
        assert life.segment == segment
        assert life.state.seller == "sam"


LEADS: Mapping[str, Callable[..., Any]] = {
    "assigned": assigned,
    "claimed": claimed,
    "won": won,
    "deal": deal,
    "worthless": lambda lead_id: deal(lead_id, value=None),
    **{name: FREED[name] for name in ("turned over", "pooled", "lost")},
}
NUMBERS: Mapping[str, Callable[[int, Any], Any]] = {
    "unpaid": lambda n, now: ordered(n, now, paid=False),
    "paid": lambda n, now: ordered(n, now),
    "paid late": lambda n, now: ordered(n, now, silence_days=31.0),
    "rising": lambda _n, _now: trend("rising"),
    "steady": lambda _n, _now: trend("steady", steady=6),
    "fallen": lambda _n, _now: trend("falling", below_baseline=0.4),
    "silent": lambda n, _now: scored(silence_days=31.0, orders=n, paid_orders=n),
    "at risk": lambda _n, _now: churn("at-risk", alive=0.1),
    "alive": lambda _n, _now: churn("active", alive=0.9),
}
GRADES = (*(matched(match) for match in (None, 10, 80)), grade("5A"), grade("1A"))
LEAD_STEPS = st.lists(st.tuples(st.sampled_from(sorted(LEADS)), st.sampled_from([L1, L2])))


def merged(topics: Sequence[Sequence[Any]], choices: Iterator[int]) -> list[Any]:
    """One interleaving that keeps each topic's order."""
    left = [list(topic) for topic in topics if topic]
    found = []
    while left:
        topic = left[next(choices) % len(left)]
        found.append(topic.pop(0))
        left = [one for one in left if one]
    return found


def numbers(names: Sequence[str]) -> list[Any]:
    """Scores as scoring tells them: orders are counted, and a paid one stays paid."""
    made: list[Any] = []
    orders, paid_once = 0, False
    for name in names:
        orders += name in ("unpaid", "paid", "paid late")
        if name == "unpaid" and paid_once:
            name = "paid"
        paid_once = paid_once or name in ("paid", "paid late")
        if name == "silent" and not paid_once:
            continue
        made.append(NUMBERS[name](orders, START))
    return made


@pytest.mark.feature("C1")
@UNHURRIED
@given(
    LEAD_STEPS,
    st.lists(st.sampled_from(sorted(NUMBERS)), max_size=7),
    st.lists(st.sampled_from(GRADES), max_size=4),
    st.lists(st.integers(0, 5), min_size=60, max_size=60),
    st.lists(st.integers(0, 5), min_size=60, max_size=60),
)
def test_any_interleaving_of_leads_scores_and_grades_ends_in_the_same_segment(
    steps: list[tuple[str, str]],
    names: list[str],
    grades: list[Any],
    one: list[int],
    other: list[int],
) -> None:
    """R12: whichever topic is read first. The week in which a person may be asked passes."""
    leads = [captured(), captured(L2), *(LEADS[name](lead_id) for name, lead_id in steps[:8])]
    topics = (leads, numbers(names), grades)
    lives = [
        Life().after(0, *merged(topics, iter(choices * 2))).after(8) for choices in (one, other)
    ]
    assert lives[0].segment == lives[1].segment
    assert lives[0].state.curve == lives[1].state.curve
    assert len(lives[0].made(CustomerActivated)) == len(lives[1].made(CustomerActivated)) <= 1
    assert (lives[0].state.light is None) == (lives[1].state.light is None)


@pytest.mark.feature("C1")
def test_every_interleaving_of_a_sale() -> None:
    """By number: where the score of the paid order and the low match fall among the lead's facts."""
    leads = [captured(), assigned(), turned_over(), claimed(), won(holder="sue")]
    ends = set()
    for at, low in product(range(len(leads) + 1), repeat=2):
        facts: list[Any] = [(place, 0, fact) for place, fact in enumerate(leads)]
        facts += [(at - 0.5, 1, paid()), (at - 0.5, 2, ordered(2, START))]
        facts += [(low - 0.5, 3, matched(10))]
        life = Life().after(0, *(fact for _, _, fact in sorted(facts, key=lambda one: one[:2])))
        life.after(8)
        ends.add((life.segment, life.state.seller, len(life.state.watchers)))
    assert ends == {("serving", "sue", 2)}
