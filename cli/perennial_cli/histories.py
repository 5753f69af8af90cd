"""Recorded histories in files, as facts in the order of their time, whatever order they lie in.

NDJSON takes the lines of the bulk routes and structured CloudEvents; any other file is read
through a mapping of its columns. Sorting is done on disk.
"""

import gzip
import heapq
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import msgspec
from lead_intake.imports.leads import LeadLine, LeadMapping, LeadReader
from lead_intake.imports.lines import Line, LineReader
from lead_intake.imports.mapping import Mapping, MappingError
from lead_intake.imports.reading import Row, Table, open_table
from lead_intake.imports.rows import RowFault
from lead_intake.imports.spool import open_spool
from perennial.contracts.partner import (
    PARTNER_EVENTS,
    CancelOrder,
    CaptureLead,
    CloseLead,
    PlaceOrder,
    RecordActivity,
    RecordPayment,
    RecordReturn,
)
from perennial.contracts.strict import Malformed, check_moment, decode_json, malformed
from perennial.contracts.structured import read_structured

from perennial_cli.driving import History
from perennial_cli.trouble import Trouble

LINES = (".ndjson", ".jsonl")
_SAMPLE = 5_000
_BLOCK = 5_000


class _Shape(NamedTuple):
    """A kind of fact: which of its fields say what it is, about what, and when it happened."""

    event: type[Any]
    own: str
    about: str
    date: str


_SHAPES: dict[str, _Shape] = {
    "lead": _Shape(CaptureLead, "lead", "lead", "captured_at"),
    "order": _Shape(PlaceOrder, "order", "order", "placed_at"),
    "activity": _Shape(RecordActivity, "activity", "lead", "at"),
    "payment": _Shape(RecordPayment, "payment", "order", "paid_at"),
    "return": _Shape(RecordReturn, "return_", "order", "returned_at"),
    "cancel": _Shape(CancelOrder, "order", "order", "cancelled_at"),
    "close": _Shape(CloseLead, "lead", "lead", "closed_at"),
}
_BY_EVENT = {shape.event: shape for shape in _SHAPES.values()}
_RANKS: dict[type[Any], int] = {kind: rank for rank, kind in enumerate(_BY_EVENT)}
"""At the same moment an order or lead comes before what is said of it."""
Meaning = Mapping | LeadMapping
_DECODERS = {event.TYPE: msgspec.json.Decoder(event) for event in PARTNER_EVENTS}
_encode = msgspec.json.encode

Leave = Callable[[str], None]
"""Told of each row that is left out, and why."""


@contextmanager
def opened(
    files: Sequence[tuple[Path, Meaning | None]], source: str, leave: Leave
) -> Iterator[Iterator[History]]:
    """All facts of these files by time, each with what its columns mean where it is a table. Facts
    of equal time keep the order of their files."""
    with ExitStack() as held:
        streams = [held.enter_context(_stream(file, means, source, leave)) for file, means in files]
        merged = heapq.merge(*streams, key=lambda fact: (fact.time, _RANKS[type(fact.data)]))
        yield _with_customers(merged)


def _stream(file: Path, mapping: Meaning | None, source: str, leave: Leave) -> Any:
    """A context that gives the file's facts by time."""
    if not file.exists():
        raise Trouble(f"{file} is not there")
    if file.suffix in LINES or file.with_suffix("").suffix in LINES:
        return _from_lines(file, source)
    if mapping is None:
        cure = "Give --mapping; `perennial import orders|leads FILE --suggest` proposes one."
        raise Trouble(f"{file} is no NDJSON, so its columns must be explained", cure)
    return _from_table(file, mapping, leave)


@contextmanager
def _from_lines(file: Path, source: str) -> Iterator[Iterator[History]]:
    opening = gzip.open if file.suffix == ".gz" else open
    with opening(file, "rb") as lines, _sorter() as base:
        base.executemany("INSERT INTO fact VALUES (?, ?, ?, ?)", _placed(file, source, lines))
        bodies = base.execute("SELECT body FROM fact ORDER BY at, rank, n")
        yield (fact_of(body, source) for (body,) in bodies)


def _placed(
    file: Path, source: str, lines: Iterable[bytes]
) -> Iterator[tuple[int, int, int, bytes]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                fact = fact_of(line, source)
            except Malformed as fault:
                raise Trouble(f"{file}, line {number}: {fault}", "Mend the line.") from fault
            yield int(fact.time.timestamp() * 1e6), _RANKS[type(fact.data)], number, line


@contextmanager
def _sorter() -> Iterator[sqlite3.Connection]:
    with TemporaryDirectory(prefix="perennial-replay-") as folder:
        base = sqlite3.connect(Path(folder) / "facts.db", isolation_level=None)
        base.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE;"
            "CREATE TABLE fact (at INTEGER, rank INTEGER, n INTEGER, body BLOB); BEGIN"
        )
        try:
            yield base
        finally:
            base.close()


