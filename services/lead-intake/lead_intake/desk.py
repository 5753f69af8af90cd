"""Where REST meets the running service: what a route may ask of it, in this service's words."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Request, Response
from perennial.contracts.base import Fact
from perennial.contracts.strict import Malformed
from perennial.kit.ask import Ask
from perennial.kit.auth import Principal
from perennial.kit.history import as_it_stood, state_at
from perennial.kit.http import idempotency, respond
from perennial.kit.ids import uuid7
from perennial.kit.ingest import identity_of
from perennial.kit.paging import etag
from perennial.kit.problems import Fault
from perennial.kit.runtime import Runtime, the_runtime

from lead_intake import lead_store, store
from lead_intake.asking import (
    about_entry,
    about_lead,
    about_merge,
    about_union,
    as_wish,
    asking,
    derived,
    entry_result,
    in_path,
    malformed_row,
    may_name,
    result,
    row_id,
    source_of,
    unknown_lead,
)
from lead_intake.bodies import BY_PATH, NDJSON, Body, Contact, about, named, read_row, saying_of
from lead_intake.domain.customer import Customer, Order
from lead_intake.domain.requests import LEAD_WISHES, DeclineMerge, MergeParties, Said, Sight
from lead_intake.handlers import CUSTOMER, REGISTER
from lead_intake.ingress import adapt, opened_contact, said_by, sealed_contact
from lead_intake.views import Address, EntryView, RowResult

Rows = AsyncIterator[list[tuple[int, bytes]]]


class Desk:
    """One request's view of the running service."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.pool = runtime.pool

    async def say(self, request: Request, who: Principal, body: Body, meant: str = "") -> Response:
        """One fact about an order or a lead; `meant` from the path is our id of it, or its source's."""
        wish = await idempotency(request, who)
        said = await self._said(who, body, meant)
        ask = asking(said, wish.id, wish.fingerprint, who.subject)
        return respond(await self.runtime.asks.ask(ask))

    def sight(self, who: Principal) -> Sight:
        """Whose leads this one sees; None for all of them."""
        if who.rows == "all":
            return None
        own = who.person or who.subject
        if who.rows != "team" or not who.team:
            return (own,) if who.rows != "self" else ()
        staff = self.runtime.world().staff
        return (own, *(one.person_id for one in staff.sellers() if one.team == who.team))

    async def lead_in_sight(self, who: Principal, lead: str) -> None:
        """Only who sees a lead may say or want anything of it: 404 as if it were not there. That is
        asked again when it folds, of who holds it then."""
        if who.rows != "all":
            await self.the_lead(who, lead)

    async def the_lead(
        self, who: Principal, lead: str, as_of: datetime | None = None, source: str = ""
    ) -> tuple[str, str, Customer]:
        """Whose it is, its id, and the party; 404 for what is not there, or out of sight."""
        find = partial(self._lead, in_path(who, "lead", lead, source), self.sight(who))
        found = await as_it_stood(find, as_of, f"lead {lead}")
        if found is None:
            raise unknown_lead(who, lead)
        return found

    async def _lead(
        self, named: str, sight: Sight, as_of: datetime | None
    ) -> tuple[str, str, Customer] | None:
        for key in await store.parties_of(self.pool, named, past=as_of is not None):
            state: Customer = await state_at(self.pool, self.runtime.service, CUSTOMER, key, as_of)
            found = state.lead(named)
            if found is not None and (sight is None or found[1].holder in sight):
                return key, found[0], state
        return None

    async def order(self, order_id: str, as_of: datetime | None) -> tuple[str, Order] | None:
        """An order and whose it is, or was at a moment."""
        if as_of is None:
            return await store.order(self.pool, order_id)
        for key in await store.order_holders(self.pool, order_id):
            state: Customer = await state_at(self.pool, self.runtime.service, CUSTOMER, key, as_of)
            if order_id in state.parts:
                return key, state.parts[order_id]
        return None

    async def say_all(
        self, request: Request, who: Principal, rows: Rows, otherwise: str
    ) -> list[RowResult]:
        """Many facts, one result each. Answers leave when all is read: a client that only reads
        after it has written could not take them earlier."""
        told = request.headers.get("idempotency-key") or uuid7()
        results: list[RowResult] = []
        async for chunk in rows:
            results += await self._say_chunk(who, told, chunk, otherwise)
        return results

    def lines(self, results: list[RowResult]) -> Response:
        """A line for each row."""
        return Response(msgspec.json.Encoder().encode_lines(results), media_type=NDJSON)

    async def want(self, request: Request, who: Principal, wish: Any) -> Response:
        """What a person wants of a lead that the path names."""
        asked = await idempotency(request, who)
        meant = wish.lead_id
        lead = in_path(who, "lead", meant, "")
        told = {"sight": self.sight(who)} if isinstance(wish, LEAD_WISHES) else {}
        wish = msgspec.structs.replace(wish, lead_id=lead, by=who.person or who.subject, **told)
        ask = about_lead(wish, asked.id, asked.fingerprint, who.subject)
        answer = await self.runtime.asks.ask(ask)
        if answer.refusal is not None and answer.refusal.code in ("unknown", "lead-unknown"):
            raise unknown_lead(who, meant)
        return respond(answer)

    async def decline(
        self, request: Request, who: Principal, key: str, wish: DeclineMerge
    ) -> Response:
        """A person's no to a proposed merge."""
        asked = await idempotency(request, who)
        ask = about_merge(key, wish, asked.id, asked.fingerprint, who.subject)
        return respond(await self.runtime.asks.ask(ask))

    async def unite(
        self, request: Request, who: Principal, key: str, wish: MergeParties
    ) -> Response:
        """A person's word that two parties are one, or one is two again."""
        asked = await idempotency(request, who)
        key = await store.root_of(self.pool, key)
        heard = await lead_store.heard(self.pool, [key, wish.other])
        wish = msgspec.structs.replace(wish, heard=heard, by=who.person or who.subject)
        ask = about_union(key, wish, asked.id, asked.fingerprint, who.subject)
        return respond(await self.runtime.asks.ask(ask))

    async def party(self, key: str) -> tuple[str, Customer]:
        """The party that an id leads to, and which; 404 where it is nobody's."""
        key = await store.root_of(self.pool, key)
        state: Customer = await state_at(self.pool, self.runtime.service, CUSTOMER, key)
        if not state.captured:
            raise Fault(404, "party-unknown", f"there is no party {key}")
        return key, state

    async def hear(self, facts: list[Fact | Malformed]) -> list[RowResult]:
        """Events of a partner, told apart by (principal, source, id) as on its topic."""
        results: dict[int, RowResult] = {}
        asks: dict[int, Ask] = {}
        for row, fact in enumerate(facts, 1):
            if isinstance(fact, Malformed):
                results[row] = malformed_row(row, fact)
                continue
            adapted = await adapt(fact, self.runtime.personal)
            ask = asking(adapted.data, identity_of(fact), b"", fact.principal)
            asks[row] = replace(ask, correlation=fact.correlation or fact.id)
        answers = await self.runtime.asks.ask_all(list(asks.values()))
        for (row, ask), answer in zip(asks.items(), answers, strict=True):
            results[row] = result(row, ask.data, answer)
        return [results[row] for row in sorted(results)]

    async def with_contact(self, key: str, wish: Any, contact: Contact | None) -> Any:
        """A wish about a person with the contact data that were sent along, sealed."""
        if contact is None:
            return wish
        standing = await self._sealed(key)
        sealed = await sealed_contact(key, contact, standing, self.runtime.personal)
        entry = msgspec.structs.replace(wish.entry, personal=sealed)
        return msgspec.structs.replace(wish, entry=entry)

    async def address(self, who: Principal, key: str) -> Address:
        """Where a member of staff is written to; who asked is kept, whatever the answer."""
        await store.note_opened(self.pool, key, who.subject, datetime.now(UTC))
        sealed = await self._sealed(key)
        contact = await opened_contact(key, sealed, self.runtime.personal)
        if contact is None or not contact.email:
            raise Fault(404, "address-unknown", f"no e-mail address of {key} is on file")
        return Address(name=contact.name, email=contact.email)

    async def _sealed(self, key: str) -> str:
        """The sealed contact data of somebody who works here."""
        entry = await state_at(self.pool, self.runtime.service, REGISTER, key)
        return entry.person.personal if entry.person and not entry.left else ""

    async def set_entry(self, request: Request, who: Principal, key: str, wish: Any) -> Response:
        """A wish about a register entry, with the entry as it then stands."""
        asked = await idempotency(request, who)
        ask = about_entry(key, wish, asked.id, asked.fingerprint, who.subject)
        answer = await self.runtime.asks.ask(ask)
        if answer.refusal is not None and answer.refusal.code == "version-differs":
            raise Fault(412, answer.refusal.code, answer.refusal.detail)
        response = respond(answer)
        response.headers.update(etag(msgspec.json.decode(answer.body, type=EntryView).version))
        return response

    async def set_all(
        self, who: Principal, told: str, wishes: list[tuple[int, str, Any]]
    ) -> list[RowResult]:
        """Many entries, as (row, key, wish)."""
        asks = [
            about_entry(key, wish, row_id(who, told, row), b"", who.subject)
            for row, key, wish in wishes
        ]
        answers = await self.runtime.asks.ask_all(asks)
        return [
            entry_result(row, key, answer)
            for (row, key, _), answer in zip(wishes, answers, strict=True)
        ]

    async def _say_chunk(
        self, who: Principal, told: str, chunk: list[tuple[int, bytes]], otherwise: str
    ) -> list[RowResult]:
        results: dict[int, RowResult] = {}
        asks: dict[int, Ask] = {}
        for row, line in chunk:
            try:
                said = await self._said(who, read_row(line, otherwise))
            except Malformed as fault:
                results[row] = malformed_row(row, fault)
            else:
                fingerprint = hashlib.sha256(line).digest()
                asks[row] = asking(said, row_id(who, told, row), fingerprint, who.subject)
        answers = await self.runtime.asks.ask_all(list(asks.values()))
        for (row, ask), answer in zip(asks.items(), answers, strict=True):
            results[row] = result(row, ask.data, answer)
        return [results[row] for row in sorted(results)]

    async def _said(self, who: Principal, body: Body, meant: str = "") -> Said:
        source = source_of(who, body.source)
        may_name(who, body)
        said = await said_by(source, saying_of(body, meant), self.runtime.personal)
        if not meant:
            return said
        kind = about(body)
        thing_id = in_path(who, kind, meant, body.source)
        if named(body) not in (BY_PATH, meant) and derived(kind, source, named(body)) != thing_id:
            raise Malformed(f"the path names {kind} {meant}, the body {named(body)}", f"/{kind}")
        return msgspec.structs.replace(
            said, **{f"{kind}_id": thing_id}, **as_wish(who, said, self.sight(who))
        )


async def _desk(request: Request) -> Desk:
    return Desk(the_runtime(request))


AtDesk = Annotated[Desk, Depends(_desk)]
