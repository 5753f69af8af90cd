"""The typed rules of lead-intake; `policy.yaml` holds the defaults a company starts with."""

from datetime import date, timedelta
from importlib.resources import files
from typing import Annotated

import msgspec
from perennial.contracts.base import Currency, Id, Minor

from lead_intake.policy.holding import Holdings
from lead_intake.policy.matching import Matching
from lead_intake.policy.pools import Pool
from lead_intake.policy.turnover import Turnover

Share = Annotated[float, msgspec.Meta(ge=-1, le=1)]
Days = Annotated[int, msgspec.Meta(ge=0, le=3650)]


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
