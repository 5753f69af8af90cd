"""Leads as they stand, and as they stood: one, many, and how many of which."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from perennial.contracts.holdings import Grade
from perennial.kit.auth import Principal, require
from perennial.kit.history import state_at
from perennial.kit.http import returns, show
from perennial.kit.paging import AsOf, Listing, Paging, listing, whole
from perennial.kit.problems import Fault

from lead_intake import lead_lists
from lead_intake.asking import in_path
from lead_intake.desk import AtDesk
from lead_intake.domain.customer import Customer
from lead_intake.domain.lead import Stage
from lead_intake.handlers import CUSTOMER
from lead_intake.lead_lists import Property, Wanted
from lead_intake.lead_views import LeadCount, LeadView, lead_view

router = APIRouter(tags=["leads"])

READ = "leads:read"
Holder = Annotated[str | None, Query(description="Held by this seller now")]


@router.get("/leads", responses=returns(Listing[LeadView]))
async def list_leads(
    request: Request,
    desk: AtDesk,
    page: Paging,
    stage: Stage | None = None,
    channel: str | None = None,
    grade: Grade | None = None,
    holder: Holder = None,
    who: Principal = require(READ),
) -> Response:
    """Leads as they stand, by id. Who does not see all rows sees what they hold."""
    wanted = Wanted(stage=stage, channel=channel, grade=grade, holder=_sight(who, holder))
    role = desk.runtime.world().policy.market_role
    rows = await lead_lists.page_of(desk.pool, wanted, page, role)
    return listing(request, page, rows, lambda row: (row.lead_id,))


@router.get("/leads/counts", responses=returns(Listing[LeadCount]))
async def count_leads(
    desk: AtDesk,
    by: Property = "stage",
    stage: Stage | None = None,
    channel: str | None = None,
    grade: Grade | None = None,
    holder: Holder = None,
    who: Principal = require(READ),
) -> Response:
    """How many leads there are of each stage, channel, grade, holder, source or kind."""
    wanted = Wanted(stage=stage, channel=channel, grade=grade, holder=_sight(who, holder))
    return whole(await lead_lists.counts(desk.pool, wanted, by))


@router.get("/leads/{lead}", responses=returns(LeadView))
async def get_lead(
    lead: str, desk: AtDesk, as_of: AsOf, source: str = "", who: Principal = require(READ)
) -> Response:
    """A lead as it stands; with `as_of`, as it stood."""
    lead_id = in_path(who, "lead", lead, source)
    key = await lead_lists.party_of(desk.pool, lead_id)
    service = desk.runtime.service
    state = await state_at(desk.pool, service, CUSTOMER, key, as_of) if key else Customer()
    known = state.lead(lead_id)
    if not key or known is None or _sight(who, known[1].holder) != known[1].holder:
        raise Fault(404, "lead-unknown", f"there is no lead {lead} that you may see")
    return show(lead_view(key, known[0], state, desk.runtime.world().policy.market_role))


def _sight(who: Principal, holder: str | None) -> str | None:
    """Everything for who sees all rows, else only what is in one's own hands."""
    return holder if who.rows == "all" else (who.person or who.subject)
