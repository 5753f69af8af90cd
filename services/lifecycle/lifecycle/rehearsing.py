"""Jobs under a policy that was not in force: the same ones, over what a run in memory has made."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from perennial.contracts.customers import (
    CustomerActivated,
    CustomerMoved,
    CustomerRecovered,
    WatcherChanged,
)
from perennial.contracts.entering import CustomerMerged, CustomerUnmerged
from perennial.contracts.scores import CustomerScored, TrendChanged
from perennial.kit.rehearsing import Rehearsing
from perennial.kit.rerun import Remembered
from perennial.kit.subject import Again, Rehearsal

from lifecycle.domain import books, past
from lifecycle.domain.books import Books
from lifecycle.domain.record import Customer
from lifecycle.domain.report import Month
from lifecycle.domain.requests import JudgeVip, PublishReport, Rewatch
from lifecycle.domain.segments import MEMBERS
from lifecycle.handlers import CUSTOMER, REPORT
from lifecycle.jobs import report_months, rewatch
from lifecycle.store import CHUNK

CAME_OR_WENT = ("activated", "lost", "released")


@dataclass(frozen=True)
class _Past:
    """See `store.StoredPast`."""

    running: Rehearsing

    async def watched_by(self, people: Sequence[str], after: str) -> list[tuple[str, Customer]]:
        concerned, missing = self.running.concerned, set(people)
        found = [
            (key, one.state)
            for key, one in concerned.items()
            if key > after and not missing.isdisjoint(one.state.watchers)
        ]
        return sorted(found)[:CHUNK]

    async def books(self) -> Books:
        found = self.running.entities.get((REPORT.name, books.KEY))
        return found.state if found is not None else Books()

    async def first_activation(self) -> datetime | None:
        return min((one.now for one in self.running.past(CustomerActivated)), default=None)

    async def months(self, opens: datetime, closes: datetime) -> list[Month]:
        recovered = [one.key for one in self._between(CustomerRecovered, opens, closes)]
        moves = [
            *(one for one in self._between(CustomerMoved, opens, closes) if one.data.after in CAME_OR_WENT),
            *(one for one in self._between(CustomerMerged, opens, closes) if one.data.before in MEMBERS),
            *(one for one in self._between(CustomerUnmerged, opens, closes) if one.data.after in MEMBERS),
        ]  # fmt: skip
        steps = [
            (one.key, past.step(one.data.before, one.data.after))
            for one in sorted(moves, key=lambda one: (one.key, one.ver))
        ]
        return past.months(self._boundary(opens), self._boundary(closes), steps, recovered)

    async def large_customers(
        self, wanted: Sequence[str], opens: datetime, closes: datetime, limit: int
    ) -> dict[str, list[int]]:
        bought: dict[str, list[int]] = defaultdict(lambda: [0] * len(wanted))
        places = {month: place for place, month in enumerate(wanted)}
        for one in self._between(CustomerScored, opens, closes):
            order = one.data.order
            if order is not None and (place := places.get(f"{order.day:%Y-%m}")) is not None:
                bought[one.key][place] += order.revenue
        known = self.running.entities
        found = {key: sums for key, sums in bought.items() if max(sums) > limit}
        vips = {one.key for one in known.values() if one.subject is CUSTOMER and one.state.vip}
        found |= {key: [0] * len(wanted) for key in vips - found.keys()}
        return {key: sums for key, sums in found.items() if not _root(known, key)}

    def _between(self, kind: type, opens: datetime, closes: datetime) -> Iterator[Remembered]:
        return (one for one in self.running.past(kind) if opens <= one.now < closes)

    def _boundary(self, boundary: datetime) -> past.Boundary:
        def latest(kind: type) -> dict[str, past.Dated]:
            found: dict[str, past.Dated] = {}
            for one in self.running.past(kind):
                if one.now < boundary and one.ver > found.get(one.key, (0,))[0]:
                    found[one.key] = one.ver, one.data
            return found

        return past.Boundary(
            moves=latest(CustomerMoved),
            watchers=latest(WatcherChanged),
            scored=latest(CustomerScored),
            trends=latest(TrendChanged),
            merged=latest(CustomerMerged),
            apart=latest(CustomerUnmerged),
        )


def _root(known: Any, key: str) -> str:
    found = known.get((CUSTOMER.name, key))
    return found.state.root if found is not None else ""


async def rewatch_again(running: Rehearsing) -> int:
    """See `jobs.follow_register`."""
    return await rewatch(_Past(running), running)


async def report_again(running: Rehearsing) -> int:
    """See `jobs.publish_reports`."""
    return await report_months(_Past(running), running, running.now())


REHEARSAL = Rehearsal(
    jobs=(
        Again((Rewatch,), lambda: rewatch_again),
        Again((JudgeVip, PublishReport), lambda: report_again),
    ),
    subject=CUSTOMER.name,
    concerns=lambda state: bool(state.watchers) and state.segment in MEMBERS,
    remembers=(
        CustomerActivated, CustomerMoved, CustomerRecovered, WatcherChanged,
        CustomerMerged, CustomerUnmerged, CustomerScored, TrendChanged,
    ),
)  # fmt: skip
