"""Who works here, who is away, who stands in for whom: an immutable list for the rules to read."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from perennial.contracts.registers import PersonJoined

from lifecycle.domain.register import Entry


class Staff:
    """The staff as the registers tell it. Built once for each change of a register."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        named = {entry.person.person_id: entry for entry in entries if entry.person is not None}
        self._entries: Mapping[str, Entry] = dict(sorted(named.items()))
        roles: dict[str, list[str]] = {}
        for person_id, entry in self._entries.items():
            if entry.person is not None and entry.left is None:
                roles.setdefault(entry.person.role, []).append(person_id)
        self._by_role: Mapping[str, list[str]] = roles

    def with_role(self, role: str) -> list[str]:
        """Everybody employed under a role, sorted by id."""
        return self._by_role.get(role, [])

    def employed(self, person_id: str) -> bool:
        entry = self._entries.get(person_id)
        return entry is not None and entry.left is None

    def present(self, person_id: str, now: datetime) -> bool:
        entry = self._entries.get(person_id)
        if entry is None or entry.left is not None:
            return False
        return not any(away.starts <= now < away.ends for away in entry.absences)

    def missing(self, now: datetime) -> list[str]:
        """Everybody who left, or is away now."""
        return [person_id for person_id in self._entries if not self.present(person_id, now)]

    def team(self, name: str) -> list[str]:
        """The people of a team, leavers too: what they held is the team's to see."""
        people = [entry.person for entry in self._entries.values()]
        return [one.person_id for one in people if one is not None and one.team == name]

    def stand_in(self, person_id: str, now: datetime) -> str:
        """The person, or the substitute while the person is away; empty if neither is here."""
        if self.present(person_id, now):
            return person_id
        person = self._person(person_id)
        substitute = person.substitute if person else ""
        return substitute if substitute and self.present(substitute, now) else ""

    def successor(self, person_id: str) -> str:
        """Whom a leaver named, if that one is with us."""
        entry = self._entries.get(person_id)
        named = entry.left.successor if entry is not None and entry.left is not None else ""
        return named if named and self.employed(named) else ""

    def manager(self, person_id: str) -> str:
        person = self._person(person_id)
        return person.manager if person else ""

    def head(self, department: str) -> str:
        """Who leads a department, if the registers say so."""
        people = ((one, self._person(one)) for one in self.with_role("head"))
        return next((one for one, who in people if who and who.department == department), "")

    def role(self, person_id: str) -> str:
        person = self._person(person_id)
        return person.role if person else ""

    def _person(self, person_id: str) -> PersonJoined | None:
        entry = self._entries.get(person_id)
        return entry.person if entry is not None else None
