"""A past month out of what was told by then: pure, wherever it was kept."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lifecycle.domain.report import Month, Standing, Step
from lifecycle.domain.segments import MEMBERS

Dated = tuple[int, Any]
"""An event with its version: of two, the later one holds."""
Latest = Mapping[str, Dated]
"""By customer."""


@dataclass(frozen=True)
class Boundary:
    """What was last told of every customer before a moment, by kind."""

    moves: Latest
    watchers: Latest
    scored: Latest
    trends: Latest
    merged: Latest
    apart: Latest

    def standings(self) -> dict[str, Standing]:
        """What each was then; parties without a number are not among them."""
        gone = {
            key for key, one in self.merged.items() if one[0] > self.apart.get(key, (0, None))[0]
        }
        return {
            key: self._standing(key, move)
            for key, move in self.moves.items()
            if move[1].after in MEMBERS and key not in gone
        }

    def _standing(self, key: str, move: Dated) -> Standing:
        watchers, scored, trend = (
            kind.get(key) for kind in (self.watchers, self.scored, self.trends)
        )
        valued = max((one for one in (scored, trend) if one), key=lambda one: one[0], default=None)
        rewatched = watchers is not None and watchers[0] > move[0]
        return Standing(
            segment=move[1].after,
            department=move[1].accountable,
            owner=watchers[1].owner if watchers is not None and rewatched else move[1].person,
            value=valued[1].rolling_value if valued else 0,
            is_revenue=scored[1].rolling_is_revenue if scored else False,
            trend=trend[1].after if trend else "too-early",
        )


def months(
    opens: Boundary,
    closes: Boundary,
    steps: Iterable[tuple[str, Step]],
    recovered: Iterable[str],
) -> list[Month]:
    """Every customer's month between two boundaries, for those who were customers in it; `steps` in
    the order in which they were made."""
    opening, closing = opens.standings(), closes.standings()
    came_and_went: dict[str, list[Step]] = {}
    for key, one in steps:
        came_and_went.setdefault(key, []).append(one)
    back = Counter(recovered)
    return [
        Month(
            customer_id=key,
            opening=opening.get(key),
            closing=closing.get(key),
            steps=came_and_went.get(key, []),
            recovered=back[key],
        )
        for key in sorted({*opening, *closing, *came_and_went})
    ]


def step(before: str, after: str) -> Step:
    """What coming or going a move between these is."""
    if "merged" in (before, after):
        return "merged" if after == "merged" else "unmerged"
    if after == "activated":
        return "reactivated" if before in ("lost", "released") else "new"
    return "lost" if after == "lost" else "released"
