"""What another policy would have done to leads and sellers: the words of a what-if report."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from math import sqrt
from typing import Any

from perennial.contracts.calendar import length
from perennial.contracts.holdings import (
    LeadAssigned,
    LeadClaimed,
    LeadPooled,
    LeadReleased,
    LeadTurnedOver,
    TurnoverWarned,
)
from perennial.contracts.leads import LeadQueued
from perennial.contracts.registers import PersonChanged, PersonJoined
from perennial.kit.outcomes import ESTIMATE, Both, Happened, Section

Gain = LeadAssigned | LeadClaimed
WEEK = timedelta(days=7)
WIDTH = 1.645
"""Standard deviations to either side of a 90 % interval."""


def outcomes(both: Both) -> Sequence[Section]:
    """Assignments, clocks, load, hand-overs, and what the leads might have brought."""
    return [
        _assignments(both),
        _clocks(both),
        _load(both),
        _handovers(both),
        _value(both),
    ]


def _gains(side: Sequence[Happened]) -> Iterator[tuple[Happened, Gain]]:
    for one in side:
        if isinstance(one.event, LeadAssigned | LeadClaimed):
            yield one, one.event


def first_holders(side: Sequence[Happened]) -> dict[str, Gain]:
    """Of every lead that somebody got: how it came to its first holder."""
    found: dict[str, Gain] = {}
    for _, gain in _gains(side):
        found.setdefault(gain.lead_id, gain)
    return found


def _assignments(both: Both) -> Section:
    live, draft = first_holders(both.live), first_holders(both.draft)
    shared = live.keys() & draft.keys()
    same = sum(live[one].holder == draft[one].holder for one in shared)
    rows = [
        ["to the same seller", same, same],
        ["to another seller", len(shared) - same, len(shared) - same],
        ["only live", len(live.keys() - draft.keys()), 0],
        ["only under the draft", 0, len(draft.keys() - live.keys())],
    ]
    return Section(
        name="assignments",
        title="Leads by their first seller",
        columns=["", "live", "draft"],
        rows=rows,
    )


def _clocks(both: Both) -> Section:
    def word(one: Happened) -> str | None:
        match one.event:
            case TurnoverWarned(clock=clock, rung=rung):
                return f"warned {clock} {rung}"
            case LeadTurnedOver(clock=clock):
                return f"turned over by {clock}"
            case LeadPooled(because=because):
                return f"pooled: {because}"
            case LeadReleased(because=because):
                return f"released: {because}"
            case LeadQueued(reason=reason):
                return f"queued: {reason}"
        return None

    return both.counted("clocks", "Turnovers, warnings, pools and queues", word)


def _load(both: Both) -> Section:
    """Leads gained by seller, and in how many weeks none came."""
    told = {}
    for name, side in both.sides():
        gained: dict[str, list[Happened]] = defaultdict(list)
        for one, gain in _gains(side):
            gained[gain.holder].append(one)
        told[name] = gained
    weeks = _weeks(both.live)
    people = sorted({*told["live"], *told["draft"]})
    rows = [
        [
            person,
            *(len(told[name].get(person, ())) for name, _ in both.sides()),
            *(len(weeks - _weeks(told[name].get(person, ()))) for name, _ in both.sides()),
        ]
        for person in people
    ]
    return Section(
        name="load",
        title="Leads gained by seller; weeks in which none came",
        columns=["seller", "live", "draft", "starved live", "starved draft"],
        rows=rows,
        note=f"of {len(weeks)} weeks in which anything was decided",
    )


def _weeks(side: Sequence[Happened]) -> set[int]:
    return {int(one.now.timestamp() // WEEK.total_seconds()) for one in side}


def _handovers(both: Both) -> Section:
    """Customers who were handed over more often than the budget allows, however it came to be."""
    budget = both.policy.holding.handovers
    window = length(budget.window)
    rows = []
    found = [_most_within(side, window) for _, side in both.sides()]
    for n in range(1, max([budget.most + 2, *(max(one.values(), default=0) for one in found)]) + 1):
        beyond = " (beyond the budget)" if n > budget.most else ""
        rows.append([f"{n} hand-overs{beyond}", *(Counter(one.values())[n] for one in found)])
    return Section(
        name="handovers",
        title="Customers by their most hand-overs within the budget's window",
        columns=["", "live", "draft"],
        rows=rows,
        note=f"budget under the draft: {budget.most} in {budget.window}",
    )


def _most_within(side: Sequence[Happened], window: timedelta) -> dict[str, int]:
    moments = defaultdict(list)
    for one, gain in _gains(side):
        if gain.handover:
            moments[one.key].append(one.now)
    return {
        key: max(sum(at - window < other <= at for other in found) for at in found)
        for key, found in moments.items()
    }


def _value(both: Both) -> Section:
    """What leads that went to somebody else would have brought, by how such leads went live."""
    levels = _levels(both)
    live, draft = first_holders(both.live), first_holders(both.draft)
    won = {
        getattr(one.event, "lead_id", ""): int(getattr(one.event, "value", None) or 0)
        for one in both.live
        if one.event.TYPE == "perennial.lead.won.v1"
    }
    rates = _rates(live, won, levels)
    sure = sum(won.get(lead, 0) for lead, gain in draft.items() if _same(lead, gain, live))
    mean = variance = 0.0
    moved = 0
    for lead, gain in draft.items():
        if not _same(lead, gain, live):
            rate, doubt, worth = rates(levels.get(gain.holder, 0), gain.grade)
            moved += 1
            mean += rate * worth
            variance += (rate * (1 - rate) + doubt**2) * worth**2
    spread = WIDTH * sqrt(variance)
    rows: list[list[Any]] = [
        ["won, live", sum(won.get(lead, 0) for lead in live), None],
        ["same seller, as it went", None, sure],
        [f"another seller ({moved} leads), low", None, round(max(0.0, mean - spread))],
        ["another seller, expected", None, round(mean)],
        ["another seller, high", None, round(mean + spread)],
    ]
    return Section(
        name="value",
        title="Value of leads won, in minor units",
        columns=["", "live", "draft"],
        rows=rows,
        kind=ESTIMATE,
        note="leads of the same first seller as they went; of another, the win rate of that level"
        " and grade live (Beta prior of 1 win in 10) times the mean value of such wins;"
        " 90 % interval, leads taken as independent",
    )


def _same(lead: str, gain: Gain, live: Mapping[str, Gain]) -> bool:
    return lead in live and live[lead].holder == gain.holder


def _levels(both: Both) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in both.live:
        if isinstance(one.event, PersonJoined | PersonChanged):
            found[one.event.person_id] = one.event.level
    return found


class _Rates:
    """Win rate, its doubt, and mean value by (level, grade), as live leads went."""

    def __init__(self) -> None:
        self.leads: Counter[tuple[int, str]] = Counter()
        self.won: Counter[tuple[int, str]] = Counter()
        self.values: dict[str, list[int]] = defaultdict(list)

    def __call__(self, level: int, grade: str) -> tuple[float, float, float]:
        place = level, grade
        a, b = 1 + self.won[place], 9 + self.leads[place] - self.won[place]
        rate = a / (a + b)
        doubt = sqrt(rate * (1 - rate) / (a + b + 1))
        values = self.values[grade] or [one for found in self.values.values() for one in found]
        return rate, doubt, sum(values) / len(values) if values else 0.0


def _rates(live: Mapping[str, Gain], won: Mapping[str, int], levels: Mapping[str, int]) -> _Rates:
    found = _Rates()
    for lead, gain in live.items():
        place = levels.get(gain.holder, 0), gain.grade
        found.leads[place] += 1
        if lead in won:
            found.won[place] += 1
            found.values[gain.grade].append(won[lead])
    return found
