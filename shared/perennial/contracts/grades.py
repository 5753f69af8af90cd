"""What a lead is worth following up, and the grade of leads and customers; written by scoring.

A topic of its own: lead-intake folds it, and need not pass by every customer's score for it.
"""

from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from perennial.contracts.base import Count, Event, Id, Minor, Topic
from perennial.contracts.holdings import Grade


class Contribution(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One reason of a score: what was known, and how many points it gave."""

    feature: str
    value: str = ""
    points: float
    most: float | None = None
    """How many it could have given."""
    expected: str = ""
    """What the persona looks for."""


class Signal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that speaks for a lead at a moment: what engagement is counted from."""

    what: str
    """`activity:<kind>`, `channel:<name>`, `tag:<tag>` or `wants-call`."""
    at: datetime
    """Business time."""


class Learned(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one fact about a lead adds to what scoring knows; its state is made of nothing else."""

    attributes: dict[str, str] = {}
    """Of the party, where they are new or another."""
    signals: list[Signal] = []
    withdrawn: list[str] = []
    """Signals that hold no more: a tag was taken off."""
    expected_value: Minor | None = None
    """What the source expects it to bring."""


class LeadScored(Event, frozen=True, kw_only=True):
    """A lead's points, and its expected grade (S9, I6). They decay with silence in closed form."""

    TYPE: ClassVar[str] = "perennial.lead.scored.v1"
    customer_id: Id
    lead_id: Id
    because: Literal["captured", "touch", "activity", "silence", "policy", "merge", "reopened"]
    learned: Learned | None = None
    score: float
    """0 to 100 at `now`: fit + engagement, each capped."""
    fit: float
    engagement: float
    """At `now`; halves with each half-life of silence."""
    match: float | None = None
    """Persona match 0 to 100; absent where nothing is known that a persona asks for."""
    persona: str = ""
    """The persona that fits best, as `name@version`."""
    ready: bool
    """Score at or over the policy's threshold of readiness."""
    grade: Grade
    """Expected grade."""
    expected_value: Minor = 0
    """Reporting currency: what the source expects, else the policy's figure for the grade."""
    contributions: list[Contribution] = []
    review_at: datetime | None = None
    """When silence alone will next change readiness or grade."""


class LeadScoringEnded(Event, frozen=True, kw_only=True):
    """The lead has ended: its score is history, and silence says nothing about it any more."""

    TYPE: ClassVar[str] = "perennial.lead.scoring-ended.v1"
    customer_id: Id
    lead_id: Id
    because: Literal["won", "lost", "closed", "left"]
    """`left`: it belongs to another party now."""
    forgotten: list[str] = []
    """Attributes of the party that go with it."""


class Dimension(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of the five dimensions of a grade (S7)."""

    name: Literal["revenue", "profit", "efficiency", "ease", "integrity"]
    score: float | None = None
    """0 to 100; absent = unknown, left out, weights renormalised."""
    weight: float
    evidence: str = ""


class GradeChanged(Event, frozen=True, kw_only=True):
    """The grade on five dimensions, 1A to 5A: expected for a lead, actual from the second paid order."""

    TYPE: ClassVar[str] = "perennial.customer.grade-changed.v1"
    customer_id: Id
    before: Grade | None = None
    after: Grade
    basis: Literal["expected", "actual"]
    total: float
    """Weighted sum of the known dimensions, 0 to 100."""
    known: Count
    """How many of the five are known."""
    dimensions: list[Dimension] = []
    capped_by: list[str] = []
    """`few-known`, `integrity`: what kept it lower than its total says."""
    pending: Grade | None = None
    """The grade it will move to if the next evaluation says so too (hysteresis)."""
    order_id: str = ""


GRADES = Topic("grades.v1", "scoring", [LeadScored, LeadScoringEnded, GradeChanged])