@contextmanager
def _from_table(file: Path, mapping: Meaning, leave: Leave) -> Iterator[Iterator[History]]:
    with open_spool(mapping) as spool:
        try:
            with open_table(file, mapping.layout) as table:
                sample = list(islice(table.rows, _SAMPLE))
                reader = _reader(mapping, table, [cells for _, cells in sample if cells])
                spool.fill(_lines(file, reader, chain(sample, table.rows), leave))
        except (MappingError, UnicodeError) as error:
            raise Trouble(f"{file} does not fit the mapping: {error}") from error
        for word in spool.group():
            if word.status == "rejected":
                leave(f"{file}, row {word.row}: {word.reason}")
        yield _onward(fact_of(body, mapping.source) for _, body, _ in spool.facts())


def _reader(mapping: Meaning, table: Table, sample: list[list[str]]) -> LineReader | LeadReader:
    if isinstance(mapping, LeadMapping):
        return LeadReader(mapping, table, sample)
    return LineReader(mapping, table, sample)


def _onward(facts: Iterable[History]) -> Iterator[History]:
    """A win that is dated before its first contact happens when that does: time only goes forward."""
    now = None
    for fact in facts:
        now = fact.time if now is None else max(now, fact.time)
        yield fact if fact.time == now else replace(fact, time=now)


def _lines(
    file: Path, reader: LineReader | LeadReader, rows: Iterator[Row], leave: Leave
) -> Iterator[tuple[int, Line | LeadLine]]:
    for number, cells in rows:
        line, fault = _line(reader, cells)
        if line is not None:
            yield number, line
        elif fault:
            leave(f"{file}, row {number}: {fault}")


def _line(
    reader: LineReader | LeadReader, cells: list[str] | None
) -> tuple[Line | LeadLine | None, str]:
    """The row's line, or what is wrong with it; neither, where the mapping or a blank skips it."""
    if cells is None:
        return None, "can't be read as a row"
    if not any(cell.strip() for cell in cells):
        return None, ""
    try:
        return reader.read(cells), ""
    except RowFault as fault:
        told = f"{fault.field}: {fault.reason}" if fault.status == "rejected" else ""
        return None, told


class _Head(msgspec.Struct, frozen=True):
    type: str = "order"
    source: str = ""
    specversion: str = ""


_head = msgspec.json.Decoder(_Head)


def fact_of(line: bytes, source: str) -> History:
    """A line of the bulk interface or a structured CloudEvent. Raises `Malformed`."""
    try:
        head = _head.decode(line)
    except msgspec.DecodeError as error:
        raise malformed(error, _Head) from error
    if head.specversion:
        attributes, data = read_structured(line)
        return _history(attributes["ce_type"], data, attributes["ce_source"], attributes["ce_id"])
    shape = _SHAPES.get(head.type)
    if shape is None:
        raise Malformed(f"no type {head.type!r}; known are {', '.join(_SHAPES)}", "/type")
    return _history(shape.event.TYPE, _without_head(line), head.source or source, "")


def _history(kind: str, data: bytes, source: str, told_id: str) -> History:
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise Malformed(f"no type {kind!r}; known are {', '.join(_DECODERS)}", "/type")
    said = decode_json(decoder, data)
    shape = _BY_EVENT[type(said)]
    own = getattr(said, shape.own)
    name = kind.removeprefix("partner.").removesuffix(".v1")
    time = check_moment(getattr(said, shape.date), f"/{shape.date}")
    customer = (said.party or own) if isinstance(said, CaptureLead) else _customer_of(said)
    return History(told_id or f"{name}:{own}", source, customer, time, said)


def _without_head(line: bytes) -> bytes:
    told = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    return _encode({name: raw for name, raw in told.items() if name not in ("type", "source")})


def _customer_of(said: Any) -> str:
    return getattr(said, "customer", "") or ""


def _with_customers(facts: Iterable[History]) -> Iterator[History]:
    """What names only an order or a lead goes where that one's customer's facts go."""
    whose: dict[tuple[str, str, str], str] = {}
    for fact in facts:
        about = _BY_EVENT[type(fact.data)].about
        named = (about, fact.source, getattr(fact.data, about))
        if fact.customer:
            whose[named] = fact.customer
            yield fact
        else:
            yield replace(fact, customer=whose.get(named, named[2]))
