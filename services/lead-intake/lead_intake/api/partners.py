"""Partner systems over HTTP: CloudEvents in, and what could not be applied."""

from typing import Any

from fastapi import APIRouter, Request, Response
from perennial.contracts.cloudevents_http import decode_http
from perennial.contracts.partner import partner_topic
from perennial.contracts.structured import BATCH
from perennial.kit.auth import Principal, require
from perennial.kit.http import returns, show
from perennial.kit.paging import Listing, Paging, listing
from perennial.kit.problems import fault_at

from lead_intake import store
from lead_intake.asking import own_source
from lead_intake.desk import AtDesk
from lead_intake.views import Rejection, RowResult

router = APIRouter(tags=["partners"])

_EVENTS = {
    "requestBody": {
        "required": True,
        "description": "CloudEvents 1.0: structured, batched, or binary with `ce-*` headers",
        "content": {
            form: {"schema": {"type": kind}}
            for form, kind in (
                ("application/cloudevents+json", "object"),
                (BATCH, "array"),
                ("application/json", "object"),
            )
        },
    }
}


@router.post("/events", responses=returns(list[RowResult]), openapi_extra=_EVENTS)
async def publish_events(
    request: Request, desk: AtDesk, who: Principal = require("events:write")
) -> Response:
    """Leads, activities, orders, payments and what becomes of them; one result each, known ones are duplicates."""
    topic = partner_topic(own_source(who))
    facts = decode_http(topic, request.headers, await request.body(), desk.runtime.now())
    results = await desk.hear(facts)
    batched = request.headers.get("content-type", "").startswith(BATCH)
    return show(results) if batched else _alone(results[0])


@router.get("/partners/me/rejections", responses=returns(Listing[Rejection]))
async def list_rejections(
    request: Request, desk: AtDesk, page: Paging, who: Principal = require("rejections:read")
) -> Response:
    """What you sent and could not be applied, or waits, with the reason and the cure."""
    rows = await store.rejections(desk.pool, partner_topic(own_source(who)).writer, page)
    return listing(request, page, rows, lambda row: (row.number,))


def _alone(result: RowResult) -> Response:
    """A single event answers as a request does: refused as a problem."""
    if result.error is not None:
        raise fault_at(422, result.error.code, result.error.pointer, result.error.detail)
    statuses: dict[str, Any] = {"accepted": 201, "duplicate": 200, "waiting": 202}
    return show(result, statuses[result.status])
