"""From a file of unknown encoding and delimiter to rows of cells, in bounded memory."""

import codecs
import csv
import gzip
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from lead_intake.imports.mapping import Layout, MappingError

_LONGEST_CELL = 1_000_000
_BLOCK = 1 << 20
_DELIMITERS = (",", ";", "\t", "|")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip

Row = tuple[int, list[str] | None]
"""Row number as a spreadsheet shows it, and its cells; None where the row can't be read."""


class Table:
    """One open file: its columns, and its rows once."""

    def __init__(self, columns: list[str], rows: Iterator[Row]) -> None:
        self.columns = columns
        self.rows = rows

    def place_of(self, column: str) -> int:
        """Where a column stands; names are compared without case and outer spaces."""
        wanted = column.strip().casefold()
        places = [i for i, name in enumerate(self.columns) if name.strip().casefold() == wanted]
        if len(places) == 1:
            return places[0]
        problem = "is there twice" if places else "is not there"
        raise MappingError(f"column {column!r} {problem}; the file has {', '.join(self.columns)}")


@contextmanager
def open_table(path: Path, layout: Layout) -> Iterator[Table]:
    """The file as a table; gzip, encoding and delimiter are found out where the layout says auto."""
    encoding = find_encoding(path) if layout.encoding == "auto" else layout.encoding
    with _bytes(path) as raw, io.TextIOWrapper(raw, encoding, newline="") as text:
        for _ in range(layout.skip_rows):
            text.readline()
        yield _fixed(text, layout) if layout.widths else _delimited(text, layout)


def find_encoding(path: Path) -> str:
    """By its mark; else UTF-8 if all of it is; else whichever of two old ones its bytes look like."""
    with _bytes(path) as raw:
        head = raw.read(_BLOCK)
        for mark, name in _MARKS:
            if head.startswith(mark):
                return name
        if _decodes(head, raw, "utf-8"):
            return "utf-8"
    with _bytes(path) as raw:
        head = raw.read(_BLOCK)
        return "gb18030" if _in_pairs(head) and _decodes(head, raw, "gb18030") else "cp1252"


def _bytes(path: Path) -> BinaryIO:
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path, "rb")) if packed else path.open("rb")


def _decodes(head: bytes, rest: BinaryIO, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        block = head
        while block:
            decoder.decode(block)
            block = rest.read(_BLOCK)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _in_pairs(sample: bytes) -> bool:
    """Chinese text comes in runs of high bytes; an accented letter stands alone among plain ones."""
    runs = [len(run) for run in sample.translate(_HIGH_ONLY).split()]
    return sum(length for length in runs if length > 1) > 0.9 * sum(runs)


_HIGH_ONLY = bytes(byte if byte > 127 else 32 for byte in range(256))


def _delimited(text: TextIO, layout: Layout) -> Table:
    """Delimited text. The delimiter is the one under which the first rows are equally wide."""
    csv.field_size_limit(_LONGEST_CELL)
    lines = list(islice(text, 200))
    delimiter = _find_delimiter(lines) if layout.delimiter == "auto" else layout.delimiter
    reader = csv.reader(_chained(lines, text), delimiter=delimiter)
    rows = _readable(reader.__next__, layout.skip_rows + 1)
    if layout.header:
        names = next(rows, (0, []))[1] or []
        return Table([name.strip() for name in names], rows)
    return _numbered(rows)


def _chained(lines: list[str], text: TextIO) -> Iterator[str]:
    yield from lines
    yield from text


def _readable(read: Callable[[], list[str]], number: int) -> Iterator[Row]:
    """Rows under their numbers; one that csv chokes on is told of, and the rest goes on."""
    while True:
        try:
            yield number, read()
        except StopIteration:
            return
        except csv.Error:
            yield number, None
        number += 1


def _find_delimiter(lines: list[str]) -> str:
    """csv.Sniffer also proposes letters; these four are asked which makes most rows equally wide."""

    def evenness(delimiter: str) -> tuple[int, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        usual = max(widths, key=widths.count, default=0)
        return (widths.count(usual) if usual > 1 else 0, usual)

    best = max(_DELIMITERS, key=evenness)
    return best if evenness(best)[0] else ","


def _fixed(text: TextIO, layout: Layout) -> Table:
    spans = [slice(start, end) for start, end in layout.widths.values()]
    first = layout.skip_rows + 1 + layout.header
    if layout.header:
        text.readline()
    lines = enumerate(text, first)
    rows = (
        (n, [line[span].strip() for span in spans] if line.strip() else []) for n, line in lines
    )
    return Table(list(layout.widths), rows)


def _numbered(rows: Iterator[Row]) -> Table:
    first = next(rows, None)
    width = len(first[1] or []) if first else 0

    def again() -> Iterator[Row]:
        if first is not None:
            yield first
        yield from rows

    return Table([str(place) for place in range(1, width + 1)], again())
