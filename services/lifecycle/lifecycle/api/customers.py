"""Customers as they stand, stood and came to be."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from perennial.contracts.customers import Segment
from perennial.contracts.holdings import Grade
from perennial.contracts.teams import Binding, Tier
from perennial.kit import history
from perennial.kit.auth import Principal, require
from perennial.kit.http import returns, show
from perennial.kit.paging import AsOf, Listing, Paging, listing, whole
from perennial.kit.runtime import Runtime

from lifecycle import store, views
from lifecycle.api.reach import READ, Place, Running, needs_all_rows, rows_of, seen, there
from lifecycle.domain.record import Customer
from lifecycle.handlers import CUSTOMER

router = APIRouter()
Owner = Annotated[str | None, Query(description="Only customers of this person")]


def _named(**wanted: Any) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if value is not None}


async def _wanted(
    segment: Annotated[Segment | None, Query(description="Only customers of this segment")] = None,
    owner: Owner = None,
    grade: Annotated[Grade | None, Query(description="Only customers of this grade")] = None,
    binding: Annotated[Binding | None, Query(description="Only customers served so")] = None,
    tier: Annotated[Tier | None, Query(description="Only members of this tier")] = None,
    vip: Annotated[bool | None, Query(description="Only VIPs")] = None,
) -> dict[str, Any]:
    return _named(
        segment=segment, owner=owner, grade=grade, binding=binding, tier=tier, vip=vip or None
    )


Wanted = Annotated[dict[str, Any], Depends(_wanted)]


@router.get(
    "/customers",
    responses=returns(Listing[views.CustomerView]),
    summary="Customers, those with the most value at risk first",
)
async def list_customers(
    request: Request,
    running: Running,
    page: Paging,
    wanted: Wanted,
    who: Principal = require(READ),
) -> Response:
    found = await _page(running, who, page, wanted, with_case=False)
    world = running.world()
    rows = [views.customer_view(key, state, world) for key, _, state in found]
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
    found = await _page(running, who, page, _named(owner=owner), with_case=True)
    rows = [views.case_view(key, state) for key, _, state in found]
    return listing(request, page, rows, lambda row: (row.value_at_risk, row.customer_id))


@router.get("/winback-results", responses=returns(Listing[views.CaseCount]))
async def show_winback_results(running: Running, who: Principal = require(READ)) -> Response:
    """All cases there ever were, by what became of them and by cause."""
    needs_all_rows(who)
    rows = await store.winback_results(running.pool)
    return whole([views.CaseCount(**row) for row in rows])


@router.get("/customers/{customer_id}", responses=returns(views.CustomerView))
async def get_customer(
    customer_id: str, running: Running, as_of: AsOf, who: Principal = require(READ)
) -> Response:
    """As it stands; with `as_of`, as it stood."""
    seen_now = await seen(running, who, customer_id)

    async def find(moment: datetime | None) -> Customer | None:
        if moment is None:
            return seen_now
        state: Customer = await history.state_at(
            running.pool, running.service, CUSTOMER, customer_id, moment
        )
        return state if there(state) else None

    state = await history.as_it_stood(find, as_of, f"customer {customer_id}") or seen_now
    return show(views.customer_view(customer_id, state, running.world()))


@router.get("/customers/{customer_id}/timeline", summary="Everything known, newest first")
async def get_timeline(
    request: Request,
    customer_id: str,
    running: Running,
    page: Paging,
    who: Principal = require(READ),
) -> Response:
    await seen(running, who, customer_id)
    before = msgspec.convert(page.after, Place | None, strict=False)
    keys = [customer_id, *await store.absorbed(running.pool, customer_id)]
    found = await history.timeline(running.pool, keys, before, page.limit + 1)
    rows = [views.without_contact(row) for row in found]
    return listing(
        request, page, rows, lambda row: [row[f] for f in ("recorded", "topic", "version", "key")]
    )


@router.get("/customers/{customer_id}/explain", summary="The latest decisions and their receipts")
async def explain_customer(
    customer_id: str, running: Running, as_of: AsOf, who: Principal = require(READ)
) -> Response:
    await seen(running, who, customer_id)
    return whole(await history.decisions(running.pool, CUSTOMER, customer_id, as_of))


@router.get("/segments", responses=returns(views.Segments), summary="Customers by segment")
async def count_segments(running: Running, as_of: AsOf, who: Principal = require(READ)) -> Response:
    if as_of is not None:
        needs_all_rows(who)
        counts = await store.segment_counts_as_of(running.pool, as_of)
        return show(views.Segments(counts=counts, as_of=as_of))
    return show(
        views.Segments(counts=await store.segment_counts(running.pool, *rows_of(running, who)))
    )


async def _page(
    running: Runtime, who: Principal, page: Any, wanted: dict[str, Any], *, with_case: bool
) -> list[tuple[str, int, Customer]]:
    people, only = rows_of(running, who)
    return await store.customers(
        running.pool,
        wanted=wanted,
        people=people,
        only=only,
        with_case=with_case,
        after=page.after,
        limit=page.limit + 1,
    )
