"""What routes about holdings ask of the running service, beyond one wish about one lead."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from fastapi import Depends, Request, Response
from perennial.kit.ask import Answer
from perennial.kit.auth import Principal
from perennial.kit.http import show
from perennial.kit.ids import uuid7
from perennial.kit.paging import Page
from perennial.kit.problems import Fault, fault_at, refused
from perennial.kit.runtime import Runtime, the_runtime

from lead_intake import holdings, store
from lead_intake.asking import about_lead, row_id
from lead_intake.domain.assigning import ReholdLead
from lead_intake.domain.holding import room
from lead_intake.domain.refusals import pool_unknown
from lead_intake.domain.world import World
from lead_intake.holding_views import ContactView, Reheld, SellerView, seller_view
from lead_intake.lead_views import LeadTaken

ERASED = "erased"


class Holdings:
    """One request's view of who holds what."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.pool = runtime.pool

    async def contact(self, looked: Response) -> Response:
        """The contact data that a look which was kept may see."""
        told = msgspec.json.decode(looked.body, type=LeadTaken)
        lead = told.joined or told.lead_id
        past = await store.parties_of(self.pool, lead, past=True)
        found = await holdings.sealed_contact(self.pool, [told.customer_id, *past], lead)
        opened = await self.runtime.personal.open(found.party, found.data) if found.data else b"{}"
        contact = msgspec.Raw(opened if isinstance(opened, bytes) else b"{}")
        erased = opened == ERASED
        return show(ContactView(lead_id=told.lead_id, contact=contact, of=found.of, erased=erased))

    async def rehold(
        self,
        request: Request,
        who: Principal,
        person: str,
        to: tuple[str, ...],
        because: Literal["left", "absent"] | None,
    ) -> list[Reheld]:
        """All that a person holds, handed to whoever of `to` has room; a line for each lead."""
        world: World = self.runtime.world()
        _known(person, to, world)
        if world.staff.present(person, self.runtime.now()):
            detail = (
                f"{person} is here: hand leads over one by one, or record the leave or absence."
            )
            raise Fault(409, "person-present", detail)
        takers = tuple(one for one in to or world.staff.takers(person) if one != person)
        reason = because or ("absent" if world.staff.employed(person) else "left")
        told = request.headers.get("idempotency-key") or uuid7()
        leads = sorted((await holdings.seller(self.pool, person)).open)
        wishes = [
            ReholdLead(
                lead_id=lead, former=person, to=takers, because=reason, by=who.person or who.subject
            )
            for lead in leads
        ]
        asks = [
            about_lead(wish, row_id(who, told, row), b"", who.subject)
            for row, wish in enumerate(wishes, 1)
        ]
        answers = await self.runtime.asks.ask_all(asks)
        return [_reheld(lead, answer) for lead, answer in zip(leads, answers, strict=True)]

    async def pooled(self, pool: str, page: Page) -> list[holdings.Pooled]:
        """What lies in a pool; 404 for one that the policy does not have and nothing lies in."""
        found = await holdings.pooled(self.pool, pool, page)
        fault = pool_unknown(pool, self.runtime.world())
        if fault is not None and not found and not page.after:
            raise refused(fault)
        return found

    async def seller(self, person: str) -> SellerView:
        """What a seller carries and may still take."""
        world = self._world_with(person)
        now, ledger = self.runtime.now(), await holdings.seller(self.pool, person)
        left = room(person, ledger, world, now)
        counted = await holdings.gains(self.pool, person, ledger, now - left.window, now)
        return seller_view(person, ledger, left, counted)

    async def held(self, person: str, as_of: datetime | None, page: Page) -> list[holdings.Held]:
        """What a seller holds, or held at a moment."""
        self._world_with(person)
        return await holdings.held(self.pool, person, as_of or self.runtime.now(), page)

    def _world_with(self, person: str) -> World:
        world: World = self.runtime.world()
        if world.staff.person(person) is None:
            raise Fault(404, "seller-unknown", f"there is no seller {person} in the register")
        return world


async def _holdings(request: Request) -> Holdings:
    return Holdings(the_runtime(request))


AtHoldings = Annotated[Holdings, Depends(_holdings)]


def in_sight(who: Principal, person: str = "") -> str:
    """The seller a request is about: oneself, or anyone for who sees all rows."""
    own = who.person or who.subject
    if person in ("", own) or who.rows == "all":
        return person or own
    raise Fault(403, "not-yours", f"this token speaks for {own} only")


def _known(person: str, to: tuple[str, ...], world: World) -> None:
    """Raises `Fault` where one of them is nobody, or named as a taker and gone."""
    if world.staff.person(person) is None:
        detail = f"There is no person {person}: name one of GET /v1/registers/people."
        raise Fault(404, "person-unknown", detail)
    for place, one in enumerate(to):
        if not world.staff.employed(one):
            detail = f"{one} is not in the register, or has left: name somebody who stays."
            raise fault_at(422, "taker-unknown", f"/to/{place}", detail)


def _reheld(lead: str, answer: Answer) -> Reheld:
    if answer.refusal is not None:
        return Reheld(lead_id=lead, error=answer.refusal.detail)
    told = msgspec.json.decode(answer.body, type=LeadTaken)
    return Reheld(lead_id=lead, holder=told.holder, stage=told.stage)
