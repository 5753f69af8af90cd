"""One import from file to report: read, sort on disk, send; stopped at any point, it goes on there.

Both halves are repeatable: the same file under the same mapping makes the same facts in the same
order, and a fact that was sent before changes nothing. So the progress file need only say how many
facts are done, and being one chunk behind is harmless.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from itertools import chain, islice
from pathlib import Path
from typing import Literal

import msgspec
from msgspec.structs import replace

from lead_intake.imports.dates import AmbiguousDateError
from lead_intake.imports.leads import LeadLine, LeadMapping, LeadReader
from lead_intake.imports.lines import Line, LineReader
from lead_intake.imports.mapping import Mapping, MappingError
from lead_intake.imports.numbers import AmbiguousDecimalError
from lead_intake.imports.reading import Row, Table, open_table
from lead_intake.imports.report import Report, RowWord, Status
from lead_intake.imports.rows import RowFault
from lead_intake.imports.sending import CHUNK, RowResult, Sender
from lead_intake.imports.spool import Sendable, Spool, open_spool

_SAMPLE = 5_000
_COLUMNS = {
    "order": ("refers_to", "order"),
    "customer": ("customer",),
    "placed_at": ("date",),
    "paid_at": ("date",),
    "returned_at": ("date",),
    "cancelled_at": ("date",),
    "total": ("amount", "unit_price"),
    "amount": ("amount", "unit_price"),
    "currency": ("currency_column",),
    "lines": ("product",),
    "lead": ("lead",),
    "party": ("party",),
    "captured_at": ("date",),
    "closed_at": ("close_date",),
    "expected_value": ("value",),
    "value": ("close_value",),
    "outcome": ("stage",),
    "reason": ("reason",),
    "product": ("product",),
}
"""Fields of the interface and those of the mapping that they come from."""
_NAMES = {"order": "order", "rate": "currency", "product": "lines", "lead": "lead"}
"""Fields of the interface that name what may be waited for."""


Reader = LineReader | LeadReader


class Progress(msgspec.Struct, kw_only=True):
    """What is done of one delivery; stands beside the report."""

    delivery: str
    sent: int = 0
    done: bool = False
    report_bytes: int = 0
    counts: dict[str, int] = {}


@dataclass(frozen=True)
class Import:
    """What is to be brought in, and where to say what became of it."""

    file: Path
    mapping: Mapping | LeadMapping
    report: Path

    @property
    def progress_file(self) -> Path:
        return self.report.with_name(self.report.name + ".progress")


@dataclass(frozen=True)
class Told:
    """Told while it runs: facts sent of all, and rows by what became of them."""

    sent: int
    of: int
    counts: dict[str, int]


Tell = Callable[[Told], None]


def run_import(job: Import, sender: Sender, tell: Tell = lambda told: None) -> Told:
    """Bring the file in. Raises `MappingError` before anything is sent, `SendingError` in between."""
    progress = _progress_of(job)
    with open_spool(job.mapping) as spool:
        words, reader = _read(job, spool)
        about: Literal["order", "lead"] = (
            "lead" if isinstance(job.mapping, LeadMapping) else "order"
        )
        with Report(job.report, about, at=progress.report_bytes, counts=progress.counts) as report:
            if not progress.report_bytes:
                report.add(words)
                _note(job, progress, report)
            return _send(job, spool, sender, report, progress, reader, tell)


def _read(job: Import, spool: Spool) -> tuple[list[RowWord], Reader]:
    """Fill the spool; a word for each row that comes to no fact."""
    words: list[RowWord] = []
    try:
        with open_table(job.file, job.mapping.layout) as table:
            sample = list(islice(table.rows, _SAMPLE))
            reader = _reader(job.mapping, table, [cells for _, cells in sample if cells])
            spool.fill(_lines(reader, chain(sample, table.rows), words))
    except (AmbiguousDateError, AmbiguousDecimalError) as error:
        raise MappingError(str(error)) from error
    except UnicodeError as error:
        raise MappingError(f"{error}: set `layout.encoding`") from error
    return words + [_in_the_files_words(word, reader) for word in spool.group()], reader


def _reader(
    mapping: Mapping | LeadMapping, table: Table, sample: Sequence[Sequence[str]]
) -> Reader:
    if isinstance(mapping, LeadMapping):
        return LeadReader(mapping, table, sample)
    return LineReader(mapping, table, sample)


def _in_the_files_words(word: RowWord, reader: Reader) -> RowWord:
    return replace(word, field=reader.column_of(word.field))


def _lines(
    reader: Reader, rows: Iterator[Row], words: list[RowWord]
) -> Iterator[tuple[int, Line | LeadLine]]:
    for number, cells in rows:
        if cells is None:
            words.append(RowWord(row=number, status="rejected", reason="can't be read as a row"))
        elif not any(cell.strip() for cell in cells):
            words.append(RowWord(row=number, status="skipped", reason="is empty"))
        else:
            try:
                yield number, reader.read(cells)
            except RowFault as fault:
                words.append(_word_of_fault(number, fault, reader))


def _send(
    job: Import,
    spool: Spool,
    sender: Sender,
    report: Report,
    progress: Progress,
    reader: Reader,
    tell: Tell,
) -> Told:
    of = spool.count()
    facts = spool.facts(after=progress.sent)
    while chunk := list(islice(facts, CHUNK)):
        results = sender.send([body for _, body, _ in chunk])
        report.add(_words(chunk, results, reader))
        progress.sent += len(chunk)
        _note(job, progress, report)
        tell(Told(progress.sent, of, dict(report.counts)))
    progress.done = True
    _note(job, progress, report)
    return Told(progress.sent, of, dict(report.counts))


def _words(
    chunk: Sequence[Sendable], results: Sequence[RowResult], reader: Reader
) -> Iterator[RowWord]:
    for (rows, _, ends), result in zip(chunk, results, strict=True):
        if ends and result.status in ("accepted", "duplicate"):
            continue  # the row has its word by how it began
        for row in rows:
            yield _word_of_result(row, result, reader)


def _word_of_result(row: int, result: RowResult, reader: Reader) -> RowWord:
    word = RowWord(
        row=row,
        status=msgspec.convert(result.status, Status),
        order_id=result.order_id,
        lead_id=result.lead_id,
    )
    if result.error:
        error = result.error
        field = _field(error.pointer, reader)
        return replace(word, field=field, code=error.code, reason=error.detail)
    if result.waits_for:
        kind, _, name = result.waits_for.partition(":")
        field = _field(_NAMES.get(kind, ""), reader)
        return replace(word, field=field, code=f"{kind}-unknown", reason=_waiting(kind, name))
    if result.overpaid:
        reason = f"{result.overpaid} minor units more than the order's total have been received"
        return replace(word, code="overpaid", reason=reason)
    return word


def _waiting(kind: str, name: str) -> str:
    """What a row waits for, and who can make it known."""
    match kind:
        case "rate":
            return f"waits for a rate of {name} on its day: PUT /v1/registers/rates/{name}"
        case "product":
            return f"waits for the product {name}: PUT /v1/registers/products/…"
    return f"waits for its {kind}: import that too"


def _word_of_fault(row: int, fault: RowFault, reader: Reader) -> RowWord:
    return RowWord(
        row=row,
        status=msgspec.convert(fault.status, Status),
        field=reader.column_of(fault.field),
        code="row-invalid" if fault.status == "rejected" else "",
        reason=fault.reason,
    )


def _field(pointer: str, reader: Reader) -> str:
    """The file's column for a pointer into the interface's body."""
    field = pointer.lstrip("/").partition("/")[0]
    for name in _COLUMNS.get(field, ()):
        if reader.column_of(name) != name:
            return reader.column_of(name)
    return field


def _progress_of(job: Import) -> Progress:
    """Where an earlier run of the same delivery stopped; anything else begins anew, and so does a
    delivery of which rows wait: what they wait for may be known by now."""
    delivery = _delivery(job)
    try:
        known = msgspec.json.decode(job.progress_file.read_bytes(), type=Progress)
    except (FileNotFoundError, msgspec.DecodeError):
        known = None
    waits = known is not None and known.done and known.counts.get("waiting", 0)
    if (
        known is None
        or known.delivery != delivery
        or waits
        or not _stands(job.report, known.report_bytes)
    ):
        return Progress(delivery=delivery)
    return known


def _delivery(job: Import) -> str:
    """Names a file under a mapping."""
    with job.file.open("rb") as content:
        digest = file_digest(content, "sha256")
    digest.update(msgspec.json.encode(job.mapping))
    return digest.hexdigest()


def _stands(report: Path, size: int) -> bool:
    return report.exists() and report.stat().st_size >= size


def _note(job: Import, progress: Progress, report: Report) -> None:
    """After the report is on disk, so that no row is without its word."""
    progress.report_bytes, progress.counts = report.flush(), dict(report.counts)
    partial = job.progress_file.with_suffix(".partial")
    partial.write_bytes(msgspec.json.encode(progress))
    partial.replace(job.progress_file)
