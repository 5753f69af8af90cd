"""The staff and calendar registers as this service knows them: a mirror of `registers`."""

from datetime import datetime
from typing import Any

import msgspec
from perennial.contracts.base import Decision, Event, Fact, State
from perennial.contracts.registers import (
    CalendarChanged,
    PersonAbsent,
    PersonJoined,
    PersonLeft,
)

REGISTER_FACTS = (PersonJoined, PersonAbsent, PersonLeft, CalendarChanged)


class Entry(State, frozen=True, kw_only=True):
    """One entry of a register as it last stood: a person or a calendar."""

    person: PersonJoined | None = None
    absences: tuple[PersonAbsent, ...] = ()
    """Those not over yet when the last one was announced."""
    left: PersonLeft | None = None
    calendar: CalendarChanged | None = None


def react(_entry: Entry, fact: Fact, _world: Any, _now: datetime) -> Decision:
    """A register says what is so: the fact itself is what changes."""
    return [fact.data]


def evolve(entry: Entry, event: Event, now: datetime) -> Entry:
    match event:
        case CalendarChanged():
            return Entry(calendar=event)
        case PersonLeft():
            return msgspec.structs.replace(entry, left=event)
        case PersonAbsent():
            still = (absence for absence in entry.absences if absence.ends > now)
            return msgspec.structs.replace(entry, absences=(*still, event))
        case PersonJoined():
            return msgspec.structs.replace(entry, person=event, left=None)
    return entry
