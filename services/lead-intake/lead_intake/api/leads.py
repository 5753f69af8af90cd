"""Leads, and what is done about them."""

import msgspec
from fastapi import APIRouter, Request, Response
from perennial.kit.auth import Principal, require
from perennial.kit.http import body, ndjson_rows, returns, show

from lead_intake.bodies import (
    BULK_BYTES,
    BULK_ROWS,
    ActivityBody,
    CloseBody,
    ContactBody,
    LeadBody,
    ReasonBody,
    TagsBody,
    rows_of,
)
from lead_intake.desk import AtDesk
from lead_intake.domain.requests import PlanContact, ReadyLead, ReopenLead, ReturnLead, TagLead
from lead_intake.lead_views import ContactsView, LeadTaken, contacts_view
from lead_intake.views import RowResult, StillWaiting

router = APIRouter(tags=["leads"])

READ, WRITE = "leads:read", "leads:write"
TAKEN = {
    **returns(LeadTaken, 201, "Taken"),
    **returns(LeadTaken, 200, "Known already"),
    **returns(StillWaiting, 202, "Waits for what it names"),
}
DONE = {**returns(LeadTaken, 201, "Done"), **returns(LeadTaken, 200, "It stood so already")}


@router.post("/leads", status_code=201, responses=TAKEN, summary="Capture one lead")
async def capture_lead(
    request: Request,
    desk: AtDesk,
    lead: LeadBody = body(LeadBody),
    who: Principal = require(WRITE),
) -> Response:
    """The same lead again is answered with `duplicate`. Whoever is known by e-mail, phone,
    registration number, web domain or the source's own id is one party, from the first touch on."""
    return await desk.say(request, who, lead)


@router.post(
    "/leads:bulk",
    responses=returns(RowResult, description="One line for each row"),
    openapi_extra=rows_of("lead"),
)
async def bulk_leads(
    request: Request, desk: AtDesk, who: Principal = require("imports:write")
) -> Response:
    """Leads, activities and closes as NDJSON, told apart by `type`, in any order."""
    rows = ndjson_rows(request, BULK_BYTES, BULK_ROWS)
    return desk.lines(await desk.say_all(request, who, rows, "lead"))


@router.post("/leads/{lead}/activities", status_code=201, responses=TAKEN)
async def record_activity(
    request: Request,
    lead: str,
    desk: AtDesk,
    activity: ActivityBody = body(ActivityBody),
    who: Principal = require(WRITE),
) -> Response:
    """What a seller or the party did. A lead that nobody knows yet is waited for."""
    await desk.lead_in_sight(who, lead)
    return await desk.say(request, who, activity, lead)


@router.post("/leads/{lead}/contacts", status_code=201, responses=DONE)
async def plan_contact(
    request: Request,
    lead: str,
    desk: AtDesk,
    contact: ContactBody = body(ContactBody),
    who: Principal = require(WRITE),
) -> Response:
    """A call, message, visit or meeting that is going to be, before it is: refused, with the date,
    where the customer is to be spared. Log it under the same id when it was."""
    told = msgspec.structs.asdict(contact)
    wish = PlanContact(lead_id=lead, anyones=who.rows == "all", **told)
    return await desk.want(request, who, wish)


@router.get("/leads/{lead}/contacts", responses=returns(ContactsView))
async def get_contacts(lead: str, desk: AtDesk, who: Principal = require(READ)) -> Response:
    """The customer's contacts of late, over all sellers, and when the next may be."""
    _, lead_id, state = await desk.the_lead(who, lead)
    return show(contacts_view(lead_id, state, desk.runtime.world(), desk.runtime.now()))


@router.post("/leads/{lead}/close", status_code=201, responses=TAKEN)
async def close_lead(
    request: Request,
    lead: str,
    desk: AtDesk,
    close: CloseBody = body(CloseBody),
    who: Principal = require(WRITE),
) -> Response:
    """Won, lost or disqualified; the last two with a reason."""
    await desk.lead_in_sight(who, lead)
    return await desk.say(request, who, close, lead)


@router.post("/leads/{lead}/reopen", status_code=201, responses=DONE)
async def reopen_lead(
    request: Request,
    lead: str,
    desk: AtDesk,
    why: ReasonBody = body(ReasonBody),
    who: Principal = require(WRITE),
) -> Response:
    """A lost or closed lead is a chance again."""
    await desk.lead_in_sight(who, lead)
    wish = ReopenLead(lead_id=lead, reason=why.reason)
    return await desk.want(request, who, wish)


@router.post("/leads/{lead}/tags", status_code=201, responses=DONE)
async def tag_lead(
    request: Request,
    lead: str,
    desk: AtDesk,
    tags: TagsBody = body(TagsBody),
    who: Principal = require(WRITE),
) -> Response:
    """Put tags on, take tags off."""
    await desk.lead_in_sight(who, lead)
    wish = TagLead(lead_id=lead, add=tuple(tags.add), remove=tuple(tags.remove))
    return await desk.want(request, who, wish)


@router.post("/leads/{lead}/ready", status_code=201, responses=DONE)
async def ready_lead(
    request: Request, lead: str, desk: AtDesk, who: Principal = require(WRITE)
) -> Response:
    """A person says that it is an opportunity: it waits for a seller from now on."""
    await desk.lead_in_sight(who, lead)
    return await desk.want(request, who, ReadyLead(lead_id=lead))


@router.post("/leads/{lead}/return", status_code=201, responses=DONE)
async def return_lead(
    request: Request,
    lead: str,
    desk: AtDesk,
    why: ReasonBody = body(ReasonBody),
    who: Principal = require(WRITE),
) -> Response:
    """Sales gives it back to market, with a reason; twice at most, by the policy's default."""
    await desk.lead_in_sight(who, lead)
    return await desk.want(request, who, ReturnLead(lead_id=lead, reason=why.reason))
