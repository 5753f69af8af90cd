"""What REST shows of sellers, pools and re-held leads."""

from datetime import datetime
from typing import Literal

import msgspec
from perennial.contracts.holdings import Grade

from lead_intake.domain.holding import Room
from lead_intake.domain.seller import Record, Seller
from lead_intake.holdings import Gain, Pooled


class _View(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    pass


class SellerView(_View, frozen=True, kw_only=True):
    """What a seller carries, may still take, and what counts against it."""

    person: str
    open: int
    open_limit: int
    inflow: int
    inflow_limit: int
    window_days: float
    free: int
    """How many leads the seller may still take now."""
    frees_at: datetime | None
    """When the window lets the next one in, where it is full."""
    leads: dict[str, Grade]
    """Held now, with their grades."""
    gains: list[Gain]
    """Every gain that still counts, and until when."""
    record: dict[Grade, Record]
    """Won, and ended, by grade."""


class PooledView(_View, frozen=True, kw_only=True):
    """A lead in a pool; amounts in minor units of the reporting currency."""

    lead_id: str
    grade: str
    fresh: datetime
    """The last touch."""
    since: datetime
    claimable_from: datetime | None
    nurtured_at: datetime | None
    channel: str
    product: str
    expected_value: int
    holders: int
    """How many have held it."""


class ContactView(_View, frozen=True, kw_only=True):
    """Contact data, as sources gave them; `erased` where they were forgotten."""

    lead_id: str
    contact: msgspec.Raw
    of: Literal["lead", "party"]
    """Whose they are: the lead's latest, or the party's latest where the lead brought none."""
    erased: bool = False


class Reheld(_View, frozen=True, kw_only=True):
    """What became of one lead of who left or is away."""

    lead_id: str
    holder: str = ""
    """Empty where it waits."""
    stage: str = ""
    error: str = ""


def seller_view(person: str, seller: Seller, room: Room, gains: list[Gain]) -> SellerView:
    return SellerView(
        person=person,
        free=room.free,
        leads=seller.open,
        gains=gains,
        record=seller.record,
        window_days=room.window_days,
        **{name: getattr(room, name) for name in Room.__struct_fields__ if name != "window"},
    )


def pooled_view(found: Pooled) -> PooledView:
    lead = found.lead
    return PooledView(
        lead_id=found.lead_id,
        grade=found.grade,
        fresh=found.fresh,
        since=lead.since,
        claimable_from=lead.claimable_from,
        nurtured_at=lead.nurtured_at,
        channel=lead.channel,
        product=lead.product,
        expected_value=lead.value or lead.expected_value or 0,
        holders=len(lead.held_by),
    )
