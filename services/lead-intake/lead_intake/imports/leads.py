"""Rows of a lead list or pipeline export: who was met when, who holds it, and how it ended."""

from collections.abc import Mapping as Stages
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from perennial.contracts.base import Currency, Id, Minor

from lead_intake.imports.mapping import Blank, Layout, MappingError, odd_currency, odd_formats
from lead_intake.imports.reading import Table
from lead_intake.imports.rows import LONGEST_ID, RowFault, RowReader

Stage = Literal["open", "won", "lost", "disqualified"]
Outcome = Literal["", "won", "lost", "disqualified"]


class LeadMapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields of a lead and the columns they stand in."""

    source: Id
    """Name of the system the export comes from; ids are unique within it."""
    layout: Layout = Layout()
    lead: str = ""
    """Without it rows are told apart by content and by how manyth they are in the file."""
    party: str = ""
    """The system's own id or name of the company or person."""
    date: str = ""
    """First contact. Without it the file is a list of how leads ended that are known otherwise."""
    date_otherwise: datetime | None = None
    """Taken where the first contact is blank."""
    date_formats: list[str] = []
    timezone: str = "UTC"
    stage: str = ""
    """Column that says how it stands."""
    stages: dict[Stage, list[str]] = {}
    """Its values by what they mean; without `open`, whatever is not named is open."""
    close_date: str = ""
    close_value: str = ""
    reason: str = ""
    reason_otherwise: str = "not said in the export"
    """Of a lost lead whose row gives none."""
    holder: str = ""
    """The sales agent's id in the register; leave it out where leads shall be assigned anew."""
    opportunities: bool = False
    """Every row is one already, as in a pipeline: it waits for a seller at once."""
    product: str = ""
    campaign: str = ""
    value: str = ""
    """What it is expected to bring."""
    decimal: Literal["auto", ".", ","] = "auto"
    minor_units: bool = False
    round: bool = False
    currency: Currency = "USD"
    blanks: dict[str, Blank] = {}
    channel: str = "import"
    channel_column: str = ""
    tags: list[str] = []
    person: dict[Literal["name", "email", "phone", "address"], str] = {}
    organisation: dict[Literal["name", "registration", "domain", "address"], str] = {}
    attributes: dict[str, str] = {}

    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """What one row says of the beginning. Its encoding, contact data apart, tells it from others."""

    lead: str
    party: str
    at: datetime
    channel: str
    campaign: str
    product: str
    value: Minor | None
    holder: str
    attributes: dict[str, str]


class LeadLine(msgspec.Struct, frozen=True, kw_only=True):
    """One row: the lead, and its end where it has one."""

    capture: Capture
    begins: bool = True
    """It tells of the lead itself, not only of its end."""
    person: dict[str, str]
    organisation: dict[str, str]
    outcome: Outcome = ""
    closed_at: datetime | None = None
    close_value: Minor | None = None
    reason: str = ""


