"""The monthly customer report, and the customers behind each of its lines."""

import re
from typing import Literal

from fastapi import APIRouter, Request, Response
from perennial.contracts.reports import ReportPublished
from perennial.kit.auth import Principal, require
from perennial.kit.http import returns, show
from perennial.kit.paging import Paging, listing
from perennial.kit.problems import Fault, fault_at
from perennial.kit.runtime import Runtime

from lifecycle import store, views
from lifecycle.api.reach import Running, needs_all_rows
from lifecycle.domain.months import month_after, month_starts
from lifecycle.domain.report import LINES

router = APIRouter()
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


@router.get("/reports/{month}", responses=returns(ReportPublished))
async def get_report(
    month: str, running: Running, who: Principal = require("reports:read")
) -> Response:
    """The monthly customer report as it was published."""
    needs_all_rows(who)
    return show(await _report(running, _month(month)))


@router.get("/reports/{month}/lines/{line}", summary="The customers behind one line of a report")
async def get_report_line(
    request: Request,
    month: str,
    line: Literal[*LINES],  # type: ignore[valid-type]  # the lines are named once, in the domain
    running: Running,
    page: Paging,
    who: Principal = require("reports:read"),
) -> Response:
    needs_all_rows(who)
    entries = await _line(running, _month(month), line)
    after = page.after[0] if page.after else ""
    rows = [entry for entry in entries if entry.customer_id > after]
    return listing(request, page, rows, lambda row: (row.customer_id,))


async def _report(running: Runtime, month: str) -> ReportPublished:
    """The report of a month, or why there is none."""
    found = await store.published_report(running.pool, month)
    if found is not None:
        return found
    first = await store.first_activation(running.pool)
    ends = month_starts(month_after(month), running.world().calendar.timezone)
    if running.now() < ends:
        why = "is not over; its report is published once it is"
    elif first is None or ends <= first:
        began = f"on {first.date()}" if first else "and none has been yet"
        why = f"lies before the first customer was activated, {began}: there is nothing to report"
    else:
        why = "is over, and its report is being made: ask again in a minute"
    raise Fault(404, "no-report", f"{month} {why}")


async def _line(running: Runtime, month: str, line: str) -> list[views.LineEntry]:
    world = running.world()
    zone = world.calendar.timezone
    opens, closes = month_starts(month, zone), month_starts(month_after(month), zone)
    rows = await store.months(running.pool, opens, closes)
    return views.line_entries(rows, line, world.policy.report.steady_band)


def _month(month: str) -> str:
    if not _MONTH.fullmatch(month):
        raise fault_at(422, "month-invalid", "/path/month", "write it as 1997-03")
    return month
