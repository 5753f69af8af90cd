"""Facts about parties and their leads, written by lead-intake, keyed by customer id.

A party is known from its first touch; a lead is one chance to sell to it. A lead waits with the
market department until it is ready, then for a seller; who holds it, and how it ends, is told by
`holdings`. Contact data stand in `personal` only, encrypted for the party.
"""

from datetime import datetime
from typing import ClassVar, Literal

from perennial.contracts.base import Count, Event, Id, Minor, Text, Topic
from perennial.contracts.holdings import HOLDINGS, Grade
from perennial.contracts.holdings import LeadKind as LeadKind
from perennial.contracts.touches import Touch
from perennial.contracts.unions import UNION_OF_LEADS


class LeadCaptured(Event, frozen=True, kw_only=True):
    """A chance to sell was captured; with the party's first one the party itself becomes known."""

    TYPE: ClassVar[str] = "perennial.lead.captured.v1"
    customer_id: Id
    lead_id: str = ""
    """Empty where a party became known by an order alone: there is nothing to assign."""
    channel: str
    source: Id
    external_id: Id
    """The party's id in the system it came from."""
    number: str = ""
    """The lead's id in that system."""
    claims: list[str] = []
    """Identity claims as `kind:hash`; a hash can be compared, not read. Another party's are left out."""
    conflicts: list[str] = []
    """Other parties that hold one of these claims: somebody decides whether they are one."""
    of: str = ""
    """The party for which it came, where that one was found to be this customer."""
    again: bool = False
    """The party's id there was known before: it is no new name."""
    by_order: bool = False
    """The first touch was an order: nobody is assigned, the party activates by paying."""
    kind: LeadKind = "new"
    product: str = ""
    campaign: str = ""
    cost: Minor | None = None
    expected_value: Minor | None = None
    """What the source expects it to bring, in reporting currency."""
    unvalued: str = ""
    """The currency of its cost and value, where nobody has said its rate: both are unknown then."""
    wants_call: bool = False
    opportunity: bool = False
    """Its source says it is one already: it waits for a seller at once."""
    holder: str = ""
    """The seller who holds it already, where a recorded pipeline says so."""
    captured_at: datetime | None = None
    """When its source learned of it; absent = when we did."""
    unmatched: Text = ""
    """The product as the source spells it, where no register entry answers to it."""
    content: str = ""
    """Hash of what the source said: the same lead said again is known by it."""
    tags: list[str] = []
    attributes: dict[str, str] = {}
    """Derived, not personal: class, industry, size, region, language, scenario, circle."""
    personal: str = ""


class LeadTouched(Event, frozen=True, kw_only=True):
    """Another touch of a party whose lead is open: kept for credit and score, no second lead."""

    TYPE: ClassVar[str] = "perennial.lead.touched.v1"
    customer_id: Id
    lead_id: Id
    touch: Touch
    number: str = ""
    external_id: str = ""
    """The party's id in the system that the touch came from."""
    of: str = ""
    """As in `LeadCaptured`, likewise `again`."""
    again: bool = False
    claims: list[str] = []
    """As in `LeadCaptured`, likewise `conflicts`."""
    conflicts: list[str] = []
    unvalued: str = ""
    wants_call: bool = False
    attributes: dict[str, str] = {}
    """What was not known before; nothing known is overwritten."""
    content: str = ""
    personal: str = ""


class LeadTagged(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.lead.tagged.v1"
    customer_id: Id
    lead_id: Id
    added: list[str] = []
    removed: list[str] = []
    by: str = "rule"


class LeadGraded(Event, frozen=True, kw_only=True):
    """What scoring thinks of it, as taken note of here: it steers all that follows (I6)."""

    TYPE: ClassVar[str] = "perennial.lead.graded.v1"
    customer_id: Id
    lead_id: Id
    score: float
    ready: bool
    grade: Grade
    expected_value: Minor = 0


class LeadReadied(Event, frozen=True, kw_only=True):
    """An opportunity: from market to sales (I19). It waits for a seller from now on."""

    TYPE: ClassVar[str] = "perennial.lead.readied.v1"
    customer_id: Id
    lead_id: Id
    because: Literal["score", "asked", "person", "arrived"]
    score: float | None = None
    grade: Grade
    expected_value: Minor = 0
    by: str = ""
    """The person who says so."""


class LeadReturned(Event, frozen=True, kw_only=True):
    """Sales gave it back to market, with a reason; at most so many times as the policy says."""

    TYPE: ClassVar[str] = "perennial.lead.returned.v1"
    customer_id: Id
    lead_id: Id
    by: str
    former: str = ""
    reason: Text
    times: Count = 1


class LeadQueued(Event, frozen=True, kw_only=True):
    """Nobody can take it now: who answers for it meanwhile, why, and how long it may last."""

    TYPE: ClassVar[str] = "perennial.lead.unassigned-queued.v1"
    customer_id: Id
    lead_id: Id
    reason: Literal["no-score", "no-capacity", "no-seller", "held-before", "protected", "left"]
    holder: str
    """The named role that answers for it."""
    expected_wait_hours: float | None = None
    barred_until: datetime | None = None
    """The customer's protection budget forbids another hand-over before (T1)."""
    lost_by_reason: dict[str, int] = {}
    """How many sellers each reason ruled out."""
    round_id: str = ""


LEADS = Topic(
    "leads.v1",
    "lead-intake",
    [
        LeadCaptured,
        LeadTouched,
        LeadTagged,
        *UNION_OF_LEADS,
        LeadGraded,
        LeadReadied,
        LeadReturned,
        LeadQueued,
        *HOLDINGS,
    ],
)
