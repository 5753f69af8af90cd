"""One row of a file, cell by cell: dates, numbers and blanks as the mapping says, or what is wrong."""

from collections.abc import Mapping as Columns
from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from lead_intake.domain.money import digits
from lead_intake.imports.dates import DateReader, NotADate, find_formats
from lead_intake.imports.numbers import NotANumber, find_decimal, number
from lead_intake.imports.reading import Table

LONGEST_ID = 128
_NOISE = Decimal("0.001")
"""Of a minor unit: what binary fractions leave behind in exports."""


class RowFault(Exception):
    """Why a row is left out: `skipped` by the mapping's wish, else rejected."""

    def __init__(self, field: str, reason: str, status: str = "rejected") -> None:
        super().__init__(reason)
        self.field, self.reason, self.status = field, reason, status


class RowReader:
    """Reads rows of one file. What the mapping leaves open is settled from a sample, or refused."""

    def __init__(
        self,
        mapping: Any,
        table: Table,
        sample: Sequence[Sequence[str]],
        columns: Columns[str, str],
        numeric: set[str],
        dated: Sequence[str],
    ) -> None:
        self._mapping = mapping
        self._columns = columns
        self._width = len(table.columns)
        self._places = {name: table.place_of(column) for name, column in columns.items()}
        self._dates = {
            name: self._date_reader(name, sample) for name in dated if name in self._places
        }
        self._decimals = {
            name: self._decimal_of(name, sample) for name in numeric & self._places.keys()
        }

    def column_of(self, field: str) -> str:
        """The file's own name of a field, for the report."""
        return self._columns.get(field, field)

    def _date_reader(self, field: str, sample: Sequence[Sequence[str]]) -> DateReader:
        texts = [text for text in self._texts(field, sample) if text]
        formats = self._mapping.date_formats or (find_formats(texts) if texts else ["iso"])
        return DateReader(formats, self._mapping.zone())

    def _texts(self, field: str, sample: Sequence[Sequence[str]]) -> list[str]:
        place = self._places[field]
        return [cells[place].strip() for cells in sample if len(cells) > place]

    def _decimal_of(self, field: str, sample: Sequence[Sequence[str]]) -> str:
        if self._mapping.decimal != "auto":
            return str(self._mapping.decimal)
        return find_decimal(text for text in self._texts(field, sample) if text)

    def _cell(self, cells: Sequence[str], field: str) -> str:
        place = self._places.get(field)
        text = cells[place].strip() if place is not None else ""
        if "\0" in text:
            raise RowFault(field, "contains the character U+0000")
        return text

    def _needed(self, cells: Sequence[str], field: str) -> str:
        text = self._cell(cells, field)
        if not text:
            wish = self._mapping.blanks.get(field, "reject")
            if wish == "zero":
                return "0"
            status = "skipped" if wish == "skip" else "rejected"
            raise RowFault(field, "is blank", status)
        return text

    def _short(self, cells: Sequence[str], field: str) -> str:
        text = self._needed(cells, field)
        if len(text) > LONGEST_ID:
            raise RowFault(field, f"is longer than {LONGEST_ID} characters")
        return text

    def _number(self, cells: Sequence[str], field: str) -> Decimal:
        try:
            return number(self._needed(cells, field), self._decimals[field])
        except NotANumber as error:
            raise RowFault(field, str(error)) from error

    def _minor(self, value: Decimal, currency: str, field: str, rounded: bool = False) -> int:
        exact = value if self._mapping.minor_units else value.scaleb(digits(currency))
        whole = exact.to_integral_value(ROUND_HALF_EVEN)
        if abs(exact - whole) > _NOISE and not (rounded or self._mapping.round):
            raise RowFault(field, f"{value} is finer than the smallest unit of {currency}")
        if abs(whole) > 10**15:
            raise RowFault(field, f"{value} is too large")
        return int(whole)

    def _date(self, cells: Sequence[str], field: str = "date") -> datetime:
        try:
            return self._dates[field].read(self._needed(cells, field))
        except NotADate as error:
            raise RowFault(field, str(error)) from error

    def _group(self, cells: Sequence[str], group: str) -> dict[str, str]:
        names: dict[str, str] = getattr(self._mapping, group)
        return {name: text for name in names if (text := self._cell(cells, f"{group}.{name}"))}

    def _complain_of_width(self, cells: Sequence[str]) -> None:
        """Rows that are too wide have moved; those that are short may have lost blank ends only."""
        if len(cells) > self._width and any(cells[self._width :]):
            raise RowFault(
                "",
                f"has {len(cells)} cells under {self._width} columns: quote what holds a delimiter",
            )
        if len(cells) <= max(self._places.values()):
            raise RowFault("", f"has {len(cells)} of {self._width} cells")
