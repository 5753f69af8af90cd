"""Rising, steady or falling (S10): the last window against the one before, at a period's end.

A period is a month, or so many whole months as about three usual intervals take; a window is three
periods. Outliers are cut before windows are summed, seasons taken out as soon as the months of a
year ago are known. Everything is a function of the months' sums, so late facts are judged rightly
at the next end of a period; what was judged stays judged.
"""

from math import inf
from statistics import median
from typing import NamedTuple

import msgspec
from perennial.contracts.scores import Trend

from scoring.domain.history import NO_MONTH, History
from scoring.domain.periods import DAYS_A_MONTH, month_index
from scoring.policy import Trend as Rules

YEAR = 12


class Standing(msgspec.Struct, frozen=True, omit_defaults=True):
    """The last judgement."""

    trend: Trend = "too-early"
    judged: int | None = None
    """The last month it covers, by months since year 0."""
    months: int = 1
    window: int = 0
    previous: int = 0
    change: float | None = None
    baseline: int = 0
    below_baseline: float = 0.0
    falls: int = 0
    steady: int = 0
    slowing: int = 0
    windows_below_peak: int = 0


class Periods(NamedTuple):
    """Sums of full periods, oldest first, some of them still to come and taken as silent."""

    raw: list[int]
    adjusted: list[float]
    """Without outliers and season."""
    curve_from: int
    """The first period of the present curve."""


def period_months(history: History, rules: Rules) -> int:
    """Whole months, so that all periods end with a month and settle together."""
    usual = history.interval(0.5, rules.fewest_intervals)
    if usual is None:
        return 1
    months = round(rules.period_intervals * usual / DAYS_A_MONTH)
    return max(1, min(months, rules.period_most_months))


def months_in_force(history: History, standing: Standing, rules: Rules) -> int:
    """The length of the running period: what the last judgement set, so that it moves only there."""
    return standing.months if standing.judged is not None else period_months(history, rules)


