"""What clients see of customers, cases, segments and reports."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from perennial.contracts.base import Event, Minor
from perennial.contracts.customers import Segment
from perennial.contracts.entering import Persona
from perennial.contracts.holdings import Grade
from perennial.contracts.teams import Binding, Department, Tier
from perennial.kit.ask import Respond

from lifecycle.domain import care
from lifecycle.domain.record import Case, Customer, Handover, Light, TierNotice
from lifecycle.domain.report import Month, contributions
from lifecycle.domain.world import World

CONTACT = frozenset({"personal", "claims", "conflicts"})


class Accountable(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers for a customer: the named owner from 3A up, below it the department's head."""

    department: Department
    person: str


class HandoverTask(msgspec.Struct, frozen=True, kw_only=True):
    """An item of the latest hand-over; open while nobody has confirmed it."""

    item: str
    department: Department
    confirmed_by: str
    confirmed_at: datetime | None


class CustomerView(msgspec.Struct, frozen=True, kw_only=True):
    """A customer as it stands, or stood."""

    customer_id: str
    merged_into: str
    """The customer that this one was found to be: everything goes on there."""
    segment: Segment | None
    since: datetime | None
    number: str
    owner: str
    watchers: Sequence[str]
    seller: str
    """Who sold; of the team since the activation."""
    lead_holders: dict[str, str]
    """Who holds which open lead, by lead."""
    accountable: Accountable
    curve: int
    persona: Persona
    awaiting_confirmation_by: datetime | None
    """It paid, its persona match is low: until then a person may confirm."""
    grade: Grade | None
    grade_basis: str
    """`expected` or `actual`; empty while ungraded."""
    served_grade: Grade
    """What it is served by: a VIP's is lifted, an unconfirmed one's is lowest."""
    vip: bool
    binding: Binding | None
    tier: Tier | None
    tier_notice: TierNotice | None
    handover: Sequence[HandoverTask]
    value_at_risk: Minor
    light: Light | None
    case: Case | None


class SelfView(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer sees of itself. What we think of it is ours."""

    customer_id: str
    number: str


class SelfEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a customer's own orders, without what it earns us."""

    customer_id: str
    """The id under which it came: two that are one have two."""
    type: str
    time: datetime
    recorded: datetime
    version: int
    data: dict[str, Any]


class CaseView(msgspec.Struct, frozen=True, kw_only=True):
    """An open win-back case with the customer it is about."""

    customer_id: str
    segment: Segment | None
    value_at_risk: Minor
    case: Case | None


_OWN_TO_SEE = frozenset(
    {"order_id", "number", "source", "currency", "total", "paid", "units", "amount", "settled"}
    | {"payment_id", "return_id", "reason", "channel"}
)
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


def customer_view(customer_id: str, state: Customer, world: World) -> CustomerView:
    department, person = care.accountable(state, world)
    return CustomerView(
        customer_id=customer_id,
        merged_into=state.root,
        segment=state.segment,
        since=state.since,
        number=state.number,
        owner=state.owner,
        watchers=state.watchers,
        seller=state.seller,
        lead_holders={lead: one.holder for lead, one in state.held.items()},
        accountable=Accountable(department=department, person=person),
        curve=state.curve,
        persona=state.persona,
        awaiting_confirmation_by=state.awaiting.confirm_by if state.awaiting else None,
        grade=state.grade,
        grade_basis=state.basis,
        served_grade=care.served_grade(state, world.policy),
        vip=state.vip,
        binding=state.binding,
        tier=state.tier,
        tier_notice=state.tier_notice,
        handover=_handover(state.handover),
        value_at_risk=value_at_risk(state.light),
        light=state.light,
        case=state.case,
    )


def _handover(handover: Handover | None) -> list[HandoverTask]:
    return [
        HandoverTask(
            item=item, department=task.department, confirmed_by=task.by, confirmed_at=task.at
        )
        for item, task in (handover.items.items() if handover else ())
    ]


def concerned(state: Customer) -> set[str]:
    """Whose customer this is: the team's, the seller's, and whoever holds one of its leads."""
    holders = (one.holder for one in state.held.values())
    return {state.owner, state.seller, *state.watchers, *holders} - {""}


def without_contact(row: dict[str, Any]) -> dict[str, Any]:
    """A timeline shows what happened; sealed contact data and claims are lead-intake's."""
    data = {name: value for name, value in row["data"].items() if name not in CONTACT}
    return {**row, "data": data}


def self_view(customer_id: str, state: Customer) -> SelfView:
    return SelfView(customer_id=customer_id, number=state.number)


def self_entry(row: dict[str, Any]) -> SelfEntry:
    shown = {name: value for name, value in row["data"].items() if name in _OWN_TO_SEE}
    return SelfEntry(
        customer_id=row["key"],
        type=row["type"],
        time=row["time"],
        recorded=row["recorded"],
        version=row["version"],
        data=shown,
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


def outcome_of(customer_id: str, world: World) -> Respond:
    def respond(state: Customer, events: list[Event]) -> tuple[int, msgspec.Struct]:
        seen = customer_view(customer_id, state, world)
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
