"""What was in force when: rules of turnover and working calendars by the moment they took effect.

A clock that runs over a change needs both sides of it; a version that is announced counts too.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec
from perennial.contracts.registers import CalendarChanged

from lead_intake import policy
from lead_intake.domain.registers import Register
from lead_intake.policy.turnover import Turnover

T = TypeVar("T")
BEGINNING = datetime.min.replace(tzinfo=UTC)


class Versions(Generic[T]):
    """Values by the moment from which they are in force; the first one always was."""

    def __init__(self, values: Sequence[tuple[datetime, T]]) -> None:
        self._since = [BEGINNING, *(since for since, _ in values[1:])]
        self._values = [value for _, value in values]

    @property
    def all(self) -> list[tuple[datetime, T]]:
        """Every version with the moment from which it is in force."""
        return list(zip(self._since, self._values, strict=True))

    def at(self, moment: datetime) -> T:
        return self._values[self.number(moment) - 1]

    def number(self, moment: datetime) -> int:
        """How manyth version is in force, from 1."""
        return bisect_right(self._since, moment)

    def after(self, moment: datetime) -> list[datetime]:
        """When it changes later on."""
        return self._since[bisect_right(self._since, moment) :]


def turnovers(adopted: Any, standing: policy.Policy) -> Versions[Turnover]:
    """Of the policy's adoptions those that change a clock. `adopted`: the policy subject's state."""
    if adopted is None or not adopted.adoptions:
        return Versions([(BEGINNING, standing.turnover)])
    documents = {one.version: one.document for one in adopted.versions}
    found = [(BEGINNING, _read("").turnover)]
    for adoption in adopted.adoptions:
        rules = _read(documents.get(adoption.version, "")).turnover
        if rules.judges != found[-1][1].judges:
            found.append((adoption.effective_at, rules))
    return Versions(found)


def calendar_versions(entries: Iterable[Register]) -> Mapping[str, Versions[CalendarChanged]]:
    """Every calendar's versions by its id."""
    return {
        entry.calendar.calendar_id: Versions(
            list(zip(entry.calendar_edits, [*entry.earlier, entry.calendar], strict=True))
            or [(BEGINNING, entry.calendar)]
        )
        for entry in entries
        if entry.calendar is not None
    }


@lru_cache(maxsize=64)
def _read(document: str) -> policy.Policy:
    """The one the service is shipped with is version 0, and has no document."""
    return msgspec.json.decode(document, type=policy.Policy) if document else policy.default()
