"""Orders that change hands take all that they had added along, to the cent (I2)."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perennial.contracts.base import Fact
from perennial.contracts.grades import LeadScored, LeadScoringEnded
from perennial.contracts.holdings import ActivityLogged, LeadReopened
from perennial.contracts.leads import LeadCaptured
from perennial.contracts.orders import OrderCancelled, OrderPaid, OrderReturned
from perennial.contracts.unions import Heard, LeadLeft, LeadTaken, OrderLeft, OrderTaken
from scoring.domain.history import History
from scoring.domain.rescoring import CustomerState

from tests.scoring.domain.test_history import NOW, fact, folded, lives, rebuilt

pytestmark = pytest.mark.feature("I2")


def taken(order: list[Fact]) -> Fact:
    """An order as it stands after its facts, as lead-intake would tell it."""
    placed, later = order[0].data, [one.data for one in order[1:]]
    returns = [one for one in later if isinstance(one, OrderReturned)]
    revenue = sum(one.revenue for one in returns)
    margin, left = 0, placed.margin or 0
    for one in returns:  # shares of what is left each time, as scoring takes them off
        rest = placed.revenue - sum(other.revenue for other in returns[: returns.index(one)])
        share = round(one.revenue * left / rest) if rest else 0
        margin, left = margin + share, left - share
    told = OrderTaken(
        customer_id="c1",
        order_id=placed.order_id,
        former="c2",
        number=placed.number,
        source=placed.source,
        placed_at=order[0].time,
        currency="USD",
        total=placed.total,
        revenue=placed.revenue,
        margin=placed.margin,
        paid=placed.paid or any(isinstance(one, OrderPaid) for one in later),
        cancelled=any(isinstance(one, OrderCancelled) for one in later),
        returned_revenue=revenue,
        returned_margin=margin,
        returns=[one.return_id for one in returns],
    )
    return msgspec.structs.replace(order[0], data=told)


def sums(state: CustomerState) -> tuple[Any, ...]:
    rows = {  # whether a void order was ever paid is told of no sum
        name: msgspec.structs.replace(row, paid=row.paid and not row.cancelled)
        for name, row in state.parts.items()
    }
    return state.history, state.conduct, rows


@given(lives(), st.data())
@settings(max_examples=100, deadline=None)
def test_what_left_was_never_there_and_what_came_always_was(
    life: list[list[Fact]], data: st.DataObject
) -> None:
    moved = data.draw(st.sets(st.integers(0, len(life) - 1)))
    stays = [order for at, order in enumerate(life) if at not in moved]
    goes = [order for at, order in enumerate(life) if at in moved]
    whole, _ = folded(one for order in life for one in order)
    kept, _ = folded(one for order in stays for one in order)

    gone = [fact(OrderLeft(customer_id="c1", order_id=o[0].data.order_id, to="c2")) for o in goes]
    after, events = folded([*(one for order in life for one in order), *gone])
    assert sums(after) == sums(kept)
    assert rebuilt(events) == after

    come, events = folded([*(one for order in stays for one in order), *map(taken, goes)])
    assert sums(come) == sums(whole)
    assert rebuilt(events) == come


def test_an_order_that_never_was_here_leaves_nothing_behind() -> None:
    state, events = folded([fact(OrderLeft(customer_id="c1", order_id="o9", to="c2"))])
    assert (state.history, events) == (History(), [])


def lead_taken(**more: Any) -> Fact:
    heard = [Heard(what="activity:meeting-held", at=NOW - timedelta(days=1))]
    told = {"attributes": {"size": "40"}, "heard": heard, "stage": "held", "grade": "2A", **more}
    return fact(LeadTaken(customer_id="c1", lead_id="l2", former="c2", **told))


def test_a_lead_brings_what_spoke_for_it_and_takes_it_along_again() -> None:
    captured = fact(
        LeadCaptured(customer_id="c1", lead_id="l1", channel="web", source="s", external_id="1")
    )
    state, events = folded([captured, lead_taken()])
    merged = [one for one in events if isinstance(one, LeadScored) and one.because == "merge"]
    assert [one.lead_id for one in merged] == ["l2"]
    assert state.leads.attributes == {"size": "40"}
    assert [one.what for one in state.leads.by_id["l2"].signals] == ["activity:meeting-held"]

    left = LeadLeft(customer_id="c1", lead_id="l2", to="c2", forgets=["size"])
    state, events = folded([captured, lead_taken(), fact(left)])
    assert [one.because for one in events if isinstance(one, LeadScoringEnded)] == ["left"]
    assert (state.leads.attributes, list(state.leads.by_id)) == ({}, ["l1"])
    assert rebuilt(events).leads == state.leads


def test_a_lead_that_had_ended_comes_ended_and_nothing_wakes_it_but_a_reopening() -> None:
    state, events = folded([lead_taken(stage="won")])
    assert [one.because for one in events if isinstance(one, LeadScoringEnded)] == ["won"]
    late = ActivityLogged(customer_id="c1", lead_id="l2", activity_id="a", kind="meeting-held")
    assert folded([lead_taken(stage="won"), fact(late)])[0].leads == state.leads
    reopened = LeadReopened(customer_id="c1", lead_id="l2", by="ann")
    assert folded([lead_taken(stage="lost"), fact(reopened)])[0].leads.open == ["l2"]
