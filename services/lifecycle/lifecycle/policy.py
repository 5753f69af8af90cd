"""The typed rules of a customer's life; `policy.yaml` holds the defaults a company starts with."""

from collections.abc import Iterable
from importlib.resources import files
from typing import Annotated, Any, get_args

import msgspec
from perennial.contracts.base import Currency, Minor
from perennial.contracts.calendar import Period
from perennial.contracts.customers import Segment
from perennial.contracts.holdings import Grade
from perennial.contracts.teams import Binding, Department, HandoverItem, Tier

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
    diagnose_within: Period
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


class PersonaRules(Document, frozen=True, kw_only=True):
    """Whom we want: below the threshold a person is asked before a party becomes a customer."""

    threshold: Annotated[float, msgspec.Meta(ge=0, le=100)]
    confirm_within_days: Days
    asks: Department
    """Whose head is to confirm."""


class Serving(Document, frozen=True, kw_only=True):
    """How customers of a grade are served."""

    binding: Binding
    tier: Tier


class Bound(Document, frozen=True, kw_only=True):
    """The people a binding asks for."""

    size: Annotated[int, msgspec.Meta(ge=2, le=10)]
    roles: list[str]
    """Who may be of it, the preferred role first."""


class Vip(Document, frozen=True, kw_only=True):
    """Very large purchases lift binding and tier, whatever the grade."""

    limit: Minor
    """Revenue of a month, in reporting currency: above it."""
    months: Times
    """Full months whose average counts, and that must all lie below before it ends."""
    lifts_to: Grade


class Handovers(Document, frozen=True, kw_only=True):
    """What has to be handed over between market, sales and service, by occasion."""

    won: list[HandoverItem]
    """Activation of a customer that somebody sold to."""
    closer: list[HandoverItem]
    lighter: list[HandoverItem]


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
    heads: dict[Department, str]
    """The named role that answers for a department while the registers name no head of it."""
    named_owner_from: Grade
    """From this grade up the named owner is the accountable person, below it the head (C29)."""
    persona: PersonaRules
    grades: dict[Grade, Serving]
    bindings: dict[Binding, Bound]
    tier_notice_days: Days
    """How long before a lower tier holds the customer is told of it."""
    vip: Vip
    handover: Handovers
    report: Report

    def __post_init__(self) -> None:
        if self.light.not_alive_below > self.light.alive_again_above:
            raise ValueError("light.alive_again_above must not lie below light.not_alive_below")
        if sorted(self.winback.escalate_after_days) != self.winback.escalate_after_days:
            raise ValueError("winback.escalate_after_days must ascend")
        if len(set(self.watchers.last_resort)) < self.watchers.least:
            raise ValueError("watchers.last_resort must name as many roles as watchers.least")
        self._names_all("grades", self.grades, Grade)
        self._names_all("bindings", self.bindings, Binding)
        self._names_all("accountable", self.accountable, Segment)
        self._names_all("heads", self.heads, Department)

    @staticmethod
    def _names_all(name: str, given: Iterable[str], kinds: Any) -> None:
        if missing := [kind for kind in get_args(kinds) if kind not in given]:
            raise ValueError(f"{name} must name {', '.join(missing)} too")


def load(document: bytes) -> Policy:
    """A policy document as published, checked."""
    return msgspec.yaml.decode(document, type=Policy)


def default() -> Policy:
    """The document shipped with the service."""
    return load(files("lifecycle").joinpath("policy.yaml").read_bytes())