def next_end(history: History, standing: Standing, this_month: int, rules: Rules) -> int:
    """The month with which the running period ends."""
    assert history.first is not None
    length = months_in_force(history, standing, rules)
    before = month_index(history.first) - 1 if standing.judged is None else standing.judged
    periods = max(1, -(-(this_month - before) // length))
    return before + periods * length


def rolling_value(history: History, months: int, last_month: int, rules: Rules) -> tuple[int, bool]:
    """Value of the window of such periods that ends with a month; whether some of it is revenue."""
    return history.month_values(last_month - rules.window_periods * months + 1, last_month)


def judge(
    history: History, before: Standing, last_month: int, curve_month: int, rules: Rules
) -> tuple[Standing, int | None]:
    """The judgement with `last_month`, and the month with which silence would next change it."""
    assert history.first is not None
    length = _length(history, before, last_month, rules)
    ahead = 2 * rules.window_periods + 1
    periods = _periods(history, last_month, length, ahead, curve_month, rules)
    at = len(periods.raw) - 1 - ahead
    now = _judged(periods, at, before, last_month, length, rules)
    for step in range(1, ahead + 1):
        month = last_month + step * length
        then = _judged(periods, at + step, now, month, length, rules)
        if then != msgspec.structs.replace(now, judged=month):
            return now, month
    return now, None


def _length(history: History, before: Standing, last_month: int, rules: Rules) -> int:
    """Whoever was judged once is judged on: a slower rhythm lengthens periods only as far as the
    history still holds two windows of them."""
    assert history.first is not None
    length = period_months(history, rules)
    if before.trend == "too-early":
        return length
    known = last_month - month_index(history.first) + 1
    return max(1, min(length, known // (2 * rules.window_periods)))


def _judged(
    periods: Periods, at: int, before: Standing, month: int, length: int, rules: Rules
) -> Standing:
    size = rules.window_periods
    raw, adjusted = periods.raw, periods.adjusted
    window, adjusted_window = _window(raw, at, size), _window(adjusted, at, size)
    adjusted_previous = _window(adjusted, at - size, size)
    if at + 1 < 2 * size:
        return Standing(judged=month, months=length, window=window)
    if not adjusted_window and not adjusted_previous:
        return msgspec.structs.replace(before, judged=month, months=length, window=window)
    change = _change(adjusted_window, adjusted_previous)
    trend = _class(change, rules)
    peak, peak_at = _peak(periods, at, size)
    rising_slower = _slower(before, trend, change)
    return Standing(
        trend=trend,
        judged=month,
        months=length,
        window=window,
        previous=_window(raw, at - size, size),
        change=change,
        baseline=round(peak),
        below_baseline=round(1.0 - adjusted_window / peak, 6) if peak > 0 else 0.0,
        falls=before.falls + 1 if trend == "falling" else 0,
        steady=before.steady + 1 if trend == "steady" else 0,
        slowing=before.slowing + 1 if rising_slower else 0,
        windows_below_peak=(at - peak_at) // size,
    )


def _window(sums: list[int] | list[float], at: int, size: int) -> int:
    """The sum of the window that ends with a period, in minor units."""
    return round(sum(sums[max(0, at - size + 1) : at + 1])) if at >= 0 else 0


def _change(window: float, previous: float) -> float | None:
    """Against nothing there is no share; whoever buys after two silent windows rises."""
    return round((window - previous) / previous, 6) if previous > 0 else None


def _class(change: float | None, rules: Rules) -> Trend:
    if change is None or change >= rules.rising_from:
        return "rising"
    return "falling" if change <= rules.falling_from else "steady"


def _slower(before: Standing, trend: Trend, change: float | None) -> bool:
    if trend != "rising" or before.trend != "rising":
        return False
    return before.change is not None and change is not None and change < before.change


def _peak(periods: Periods, at: int, size: int) -> tuple[float, int]:
    """The best window of the curve up to a period, and where it first stood."""
    start = min(periods.curve_from + size - 1, at)
    sums = [(_window(periods.adjusted, i, size), -i) for i in range(start, at + 1)]
    best, where = max(sums)
    return best, -where


def _periods(
    history: History, last_month: int, length: int, ahead: int, curve_month: int, rules: Rules
) -> Periods:
    assert history.first is not None
    known = last_month - month_index(history.first) + 1
    full = max(0, known // length)
    start = last_month - full * length + 1
    count = full + ahead
    values = [
        history.months.get(m, NO_MONTH).value if m <= last_month else 0
        for m in range(start, start + count * length)
    ]
    compared = 2 * rules.window_periods * length
    seasonal = _without_season(history, start, last_month, values, compared, rules)
    raw = [sum(values[i * length : (i + 1) * length]) for i in range(count)]
    sums = [sum(seasonal[i * length : (i + 1) * length]) for i in range(count)]
    curve_from = max(0, (curve_month - start) // length)
    return Periods(raw, _without_outliers(sums, rules), curve_from)


def _without_outliers(sums: list[float], rules: Rules) -> list[float]:
    """A lone period far above its busy neighbours counts as their median. Two in a row are no
    outlier any more: growth that stays is told one period late."""
    reach = rules.outlier_neighbours
    near = [[v for v in sums[max(0, i - reach) : i + reach + 1] if v > 0] for i in range(len(sums))]
    usual = [median(busy) if len(busy) > 2 else inf for busy in near]
    high = [v > rules.outlier_times * u for v, u in zip(sums, usual, strict=True)]
    beside = [any(high[max(0, i - 1) : i]) or any(high[i + 1 : i + 2]) for i in range(len(high))]
    return [usual[i] if high[i] and not beside[i] else value for i, value in enumerate(sums)]


def _without_season(
    history: History, start: int, last_month: int, values: list[int], compared: int, rules: Rules
) -> list[float]:
    """As soon as each of the months compared has an earlier year to speak for it: a window with
    its season taken out must not meet one without."""
    assert history.first is not None
    first = month_index(history.first)
    if last_month - first + 1 < max(rules.season_from_months, YEAR + compared):
        return [float(value) for value in values]
    return [
        value / _season(history, start + i, first, last_month, rules) if value else 0.0
        for i, value in enumerate(values)
    ]


def _season(history: History, month: int, first: int, last_month: int, rules: Rules) -> float:
    """How a calendar month ran against the year around it, in the years before; 1 where unknown.

    Only earlier years speak: a month that took part in its own season would hide its own trend.
    """
    seen, weight = rules.season_prior_years, rules.season_prior_years
    for ago in range(month - YEAR, first - 1, -YEAR):
        begins = max(first, ago - 6)
        around = range(begins, min(last_month + 1, begins + YEAR))
        total = sum(history.months.get(m, NO_MONTH).value for m in around)
        if len(around) == YEAR and total > 0:
            seen += YEAR * history.months.get(ago, NO_MONTH).value / total
            weight += 1.0
    return seen / weight if seen > 0 and weight > 0 else 1.0
