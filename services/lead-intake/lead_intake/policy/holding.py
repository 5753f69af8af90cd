"""Who may hold how much, and how often a customer may be handed over."""

from typing import Annotated, Literal

import msgspec
from perennial.contracts.base import Count, Id
from perennial.contracts.calendar import WallClock
from perennial.contracts.holdings import ActivityKind, Grade

Level = Count
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
"""A name that stands in the names of timers: small letters, digits and hyphens."""
LEVELS: dict[Grade, tuple[Level, Level]] = {
    "1A": (1, 3),
    "2A": (1, 4),
    "3A": (2, 5),
    "4A": (3, 5),
    "5A": (4, 5),
}


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A section of the policy; a field that it does not have is a typing error."""


class Scope(Rules, frozen=True, kw_only=True):
    """Which leads are meant: where a list is empty, all."""

    grades: tuple[Grade, ...] = ()
    products: tuple[Id, ...] = ()
    sources: tuple[Id, ...] = ()

    def covers(self, grade: str, product: str, source: str) -> bool:
        asked = ((self.grades, grade), (self.products, product), (self.sources, source))
        return all(not listed or value in listed for listed, value in asked)


class Capacity(Rules, frozen=True, kw_only=True):
    """What a seller can carry, where the register has no figures of the person's own."""

    open: Count = 10
    """Leads held at once: neither won, lost nor pooled. A 5A lead counts for its lead person."""
    inflow: Count = 10
    """Gains in any `window`, however they came; what was won or lost meanwhile still counts."""
    window: WallClock = "30d"


class Qualification(Rules, frozen=True, kw_only=True):
    """Who may take which lead at all."""

    levels: dict[Grade, tuple[Level, Level]] = msgspec.field(default_factory=lambda: dict(LEVELS))
    """Lowest and highest level of a seller who may take a lead of this grade."""
    certificates: dict[Id, Id] = {}
    """Certificate that a seller needs for a product."""


class Handovers(Rules, frozen=True, kw_only=True):
    """A customer's protection from being passed on (T1)."""

    most: Count = 2
    """Hand-overs in any `window`; only those count where the former holder had reached the customer."""
    window: WallClock = "90d"


class Contacts(Rules, frozen=True, kw_only=True):
    """A customer's protection from being called too often, over all sellers (T1)."""

    most: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 3
    """Contacts in any `window`, planned ones included."""
    window: WallClock = "7d"
    kinds: tuple[ActivityKind, ...] = (
        "call-connected", "message-sent", "meeting-held", "visit", "demo",
    )  # fmt: skip
    """Activities that count: those by which we turn to the customer."""
    lapses: WallClock = "1d"
    """A plan counts for so long after its moment; what was done by then has been logged."""


class Holdings(Rules, frozen=True, kw_only=True):
    capacity: Capacity = Capacity()
    qualification: Qualification = Qualification()
    handovers: Handovers = Handovers()
    contacts: Contacts = Contacts()
    quiet: WallClock = "5d"
    """How long a customer is left in peace after a seller who had reached them has dropped them."""
    leavers: Literal["rehold", "queue", "wait"] = "rehold"
    """What becomes of a leaver's leads by itself: `rehold` gives them to the named successor, else to
    the substitute, as far as they have room, and queues the rest; `queue` lets a round choose; `wait`
    leaves them where they are until a person chooses in one call."""
    queue: Id = "head-of-sales"
    """The named role that answers for leads nobody can take."""
