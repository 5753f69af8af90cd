"""HTTP in, request or question, HTTP out. No rules here: this file only translates."""

from datetime import date
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response
from perennial.contracts.base import Text
from perennial.contracts.scores import Churn, Trend
from perennial.kit.auth import Principal, require
from perennial.kit.http import body, respond, returns, show
from perennial.kit.paging import AsOf, Listing, Paging, listing, whole

from scoring import store, views
from scoring.desk import AtDesk, Done, everybody_in_sight
from scoring.domain.fitting import AdoptModel, FitModels
from scoring.grade_views import GRADE_EXAMPLE, LEAD_EXAMPLE, GradeView, LeadScoreView

router = APIRouter(prefix="/v1")

CustomerId = Annotated[str, Path(max_length=128)]
LeadId = Annotated[str, Path(max_length=128)]
Version = Annotated[str, Path(max_length=128, description="As `pareto-nbd@2`")]


Weeks = Annotated[int, Query(ge=1, le=260, description="How far ahead")]


class FitWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fit every model to what is known up to a day; without one, up to yesterday."""

    through: date | None = None


class AdoptWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why this version is to be in force."""

    reason: Text = ""


@router.get("/customers/{customer_id}/score", tags=["scores"], responses=returns(views.ScoreView))
async def show_score(
    customer_id: CustomerId, desk: AtDesk, as_of: AsOf, who: Principal = require("scores:read")
) -> Response:
    """A customer's numbers now, or as they stood: value, churn, trend, next order."""
    return show(await desk.score(who, customer_id, as_of))


@router.get(
    "/customers/{customer_id}/score/explain", tags=["scores"], responses=returns(Listing[Any])
)
async def explain_score(
    customer_id: CustomerId,
    desk: AtDesk,
    as_of: AsOf,
    who: Principal = require("scores:read", "explain:read"),
) -> Response:
    """Which facts, which model, which policy: each decision with its receipt, newest first."""
    return whole(await desk.explain(who, customer_id, as_of))


@router.get(
    "/leads/{lead_id}/score",
    tags=["leads"],
    responses=returns(LeadScoreView, example=LEAD_EXAMPLE),
)
async def show_lead_score(
    lead_id: LeadId, desk: AtDesk, as_of: AsOf, who: Principal = require("scores:read")
) -> Response:
    """A lead's points now, or as they stood: fit attribute by attribute, engagement, readiness."""
    return show(await desk.lead(who, lead_id, as_of))


@router.get("/leads/{lead_id}/score/explain", tags=["leads"], responses=returns(Listing[Any]))
async def explain_lead_score(
    lead_id: LeadId,
    desk: AtDesk,
    as_of: AsOf,
    who: Principal = require("scores:read", "explain:read"),
) -> Response:
    """Every score of a lead with what was learned, and its receipt, newest first."""
    return whole(await desk.explain_lead(who, lead_id, as_of))


@router.get(
    "/customers/{customer_id}/lead-scores",
    tags=["leads"],
    responses=returns(Listing[LeadScoreView]),
)
async def list_lead_scores(
    request: Request,
    customer_id: CustomerId,
    desk: AtDesk,
    page: Paging,
    as_of: AsOf,
    who: Principal = require("scores:read"),
) -> Response:
    """The scores of a party's open leads, by id."""
    after = str(page.after[0]) if page.after else ""
    rows = await desk.leads(who, customer_id, as_of)
    rows = [row for row in rows if row.lead_id > after]
    return listing(request, page, rows, lambda row: (row.lead_id,))


@router.get(
    "/customers/{customer_id}/grade",
    tags=["grades"],
    responses=returns(GradeView, example=GRADE_EXAMPLE),
)
async def show_grade(
    customer_id: CustomerId, desk: AtDesk, as_of: AsOf, who: Principal = require("scores:read")
) -> Response:
    """A party's grade on five dimensions with their evidence, now or as it stood."""
    return show(await desk.grade(who, customer_id, as_of))


@router.get(
    "/customers/{customer_id}/grade/explain", tags=["grades"], responses=returns(Listing[Any])
)
async def explain_grade(
    customer_id: CustomerId,
    desk: AtDesk,
    as_of: AsOf,
    who: Principal = require("scores:read", "explain:read"),
) -> Response:
    """Every change of a party's grade with its receipt, newest first."""
    return whole(await desk.explain_grade(who, customer_id, as_of))


@router.get("/scores", tags=["scores"], responses=returns(Listing[store.ScoreRow]))
async def list_scores(
    request: Request,
    desk: AtDesk,
    page: Paging,
    churn: Annotated[Churn | None, Query()] = None,
    trend: Annotated[Trend | None, Query()] = None,
    who: Principal = require("scores:read"),
) -> Response:
    """Customers by the value at risk, highest first, with the numbers last published."""
    everybody_in_sight(who)
    rows = await store.scores(desk.pool, churn or "", trend or "", page.after, page.limit + 1)
    return listing(request, page, rows, lambda row: (row.value_at_risk, row.customer_id))


@router.get("/forecast", tags=["forecast"], responses=returns(views.ForecastView))
async def show_forecast(
    desk: AtDesk, as_of: AsOf, weeks: Weeks = 52, who: Principal = require("scores:read")
) -> Response:
    """Orders expected of all customers in the coming weeks; as forecast now, or at a past moment.

    It knows the business days before the moment, and the model that was in force at it.
    """
    everybody_in_sight(who)
    return show(await desk.forecast(as_of, weeks))


@router.get(
    "/forecast/customers", tags=["forecast"], responses=returns(Listing[views.ExpectedOrders])
)
async def list_forecast(
    request: Request,
    desk: AtDesk,
    page: Paging,
    as_of: AsOf,
    weeks: Weeks = 52,
    who: Principal = require("scores:read"),
) -> Response:
    """The same forecast customer by customer, by id, beside the orders that have come since."""
    everybody_in_sight(who)
    after = str(page.after[0]) if page.after else ""
    rows = await desk.forecast_by_customer(as_of, weeks, after, page.limit + 1)
    return listing(request, page, rows, lambda row: (row.customer_id,))


@router.get("/models", tags=["models"], responses=returns(views.ModelsView))
async def list_models(desk: AtDesk, _who: Principal = require("models:read")) -> Response:
    """The model in force, and every fit with its back-test."""
    return show(await desk.models())


@router.post("/models:fit", tags=["models"], status_code=202, responses=returns(Done, 202))
async def fit_models(
    request: Request,
    desk: AtDesk,
    wish: FitWish = body(FitWish),
    who: Principal = require("models:write"),
) -> Response:
    """Ask for a fit of every model; the best is adopted by rule if the policy says so."""
    data = FitModels(through=wish.through or desk.yesterday(), by=who.subject)
    return respond(await desk.ask(request, who, data))


@router.post(
    "/models/{version}:adopt", tags=["models"], status_code=202, responses=returns(Done, 202)
)
async def adopt_model(
    request: Request,
    version: Version,
    desk: AtDesk,
    wish: AdoptWish = body(AdoptWish),
    who: Principal = require("models:adopt"),
) -> Response:
    """Put a fitted version in force; the way back is the same call with an earlier version."""
    return respond(await desk.ask(request, who, AdoptModel(model=version, reason=wish.reason)))
