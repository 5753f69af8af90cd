"""Facts about the system itself: policies, the clock, what was parked."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

import msgspec

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


class Bound(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an adopted version may do at most while it is watched."""

    of: Literal["a-day", "ratio", "otherwise"]
    """Events on one day (UTC); events for each that the former version would have made; the share of
    either version's events that the other would not have made so."""
    at_most: Annotated[float, msgspec.Meta(ge=0)]
    type: str = ""
    """Which events; empty: all that the service decides."""
    least: Annotated[int, msgspec.Meta(ge=1)] = 1
    """How many there must be before it is judged."""


class PolicyAdopted(Event, frozen=True, kw_only=True):
    """From `effective_at` on, facts are judged by this version."""

    TYPE: ClassVar[str] = "perennial.policy.adopted.v1"
    service: Id
    version: int
    effective_at: datetime
    by: str = ""
    """Who; the service itself, where a bound was broken."""
    reason: str = ""
    bounds: list[Bound] = []
    watched_until: datetime | None = None
    """Until then the version before it is adopted again, should a bound be broken."""


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
