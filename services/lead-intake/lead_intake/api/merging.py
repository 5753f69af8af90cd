"""Parties that may be one: proposed by what they share, decided by a person."""

from fastapi import APIRouter, Request, Response
from msgspec.structs import asdict
from perennial.kit.auth import Principal, require
from perennial.kit.http import body, returns, show
from perennial.kit.paging import Listing, Paging, listing

from lead_intake import lead_store
from lead_intake.bodies import ReasonBody, UnionBody
from lead_intake.desk import AtDesk
from lead_intake.domain.requests import DeclineMerge, MergeParties, UnmergeParties
from lead_intake.lead_views import Declined, ProposalView, proposal_view
from lead_intake.party_views import PartyView, United, party_view

router = APIRouter(tags=["merging"])


@router.get("/merge-proposals", responses=returns(Listing[ProposalView]))
async def list_merge_proposals(
    request: Request, desk: AtDesk, page: Paging, who: Principal = require("registers:write")
) -> Response:
    """What nobody has decided yet, by party."""
    found = await lead_store.proposals(desk.pool, page)
    rows = [proposal_view(*one) for one in found]
    return listing(request, page, rows, lambda row: (row.customer_id, row.other))


@router.get("/customers/{customer_id}/party", responses=returns(PartyView))
async def get_party(
    customer_id: str, desk: AtDesk, who: Principal = require("leads:read")
) -> Response:
    """Which ids are one: the root that any of them leads to, and who was found to be it."""
    return show(party_view(*await desk.party(customer_id)))


@router.post(
    "/customers/{customer_id}/merge",
    status_code=201,
    responses={**returns(United, 201, "One from now on"), **returns(United, 200, "One before")},
)
async def merge_parties(
    request: Request,
    customer_id: str,
    desk: AtDesk,
    which: UnionBody = body(UnionBody),
    who: Principal = require("registers:write"),
) -> Response:
    """They are one: the older of the two is the root, and leads and orders of the other go there."""
    return await desk.unite(request, who, customer_id, MergeParties(**asdict(which)))


@router.post(
    "/customers/{customer_id}/unmerge",
    status_code=201,
    responses={**returns(United, 201, "Two again")},
)
async def unmerge_parties(
    request: Request,
    customer_id: str,
    desk: AtDesk,
    which: UnionBody = body(UnionBody),
    who: Principal = require("registers:write"),
) -> Response:
    """They are two: the other takes back all that came under its own names, before and since."""
    return await desk.unite(request, who, customer_id, UnmergeParties(**asdict(which)))


@router.post(
    "/merge-proposals/{customer_id}/{other}/decline",
    status_code=201,
    responses={**returns(Declined, 201, "Declined"), **returns(Declined, 200, "Declined before")},
)
async def decline_merge(
    request: Request,
    customer_id: str,
    other: str,
    desk: AtDesk,
    why: ReasonBody = body(ReasonBody),
    who: Principal = require("registers:write"),
) -> Response:
    """They are two: what they share is no ground to ask again."""
    wish = DeclineMerge(other=other, by=who.person or who.subject, reason=why.reason)
    return await desk.decline(request, who, customer_id, wish)
