"""The monthly report: both equations, for any customers' histories (C13)."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifecycle.domain.books import Books
from lifecycle.domain.report import (
    ENTRIES,
    EXITS,
    LINES,
    Month,
    Standing,
    contributions,
    reconciles,
    report,
)
from lifecycle.domain.requests import PublishReport
from lifecycle.handlers import REPORT
from perennial.contracts.base import Fact, TimerFired
from perennial.contracts.reports import MonthClosed, ReportPublished

from tests.fold import RefusedError, fold
from tests.lifecycle.driving import TEAM, UNHURRIED

pytestmark = pytest.mark.feature("C13")
BAND = 0.1
MONEY = st.integers(-(10**9), 10**12)
STANDINGS = st.builds(
    Standing,
    segment=st.sampled_from(["activated", "growing", "maturing", "declining", "winning-back"]),
    department=st.sampled_from(["sales", "service", "market"]),
    owner=st.sampled_from([f"p{n}" for n in range(7)]),
    value=MONEY,
    is_revenue=st.booleans(),
    trend=st.sampled_from(["rising", "steady", "falling", "too-early"]),
)


@st.composite
def months(draw: Any) -> Month:
    """Any lawful month: who is in goes out, who is out comes in, new only once."""
    inside = was_inside = draw(st.booleans())
    known = was_inside or draw(st.booleans())
    steps = []
    for _ in range(draw(st.integers(0, 6))):
        if inside:
            steps.append(draw(st.sampled_from(EXITS)))
        else:
            steps.append("reactivated" if known else "new")
            known = True
        inside = not inside
    return Month(
        customer_id=draw(st.text(min_size=1, max_size=4)),
        opening=draw(STANDINGS) if was_inside else None,
        closing=draw(STANDINGS) if inside else None,
        steps=steps,
        recovered=draw(st.integers(0, 1)),
    )


@UNHURRIED
@given(st.lists(months(), max_size=30))
def test_both_equations_hold_to_the_cent(rows: list[Month]) -> None:
    made = report(rows, BAND, 3)
    assert reconciles(made.lines)
    opening = sum(row.opening.value for row in rows if row.opening)
    closing = [row.closing for row in rows if row.closing]
    assert made.lines["opening"].value == opening
    assert made.lines["closing"].value == sum(one.value for one in closing)
    for split in (made.classes, made.accountable, made.people):
        assert sum(line.customers for line in split.values()) == len(closing)
        assert sum(line.value for line in split.values()) == made.lines["closing"].value
    assert len(made.people) <= 4


@UNHURRIED
@given(st.lists(months(), max_size=30))
def test_every_line_opens_to_its_customers(rows: list[Month]) -> None:
    made = report(rows, BAND, 50)
    for line in LINES:
        parts = [one for row in rows for one in contributions(row, BAND) if one.line == line]
        assert sum(one.customers for one in parts) == made.lines[line].customers
        assert sum(one.value for one in parts) == made.lines[line].value


def standing(value: int, **more: Any) -> Standing:
    known = {"segment": "growing", "department": "sales", "owner": "bo"}
    return Standing(value=value, **{**known, **more})


@pytest.mark.parametrize(
    ("month", "parts"),
    [
        (Month(customer_id="a", opening=standing(100), closing=standing(111)), {"risen": 11}),
        (Month(customer_id="a", opening=standing(100), closing=standing(110)), {"steady": 10}),
        (Month(customer_id="a", opening=standing(100), closing=standing(90)), {"steady": -10}),
        (Month(customer_id="a", opening=standing(100), closing=standing(80)), {"fallen": 20}),
        (
            Month(customer_id="a", opening=standing(100), closing=standing(40, is_revenue=True)),
            {"revaluation": -60},
        ),
        (Month(customer_id="a", opening=standing(100), steps=["lost"]), {"lost": 100}),
        (Month(customer_id="a", closing=standing(70), steps=["new"]), {"new": 70}),
        (Month(customer_id="a", steps=["new", "released"]), {"new": 0, "released": 0}),
        (
            Month(
                customer_id="a",
                opening=standing(100),
                closing=standing(30),
                steps=["lost", "reactivated"],
            ),
            {"lost": 100, "reactivated": 30},
        ),
    ],
)
def test_where_a_customers_month_is_counted(month: Month, parts: dict[str, int]) -> None:
    found = {
        one.line: one.value
        for one in contributions(month, BAND)
        if one.line not in ("opening", "closing")
    }
    assert found == parts
    assert {one.line for one in contributions(month, BAND)} & set(ENTRIES + EXITS) == set(
        month.steps
    )


def test_a_history_that_loses_a_customer_in_silence_does_not_reconcile() -> None:
    assert not reconciles(report([Month(customer_id="a", opening=standing(5))], BAND, 3).lines)


def wish(month: str, rows: list[Month]) -> PublishReport:
    made = report(rows, BAND, 3)
    return PublishReport(
        month=month,
        lines=made.lines,
        classes=made.classes,
        accountable=made.accountable,
        people=made.people,
    )


def asked(data: Any, now: datetime = datetime(1997, 6, 1, tzinfo=UTC)) -> Fact:
    return Fact(data=data, id="f", key="report", now=now, time=now)


def test_months_are_reported_once_in_order_and_close_by_themselves() -> None:
    rows = [Month(customer_id="a", closing=standing(70), steps=["new"])]
    state, made = fold(REPORT, Books(), [asked(wish("1997-01", rows))], TEAM)
    assert isinstance(made[0], ReportPublished)
    assert REPORT.due(state, TEAM) == {"month-close": datetime(1997, 3, 1, tzinfo=UTC)}
    assert fold(REPORT, state, [asked(wish("1997-01", []))], TEAM)[1] == []
    with pytest.raises(RefusedError, match="month-out-of-order"):
        fold(REPORT, state, [asked(wish("1997-03", []))], TEAM)
    state, made = fold(REPORT, state, [asked(TimerFired("month-close"))], TEAM)
    assert made == [MonthClosed(month="1997-02")]
    assert REPORT.due(state, TEAM) == {"month-close": datetime(1997, 4, 1, tzinfo=UTC)}
    state, _ = fold(REPORT, state, [asked(wish("1997-02", []))], TEAM)
    assert (state.published, state.closed) == ("1997-02", "1997-02")


def test_what_does_not_add_up_is_not_published() -> None:
    wrong = wish("1997-01", [Month(customer_id="a", opening=standing(5))])
    with pytest.raises(RefusedError, match="does-not-reconcile"):
        fold(REPORT, Books(), [asked(wrong)], TEAM)
