"""How a party becomes a customer: who holds its leads, whether it is one of ours, and when it is in."""

from datetime import datetime
from typing import ClassVar, Literal

from perennial.contracts.base import Event, Id
from perennial.contracts.holdings import Grade
from perennial.contracts.scores import ChurnChanged, CustomerScored, TrendChanged

Persona = Literal["unknown", "passed", "below", "confirmed", "unconfirmed"]
"""`below`: a person is asked; `confirmed` by one; `unconfirmed`: nobody answered in time."""


Segment = Literal[
    "identified", "prospecting", "activated", "serving", "growing", "maintaining", "maturing",
    "declining", "winning-back", "lost", "released",
]  # fmt: skip


class LeadHolderNoted(Event, frozen=True, kw_only=True):
    """Who holds a lead of this party now; by that it is identified or prospecting."""

    TYPE: ClassVar[str] = "perennial.customer.lead-holder-noted.v1"
    customer_id: Id
    lead_id: Id
    stage: Literal["held", "free", "won"]
    holder: str = ""
    """Empty where nobody holds it."""
    grade: Grade | None = None


class CustomerMerged(Event, frozen=True, kw_only=True):
    """It is part of `root` from now on, and rests as it stood; its number stays as an alias."""

    TYPE: ClassVar[str] = "perennial.customer.merged.v1"
    customer_id: Id
    root: Id
    number: str = ""
    before: Segment | None = None
    after: Literal["merged"]


class CustomerUnmerged(Event, frozen=True, kw_only=True):
    """It stands for itself again, in the segment where it stood."""

    TYPE: ClassVar[str] = "perennial.customer.unmerged.v1"
    customer_id: Id
    root: Id
    number: str = ""
    before: Literal["merged"]
    after: Segment | None = None


class PersonaJudged(Event, frozen=True, kw_only=True):
    """The match with the personas, seen against the threshold; told when the verdict changes."""

    TYPE: ClassVar[str] = "perennial.customer.persona-judged.v1"
    customer_id: Id
    verdict: Literal["passed", "below"]
    match: float
    threshold: float
    persona: str = ""


class ActivationAwaited(Event, frozen=True, kw_only=True):
    """It paid or signed and matches no persona: a person confirms, or time does."""

    TYPE: ClassVar[str] = "perennial.customer.activation-awaited.v1"
    customer_id: Id
    confirm_by: datetime
    asked: str
    """The person or named role who is to confirm."""
    order_id: str = ""
    contract: str = ""


class NumbersKept(Event, frozen=True, kw_only=True):
    """A number that came while activation was awaited, or before the two that were one are two again:
    it is judged once the party is in."""

    TYPE: ClassVar[str] = "perennial.customer.numbers-kept.v1"
    customer_id: Id
    event_id: Id
    scored: CustomerScored | None = None
    trend: TrendChanged | None = None
    churn: ChurnChanged | None = None


class PersonaConfirmed(Event, frozen=True, kw_only=True):
    """A person says that this is a customer for us, whatever the match says."""

    TYPE: ClassVar[str] = "perennial.customer.persona-confirmed.v1"
    customer_id: Id
    by: str
    reason: str = ""


class FirstOrderPaid(Event, frozen=True, kw_only=True):
    """A customer by contract paid its first order: from now on its numbers are judged."""

    TYPE: ClassVar[str] = "perennial.customer.first-order-paid.v1"
    customer_id: Id
    order_id: str = ""


ENTERING: tuple[type[Event], ...] = (
    LeadHolderNoted,
    CustomerMerged,
    CustomerUnmerged,
    PersonaJudged,
    ActivationAwaited,
    NumbersKept,
    PersonaConfirmed,
    FirstOrderPaid,
)
