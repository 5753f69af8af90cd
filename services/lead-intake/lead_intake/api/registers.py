"""Registers: staff, products, calendars and rates, one entry or many at a time."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from fastapi import APIRouter, Request, Response
from perennial.contracts.registers import (
    CalendarChanged,
    CapacitySet,
    PersonAbsent,
    PersonCertified,
    PersonJoined,
    PersonLeft,
    ProductChanged,
    RateChanged,
)
from perennial.contracts.strict import Malformed, decode_outside, malformed
from perennial.kit.auth import Principal, require
from perennial.kit.history import as_it_stood, state_at
from perennial.kit.http import body, ndjson_rows, returns, show
from perennial.kit.ids import uuid7
from perennial.kit.paging import AsOf, Listing, Paging, etag, expected_version, listing
from perennial.kit.problems import Fault

from lead_intake import store
from lead_intake.asking import malformed_row
from lead_intake.bodies import entry_of, with_contact, without
from lead_intake.desk import AtDesk
from lead_intake.domain import registers
from lead_intake.domain.registers import Register, key_of
from lead_intake.handlers import REGISTER
from lead_intake.views import Address, EntryView, RowResult, entry_view

router = APIRouter(prefix="/registers", tags=["registers"])

READ, WRITE = "registers:read", "registers:write"
Kind = Literal["people", "products", "calendars", "rates"]
NDJSON = "application/x-ndjson"
SHOWN = {**returns(EntryView, 200, "As it stands"), **returns(EntryView, 201, "New")}

PersonBody: Any = with_contact(without(PersonJoined, "person_id", "personal"))
ProductBody: Any = without(ProductChanged, "product_id")
CalendarBody: Any = without(CalendarChanged, "calendar_id")
RateBody: Any = without(RateChanged, "currency")
AbsenceBody: Any = without(PersonAbsent, "person_id")
LeaveBody: Any = without(PersonLeft, "person_id")
CapacityBody: Any = without(CapacitySet, "person_id")
CertificateBody: Any = without(PersonCertified, "person_id")

_FORMS: dict[str, tuple[str, Any, Any, str, Any]] = {
    "people": ("person", PersonBody, PersonJoined, "person_id", registers.SetPerson),
    "products": ("product", ProductBody, ProductChanged, "product_id", registers.SetProduct),
    "calendars": ("calendar", CalendarBody, CalendarChanged, "calendar_id", registers.SetCalendar),
    "rates": ("rate", RateBody, RateChanged, "currency", registers.SetRate),
}
"""Kind in the path → key's prefix, body, event, the event's id field, wish."""


class _Head(msgspec.Struct, frozen=True):
    register: Kind
    id: str


def _put(kind: str) -> Any:
    """`PUT /registers/<kind>/{id}`: the entry whole; with `If-Match` only if nobody changed it."""
    prefix, form, _, _, _ = _FORMS[kind]

    async def put_entry(
        request: Request,
        entry_id: str,
        desk: AtDesk,
        entry: Any = body(form),
        who: Principal = require(WRITE),
    ) -> Response:
        key, contact = key_of(prefix, entry_id), getattr(entry, "contact", None)
        wish = await desk.with_contact(
            key, _wish(kind, entry_id, entry, _expected(request)), contact
        )
        return await desk.set_entry(request, who, key, wish)

    put_entry.__name__ = f"put_{prefix}"
    put_entry.__doc__ = f"Set a {prefix}; send the ETag you read as If-Match."
    return put_entry


for _kind in _FORMS:
    router.put(f"/{_kind}/{{entry_id}}", responses=SHOWN)(_put(_kind))


def _post(name: str, path: str, form: Any, event: Any, wish: Any) -> None:
    """`POST /registers/people/{id}/<path>`: something dated about a person."""

    async def record(
        request: Request,
        person_id: str,
        desk: AtDesk,
        said: Any = body(form),
        who: Principal = require(WRITE),
    ) -> Response:
        entry = entry_of(event, said, person_id=person_id)
        asked = wish(entry=entry, expects=_expected(request))
        return await desk.set_entry(request, who, key_of("person", person_id), asked)

    record.__name__ = name
    router.post(f"/people/{{person_id}}/{path}", responses=SHOWN)(record)


_post("record_absence", "absence", AbsenceBody, PersonAbsent, registers.RecordAbsence)
_post("record_leave", "leave", LeaveBody, PersonLeft, registers.RecordLeave)
_post("set_capacity", "capacity", CapacityBody, CapacitySet, registers.SetCapacity)
_post("certify_person", "certificates", CertificateBody, PersonCertified, registers.Certify)


@router.get("/{kind}/{entry_id}", responses=returns(EntryView))
async def get_entry(
    kind: Kind, entry_id: str, desk: AtDesk, as_of: AsOf, who: Principal = require(READ)
) -> Response:
    """An entry as it stands; with `as_of`, as it stood."""
    key = key_of(_FORMS[kind][0], entry_id)

    async def find(moment: datetime | None) -> Register | None:
        found: Register = await state_at(desk.pool, desk.runtime.service, REGISTER, key, moment)
        return found if found.version else None

    state = await as_it_stood(find, as_of, key)
    if state is None:
        raise Fault(404, "entry-unknown", f"there is no {key}")
    return show(entry_view(key, state), headers=etag(state.version))


@router.get("/{kind}", responses=returns(Listing[EntryView]))
async def list_entries(
    request: Request, kind: Kind, desk: AtDesk, page: Paging, who: Principal = require(READ)
) -> Response:
    """All entries of a register, by key."""
    found = await store.entries(desk.pool, _FORMS[kind][0], page)
    rows = [entry_view(key, state) for key, state in found]
    return listing(request, page, rows, lambda row: (row.key,))


@router.get("/products/{name}/matches", responses=returns(dict[str, Any]))
async def match_product(name: str, desk: AtDesk, who: Principal = require(READ)) -> Response:
    """Which product a spelling means, and those it merely resembles: for a person to choose."""
    catalogue = desk.runtime.world().catalogue
    found = catalogue.find(name)
    return show({"product": found.product_id if found else None, "near": catalogue.near(name)})


# What follows lies beside the registers, so it belongs to a router without their prefix.
beside = APIRouter(tags=["registers"])


@beside.get("/people/{person_id}/address", responses=returns(Address))
async def get_address(
    person_id: str, desk: AtDesk, who: Principal = require("addresses:read")
) -> Response:
    """Where a member of staff is written to: for notifications, when it sends. Each look is kept."""
    return show(await desk.address(who, key_of("person", person_id)))


@beside.post(
    "/registers:bulk",
    responses=returns(RowResult, description="One line for each row"),
    openapi_extra={
        "requestBody": {"required": True, "content": {NDJSON: {"schema": {"type": "string"}}}}
    },
)
async def bulk_registers(
    request: Request, desk: AtDesk, who: Principal = require(WRITE)
) -> Response:
    """Entries as NDJSON: `register`, `id` and the entry's own fields in each line."""
    told = request.headers.get("idempotency-key") or uuid7()
    results: list[RowResult] = []
    async for chunk in ndjson_rows(request):
        results += await _set_chunk(desk, who, told, chunk)
    return Response(msgspec.json.Encoder().encode_lines(results), media_type=NDJSON)


