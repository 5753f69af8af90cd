"""What the kit and the services ask of their schema beside the door, answered from dictionaries.

Each statement is known by its own text: one that changes is unknown here, and its run says so.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import msgspec
from lead_intake import holdings, lead_store
from lead_intake import store as intake
from lifecycle import store as care
from perennial.kit import parking, relay, settle, timers
from scoring import store as numbers
from scoring.domain.fitting import KEY as MODELS

from tests.kit.memory import Tables, is_ready
from tests.simulation import reports
from tests.simulation.processes import Process
from tests.simulation.store import Schema, asked

Answer = Callable[..., Any]


class Row(tuple[Any, ...]):
    """A row as asyncpg gives it: by number, by name, or as a mapping."""

    names: tuple[str, ...]

    def __new__(cls, values: Mapping[str, Any]) -> "Row":
        made = super().__new__(cls, tuple(values.values()))
        made.names = tuple(values)
        return made

    def __getitem__(self, which: Any) -> Any:
        return super().__getitem__(self.names.index(which) if isinstance(which, str) else which)

    def keys(self) -> Iterator[str]:
        return iter(self.names)


class Pool:
    """One process's connections for everything that is not a batch."""

    def __init__(self, process: Process, schema: Schema) -> None:
        self._process, self._schema = process, schema
        self._view: Any = schema

    def acquire(self) -> "AbstractAsyncContextManager[Pool]":
        return nullcontext(Pool(self._process, self._schema))

    @asynccontextmanager
    async def transaction(self, **_: Any) -> AsyncIterator[None]:
        """A read-only view of one moment."""
        await asked(self._process, self._schema)
        tables = self._schema.tables
        seen = replace(
            tables, entity={**tables.entity}, event={**tables.event}, archive={**tables.archive}
        )
        self._view = SimpleNamespace(tables=seen)
        yield

    async def fetch(self, sql: str, *arguments: Any) -> list[Row]:
        await asked(self._process, self._schema)
        return [Row(one) for one in ANSWERS[name_of(sql)](self._view, *arguments)]

    async def fetchrow(self, sql: str, *arguments: Any) -> Row | None:
        return next(iter(await self.fetch(sql, *arguments)), None)

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        row = await self.fetchrow(sql, *arguments)
        return row[0] if row else None

    async def execute(self, sql: str, *arguments: Any) -> None:
        await self.fetch(sql, *arguments)

    async def executemany(self, sql: str, arguments: Sequence[Any]) -> None:
        await asked(self._process, self._schema)
        for one in arguments:
            ANSWERS[name_of(sql)](self._schema, *one)


def name_of(sql: str) -> str:
    """A statement as it is known here."""
    return " ".join(sql.split())


def _look(schema: Schema, until: Any, most: int) -> list[dict[str, Any]]:
    tables = schema.tables
    aside = any(row.state in ("waiting", "barred", "redrive") for row in tables.parked.values())
    due = sorted((at, *place) for place, at in tables.waking.items() if at <= until)[:most]
    found = [{"aside": aside, "subject": subject, "key": key} for _, subject, key in due]
    return found or [{"aside": aside, "subject": None, "key": None}]


def _expired(schema: Schema, until: Any) -> list[dict[str, Any]]:
    parked = schema.tables.parked
    for row in list(parked.values()):
        if row.state == "waiting" and row.expires is not None and row.expires <= until:
            parked[row.id] = replace(row, state="parked")
            schema.tables.reasons[row.id] = f"never known: {row.waits_for}"
    return []


def _ready(schema: Schema, most: int) -> list[dict[str, Any]]:
    rows = [row for row in schema.tables.parked.values() if is_ready(schema.tables, row)]
    return [{name: getattr(row, name) for name in row.__slots__} for row in rows[:most]]


def _mark(
    schema: Schema, by: str, note: str, dropping: bool, most: int, ids: list[int], *_: str
) -> list[dict[str, Any]]:
    parked = schema.tables.parked
    chosen = [parked[number] for number in ids if parked[number].state in ("parked", "waiting")]
    chosen = chosen[:most]
    for row in chosen:
        if row.holds or not dropping:
            parked[row.id] = replace(row, state="redrive", dropping=dropping)
    waiting = sum(row.state == "waiting" for row in chosen)
    return [{"facts": len(chosen), "waiting": waiting, "behind": 0, "given_up": 0}]


