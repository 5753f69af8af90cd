"""What REST shows of leads and grades: scores computed as of the moment asked for, grades as they were
decided, beside what their dimensions say at that moment."""

from datetime import UTC, datetime

import msgspec
from perennial.contracts.grades import Contribution, Dimension, LeadScored
from perennial.contracts.holdings import Grade

from scoring.domain import grading, leads, regrading
from scoring.domain.grading import Basis
from scoring.domain.model import World
from scoring.domain.rescoring import CustomerState, party_of


class LeadScoreView(msgspec.Struct, frozen=True):
    """A lead's score at a moment; money in minor units of the reporting currency."""

    customer_id: str
    lead_id: str
    as_of: datetime
    ended: bool
    """It was won, lost or closed: shown is its last score."""
    score: float
    """0 to 100: fit + engagement."""
    fit: float
    engagement: float
    """Halves with each half-life of silence."""
    match: float | None
    """Persona match, 0 to 100; none where nothing is known that a persona asks for."""
    persona: str
    ready: bool
    grade: Grade
    expected_value: int
    contributions: list[Contribution]
    """A feature without a value is not known: left out of the match."""
    review_at: datetime | None
    """When silence alone will next change readiness or grade."""


class GradeView(msgspec.Struct, frozen=True):
    """A party's grade, and what the dimensions say at the moment asked for."""

    customer_id: str
    as_of: datetime
    grade: Grade
    basis: Basis
    decided_at: datetime | None
    pending: Grade | None
    """The grade it will move to if the next evaluation says so too."""
    capped_by: list[str]
    total: float
    known: int
    """How many of the five dimensions are known."""
    dimensions: list[Dimension]


def lead_view(told: LeadScored, moment: datetime, ended: bool) -> LeadScoreView:
    """A score as published, or as it would be at the moment."""
    return LeadScoreView(
        customer_id=told.customer_id,
        lead_id=told.lead_id,
        as_of=moment,
        ended=ended,
        score=told.score,
        fit=told.fit,
        engagement=told.engagement,
        match=told.match,
        persona=told.persona,
        ready=told.ready,
        grade=told.grade,
        expected_value=told.expected_value,
        contributions=told.contributions,
        review_at=None if ended else told.review_at,
    )


def open_lead(
    state: CustomerState, key: str, lead_id: str, world: World, moment: datetime
) -> LeadScoreView:
    """The score of a lead that has not ended, at a moment."""
    told = leads.scored(state.leads, key, lead_id, world.policy, moment, "silence")
    return lead_view(told, moment, ended=False)


def grade_view(state: CustomerState, key: str, world: World, moment: datetime) -> GradeView | None:
    """The grade of a party; none before its first."""
    graded = state.graded
    if graded.grade is None:
        return None
    readings, found = regrading.read(party_of(state, key), world.policy, moment)
    return GradeView(
        customer_id=key,
        as_of=moment,
        grade=graded.grade,
        basis=graded.basis,
        decided_at=graded.at,
        pending=graded.pending,
        capped_by=list(graded.capped_by),
        total=found.total,
        known=found.known,
        dimensions=grading.dimensions(readings, world.policy.grades),
    )


_CUSTOMER = "01994d2e-6f00-7a10-8000-5eed00000001"
_MOMENT = datetime(2026, 1, 31, 9, tzinfo=UTC)
LEAD_EXAMPLE = LeadScoreView(
    customer_id=_CUSTOMER,
    lead_id="01994d2e-6f00-7a10-8000-5eed00000009",
    as_of=_MOMENT,
    ended=False,
    score=62.73,
    fit=27.27,
    engagement=35.46,
    match=54.55,
    persona="established-company@1",
    ready=True,
    grade="4A",
    expected_value=5_000_000,
    contributions=[
        Contribution(
            feature="size",
            value="large",
            points=27.27,
            most=27.27,
            expected="medium or large: has people for a project and a budget for it",
        ),
        Contribution(
            feature="industry",
            value="farming",
            points=0,
            most=22.73,
            expected="manufacturing or retail: our references are in these industries",
        ),
        Contribution(feature="dialogue", points=35.46, most=40),
    ],
    review_at=datetime(2026, 2, 2, 17, 21, 4, tzinfo=UTC),
)
GRADE_EXAMPLE = GradeView(
    customer_id=_CUSTOMER,
    as_of=_MOMENT,
    grade="4A",
    basis="actual",
    decided_at=datetime(2026, 1, 12, 10, tzinfo=UTC),
    pending=None,
    capped_by=[],
    total=65.0,
    known=3,
    dimensions=[
        Dimension(name="revenue", score=60, weight=25, evidence="10,000.00 a year"),
        Dimension(name="profit", weight=25),
        Dimension(name="efficiency", weight=15),
        Dimension(name="ease", score=60, weight=15, evidence="0.0% given back"),
        Dimension(
            name="integrity",
            score=75,
            weight=20,
            evidence="2 of 2 orders paid in time, 0 late, 0 overdue, 0 cancelled",
        ),
    ],
)
