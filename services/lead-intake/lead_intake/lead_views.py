"""What REST shows of leads: as they stand, where they came from, who has held them."""

from datetime import datetime, timedelta

import msgspec
from perennial.contracts.base import Event, Minor
from perennial.contracts.calendar import length
from perennial.contracts.holdings import Grade
from perennial.contracts.leads import LeadKind
from perennial.contracts.touches import Touch

from lead_intake.domain.customer import Customer, Proposal
from lead_intake.domain.lead import Holding, Lead, Stage
from lead_intake.domain.protection import against_contact
from lead_intake.domain.world import World
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
    unmatched: str = ""
    """The product as it was spelt: no entry of the register answers to it."""
    unvalued: str = ""
    """The currency of cost, value or amount: nobody has said its rate, so they stay unknown."""
    against: list[str] = []
    """What the customer should have been spared by this contact, as `quiet-time`."""


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
    unmatched: str = ""
    """The product as its source spells it, where no register entry answers to it."""
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
    won: Minor | None = None
    """What its win brought, where known."""
    credit: tuple[Minor, ...] = ()
    """Of that, each touch's share, in the order of `touches`."""


class ContactsView(_View, frozen=True, kw_only=True):
    """How a customer has been contacted over all sellers, and when it may be again (T1)."""

    lead_id: str
    most: int
    """Contacts in any `window_days`."""
    window_days: float
    made: list[datetime]
    planned: list[datetime]
    complaint_since: datetime | None
    free_from: datetime | None
    """From when on a contact about this lead may be; absent while a complaint is open."""
    barred_by: str
    """Why not now: `contacts-used-up`, `quiet-time` or `complaint-open`."""
    detail: str


class LeadCount(_View, frozen=True, kw_only=True):
    """How many leads meet the filter, by one of their properties."""

    value: str
    leads: int


class CreditView(_View, frozen=True, kw_only=True):
    """What touches by one channel, campaign or source came to; amounts in reporting currency."""

    value: str
    touches: int
    leads: int
    """Leads touched by it."""
    wins: int
    """Of these, won ones, whoever else touched them."""
    cost: Minor
    """Of its touches, where it is known."""
    won: Minor
    """Its credit: over all values it adds up to what was won."""


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


def contacts_view(lead_id: str, state: Customer, world: World, now: datetime) -> ContactsView:
    bar = against_contact(state, state.leads[lead_id], now, world, now)
    rules, contacts = world.policy.holding.contacts, state.contacts
    return ContactsView(
        lead_id=lead_id,
        most=rules.most,
        window_days=length(rules.window) / timedelta(days=1),
        made=sorted(contacts.made.values()),
        planned=sorted(at for at in contacts.planned.values() if at > now - length(rules.lapses)),
        complaint_since=contacts.complaint_since,
        free_from=bar.until if bar is not None else now,
        barred_by=bar.code if bar is not None else "",
        detail=bar.detail if bar is not None else "",
    )


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
        holder=lead.holder or answering(policy).get(lead.stage, ""),
        expected_value=lead.value or lead.expected_value or 0,
        **{name: getattr(lead, name) for name in _SHOWN},
    )


def answering(policy: Policy) -> dict[Stage, str]:
    """Roles that answer for leads no seller holds, by stage; none in a pool, or when it has ended."""
    return {"nurture": policy.market_role, "waiting": policy.holding.queue}


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
        unmatched=_first(events, "unmatched"),
        unvalued=_first(events, "unvalued"),
        against=[word for one in events for word in getattr(one, "against", ())],
        proposed=sorted(other for other, one in state.proposals.items() if not one.declined),
    )
    return (201 if events else 200), told


def _first(events: list[Event], name: str) -> str:
    """What news say by that name, the first that does."""
    return next((told for one in events if (told := getattr(one, name, ""))), "")


_SHOWN = tuple(
    name
    for name in LeadView.__struct_fields__
    if name in Lead.__struct_fields__ and name != "expected_value"
)
