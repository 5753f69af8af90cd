"""A matching round: everything that waits against everybody who sells, decided at once.

The sum of win chance × expected value is as high as it can be within the limits; of every grade a
share is kept for the lowest level that may take it; equals take turns, and who had fewer leads comes
first. The seed decides what nothing else does. Same input, same seed: same answer.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from random import Random
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from perennial.contracts.calendar import length
from perennial.contracts.holdings import Grade, Runner
from perennial.contracts.rounding import round_to

from lead_intake.matching.assignment import NOBODY, Gains, Indices, assign
from lead_intake.matching.chances import Chance
from lead_intake.matching.market import REASONS, Market, Seat, Waiting, market
from lead_intake.policy.holding import Holdings
from lead_intake.policy.matching import Matching

RUNNERS = 3


@dataclass(frozen=True)
class Placed:
    """A lead and the seller it goes to, with what decided it."""

    lead: Waiting
    person: str
    chance: Chance
    team: list[str] = field(default_factory=list)
    runners_up: list[Runner] = field(default_factory=list)
    lost_by_reason: dict[str, int] = field(default_factory=dict)
    reserved: bool = False


@dataclass(frozen=True)
class Unplaced:
    """A lead that nobody can take now."""

    lead: Waiting
    reason: Literal["no-seller", "held-before", "no-capacity"]
    wait_hours: float | None
    lost_by_reason: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Matched:
    placed: list[Placed]
    unplaced: list[Unplaced]
    objective: float
    chances: Mapping[tuple[str, Grade], Chance] = field(default_factory=dict)
    """Of every seller for every grade that waited."""


def match(
    leads: Sequence[Waiting],
    seats: Sequence[Seat],
    rules: Matching,
    limits: Holdings,
    seed: str,
) -> Matched:
    """Who gets what, and why not. Leads and seats in any order give the same decision."""
    leads = sorted(leads, key=lambda lead: (lead.since, lead.lead_id))
    seats = sorted(seats, key=lambda seat: seat.id)
    if not leads:
        return Matched([], [], 0.0)
    known = market(leads, seats, rules, limits.qualification)
    owner, reserved = _decided(known, limits, seed)
    placed = [
        _placed(known, owner, lead, reserved) for lead in range(len(leads)) if owner[lead] != NOBODY
    ]
    left = [lead for lead in range(len(leads)) if owner[lead] == NOBODY]
    total = sum(known.gains[owner[lead], lead] for lead in range(len(leads)) if owner[lead] >= 0)
    return Matched(placed, _unplaced(known, left, limits), round_to(float(total), 6), known.chances)


def _decided(known: Market, limits: Holdings, seed: str) -> tuple[Indices, set[int]]:
    owner = _best(known, known.gains, seed)
    reserved = _reserved(known, owner, limits, seed)
    if not reserved:
        return owner, set()
    gains = known.gains.copy()
    first = float(gains.max())
    for lead in reserved:
        level = _first_level(limits, known.leads[lead].grade)
        young = [seat.person.level == level for seat in known.seats]
        gains[:, lead] = np.where(young, gains[:, lead] + first, -np.inf)
    return _best(known, gains, seed), reserved


def _best(known: Market, gains: Gains, seed: str) -> Indices:
    """The best assignment; sellers who are worth the same for every lead are one until the end."""
    places = np.array([max(seat.free, 0) for seat in known.seats], dtype=np.int64)
    if not places.any():
        return np.full(len(known.leads), NOBODY, dtype=np.intp)
    luck = np.array([1 + 1e-7 * _luck(seed, seat.id) for seat in known.seats])
    kinds, kind_of = np.unique(gains, axis=0, return_inverse=True)
    kind_of = kind_of.reshape(-1)
    first = np.array([np.flatnonzero(kind_of == kind)[0] for kind in range(len(kinds))])
    room = np.bincount(kind_of, weights=places, minlength=len(kinds)).astype(np.int64)
    by_kind = assign(kinds * luck[first][:, None], room)
    return _shared_out(known, by_kind, kind_of, places, seed)


def _shared_out(
    known: Market,
    by_kind: Indices,
    kind_of: NDArray[np.intp],
    places: NDArray[np.int64],
    seed: str,
) -> Indices:
    """Among equals whoever gained fewest leads comes first, the seed where that is equal too."""
    owner = np.full(len(known.leads), NOBODY, dtype=np.intp)
    got = [seat.gained for seat in known.seats]
    free = places.copy()
    members = [np.flatnonzero(kind_of == kind).tolist() for kind in range(int(kind_of.max()) + 1)]
    for lead in np.flatnonzero(by_kind != NOBODY).tolist():
        draw = known.leads[lead].lead_id
        among = [row for row in members[by_kind[lead]] if free[row] > 0]
        one = min(among, key=lambda row: (got[row], _luck(seed, known.seats[row].id, draw)))
        owner[lead] = one
        got[one] += 1
        free[one] -= 1
    return owner


def _reserved(known: Market, owner: Indices, limits: Holdings, seed: str) -> set[int]:
    """Leads kept for rookies where these would get less than their share: drawn, not picked."""
    chosen: set[int] = set()
    draw = Random(f"{seed}:rookies")
    room: Counter[int] = Counter()
    for seat in known.seats:
        room[seat.person.level] += max(seat.free, 0)
    for grade in sorted({lead.grade for lead in known.leads}):
        level = _first_level(limits, grade)
        given = [n for n, lead in enumerate(known.leads) if lead.grade == grade and owner[n] >= 0]
        theirs = {n for n in given if known.seats[owner[n]].person.level == level}
        whole, part = divmod(known.rules.rookies_share * len(given), 1)
        wanted = int(whole) + (draw.random() < part) - len(theirs)
        young = [row for row, seat in enumerate(known.seats) if seat.person.level == level]
        others = [n for n in given if n not in theirs and _open_to(known, young, n)]
        room[level] -= len(theirs)
        count = max(0, min(wanted, len(others), room[level]))
        room[level] -= count
        chosen.update(draw.sample(others, count))
    return chosen


def _open_to(known: Market, rows: list[int], lead: int) -> bool:
    return bool((known.reasons[rows, lead] == 0).any())


def _first_level(limits: Holdings, grade: Grade) -> int:
    """The lowest level that may take such a lead."""
    return limits.qualification.levels.get(grade, (1, 1))[0]


def _placed(known: Market, owner: Indices, lead: int, reserved: set[int]) -> Placed:
    row = int(owner[lead])
    waiting = known.leads[lead]
    reasons = _by_reason(known, lead)
    outbid = reasons.pop("", 0) - 1
    rivals = _rivals(known, row, lead)
    return Placed(
        lead=waiting,
        person=known.seats[row].id,
        chance=known.chance(row, lead),
        team=_team(known, row, waiting.grade),
        runners_up=[_runner(known, rival, row, lead, reserved) for rival in rivals],
        lost_by_reason={**reasons, "outbid": outbid} if outbid else dict(reasons),
        reserved=lead in reserved,
    )


def _rivals(known: Market, winner: int, lead: int) -> list[int]:
    """The next best who might have taken it, the best first."""
    worth = known.gains[:, lead].copy()
    worth[winner] = -np.inf
    best = np.argsort(-worth, kind="stable")[:RUNNERS].tolist()
    return [row for row in best if np.isfinite(worth[row])]


def _by_reason(known: Market, lead: int) -> Counter[str]:
    """How many sellers each reason rules out; "" counts those whom none does."""
    counts = np.bincount(known.reasons[:, lead], minlength=len(REASONS)).tolist()
    return Counter({name: count for name, count in zip(REASONS, counts, strict=True) if count})


def _runner(known: Market, row: int, winner: int, lead: int, reserved: set[int]) -> Runner:
    """Why this one did not get it, though nothing spoke against it."""
    mine, theirs = known.gains[row, lead], known.gains[winner, lead]
    if lead in reserved:
        why = "kept for the lowest level, so that they learn"
    elif abs(mine - theirs) <= 1e-6 * theirs:
        why = "equally likely to win: it was another's turn"
    elif mine < theirs:
        why = "less likely to win it"
    else:
        why = "likelier to win, but worth more with another lead"
    return Runner(person=known.seats[row].id, win_chance=known.chance(row, lead).used, why=why)


def _team(known: Market, row: int, grade: Grade) -> list[str]:
    """The lead person and who joins: of the same team first, the most senior first."""
    size = known.rules.team.get(grade, 1)
    if size < 2:
        return []
    lead = known.seats[row]
    others = [seat for seat in known.seats if seat.present and seat.id != lead.id]
    others.sort(key=lambda s: (s.person.team != lead.person.team, -s.person.level, s.id))
    return [lead.id, *(seat.id for seat in others[: size - 1])]


def _unplaced(known: Market, left: list[int], limits: Holdings) -> list[Unplaced]:
    """Those left over, by what they are worth: so many come before each of them."""
    found = []
    hours = length(limits.capacity.window).total_seconds() / 3600
    ahead: Counter[str] = Counter()
    worth = [max(known.leads[n].value, 0) for n in range(len(known.leads))]
    for lead in sorted(left, key=lambda n: (-worth[n], n)):
        codes = _by_reason(known, lead)
        grade = known.leads[lead].grade
        hopeful = codes["full"] + codes[""]
        per_hour = hopeful * limits.capacity.inflow / hours
        ahead[grade] += 1
        wait = round_to(ahead[grade] / per_hour, 3) if per_hour else None
        reasons = {name: count for name, count in codes.items() if name}
        found.append(Unplaced(known.leads[lead], _why_nobody(codes), wait, reasons))
    return found


def _why_nobody(codes: Counter[str]) -> Literal["no-seller", "held-before", "no-capacity"]:
    if codes["full"] or codes[""]:
        return "no-capacity"
    return "held-before" if codes["held-before"] else "no-seller"


def _luck(*words: str) -> float:
    """A number in [0, 1) that follows from the words alone."""
    told = "\0".join(words).encode()
    return int.from_bytes(blake2b(told, digest_size=7).digest(), "big") / 2**56
