"""What a customer sees of itself: its number and its own orders, and nothing of what we think."""

import msgspec
from fastapi import APIRouter, Request, Response
from perennial.contracts.orders import ORDERS
from perennial.kit import history
from perennial.kit.auth import Principal, require
from perennial.kit.http import returns, show
from perennial.kit.paging import Listing, Paging, listing
from perennial.kit.problems import Fault
from perennial.kit.runtime import Runtime

from lifecycle import store, views
from lifecycle.api.reach import Place, Running, seen
from lifecycle.domain.record import Customer

router = APIRouter()
SELF = "self:read"


@router.get("/customers/me", responses=returns(views.SelfView))
async def get_me(running: Running, who: Principal = require(SELF)) -> Response:
    """The customer who asks."""
    return show(views.self_view(who.person, await _own(running, who)))


@router.get("/customers/me/timeline", responses=returns(Listing[views.SelfEntry]))
async def get_my_timeline(
    request: Request, running: Running, page: Paging, who: Principal = require(SELF)
) -> Response:
    """Its own orders, payments, returns and cancellations, newest first."""
    await _own(running, who)
    before = msgspec.convert(page.after, Place | None, strict=False)
    keys = [who.person, *await store.absorbed(running.pool, who.person)]
    rows = await history.timeline(running.pool, keys, before, page.limit + 1, [ORDERS.name])
    shown = [views.self_entry(row) for row in rows]
    return listing(
        request, page, shown, lambda row: (row.recorded, ORDERS.name, row.version, row.customer_id)
    )


async def _own(running: Runtime, who: Principal) -> Customer:
    if who.rows != "self":
        raise Fault(403, "rows-missing", "this is a customer's own; it needs rows `self`")
    return await seen(running, who, who.person)
