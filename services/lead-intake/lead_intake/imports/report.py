"""A word about every row of a file: what became of it, and where it was wrong."""

import csv
import io
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Literal

import msgspec

Status = Literal["accepted", "duplicate", "waiting", "rejected", "skipped"]
_HEADER = ("row", "status", "field", "code", "reason")


class RowWord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of the report; `row` counts as a spreadsheet does, the header included."""

    row: int
    status: Status
    order_id: str = ""
    field: str = ""
    """Column of the file."""
    code: str = ""
    reason: str = ""
    lead_id: str = ""


class Report:
    """Appends words to a file, as CSV or (by its name) NDJSON, and counts them."""

    def __init__(
        self,
        path: Path,
        about: Literal["order", "lead"],
        *,
        at: int = 0,
        counts: dict[str, int] | None = None,
    ) -> None:
        self.path = path
        self._about = f"{about}_id"
        self.counts: Counter[str] = Counter(counts or {})
        self._lines = path.suffix in (".ndjson", ".jsonl")
        self._file = path.open("r+b" if at else "wb")
        self._file.truncate(at)
        self._file.seek(at)
        if not at and not self._lines:
            self._file.write(_as_csv([(*_HEADER[:2], self._about, *_HEADER[2:])]))

    def add(self, words: Iterable[RowWord]) -> None:
        words = list(words)
        self.counts.update(word.status for word in words)
        if self._lines:
            self._file.write(msgspec.json.Encoder().encode_lines(words))
        else:
            self._file.write(_as_csv([self._cells(word) for word in words]))

    def _cells(self, word: RowWord) -> tuple[object, ...]:
        told = getattr(word, self._about)
        return (word.row, word.status, told, word.field, word.code, word.reason)

    def flush(self) -> int:
        """Everything is on disk up to the place returned."""
        self._file.flush()
        return self._file.tell()

    def __enter__(self) -> "Report":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def _as_csv(rows: Iterable[tuple[object, ...]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
