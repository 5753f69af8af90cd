"""The monthly customer report, written by lifecycle under the key `report`."""

from typing import ClassVar

import msgspec

from perennial.contracts.base import Event, Minor


class MonthClosed(Event, frozen=True, kw_only=True):
    """A month has ended in the tenant's zone: its report is due. Keyed `report`."""

    TYPE: ClassVar[str] = "perennial.report.month-closed.v1"
    month: str


class ReportLine(msgspec.Struct, frozen=True, kw_only=True):
    """One class of the monthly report."""

    customers: int
    value: Minor


class ReportPublished(Event, frozen=True, kw_only=True):
    """The monthly customer report (C13); both equations of RULES.md hold to the cent.

    Lines: opening, new, reactivated, unmerged, risen, fallen, steady, lost, released, merged,
    revaluation, closing; whoever is merged takes its value along, and its root has risen by it;
    classes: rising, steady, declining, too-early; recovered is shown beside.
    """

    TYPE: ClassVar[str] = "perennial.report.published.v1"
    month: str
    currency: str
    lines: dict[str, ReportLine]
    classes: dict[str, ReportLine]
    accountable: dict[str, ReportLine]
    """By department."""
    people: dict[str, ReportLine] = {}
    """By the named owner, those with the most value first (at most 50; the rest as `others`)."""
