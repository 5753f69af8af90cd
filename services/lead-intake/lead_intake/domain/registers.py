"""Register entries: staff, products, calendars and rates. Dated facts; an entry is never deleted."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, ClassVar

import msgspec
from msgspec.structs import replace
from perennial.contracts import calendar
from perennial.contracts.base import Decision, Event, Fact, Id, Refusal, State
from perennial.contracts.registers import (
    CalendarChanged,
    CapacitySet,
    PersonAbsent,
    PersonCertified,
    PersonChanged,
    PersonJoined,
    PersonLeft,
    ProductChanged,
    RateChanged,
)

from lead_intake.domain.checks import currency_fault

LEVELS = range(1, 10)
"""A seller's, from the least to the most experienced."""


class _Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A person's wish about one entry. `expects` is the version it was read at (If-Match)."""

    expects: int | None = None


class SetPerson(_Wish, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "request.register.set-person"
    entry: PersonJoined


class SetProduct(_Wish, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "request.register.set-product"
    entry: ProductChanged


class SetCalendar(_Wish, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "request.register.set-calendar"
    entry: CalendarChanged


class SetRate(_Wish, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "request.register.set-rate"
    entry: RateChanged


class RecordAbsence(_Wish, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "request.register.record-absence"
    entry: PersonAbsent


class RecordLeave(_Wish, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "request.register.record-leave"
    entry: PersonLeft


class SetCapacity(_Wish, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "request.register.set-capacity"
    entry: CapacitySet


class Certify(_Wish, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "request.register.certify"
    entry: PersonCertified


WISHES = (
    SetPerson, SetProduct, SetCalendar, SetRate, RecordAbsence, RecordLeave, SetCapacity, Certify
)  # fmt: skip


class Absence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    starts: datetime
    ends: datetime
    reason: str = ""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    starts: date
    rate: float


class Register(State, frozen=True, kw_only=True):
    """One entry as its events have made it; which of the fields is set follows from its key."""

    version: int = 0
    """Number of its events; the ETag."""
    person: PersonJoined | None = None
    absences: list[Absence] = []
    left: bool = False
    successor: str = ""
    capacity: CapacitySet | None = None
    certificates: list[PersonCertified] = []
    product: ProductChanged | None = None
    calendar: CalendarChanged | None = None
    calendar_edits: list[datetime] = []
    """When the calendar got each of its versions; the last is in force."""
    earlier: list[CalendarChanged] = []
    """Its versions before the one in force: a breach that was stays where it was."""
    rates: list[Rate] = []
    """By start, one a day; a later word about the same day corrects it."""


def key_of(kind: str, entry_id: str) -> str:
    """The key of an entry, as `person:anna` or `rate:EUR`."""
    return f"{kind}:{entry_id}"


def react(state: Register, fact: Fact, world: Any, _now: datetime) -> Decision:
    """What a wish changes; asking for what already stands changes nothing."""
    wish = fact.data
    if wish.expects is not None and wish.expects != state.version:
        return _stale(state)
    match wish:
        case SetPerson(entry=entry):
            return _set_person(state, entry)
        case SetProduct(entry=entry):
            return currency_fault(entry.currency) or _unless(state.product == entry, entry)
        case SetCalendar(entry=entry):
            return _set_calendar(state, entry)
        case SetRate(entry=entry):
            return _set_rate(state, entry, world.policy.reporting_currency)
        case _:
            return _about_person(state, wish, world)


def evolve(state: Register, event: Event, now: datetime) -> Register:
    """The entry after one of its events."""
    state = replace(state, version=state.version + 1)
    match replace(event, receipt=None):
        case PersonJoined() as entry:
            return replace(state, person=_joined(entry), left=False, successor="")
        case PersonAbsent() as entry:
            absence = Absence(starts=entry.starts, ends=entry.ends, reason=entry.reason)
            return replace(state, absences=[*state.absences, absence])
        case PersonLeft() as entry:
            return replace(state, left=True, successor=entry.successor)
        case CapacitySet() as entry:
            return replace(state, capacity=entry)
        case PersonCertified() as entry:
            return replace(state, certificates=[*state.certificates, entry])
        case ProductChanged() as entry:
            return replace(state, product=entry)
        case CalendarChanged() as entry:
            return _edited(state, entry, now)
        case RateChanged() as entry:
            return replace(state, rates=_with_rate(state.rates, entry))
    return state


def _set_person(state: Register, entry: PersonJoined) -> Decision:
    """Contact data are not shown, so who sends back what was read must not forget them."""
    if entry.level not in LEVELS:
        return _invalid("level-out-of-range", "Give a level of 1 to 9.", "/level")
    if state.person is not None and not entry.personal:
        entry = replace(entry, personal=state.person.personal)
    if state.person is None or state.left:
        return [entry]
    return _unless(state.person == entry, _changed(entry))


def _set_calendar(state: Register, entry: CalendarChanged) -> Decision:
    wrong = calendar.fault(entry)
    if wrong is not None:
        return _invalid("calendar-unusable", wrong[1], wrong[0])
    return _unless(state.calendar == entry, entry)


def _set_rate(state: Register, entry: RateChanged, reporting: str) -> Decision:
    if fault := currency_fault(entry.currency):
        return fault
    if entry.currency == reporting:
        return _invalid("rate-of-reporting-currency", f"{reporting} is always 1 of itself.", "")
    if not 0 < entry.rate < 1e12:
        return _invalid("rate-out-of-range", "Give a rate above 0.", "/rate")
    standing = Rate(starts=entry.starts, rate=entry.rate)
    return _unless(standing in state.rates, entry)


def _about_person(state: Register, wish: Any, world: Any) -> Decision:
    entry = wish.entry
    if state.person is None:
        return _missing(entry.person_id)
    match wish:
        case RecordAbsence():
            return _record_absence(state, entry)
        case RecordLeave():
            return _record_leave(state, entry, world)
        case SetCapacity():
            return _set_capacity(state, entry)
        case Certify():
            return _unless(entry in state.certificates, entry)
    return []


def _record_absence(state: Register, entry: PersonAbsent) -> Decision:
    if entry.starts.tzinfo is None or entry.ends.tzinfo is None:
        return _invalid("time-without-zone", "Write times with an offset, as …T09:00:00Z.", "")
    if entry.ends <= entry.starts:
        return _invalid("absence-ends-before-it-starts", "Let it end after its start.", "/ends")
    absence = Absence(starts=entry.starts, ends=entry.ends, reason=entry.reason)
    return _unless(absence in state.absences, entry)


def _record_leave(state: Register, entry: PersonLeft, world: Any) -> Decision:
    if state.left and state.successor == entry.successor:
        return []
    heir = entry.successor
    if heir and (heir == entry.person_id or not world.staff.employed(heir)):
        cure = f"Name somebody of the register who stays, or nobody; {heir} "
        why = "leaves" if heir == entry.person_id else "is unknown there or has left"
        return _invalid("successor-unknown", f"{cure}{why}.", "/successor")
    return [entry]


def _set_capacity(state: Register, entry: CapacitySet) -> Decision:
    for name, value, least in (
        ("open", entry.open, 0),
        ("inflow", entry.inflow, 0),
        ("days", entry.days, 1),
    ):
        if value < least:
            return _invalid("capacity-out-of-range", f"Give {least} or more.", f"/{name}")
    return _unless(state.capacity == entry, entry)


def _unless(already: bool, event: Event) -> Decision:
    return [] if already else [event]


def _edited(state: Register, entry: CalendarChanged, now: datetime) -> Register:
    earlier = [*state.earlier, state.calendar] if state.calendar else []
    edits = [*state.calendar_edits, now]
    return replace(state, calendar=entry, earlier=earlier, calendar_edits=edits)


def _with_rate(rates: Sequence[Rate], entry: RateChanged) -> list[Rate]:
    others = [rate for rate in rates if rate.starts != entry.starts]
    return sorted([*others, Rate(starts=entry.starts, rate=entry.rate)], key=lambda r: r.starts)


def _changed(entry: PersonJoined) -> PersonChanged:
    return PersonChanged(**msgspec.structs.asdict(entry))


def _joined(entry: PersonJoined) -> PersonJoined:
    """One type in the state, whichever event brought it: what is stored reads back equal."""
    return PersonJoined(**msgspec.structs.asdict(entry))


def _stale(state: Register) -> Refusal:
    return Refusal(
        code="version-differs",
        detail=f"The entry is at version {state.version} by now: read it again, then change it.",
        pointer="",
    )


def _missing(person_id: Id) -> Refusal:
    return Refusal(
        code="person-unknown",
        detail=f"There is no person {person_id}: put the person into the register first.",
        kind="missing",
    )


def _invalid(code: str, detail: str, pointer: str) -> Refusal:
    return Refusal(code=code, detail=detail, pointer=pointer, kind="invalid")
