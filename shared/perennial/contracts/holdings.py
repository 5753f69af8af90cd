"""Who holds a lead, what its holder does, and how it ends: the sales half of the `leads` topic."""

from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from perennial.contracts.base import Count, Event, Fraction, Id, Minor, Text
from perennial.contracts.touches import TouchCredit

LeadKind = Literal["new", "renewal", "upgrade", "cross-sell"]
Grade = Literal["1A", "2A", "3A", "4A", "5A"]
"""5A is best; one scale for leads (expected) and customers (actual)."""
Clock = Literal[
    "first-contact", "activity", "assignment", "quotation", "contract-end", "review", "lease"
]
"""Which of the rules' clocks ran out."""
Gained = Literal["matched", "claimed", "person", "transferred", "re-held", "arrived"]
"""How a seller came to hold a lead; each of them counts as inflow."""


class Runner(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A seller who could have got it, and why they did not."""

    person: Id
    win_chance: Fraction = 0.0
    why: str = ""


class LeadAssigned(Event, frozen=True, kw_only=True):
    """A seller holds it from now on."""

    TYPE: ClassVar[str] = "perennial.lead.assigned.v1"
    customer_id: Id
    lead_id: Id
    holder: Id
    former: str = ""
    """Whose it was, where this is a hand-over."""
    how: Gained
    since: datetime | None = None
    """When it was gained in business time, where its source says so: inflow counts from then."""
    team: list[str] = []
    """5A: the locked team, its lead person first."""
    grade: Grade
    win_chance: Fraction | None = None
    win_low: Fraction | None = None
    win_high: Fraction | None = None
    """95 % interval of the win chance."""
    expected_value: Minor = 0
    runners_up: list[Runner] = []
    lost_by_reason: dict[str, int] = {}
    round_id: str = ""
    seed: str = ""
    """Set where a tie was broken by it."""
    over_capacity: Text = ""
    """A person's reason to exceed the limit."""
    by: str = "rule"
    handover: bool = False
    """It counts against the customer's budget of hand-overs (T1)."""


class TurnoverWarned(Event, frozen=True, kw_only=True):
    """One rung of the ladder, once per holding."""

    TYPE: ClassVar[str] = "perennial.lead.turnover-warned.v1"
    customer_id: Id
    lead_id: Id
    holder: Id
    rung: str
    """As the policy names it: `5d`, `2d`, `due`, `review`."""
    manager_too: bool = False
    clock: Clock
    started_at: datetime
    due_at: datetime


class LeadTurnedOver(Event, frozen=True, kw_only=True):
    """The holder's time is over; what follows is another holder, the pool or nurture."""

    TYPE: ClassVar[str] = "perennial.lead.turned-over.v1"
    customer_id: Id
    lead_id: Id
    former: Id
    clock: Clock
    started_at: datetime
    due_at: datetime
    calendar: str = ""
    """Version of the working calendar that counted, as `default@3`; empty for wall clock."""
    last_effective: datetime | None = None
    lease: str = ""
    """The protection that had run out, if there was one."""
    reached: bool = False
    """The former holder had reached the customer (T1 counts such a hand-over)."""
    holders: Count
    """Holders so far, this one included."""
    follows: Literal["waiting", "pool", "nurture"]


class LeadPooled(Event, frozen=True, kw_only=True):
    """In a public pool, for whoever may claim it."""

    TYPE: ClassVar[str] = "perennial.lead.pooled.v1"
    customer_id: Id
    lead_id: Id
    pool: Id
    former: str = ""
    because: Literal["turnover", "released", "unmatched", "person", "left"]
    claimable_from: datetime
    """The hold of a new entry is over."""
    nurtured_at: datetime
    """Unclaimed until then it goes back to nurture."""


class LeadClaimed(Event, frozen=True, kw_only=True):
    """A seller took it from the pool."""

    TYPE: ClassVar[str] = "perennial.lead.claimed.v1"
    customer_id: Id
    lead_id: Id
    holder: Id
    former: str = ""
    pool: Id
    grade: Grade
    handover: bool = False


class LeadReleased(Event, frozen=True, kw_only=True):
    """Its holder let it go, with a reason; a pool or another holder follows."""

    TYPE: ClassVar[str] = "perennial.lead.released.v1"
    customer_id: Id
    lead_id: Id
    former: Id
    by: str
    reason: Text
    because: Literal["holder", "person", "left", "absent"] = "holder"
    reached: bool = False


class ProtectionGranted(Event, frozen=True, kw_only=True):
    """A lease: until its end no clock takes the lead away. Evidence, end and limit are named."""

    TYPE: ClassVar[str] = "perennial.lead.protection-granted.v1"
    customer_id: Id
    lead_id: Id
    holder: Id
    because: Literal["quotation", "meeting-held", "person"]
    until: datetime
    times: Count
    """How manyth lease of this holding."""
    evidence: str = ""
    """The activity that earned it."""
    by: str = "rule"
    reason: Text = ""


class ProtectionEnded(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.lead.protection-ended.v1"
    customer_id: Id
    lead_id: Id
    holder: Id
    by: str = "rule"


class ContactRevealed(Event, frozen=True, kw_only=True):
    """Somebody looked at contact data: audited always, counted as a view where it lies in a pool."""

    TYPE: ClassVar[str] = "perennial.lead.contact-revealed.v1"
    customer_id: Id
    lead_id: Id
    by: Id
    pool: str = ""


ActivityKind = Literal[
    "note", "call-tried", "call-connected", "message-sent", "reply-received", "meeting-held",
    "visit", "demo", "quotation", "contract-sent", "web-visit", "content", "event-attended",
    "complaint", "complaint-answered",
]  # fmt: skip


class ActivityLogged(Event, frozen=True, kw_only=True):
    """Something done with or by the party. Its text, if any, stays with lead-intake."""

    TYPE: ClassVar[str] = "perennial.lead.activity-logged.v1"
    customer_id: Id
    lead_id: Id
    activity_id: Id
    kind: ActivityKind
    by: str = ""
    """The seller, or empty where the party acted."""
    effective: bool = False
    """Two-way contact, held meeting, quotation or reply, as the policy lists them."""
    first_contact: bool = False
    amount: Minor | None = None
    """Of a quotation, in reporting currency."""
    unvalued: str = ""
    """The currency of the amount, where nobody has said its rate: it is unknown then."""
    at: datetime | None = None
    """When it was, of contacts and complaints."""
    contact: bool = False
    """We turned to the customer: it counts against their contacts a week (T1)."""
    against: list[str] = []
    """What the customer should have been spared by then: `contacts-used-up`, `quiet-time`,
    `complaint-open`."""


class ContactPlanned(Event, frozen=True, kw_only=True):
    """A seller is going to turn to the customer: the place among the week's contacts is taken."""

    TYPE: ClassVar[str] = "perennial.lead.contact-planned.v1"
    customer_id: Id
    lead_id: Id
    activity_id: Id
    """The activity will be logged under this id; planned again it is moved."""
    kind: ActivityKind
    at: datetime
    by: Id


class LeadNurtured(Event, frozen=True, kw_only=True):
    """Back with market: unclaimed, barred, returned or no longer ready."""

    TYPE: ClassVar[str] = "perennial.lead.nurtured.v1"
    customer_id: Id
    lead_id: Id
    because: Literal["unclaimed", "barred", "returned", "score", "turnover", "person"]
    until: datetime | None = None


class LeadWon(Event, frozen=True, kw_only=True):
    """The chance was taken: by a paid order, or a deal that was reported closed."""

    TYPE: ClassVar[str] = "perennial.lead.won.v1"
    customer_id: Id
    lead_id: Id
    holder: str = ""
    """Whose win it is; empty where nobody held it."""
    order_id: str = ""
    value: Minor | None = None
    """In reporting currency, where known."""
    holders: Count = 0
    grade: Grade | None = None
    channel: str = ""
    waited_days: float | None = None
    """Closing cycle: from readiness to the win, in days."""
    credit: list[TouchCredit] = []
    """`value` over the lead's touches in their order, by the policy's model; together exactly `value`."""


class LeadLost(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.lead.lost.v1"
    customer_id: Id
    lead_id: Id
    holder: str = ""
    reason: Text
    by: str = ""
    grade: Grade | None = None
    channel: str = ""


class LeadClosed(Event, frozen=True, kw_only=True):
    """Disqualified, with a reason: no chance at all, and no loss of anybody's."""

    TYPE: ClassVar[str] = "perennial.lead.closed.v1"
    customer_id: Id
    lead_id: Id
    holder: str = ""
    reason: Text
    by: str = ""


class LeadReopened(Event, frozen=True, kw_only=True):
    """A lost or closed lead is a chance again; what it was lost by stays in its history."""

    TYPE: ClassVar[str] = "perennial.lead.reopened.v1"
    customer_id: Id
    lead_id: Id
    by: str
    reason: Text = ""


HOLDINGS: tuple[type[Event], ...] = (
    LeadAssigned,
    TurnoverWarned,
    LeadTurnedOver,
    LeadPooled,
    LeadClaimed,
    LeadReleased,
    ProtectionGranted,
    ProtectionEnded,
    ContactRevealed,
    ActivityLogged,
    ContactPlanned,
    LeadNurtured,
    LeadWon,
    LeadLost,
    LeadClosed,
    LeadReopened,
)
