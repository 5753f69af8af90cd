"""Matching rounds, and why a lead went to one seller and not to another."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response
from perennial.contracts.rounds import RoundHeld
from perennial.kit.auth import Principal, require
from perennial.kit.history import state_at
from perennial.kit.http import returns, show
from perennial.kit.paging import Listing, Paging, listing
from perennial.kit.problems import Fault

from lead_intake import store
from lead_intake.asking import in_path
from lead_intake.desk import AtDesk, Desk
from lead_intake.domain.receipts import why_not
from lead_intake.handlers import CUSTOMER

router = APIRouter(tags=["leads"])
READ = "leads:read"


class WhyNot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a lead went to its seller and not to this one, as it was decided then."""

    lead_id: str
    person: str
    holder: str
    why: str
    round_id: str = ""
    win_chance: float | None = None
    win_low: float | None = None
    win_high: float | None = None
    lost_by_reason: dict[str, int] = {}


@router.get("/rounds", responses=returns(Listing[RoundHeld]), summary="Rounds, newest first")
async def list_rounds(
    request: Request, desk: AtDesk, page: Paging, who: Principal = require(READ)
) -> Response:
    """Each with every seller as the round saw them, and every lead that it gave to somebody."""
    _all_rows(who)
    rows = await store.rounds(desk.pool, page)
    return listing(request, page, rows, lambda row: (row.round_id,))


@router.get("/rounds/{round_id}", responses=returns(RoundHeld))
async def get_round(round_id: str, desk: AtDesk, who: Principal = require(READ)) -> Response:
    """One round."""
    _all_rows(who)
    held = await store.round_named(desk.pool, round_id)
    if held is None:
        raise Fault(404, "round-unknown", f"there is no round {round_id}")
    return show(held)


@router.get("/leads/{lead}/why-not", responses=returns(WhyNot))
async def explain_assignment(
    lead: str,
    desk: AtDesk,
    person: Annotated[str, Query(description="The seller who asks, or is asked about")] = "",
    who: Principal = require(READ),
) -> Response:
    """ "Why not me?": sellers ask for themselves, who sees all rows for anybody."""
    asked = person or (who.person or who.subject)
    if who.rows != "all" and asked != who.person:
        raise Fault(403, "not-yours", "ask for yourself, or as somebody who sees all rows")
    return show(await _why_not(desk, in_path(who, "lead", lead, ""), asked))


async def _why_not(desk: Desk, lead_id: str, person: str) -> WhyNot:
    found = await store.last_assigned(desk.pool, lead_id)
    if found is None:
        raise Fault(404, "assignment-unknown", f"lead {lead_id} was not assigned to anybody")
    key, decided_at, assigned = found
    held = await store.round_named(desk.pool, assigned.round_id)
    state = await state_at(desk.pool, desk.runtime.service, CUSTOMER, key, decided_at)
    before = [one.person for one in state.leads[lead_id].holdings if one.since < decided_at]
    world = desk.runtime.door.worlds.at(decided_at)
    levels = world.policy.holding.qualification.levels
    return WhyNot(
        lead_id=lead_id,
        person=person,
        holder=assigned.holder,
        why=why_not(person, assigned, held, before, levels),
        **{name: getattr(assigned, name) for name in _TOLD},
    )


def _all_rows(who: Principal) -> None:
    if who.rows != "all":
        raise Fault(403, "all-rows-needed", "rounds show every seller: ask as who sees all rows")


_TOLD = ("round_id", "win_chance", "win_low", "win_high", "lost_by_reason")
