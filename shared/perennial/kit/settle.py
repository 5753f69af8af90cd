"""Settled: every fact published so far, and all that follows from it, has been folded everywhere.

Each service answers a long poll from counters that its batches commit; the driver follows what was
sent to whoever has not taken it yet, and then confirms in two waves (Mattern's four counters): what was
taken in the first equals what was sent in the second, and nothing can start by itself.
"""

import asyncio
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from perennial.kit.batch import Outcome
from perennial.kit.lanes import Door, Requests
from perennial.kit.parking import READY_COUNT
from perennial.kit.waking import set_within

Counts = Mapping[str, int]
LOOK_AGAIN_SECONDS = 0.1
"""Commits and the relay wake a waiting report; this look stands behind them."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One service's word about itself at one moment."""

    service: str
    epoch: str
    taken: dict[str, int]
    sent: dict[str, int]
    in_hand: int
    """Requests waiting, and set-aside facts that could be folded now."""
    due: int
    """Timers due by the horizon that have not fired, and facts that have waited too long by then."""
    jobs: int
    parked: int
    reached: bool
    """Whether what was asked for had been taken, and published on, when it answered."""
    now: datetime | None = None
    next_due: datetime | None = None

    @property
    def busy(self) -> int:
        return self.in_hand + self.due + self.jobs


_LOOK = f"""
    WITH moment AS (
        SELECT CASE WHEN $1 THEN (SELECT now FROM clock WHERE name = 'tick')
               ELSE $2::timestamptz END AS horizon
    )
    SELECT horizon,
        (SELECT coalesce(json_agg(json_build_array(lane = 'taken', topic, n)), '[]')::text FROM (
            SELECT CASE lane WHEN 'taken' THEN lane ELSE 'sent' END AS lane, topic, sum(n) AS n
            FROM sent GROUP BY 1, 2) AS totals) AS counts,
        NOT EXISTS (SELECT FROM outbox) AS empty,
        ({READY_COUNT}) AS ready,
        (SELECT count(*) FROM parked WHERE state IN ('parked', 'barred', 'behind'))
         AS parked,
        (SELECT count(*) FROM entity WHERE due <= horizon AND NOT held)
         + (SELECT count(*) FROM parked WHERE state = 'waiting' AND expires <= horizon) AS due,
        (SELECT min(due) FROM entity WHERE due > horizon AND NOT held) AS next_due
    FROM moment
"""


class Settlement:
    """Answers the long poll of one service."""

    def __init__(
        self, door: Door, requests: Requests, pool: Any, epoch: str, jobs: Callable[[], int]
    ) -> None:
        self._door = door
        self._requests = requests
        self._pool = pool
        self._epoch = epoch
        self._jobs = jobs
        self._taken: dict[str, int] | None = None
        """A hint when to look; never an answer."""
        self._unsent = 0
        """Another: events of ours of which the relay has not told us yet."""
        self._news = asyncio.Event()
        door.after_commit.append(self._committed)

    def hear(self, sent: int) -> None:
        """The relay has sent so many events more."""
        self._unsent -= sent
        self._news.set()

    def _committed(self, outcome: Outcome) -> None:
        self._unsent += len(outcome.writes.events)
        if self._taken is not None:
            for topic, n in outcome.writes.taken.items():
                self._taken[topic] = self._taken.get(topic, 0) + n
        self._news.set()

    async def report(self, until: Counts, wait: float) -> Report:
        """Answer once `until` is taken, nothing is due and the outbox is empty, or after `wait` s."""
        deadline = time.monotonic() + wait
        told = True
        while True:
            self._news.clear()
            report = await self._look(until) if self._may_be_reached(until, told) else None
            if report is not None and report.reached and not report.busy:
                return report
            left = deadline - time.monotonic()
            if left <= 0:
                return report or await self._look(until)
            told = await self._rest(min(left, LOOK_AGAIN_SECONDS))

    def _may_be_reached(self, until: Counts, told: bool) -> bool:
        """By what we were told; where nobody told us anything for a while, the outbox may be empty."""
        known = self._taken
        taken = known is None or all(known.get(topic, 0) >= n for topic, n in until.items())
        return taken and (self._unsent <= 0 or not told)

    async def _rest(self, seconds: float) -> bool:
        return await set_within(self._news, seconds)

    async def _look(self, until: Counts) -> Report:
        """Everything from one moment of the store: what memory knows of it may be a commit behind."""
        row = await self._pool.fetchrow(_LOOK, self._door.ticking, self._door.caught_up)
        if row["empty"]:
            self._unsent = 0
        counts: dict[bool, dict[str, int]] = {True: {}, False: {}}
        for taken, topic, n in msgspec.json.decode(row["counts"]):
            counts[taken][topic] = n
        known = self._taken or {}
        self._taken = known | {t: max(n, known.get(t, 0)) for t, n in counts[True].items()}
        reached = all(counts[True].get(topic, 0) >= n for topic, n in until.items())
        knows = not self._door.ticking or self._door.ticked == row["horizon"]
        return Report(
            service=self._door.service.name,
            epoch=self._epoch,
            taken=counts[True],
            sent=counts[False],
            in_hand=row["ready"] + self._requests.waiting,
            due=row["due"],
            jobs=self._jobs(),
            parked=row["parked"],
            reached=reached and row["empty"] and knows,
            now=row["horizon"],
            next_due=row["next_due"],
        )


