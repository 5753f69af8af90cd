"""Answers on a screen or a pipe: tables and colours for people, JSON lines for programs."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

_encode = msgspec.json.Encoder(enc_hook=str).encode
Row = Mapping[str, Any]


class Show:
    """One place that knows whether a person or a program reads."""

    def __init__(self, as_json: bool) -> None:
        self.wants_json = as_json
        """Asked for by name; for what has a form of its own on a pipe."""
        self.as_json = as_json or not sys.stdout.isatty()
        self.console = Console(highlight=False, soft_wrap=True)
        self.aside = Console(stderr=True, highlight=False)
        """For progress and remarks: never in the way of what a program reads."""

    def rows(self, rows: Iterable[Row], columns: Sequence[str] = (), empty: str = "") -> None:
        """A table, or one JSON object a line. `columns` are those a person sees, in order."""
        if self.as_json:
            for row in rows:
                self.json(row)
            return
        found = list(rows)
        if not found:
            self.console.print(empty or "nothing")
            return
        names = columns or list(found[0])
        table = Table(box=None, header_style="bold", pad_edge=False)
        for name in names:
            table.add_column(name.replace("_", " "), overflow="fold")
        for row in found:
            table.add_row(*(cell(row.get(name)) for name in names))
        self.console.print(table)

    def json(self, row: Any) -> None:
        sys.stdout.write(_encode(row).decode() + "\n")
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """A remark for a person; programs get rows only."""
        if not self.as_json:
            self.console.print(text)

    def error(self, text: str) -> None:
        self.aside.print(escaped(text), style="red", soft_wrap=True)

    def remark(self, text: str) -> None:
        """Said beside the answer, to a program's reader too."""
        self.aside.print(escaped(text), style="yellow", soft_wrap=True)


def cell(value: Any) -> str:
    """A value as it stands in a table."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.1f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return escaped(value if isinstance(value, str) else _encode(value).decode())


def escaped(text: str) -> str:
    """Square brackets of data are not colours."""
    return text.replace("[", "\\[")


def seconds(value: float) -> str:
    """A span as a person says it: 0.4 s, 12 s, 3 min, 5 h, 2 d."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if value >= 2 * size:
            return f"{value / size:.0f} {unit}"
    return (
        f"{value:.0f} s"
        if value >= 10
        else f"{value * 1000:.0f} ms"
        if value < 1
        else f"{value:.1f} s"
    )
