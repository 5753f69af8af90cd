"""The typed rules of lead-intake; `policy.yaml` holds the defaults a company starts with."""

from datetime import date, timedelta
from importlib.resources import files
from typing import Annotated, Literal

import msgspec
from perennial.contracts.base import Currency, Id, Minor
from perennial.contracts.holdings import ActivityKind

from lead_intake.policy.holding import Holdings
from lead_intake.policy.matching import Matching
from lead_intake.policy.pools import Pool
from lead_intake.policy.turnover import Turnover

Share = Annotated[float, msgspec.Meta(ge=-1, le=1)]
Hours = Annotated[int, msgspec.Meta(ge=1, le=8760)]
Credit = Literal["first", "last", "linear"]
Days = Annotated[int, msgspec.Meta(ge=0, le=3650)]


class TagRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tag for every lead that meets all conditions: a field's value is one of those named."""

    tag: Id
    when: dict[str, list[str]]
    """`channel`, `campaign`, `product`, `kind`, `source`, or an attribute as `industry`."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What judges leads and orders. A version takes effect at a moment; what was decided stays decided."""

    reporting_currency: Currency = "USD"
    """Revenue and margin of every order are stated in it."""
    default_margin: Share | None = None
    """Share of revenue taken as margin where neither cost nor product tells; absent = unknown."""
    margins: dict[Id, Share] = {}
    """The same by product, before the overall default."""
    products_must_be_known: bool = False
    """An order that names a product outside the register waits for it."""
    waiting_days: Days = 30
    """How long a fact waits for what it names before a person looks at it."""
    total_tolerance: Minor = 1
    """How far the total may lie from the sum of the lines, in minor units."""
    earliest: date = date(1900, 1, 1)
    """Business dates before this are typing errors."""
    ahead_hours: int = 24
    """How far business time may lie ahead of the clock (zones, clocks that run fast)."""
    channel: str = "partner"
    """Channel of a first touch by an order that names none."""
    holding: Holdings = Holdings()
    turnover: Turnover = Turnover()
    pools: tuple[Pool, ...] = (Pool(name="public"),)
    """The last one takes what no other does."""
    matching: Matching = Matching()

    tag_rules: list[TagRule] = []
    credit: Credit = "linear"
    """Which touches of a lead its win is credited to: the first, the last, or all alike."""
    market_role: Id = "market"
    """The named role that answers for a lead until a seller holds it."""
    score_hours: Hours = 24
    """How long a new lead waits for its score before that is recorded as missing."""
    most_returns: int = 2
    """How often sales may return a lead to market."""
    effective: tuple[ActivityKind, ...] = (
        "call-connected", "reply-received", "meeting-held", "visit", "demo", "quotation",
    )  # fmt: skip
    """Activities that count as work on a lead: two-way contact, held meeting, quotation, reply."""
    contacts: tuple[ActivityKind, ...] = (
        "call-connected", "message-sent", "reply-received", "meeting-held", "visit", "demo",
        "quotation", "contract-sent",
    )  # fmt: skip
    """Activities by which a holder has been in touch at all."""

    @property
    def score_within(self) -> timedelta:
        return timedelta(hours=self.score_hours)

    def __post_init__(self) -> None:
        if not self.pools:
            raise ValueError("name a pool, at least one")

    @property
    def waiting(self) -> timedelta:
        return timedelta(days=self.waiting_days)


def load(document: bytes) -> Policy:
    """A policy document as published; unknown fields are refused, so that a typo is no silence."""
    return msgspec.yaml.decode(document, type=Policy)


def default() -> Policy:
    """The document shipped with the service."""
    return load(files("lead_intake").joinpath("policy.yaml").read_bytes())
