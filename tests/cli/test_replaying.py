"""Playing a history against a system made of a list: which facts, which ticks, in which order."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perennial.contracts.partner import CancelOrder
from perennial.kit.settle import Report
from perennial_cli.driving import History
from perennial_cli.replaying import (
    Day,
    WallClockError,
    floor,
    next_tick,
    refuse_wall_clock,
    replay,
)

DAY = timedelta(days=1)
NEW_YEAR = datetime(1997, 1, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    return NEW_YEAR + timedelta(days=number)


def fact(at: datetime) -> History:
    return History("x", "shop", "c", at, CancelOrder(order="o", cancelled_at=at))


class Played:
    """Takes what a driver takes. `timers` are the moments at which something is due by itself."""

    def __init__(self, *timers: datetime, now: datetime | None = None, parked: int = 0) -> None:
        self.timers = sorted(timers)
        self.now = now
        self.parked = parked
        self.said: list[str] = []
        self.fired: list[tuple[datetime, datetime]] = []

    async def publish(self, facts: Iterable[History]) -> int:
        told = list(facts)
        self.said.append(f"{len(told)} facts")
        return len(told)

    async def tick(self, to: datetime) -> None:
        assert self.now is None or to > self.now, "time never goes back"
        self.now = to
        self.fired += [(timer, to) for timer in self.timers if timer <= to]
        self.timers = [timer for timer in self.timers if timer > to]
        self.said.append(f"tick {to:%m-%d}")

    async def settle(self) -> Mapping[str, Report]:
        ahead = self.timers[0] if self.timers and self.now else None
        one = Report(
            service="one",
            epoch="e",
            taken={},
            sent={},
            in_hand=0,
            due=0,
            jobs=0,
            parked=self.parked,
            reached=True,
            now=self.now,
            next_due=ahead,
        )
        return {"one": one}


async def played(system: Played, *facts: datetime, until: datetime | None = None) -> list[Day]:
    days: list[Day] = []
    await replay(system, iter([fact(at) for at in facts]), DAY, days.append, until)
    return days


async def test_each_period_is_published_whole_and_ticked_to_its_end() -> None:
    system = Played()
    await played(system, day(0.2), day(0.9), day(1.5))
    assert system.said == ["2 facts", "tick 01-02", "1 facts", "tick 01-03"]


async def test_days_on_which_nothing_happens_are_not_ticked() -> None:
    system = Played()
    await played(system, day(0.5), day(300.5))
    assert system.said == ["1 facts", "tick 01-02", "1 facts", "tick 10-29"]


async def test_a_timer_on_an_empty_day_gets_its_tick() -> None:
    system = Played(day(10.4))
    await played(system, day(0.5), day(300.5))
    assert system.said == ["1 facts", "tick 01-02", "tick 01-12", "1 facts", "tick 10-29"]


async def test_a_timer_at_the_very_start_of_a_period_fires_there() -> None:
    system = Played(day(10))
    await played(system, day(0.5), day(300.5))
    assert system.fired == [(day(10), day(10))]


async def test_timers_fire_on_to_the_end_that_is_asked_for() -> None:
    system = Played(day(5.5), day(8.2), day(20))
    await played(system, day(0.5), until=day(10.5))
    assert [timer for timer, _ in system.fired] == [day(5.5), day(8.2)]
    assert system.now == day(10.5)


async def test_a_replay_that_was_stopped_never_turns_time_back() -> None:
    system = Played(now=day(5))
    days = await played(system, day(0.5), day(4.5), day(6.5))
    assert system.said == ["1 facts", "1 facts", "1 facts", "tick 01-08"]
    assert [one.facts for one in days] == [1, 1, 1]


async def test_what_is_parked_at_the_end_is_told() -> None:
    done = await replay(Played(parked=3), iter([fact(day(0.5)), fact(day(1.5))]), DAY)
    assert (done.parked, done.facts, done.ticks) == (3, 2, 2)


async def test_a_wall_clock_is_refused() -> None:
    class Running(Played):
        async def settle(self) -> Mapping[str, Report]:
            self.now = (self.now or NEW_YEAR) + timedelta(seconds=1)
            return await super().settle()

    with pytest.raises(WallClockError):
        await refuse_wall_clock(Running(), 0)
    await refuse_wall_clock(Played(now=NEW_YEAR), 0)


@given(
    due=st.datetimes(datetime(1990, 1, 1), datetime(2010, 1, 1), timezones=st.just(UTC)),
    start=st.integers(-3000, 3000),
    hours=st.sampled_from([1, 12, 24, 168]),
)
def test_no_timer_fires_a_period_late_or_early(due: datetime, start: int, hours: int) -> None:
    period = timedelta(hours=hours)
    before = floor(NEW_YEAR, period) + start * period
    to = next_tick(due, before, period)
    if to is None:
        assert due > before - period
    else:
        assert due <= to < due + period
        assert to <= before
