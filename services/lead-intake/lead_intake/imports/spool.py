"""Lines on disk: counted, grouped into facts and sorted by business time, in bounded memory.

A row without an id is told by its content and by how manyth of that content it is within its
delivery: real repetitions stay, deliveries of the same rows unite. SQLite does the sorting.
"""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from itertools import groupby, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from lead_intake.imports.facts import (
    ENDS,
    Sayable,
    disagreement,
    fact_of_order,
    fact_of_other,
    facts_of_lead,
)
from lead_intake.imports.leads import LeadLine, LeadMapping
from lead_intake.imports.lines import Line
from lead_intake.imports.mapping import Mapping
from lead_intake.imports.report import RowWord

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
PRAGMA cache_size = -32000;
CREATE TABLE line (n INTEGER PRIMARY KEY, ident TEXT, digest BLOB, body BLOB);
CREATE TABLE fact (at INTEGER, rank INTEGER, n INTEGER, rows BLOB, body BLOB);
"""
_COUNTED = """
SELECT n, ident, digest, body, row_number() OVER (PARTITION BY digest ORDER BY n) AS nth
FROM line ORDER BY ident, digest, n
"""
_SORTED = "SELECT rows, body, rank FROM fact ORDER BY at, rank, n LIMIT -1 OFFSET ?"
_BLOCK = 5_000

_pack = msgspec.msgpack.Encoder(order="deterministic").encode
_unpack = msgspec.msgpack.Decoder(Line).decode
_unpack_lead = msgspec.msgpack.Decoder(LeadLine).decode
_pack_rows = msgspec.msgpack.Encoder().encode
_unpack_rows = msgspec.msgpack.Decoder(list[int]).decode

_Stored = tuple[int, int, int, bytes, bytes]
Sendable = tuple[list[int], bytes, bool]
"""The rows that a fact comes from, the fact as one line of NDJSON, and whether it ends what another
fact of the same row began."""


class Spool(ABC):
    """The lines of one import between reading and sending."""

    def __init__(self, base: sqlite3.Connection) -> None:
        self._base = base

    def fill(self, lines: Iterable[tuple[int, Any]]) -> None:
        """Put lines on disk as they are read."""
        stored = ((n, *self._told(line), _pack(line)) for n, line in lines)
        while block := list(islice(stored, _BLOCK)):
            self._base.executemany("INSERT INTO line VALUES (?, ?, ?, ?)", block)

    def group(self) -> list[RowWord]:
        """Make facts of the lines. Returns a word for every row that is in none."""
        left_out: list[RowWord] = []
        facts = self._facts(left_out)
        while block := list(islice(facts, _BLOCK)):
            self._base.executemany("INSERT INTO fact VALUES (?, ?, ?, ?, ?)", block)
        return left_out

    def count(self) -> int:
        return int(self._base.execute("SELECT count(*) FROM fact").fetchone()[0])

    def facts(self, after: int = 0) -> Iterator[Sendable]:
        """All facts by business time, from a place on; what belongs to an order follows it."""
        for rows, body, rank in self._base.execute(_SORTED, (after,)):
            yield _unpack_rows(rows), body, rank == ENDS

    @abstractmethod
    def _told(self, line: Any) -> tuple[str, bytes]:
        """The name under which rows belong together, if any, and what tells this one from others."""

    @abstractmethod
    def _facts(self, left_out: list[RowWord]) -> Iterator[_Stored]:
        """What the lines say; a word in `left_out` for each row that is in none."""


class LeadSpool(Spool):
    """Leads, each a row of its own."""

    def __init__(self, base: sqlite3.Connection, mapping: LeadMapping) -> None:
        super().__init__(base)
        self._mapping = mapping

    def _told(self, line: LeadLine) -> tuple[str, bytes]:
        """By how it began: the same row is known again when its lead has ended."""
        return "", blake2b(_pack(line.capture), digest_size=12).digest()

    def _facts(self, left_out: list[RowWord]) -> Iterator[_Stored]:
        for n, _, digest, body, nth in self._base.execute(_COUNTED):
            line = _unpack_lead(body)
            for fact in facts_of_lead(line, f"{digest.hex()}-{nth}", self._mapping):
                yield _stored(fact, [n])


class OrderSpool(Spool):
    """Orders and what is said of them; several rows may be one order."""

    def __init__(self, base: sqlite3.Connection, mapping: Mapping) -> None:
        super().__init__(base)
        self._mapping = mapping

    def _told(self, line: Line) -> tuple[str, bytes]:
        return f"{line.order}\0{line.kind}" if line.order else "", _digest(line)

    def _facts(self, left_out: list[RowWord]) -> Iterator[_Stored]:
        rows = self._base.execute(_COUNTED)
        for ident, group in groupby(rows, key=lambda row: row[1]):
            if ident.endswith("\0order"):
                yield from self._order(self._distinct(group, left_out), left_out)
                continue
            for n, _, digest, body, nth in group:
                fact = fact_of_other(_unpack(body), f"{digest.hex()}-{nth}", self._mapping)
                yield _stored(fact, [n])

    def _order(self, lines: list[tuple[int, Line]], left_out: list[RowWord]) -> Iterator[_Stored]:
        lines.sort(key=lambda numbered: numbered[0])
        rows = [n for n, _ in lines]
        fault = disagreement([line for _, line in lines])
        if fault:
            reason = f"rows {_some(rows)} of order {lines[0][1].order} name different ones"
            left_out += [
                RowWord(row=n, status="rejected", field=fault, reason=reason) for n in rows
            ]
            return
        yield _stored(fact_of_order([line for _, line in lines], self._mapping), rows)

    def _distinct(
        self, group: Iterable[tuple[int, str, bytes, bytes, int]], left_out: list[RowWord]
    ) -> list[tuple[int, Line]]:
        """The lines of one order; an identical one again is a second delivery, if so mapped."""
        kept: list[tuple[int, Line]] = []
        first = 0
        for n, _, _, body, nth in group:
            first = n if nth == 1 else first
            if nth > 1 and self._mapping.repeated_lines == "same":
                reason = f"same as row {first}; `repeated_lines: real` counts both"
                left_out.append(RowWord(row=n, status="duplicate", reason=reason))
            else:
                kept.append((n, _unpack(body)))
        return kept


@contextmanager
def open_spool(mapping: Mapping | LeadMapping) -> Iterator[Spool]:
    """A spool in a folder of its own that only this user can read and that goes when it is done."""
    with TemporaryDirectory(prefix="perennial-import-") as folder:
        base = sqlite3.connect(Path(folder) / "spool.db", isolation_level=None)
        base.executescript(_SCHEMA)
        base.execute("BEGIN")
        try:
            if isinstance(mapping, LeadMapping):
                yield LeadSpool(base, mapping)
            else:
                yield OrderSpool(base, mapping)
        finally:
            base.close()


def _digest(line: Line) -> bytes:
    """What tells a row from others: all but contact data, which may be mended between deliveries,
    and the customer, who follows from the order a row refers to."""
    told = msgspec.structs.replace(line, person={}) if line.person else line
    if line.kind != "order":
        told = msgspec.structs.replace(told, customer="")
    return blake2b(_pack(told), digest_size=12).digest()


def _some(rows: list[int]) -> str:
    return ", ".join(map(str, rows[:5])) + (", …" if len(rows) > 5 else "")


def _stored(fact: Sayable, rows: list[int]) -> _Stored:
    return fact.at, fact.rank, rows[0], _pack_rows(rows), fact.body
