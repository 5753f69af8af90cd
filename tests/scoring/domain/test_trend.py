"""S10: rising, steady, falling against the customer's own season and baseline."""

from collections.abc import Sequence
from datetime import date

import pytest
from perennial.contracts.base import Event
from perennial.contracts.customers import CurveStarted
from perennial.contracts.scores import CustomerScored, TrendChanged
from scoring import policy
from scoring.domain.model import World
from scoring.domain.periods import month_index, month_start

from tests.scoring.replaying import Replay, fact, noon, order

WORLD = World(policy.default())
JANUARY = date(1995, 1, 1)


def months(*values: int, start: date = JANUARY, days: Sequence[int] = (4, 11, 18, 25)) -> Replay:
    """So much in each month, in equal orders on these days; then time to the last month's end."""
    first = month_index(start)
    facts = [
        order(month_start(first + i).replace(day=day), 100 * value // len(days))
        for i, value in enumerate(values)
        for day in days
        if value
    ]
    return Replay(WORLD).take(facts).until(noon(month_start(first + len(values))))


def judgements(events: Sequence[Event]) -> list[TrendChanged]:
    return [event for event in events if isinstance(event, TrendChanged)]


@pytest.mark.feature("S10")
@pytest.mark.parametrize(
    ("values", "trend"),
    [
        ([100] * 5, "too-early"),
        ([100] * 6, "steady"),
        ([100, 100, 100, 110, 110, 110], "rising"),
        ([100, 100, 100, 109, 109, 109], "steady"),
        ([100, 100, 100, 90, 90, 90], "falling"),
        ([100, 100, 100, 91, 91, 91], "steady"),
        ([100, 0, 0, 0, 0, 0], "falling"),
        ([100, 0, 0, 0, 0, 0, 0, 0, 0, 50], "rising"),
    ],
)
def test_the_last_window_against_the_one_before(values: list[int], trend: str) -> None:
    assert months(*values).state.standing.trend == trend


@pytest.mark.feature("S10")
def test_one_large_order_is_no_growth_and_its_absence_no_fall() -> None:
    usual, spike = [100] * 8, [100] * 4 + [5000] + [100] * 7
    assert months(*usual).state.standing.trend == "steady"
    seen = {judgement.after for judgement in judgements(months(*spike).events)}

    assert seen == {"too-early", "steady"}
    assert judgements(months(*spike).events)[-1].change == pytest.approx(0, abs=0.1)
    assert max(j.baseline for j in judgements(months(*spike).events)) <= 50_000


@pytest.mark.feature("S10")
def test_a_season_that_comes_every_year_is_no_trend() -> None:
    year = [100] * 10 + [200, 400]
    steady = months(*year * 3, 100, 100, 100)

    assert steady.state.standing.trend == "steady"
    half = months(*year * 3, 50, 50, 50)
    assert half.state.standing.trend == "falling"


@pytest.mark.feature("S10")
def test_counts_go_on_period_by_period() -> None:
    falling = months(*[100] * 6, 80, 60, 40, 20)
    assert [j.falls for j in judgements(falling.events)][-4:] == [0, 1, 2, 3]
    steady = months(*[100] * 12)
    assert steady.state.standing.steady == 7
    assert steady.state.standing.windows_below_peak == 3
    slowing = months(*[100] * 3, 200, 300, 400, 480, 540, 580)
    assert slowing.state.standing.trend == "rising"
    assert slowing.state.standing.slowing >= 2


@pytest.mark.feature("S10")
def test_the_baseline_is_the_best_window_of_the_present_curve() -> None:
    replay = months(*[500] * 6, *[100] * 6)
    assert replay.state.standing.baseline == 150_000
    assert replay.state.standing.below_baseline == pytest.approx(0.8)

    started = CurveStarted(customer_id="c1", curve=2, because="recovery")
    replay.take([fact(started, noon(date(1996, 1, 2)))])
    replay.take(
        [order(date(1996, month, day), 3000) for month in (1, 2, 3) for day in (4, 11, 18, 25)]
    )
    replay.until(noon(date(1996, 4, 1)))

    assert replay.state.standing.baseline == 36_000
    assert replay.state.standing.below_baseline == 0


@pytest.mark.feature("S10")
def test_silence_ends_the_judging_and_an_order_begins_it_again() -> None:
    replay = months(100, 100, 100).until(noon(date(2005, 1, 1)))
    told = judgements(replay.events)

    assert replay.state.period_ends is None
    assert len(told) < 12
    assert replay.state.standing.trend == "falling"
    assert replay.state.standing.window == 0
    replay.take([order(date(2005, 1, 15), 100)])
    assert replay.state.period_ends == noon(date(2005, 2, 1)).replace(hour=0)


@pytest.mark.feature("S10")
def test_the_rolling_value_is_that_of_the_last_full_window() -> None:
    replay = months(100, 200, 300, 400)
    assert judgements(replay.events)[-1].rolling_value == 90_000
    replay.take([order(date(1995, 5, 3), 7000)])
    scored = replay.events[-1]
    assert isinstance(scored, CustomerScored)
    assert scored.rolling_value == 90_000


@pytest.mark.feature("S10")
def test_a_slow_rhythm_makes_longer_periods_but_never_unmakes_a_judgement() -> None:
    every_month = months(*[100] * 24, days=[15])
    assert every_month.state.standing.months == 3
    seen = [j.after for j in judgements(every_month.events)]
    judged = seen[next(i for i, trend in enumerate(seen) if trend != "too-early") :]
    assert "too-early" not in judged


@pytest.mark.feature("S10")
def test_a_late_order_corrects_the_next_judgement_and_undoes_none() -> None:
    replay = months(*[100] * 3, 50, 50, 50)
    assert judgements(replay.events)[-1].after == "falling"
    told = len(replay.events)
    replay.take([order(date(1995, 6, 20), 20_000, learned=noon(date(1995, 7, 5)))])

    assert len(replay.events) == told + 1
    assert isinstance(replay.events[-1], CustomerScored)
    replay.take([order(date(1995, 7, 15), 10_000)]).until(noon(date(1995, 8, 1)))
    assert judgements(replay.events)[-1].after == "rising"
