"""HTTP in, a question or a wish, HTTP out. No rules here: this file only translates."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from perennial.contracts.customers import Segment
from perennial.contracts.reports import ReportPublished
from perennial.kit import history
from perennial.kit.ask import Ask
from perennial.kit.auth import Principal, require
from perennial.kit.http import body, idempotency, respond, returns, show
from perennial.kit.paging import AsOf, Listing, Paging, listing, whole
from perennial.kit.problems import Fault, fault_at
from perennial.kit.runtime import Runtime, the_runtime

from lifecycle import store, views
from lifecycle.domain.record import Customer
from lifecycle.domain.report import LINES
from lifecycle.domain.requests import (
    CloseWinback,
    DiagnoseWinback,
    GiveLostReason,
    LightRedLight,
    ReleaseCustomer,
)
from lifecycle.domain.workdays import month_after, month_starts
from lifecycle.handlers import CUSTOMER

router = APIRouter(prefix="/v1", tags=["customers"])
Running = Annotated[Runtime, Depends(the_runtime)]
SegmentName = Annotated[Segment | None, Query(description="Only customers of this segment")]
Owner = Annotated[str | None, Query(description="Only customers of this person")]
DONE = returns(views.Outcome, description="What the customer is now, and the events it took")
Place = tuple[datetime, str, int]
"""Where a page of a timeline ends: recorded, topic, version."""
READ, WRITE = "customers:read", "customers:write"
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


@router.get(
    "/customers",
    responses=returns(Listing[views.CustomerView]),
    summary="Customers, those with the most value at risk first",
)
async def list_customers(
    request: Request,
    running: Running,
    page: Paging,
    segment: SegmentName = None,
    owner: Owner = None,
    who: Principal = require(READ),
) -> Response:
    found = await _page(running, who, page, segment, owner, with_case=False)
    rows = [views.customer_view(key, state) for key, _, state in found]
    return listing(request, page, rows, lambda row: (row.value_at_risk, row.customer_id))


@router.get(
    "/winback-cases",
    responses=returns(Listing[views.CaseView]),
    summary="Open win-back cases, those with the most at risk first",
)
async def list_winback_cases(
    request: Request,
    running: Running,
    page: Paging,
    owner: Owner = None,
    who: Principal = require(READ),
) -> Response:
    found = await _page(running, who, page, None, owner, with_case=True)
    rows = [views.case_view(key, state) for key, _, state in found]
    return listing(request, page, rows, lambda row: (row.value_at_risk, row.customer_id))


@router.get("/winback-results", responses=returns(Listing[views.CaseCount]))
async def show_winback_results(running: Running, who: Principal = require(READ)) -> Response:
    """All cases there ever were, by what became of them and by cause."""
    _needs_all_rows(who)
    rows = await store.winback_results(running.pool)
    return whole([views.CaseCount(**row) for row in rows])


@router.get("/customers/{customer_id}", responses=returns(views.CustomerView))
async def get_customer(
    customer_id: str, running: Running, as_of: AsOf, who: Principal = require(READ)
) -> Response:
    """As it stands; with `as_of`, as it stood."""
    state = await _seen(running, who, customer_id)
    if as_of is not None:
        state = await history.state_at(running.pool, running.service, CUSTOMER, customer_id, as_of)
    return show(views.customer_view(customer_id, state))


@router.get("/customers/{customer_id}/timeline", summary="Everything known, newest first")
async def get_timeline(
    request: Request,
    customer_id: str,
    running: Running,
    page: Paging,
    who: Principal = require(READ),
) -> Response:
    await _seen(running, who, customer_id)
    before = msgspec.convert(page.after, Place | None, strict=False)
    rows = await history.timeline(running.pool, customer_id, before, page.limit + 1)
    return listing(
        request, page, rows, lambda row: [row[f] for f in ("recorded", "topic", "version")]
    )


@router.get("/customers/{customer_id}/explain", summary="The latest decisions and their receipts")
async def explain_customer(
    customer_id: str, running: Running, as_of: AsOf, who: Principal = require(READ)
) -> Response:
    await _seen(running, who, customer_id)
    return whole(await history.decisions(running.pool, CUSTOMER, customer_id, as_of))


@router.post("/customers/{customer_id}/red-light", responses=DONE)
async def light_red_light(
    request: Request,
    customer_id: str,
    running: Running,
    wish: LightRedLight = body(LightRedLight),
    who: Principal = require(WRITE),
) -> Response:
    """A person saw what no number shows."""
    return await _ask(request, running, who, customer_id, wish)


@router.post("/customers/{customer_id}/winback/diagnosis", responses=DONE)
async def diagnose_winback(
    request: Request,
    customer_id: str,
    running: Running,
    wish: DiagnoseWinback = body(DiagnoseWinback),
    who: Principal = require(WRITE),
) -> Response:
    """Record the root cause: the win-back begins under the department of the cause."""
    return await _ask(request, running, who, customer_id, wish)


@router.post("/customers/{customer_id}/winback/close", responses=DONE)
async def close_winback(
    request: Request,
    customer_id: str,
    running: Running,
    wish: CloseWinback = body(CloseWinback),
    who: Principal = require(WRITE),
) -> Response:
    """Give the customer up, or put out a light that was none. Recovery shows itself in orders."""
    return await _ask(request, running, who, customer_id, wish)


@router.post("/customers/{customer_id}/lost-reason", responses=DONE)
async def give_lost_reason(
    request: Request,
    customer_id: str,
    running: Running,
    wish: GiveLostReason = body(GiveLostReason),
    who: Principal = require(WRITE),
) -> Response:
    """Say why a lost customer went, in the place of "no answer"."""
    return await _ask(request, running, who, customer_id, wish)


@router.post("/customers/{customer_id}/release", responses=DONE)
async def release_customer(
    request: Request,
    customer_id: str,
    running: Running,
    wish: ReleaseCustomer = body(ReleaseCustomer),
    who: Principal = require("customers:release"),
) -> Response:
    """Let a customer go, by a person's decision and with a reason."""
    return await _ask(request, running, who, customer_id, wish)


