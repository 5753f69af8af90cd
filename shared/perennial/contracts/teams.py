"""Who serves a customer and how closely: binding, team, hand-over, tier; they follow the grade."""

from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from perennial.contracts.base import Count, Event, Id, Minor
from perennial.contracts.holdings import Grade

Department = Literal["market", "sales", "service", "operations", "technical-support"]
Binding = Literal["call-centre", "service-person", "named-team", "project-team"]
"""From the lightest to the closest."""
Tier = Literal["silver", "gold", "platinum"]
Cause = Literal["grade", "vip", "persona", "reactivation"]
"""Why a customer is served in another way from now on."""


class HandoverItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing to be done when a customer passes from some hands to others."""

    item: Id
    department: Department
    """Who has to do it."""


class CustomerGraded(Event, frozen=True, kw_only=True):
    """The grade by which this customer is served from now on, as scoring judged it."""

    TYPE: ClassVar[str] = "perennial.customer.graded.v1"
    customer_id: Id
    before: Grade | None = None
    after: Grade
    basis: Literal["expected", "actual"]


class VipChanged(Event, frozen=True, kw_only=True):
    """Very large purchases make a VIP; three months without end it."""

    TYPE: ClassVar[str] = "perennial.customer.vip-changed.v1"
    customer_id: Id
    vip: bool
    because: Literal["average", "one-month", "below"]
    months: list[Minor]
    """Revenue of the last full months, oldest first, in reporting currency."""
    last: str
    """The newest of them, as `1997-03`."""
    limit: Minor


class TeamChanged(Event, frozen=True, kw_only=True):
    """Another binding: who serves the customer now, and what is to be handed over."""

    TYPE: ClassVar[str] = "perennial.customer.team-changed.v1"
    customer_id: Id
    before: Binding
    after: Binding
    because: Cause
    grade: Grade
    """The grade it is served by: a VIP's is lifted, an unconfirmed one's is lowest."""
    owner: str
    watchers: list[str]
    handover: list[HandoverItem] = []


class HandoverConfirmed(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.customer.handover-confirmed.v1"
    customer_id: Id
    item: Id
    by: str
    note: str = ""
    open: Count = 0
    """How many items are left; at 0 the hand-over is complete."""


class TierNoticed(Event, frozen=True, kw_only=True):
    """Notice of a lower tier, in time to do something about it; `after` = `before` withdraws it."""

    TYPE: ClassVar[str] = "perennial.customer.tier-noticed.v1"
    customer_id: Id
    before: Tier
    after: Tier
    effective_at: datetime


class TierChanged(Event, frozen=True, kw_only=True):
    """A rise holds at once; a fall after its notice."""

    TYPE: ClassVar[str] = "perennial.customer.tier-changed.v1"
    customer_id: Id
    before: Tier
    after: Tier
    grade: Grade


TEAMS: tuple[type[Event], ...] = (
    CustomerGraded,
    VipChanged,
    TeamChanged,
    HandoverConfirmed,
    TierNoticed,
    TierChanged,
)
