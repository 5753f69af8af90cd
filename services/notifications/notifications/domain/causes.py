"""Which facts of a customer's life call somebody, and which make a call needless."""

from dataclasses import dataclass
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

Over = Literal["light-cleared", "diagnosed", "recovered", "released", "superseded"]
_TROUBLE: tuple[AlertKind, ...] = ("red-light", "winback-overdue")
_EVERY: tuple[AlertKind, ...] = (*_TROUBLE, "maturity", "growth-slowed", "lost", "recovered")


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
    """The owner failed to act: it goes straight to whoever stands above, the owner gets a copy."""
    escalated_to: str = ""


def cause_of(fact: Fact) -> Cause | None:
    """The call that a fact asks for, if it asks for one."""
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


def ends(fact: Fact) -> tuple[Over, tuple[AlertKind, ...]] | None:
    """The kinds of alert that a fact makes needless, and why."""
    match fact.data:
        case RedLightCleared():
            return "light-cleared", _TROUBLE
        case WinbackDiagnosed():
            return "diagnosed", ("winback-overdue",)
        case CustomerRecovered():
            return "recovered", _TROUBLE
        case CustomerReactivated():
            return "recovered", (*_TROUBLE, "lost")
        case CustomerLost():
            return "superseded", _TROUBLE
        case CustomerReleased():
            return "released", _EVERY
    return None


def alert_id(kind: AlertKind, cause_event: str) -> str:
    """One alert per cause: the same fact told twice names the same alert."""
    return f"al-{sha256(f'{kind}:{cause_event}'.encode()).hexdigest()[:24]}"
