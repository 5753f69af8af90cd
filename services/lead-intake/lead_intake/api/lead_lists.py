"""Leads as they stand and stood: by any combination of their properties, counted, explained."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from perennial.contracts.holdings import Grade
from perennial.contracts.leads import LeadKind
from perennial.kit.auth import Principal, require
from perennial.kit.http import returns, show
from perennial.kit.paging import AsOf, Listing, Page, Paging, listing, whole

from lead_intake import lead_store, store
from lead_intake.desk import AtDesk, Desk
from lead_intake.domain.lead import Stage
from lead_intake.lead_views import CreditView, LeadCount, LeadView, answering, lead_view

router = APIRouter(tags=["leads"])

READ = "leads:read"
OneOf: Any = Query(description="One of these; may be repeated")
Values = Annotated[list[str] | None, OneOf]
By = Literal[
    "stage", "grade", "kind", "channel", "campaign", "product", "unmatched", "source", "holder",
    "class", "industry", "size", "region", "tag",
]  # fmt: skip

Met = Literal["channel", "campaign", "source"]


class LeadHistory(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a lead, and why: facts, policy and what had been seen."""

    customer_id: str
    """Under whom it happened: a lead may have changed hands."""
    version: int
    id: str
    type: str
    time: datetime
    recorded: datetime
    receipt: dict[str, Any] | None
    data: dict[str, Any]


async def _wanted(
    stage: Annotated[list[Stage] | None, OneOf] = None,
    grade: Annotated[list[Grade] | None, OneOf] = None,
    kind: Annotated[list[LeadKind] | None, OneOf] = None,
    channel: Values = None,
    campaign: Values = None,
    product: Values = None,
    unmatched: Values = None,
    source: Values = None,
    holder: Values = None,
    tag: Values = None,
    customer_class: Annotated[list[str] | None, Query(alias="class")] = None,
    industry: Values = None,
    size: Values = None,
    region: Values = None,
) -> dict[str, list[str]]:
    told = locals()
    told["class"] = told.pop("customer_class")
    return {name: values for name, values in told.items() if values}


Wanted = Annotated[dict[str, list[str]], Depends(_wanted)]


@router.get("/leads", responses=returns(Listing[LeadView]))
async def list_leads(
    request: Request, desk: AtDesk, wanted: Wanted, page: Paging, who: Principal = require(READ)
) -> Response:
    """Leads that meet every filter named; sellers see their own, teams their team's."""
    found = await lead_store.leads(
        desk.pool, _in_sight(desk, who, wanted), page, _answering(desk, who)
    )
    policy = desk.runtime.world().policy
    rows = [
        lead_view(one.customer_id, one.lead_id, one.lead, one.attributes, policy) for one in found
    ]
    return listing(request, page, rows, lambda row: (row.lead_id,))


@router.get("/leads/counts", responses=returns(Listing[LeadCount]))
async def count_leads(
    desk: AtDesk, wanted: Wanted, by: By = "stage", who: Principal = require(READ)
) -> Response:
    """How many leads meet every filter named, by one of their properties."""
    found = await lead_store.counted(
        desk.pool, _in_sight(desk, who, wanted), by, _answering(desk, who)
    )
    return whole([LeadCount(value=value, leads=leads) for value, leads in found])


@router.get("/leads/credit", responses=returns(Listing[CreditView]))
async def credit_leads(
    desk: AtDesk, wanted: Wanted, by: Met = "channel", who: Principal = require(READ)
) -> Response:
    """What touches of leads that meet every filter have cost and won, by where they met us. A win is
    credited when it happens, by the policy then in force; all that was won is in the sum, once."""
    found = await lead_store.credited(
        desk.pool, _in_sight(desk, who, wanted), by, _answering(desk, who)
    )
    return whole([CreditView(**row) for row in found])


@router.get("/leads/{lead}", responses=returns(LeadView))
async def get_lead(
    lead: str, desk: AtDesk, as_of: AsOf, source: str = "", who: Principal = require(READ)
) -> Response:
    """A lead as it stands; with `as_of`, as it stood. Contact data are not in it."""
    key, lead_id, state = await desk.the_lead(who, lead, as_of, source)
    policy = desk.runtime.world().policy
    return show(lead_view(key, lead_id, state.leads[lead_id], state.attributes, policy))


@router.get("/leads/{lead}/timeline", responses=returns(Listing[LeadHistory]))
async def lead_timeline(
    request: Request, lead: str, desk: AtDesk, page: Paging, who: Principal = require(READ)
) -> Response:
    """Everything that happened to it, oldest first."""
    return await _history(request, lead, desk, page, who)


@router.get("/leads/{lead}/explain", responses=returns(Listing[LeadHistory]))
async def explain_lead(
    request: Request,
    lead: str,
    desk: AtDesk,
    page: Paging,
    who: Principal = require("explain:read"),
) -> Response:
    """Every decision on it with its receipt: the facts that caused it and the policy that judged."""
    return await _history(request, lead, desk, page, who)


async def _history(request: Request, lead: str, desk: Desk, page: Page, who: Principal) -> Response:
    _, lead_id, _ = await desk.the_lead(who, lead)
    parties = await store.parties_of(desk.pool, lead_id, past=True)
    rows = await lead_store.history(desk.pool, parties, lead_id, page)
    return listing(request, page, rows, _place)


def _place(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["recorded"].isoformat(), row["version"], row["customer_id"]


def _in_sight(desk: Desk, who: Principal, wanted: dict[str, list[str]]) -> dict[str, list[str]]:
    sight = desk.sight(who)
    if sight is None:
        return wanted
    return wanted | {"holder": [one for one in wanted.get("holder", sight) if one in sight]}


def _answering(desk: Desk, who: Principal) -> dict[Stage, str]:
    """Roles stand for leads that only who sees all of them sees."""
    return answering(desk.runtime.world().policy) if desk.sight(who) is None else {}
