"""What is asked of the door for a client's words, and what its answers come to, row by row."""

import re
from typing import Any

import msgspec
from perennial.contracts.base import Event
from perennial.contracts.strict import Malformed
from perennial.kit.ask import Answer, Ask
from perennial.kit.auth import Principal
from perennial.kit.problems import Fault

from lead_intake.bodies import Body, CloseBody, LeadBody
from lead_intake.domain.customer import Customer
from lead_intake.domain.identity import lead_id, order_id
from lead_intake.domain.registers import Register
from lead_intake.domain.requests import (
    ActivitySaid,
    CloseSaid,
    DeclineMerge,
    MergeParties,
    OfLead,
    ReturnSaid,
    Said,
    Sight,
)
from lead_intake.handlers import CUSTOMER, REGISTER
from lead_intake.lead_views import Declined, lead_taken
from lead_intake.party_views import united
from lead_intake.views import (
    EntryView,
    RowError,
    RowResult,
    Status,
    StillWaiting,
    entry_view,
    taken,
)

_OWN_ID = {"order": re.compile(r"o[0-9a-f]{24}"), "lead": re.compile(r"l[0-9a-f]{24}")}


def own_source(who: Principal) -> str:
    """The id space a token speaks in: its app's, or its own."""
    return who.client or who.subject


def source_of(who: Principal, named: str) -> str:
    """The system whose ids a fact uses; only who sees all rows may name another than its own."""
    if named in ("", own_source(who)) or who.rows == "all":
        return named or own_source(who)
    raise Malformed(f"this token speaks for {own_source(who)} only", "/source")


def may_name(who: Principal, body: Body) -> None:
    """Who sees all rows may say who holds or closed a lead, others only that they did themselves."""
    if who.rows == "all":
        return
    if isinstance(body, LeadBody) and body.holder not in ("", who.person):
        raise Malformed("this token may not say that another holds it", "/holder")
    if isinstance(body, CloseBody) and body.by not in ("", who.person, who.subject):
        raise Malformed("this token may not say that another closed it: leave it out", "/by")


def in_path(who: Principal, kind: str, meant: str, source: str) -> str:
    """Our id of an order or lead that a path names by our id or by its source's number."""
    own = _OWN_ID[kind].fullmatch(meant)
    return meant if own else derived(kind, source_of(who, source), meant)


def unknown_lead(who: Principal, meant: str) -> Fault:
    """The answer about a lead that is not there or out of sight, in the path's own words."""
    detail = (
        f"There is no lead {meant} that you may see: name it by our lead id, or by its number in"
        f" your own source, {own_source(who)}."
    )
    return Fault(404, "lead-unknown", detail)


def derived(kind: str, source: str, number: str) -> str:
    """The id of an order or lead by its source's words."""
    return lead_id(source, number) if kind == "lead" else order_id(source, number)


def as_wish(who: Principal, said: Said, sight: Sight) -> dict[str, Any]:
    """What a request adds: a return is asked for, and who sees only some rows speaks for itself, of
    what it sees."""
    if isinstance(said, ReturnSaid):
        return {"wish": True}
    if sight is None or not isinstance(said, ActivitySaid | CloseSaid):
        return {}
    by = said.said.by or who.person or who.subject
    return {"said": msgspec.structs.replace(said.said, by=by), "sight": sight}


def malformed_row(row: int, fault: Malformed) -> RowResult:
    error = RowError(code="row-invalid", detail=fault.reason, pointer=fault.pointer)
    return RowResult(row=row, status="rejected", error=error)


def asking(said: Said, wish_id: str, fingerprint: bytes, principal: str) -> Ask:
    """Without a key: the door finds the customer by the names that the fact bears."""

    def answer(state: Customer, events: list[Event]) -> tuple[int, msgspec.Struct]:
        if isinstance(said, OfLead):
            return lead_taken(said.lead_id, state, events)
        return taken(said.order_id, state, events)

    return Ask(CUSTOMER, "", said, wish_id, fingerprint, principal, answer)


def about_lead(wish: Any, wish_id: str, fingerprint: bytes, principal: str) -> Ask:
    """A wish about a lead; the door finds whose it is."""

    def answer(state: Customer, events: list[Event]) -> tuple[int, msgspec.Struct]:
        return lead_taken(wish.lead_id, state, events)

    return Ask(CUSTOMER, "", wish, wish_id, fingerprint, principal, answer)


def about_merge(
    key: str, wish: DeclineMerge, wish_id: str, fingerprint: bytes, principal: str
) -> Ask:
    """A wish about a party that may be another."""

    def answer(state: Customer, events: list[Event]) -> tuple[int, Declined]:
        told = Declined(
            status="accepted" if events else "duplicate", customer_id=key, other=wish.other
        )
        return (201 if events else 200), told

    return Ask(CUSTOMER, key, wish, wish_id, fingerprint, principal, answer)


def about_union(
    key: str, wish: MergeParties, wish_id: str, fingerprint: bytes, principal: str
) -> Ask:
    """A wish that two parties be one, or one be two."""

    def answer(_state: Customer, events: list[Event]) -> tuple[int, msgspec.Struct]:
        return united(key, wish.other, events)

    return Ask(CUSTOMER, key, wish, wish_id, fingerprint, principal, answer)


def about_entry(key: str, wish: Any, wish_id: str, fingerprint: bytes, principal: str) -> Ask:
    def answer(state: Register, events: list[Event]) -> tuple[int, EntryView]:
        new = bool(events) and state.version == len(events)
        return (201 if new else 200), entry_view(key, state)

    return Ask(REGISTER, key, wish, wish_id, fingerprint, principal, answer)


def row_id(who: Principal, told: str, row: int) -> str:
    return f"{len(who.subject)}:{who.subject}:{told}#{row}"


def result(row: int, said: Said, answer: Answer) -> RowResult:
    if answer.refusal is not None:
        return RowResult(row=row, status="rejected", error=_error(answer))
    ids = _ids(said)
    if answer.status == 202:
        waits_for = msgspec.json.decode(answer.body, type=StillWaiting).until_known
        return RowResult(row=row, status="waiting", waits_for=waits_for, **ids)
    new = answer.status == 201 and not answer.replayed
    told = msgspec.json.decode(answer.body, type=_Told) if answer.body else _Told()
    status: Status = "accepted" if new else "duplicate"
    return RowResult(row=row, status=status, **msgspec.structs.asdict(told), **ids)


class _Told(msgspec.Struct, frozen=True):
    """What an answer says besides, under the names of a row's result."""

    overpaid: int = 0
    unmatched: str | list[str] = ""
    unvalued: str = ""


def _ids(said: Said) -> dict[str, Any]:
    return {"lead_id": said.lead_id} if isinstance(said, OfLead) else {"order_id": said.order_id}


def entry_result(row: int, key: str, answer: Answer) -> RowResult:
    if answer.refusal is not None:
        return RowResult(row=row, status="rejected", id=key, error=_error(answer))
    return RowResult(row=row, status="accepted", id=key)


def _error(answer: Answer) -> RowError:
    refusal = answer.refusal
    assert refusal is not None
    return RowError(code=refusal.code, detail=refusal.detail, pointer=refusal.pointer)
