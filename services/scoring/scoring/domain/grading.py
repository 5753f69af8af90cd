"""One scale, 1A to 5A, for leads and customers (S7): five dimensions weighed, caps, hysteresis.

Each dimension is 0 to 100. Expected ones are told by attributes of the party; actual ones are read
from the quantiles of the policy, at what its orders say. What is unknown is left out, and the others'
weights make up the whole.
"""

from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple, get_args

import msgspec
from perennial.contracts import grades
from perennial.contracts.grades import GradeChanged
from perennial.contracts.holdings import Grade

from scoring.domain.personas import Match, number_in
from scoring.policy import Dimension, Grades, Tells

SCALE: tuple[Grade, ...] = get_args(Grade)
NAMES: tuple[Dimension, ...] = get_args(Dimension)
Basis = Literal["expected", "actual"]


class Reading(NamedTuple):
    """One dimension: its score, and the evidence, which is put into words only where it is told."""

    score: float | None = None
    told: str = ""
    figures: tuple[object, ...] = ()

    @property
    def evidence(self) -> str:
        return self.told.format(*self.figures)


UNKNOWN = Reading()
Readings = tuple[Reading, ...]
"""In the order of `NAMES`."""


class Graded(msgspec.Struct, frozen=True, omit_defaults=True):
    """The grade last published."""

    grade: Grade | None = None
    basis: Basis = "expected"
    pending: Grade | None = None
    known: int = 0
    capped_by: tuple[str, ...] = ()
    at: datetime | None = None


UNGRADED = Graded()


class Weighed(NamedTuple):
    """What the dimensions make together, before anything held or capped it."""

    total: float
    known: int
    highest: int
    """Place on the scale that the caps leave."""
    caps: tuple[str, ...]


def weighed(readings: Readings, rules: Grades) -> Weighed:
    """The weighted sum of the known dimensions, and the caps."""
    total = whole = 0.0
    known = 0
    for name, reading in zip(NAMES, readings, strict=True):
        if reading.score is not None:
            weight = rules.weights[name]
            total += weight * reading.score
            whole += weight
            known += 1
    caps: tuple[str, ...] = ()
    highest = len(SCALE) - 1
    if known < rules.few_known:
        caps, highest = ("few-known",), SCALE.index(rules.few_known_cap)
    integrity = readings[-1].score
    if integrity is not None and integrity < rules.integrity_from:
        caps = (*caps, "integrity")
        highest = min(highest, SCALE.index(rules.integrity_cap))
    return Weighed(round(total / whole, 2) if known else rules.nothing_known, known, highest, caps)


def expected(
    attributes: Mapping[str, str], match: Match | None, rules: Grades
) -> tuple[Reading, Reading, Reading, Reading, Reading]:
    """What is to be expected of a party before it orders."""
    told = rules.expected
    profit = UNKNOWN
    if match is not None:
        told_by = (match.name, match.share)
        profit = Reading(round(100 * match.share, 2), "matches {} by {:.0%}", told_by)
    return (
        read_from(attributes, told.get("revenue", ())),
        profit,
        read_from(attributes, told.get("efficiency", ())),
        read_from(attributes, told.get("ease", ())),
        read_from(attributes, told.get("integrity", ())),
    )


def read_from(attributes: Mapping[str, str], readers: tuple[Tells, ...]) -> Reading:
    """What the first attribute that is known tells."""
    for tells in readers:
        value = attributes.get(tells.attribute, "")
        score = tells.scores.get(value.strip().casefold())
        if score is None and tells.quantiles is not None:
            number = number_in(value)
            score = None if number is None else tells.quantiles.score(number)
        if score is not None:
            return Reading(score, "{} {}", (tells.attribute.replace("_", " "), value))
    return UNKNOWN


def both(one: Reading, other: Reading) -> Reading:
    """Two sides of a dimension count alike; where one is unknown, the other speaks alone."""
    if one.score is None or other.score is None:
        return other if one.score is None else one
    told = f"{one.told}; {other.told}"
    return Reading((one.score + other.score) / 2, told, (*one.figures, *other.figures))


def judged(before: Graded, basis: Basis, found: Weighed, rules: Grades) -> Graded:
    """The grade after an evaluation. Caps act at once; everything else moves on the second
    evaluation clearly beyond the cut-off, to the nearer of the two. Another basis begins anew."""
    place = bisect_right(rules.cutoffs, found.total)
    now, pending = min(place, found.highest), None
    if before.grade is not None and before.basis == basis:
        held = SCALE.index(before.grade)
        if now != held and held <= found.highest:
            now, pending = _moved(before, held, now, found.total, rules)
    return Graded(
        grade=SCALE[now],
        basis=basis,
        pending=pending,
        known=found.known,
        capped_by=found.caps if place > found.highest else (),
    )


def _moved(
    before: Graded, held: int, to: int, total: float, rules: Grades
) -> tuple[int, Grade | None]:
    up = to > held
    if up and total < rules.cutoffs[held] + rules.beyond:
        return held, None
    if not up and total > rules.cutoffs[held - 1] - rules.beyond:
        return held, None
    first = SCALE.index(before.pending) if before.pending else held
    if first == held or (first > held) != up:
        return held, SCALE[to]
    return (min if up else max)(first, to), None


def dimensions(readings: Readings, rules: Grades) -> list[grades.Dimension]:
    """The readings in words."""
    return [
        grades.Dimension(
            name=name,
            score=None if reading.score is None else round(reading.score, 2),
            weight=rules.weights[name],
            evidence=reading.evidence,
        )
        for name, reading in zip(NAMES, readings, strict=True)
    ]


def changed(
    customer: str, before: Graded, after: Graded, found: Weighed, readings: Readings, rules: Grades,
    order_id: str = "",
) -> GradeChanged:  # fmt: skip
    """The change with its evidence."""
    assert after.grade is not None
    return GradeChanged(
        customer_id=customer,
        before=before.grade,
        after=after.grade,
        basis=after.basis,
        total=found.total,
        known=after.known,
        dimensions=dimensions(readings, rules),
        capped_by=list(after.capped_by),
        pending=after.pending,
        order_id=order_id,
    )


def same(before: Graded, after: Graded) -> bool:
    """Nothing that a reader needs has changed."""
    return (before.grade, before.basis, before.pending, before.known, before.capped_by) == (
        after.grade, after.basis, after.pending, after.known, after.capped_by,
    )  # fmt: skip


def graded(event: GradeChanged, now: datetime) -> Graded:
    """The grade as an event tells it."""
    capped_by = tuple(event.capped_by)
    return Graded(event.after, event.basis, event.pending, event.known, capped_by, now)
