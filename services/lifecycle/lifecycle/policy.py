"""The typed rules of a customer's life; `policy.yaml` holds the defaults a company starts with."""

from importlib.resources import files
from typing import Annotated

import msgspec
from perennial.contracts.base import Currency
from perennial.contracts.customers import Department, Segment

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Days = Annotated[int, msgspec.Meta(ge=0, le=3650)]
Times = Annotated[int, msgspec.Meta(ge=1, le=100)]


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the policy; a field nobody knows is a typing error, not silence."""


class Light(Document, frozen=True, kw_only=True):
    """What lights the red light and what puts it out; the gap between them is the hysteresis."""

    not_alive_below: Share
    alive_again_above: Share
    models_not_believed: list[str]
    """Families whose P(alive) is no evidence here. Scoring never publishes BG/NBD's: where that is
    adopted another's stands in, so a score may bear its name and still be believed."""
    silence_factor: float
    """Silence beyond this many times the 95th percentile of the customer's own intervals."""
    fall_below_baseline: Share
    falls_in_a_row: Times


class TrendRules(Document, frozen=True, kw_only=True):
    """When a trend that goes on for long enough means more than itself."""

    steady_periods: Times
    windows_below_peak: Times
    slowing_periods: Times


class Winback(Document, frozen=True, kw_only=True):
    diagnose_within_working_days: Days
    deadline_days: Days
    lost_after_silence: float
    """Past its deadline a case is lost once silence exceeds this many times the usual."""
    check_after_days: Days
    orders_to_recover: Times
    """Orders since the light that follow each other in the customer's own rhythm."""
    value_to_recover: Share
    escalate_after_days: Annotated[list[Days], msgspec.Meta(min_length=1, max_length=10)]
    """Rungs of the ladder, in days after the diagnosis was due; it ends with the last."""
    causes: dict[str, Department]
    """Known root causes and the department that owns each."""


class Watching(Document, frozen=True, kw_only=True):
    least: Annotated[int, msgspec.Meta(ge=2, le=10)]
    roles: list[str]
    """Who may watch, the preferred role first."""
    last_resort: Annotated[list[str], msgspec.Meta(min_length=2)]
    """Named roles that watch where people are missing: never nobody."""


class Report(Document, frozen=True, kw_only=True):
    steady_band: Share
    """A customer's value that moved by less than this share counts as steady."""
    people_named: Times


class Policy(Document, frozen=True, kw_only=True):
    """What judges a customer's life. A version takes effect at a moment; decisions stay."""

    reporting_currency: Currency
    calendar: str
    """The tenant's calendar in the registers: zone, working days, holidays."""
    light: Light
    trend: TrendRules
    winback: Winback
    watchers: Watching
    accountable: dict[Segment, Department]
    report: Report

    def __post_init__(self) -> None:
        if self.light.not_alive_below > self.light.alive_again_above:
            raise ValueError("light.alive_again_above must not lie below light.not_alive_below")
        if sorted(self.winback.escalate_after_days) != self.winback.escalate_after_days:
            raise ValueError("winback.escalate_after_days must ascend")
        if len(set(self.watchers.last_resort)) < self.watchers.least:
            raise ValueError("watchers.last_resort must name as many roles as watchers.least")


def load(document: bytes) -> Policy:
    """A policy document as published, checked."""
    return msgspec.yaml.decode(document, type=Policy)


def default() -> Policy:
    """The document shipped with the service."""
    return load(files("lifecycle").joinpath("policy.yaml").read_bytes())
