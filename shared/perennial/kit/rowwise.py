"""Two schemas of one service, compared row for row in the order of their keys; neither is held whole."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from perennial.kit.shadow import Difference
from perennial.kit.subject import Service
from perennial.kit.tables import DOMAIN_TABLES

AT_ONCE = 5_000
_decode = msgspec.json.decode

_KEY = """
    SELECT a.attname FROM pg_index i
    JOIN unnest(i.indkey) WITH ORDINALITY AS k (number, place) ON true
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
    WHERE i.indrelid = $1::regclass AND i.indisprimary ORDER BY k.place
"""
_COLUMNS = {"entity": "subject, key, now, made, due", "part": "subject, id, key"}
"""Of `entity` what the topics tell: the rest is the door's, how far it has taken whose facts. States
are compared as what they say: a default may be spelt or left out."""
_WHICH = {"entity": "WHERE made <> '{}' OR state <> '{}'"}
"""Of rows that only were locked the topics know nothing."""


@dataclass(frozen=True)
class Table:
    """What of a table the topics tell, and by what its rows are told apart."""

    name: str
    key: tuple[str, ...]

    def query(self, schema: str) -> str:
        """(key, row, subject, state) in the order of keys."""
        place = ", ".join(f'{column}::text COLLATE "C"' for column in self.key)
        columns = _COLUMNS.get(self.name, f"{self.name}.*")
        state = "subject, state::text" if self.name in _COLUMNS else "NULL, NULL"
        return (
            f"SELECT ARRAY[{place}], ROW({columns})::text, {state}"
            f" FROM {schema}.{self.name} {_WHICH.get(self.name, '')} ORDER BY {place}"
        )

    def same(self, service: Service, here: Any, there: Any) -> bool:
        if here[1] != there[1]:
            return False
        if here[3] == there[3]:
            return True
        subject = service.subjects[here[2]]
        kind = subject.part if self.name == "part" else subject.state
        return bool(_decode(here[3], type=kind) == _decode(there[3], type=kind))


def tables_of(service: Service) -> tuple[str, ...]:
    """What a rebuild makes anew."""
    return (*DOMAIN_TABLES, *service.rebuilds, *service.follows)


async def described(connection: Any, schema: str, names: Iterable[str]) -> list[Table]:
    return [
        Table(name, tuple(row[0] for row in await connection.fetch(_KEY, f"{schema}.{name}")))
        for name in names
    ]


async def differences(
    service: Service, table: Table, live: Any, schema: str, remade: Any, beside: str
) -> AsyncIterator[Difference | None]:
    """None for each row that both have; both connections stand in a transaction."""
    ours = live.cursor(table.query(schema), prefetch=AT_ONCE).__aiter__()
    theirs = remade.cursor(table.query(beside), prefetch=AT_ONCE).__aiter__()
    here, there = await _next(ours), await _next(theirs)
    while here is not None or there is not None:
        if there is None or (here is not None and here[0] < there[0]):
            yield _missing(table, here, "the topics", table_says=_told(here))
            here = await _next(ours)
        elif here is None or there[0] < here[0]:
            yield _missing(table, there, "the table", topics_say=_told(there))
            there = await _next(theirs)
        else:
            same = table.same(service, here, there)
            yield None if same else _unlike(table, here, there)
            here, there = await _next(ours), await _next(theirs)


async def _next(rows: Any) -> Any:
    return await anext(rows, None)


def _missing(table: Table, row: Any, where: str, **says: str) -> Difference:
    return Difference(table=table.name, key=_named(row), what=f"is missing in {where}", **says)


def _unlike(table: Table, here: Any, there: Any) -> Difference:
    return Difference(
        table=table.name, key=_named(here), what="differs",
        table_says=_told(here), topics_say=_told(there),
    )  # fmt: skip


def _told(row: Any) -> str:
    return f"{row[1]} {row[3] or ''}"


def _named(row: Any) -> str:
    return " ".join(row[0])
