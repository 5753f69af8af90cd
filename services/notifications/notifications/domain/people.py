"""Who works here, who is away, and who stands in: the register as notifications needs it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from perennial.contracts.base import Decision, Event, Fact, State
from perennial.contracts.registers import PersonAbsent, PersonJoined, PersonLeft


class Absence(msgspec.Struct, frozen=True, kw_only=True):
    starts: datetime
    ends: datetime


class Person(State, frozen=True, kw_only=True):
    """One member of staff; `id` is empty until the register names them."""

    id: str = ""
    role: str = ""
    department: str = ""
    team: str = ""
    manager: str = ""
    substitute: str = ""
    absences: list[Absence] = []
    left: bool = False
    successor: str = ""
    language: str = ""
    """The first one that the register names, as `zh`; empty means English."""
    reachable: bool = False
    """Contact data are on file (with lead-intake; here nobody sees them)."""


People = Mapping[str, Person]
"""By register key, as `person:anna`."""


def react(_state: Person, fact: Fact, _world: Any, _now: datetime) -> Decision:
    """A register entry is what its own facts say; nothing is decided here."""
    return [fact.data]


def evolve(state: Person, event: Event, now: datetime) -> Person:
    match event:
        case PersonJoined():  # PersonChanged too: it is the whole entry
            return msgspec.structs.replace(
                state,
                id=event.person_id,
                role=event.role,
                department=event.department,
                team=event.team,
                manager=event.manager,
                substitute=event.substitute,
                left=False,
                successor="",
                language=event.languages[0] if event.languages else "",
                reachable=bool(event.personal),
            )
        case PersonAbsent():
            absence = Absence(starts=event.starts, ends=event.ends)
            still = [one for one in state.absences if one.ends > now and one != absence]
            return msgspec.structs.replace(state, absences=[*still, absence])
        case PersonLeft():
            return msgspec.structs.replace(state, left=True, successor=event.successor)
    return state


def entry(people: People, person_id: str) -> Person | None:
    return people.get(f"person:{person_id}")


def serves(person: Person, role: str) -> bool:
    """By the role itself, or as `head-of-sales` names who is `head` in `sales`."""
    return role in (person.role, f"{person.role}-of-{person.department}")


def present(person: Person, now: datetime) -> bool:
    away = any(one.starts <= now < one.ends for one in person.absences)
    return not person.left and not away