class LeadReader(RowReader):
    """Reads rows of a lead list."""

    def __init__(self, mapping: LeadMapping, table: Table, sample: Sequence[Sequence[str]]) -> None:
        columns = _columns(mapping)
        super().__init__(
            mapping, table, sample, columns, {"value", "close_value"}, ("date", "close_date")
        )
        self._rules = mapping
        self._stages = {
            value.casefold(): stage for stage, values in mapping.stages.items() for value in values
        }

    def read(self, cells: Sequence[str]) -> LeadLine:
        """The row as a lead. Raises `RowFault`."""
        if len(cells) != self._width:
            self._complain_of_width(cells)
        outcome = self._outcome(cells)
        line = LeadLine(
            capture=self._capture(cells),
            begins="date" in self._places,
            person=self._group(cells, "person"),
            organisation=self._group(cells, "organisation"),
        )
        return self._ended(cells, line, outcome) if outcome else line

    def _capture(self, cells: Sequence[str]) -> Capture:
        rules = self._rules
        return Capture(
            lead=self._short(cells, "lead") if "lead" in self._places else "",
            party=self._cell(cells, "party")[:LONGEST_ID],
            at=self._begins(cells),
            channel=self._cell(cells, "channel_column") or rules.channel,
            campaign=self._cell(cells, "campaign"),
            product=self._cell(cells, "product")[:LONGEST_ID],
            value=self._worth(cells, "value"),
            holder=self._cell(cells, "holder"),
            attributes=self._group(cells, "attributes"),
        )

    def _begins(self, cells: Sequence[str]) -> datetime:
        if "date" not in self._places:
            return self._date(cells, "close_date")
        otherwise = self._rules.date_otherwise
        if otherwise is not None and not self._cell(cells, "date"):
            return otherwise if otherwise.tzinfo else otherwise.replace(tzinfo=UTC)
        return self._date(cells)

    def _outcome(self, cells: Sequence[str]) -> Outcome:
        if "stage" not in self._places:
            return "won" if self._cell(cells, "close_date") else ""
        told = self._cell(cells, "stage")
        stage = self._stages.get(told.casefold())
        if stage is None and told and self._rules.stages.get("open"):
            raise RowFault("stage", f"{told!r} is not among `stages`")
        return "" if stage is None or stage == "open" else stage

    def _ended(self, cells: Sequence[str], line: LeadLine, outcome: Outcome) -> LeadLine:
        lost = outcome in ("lost", "disqualified")
        reason = self._cell(cells, "reason") or self._rules.reason_otherwise
        return msgspec.structs.replace(
            line,
            outcome=outcome,
            closed_at=self._date(cells, "close_date"),
            close_value=None if lost else self._worth(cells, "close_value"),
            reason=reason if lost else "",
        )

    def _worth(self, cells: Sequence[str], field: str) -> int | None:
        if field not in self._places or not self._cell(cells, field):
            return None
        return abs(self._minor(self._number(cells, field), self._rules.currency, field))


def parse_lead_mapping(document: bytes, name: str = "mapping") -> LeadMapping:
    """The mapping, checked as far as it can be without the data. Raises `MappingError`."""
    try:
        mapping = msgspec.yaml.decode(document, type=LeadMapping)
        mapping.zone()
    except msgspec.DecodeError as error:
        raise MappingError(f"{name}: {error}") from error
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise MappingError(f"{name}: `timezone` is not a name as Europe/Berlin") from error
    complaint = _complaint(mapping)
    if complaint:
        raise MappingError(f"{name}: {complaint}")
    return mapping


def _complaint(mapping: LeadMapping) -> str:
    if odd := odd_formats(mapping.date_formats) or odd_currency(mapping.currency):
        return odd
    if not mapping.date and not (mapping.lead and mapping.close_date):
        return "map `date`, the first contact; or, for a list of wins, `lead` and `close_date`"
    if mapping.stage and not _ends(mapping.stages):
        return "say what the values of `stage` mean in `stages`"
    if mapping.stage and not mapping.close_date:
        return "map `close_date`: what has ended has ended on a day"
    return ""


def _ends(stages: Stages[Stage, list[str]]) -> bool:
    return any(values for stage, values in stages.items() if stage != "open")


_FIELDS = (
    "lead", "party", "date", "stage", "close_date", "close_value", "reason", "holder", "product",
    "campaign", "value", "channel_column",
)  # fmt: skip


def _columns(mapping: LeadMapping) -> dict[str, str]:
    """Fields and the columns they stand in, those of groups under dotted names."""
    found: dict[str, str] = {name: getattr(mapping, name) for name in _FIELDS}
    for group in ("person", "organisation", "attributes"):
        named: dict[str, str] = getattr(mapping, group)
        found |= {f"{group}.{name}": column for name, column in named.items()}
    return {name: column for name, column in found.items() if column}
