"""Who holds what: assigning, letting go, public pools, and every past of it."""

from typing import Literal

import msgspec
from fastapi import APIRouter, Request, Response
from perennial.contracts.base import Id, Text
from perennial.kit.auth import Principal, require
from perennial.kit.http import body, returns, show
from perennial.kit.paging import AsOf, Listing, Paging, listing, whole

from lead_intake import holdings
from lead_intake.asking import in_path
from lead_intake.desk import AtDesk
from lead_intake.domain.assigning import HandLead
from lead_intake.domain.pools import ClaimLead, PoolLead, RevealContact
from lead_intake.domain.turnover import ProtectLead, ReleaseLead
from lead_intake.holding_desk import AtHoldings, in_sight
from lead_intake.holding_views import (
    ContactView,
    PooledView,
    Reheld,
    SellerView,
    pooled_view,
)
from lead_intake.lead_views import LeadTaken

router = APIRouter(tags=["holdings"])

READ, WRITE = "leads:read", "leads:write"
DONE = {**returns(LeadTaken, 201, "Done"), **returns(LeadTaken, 200, "It stood so already")}


class HandBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    person: Id
    because: Literal["person", "left", "absent", "customer-wish"] = "person"
    """All but `person` pass the customer's budget of hand-overs, and count."""
    over_capacity: Text = ""
    """Why the seller's limits shall not hold this once."""


class WhyBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Text


class ClaimBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    person: Text = ""
    """For whom; only who may dispose of all leads names another than themselves."""


class ReholdBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    to: tuple[Id, ...] = ()
    """Who takes them, the first with room; absent = the named successor or substitute."""
    because: Literal["left", "absent"] | None = None
    """As the register says, where it is absent."""


@router.post("/leads/{lead}/assign", status_code=201, responses=DONE)
async def assign_lead(
    request: Request,
    lead: str,
    desk: AtDesk,
    said: HandBody = body(HandBody),
    who: Principal = require(WRITE),
) -> Response:
    """This seller has it from now on, whoever had it before; over their limits only with a reason."""
    told = msgspec.structs.asdict(said)
    wish = HandLead(lead_id=lead, by="", anyones=who.rows == "all", **told)
    return await desk.want(request, who, wish)


@router.post("/leads/{lead}/release", status_code=201, responses=DONE)
async def release_lead(
    request: Request,
    lead: str,
    desk: AtDesk,
    why: WhyBody = body(WhyBody),
    who: Principal = require(WRITE),
) -> Response:
    """Its holder lets it go; it waits for somebody who has not held it, or goes to a pool."""
    wish = ReleaseLead(lead_id=lead, by="", anyones=who.rows == "all", reason=why.reason)
    return await desk.want(request, who, wish)


@router.post("/leads/{lead}/protection", status_code=201, responses=DONE)
async def protect_lead(
    request: Request,
    lead: str,
    desk: AtDesk,
    why: WhyBody = body(WhyBody),
    who: Principal = require(WRITE, "registers:write"),
) -> Response:
    """A lease granted by a person: until its end no clock takes the lead away."""
    return await desk.want(request, who, ProtectLead(lead_id=lead, by="", reason=why.reason))


@router.post("/leads/{lead}/pool", status_code=201, responses=DONE)
async def pool_lead(
    request: Request, lead: str, desk: AtDesk, who: Principal = require(WRITE, "imports:write")
) -> Response:
    """Into the public pool that takes such leads: whoever wants it may claim it."""
    return await desk.want(request, who, PoolLead(lead_id=lead))


@router.post("/leads/{lead}/contact", responses=returns(ContactView))
async def reveal_contact(
    request: Request,
    lead: str,
    desk: AtDesk,
    holding: AtHoldings,
    who: Principal = require("personal:read"),
) -> Response:
    """Contact data of a lead; every look is kept, and in a pool counted against the day's views."""
    wish = RevealContact(lead_id=lead, by=who.person or who.subject, anyones=who.rows == "all")
    return await holding.contact(await desk.want(request, who, wish))


@router.get("/leads/{lead}/moves", responses=returns(Listing[holdings.Move]))
async def list_moves(
    lead: str, desk: AtDesk, as_of: AsOf, who: Principal = require(READ)
) -> Response:
    """Every move of a lead, oldest first; with `as_of`, those before it."""
    await desk.the_lead(who, lead)
    return whole(await holdings.moves(desk.pool, in_path(who, "lead", lead, ""), as_of))


@router.post("/pools/{pool}/leads/{lead}/claim", status_code=201, responses=DONE)
async def claim_lead(
    request: Request,
    pool: str,
    lead: str,
    desk: AtDesk,
    said: ClaimBody = body(ClaimBody),
    who: Principal = require(WRITE),
) -> Response:
    """One claimer wins; the others are told when. A claim counts for the day, also if let go again."""
    wish = ClaimLead(lead_id=lead, pool=pool, person=in_sight(who, said.person))
    return await desk.want(request, who, wish)


@router.get("/pools/{pool}/leads", responses=returns(Listing[PooledView]))
async def list_pooled(
    request: Request, pool: str, holding: AtHoldings, page: Paging, who: Principal = require(READ)
) -> Response:
    """What lies in a pool, best grade and freshest first; no contact data."""
    rows = [pooled_view(one) for one in await holding.pooled(pool, page)]
    return listing(request, page, rows, lambda row: (row.grade, row.fresh, row.lead_id))


@router.post("/people/{person}/leads:rehold", responses=returns(Listing[Reheld]))
async def rehold_leads(
    request: Request,
    person: str,
    holding: AtHoldings,
    said: ReholdBody = body(ReholdBody),
    who: Principal = require(WRITE, "registers:write"),
) -> Response:
    """All leads of who left or is away: free room is filled, the rest waits; a line for each."""
    return whole(await holding.rehold(request, who, person, said.to, said.because))


@router.get("/sellers/{person}", responses=returns(SellerView))
async def get_seller(person: str, holding: AtHoldings, who: Principal = require(READ)) -> Response:
    """Room left, limits, what counts against them and until when."""
    return show(await holding.seller(in_sight(who, person)))


@router.get("/sellers/{person}/holdings", responses=returns(Listing[holdings.Held]))
async def list_holdings(
    request: Request,
    person: str,
    holding: AtHoldings,
    page: Paging,
    as_of: AsOf,
    who: Principal = require(READ),
) -> Response:
    """What a seller holds; with `as_of`, what they held then."""
    rows = await holding.held(in_sight(who, person), as_of, page)
    return listing(request, page, rows, lambda row: (row.lead_id,))
