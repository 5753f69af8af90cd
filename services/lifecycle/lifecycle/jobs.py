"""Work over many customers: it reads the store, decides nothing, and asks through the door.

Both jobs look at what is there and what should be there, so a run that was cut short is made good
by the next one. Each returns how many requests it sent; 0 means there is nothing to do.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import msgspec
from perennial.contracts.base import month_of
from perennial.kit.ask import Ask, Asks
from perennial.kit.jobs import asking, send
from perennial.kit.timers import fired_until

from lifecycle.domain import books, care
from lifecycle.domain.books import Books
from lifecycle.domain.months import month_after, month_starts, months_until
from lifecycle.domain.record import Customer
from lifecycle.domain.report import Month, report
from lifecycle.domain.requests import JudgeVip, PublishReport, Rewatch
from lifecycle.domain.watchers import rewatched
from lifecycle.domain.world import World
from lifecycle.handlers import CUSTOMER, REPORT
from lifecycle.store import StoredPast

JOB = "lifecycle"
"""The principal under which jobs ask: the service itself."""


class Asking(Protocol):
    """What a job needs beside the past."""

    @property
    def asks(self) -> Asks: ...

    def now(self) -> datetime: ...

    def world(self) -> World: ...


class Running(Asking, Protocol):
    """What a job sees of the running service."""

    @property
    def pool(self) -> Any: ...

    @property
    def door(self) -> Any: ...


class Past(Protocol):
    """What was, and who is in care, wherever it is kept."""

    async def watched_by(self, people: Sequence[str], after: str) -> list[tuple[str, Customer]]:
        """The next few members whom one of these watches, in the order of their ids."""

    async def books(self) -> Books: ...

    async def first_activation(self) -> datetime | None: ...

    async def months(self, opens: datetime, closes: datetime) -> list[Month]: ...

    async def large_customers(
        self, wanted: Sequence[str], opens: datetime, closes: datetime, limit: int
    ) -> dict[str, list[int]]:
        """By customer, what it bought for in each of these months."""


async def follow_register(running: Running) -> int:
    """Customers whose watchers left or are away get others, so that two are always there (C5)."""
    return await rewatch(StoredPast(running.pool), running)


async def rewatch(past: Past, running: Asking) -> int:
    """The same, wherever the customers are kept."""
    world, now, after, sent = running.world(), running.now(), "", 0
    people = [*world.staff.missing(now), *world.policy.watchers.last_resort]
    while found := await past.watched_by(people, after):
        after = found[-1][0]
        asks = [
            _rewatch(key, state, now) for key, state in found if _changes(key, state, world, now)
        ]
        sent += await send(running.asks, asks)
    return sent


async def publish_reports(running: Running) -> int:
    """A report for every month that has ended and has none, oldest first (C13); VIPs before it."""
    until = running.door.horizon()
    if until is None:
        return 0
    until = await fired_until(running.pool, until)
    return await report_months(StoredPast(running.pool), running, until)


async def report_months(past: Past, running: Asking, until: datetime) -> int:
    """The same, wherever the past is kept. `until`: up to when all has happened that was to happen."""
    sent = 0
    for month in await _months_due(past, running, until):
        sent += await send(running.asks, await _vips(past, running, month))
        wish = await _monthly(past, running, month)
        sent += await send(running.asks, [asking(REPORT, books.KEY, wish, f"report:{month}", JOB)])
    return sent


async def monthly(running: Running, month: str) -> PublishReport:
    """The report of a past month, from the history alone."""
    return await _monthly(StoredPast(running.pool), running, month)


async def _monthly(past: Past, running: Asking, month: str) -> PublishReport:
    world = running.world()
    rules = world.policy.report
    opens = month_starts(month, world.calendar.timezone)
    rows = await past.months(opens, books.ends(month, world))
    made = report(rows, rules.steady_band, rules.people_named)
    return PublishReport(month=month, **msgspec.structs.asdict(made))


async def _vips(past: Past, running: Asking, last: str) -> list[Ask]:
    """Whoever a month made a VIP or, with those before it, no longer one (C9)."""
    world = running.world()
    rules, zone = world.policy.vip, world.calendar.timezone
    months = months_until(last, rules.months)
    opens, closes = month_starts(months[0], zone), books.ends(last, world)
    found = await past.large_customers(months, opens, closes, rules.limit)
    return [
        asking(CUSTOMER, key, JudgeVip(last=last, months=bought), f"vip:{last}", JOB)
        for key, bought in sorted(found.items())
    ]


JOBS = (follow_register, publish_reports)


async def _months_due(past: Past, running: Asking, until: datetime) -> list[str]:
    world = running.world()
    zone = ZoneInfo(world.calendar.timezone)
    state = await past.books()
    first = None if state.published else await past.first_activation()
    if not state.published and first is None:
        return []
    month = month_after(state.published) if first is None else month_of(first.astimezone(zone))
    due = []
    while books.ends(month, world) <= until:
        due.append(month)
        month = month_after(month)
    return due


def _changes(key: str, state: Customer, world: World, now: datetime) -> bool:
    rules = care.watching(state.binding, world.policy)
    after = rewatched(key, state.watchers, world.staff, rules, now)
    return tuple(after) != state.watchers


def _rewatch(key: str, state: Customer, now: datetime) -> Ask:
    """People may leave, return and leave again in one moment of a played clock."""
    name = f"rewatch:{now.isoformat()}:{'+'.join(state.watchers)}"
    return asking(CUSTOMER, key, Rewatch(reason="register"), name, JOB)
