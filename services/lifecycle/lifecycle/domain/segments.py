"""The nine segments and two resting states: the legal moves, and which segment a trend means."""

from collections.abc import Mapping

from perennial.contracts.customers import Segment
from perennial.contracts.scores import TrendChanged
from perennial.contracts.teams import Department

from lifecycle.policy import TrendRules

MOVES: Mapping[Segment | None, frozenset[Segment]] = {
    None: frozenset({"identified"}),
    "identified": frozenset({"prospecting", "activated"}),
    "prospecting": frozenset({"identified", "activated"}),
    "activated": frozenset({"serving", "declining", "released"}),
    "serving": frozenset({"growing", "maintaining", "declining", "released"}),
    "growing": frozenset({"maintaining", "declining", "released"}),
    "maintaining": frozenset({"growing", "maturing", "declining", "released"}),
    "maturing": frozenset({"growing", "declining", "released"}),
    "declining": frozenset(
        {"growing", "maintaining", "maturing", "winning-back", "lost", "released"}
    ),
    "winning-back": frozenset({"growing", "lost", "released"}),
    "lost": frozenset({"activated"}),
    "released": frozenset({"activated"}),
}
UNLIT: frozenset[Segment | None] = frozenset(
    {"activated", "serving", "growing", "maintaining", "maturing"}
)
"""Where a red light can be lit."""
LIT: frozenset[Segment | None] = frozenset({"declining", "winning-back"})
MEMBERS = UNLIT | LIT
"""Customers: with a number, watchers and a place in the monthly report."""
RESTING: frozenset[Segment | None] = frozenset({"lost", "released"})
BEFORE: frozenset[Segment | None] = frozenset({None, "identified", "prospecting"})


class IllegalMoveError(Exception):
    """A rule tried to express a move that RULES.md does not know: a defect, never data."""


def legal(before: Segment | None, after: Segment) -> bool:
    return after in MOVES[before]


def by_trend(segment: Segment, fact: TrendChanged, rules: TrendRules) -> Segment:
    """Where a judged trend puts a customer. A fall that lights nothing keeps the segment."""
    match segment, fact.after:
        case (("serving" | "maintaining" | "maturing"), "rising"):
            return "growing"
        case (("serving" | "growing"), "steady"):
            return "maintaining"
        case "maintaining", ("steady" | "falling") if has_matured(fact, rules):
            return "maturing"
    return segment


def by_known_trend(trend: str) -> Segment:
    """Where a customer belongs whose trend was judged before it could be placed by it."""
    placed: Mapping[str, Segment] = {"rising": "growing", "steady": "maintaining"}
    return placed.get(trend, "serving")


def after_light(before: Segment, trend: str) -> Segment:
    """Back to the trend's segment; from before any trend, to the middle one that is legal."""
    if trend == "rising":
        return "growing"
    if before == "maturing" or (before == "growing" and trend != "steady"):
        return before
    return "maintaining"


def has_matured(fact: TrendChanged, rules: TrendRules) -> bool:
    """Steady for long, or short of its peak for long: the plateau before the fall."""
    return (
        fact.steady >= rules.steady_periods or fact.windows_below_peak >= rules.windows_below_peak
    )


def accountable_for(
    segment: Segment, departments: Mapping[Segment, Department], by_cause: Department | None
) -> Department:
    """The department that answers for a customer here; a win-back's is that of its cause."""
    if segment == "winning-back" and by_cause is not None:
        return by_cause
    return departments[segment]
