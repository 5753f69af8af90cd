"""What clients see of customers, cases, segments and reports."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec
from perennial.contracts.base import Event, Minor
from perennial.contracts.customers import Segment
from perennial.kit.ask import Respond

from lifecycle.domain.record import Case, Customer, Light
from lifecycle.domain.report import Month, contributions


class CustomerView(msgspec.Struct, frozen=True, kw_only=True):
    """A customer as it stands, or stood."""

    customer_id: str
    segment: Segment | None
    since: datetime | None
    number: str
    owner: str
    watchers: Sequence[str]
    curve: int
    value_at_risk: Minor
    light: Light | None
    case: Case | None


class CaseView(msgspec.Struct, frozen=True, kw_only=True):
    """An open win-back case with the customer it is about."""

    customer_id: str
    segment: Segment | None
    value_at_risk: Minor
    case: Case | None


CaseState = Literal["undiagnosed", "winning-back", "checking", "recovered", "lost", "light-cleared"]


class CaseCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many cases of a cause stand somewhere, and the value they brought back."""

    state: CaseState
    """`checking`: recovered, and its effectiveness check is ahead."""
    cause: str
    """Empty where it was never diagnosed."""
    cases: int
    saved: Minor


class Segments(msgspec.Struct, frozen=True, kw_only=True):
    counts: dict[str, int]
    as_of: datetime | None = None


class LineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One customer's part in a line of a month's report."""

    customer_id: str
    value: Minor
    owner: str
    segment: Segment | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a request brought about."""

    customer: CustomerView
    events: list[str]


def customer_view(customer_id: str, state: Customer) -> CustomerView:
    return CustomerView(
        customer_id=customer_id,
        segment=state.segment,
        since=state.since,
        number=state.number,
        owner=state.owner,
        watchers=state.watchers,
        curve=state.curve,
        value_at_risk=value_at_risk(state.light),
        light=state.light,
        case=state.case,
    )


def case_view(customer_id: str, state: Customer) -> CaseView:
    return CaseView(
        customer_id=customer_id,
        segment=state.segment,
        value_at_risk=value_at_risk(state.light),
        case=state.case,
    )


def value_at_risk(light: Light | None) -> Minor:
    """Lifetime value; the rolling value where the sign that lit named no lifetime value."""
    return max(light.value_at_risk, light.rolling_value, 0) if light else 0


def outcome_of(customer_id: str) -> Respond:
    def respond(state: Customer, events: list[Event]) -> tuple[int, msgspec.Struct]:
        seen = customer_view(customer_id, state)
        return 200, Outcome(customer=seen, events=[event.TYPE for event in events])

    return respond


def line_entries(months: Sequence[Month], line: str, steady_band: float) -> list[LineEntry]:
    """The customers behind one line, in the order of their ids."""
    return [
        _entry(month, part.value)
        for month in months
        for part in contributions(month, steady_band)
        if part.line == line
    ]


def _entry(month: Month, value: Minor) -> LineEntry:
    standing = month.closing or month.opening
    return LineEntry(
        customer_id=month.customer_id,
        value=value,
        owner=standing.owner if standing else "",
        segment=month.closing.segment if month.closing else None,
    )
