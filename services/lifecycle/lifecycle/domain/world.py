"""What the rules may know beside the state: the policy in force, the staff, the calendar."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perennial.contracts.calendar import EVERY_WEEKDAY
from perennial.contracts.currencies import mistyped
from perennial.contracts.registers import CalendarChanged

from lifecycle.domain.staff import Staff
from lifecycle.policy import Policy


@dataclass(frozen=True)
class World:
    policy: Policy
    staff: Staff
    calendar: CalendarChanged
    calendars: frozenset[str]
    """Ids in the register, and that of the calendar which needs no entry."""


def world(reference: Mapping[str, Mapping[str, Any]], policy: Policy) -> World:
    """Made once for each policy version and each change of a register."""
    entries = reference.get("register", {})
    calendars = {
        entry.calendar.calendar_id: entry.calendar for entry in entries.values() if entry.calendar
    }
    calendar = calendars.get(policy.calendar, EVERY_WEEKDAY)
    known = frozenset({*calendars, EVERY_WEEKDAY.calendar_id})
    return World(policy, Staff(entries.values()), calendar, known)


def unknown_in(draft: Policy, world: World) -> tuple[str, str] | None:
    """What a draft names and nobody has registered, ISO 4217 or we: its path and the cure."""
    if told := mistyped(draft.reporting_currency):
        return "/reporting_currency", told
    if draft.calendar in world.calendars:
        return None
    known = ", ".join(sorted(world.calendars))
    cure = f"register it with PUT /v1/registers/calendars/{draft.calendar}"
    return "/calendar", f"no calendar {draft.calendar!r} is known: {cure}, or name one of {known}"
