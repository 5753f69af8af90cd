"""Parties that were found to be one, and that are two again; written by lead-intake.

Keys are never rewritten. The younger party becomes part of the older one: its leads and orders change
hands one by one, told on both keys, each as it stands. Apart again, each party takes back what came
under its own names, before and meanwhile.
"""

from datetime import datetime
from typing import Any, ClassVar, Literal

import msgspec

from perennial.contracts.base import Currency, Event, Id, Minor, Text
from perennial.contracts.holdings import Grade, LeadKind


class MergeProposed(Event, frozen=True, kw_only=True):
    """Claims of one touch belong to several parties: a person decides whether they are one."""

    TYPE: ClassVar[str] = "perennial.lead.merge-proposed.v1"
    customer_id: Id
    other: Id
    claims: list[str]


class MergeDeclined(Event, frozen=True, kw_only=True):
    """They are two, a person says: what they share is no ground to ask again."""

    TYPE: ClassVar[str] = "perennial.lead.merge-declined.v1"
    customer_id: Id
    other: Id
    by: str
    reason: Text = ""


class LeadMerged(Event, frozen=True, kw_only=True):
    """`loser` is `root` from now on; goes out on both keys. Statistics stay by original id."""

    TYPE: ClassVar[str] = "perennial.lead.merged.v1"
    customer_id: Id
    root: Id
    loser: Id
    by: str
    reason: Text = ""
    members: list[Id] = []
    """Whoever the loser had taken in before, and comes with it."""
    whose: dict[str, str] = {}
    """Names learned of those, and whose each is."""
    attributes: dict[str, str] = {}
    """What the loser knows of the party; nothing that the root knows is overwritten."""
    contacts: dict[str, Any] = {}
    """What spares the customer (contacts of late, complaints), as its writer keeps it."""


class LeadUnmerged(Event, frozen=True, kw_only=True):
    """They are two again, each with what came under its own id; goes out on both keys."""

    TYPE: ClassVar[str] = "perennial.lead.unmerged.v1"
    customer_id: Id
    root: Id
    loser: Id
    by: str
    reason: Text = ""
    members: list[Id] = []
    names: list[str] = []
    """Names of the loser that were learned meanwhile: they lead to it again."""
    whose: dict[str, str] = {}
    """Names that are those of one of its members, and whose: they go with that one, if it parts."""
    attributes: dict[str, str] = {}
    """What came under its names meanwhile; the root forgets it."""
    contacts: dict[str, Any] = {}
    """What spares the one that is apart again, as its writer keeps it."""


class Heard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that spoke for a lead at a moment, in scoring's words for it."""

    what: str
    """`activity:<kind>`, `channel:<name>`, `tag:<tag>` or `wants-call`."""
    at: datetime
    """Business time."""


class LeadLeft(Event, frozen=True, kw_only=True):
    """The lead belongs to another party from now on, which says so by `LeadTaken`."""

    TYPE: ClassVar[str] = "perennial.lead.left.v1"
    customer_id: Id
    lead_id: Id
    to: Id
    also: list[Id] = []
    """Leads that were further touches of it."""
    forgets: list[str] = []
    """Attributes of the party that only those said who leave."""


class LeadTaken(Event, frozen=True, kw_only=True):
    """The lead came from another party, whole: its holder, its clocks and its past go on."""

    TYPE: ClassVar[str] = "perennial.lead.taken.v1"
    customer_id: Id
    lead_id: Id
    former: Id
    also: list[Id] = []
    channel: str = ""
    kind: LeadKind = "new"
    product: str = ""
    stage: Literal["nurture", "waiting", "held", "pooled", "won", "lost", "closed"]
    holder: str = ""
    grade: Grade
    expected_value: Minor | None = None
    """What its source expected of it, in reporting currency."""
    heard: list[Heard] = []
    """What spoke for it so far, the latest hundred."""
    attributes: dict[str, str] = {}
    """Of the party it came from."""
    standing: dict[str, Any] = {}
    """The lead as its writer keeps it; readers go by the fields above."""


class OrderLeft(Event, frozen=True, kw_only=True):
    """The order belongs to another party from now on, which says so by `OrderTaken`."""

    TYPE: ClassVar[str] = "perennial.order.left.v1"
    customer_id: Id
    order_id: Id
    to: Id


class OrderTaken(Event, frozen=True, kw_only=True):
    """The order came from another party, as it stands. `ce_time` is the moment of the order."""

    TYPE: ClassVar[str] = "perennial.order.taken.v1"
    customer_id: Id
    order_id: Id
    former: Id
    number: Id
    source: Id
    placed_at: datetime
    currency: Currency
    total: Minor
    revenue: Minor
    """As placed, in reporting currency; likewise `margin`."""
    margin: Minor | None = None
    paid: bool = False
    paid_at: datetime | None = None
    """When it was settled, where that came after its placing."""
    cancelled: bool = False
    returned_revenue: Minor = 0
    """Given up by returns, in reporting currency; likewise `returned_margin`."""
    returned_margin: Minor = 0
    returns: list[Id] = []
    products: list[Id] = []
    """The main one first."""
    standing: dict[str, Any] = {}
    """The order as its writer keeps it; readers go by the fields above."""


UNION_OF_LEADS: list[type[Event]] = [
    MergeProposed,
    MergeDeclined,
    LeadMerged,
    LeadUnmerged,
    LeadLeft,
    LeadTaken,
]
UNION_OF_ORDERS: list[type[Event]] = [OrderLeft, OrderTaken]
