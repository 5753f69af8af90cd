"""What is known of a customer: the state that its own events make (`evolving`)."""

from datetime import date, datetime

import msgspec
from perennial.contracts.base import Fact, Minor, Part, State
from perennial.contracts.customers import Segment, Signs
from perennial.contracts.entering import Persona
from perennial.contracts.holdings import Grade
from perennial.contracts.scores import ChurnChanged, CustomerScored, OrderEffect, TrendChanged
from perennial.contracts.teams import Binding, Department, Tier


class Product(Part, frozen=True, kw_only=True):
    """A product this customer has bought at least once."""

    product: str
    since: datetime
    segment: Segment


class Light(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A red light that is on, and what lit it."""

    since: datetime
    signs: list[str]
    value_at_risk: Minor = 0
    rolling_value: Minor = 0


class Case(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A win-back from the light to the end of its effectiveness check."""

    case_id: str
    owner: str
    opened_at: datetime
    diagnose_by: datetime
    deadline: datetime
    baseline: Minor = 0
    reopens: int = 0
    reminders: int = 0
    cause: str = ""
    department: Department | None = None
    answers: int = 0
    """Orders since the light that followed each other in the customer's own rhythm."""
    last_answer: date | None = None
    saved: Minor = 0
    check_at: datetime | None = None
    """Set once recovered: when the case closes, unless the light is lit again before."""


class Holding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A lead of this party that somebody holds, or has just won."""

    holder: str
    grade: Grade | None = None
    won: bool = False


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A number that is judged later; one of the three is set."""

    event_id: str
    scored: CustomerScored | None = None
    trend: TrendChanged | None = None
    churn: ChurnChanged | None = None

    @property
    def order(self) -> OrderEffect | None:
        """What an order did to the score, if one was its cause."""
        return self.scored.order if self.scored is not None else None

    def as_fact(self, fact: Fact) -> Fact:
        """The number as it would be heard with `fact`, on which it is judged."""
        data = self.scored or self.trend or self.churn
        return msgspec.structs.replace(fact, data=data, id=self.event_id)


class Awaiting(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An activation that a person is to confirm, and what has come meanwhile."""

    confirm_by: datetime
    asked: str
    order_id: str = ""
    contract: str = ""
    kept: tuple[Kept, ...] = ()


class TierNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A lower tier that was announced and does not hold yet."""

    after: Tier
    effective_at: datetime


class Task(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item of a hand-over and who confirmed it."""

    department: Department
    by: str = ""
    at: datetime | None = None


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """The latest passing from some hands to others; complete once every item is confirmed."""

    since: datetime
    items: dict[str, Task]


class Customer(State, frozen=True, kw_only=True):
    segment: Segment | None = None
    root: str = ""
    """The customer that this one was found to be; meanwhile it is in no segment."""
    was: Segment | None = None
    """Where it stood before."""
    early: tuple[Kept, ...] = ()
    """What its orders did to its score once it had them back, heard before it was two again."""
    since: datetime | None = None
    """Since when in this segment."""
    channel: str = ""
    number: str = ""
    owner: str = ""
    watchers: tuple[str, ...] = ()
    curve: int = 0
    entry_order: str = ""
    """The order that began the present stay: activation, or the latest re-activation."""
    unlit_segment: Segment | None = None
    """Where the customer stood when the light was lit."""
    growth_warned: bool = False
    next_product: str = ""
    """First bought during the present stay in `maturing`."""
    signs: Signs = Signs()
    """Kept only where a later decision needs them: before serving, and while the light is on."""
    light: Light | None = None
    case: Case | None = None
    cases: int = 0
    persona: Persona = "unknown"
    held: dict[str, Holding] = {}
    """By lead."""
    seller: str = ""
    """Who won it last: of the team, never its owner."""
    awaiting: Awaiting | None = None
    unpaid: bool = False
    """A customer by contract that has not paid an order yet: its numbers say nothing."""
    grade: Grade | None = None
    """As scoring judges it; what it is served by may be another (`care.served_grade`)."""
    basis: str = ""
    vip: bool = False
    binding: Binding | None = None
    """Set from activation on, as the tier is."""
    tier: Tier | None = None
    tier_notice: TierNotice | None = None
    handover: Handover | None = None
    parts: dict[str, Product] = msgspec.field(default_factory=dict)


def part_id(customer_id: str, product: str) -> str:
    return f"{customer_id}/{product}"


def answers_after(case: Case, day: date, usual_days: float | None) -> int:
    """How many orders have followed each other in rhythm, counting one of this day."""
    if case.last_answer is None:
        return 1
    gap = abs((day - case.last_answer).days)
    if gap == 0:
        return case.answers
    return case.answers + 1 if usual_days is None or gap <= usual_days else 1


def holder_of(customer: Customer) -> str:
    """Who works its leads: who won one, else the holder of the first; empty if nobody does."""
    ranked = sorted(customer.held.items(), key=lambda one: (not one[1].won, one[0]))
    return ranked[0][1].holder if ranked else ""
