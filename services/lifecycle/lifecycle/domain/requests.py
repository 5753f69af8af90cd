"""What a person may ask for: wishes that can be refused, folded like facts."""

from typing import ClassVar, Literal

import msgspec
from perennial.contracts.base import Id, Minor, Text
from perennial.contracts.reports import ReportLine
from perennial.contracts.teams import Department


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A wish with a name, so that one that waits can be read back."""

    TYPE: ClassVar[str] = ""


class LightRedLight(Request, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "request.customer.light-red-light"
    reason: Text


class DiagnoseWinback(Request, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "request.winback.diagnose"
    cause: str
    department: Department | None = None
    """Where the cause's own department, by the policy, is not the one to act."""
    owner: str = ""
    actions: list[str] = []
    competitor: str = ""
    note: Text = ""


class CloseWinback(Request, frozen=True, kw_only=True):
    """Recovery is no wish: it is seen in the orders, and closes the case by itself."""

    TYPE: ClassVar[str] = "request.winback.close"
    outcome: Literal["lost", "light-cleared"]
    reason: Text


class GiveLostReason(Request, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "request.customer.give-lost-reason"
    reason: Text
    competitor: str = ""


class ReleaseCustomer(Request, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "request.customer.release"
    reason: Text


class Rewatch(Request, frozen=True, kw_only=True):
    """Look again at who watches; sent by the job that follows departures and leave."""

    TYPE: ClassVar[str] = "request.customer.rewatch"
    reason: str


class ConfirmPersona(Request, frozen=True, kw_only=True):
    """This is a customer for us, though no persona says so."""

    TYPE: ClassVar[str] = "request.customer.confirm-persona"
    reason: Text


class ConfirmHandover(Request, frozen=True, kw_only=True):
    """One item of the open hand-over is done."""

    TYPE: ClassVar[str] = "request.customer.confirm-handover"
    item: Id
    note: Text = ""


class JudgeVip(Request, frozen=True, kw_only=True):
    """A month ended in which much was bought, or a VIP bought little; sent by the job."""

    TYPE: ClassVar[str] = "request.customer.judge-vip"
    last: str
    months: list[Minor]
    """Revenue of the last full months, oldest first."""


class PublishReport(Request, frozen=True, kw_only=True):
    """The report of a closed month, computed from the history by the job."""

    TYPE: ClassVar[str] = "request.report.publish"
    month: str
    lines: dict[str, ReportLine]
    classes: dict[str, ReportLine]
    accountable: dict[str, ReportLine]
    people: dict[str, ReportLine]


REQUESTS = (
    LightRedLight,
    DiagnoseWinback,
    CloseWinback,
    GiveLostReason,
    ReleaseCustomer,
    Rewatch,
    ConfirmPersona,
    ConfirmHandover,
    JudgeVip,
    PublishReport,
)
