"""What happens to Ann's leads, as lead-intake and scoring tell it."""

from typing import Any

from perennial.contracts.grades import GradeChanged, LeadScored
from perennial.contracts.holdings import (
    LeadAssigned,
    LeadClaimed,
    LeadClosed,
    LeadLost,
    LeadNurtured,
    LeadPooled,
    LeadReleased,
    LeadTurnedOver,
    LeadWon,
)
from perennial.contracts.leads import LeadCaptured, LeadReturned

from tests.lifecycle.driving import ANN, START

L1, L2 = "l1", "l2"


def captured(lead_id: str = L1) -> LeadCaptured:
    return LeadCaptured(
        customer_id=ANN, lead_id=lead_id, channel="site", source="s", external_id="1"
    )


def assigned(lead_id: str = L1, holder: str = "sam", grade: Any = "3A") -> LeadAssigned:
    return LeadAssigned(customer_id=ANN, lead_id=lead_id, holder=holder, how="matched", grade=grade)


def claimed(lead_id: str = L1, holder: str = "sue") -> LeadClaimed:
    return LeadClaimed(customer_id=ANN, lead_id=lead_id, holder=holder, pool="all", grade="3A")


def turned_over(lead_id: str = L1) -> LeadTurnedOver:
    return LeadTurnedOver(
        customer_id=ANN,
        lead_id=lead_id,
        former="sam",
        clock="activity",
        started_at=START,
        due_at=START,
        holders=1,
        follows="waiting",
    )


def pooled(lead_id: str = L1) -> LeadPooled:
    return LeadPooled(
        customer_id=ANN,
        lead_id=lead_id,
        pool="all",
        because="turnover",
        claimable_from=START,
        nurtured_at=START,
    )


def returned(lead_id: str = L1) -> LeadReturned:
    return LeadReturned(customer_id=ANN, lead_id=lead_id, by="sam", reason="too early")


def released(lead_id: str = L1) -> LeadReleased:
    return LeadReleased(customer_id=ANN, lead_id=lead_id, former="sam", by="sam", reason="full")


def nurtured(lead_id: str = L1) -> LeadNurtured:
    return LeadNurtured(customer_id=ANN, lead_id=lead_id, because="score")


def lost(lead_id: str = L1) -> LeadLost:
    return LeadLost(customer_id=ANN, lead_id=lead_id, reason="price")


def closed(lead_id: str = L1) -> LeadClosed:
    return LeadClosed(customer_id=ANN, lead_id=lead_id, reason="a student")


def won(lead_id: str = L1, **more: Any) -> LeadWon:
    known: dict[str, Any] = {"holder": "sam", "order_id": "o1"}
    return LeadWon(customer_id=ANN, lead_id=lead_id, **{**known, **more})


def deal(lead_id: str = L1, value: int | None = 900_00, **more: Any) -> LeadWon:
    """A deal that was reported closed: no order tells of it."""
    return won(lead_id, order_id="", value=value, **more)


def matched(match: float | None, lead_id: str = L1) -> LeadScored:
    return LeadScored(
        customer_id=ANN,
        lead_id=lead_id,
        because="captured",
        score=70,
        fit=50,
        engagement=20,
        match=match,
        ready=True,
        grade="3A",
    )


def grade(after: Any, basis: Any = "actual") -> GradeChanged:
    return GradeChanged(customer_id=ANN, after=after, basis=basis, total=50, known=4)
