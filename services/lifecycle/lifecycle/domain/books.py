"""The months that are closed and reported: one subject, keyed `report`."""

from datetime import datetime

import msgspec
from perennial.contracts.base import At, Decision, Event, Fact, Refusal, State, TimerFired
from perennial.contracts.reports import MonthClosed, ReportPublished

from lifecycle.domain.months import month_after, month_starts
from lifecycle.domain.report import reconciles
from lifecycle.domain.requests import PublishReport
from lifecycle.domain.world import World

KEY = "report"
replace = msgspec.structs.replace


class Books(State, frozen=True, kw_only=True):
    closed: str = ""
    """The last month that ended, as `1997-03`."""
    published: str = ""
    """The last month reported; a report stands for ever."""


def react(books: Books, fact: Fact, world: World, _now: datetime) -> Decision:
    match fact.data:
        case TimerFired():
            return [MonthClosed(month=month_after(_latest(books)))]
        case PublishReport() as wish:
            return _publish(books, wish, world)
    return []


def evolve(books: Books, event: Event, _now: datetime) -> Books:
    match event:
        case MonthClosed(month=month):
            return replace(books, closed=month)
        case ReportPublished(month=month):
            return replace(books, published=month, closed=max(month, books.closed))
    return books


def due(books: Books, world: World) -> dict[str, datetime]:
    """From the first report on, every month ends by itself, in the tenant's zone."""
    latest = _latest(books)
    return {"month-close": ends(month_after(latest), world)} if latest else {}


def ends(month: str, world: World) -> datetime:
    return month_starts(month_after(month), world.calendar.timezone)


def _latest(books: Books) -> str:
    return max(books.closed, books.published)


def _publish(books: Books, wish: PublishReport, world: World) -> Decision:
    if books.published and wish.month <= books.published:
        return []
    if books.published and wish.month != month_after(books.published):
        return Refusal(
            code="month-out-of-order",
            detail=f"{month_after(books.published)} must be reported first.",
            pointer="/month",
        )
    if not reconciles(wish.lines):
        return Refusal(
            code="does-not-reconcile",
            detail="The lines do not add up to closing; nothing is published.",
            pointer="/lines",
            kind="invalid",
        )
    published = ReportPublished(
        month=wish.month,
        currency=world.policy.reporting_currency,
        lines=wish.lines,
        classes=wish.classes,
        accountable=wish.accountable,
        people=wish.people,
    )
    return [At(published, ends(wish.month, world))]
