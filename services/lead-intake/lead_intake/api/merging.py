"""Parties that may be one: proposed by what they share, decided by a person."""

from fastapi import APIRouter, Request, Response
from perennial.kit.auth import Principal, require
from perennial.kit.http import body, returns
from perennial.kit.paging import Listing, Paging, listing

from lead_intake import lead_store
from lead_intake.bodies import ReasonBody
from lead_intake.desk import AtDesk
from lead_intake.domain.requests import DeclineMerge
from lead_intake.lead_views import Declined, ProposalView, proposal_view

router = APIRouter(tags=["merging"])


@router.get("/merge-proposals", responses=returns(Listing[ProposalView]))
async def list_merge_proposals(
    request: Request, desk: AtDesk, page: Paging, who: Principal = require("registers:write")
) -> Response:
    """What nobody has decided yet, by party."""
    found = await lead_store.proposals(desk.pool, page)
    rows = [proposal_view(*one) for one in found]
    return listing(request, page, rows, lambda row: (row.customer_id, row.other))


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
