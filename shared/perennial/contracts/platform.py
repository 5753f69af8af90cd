"""Facts about the system itself: policies, the clock, what was parked."""

from datetime import datetime
from typing import ClassVar

from perennial.contracts.base import Event, Id, Topic

SERVICES = ("lead-intake", "lifecycle", "scoring", "notifications")


class PolicyDrafted(Event, frozen=True, kw_only=True):
    """A proposed rule document of one service, whole, as canonical JSON."""

    TYPE: ClassVar[str] = "perennial.policy.drafted.v1"
    service: Id
    version: int
    document: str
    by: str = ""
    note: str = ""


class PolicyAdopted(Event, frozen=True, kw_only=True):
    """From `effective_at` on, facts are judged by this version."""

    TYPE: ClassVar[str] = "perennial.policy.adopted.v1"
    service: Id
    version: int
    effective_at: datetime
    by: str = ""
    reason: str = ""


class PolicyTried(Event, frozen=True, kw_only=True):
    """A version was run over the recorded history before it is adopted; the report is stored."""

    TYPE: ClassVar[str] = "perennial.policy.tried.v1"
    service: Id
    version: int
    trial: Id
    """Where the report is: `GET /v1/whatif/{trial}`."""
    decisions: int = 0
    """Live decisions that it was compared with."""
    otherwise: int = 0
    """How many of them would have come out otherwise."""


class Ticked(Event, frozen=True, kw_only=True):
    """Time has come to `to`: every timer due by then fires."""

    TYPE: ClassVar[str] = "perennial.clock.ticked.v1"
    to: datetime


class FactRejected(Event, frozen=True, kw_only=True):
    """A copy of what a service parked, with cause and trace; the parked row is the truth."""

    TYPE: ClassVar[str] = "perennial.fact.rejected.v1"
    service: Id
    topic: str
    partition: int
    offset: int
    key: str
    fact_type: str
    fact_id: str
    reason: str
    error: str
    principal: str = ""


CLOCK = Topic("clock.v1", "clock", [Ticked], partitions=1)
POLICIES = {
    service: Topic(
        f"policies.{service}.v1", service, [PolicyDrafted, PolicyAdopted, PolicyTried], partitions=1
    )
    for service in SERVICES
}
REJECTED = {
    service: Topic(f"{service}.rejected.v1", service, [FactRejected], partitions=1)
    for service in SERVICES
}
