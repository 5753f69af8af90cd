"""The market of one round: who may take which lead, why not, and what each pair is worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from perennial.contracts.base import Minor
from perennial.contracts.holdings import Grade
from perennial.contracts.registers import PersonJoined

from lead_intake.domain.seller import Record
from lead_intake.matching.assignment import Gains
from lead_intake.matching.chances import Chance, chances
from lead_intake.policy.holding import Qualification
from lead_intake.policy.matching import Matching

REASONS = ("", "level", "certificate", "language", "away", "held-before", "full")
"""Why a seller can't take a lead; the first that holds is told."""
_LEVEL, _CERTIFICATE, _LANGUAGE, _AWAY, _HELD, _FULL = range(1, len(REASONS))
Reasons = NDArray[np.int8]


@dataclass(frozen=True)
class Waiting:
    """A lead that waits for a seller."""

    customer_id: str
    lead_id: str
    grade: Grade
    value: Minor
    since: datetime
    held_before: frozenset[str] = frozenset()
    product: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    queued: str = ""
    """Why nobody could take it when it was last looked at."""

    def word(self, name: str) -> str:
        return self.product if name == "product" else self.attributes.get(name, "")


@dataclass(frozen=True)
class Seat:
    """A seller who takes part: the register's entry, and what the ledger says."""

    person: PersonJoined
    present: bool
    free: int
    gained: int = 0
    record: Mapping[Grade, Record] = field(default_factory=dict)
    certificates: frozenset[str] = frozenset()

    @property
    def id(self) -> str:
        return self.person.person_id


@dataclass(frozen=True)
class Market:
    leads: Sequence[Waiting]
    seats: Sequence[Seat]
    rules: Matching
    chances: Mapping[tuple[str, Grade], Chance]
    reasons: Reasons
    """Seat × lead: an index into REASONS, 0 where nothing speaks against it."""
    gains: Gains
    """Seat × lead: win chance × value, -inf where something speaks against it."""

    def chance(self, seat: int, lead: int) -> Chance:
        return self.chances[self.seats[seat].id, self.leads[lead].grade]


def market(
    leads: Sequence[Waiting], seats: Sequence[Seat], rules: Matching, asked: Qualification
) -> Market:
    """Everybody against everything."""
    grades = sorted({lead.grade for lead in leads})
    records = {seat.id: seat.record for seat in seats}
    levels = {seat.id: seat.person.level for seat in seats}
    known = chances(records, levels, grades, rules.chances)
    reasons = np.zeros((len(seats), len(leads)), dtype=np.int8)
    of_grade = {g: np.array([lead.grade == g for lead in leads], dtype=bool) for g in grades}
    _by_grade(reasons, seats, of_grade, asked)
    _by_certificate(reasons, leads, seats, asked)
    if rules.share_language:
        _by_language(reasons, leads, seats)
    _by_seat(reasons, leads, seats)
    used = np.zeros(reasons.shape)
    for row, seat in enumerate(seats):
        for grade, here in of_grade.items():
            used[row, here] = known[seat.id, grade].used
    value = np.array([max(lead.value, 1) for lead in leads], dtype=float)
    gains = used * _preference(leads, seats, rules) * value
    return Market(leads, seats, rules, known, reasons, np.where(reasons == 0, gains, -np.inf))


def _by_grade(
    reasons: Reasons, seats: Sequence[Seat], of_grade: Mapping[Grade, Any], asked: Qualification
) -> None:
    for row, seat in enumerate(seats):
        for grade, here in of_grade.items():
            level = seat.person.level
            low, high = asked.levels.get(grade, (0, level))
            if not low <= level <= high:
                reasons[row, here] = _LEVEL


def _by_certificate(
    reasons: Reasons, leads: Sequence[Waiting], seats: Sequence[Seat], asked: Qualification
) -> None:
    for product, certificate in sorted(asked.certificates.items()):
        here = np.array([lead.product == product for lead in leads], dtype=bool)
        for row, seat in enumerate(seats):
            if certificate not in seat.certificates:
                reasons[row, here & (reasons[row] == 0)] = _CERTIFICATE


def _by_language(reasons: Reasons, leads: Sequence[Waiting], seats: Sequence[Seat]) -> None:
    spoken = [lead.word("language").casefold() for lead in leads]
    for language in sorted(set(spoken) - {""}):
        here = np.array([one == language for one in spoken], dtype=bool)
        for row, seat in enumerate(seats):
            known = {one.casefold() for one in seat.person.languages}
            if known and language not in known:
                reasons[row, here & (reasons[row] == 0)] = _LANGUAGE


def _by_seat(reasons: Reasons, leads: Sequence[Waiting], seats: Sequence[Seat]) -> None:
    rows = {seat.id: row for row, seat in enumerate(seats)}
    for row, seat in enumerate(seats):
        if not seat.present:
            reasons[row, reasons[row] == 0] = _AWAY
    for column, lead in enumerate(leads):
        for person in lead.held_before:
            if (row_ := rows.get(person)) is not None and reasons[row_, column] == 0:
                reasons[row_, column] = _HELD
    for row, seat in enumerate(seats):
        if seat.free < 1:
            reasons[row, reasons[row] == 0] = _FULL


def _preference(leads: Sequence[Waiting], seats: Sequence[Seat], rules: Matching) -> Gains:
    """How much likelier than usual each seller is to win each lead, by what they share."""
    factor: Gains = np.ones((len(seats), len(leads)))
    for name, times in sorted(rules.prefer.items()):
        words = [lead.word(name).casefold() for lead in leads]
        places = {word: np.array([one == word for one in words]) for word in set(words) - {""}}
        for row, seat in enumerate(seats):
            for word in _strengths(seat.person, name) & places.keys():
                factor[row, places[word]] *= times
    return factor


def _strengths(person: PersonJoined, name: str) -> set[str]:
    if name == "region":
        return {person.region.casefold()}
    return {skill.casefold() for skill in person.skills}
