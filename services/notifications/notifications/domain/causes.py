"""Which facts of a customer's life call somebody, and which make a call needless."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Literal

from perennial.contracts.alerts import AlertKind
from perennial.contracts.base import Fact
from perennial.contracts.customers import (
    CustomerLost,
    CustomerMatured,
    CustomerReactivated,
    CustomerRecovered,
    CustomerReleased,
    Evidence,
    GrowthSlowed,
    RedLightCleared,
    RedLightLit,
    WinbackDiagnosed,
    WinbackOverdue,
)
from perennial.contracts.entering import CustomerMerged
from perennial.contracts.holdings import Clock

Because = Literal[
    "light-cleared", "diagnosed", "recovered", "released", "superseded",
    "activity", "protected", "turned-over", "moved", "won", "lost", "closed",
    "merged",
]  # fmt: skip
_TROUBLE: tuple[AlertKind, ...] = ("red-light", "winback-overdue")
_EVERY: tuple[AlertKind, ...] = (*_TROUBLE, "maturity", "growth-slowed", "lost", "recovered")


@dataclass(frozen=True)
class Deadline:
    """One rung of the ladder: which clock runs out, since when it runs, and when it is over."""

    clock: Clock
    rung: str
    started_at: datetime
    due_at: datetime


@dataclass(frozen=True)
class Cause:
    """Why somebody is to be called. An empty owner means: whoever watches the customer."""

    kind: AlertKind
    owner: str = ""
    value_at_risk: int = 0
    evidence: tuple[Evidence, ...] = ()
    reason: str = ""
    """Says it in words where the fact brings no evidence of its own."""
    manager: bool = False
    """It goes straight to whoever stands above the owner, the owner gets a copy."""
    escalated_to: str = ""
    lead: str = ""
    """Which lead it is about; then nobody hears of it but those named here."""
    role: str = ""
    """Instead of an owner: whoever serves in this role."""
    copies: tuple[str, ...] = ()
    above: tuple[str, ...] = ()
    """People whose managers get a copy."""
    deadline: Deadline | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    identity: str = ""
    """What makes it the same call when it is told again; empty means: the fact's id."""

    def alert_id(self, fact: Fact) -> str:
        """One alert per cause: the same one told twice names the same alert."""
        told = f"{self.kind}:{self.identity or fact.id}"
        return f"al-{sha256(told.encode()).hexdigest()[:24]}"


@dataclass(frozen=True)
class Over:
    """Which live alerts a fact makes needless: of these kinds, about this lead or the customer."""

    because: Because
    kinds: tuple[AlertKind, ...]
    lead: str = ""
    clocks: frozenset[Clock] | None = None
    """Of the warnings only those of these clocks; None means all."""

    def ends(self, kind: AlertKind, lead: str, clock: Clock | None) -> bool:
        if kind not in self.kinds or lead != self.lead:
            return False
        return clock is None or self.clocks is None or clock in self.clocks


def cause_of(fact: Fact) -> Cause | None:
    """The call that a fact about the customer asks for, if it asks for one."""
    match fact.data:
        case RedLightLit() as lit:
            return Cause("red-light", lit.owner, lit.value_at_risk, tuple(lit.evidence))
        case CustomerMatured() as matured:
            return Cause("maturity", matured.owner, 0, tuple(matured.evidence))
        case GrowthSlowed() as slowed:
            return Cause("growth-slowed", slowed.owner, 0, tuple(slowed.evidence))
        case CustomerLost() as lost:
            return Cause("lost", lost.owner, lost.value_lost, tuple(lost.evidence), lost.reason)
        case CustomerRecovered() as back:
            return Cause("recovered", "", 0, tuple(back.evidence), f"case {back.case_id} recovered")
        case WinbackOverdue() as late:
            reason = f"case {late.case_id} was to be diagnosed by now"
            return Cause(
                "winback-overdue",
                late.owner,
                reason=reason,
                manager=True,
                escalated_to=late.escalated_to,
            )
    return None


def over(fact: Fact) -> Over | None:
    """What a fact about the customer makes needless, if anything."""
    match fact.data:
        case RedLightCleared():
            return Over("light-cleared", _TROUBLE)
        case WinbackDiagnosed():
            return Over("diagnosed", ("winback-overdue",))
        case CustomerRecovered():
            return Over("recovered", _TROUBLE)
        case CustomerReactivated():
            return Over("recovered", (*_TROUBLE, "lost"))
        case CustomerLost():
            return Over("superseded", _TROUBLE)
        case CustomerReleased():
            return Over("released", _EVERY)
        case CustomerMerged():
            return Over("merged", _EVERY)
    return None
