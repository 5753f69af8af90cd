"""The customer's life after the first touch, written by lifecycle, keyed by customer id."""

from datetime import date, datetime
from typing import ClassVar, Literal

import msgspec

from perennial.contracts.base import Count, Event, Id, Minor, Text, Topic
from perennial.contracts.entering import ENTERING, Persona
from perennial.contracts.entering import Segment as Segment
from perennial.contracts.holdings import Grade
from perennial.contracts.reports import MonthClosed, ReportPublished
from perennial.contracts.teams import TEAMS, Binding, Department, HandoverItem, Tier


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One reason with its number and the threshold it met."""

    sign: str
    """`not-alive`, `silence`, `sudden-fall`, `creeping-fall`, `person`, …"""
    value: float | None = None
    threshold: float | None = None
    event_id: str = ""
    text: str = ""


class Signs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the numbers last said of a customer, as far as a later decision needs it."""

    trend: str = ""
    """`rising`, `steady`, `falling`, `too-early`; empty while nobody has judged it."""
    fallen: bool = False
    """The trend fell so far, or so often, that the light is due to it."""
    alive: float | None = None
    last_order: date | None = None
    """Business day of the last order known."""
    usual_days: float | None = None
    """Upper end (95 %) of the customer's own rhythm, or its cohort's."""
    rolling_value: Minor = 0


