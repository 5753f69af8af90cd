"""The rules of notifications as data: who is called how soon, and how hard a delivery is tried."""

import re
from datetime import timedelta
from functools import cache
from typing import Annotated, Literal

import msgspec
from perennial.contracts.alerts import AlertKind

Span = Annotated[str, msgspec.Meta(pattern=r"^\d{1,5}(s|m|h|d)$")]
"""A period with its unit, wall clock: `15s`, `30m`, `4h`, `2d`."""
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@cache
def span(text: Span) -> timedelta:
    """The length of a period as policies write it."""
    number, unit = re.fullmatch(r"(\d+)([smhd])", text).groups()  # type: ignore[union-attr]  # Span's pattern
    return timedelta(**{_UNITS[unit]: int(number)})


Channel = Literal["email"]


class KindRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one kind of alert asks of the person who hears it."""

    severity: Literal["info", "warning", "critical"]
    respond_within: Span | None = None
    """Without it nobody has to answer, and it never goes up the chain."""
    quiet_for: Span
    """A new cause within this time of an open, unacknowledged alert is counted, not called."""
    channels: list[Channel] = []
    """Beside the live feed and the webhooks, which carry every kind."""


_ABOUT_LEADS = KindRule(severity="info", quiet_for="1d", channels=["email"])
"""Of a kind that is younger than the policy in force."""
_OLDEST: tuple[AlertKind, ...] = (
    "red-light", "maturity", "growth-slowed", "lost", "winback-overdue", "recovered",
)  # fmt: skip


class Escalation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an unanswered alert goes up, and where it ends."""

    steps: Annotated[int, msgspec.Meta(ge=1, le=10)]
    respond_within: Span
    last_resort_role: str
    """The first person present with this role, if the register knows one."""
    last_resort: Annotated[str, msgspec.Meta(min_length=1)]
    """Otherwise this named person or desk: an alert never goes to nobody."""


class Breaker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When an endpoint is left alone, and for how long."""

    failures: Annotated[int, msgspec.Meta(ge=1)]
    open_for: Span
    longest: Span


class Delivery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a webhook is tried."""

    schedule: Annotated[list[Span], msgspec.Meta(min_length=1, max_length=30)]
    """Waits before the first, second, … attempt; after the last the delivery is exhausted."""
    jitter: Annotated[float, msgspec.Meta(ge=0, le=1)]
    """Each wait is lengthened by up to this share, so that a crowd does not return together."""
    timeout: Span
    longest_throttle: Span
    """An endpoint's Retry-After is believed up to this."""
    breaker: Breaker
    secret_overlap: Span
    """After a rotation both secrets sign for this long."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of the service's rules."""

    kinds: dict[AlertKind, KindRule]
    copies: Annotated[int, msgspec.Meta(ge=0, le=5)]
    """How many further watchers get a copy."""
    escalation: Escalation
    delivery: Delivery

    def rule(self, kind: AlertKind) -> KindRule:
        return self.kinds.get(kind, _ABOUT_LEADS)

    def __post_init__(self) -> None:
        missing = set(_OLDEST) - set(self.kinds)
        if missing:
            raise ValueError(f"kinds lacks {', '.join(sorted(missing))}")
