"""The monthly customer report (C13): a pure function of what each customer was and did.

Each customer contributes signed amounts to named lines, so both equations hold by construction and
every line opens to its customers. Nothing here knows the present: any past month can be told again.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec
from perennial.contracts.base import Minor
from perennial.contracts.customers import Segment
from perennial.contracts.reports import ReportLine
from perennial.contracts.teams import Department

Step = Literal["new", "reactivated", "unmerged", "lost", "released", "merged"]
ENTRIES: tuple[Step, ...] = ("new", "reactivated", "unmerged")
EXITS: tuple[Step, ...] = ("lost", "released", "merged")
ADDED = ("opening", "new", "reactivated", "unmerged")
VALUE_ADDED = (*ADDED, "risen", "steady", "revaluation")
VALUE_TAKEN = ("fallen", "lost", "released", "merged")
LINES = (*VALUE_ADDED, *VALUE_TAKEN, "closing", "recovered")
CLASSES: Mapping[str, str] = {"rising": "rising", "steady": "steady", "falling": "declining"}
OTHERS = "others"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What one customer was at a boundary between months."""

    segment: Segment
    department: Department
    owner: str
    value: Minor = 0
    is_revenue: bool = False
    trend: str = "too-early"


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """One customer's month: a standing is absent while it was no customer."""

    customer_id: str
    opening: Standing | None = None
    closing: Standing | None = None
    steps: Sequence[Step] = ()
    """Coming and going within the month, in order."""
    recovered: int = 0


class Contribution(NamedTuple):
    line: str
    customers: int
    value: Minor


class Report(msgspec.Struct, frozen=True, kw_only=True):
    lines: dict[str, ReportLine]
    classes: dict[str, ReportLine]
    accountable: dict[str, ReportLine]
    people: dict[str, ReportLine]


def report(months: Sequence[Month], steady_band: float, people_named: int) -> Report:
    lines = [one for month in months for one in contributions(month, steady_band)]
    closing = [month.closing for month in months if month.closing is not None]
    return Report(
        lines=_summed(lines, LINES),
        classes=_summed(
            [Contribution(CLASSES.get(one.trend, "too-early"), 1, one.value) for one in closing],
            (*CLASSES.values(), "too-early"),
        ),
        accountable=_summed([Contribution(one.department, 1, one.value) for one in closing]),
        people=_most_valuable(
            _summed([Contribution(one.owner, 1, one.value) for one in closing]), people_named
        ),
    )


def contributions(month: Month, steady_band: float) -> list[Contribution]:
    """What one customer adds to which line.

    Who leaves takes the opening value along, who comes brings the closing value; in between, of
    somebody who came and went, nothing is left to count but the visits.
    """
    before = month.opening.value if month.opening else 0
    after = month.closing.value if month.closing else 0
    found = [Contribution("opening", 1, before)] if month.opening else []
    exits = [step for step in month.steps if step in EXITS]
    entries = [step for step in month.steps if step in ENTRIES]
    found += [Contribution(step, 1, 0 if at else before) for at, step in enumerate(exits)]
    last = len(entries) - 1
    found += [Contribution(step, 1, after if at == last else 0) for at, step in enumerate(entries)]
    if month.opening and month.closing and not month.steps:
        found.append(_change(month.opening, month.closing, steady_band))
    if month.recovered:
        found.append(Contribution("recovered", month.recovered, after))
    if month.closing:
        found.append(Contribution("closing", 1, after))
    return found


def reconciles(lines: Mapping[str, ReportLine]) -> bool:
    """Both equations of RULES.md, to the cent."""
    customers = sum(lines[name].customers for name in ADDED) - sum(
        lines[name].customers for name in EXITS
    )
    value = sum(lines[name].value for name in VALUE_ADDED) - sum(
        lines[name].value for name in VALUE_TAKEN
    )
    return (customers, value) == (lines["closing"].customers, lines["closing"].value)


def _change(opening: Standing, closing: Standing, steady_band: float) -> Contribution:
    """A change of the measure is no change of the customer: it stands on a line of its own."""
    change = closing.value - opening.value
    if opening.is_revenue != closing.is_revenue:
        return Contribution("revaluation", 1, change)
    if abs(change) <= steady_band * abs(opening.value):
        return Contribution("steady", 1, change)
    return Contribution("risen", 1, change) if change > 0 else Contribution("fallen", 1, -change)


def _summed(
    contributed: Iterable[Contribution], always: Sequence[str] = ()
) -> dict[str, ReportLine]:
    customers = dict.fromkeys(always, 0)
    value = dict.fromkeys(always, 0)
    for one in contributed:
        customers[one.line] = customers.get(one.line, 0) + one.customers
        value[one.line] = value.get(one.line, 0) + one.value
    return {name: ReportLine(customers=customers[name], value=value[name]) for name in customers}


def _most_valuable(people: Mapping[str, ReportLine], most: int) -> dict[str, ReportLine]:
    ranked = sorted(people.items(), key=lambda one: (-one[1].value, one[0]))
    rest = [Contribution(OTHERS, line.customers, line.value) for _, line in ranked[most:]]
    return {**dict(ranked[:most]), **_summed(rest)}
