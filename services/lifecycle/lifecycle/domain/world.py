"""What the rules may know beside the state: the policy in force, the staff, the calendar."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perennial.contracts.registers import CalendarChanged

from lifecycle.domain.staff import Staff
from lifecycle.domain.workdays import EVERY_WEEKDAY
from lifecycle.policy import Policy


@dataclass(frozen=True)
class World:
    policy: Policy
    staff: Staff
    calendar: CalendarChanged


def world(reference: Mapping[str, Mapping[str, Any]], policy: Policy) -> World:
    """Made once for each policy version and each change of a register."""
    entries = reference.get("register", {})
    entry = entries.get(f"calendar:{policy.calendar}")
    calendar = entry.calendar if entry is not None else None
    return World(policy, Staff(entries.values()), calendar or EVERY_WEEKDAY)
