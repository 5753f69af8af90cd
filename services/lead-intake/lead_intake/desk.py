"""Where REST meets the running service: what a route may ask of it, in this service's words."""

import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Request, Response
from perennial.contracts.base import Event, Fact
from perennial.contracts.strict import Malformed
from perennial.kit.ask import Answer, Ask
from perennial.kit.auth import Principal
from perennial.kit.history import state_at
from perennial.kit.http import idempotency, respond
from perennial.kit.ids import uuid7
from perennial.kit.ingest import identity_of
from perennial.kit.paging import etag
from perennial.kit.problems import Fault
from perennial.kit.runtime import Runtime, the_runtime

from lead_intake import store
from lead_intake.bodies import BY_PATH, Body, Contact, read_row, saying_of
from lead_intake.domain.customer import Customer
from lead_intake.domain.identity import order_id
from lead_intake.domain.registers import Register
from lead_intake.domain.requests import ReturnSaid, Said
from lead_intake.handlers import CUSTOMER, REGISTER
from lead_intake.ingress import adapt, opened_contact, said_by, sealed_contact
from lead_intake.views import (
    Address,
    EntryView,
    RowError,
    RowResult,
    StillWaiting,
    Taken,
    entry_view,
    taken,
)

_OWN_ID = re.compile(r"o[0-9a-f]{24}")
Rows = AsyncIterator[list[tuple[int, bytes]]]


class Desk:
    """One request's view of the running service."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.pool = runtime.pool

    async def say(self, request: Request, who: Principal, body: Body, order: str = "") -> Response:
        """One fact about an order; `order` from the path is our id of it, or its source's number."""
        wish = await idempotency(request, who)
        said = await self._said(who, body, order)
        ask = _asking(said, wish.id, wish.fingerprint, who.subject)
        return respond(await self.runtime.asks.ask(ask))

    async def say_all(self, request: Request, who: Principal, rows: Rows) -> list[RowResult]:
        """Many facts, one result each. Answers leave when all is read: a client that only reads
        after it has written could not take them earlier."""
        told = request.headers.get("idempotency-key") or uuid7()
        results: list[RowResult] = []
        async for chunk in rows:
            results += await self._say_chunk(who, told, chunk)
        return results

    async def hear(self, facts: list[Fact | Malformed]) -> list[RowResult]:
        """Events of a partner, told apart by (principal, source, id) as on its topic."""
        results: dict[int, RowResult] = {}
        asks: dict[int, Ask] = {}
        for row, fact in enumerate(facts, 1):
            if isinstance(fact, Malformed):
                results[row] = malformed_row(row, fact)
                continue
            adapted = await adapt(fact, self.runtime.personal)
            ask = _asking(adapted.data, identity_of(fact), b"", fact.principal)
            asks[row] = replace(ask, correlation=fact.correlation or fact.id)
        answers = await self.runtime.asks.ask_all(list(asks.values()))
        for (row, ask), answer in zip(asks.items(), answers, strict=True):
            results[row] = _result(row, ask.data, answer)
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
        ask = _about_entry(key, wish, asked.id, asked.fingerprint, who.subject)
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
            _about_entry(key, wish, _row_id(who, told, row), b"", who.subject)
            for row, key, wish in wishes
        ]
        answers = await self.runtime.asks.ask_all(asks)
        return [
            _entry_result(row, key, answer)
            for (row, key, _), answer in zip(wishes, answers, strict=True)
        ]

    async def _say_chunk(
        self, who: Principal, told: str, chunk: list[tuple[int, bytes]]
    ) -> list[RowResult]:
        results: dict[int, RowResult] = {}
        asks: dict[int, Ask] = {}
        for row, line in chunk:
            try:
                said = await self._said(who, read_row(line))
            except Malformed as fault:
                results[row] = malformed_row(row, fault)
            else:
                fingerprint = hashlib.sha256(line).digest()
                asks[row] = _asking(said, _row_id(who, told, row), fingerprint, who.subject)
        answers = await self.runtime.asks.ask_all(list(asks.values()))
        for (row, ask), answer in zip(asks.items(), answers, strict=True):
            results[row] = _result(row, ask.data, answer)
        return [results[row] for row in sorted(results)]

    async def _said(self, who: Principal, body: Body, order: str = "") -> Said:
        source = source_of(who, body.source)
        said = await said_by(source, saying_of(body, order), self.runtime.personal)
        if not order:
            return said
        meant = order_in_path(who, order, body.source)
        if body.order not in (BY_PATH, order) and order_id(source, body.order) != meant:
            raise Malformed(f"the path names order {order}, the body {body.order}", "/order")
        return msgspec.structs.replace(said, order_id=meant, **_as_wish(said))


