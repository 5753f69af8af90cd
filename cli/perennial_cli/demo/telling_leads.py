"""The leads' half of the last page: funnel, sellers, pool, fairness, and how early warnings came."""

from collections.abc import Iterator
from typing import Any

from rich.table import Table

from perennial_cli.demo.funnel import Funnel, Stretch, Turnover
from perennial_cli.demo.report import Report
from perennial_cli.demo.tables import NO, YES, money, table

DAY_SECONDS = 86_400


def tables(report: Report) -> Iterator[tuple[str, Table]]:
    """Title and table, in the order of a lead's life."""
    yield _funnel_title(report.funnel), _funnel(report.funnel)
    yield _sellers_title(report.turnover), _sellers(report.turnover)
    yield _pool_title(report.turnover), _fairness(report.turnover)
    yield "Grades of leads (expected) and of customers", _grades(report.grades)
    yield "How long before the end the holder was warned", _warnings(report.alerts)


def _funnel_title(one: Funnel) -> str:
    days = f"; {one.days_to_win:.1f} days from ready to won" if one.days_to_win else ""
    return f"From lead to win by channel: {one.everything.conversion:.0%} of all were won{days}"


def _funnel(one: Funnel) -> Table:
    made = table(
        "channel",
        "captured",
        "ready",
        "assigned",
        "won",
        "lost",
        "won of all",
        "cost",
        "a win cost",
    )
    for stretch in one.by_channel:
        made.add_row(*_stretch(stretch))
    made.add_row(*_stretch(one.everything), style="bold")
    return made


def _stretch(one: Stretch) -> list[str]:
    counts = (one.captured, one.ready, one.assigned, one.won, one.lost)
    cost = "·" if one.cost_per_win is None else f"${one.cost_per_win / 100:,.2f}"
    return [
        one.channel,
        *(_count(n) for n in counts),
        f"{one.conversion:.0%}",
        money(one.cost),
        cost,
    ]


def _sellers_title(one: Turnover) -> str:
    return (
        f"{one.assignments:,} holdings, {one.turned_over:,} of them turned over ({one.rate:.0%}); "
        f"{one.won_by_later_holders:,} of {one.second_holders:,} leads with a later holder were won"
    )


def _sellers(one: Turnover) -> Table:
    made = table(
        "seller",
        "team",
        "level",
        "held",
        "turned over",
        "released",
        "won",
        "lost",
        "turnover",
        left=2,
    )
    for seller in one.by_seller:
        counts = (seller.held, seller.turned_over, seller.released, seller.won, seller.lost)
        made.add_row(
            seller.person,
            seller.team,
            str(seller.level),
            *(_count(n) for n in counts),
            f"{seller.turnover:.0%}",
        )
    return made


def _pool_title(one: Turnover) -> str:
    pool = one.pool
    return (
        f"Public pool: {pool.entered:,} came in, {pool.claimed:,} were claimed "
        f"({pool.won_after_claim:,} won), {pool.back_to_nurture:,} went back to nurture, "
        f"{pool.lying:,} lie there; even shares within a level"
    )


def _fairness(one: Turnover) -> Table:
    made = table(
        "grade", "matched", "to the lowest level", "farthest off", "expected", "got", "±", "fair"
    )
    for fair in one.fairness:
        made.add_row(
            fair.grade,
            f"{fair.assigned:,}",
            f"{fair.lowest_level / fair.assigned:.0%}",
            fair.worst,
            f"{fair.expected:.1f}",
            f"{fair.actual:,}",
            f"{fair.bound:.1f}",
            YES if fair.within else NO,
        )
    return made


def _grades(grades: dict[str, dict[str, int]]) -> Table:
    names = sorted({name for counts in grades.values() for name in counts})
    made = table("", *names)
    for what, counts in grades.items():
        made.add_row(what, *(_count(counts.get(name, 0)) for name in names))
    return made


def _warnings(alerts: dict[str, Any]) -> Table:
    made = table("clock", "rung", "warned", "least days before", "usual days before", left=2)
    for one in alerts["lead_times"]:
        days = (one["raised_least"] / DAY_SECONDS, one["raised_median"] / DAY_SECONDS)
        made.add_row(
            one["clock"], one["rung"], f"{one['warned']:,}", *(f"{day:.1f}" for day in days)
        )
    return made


def _count(number: int) -> str:
    return f"{number:,}" if number else "·"