def _settled(schema: Schema, ticking: bool, caught_up: Any) -> list[dict[str, Any]]:
    tables = schema.tables
    horizon = tables.clock if ticking else caught_up
    waking = list(tables.waking.values())
    waits = [one.expires for one in tables.parked.values() if one.state == "waiting"]
    taken = [("taken" if lane == "taken" else "sent", t, n) for (lane, t), n in tables.sent.items()]
    counts: dict[tuple[str, str], int] = {}
    for lane, topic, n in taken:
        counts[lane, topic] = counts.get((lane, topic), 0) + n
    listed = [[lane == "taken", topic, n] for (lane, topic), n in sorted(counts.items())]
    return [
        {
            "horizon": horizon,
            "counts": msgspec.json.encode(listed).decode(),
            "empty": not tables.outbox,
            "ready": sum(is_ready(tables, row) for row in tables.parked.values()),
            "parked": sum(
                row.state in ("parked", "barred", "behind") for row in tables.parked.values()
            ),
            "due": sum(at <= horizon for at in (*waking, *waits) if at and horizon),
            "next_due": min((at for at in waking if at > horizon), default=None)
            if horizon
            else None,
        }
    ]


def _scan(schema: Schema, most: int, under_way: list[int]) -> list[dict[str, Any]]:
    tables, found = schema.tables, []
    for seq in [one for one in sorted(tables.outbox) if one not in set(under_way)][:most]:
        topic, key, ver = tables.outbox[seq]
        said = dict(
            zip(
                ("id", "type", "time", "now", "context", "data"),
                tables.event[topic, key, ver],
                strict=True,
            )
        )
        found.append({"seq": seq, "topic": topic, "key": key, "ver": ver} | said)
    return found


def _delete(schema: Schema, seqs: list[int]) -> list[dict[str, Any]]:
    gone = sum(schema.tables.outbox.pop(seq, None) is not None for seq in seqs)
    for door in schema.doors.values():
        door.sent(gone)
    return []


def _positions(schema: Schema) -> list[dict[str, Any]]:
    found = schema.tables.position.items()
    return [{"topic": t, "part": p, "start": 0, "next_offset": n} for (t, p), n in found]


def _begin(schema: Schema, topic: str, part: int, offset: int) -> None:
    schema.tables.position.setdefault((topic, part), offset)


def states(tables: Tables, subject: str) -> list[dict[str, Any]]:
    """Every stored state of a subject, by key."""
    rows = sorted((place[1], row[5]) for place, row in tables.entity.items() if place[0] == subject)
    return [{"key": key, "state": state} for key, state in rows if state != "{}"]


def _state(subject: str, key: str) -> Answer:
    def answer(schema: Schema, *_: Any) -> list[dict[str, Any]]:
        row = schema.tables.entity.get((subject, key))
        return [{"state": row[5]}] if row else []

    return answer


def _rounds(schema: Schema, market: str) -> list[dict[str, Any]]:
    row = schema.tables.entity.get(("round", market))
    return [{"number": msgspec.json.decode(row[5]).get("number")}] if row else []


def _waiting(schema: Schema) -> list[dict[str, Any]]:
    return [row for row in states(schema.tables, "customer") if '"waiting":true' in row["state"]]


def _untold(schema: Schema, now: datetime) -> list[dict[str, Any]]:
    parties = [msgspec.json.decode(row["state"]) for row in _waiting(schema)]
    waiting = [
        ("complained_at" in party.get("contacts", {}), lead.get("queued"))
        for party in parties
        for lead in party["leads"].values()
        if lead.get("stage") == "waiting" and datetime.fromisoformat(lead["since"]) <= now
    ]
    return [{"any": any(not why or (sore and why != "protected") for sore, why in waiting)}]


