"""Work over many customers: it reads the store, decides nothing, and asks through the door.

Both jobs look at what is there and what should be there, so a run that was cut short is made good
by the next one. Each returns how many requests it sent; 0 means there is nothing to do.
"""

from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import msgspec
from perennial.contracts.base import month_of
from perennial.kit.ask import Ask, Asks
from perennial.kit.jobs import asking, send

from lifecycle import store
from lifecycle.domain import books, care
from lifecycle.domain.months import month_after, month_starts, months_until
from lifecycle.domain.record import Customer
from lifecycle.domain.report import report
from lifecycle.domain.requests import JudgeVip, PublishReport, Rewatch
from lifecycle.domain.watchers import rewatched
from lifecycle.domain.world import World
from lifecycle.handlers import CUSTOMER, REPORT

CHUNK = 200
JOB = "lifecycle"
"""The principal under which jobs ask: the service itself."""


class Running(Protocol):
    """What a job sees of the running service."""

    @property
    def pool(self) -> Any: ...

    @property
    def asks(self) -> Asks: ...

    def now(self) -> datetime: ...

    def world(self) -> World: ...


async def follow_register(running: Running) -> int:
    """Customers whose watchers left or are away get others, so that two are always there (C5)."""
    world, now, after, sent = running.world(), running.now(), "", 0
    people = [*world.staff.missing(now), *world.policy.watchers.last_resort]
    while found := await store.watched_by(running.pool, people, after, CHUNK):
        after = found[-1][0]
        asks = [_rewatch(key, now) for key, state in found if _changes(key, state, world, now)]
        sent += await send(running.asks, asks)
    return sent


async def publish_reports(running: Running) -> int:
    """A report for every month that has ended and has none, oldest first (C13); VIPs before it."""
    sent = 0
    for month in await _months_due(running):
        sent += await send(running.asks, await _vips(running, month))
        wish = await monthly(running, month)
        sent += await send(running.asks, [asking(REPORT, books.KEY, wish, f"report:{month}", JOB)])
    return sent


async def monthly(running: Running, month: str) -> PublishReport:
    """The report of a past month, from the history alone."""
    world = running.world()
    rules = world.policy.report
    opens = month_starts(month, world.calendar.timezone)
    rows = await store.months(running.pool, opens, books.ends(month, world))
    made = report(rows, rules.steady_band, rules.people_named)
    return PublishReport(month=month, **msgspec.structs.asdict(made))


async def _vips(running: Running, last: str) -> list[Ask]:
    """Whoever a month made a VIP or, with those before it, no longer one (C9)."""
    world = running.world()
    rules, zone = world.policy.vip, world.calendar.timezone
    months = months_until(last, rules.months)
    opens, closes = month_starts(months[0], zone), books.ends(last, world)
    found = await store.large_customers(running.pool, months, opens, closes, rules.limit)
    return [
        asking(CUSTOMER, key, JudgeVip(last=last, months=bought), f"vip:{last}", JOB)
        for key, bought in sorted(found.items())
    ]


JOBS = (follow_register, publish_reports)


async def _months_due(running: Running) -> list[str]:
    world, now = running.world(), running.now()
    zone = ZoneInfo(world.calendar.timezone)
    state = await store.books(running.pool)
    first = None if state.published else await store.first_activation(running.pool)
    if not state.published and first is None:
        return []
    month = month_after(state.published) if first is None else month_of(first.astimezone(zone))
    due = []
    while books.ends(month, world) <= now:
        due.append(month)
        month = month_after(month)
    return due


def _changes(key: str, state: Customer, world: World, now: datetime) -> bool:
    rules = care.watching(state.binding, world.policy)
    after = rewatched(key, state.watchers, world.staff, rules, now)
    return tuple(after) != state.watchers


def _rewatch(key: str, now: datetime) -> Ask:
    return asking(CUSTOMER, key, Rewatch(reason="register"), f"rewatch:{now.isoformat()}", JOB)