class CustomerIdentified(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.customer.identified.v1"
    customer_id: Id
    channel: str = ""
    source: str = ""
    by_order: bool = False


class CustomerActivated(Event, frozen=True, kw_only=True):
    """First paid order or signed contract: it has a number, an archive, two watchers, a membership."""

    TYPE: ClassVar[str] = "perennial.customer.activated.v1"
    customer_id: Id
    number: Id
    """Gap-free within a year, with a check digit, never reused."""
    owner: str
    watchers: list[str]
    tier: Tier = "silver"
    persona: Persona = "unknown"
    order_id: str = ""
    contract: str = ""
    """The lead whose deal was reported closed, where that activated and no order was paid."""
    grade: Grade | None = None
    """The grade it is served by."""
    binding: Binding = "call-centre"
    seller: str = ""
    """Who sold: part of the team from here on, and never its owner."""
    handover: list[HandoverItem] = []
    """What market and sales have to hand over to service, where somebody sold."""


class CustomerMoved(Event, frozen=True, kw_only=True):
    """A move between segments, with its evidence."""

    TYPE: ClassVar[str] = "perennial.customer.moved.v1"
    customer_id: Id
    before: Segment
    after: Segment
    accountable: Department
    person: str = ""
    evidence: list[Evidence] = []


class RedLightLit(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.customer.red-light-lit.v1"
    customer_id: Id
    evidence: list[Evidence]
    owner: str
    value_at_risk: Minor = 0
    """Lifetime value (36 months) at the last score before the evidence."""
    rolling_value: Minor = 0


class RedLightCleared(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.customer.red-light-cleared.v1"
    customer_id: Id
    evidence: list[Evidence] = []


class CustomerMatured(Event, frozen=True, kw_only=True):
    """Maturity alert: the next product or need must come."""

    TYPE: ClassVar[str] = "perennial.customer.matured.v1"
    customer_id: Id
    owner: str
    evidence: list[Evidence] = []
    rolling_value: Minor = 0


class GrowthSlowed(Event, frozen=True, kw_only=True):
    """Early warning while growing: growth slowed two periods running; ask for the next product now."""

    TYPE: ClassVar[str] = "perennial.customer.growth-slowed.v1"
    customer_id: Id
    owner: str
    evidence: list[Evidence] = []


class WinbackOpened(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.customer.winback-opened.v1"
    customer_id: Id
    case_id: Id
    owner: str
    evidence: list[Evidence] = []
    diagnose_by: datetime
    deadline: datetime
    value_at_risk: Minor = 0
    baseline: Minor = 0
    reopens: Count = 0
    """How often this case was reopened; above 0 the earlier history of the case goes on."""
    signs: Signs | None = None


class WinbackOverdue(Event, frozen=True, kw_only=True):
    """The root cause was not recorded in time; the owner's manager is told."""

    TYPE: ClassVar[str] = "perennial.customer.winback-overdue.v1"
    customer_id: Id
    case_id: Id
    owner: str
    escalated_to: str = ""
    step: Count = 1
    """Which rung of the ladder this is; the ladder has an end, the case has not."""


class WinbackDiagnosed(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.customer.winback-diagnosed.v1"
    customer_id: Id
    case_id: Id
    cause: str
    """`product-mismatch`, `operations`, `relationship`, `price`, `competitor`, `other`."""
    department: Department
    owner: str
    actions: list[str] = []
    competitor: str = ""
    note: Text = ""
    deadline: datetime | None = None
    """The case's deadline from now on: days lost before a late diagnosis are given back."""
    by: str = ""


class WinbackClosed(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.customer.winback-closed.v1"
    customer_id: Id
    case_id: Id
    outcome: Literal["recovered", "lost", "light-cleared"]
    reason: str = ""
    saved: Minor = 0
    """Rolling value brought back, reporting currency."""
    by: str = ""
    """The person who closed it; empty where the rules did."""


class CustomerRecovered(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.customer.recovered.v1"
    customer_id: Id
    case_id: Id
    evidence: list[Evidence] = []
    saved: Minor = 0
    """Rolling value at the recovery above that at the light."""
    check_at: datetime | None = None
    """When the case closes for good, unless the light is lit again before."""


class CustomerLost(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.customer.lost.v1"
    customer_id: Id
    case_id: str = ""
    reason: str = "no answer"
    owner: str = ""
    value_lost: Minor = 0
    """Rolling value of the last report before the light."""
    evidence: list[Evidence] = []


class CustomerReleased(Event, frozen=True, kw_only=True):
    """Let go by a person's decision, with reason and notice."""

    TYPE: ClassVar[str] = "perennial.customer.released.v1"
    customer_id: Id
    reason: Text
    by: str


class CustomerReactivated(Event, frozen=True, kw_only=True):
    """A lost or released customer ordered again: same number, next curve."""

    TYPE: ClassVar[str] = "perennial.customer.reactivated.v1"
    customer_id: Id
    number: Id
    order_id: str = ""


class CurveStarted(Event, frozen=True, kw_only=True):
    """The next life of a customer begins; its baseline starts anew here."""

    TYPE: ClassVar[str] = "perennial.customer.curve-started.v1"
    customer_id: Id
    curve: Count
    because: Literal["recovery", "reactivation", "next-product"]


class LostReasonGiven(Event, frozen=True, kw_only=True):
    """A person says why a lost customer went, in the place of "no answer"."""

    TYPE: ClassVar[str] = "perennial.customer.lost-reason-given.v1"
    customer_id: Id
    reason: Text
    competitor: str = ""
    by: str = ""


class ProductFirstBought(Event, frozen=True, kw_only=True):
    """A product this customer never bought before; in `maturing` it can begin the next curve."""

    TYPE: ClassVar[str] = "perennial.customer.product-first-bought.v1"
    customer_id: Id
    product: Id
    segment: Segment
    order_id: str = ""


class SignsNoted(Event, frozen=True, kw_only=True):
    """Numbers that move nothing now and that a later decision needs (an order during a win-back)."""

    TYPE: ClassVar[str] = "perennial.customer.signs-noted.v1"
    customer_id: Id
    signs: Signs
    order_id: str = ""
    """The order that answered the win-back, if that is what is noted."""


class WatcherChanged(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.customer.watcher-changed.v1"
    customer_id: Id
    owner: str
    watchers: list[str]
    reason: str


CUSTOMERS = Topic(
    "customers.v1",
    "lifecycle",
    [
        CustomerIdentified,
        CustomerActivated,
        CustomerMoved,
        RedLightLit,
        RedLightCleared,
        CustomerMatured,
        GrowthSlowed,
        WinbackOpened,
        WinbackOverdue,
        WinbackDiagnosed,
        WinbackClosed,
        CustomerRecovered,
        CustomerLost,
        CustomerReleased,
        CustomerReactivated,
        CurveStarted,
        LostReasonGiven,
        ProductFirstBought,
        SignsNoted,
        WatcherChanged,
        *ENTERING,
        *TEAMS,
        MonthClosed,
        ReportPublished,
    ],
)