def _parties_of_held(schema: Schema) -> list[dict[str, Any]]:
    entries = (msgspec.json.decode(row["state"]) for row in states(schema.tables, "seller"))
    leads = {lead for entry in entries for lead in entry.get("open", {})}
    aliases = schema.tables.alias
    keys = {aliases["customer", lead] for lead in leads if ("customer", lead) in aliases}
    return [{"key": key} for key in sorted(keys)]


def _root(schema: Schema, key: str) -> list[dict[str, Any]]:
    """Whom a party was found to be, step by step."""
    row = schema.tables.entity.get(("customer", key))
    root = msgspec.json.decode(row[5]).get("root") if row else None
    return _root(schema, root) if root else [{"key": key}]


def _heard(schema: Schema, keys: list[str], kinds: list[str]) -> list[dict[str, Any]]:
    found = [
        (said[2], place[2], said)
        for place, said in schema.tables.event.items()
        if place[0] == "leads.v1" and place[1] in keys and said[1] in kinds
    ]
    found.sort(key=lambda one: one[:2])
    return [{"type": said[1], "time": at, "data": said[5]} for at, _, said in found]


def _days(schema: Schema) -> Iterator[list[str]]:
    for row in states(schema.tables, "customer"):
        yield sorted(msgspec.json.decode(row["state"]).get("history", {}).get("days", {}))


def _extent(schema: Schema, through: str) -> list[dict[str, Any]]:
    known = [[day for day in days if day <= through] for days in _days(schema)]
    first = min((days[0] for days in known if days), default=None)
    when = msgspec.convert(first, reports.date) if first else None
    return [{"first": when, "repeaters": sum(len(days) > 1 for days in known)}]


_ANSWERS: dict[str, Answer] = {
    "SELECT key, state::text FROM entity WHERE subject = $1 AND state <> '{}'": (
        lambda schema, subject: states(schema.tables, subject)
    ),
    "SELECT coalesce(max(seq), 0) FROM journal": lambda schema: [
        {"seq": max((page[0] for page in schema.tables.journal), default=0)}
    ],
    "SELECT now FROM clock WHERE name = 'tick'": (
        lambda schema: [{"now": schema.tables.clock}] if schema.tables.clock else []
    ),
    "SELECT topic, part, start, next_offset FROM position": _positions,
    "INSERT INTO position (topic, part, start, next_offset) VALUES ($1, $2, $3, $3)"
    " ON CONFLICT DO NOTHING": _begin,
    timers._LOOK: _look,
    parking._EXPIRED: _expired,
    parking._READY: _ready,
    parking._MARK: _mark,
    settle._LOOK: _settled,
    relay._SCAN: _scan,
    relay._DELETE: _delete,
    timers._FIRST: lambda schema: [{"min": min(schema.tables.waking.values(), default=None)}],
    intake._WAITING: _waiting,
    intake._UNTOLD: _untold,
    intake._LEDGERS: lambda schema: states(schema.tables, "seller"),
    intake._ROUNDS: _rounds,
    intake._ROOT: _root,
    lead_store._HEARD: _heard,
    holdings._PARTIES_OF_HELD: _parties_of_held,
    care._WATCHED: lambda schema, *wanted: reports.watched(
        states(schema.tables, "customer"), *wanted
    ),
    care._BOOKS: _state("report", "report"),
    care._FIRST: lambda schema, *wanted: reports.first(schema.tables, *wanted),
    care._LATEST_EVENT: lambda schema, *wanted: reports.latest_event(schema.tables, *wanted),
    care._LATEST_ARCHIVED: lambda schema, *wanted: reports.latest_archived(schema.tables, *wanted),
    care._STEPS: lambda schema, *wanted: reports.steps(
        schema.tables, *wanted[:-1], members=wanted[-1]
    ),
    care._LARGE: lambda schema, *wanted: reports.large(schema.tables, *wanted),
    numbers._MODELS: _state("model", MODELS),
    numbers._EXTENT: _extent,
    numbers._SCORED_BY_ANOTHER: lambda schema, *_: [],
}
ANSWERS = {name_of(sql): answer for sql, answer in _ANSWERS.items()}
