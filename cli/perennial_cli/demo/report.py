"""The figures of a demo, as `report.json` has them, and what of them would make it fail."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from perennial_cli.demo.funnel import Funnel, Struct, Turnover

LEAST_CORRELATION = 0.625
MOST_TOTAL_ERROR = 0.13
ADDED = ("opening", "new", "reactivated", "unmerged")
EXITS = ("lost", "released", "merged")
VALUE_ADDED = (*ADDED, "risen", "steady", "revaluation")
VALUE_TAKEN = ("fallen", *EXITS)


class Pace(Struct, frozen=True, kw_only=True):
    """Wall time of a simulated day, in milliseconds."""

    facts: float
    """Publishing the day's facts until all they lead to is folded everywhere."""
    tick: float
    """Letting the day end, until all timers and jobs are done."""
    team: float
    """The simulated people's calls."""
    rules: float
    """CPU of all four services together: reading states, applying rules, writing events."""


class Frequency(Struct, frozen=True, kw_only=True):
    """Customers with so many repeat orders by the day of the forecast; orders a customer after it."""

    repeats: str
    customers: int
    expected: float
    actual: float


class Forecast(Struct, frozen=True, kw_only=True):
    as_of: str
    model: str
    weeks: int
    customers: int
    expected: float
    actual: int
    """As the services know it, and the file confirms."""
    actual_in_file: int
    total_error: float
    correlation: float
    expected_by_week: list[float]
    actual_by_week: list[int]
    """Cumulative repeat orders from the first week of all."""
    by_frequency: list[Frequency]


class Model(Struct, frozen=True, kw_only=True):
    model: str
    family: str
    parameters: dict[str, float]
    log_likelihood: float
    published: dict[str, str]
    reproduced: bool


class AtRisk(Struct, frozen=True, kw_only=True):
    customer_id: str
    number: str
    segment: str
    value_at_risk: int
    since: str
    reason: str
    warned: str
    next_step: str


class Month(Struct, frozen=True, kw_only=True):
    """The monthly report, and whether both of its equations hold in all months."""

    month: str
    report: dict[str, Any]
    reconciles: bool
    months: int
    not_reconciled: list[str]


class Report(Struct, frozen=True, kw_only=True):
    facts: int
    seconds: float
    days: int
    parked: int
    left_out: int
    ms_a_day: Pace
    customers_by_segment: dict[str, int]
    segments_over_time: dict[str, dict[str, int]]
    forecast: Forecast
    models: list[Model]
    at_risk: list[AtRisk]
    winback: list[dict[str, Any]]
    alerts: dict[str, Any]
    monthly_report: Month
    turnover: Turnover
    funnel: Funnel
    grades: dict[str, dict[str, int]]
    """Of leads (expected) and of customers, each by grade."""


def reconciles(lines: Mapping[str, Mapping[str, int]]) -> bool:
    """Both equations, to the cent, checked here anew: in customers and in value."""
    customers = _sum(lines, ADDED, "customers") - _sum(lines, EXITS, "customers")
    value = _sum(lines, VALUE_ADDED, "value") - _sum(lines, VALUE_TAKEN, "value")
    closing = lines["closing"]
    return (customers, value) == (closing["customers"], closing["value"])


def not_reconciled(reports: Sequence[Mapping[str, Any]]) -> list[str]:
    """Months that do not add up, or do not open with what the month before closed with."""
    alone = [one["month"] for one in reports if not reconciles(one["lines"])]
    torn = [
        later["month"]
        for earlier, later in pairwise(reports)
        if later["lines"]["opening"] != earlier["lines"]["closing"]
    ]
    return sorted({*alone, *torn})


def correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Pearson's; 0 where one of them does not vary."""
    mean_one, mean_other = _mean(one), _mean(other)
    offs = [(a - mean_one, b - mean_other) for a, b in zip(one, other, strict=True)]
    spread = math.sqrt(sum(a * a for a, _ in offs) * sum(b * b for _, b in offs))
    return sum(a * b for a, b in offs) / spread if spread else 0.0


def faults(report: Report) -> list[str]:
    """What a demo must not end with, in words."""
    forecast, month = report.forecast, report.monthly_report
    found = {
        f"{report.parked} facts are parked": report.parked > 0,
        f"{report.left_out} rows of the sample were left out": report.left_out > 0,
        f"months do not reconcile: {', '.join(month.not_reconciled)}": not month.reconciles,
        f"correlation {forecast.correlation:.3f} is below {LEAST_CORRELATION}": (
            forecast.correlation < LEAST_CORRELATION
        ),
        f"total error {forecast.total_error:+.1%} exceeds {MOST_TOTAL_ERROR:.0%}": (
            abs(forecast.total_error) > MOST_TOTAL_ERROR
        ),
    }
    return [words for words, holds in found.items() if holds]


def _sum(lines: Mapping[str, Mapping[str, int]], names: Sequence[str], what: str) -> int:
    return sum(lines[name][what] for name in names)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
