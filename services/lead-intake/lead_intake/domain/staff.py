"""Who sells: the register of people as matching, turnover and pools need it."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime

from perennial.contracts.registers import CapacitySet, PersonJoined

from lead_intake.domain.registers import Register


class Staff:
    """The people of the register by id; built once for each change of it."""

    def __init__(self, register: Mapping[str, Register]) -> None:
        self._entries = {
            entry.person.person_id: entry
            for _, entry in sorted(register.items())
            if entry.person is not None
        }

    def sellers(self) -> Iterator[PersonJoined]:
        """Everybody employed as a seller, by id."""
        for entry in self._entries.values():
            if entry.person is not None and entry.person.role == "seller" and not entry.left:
                yield entry.person

    def person(self, person_id: str) -> PersonJoined | None:
        """The entry of a person, leavers too."""
        entry = self._entries.get(person_id)
        return entry.person if entry is not None else None

    def employed(self, person_id: str) -> bool:
        entry = self._entries.get(person_id)
        return entry is not None and not entry.left

    def present(self, person_id: str, now: datetime) -> bool:
        """Employed and not away."""
        entry = self._entries.get(person_id)
        if entry is None or entry.left:
            return False
        return not any(away.starts <= now < away.ends for away in entry.absences)

    def left(self, person_id: str) -> bool:
        """Was here, and is no longer."""
        entry = self._entries.get(person_id)
        return entry is not None and entry.left

    def leavers(self) -> Iterator[str]:
        """Everybody who was here, and is no longer."""
        return (person_id for person_id, entry in self._entries.items() if entry.left)

    def takers(self, person_id: str) -> tuple[str, ...]:
        """Who takes over from who is gone or away: whom a leaver named, then who stands in."""
        entry = self.person(person_id)
        named = (self.successor(person_id), entry.substitute if entry is not None else "")
        others = (one for one in named if one and one != person_id)
        return tuple(dict.fromkeys(others))

    def successor(self, person_id: str) -> str:
        """Whom a leaver named, if that one is still with us."""
        entry = self._entries.get(person_id)
        named = entry.successor if entry is not None and entry.left else ""
        return named if self.employed(named) else ""

    def capacity(self, person_id: str) -> CapacitySet | None:
        """The person's own limits, where they differ from the policy's."""
        entry = self._entries.get(person_id)
        return entry.capacity if entry is not None else None

    def certificates(self, person_id: str, day: date) -> frozenset[str]:
        """What the person is certified for and has not expired."""
        entry = self._entries.get(person_id)
        found = entry.certificates if entry is not None else []
        return frozenset(
            one.certificate
            for one in found
            if one.level > 0 and (one.expires is None or day <= one.expires)
        )
