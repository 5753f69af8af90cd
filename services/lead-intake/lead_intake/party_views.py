"""What REST shows of parties: which ids are one, and what became of a wish that they be."""

from datetime import datetime

import msgspec
from perennial.contracts.base import Event
from perennial.contracts.unions import LeadMerged, LeadTaken, LeadUnmerged, OrderTaken

from lead_intake.domain.customer import Customer
from lead_intake.views import Status


class MemberView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A party that was found to be another."""

    customer_id: str
    since: datetime
    """When it was found so."""
    members: list[str] = []
    """Whoever it had taken in before."""


class PartyView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who a party is: which ids are one."""

    customer_id: str
    """The root: where all facts of the party go."""
    since: datetime | None = None
    channel: str = ""
    source: str = ""
    absorbed: list[MemberView] = []


class United(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a merge, or its end, came to."""

    status: Status
    root: str
    other: str
    leads: int = 0
    """How many changed hands; likewise `orders`."""
    orders: int = 0


def party_view(customer_id: str, party: Customer) -> PartyView:
    absorbed = [
        MemberView(customer_id=one, since=came.since, members=list(came.members))
        for one, came in sorted(party.absorbed.items())
    ]
    return PartyView(
        customer_id=customer_id,
        since=party.since,
        channel=party.channel,
        source=party.source,
        absorbed=absorbed,
    )


def united(customer_id: str, other: str, events: list[Event]) -> tuple[int, United]:
    """201 where something changed, 200 where it was so before."""
    told = next((one for one in events if isinstance(one, LeadMerged | LeadUnmerged)), None)
    return (201 if events else 200), United(
        status="accepted" if events else "duplicate",
        root=told.root if told else customer_id,
        other=told.loser if told else other,
        leads=sum(isinstance(one, LeadTaken) for one in events),
        orders=sum(isinstance(one, OrderTaken) for one in events),
    )