async def _set_chunk(
    desk: Any, who: Principal, told: str, chunk: list[tuple[int, bytes]]
) -> list[RowResult]:
    wishes: list[tuple[int, str, Any]] = []
    results: list[RowResult] = []
    for row, line in chunk:
        try:
            key, wish, contact = _read_row(line)
            wishes.append((row, key, await desk.with_contact(key, wish, contact)))
        except Malformed as fault:
            results.append(malformed_row(row, fault))
    results += await desk.set_all(who, told, wishes)
    return sorted(results, key=lambda result: result.row)


def _read_row(line: bytes) -> tuple[str, Any, Any]:
    """The key, wish and contact data of one line. Raises `Malformed`."""
    head: _Head = decode_outside(msgspec.json.Decoder(_Head), line)
    told = msgspec.json.decode(line)
    rest = {name: value for name, value in told.items() if name not in ("register", "id")}
    form = msgspec.json.Decoder(_FORMS[head.register][1])
    entry = decode_outside(form, msgspec.json.encode(rest))
    key = key_of(_FORMS[head.register][0], head.id)
    return key, _wish(head.register, head.id, entry, None), getattr(entry, "contact", None)


def _wish(kind: str, entry_id: str, entry: Any, expects: int | None) -> Any:
    _, _, event, field, wish = _FORMS[kind]
    try:
        made = msgspec.convert(
            msgspec.to_builtins(entry_of(event, entry, **{field: entry_id})), event
        )
    except msgspec.ValidationError as error:
        raise Malformed(
            f"{entry_id!r} is no id here: {malformed(error).reason}", f"/{field}"
        ) from error
    return wish(entry=made, expects=expects)


def _expected(request: Request) -> int | None:
    return expected_version(request) if "if-match" in request.headers else None
