"""A recorded history through a running system, with its own clock: no terminal in here.

A period's facts are published and settled, then the clock ticks to the period's end. The next tick
is the end of the earlier of two periods: the next one with facts, and the one in which the first
timer of any service is due. So empty days cost nothing, and no timer fires a period late.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Protocol

from perennial.contracts.base import EPOCH
from perennial.kit.settle import Report

from perennial_cli.driving import History

Reports = Mapping[str, Report]


class Clocked(Protocol):
    """What a replay needs of the system: `driving.Driver` is it."""

    async def publish(self, facts: Iterable[History]) -> int: ...

    async def tick(self, to: datetime) -> None: ...

    async def settle(self) -> Reports: ...


@dataclass(frozen=True)
class Day:
    """One period that was played, or one tick in between for a timer alone."""

    to: datetime
    facts: int
    facts_seconds: float
    tick_seconds: float
    reports: Reports


@dataclass(frozen=True)
class Played:
    """What a replay came to."""

    facts: int = 0
    ticks: int = 0
    first: datetime | None = None
    last: datetime | None = None
    seconds: float = 0.0
    facts_seconds: float = 0.0
    tick_seconds: float = 0.0
    parked: int = 0
    """Facts that stand parked in all services at the end."""

    @property
    def rate(self) -> float:
        return self.facts / self.seconds if self.seconds else 0.0


class WallClockError(Exception):
    """Time runs by itself there: what is replayed would be judged by today's clock."""


async def replay(
    driver: Clocked,
    histories: Iterator[History],
    period: timedelta,
    on_day: Callable[[Day], None] = lambda day: None,
    until: datetime | None = None,
) -> Played:
    """Play the whole history, in the order of time in which it comes; `until` plays on after it.

    The clock never goes back: facts older than it are published all the same, and what was said
    before changes nothing, so that a replay which was stopped can be started again.
    """
    machine = _Machine(driver, period, on_day)
    reports = await driver.settle()
    for start, facts in groupby(histories, key=lambda one: floor(one.time, period)):
        reports = await machine.timers_before(start, reports)
        reports = await machine.play(start, facts)
    if until is not None:
        reports = await machine.timers_before(until, reports)
        reports = await machine.tick_to(until)
    parked = sum(report.parked for report in reports.values())
    return replace(machine.played, parked=parked, seconds=time.monotonic() - machine.began)


def floor(moment: datetime, period: timedelta) -> datetime:
    """The start of the period that a moment lies in; periods are counted from the epoch, in UTC."""
    return EPOCH + ((moment.astimezone(UTC) - EPOCH) // period) * period


def next_tick(due: datetime | None, before: datetime, period: timedelta) -> datetime | None:
    """Where to tick for a timer before the period that starts at `before`; None if there is no need."""
    if due is None:
        return None
    end = floor(due, period) + period
    if (
        end - period == due
    ):  # due at the very start: the tick that ends the period before reaches it
        end = due
    return end if end <= before else None


class _Machine:
    def __init__(self, driver: Clocked, period: timedelta, on_day: Callable[[Day], None]) -> None:
        self._driver = driver
        self._period = period
        self._on_day = on_day
        self.played = Played()
        self.began = time.monotonic()

    async def timers_before(self, start: datetime, reports: Reports) -> Reports:
        """Tick for every timer that is due before `start`, one period's after the other."""
        while to := next_tick(earliest_due(reports), start, self._period):
            if to <= clock_of(reports):
                break
            reports = await self.tick_to(to)
        return reports

    async def play(self, start: datetime, facts: Iterable[History]) -> Reports:
        began = time.monotonic()
        count = await self._driver.publish(facts)
        reports = await self._driver.settle()
        spent = time.monotonic() - began
        self.played = replace(
            self.played,
            facts=self.played.facts + count,
            facts_seconds=self.played.facts_seconds + spent,
            first=self.played.first or start,
        )
        return await self.tick_to(start + self._period, count, spent, reports)

    async def tick_to(
        self,
        to: datetime,
        facts: int = 0,
        facts_seconds: float = 0.0,
        reports: Reports | None = None,
    ) -> Reports:
        began = time.monotonic()
        if reports is None or to > clock_of(reports):
            await self._driver.tick(to)
            reports = await self._driver.settle()
        spent = time.monotonic() - began
        played = self.played
        self.played = replace(
            played, ticks=played.ticks + 1, tick_seconds=played.tick_seconds + spent, last=to
        )
        self._on_day(Day(to, facts, facts_seconds, spent, reports))
        return reports


def earliest_due(reports: Reports) -> datetime | None:
    """The first timer of any service that lies ahead."""
    return min((one.next_due for one in reports.values() if one.next_due), default=None)


def clock_of(reports: Reports) -> datetime:
    """How far time has come everywhere."""
    return max((one.now for one in reports.values() if one.now), default=EPOCH)


async def refuse_wall_clock(driver: Clocked, apart: float) -> None:
    """Two looks, `apart` seconds: a played clock stands still in between, a wall clock does not."""
    first = clock_of(await driver.settle())
    await asyncio.sleep(apart)
    if clock_of(await driver.settle()) > first:
        raise WallClockError
