"""What REST shows of leads: as they stand, where they came from, who has held them."""

from datetime import datetime

import msgspec
from perennial.contracts.base import Event, Minor
from perennial.contracts.holdings import Grade
from perennial.contracts.leads import LeadKind, Touch

from lead_intake.domain.customer import Customer, Proposal
from lead_intake.domain.lead import Holding, Lead, Stage
from lead_intake.policy import Policy
from lead_intake.views import Status


class _View(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    pass


class LeadTaken(_View, frozen=True, kw_only=True):
    """What became of a fact about a lead, and how the lead stands now."""

    status: Status
    lead_id: str
    customer_id: str = ""
    joined: str = ""
    """The open lead that this was one more touch of."""
    stage: Stage
    holder: str = ""
    proposed: list[str] = []
    """Parties that share claims with this one: a person is asked whether they are one."""


class LeadView(_View, frozen=True, kw_only=True):
    """A lead as its facts have made it; amounts in minor units of the reporting currency."""

    lead_id: str
    customer_id: str
    source: str
    number: str
    kind: LeadKind
    stage: Stage
    since: datetime
    opened_at: datetime
    captured_at: datetime | None = None
    channel: str = ""
    product: str = ""
    tags: tuple[str, ...] = ()
    touches: tuple[Touch, ...] = ()
    attributes: dict[str, str] = {}
    wants_call: bool = False
    score: float | None = None
    ready: bool = False
    ready_at: datetime | None = None
    grade: Grade
    expected_value: Minor
    holder: str = ""
    """The seller who holds it, else the role that answers for it; empty in a pool."""
    holdings: tuple[Holding, ...] = ()
    returns: int = 0
    queued: str = ""
    barred_until: datetime | None = None
    pool: str = ""
    claimable_from: datetime | None = None
    reason: str = ""
    order_id: str = ""


class LeadCount(_View, frozen=True, kw_only=True):
    """How many leads meet the filter, by one of their properties."""

    value: str
    leads: int


class ProposalView(_View, frozen=True, kw_only=True):
    """Two parties that share claims; a person decides whether they are one."""

    customer_id: str
    other: str
    shared: list[str]
    """Kinds of what they share: `email`, `phone`, `registration`, `domain`."""
    since: datetime


class Declined(_View, frozen=True, kw_only=True):
    status: Status
    customer_id: str
    other: str


def proposal_view(customer_id: str, other: str, proposal: Proposal) -> ProposalView:
    shared = sorted({claim.partition(":")[0] for claim in proposal.claims})
    return ProposalView(customer_id=customer_id, other=other, shared=shared, since=proposal.since)


def lead_view(
    customer_id: str, lead_id: str, lead: Lead, attributes: dict[str, str], policy: Policy
) -> LeadView:
    return LeadView(
        lead_id=lead_id,
        customer_id=customer_id,
        attributes=attributes,
        holder=lead.holder or _answering(lead.stage, policy),
        expected_value=lead.value or lead.expected_value or 0,
        **{name: getattr(lead, name) for name in _SHOWN},
    )


def _answering(stage: Stage, policy: Policy) -> str:
    """The role that answers for a lead no seller holds; nobody's in a pool, or when it has ended."""
    return {"nurture": policy.market_role, "waiting": policy.holding.queue}.get(stage, "")


def lead_taken(lead_id: str, state: Customer, events: list[Event]) -> tuple[int, LeadTaken]:
    """The answer to news about a lead: 201 if it was news, 200 if it was known."""
    known, lead = state.meant(lead_id)
    told = LeadTaken(
        status="accepted" if events else "duplicate",
        lead_id=lead_id,
        customer_id=state.customer_id,
        joined=known if known != lead_id else "",
        stage=lead.stage,
        holder=lead.holder,
        proposed=sorted(other for other, one in state.proposals.items() if not one.declined),
    )
    return (201 if events else 200), told


_SHOWN = tuple(
    name
    for name in LeadView.__struct_fields__
    if name in Lead.__struct_fields__ and name != "expected_value"
)