@dataclass(frozen=True)
class Question:
    """What one service is asked to reach."""

    service: str
    until: Counts


@dataclass(frozen=True)
class Together:
    """Ask several at once; → their Reports by service."""

    questions: tuple[Question, ...]


class UnsettledError(Exception):
    """The system does not come to rest; the message names what is busy."""


@dataclass
class Graph:
    """Who reads which topic."""

    services: tuple[str, ...]
    reads: Mapping[str, tuple[str, ...]]
    outside: dict[str, int] = field(default_factory=dict)
    """Topics of the driver's own, with how many records it ever published there."""


NOTHING_KNOWN: Mapping[str, Report] = {}


def settle(
    graph: Graph, known: Mapping[str, Report] = NOTHING_KNOWN, rounds: int = 1_000
) -> Generator[Together, Any, dict[str, Report]]:
    """Follow what was sent, then ask all once more; until both agree. The last reports, by service.

    `known` is what was reported before: who has taken all that was sent need not be asked on the way.
    The first wave is the last report of each, however old: it tells what was taken. The second begins
    after the last answer of the first and tells what was sent. Counters only grow and nothing is taken
    that was not sent, so where the two are equal nothing was under way when the first wave ended.
    """
    reports = dict(known)
    for _ in range(rounds):
        behind = [service for service in graph.services if _is_behind(graph, service, reports)]
        if behind:
            reports.update((yield _ask(graph, behind, reports)))
            continue
        confirmed = yield _ask(graph, graph.services, reports)
        if _agree(graph, reports, confirmed):
            return dict(confirmed)
        reports = dict(confirmed)
    raise UnsettledError(_busy(reports))


def _is_behind(graph: Graph, service: str, reports: Mapping[str, Report]) -> bool:
    report = reports.get(service)
    expected = _expected(graph, service, reports)
    return report is None or any(report.taken.get(t, 0) < n for t, n in expected.items())


def _ask(graph: Graph, services: Iterable[str], known: Mapping[str, Report]) -> Together:
    return Together(
        tuple(Question(service, _expected(graph, service, known)) for service in services)
    )


def _expected(graph: Graph, service: str, reports: Mapping[str, Report]) -> dict[str, int]:
    expected = {t: n for t, n in graph.outside.items() if t in graph.reads[service]}
    for report in reports.values():
        expected.update({t: n for t, n in report.sent.items() if t in graph.reads[service]})
    return expected


def _agree(graph: Graph, first: Mapping[str, Report], second: Mapping[str, Report]) -> bool:
    for service in graph.services:
        a, b = first[service], second[service]
        if a.epoch != b.epoch or b.busy or not b.reached:
            return False
        if any(a.taken.get(t, 0) != n for t, n in _expected(graph, service, second).items()):
            return False
    return True


def _busy(reports: Mapping[str, Report]) -> str:
    lines = [
        f"{r.service}: in hand {r.in_hand}, due {r.due}, jobs {r.jobs}, reached {r.reached}"
        for r in reports.values()
    ]
    return "not settled; " + "; ".join(lines)