async def _desk(request: Request) -> Desk:
    return Desk(the_runtime(request))


AtDesk = Annotated[Desk, Depends(_desk)]


def own_source(who: Principal) -> str:
    """The id space a token speaks in: its app's, or its own."""
    return who.client or who.subject


def source_of(who: Principal, named: str) -> str:
    """The system whose ids a fact uses; only who sees all rows may name another than its own."""
    if named in ("", own_source(who)) or who.rows == "all":
        return named or own_source(who)
    raise Malformed(f"this token speaks for {own_source(who)} only", "/source")


def order_in_path(who: Principal, order: str, source: str) -> str:
    """Our id of an order that a path names by our id or by its source's number."""
    return order if _OWN_ID.fullmatch(order) else order_id(source_of(who, source), order)


def _as_wish(said: Said) -> dict[str, bool]:
    return {"wish": True} if isinstance(said, ReturnSaid) else {}


def malformed_row(row: int, fault: Malformed) -> RowResult:
    error = RowError(code="row-invalid", detail=fault.reason, pointer=fault.pointer)
    return RowResult(row=row, status="rejected", error=error)


def _asking(said: Said, wish_id: str, fingerprint: bytes, principal: str) -> Ask:
    """Without a key: the door finds the customer of an order that only its id names."""

    def answer(state: Customer, events: list[Event]) -> tuple[int, Taken]:
        return taken(said.order_id, state, events)

    return Ask(CUSTOMER, "", said, wish_id, fingerprint, principal, answer)


def _about_entry(key: str, wish: Any, wish_id: str, fingerprint: bytes, principal: str) -> Ask:
    def answer(state: Register, events: list[Event]) -> tuple[int, EntryView]:
        new = bool(events) and state.version == len(events)
        return (201 if new else 200), entry_view(key, state)

    return Ask(REGISTER, key, wish, wish_id, fingerprint, principal, answer)


def _row_id(who: Principal, told: str, row: int) -> str:
    return f"{len(who.subject)}:{who.subject}:{told}#{row}"


def _result(row: int, said: Said, answer: Answer) -> RowResult:
    if answer.refusal is not None:
        return RowResult(row=row, status="rejected", error=_error(answer))
    if answer.status == 202:
        waits_for = msgspec.json.decode(answer.body, type=StillWaiting).until_known
        return RowResult(row=row, status="waiting", order_id=said.order_id, waits_for=waits_for)
    new = answer.status == 201 and not answer.replayed
    told = msgspec.json.decode(answer.body, type=Taken) if answer.body else None
    return RowResult(
        row=row,
        status="accepted" if new else "duplicate",
        order_id=said.order_id,
        overpaid=told.overpaid if told else 0,
    )


def _entry_result(row: int, key: str, answer: Answer) -> RowResult:
    if answer.refusal is not None:
        return RowResult(row=row, status="rejected", id=key, error=_error(answer))
    return RowResult(row=row, status="accepted", id=key)


def _error(answer: Answer) -> RowError:
    refusal = answer.refusal
    assert refusal is not None
    return RowError(code=refusal.code, detail=refusal.detail, pointer=refusal.pointer)
