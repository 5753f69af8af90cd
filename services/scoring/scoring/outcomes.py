"""What another policy would have made of customers' numbers: the words of a what-if report."""

from collections import Counter
from collections.abc import Callable, Sequence

from perennial.contracts.grades import GradeChanged, LeadScored
from perennial.contracts.scores import ChurnChanged, CustomerScored, TrendChanged
from perennial.kit.outcomes import Both, Happened, Section


def outcomes(both: Both) -> Sequence[Section]:
    """Grades, readiness of leads, trends, churn and value."""
    return [
        _last(both, "grades", "Customers by grade at the end", _grade),
        _ready(both),
        both.counted("trends", "Trends told", _trend),
        both.counted("churn", "Churn told", _churn),
        _value(both),
    ]


def _grade(one: Happened) -> str | None:
    return one.event.after if isinstance(one.event, GradeChanged) else None


def _trend(one: Happened) -> str | None:
    changed = isinstance(one.event, TrendChanged) and one.event.before != one.event.after
    return str(getattr(one.event, "after", "")) if changed else None


def _churn(one: Happened) -> str | None:
    return one.event.after if isinstance(one.event, ChurnChanged) else None


def _last(both: Both, name: str, title: str, word: Callable[[Happened], str | None]) -> Section:
    ends = []
    for _, side in both.sides():
        last = {one.key: found for one in side if (found := word(one)) is not None}
        ends.append(Counter(last.values()))
    rows = [[one, *(end[one] for end in ends)] for one in sorted({*ends[0], *ends[1]})]
    return Section(name=name, title=title, columns=["", "live", "draft"], rows=rows)


def _ready(both: Both) -> Section:
    rows = []
    found = []
    for _, side in both.sides():
        scored = [one.event for one in side if isinstance(one.event, LeadScored)]
        found.append(({one.lead_id for one in scored}, {o.lead_id for o in scored if o.ready}))
    rows = [
        ["leads scored", *(len(scored) for scored, _ in found)],
        ["ever ready", *(len(ready) for _, ready in found)],
    ]
    return Section(name="readiness", title="Leads scored", columns=["", "live", "draft"], rows=rows)


def _value(both: Both) -> Section:
    """The lifetime value that each policy told last, over all customers."""
    told = []
    for _, side in both.sides():
        last = {one.key: one.event for one in side if isinstance(one.event, CustomerScored)}
        told.append(sum(one.value_36m or 0 for one in last.values()))
    return Section(
        name="value",
        title="Lifetime value as told at the end (36 months), in minor units",
        columns=["", "live", "draft"],
        rows=[["all customers", *told]],
        note="what the models in force told; the orders are those that were placed",
    )
