"""What people may ask of a customer's life."""

from fastapi import APIRouter, Request, Response
from perennial.kit.auth import Principal, require
from perennial.kit.http import body, returns

from lifecycle import views
from lifecycle.api.reach import WRITE, Running, ask
from lifecycle.domain.requests import (
    CloseWinback,
    ConfirmHandover,
    ConfirmPersona,
    DiagnoseWinback,
    GiveLostReason,
    LightRedLight,
    ReleaseCustomer,
)

router = APIRouter()
DONE = returns(views.Outcome, description="What the customer is now, and the events it took")


@router.post("/customers/{customer_id}/red-light", responses=DONE)
async def light_red_light(
    request: Request,
    customer_id: str,
    running: Running,
    wish: LightRedLight = body(LightRedLight),
    who: Principal = require(WRITE),
) -> Response:
    """A person saw what no number shows."""
    return await ask(request, running, who, customer_id, wish)


@router.post("/customers/{customer_id}/winback/diagnosis", responses=DONE)
async def diagnose_winback(
    request: Request,
    customer_id: str,
    running: Running,
    wish: DiagnoseWinback = body(DiagnoseWinback),
    who: Principal = require(WRITE),
) -> Response:
    """Record the root cause: the win-back begins under the department of the cause."""
    return await ask(request, running, who, customer_id, wish)


@router.post("/customers/{customer_id}/winback/close", responses=DONE)
async def close_winback(
    request: Request,
    customer_id: str,
    running: Running,
    wish: CloseWinback = body(CloseWinback),
    who: Principal = require(WRITE),
) -> Response:
    """Give the customer up, or put out a light that was none. Recovery shows itself in orders."""
    return await ask(request, running, who, customer_id, wish)


@router.post("/customers/{customer_id}/lost-reason", responses=DONE)
async def give_lost_reason(
    request: Request,
    customer_id: str,
    running: Running,
    wish: GiveLostReason = body(GiveLostReason),
    who: Principal = require(WRITE),
) -> Response:
    """Say why a lost customer went, in the place of "no answer"."""
    return await ask(request, running, who, customer_id, wish)


@router.post("/customers/{customer_id}/release", responses=DONE)
async def release_customer(
    request: Request,
    customer_id: str,
    running: Running,
    wish: ReleaseCustomer = body(ReleaseCustomer),
    who: Principal = require("customers:release"),
) -> Response:
    """Let a customer go, by a person's decision and with a reason."""
    return await ask(request, running, who, customer_id, wish)


@router.post("/customers/{customer_id}/persona/confirmation", responses=DONE)
async def confirm_persona(
    request: Request,
    customer_id: str,
    running: Running,
    wish: ConfirmPersona = body(ConfirmPersona),
    who: Principal = require(WRITE),
) -> Response:
    """This is a customer for us, though its persona match lies below the threshold."""
    return await ask(request, running, who, customer_id, wish)


@router.post("/customers/{customer_id}/handover/confirmations", responses=DONE)
async def confirm_handover(
    request: Request,
    customer_id: str,
    running: Running,
    wish: ConfirmHandover = body(ConfirmHandover),
    who: Principal = require(WRITE),
) -> Response:
    """One item of the hand-over between market, sales and service is done."""
    return await ask(request, running, who, customer_id, wish)
