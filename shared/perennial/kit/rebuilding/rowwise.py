"""Two schemas of one service, compared row for row in the order of their keys; neither is held whole."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from perennial.kit.rebuilding.shadow import Difference
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
_WHICH = {"part": "WHERE state <> 'null'"}
"""One that is on its way to whom it was left is no part of anybody."""


@dataclass(frozen=True)
class Table:
    """What of a table the topics tell, and by what its rows are told apart."""

    name: str
    key: tuple[str, ...]

    def query(self, schema: str) -> str:
        """(key, row, subject, state, whether no event made it) in the order of keys."""
        place = ", ".join(f'{column}::text COLLATE "C"' for column in self.key)
        columns = _COLUMNS.get(self.name, f"{self.name}.*")
        state = "subject, state::text" if self.name in _COLUMNS else "NULL, NULL"
        bare = "made = '{}'" if self.name == "entity" else "false"
        return (
            f"SELECT ARRAY[{place}], ROW({columns})::text, {state}, {bare}"
            f" FROM {schema}.{self.name} {_WHICH.get(self.name, '')} ORDER BY {place}"
        )

    def same(self, service: Service, here: Any, there: Any) -> bool:
        """Whether two rows say the same; none says what a row says that nothing has happened to."""
        if here is None or there is None:
            row = here or there
            kind = self._kind(service, row)
            return bool(row[4] and _decode(row[3], type=kind) == kind())
        if here[1] != there[1]:
            return False
        if here[3] == there[3]:
            return True
        kind = self._kind(service, here)
        return bool(_decode(here[3], type=kind) == _decode(there[3], type=kind))

    def _kind(self, service: Service, row: Any) -> Any:
        subject = service.subjects.get(row[2])
        return subject and (subject.part if self.name == "part" else subject.state)


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
        first = there is None or (here is not None and here[0] <= there[0])
        second = here is None or (there is not None and there[0] <= here[0])
        pair = here if first else None, there if second else None
        yield None if table.same(service, *pair) else _unlike(table, *pair)
        here = await _next(ours) if first else here
        there = await _next(theirs) if second else there


async def _next(rows: Any) -> Any:
    return await anext(rows, None)


def _unlike(table: Table, here: Any, there: Any) -> Difference:
    missing = "table" if here is None else "topics"
    what = f"is missing in the {missing}" if None in (here, there) else "differs"
    key = " ".join((here or there)[0])
    return Difference(
        table=table.name, key=key, what=what, table_says=_told(here), topics_say=_told(there)
    )


def _told(row: Any) -> str:
    return f"{row[1]} {row[3] or ''}" if row is not None else ""
