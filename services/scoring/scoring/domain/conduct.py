"""How a customer's orders went: what S7 reads of them beside their sums.

Sums over the set of orders, exact in any order of arrival.
"""

from collections.abc import Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

import msgspec
from perennial.contracts.scores import OrderEffect

from scoring.domain.grading import UNKNOWN, Graded, Reading, Readings, both, read_from
from scoring.domain.history import History
from scoring.domain.periods import DAYS_A_MONTH, business_day, month_end, month_index
from scoring.domain.personas import number_in
from scoring.policy import Grades

MONTHS_A_YEAR = 12


class Conduct(msgspec.Struct, frozen=True, omit_defaults=True):
    """Counts of orders, money in minor units."""

    placed: int = 0
    cancelled: int = 0
    late: int = 0
    """Paid after the term that the policy gave then."""
    gross: int = 0
    """Revenue as placed."""
    returned: int = 0
    unpaid: dict[int, int] = {}
    """Open orders not paid yet, by the month they were placed in (months since year 0)."""


NO_ORDERS = Conduct()


def with_order(conduct: Conduct, effect: OrderEffect) -> Conduct:
    """The conduct after an order fact."""
    placed, cancelled, late = conduct.placed, conduct.cancelled, conduct.late
    gross, returned, unpaid = conduct.gross, conduct.returned, conduct.unpaid
    match effect.kind:
        case "placed":
            placed += 1
            gross += effect.revenue
            if not effect.paid:
                unpaid = _counted(unpaid, effect.day, 1)
        case "paid":
            late += effect.late
            unpaid = _counted(unpaid, effect.day, -1)
        case "returned":
            returned -= effect.revenue
        case "cancelled":
            cancelled += 1
            if not effect.paid:
                unpaid = _counted(unpaid, effect.day, -1)
        case "taken" | "left":
            return _changed_hands(conduct, effect, 1 if effect.kind == "taken" else -1)
    return Conduct(placed, cancelled, late, gross, returned, unpaid)


def _changed_hands(conduct: Conduct, effect: OrderEffect, sign: int) -> Conduct:
    """All that one order had added so far, at once."""
    open_unpaid = not effect.paid and not effect.cancelled
    return Conduct(
        conduct.placed + sign,
        conduct.cancelled + sign * effect.cancelled,
        conduct.late + sign * effect.late,
        conduct.gross + sign * effect.gross,
        conduct.returned + sign * effect.returned,
        _counted(conduct.unpaid, effect.day, sign) if open_unpaid else conduct.unpaid,
    )


def _counted(unpaid: dict[int, int], day: date, orders: int) -> dict[int, int]:
    month = month_index(day)
    left = unpaid.get(month, 0) + orders
    if left:
        return {**unpaid, month: left}
    return {other: count for other, count in unpaid.items() if other != month}


def actual(
    history: History, conduct: Conduct, attributes: Mapping[str, str], today: date, rules: Grades
) -> Readings:
    """The five dimensions as the orders tell them."""
    revenue, margin = _yearly(history, month_index(today), rules.months)
    quantiles, told = rules.quantiles, rules.expected
    profit = UNKNOWN
    if margin is not None:
        profit = Reading(
            quantiles["profit"].score(margin), "{:,.2f} margin a year", (margin / 100,)
        )
    return (
        Reading(quantiles["revenue"].score(revenue), "{:,.2f} a year", (revenue / 100,)),
        profit,
        _efficiency(margin, attributes, rules),
        both(_ease(conduct, rules), read_from(attributes, told.get("ease", ()))),
        both(
            _integrity(history, conduct, today, rules),
            read_from(attributes, told.get("integrity", ())),
        ),
    )


def next_look(graded: Graded, history: History, zone: ZoneInfo, months: int) -> datetime | None:
    """When silence is judged, if no order comes: as the last order's month leaves the window, and,
    where that would move the grade, once more a month later."""
    if graded.basis != "actual" or graded.at is None or history.last is None:
        return None
    gone = month_end(month_index(history.last) + months - 1, zone)
    if graded.at < gone:
        return gone
    if graded.pending is None:
        return None
    return month_end(month_index(business_day(graded.at, zone)), zone)


def _yearly(history: History, this_month: int, months: int) -> tuple[float, float | None]:
    """Revenue and margin of the window as yearly figures; margin only where the costs of its orders
    are known, or of all orders where it is empty."""
    first = this_month - months
    revenue = margin = uncosted = 0
    silent = True
    for index, month in history.months.items():
        if index > first:
            silent = False
            revenue += month.revenue
            margin += month.value
            uncosted |= month.uncosted
    if silent:
        uncosted = any(month.uncosted for month in history.months.values())
    times = MONTHS_A_YEAR / months
    return revenue * times, None if uncosted else margin * times


def _efficiency(margin: float | None, attributes: Mapping[str, str], rules: Grades) -> Reading:
    people = number_in(attributes.get(rules.team, "")) if attributes else None
    if margin is None or people is None or people <= 0:
        return UNKNOWN
    each = margin / people
    told = "{:,.2f} margin a year for each of {:g} people"
    return Reading(rules.quantiles["efficiency"].score(each), told, (each / 100, people))


def _ease(conduct: Conduct, rules: Grades) -> Reading:
    share = conduct.returned / conduct.gross if conduct.gross > 0 else 0.0
    return Reading(rules.quantiles["returned"].score(share), "{:.1%} given back", (share,))


def _integrity(history: History, conduct: Conduct, today: date, rules: Grades) -> Reading:
    overdue = 0
    if conduct.unpaid:
        latest = month_index(today) - round(rules.payment_days / DAYS_A_MONTH) - 1
        overdue = sum(orders for month, orders in conduct.unpaid.items() if month <= latest)
    judged = history.paid + overdue + conduct.cancelled
    if judged <= 0:
        return UNKNOWN
    in_time = max(0, history.paid - conduct.late)
    told = "{} of {} orders paid in time, {} late, {} overdue, {} cancelled"
    return Reading(
        rules.quantiles["in-time"].score(in_time / judged),
        told,
        (in_time, judged, conduct.late, overdue, conduct.cancelled),
    )