@router.get("/segments", responses=returns(views.Segments), summary="Customers by segment")
async def count_segments(running: Running, as_of: AsOf, who: Principal = require(READ)) -> Response:
    if as_of is not None:
        _needs_all_rows(who)
        counts = await store.segment_counts_as_of(running.pool, as_of)
        return show(views.Segments(counts=counts, as_of=as_of))
    return show(
        views.Segments(counts=await store.segment_counts(running.pool, *_rows(running, who)))
    )


@router.get("/reports/{month}", responses=returns(ReportPublished))
async def get_report(
    month: str, running: Running, who: Principal = require("reports:read")
) -> Response:
    """The monthly customer report as it was published."""
    _needs_all_rows(who)
    found = await store.published_report(running.pool, _month(month))
    if found is None:
        raise Fault(404, "no-report", f"{month} has no report; it is published once the month ends")
    return show(found)


@router.get("/reports/{month}/lines/{line}", summary="The customers behind one line of a report")
async def get_report_line(
    request: Request,
    month: str,
    line: Literal[*LINES],  # type: ignore[valid-type]  # the lines are named once, in the domain
    running: Running,
    page: Paging,
    who: Principal = require("reports:read"),
) -> Response:
    _needs_all_rows(who)
    entries = await _line(running, _month(month), line)
    after = page.after[0] if page.after else ""
    rows = [entry for entry in entries if entry.customer_id > after]
    return listing(request, page, rows, lambda row: (row.customer_id,))


async def _page(
    running: Runtime,
    who: Principal,
    page: Any,
    segment: str | None,
    owner: str | None,
    *,
    with_case: bool,
) -> list[tuple[str, int, Customer]]:
    owners, only = _rows(running, who)
    if owner is not None:
        owners = [owner] if owners is None or owner in owners else []
    return await store.customers(
        running.pool,
        segment=segment,
        owners=owners,
        only=only,
        with_case=with_case,
        after=page.after,
        limit=page.limit + 1,
    )


def _rows(running: Runtime, who: Principal) -> tuple[list[str] | None, str | None]:
    """Whose customers may be seen: (owners or everybody, a single customer or all)."""
    match who.rows:
        case "all":
            return None, None
        case "team":
            return [who.person, *running.world().staff.team(who.team)], None
        case "self":
            return None, who.person
    return [who.person], None


async def _seen(running: Runtime, who: Principal, customer_id: str) -> Customer:
    """The customer, if there is one and it may be seen; both kinds of `no` look the same."""
    state: Customer = await history.state_at(running.pool, running.service, CUSTOMER, customer_id)
    owners, only = _rows(running, who)
    hidden = owners is not None and not {state.owner, *state.watchers}.intersection(owners)
    if state.segment is None or hidden or only not in (None, customer_id):
        raise Fault(404, "unknown-customer", f"there is no customer {customer_id} for you to see")
    return state


async def _ask(
    request: Request, running: Runtime, who: Principal, customer_id: str, wish: Any
) -> Response:
    await _seen(running, who, customer_id)
    asked = await idempotency(request, who)
    answer = await running.asks.ask(
        Ask(
            subject=CUSTOMER,
            key=customer_id,
            data=wish,
            id=asked.id,
            fingerprint=asked.fingerprint,
            principal=who.subject,
            respond=views.outcome_of(customer_id),
        )
    )
    return respond(answer)


async def _line(running: Runtime, month: str, line: str) -> list[views.LineEntry]:
    world = running.world()
    zone = world.calendar.timezone
    opens, closes = month_starts(month, zone), month_starts(month_after(month), zone)
    rows = await store.months(running.pool, opens, closes)
    return views.line_entries(rows, line, world.policy.report.steady_band)


def _needs_all_rows(who: Principal) -> None:
    if who.rows != "all":
        raise Fault(403, "rows-missing", "this sums over all customers; it needs rows `all`")


def _month(month: str) -> str:
    if not _MONTH.fullmatch(month):
        raise fault_at(422, "month-invalid", "/path/month", "write it as 1997-03")
    return month
