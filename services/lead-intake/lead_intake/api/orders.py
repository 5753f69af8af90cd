"""Orders, and what is said of them afterwards."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from perennial.kit.auth import Principal, require
from perennial.kit.history import as_it_stood
from perennial.kit.http import body, ndjson_rows, returns, show
from perennial.kit.paging import AsOf, Listing, Paging, listing
from perennial.kit.problems import Fault

from lead_intake import store
from lead_intake.asking import in_path
from lead_intake.bodies import (
    BULK_BYTES,
    BULK_ROWS,
    CancelBody,
    OrderBody,
    PaymentBody,
    ReturnBody,
    rows_of,
)
from lead_intake.desk import AtDesk
from lead_intake.domain.customer import Order
from lead_intake.views import OrderView, RowResult, StillWaiting, Taken, order_view

router = APIRouter(tags=["orders"])

READ, WRITE = "orders:read", "orders:write"
TAKEN = {
    **returns(Taken, 201, "Taken"),
    **returns(Taken, 200, "Known already"),
    **returns(StillWaiting, 202, "Waits for what it names"),
}
Source = Annotated[str, Query(description="System whose order number the path names")]


@router.post("/orders", status_code=201, responses=TAKEN, summary="Take one order")
async def place_order(
    request: Request,
    desk: AtDesk,
    order: OrderBody = body(OrderBody),
    who: Principal = require(WRITE),
) -> Response:
    """The same order again is answered with `duplicate`; other content under its id is refused."""
    return await desk.say(request, who, order)


@router.post(
    "/orders:bulk",
    responses=returns(RowResult, description="One line for each row"),
    openapi_extra=rows_of("order"),
)
async def bulk_orders(
    request: Request, desk: AtDesk, who: Principal = require("imports:write")
) -> Response:
    """Orders, payments, returns and cancellations as NDJSON, told apart by `type`, in any order."""
    rows = ndjson_rows(request, BULK_BYTES, BULK_ROWS)
    return desk.lines(await desk.say_all(request, who, rows, "order"))


@router.post("/orders/{order}/payments", status_code=201, responses=TAKEN)
async def record_payment(
    request: Request,
    order: str,
    desk: AtDesk,
    payment: PaymentBody = body(PaymentBody),
    who: Principal = require(WRITE),
) -> Response:
    """Money arrived. An order that nobody knows yet is waited for."""
    return await desk.say(request, who, payment, order)


@router.post("/orders/{order}/returns", status_code=201, responses=TAKEN)
async def record_return(
    request: Request,
    order: str,
    desk: AtDesk,
    back: ReturnBody = body(ReturnBody),
    who: Principal = require(WRITE),
) -> Response:
    """Goods came back: some of the order, or without `amount` all that is left of it."""
    return await desk.say(request, who, back, order)


@router.post("/orders/{order}/cancellation", status_code=201, responses=TAKEN)
async def cancel_order(
    request: Request,
    order: str,
    desk: AtDesk,
    void: CancelBody = body(CancelBody),
    who: Principal = require(WRITE),
) -> Response:
    """The order is void."""
    return await desk.say(request, who, void, order)


@router.get("/orders/{order}", responses=returns(OrderView))
async def get_order(
    order: str,
    desk: AtDesk,
    as_of: AsOf,
    source: Source = "",
    who: Principal = require(READ),
) -> Response:
    """An order as it stands; with `as_of`, as it stood."""
    order_id = in_path(who, "order", order, source)

    async def find(moment: datetime | None) -> tuple[str, Order] | None:
        found = await desk.order(order_id, moment)
        return found if found and _in_sight(who, found[0]) else None

    found = await as_it_stood(find, as_of, f"order {order}")
    if found is None:
        raise Fault(404, "order-unknown", f"there is no order {order}")
    return show(order_view(found[0], order_id, found[1]))


@router.get("/customers/{customer_id}/orders", responses=returns(Listing[OrderView]))
async def list_orders(
    request: Request,
    customer_id: str,
    desk: AtDesk,
    page: Paging,
    who: Principal = require(READ),
) -> Response:
    """All orders of a customer, by id."""
    customer_id = await store.root_of(desk.pool, customer_id)
    if not _in_sight(who, customer_id) or not await store.is_party(desk.pool, customer_id):
        raise Fault(404, "customer-unknown", f"there is no customer {customer_id} that you may see")
    found = await store.orders_of(desk.pool, customer_id, page)
    rows = [order_view(customer_id, order_id, order) for order_id, order in found]
    return listing(request, page, rows, lambda row: (row.order_id,))


def _in_sight(who: Principal, customer_id: str) -> bool:
    """Orders have no holder yet, so only who sees all rows, or the customer itself, may read them."""
    return who.rows == "all" or (who.rows == "self" and who.person == customer_id)
