"""Deliveries: the worker's queue as dictionaries, receivers that answer as they like, and what must
come of it. The worker itself runs unchanged."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from notifications import delivery_queue as queue
from notifications.bell import Bell
from notifications.channels.webhook import Message
from notifications.deliveries import Deliveries
from notifications.domain.delivery import Answer
from notifications.domain.endpoints import RegisterEndpoint, endpoint_key
from notifications.handlers import ENDPOINT
from perennial.contracts.alerts import AlertEscalated, AlertFailed, AlertRaised, AlertSent
from perennial.kit.ask import Ask
from perennial.kit.batch import Outcome

from tests.kit.memory import Tables
from tests.simulation.locks import Holder
from tests.simulation.outside import Wish
from tests.simulation.processes import Process, World
from tests.simulation.queries import ANSWERS, Pool, name_of
from tests.simulation.store import Schema, asked

ENDPOINTS: dict[str, dict[str, Any]] = {
    "all": {},
    "ann": {"persons": ["ann", "hal"]},
    "lights": {"kinds": ["red-light"]},
}
WORKERS = 2
Found = list[dict[str, Any]]


def registering() -> Iterator[Wish]:
    """Apps that want to hear."""
    for name, wanted in ENDPOINTS.items():
        wish = RegisterEndpoint(endpoint_id=name, url=f"https://{name}.example", **wanted)
        yield Wish("notifications", f"endpoint-{name}", _asking(name, wish))


def _asking(name: str, wish: RegisterEndpoint) -> Callable[[Any], Ask]:
    wish_id = f"endpoint-{name}"
    return lambda _: Ask(
        ENDPOINT, endpoint_key(name), wish, wish_id, wish_id.encode(), "app",
        lambda _state, made: (201, {"made": len(made)}),  # type: ignore[return-value,arg-type]
    )  # fmt: skip


class Mail:
    """The tables of the delivery worker; rows come with the commits that leave them."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._taken = 0
        self._rows: dict[str, dict[str, Any]] = {}
        self.health: dict[str, tuple[int, datetime | None]] = {}
        self.attempts: dict[tuple[str, int], int] = {}

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """By delivery, in the order in which they were made."""
        told = self._tables.told
        for row in told[self._taken :]:
            if row.table == "delivery":
                fresh = {"state": "pending", "attempts": 0, "spent": 0, "status": 0, "error": ""}
                fresh |= {"claim": None, "claimed_until": None, "reported": False}
                self._rows.setdefault(row.values["id"], {**fresh, **row.values})
        self._taken = len(told)
        return self._rows

    def pending(self, endpoint: str) -> Found:
        return [
            one
            for one in self.rows.values()
            if one["endpoint_id"] == endpoint and one["state"] == "pending"
        ]


def _mail(schema: Any) -> Mail:
    found: Mail | None = schema.__dict__.get("mail")
    if found is None:
        found = schema.__dict__["mail"] = Mail(schema.tables)
    return found


def _open(schema: Schema, now: datetime) -> Found:
    mail = _mail(schema)
    due = {one["endpoint_id"] for name in ENDPOINTS for one in mail.pending(name) if one["due_at"] <= now}  # fmt: skip
    found = []
    for name in sorted(due):
        failures, paused = mail.health.get(name, (0, None))
        url = f"https://{name}.example"
        values = {"id": name, "url": url, "on": True, "failures": failures, "paused": paused}
        found.append(values)
    return found


def _claim(
    schema: Schema, names: list[str], most: list[int], now: datetime, token: str, until: datetime
) -> Found:
    mail, found = _mail(schema), []
    for name, limit in zip(names, most, strict=True):
        heads: dict[str, dict[str, Any]] = {}
        for one in mail.pending(name):
            heads.setdefault(line_of(one), one)
        free = [one for one in heads.values() if one["due_at"] <= now and _unclaimed(one, now)]
        found += sorted(free, key=lambda one: one["due_at"])[:limit]
    for one in found:
        one.update(claim=token, claimed_until=until)
    columns = ("id", "endpoint_id", "body", "attempts", "spent")
    return [{column: one[column] for column in columns} for one in found]


def line_of(row: dict[str, Any]) -> str:
    """Of one app's deliveries only the first of a line is at hand."""
    return str(row["customer_id"])


def _unclaimed(row: dict[str, Any], now: datetime) -> bool:
    return row["claimed_until"] is None or row["claimed_until"] < now


def _record(schema: Schema, token: str, _now: datetime, *columns: list[Any]) -> Found:
    rows = _mail(schema).rows
    for name, state, attempts, due, status, error in zip(*columns, strict=True):
        row = rows[name]
        if row["claim"] == token:
            row.update(state=state, attempts=attempts, due_at=due or row["due_at"], status=status)
            row.update(error=error, claim=None, claimed_until=None)
    return []


def _attempts(schema: Schema, _now: datetime, *columns: list[Any]) -> Found:
    for name, number, status, _ in zip(*columns, strict=True):
        _mail(schema).attempts.setdefault((name, number), status)
    return []


def _unreported(schema: Schema, most: int) -> Found:
    done = [
        one for one in _mail(schema).rows.values() if one["state"] != "pending" and not one["reported"]
    ]  # fmt: skip
    columns = ("id", "endpoint_id", "alert_id", "customer_id", "state", "attempts", "status", "error")  # fmt: skip
    return [{column: one[column] for column in columns} for one in done[:most]]


def _reported(schema: Schema, ids: list[str], attempts: list[int]) -> Found:
    rows = _mail(schema).rows
    for name, number in zip(ids, attempts, strict=True):
        if rows[name]["attempts"] == number and rows[name]["state"] != "pending":
            rows[name]["reported"] = True
    return []


def _next(schema: Schema, now: datetime) -> Found:
    rows = _mail(schema).rows.values()
    due = [one["due_at"] for one in rows if one["state"] == "pending" and one["due_at"] > now]
    return [{"due": min(due)}] if due else []


def _save_health(schema: Schema, name: str, failures: int, paused: datetime | None) -> Found:
    _mail(schema).health[name] = failures, paused
    return []


def _health(schema: Schema, name: str) -> Found:
    failures, paused = _mail(schema).health.get(name, (0, None))
    return [{"failures": failures, "paused_until": paused}]


STATEMENTS: dict[str, Callable[..., Found]] = {
    queue._OPEN: _open,
    queue._CLAIM: _claim,
    queue._SECRETS: lambda _, names, now: [{"id": one, "keys": ["k"]} for one in names],
    queue._LOCK_HEALTH: _health,
    queue._SAVE_HEALTH: _save_health,
    queue._RECORD: _record,
    queue._ATTEMPTS: _attempts,
    queue._UNREPORTED: _unreported,
    queue._REPORTED: _reported,
    queue._NEXT: _next,
}
ANSWERS.update({name_of(sql): answer for sql, answer in STATEMENTS.items()})


class MailPool(Pool):
    """A worker's connections: what a transaction changes is done at its end, all or nothing."""

    def acquire(self) -> Any:
        return _Lent(self._process, self._schema)


class _Lent(Pool):
    async def __aenter__(self) -> "_Lent":
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    @asynccontextmanager
    async def transaction(self, **_: Any) -> AsyncIterator[None]:
        self._changes: list[tuple[str, tuple[Any, ...]]] = []
        self._holder = Holder()
        try:
            yield
            await asked(self._process, self._schema)
            for sql, arguments in self._changes:
                STATEMENTS[sql](self._schema, *arguments)
            if self._process.world.chance.strikes("commit lost, happened"):
                raise ConnectionResetError("the connection was lost")
        finally:
            self._schema.locks.drop_all(self._holder)

    async def fetchrow(self, sql: str, *arguments: Any) -> Any:
        await self._schema.locks.take(self._holder, ("health", arguments[0]))
        return await super().fetchrow(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> None:
        await asked(self._process, self._schema)
        self._changes.append((sql, arguments))


class Receivers:
    """Whoever is posted to; most answer, some only after they have taken it."""

    def __init__(self, process: Process, mail: Mail, world: World) -> None:
        self._process, self._mail, self._world = process, mail, world

    async def post(self, url: str, message: Message, *_: Any) -> Answer:
        await self._process.step("post")
        chance = self._world.chance
        if chance.strikes("receiver throttles"):
            return Answer(429, "too many", timedelta(minutes=10))
        if chance.strikes("receiver fails"):
            return Answer(500, "it broke")
        self._take(message.id)
        await self._process.step("answer")
        if chance.strikes("receiver takes, answer lost"):
            return Answer(error="no answer")
        return Answer(204)

    def _take(self, name: str) -> None:
        rows = self._mail.rows
        one = rows[name]
        self._world.saw("a delivery came again", one.get("received", 0) > 0)
        one["received"] = one.get("received", 0) + 1
        before = next(
            other for other in rows.values()
            if other["id"] == name or (other["state"] == "pending" and _same_line(other, one))
        )  # fmt: skip
        if before["id"] != name and one["state"] == "pending":
            self._world.defect(f"delivery {name} came before {before['id']}")


def _same_line(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return (one["endpoint_id"], one["customer_id"]) == (other["endpoint_id"], other["customer_id"])


async def deliver(process: Process, schema: Schema, runtime: Any, clock: Any) -> None:
    """Two workers side by side, as two processes of one service have them."""
    bell, stopping = Bell(), asyncio.Event()
    pool: Any = MailPool(process, schema)
    posting: Any = Receivers(process, _mail(schema), process.world)

    def ring(outcome: Outcome) -> None:
        if any(row.table == "delivery" for row in outcome.writes.rows):
            bell.ring()

    runtime.door.after_commit.append(ring)
    for _ in range(WORKERS):
        rule = lambda: runtime.world().policy.delivery  # noqa: E731
        worker = Deliveries(pool, runtime.asks, posting, rule, clock, bell)
        process.spawn(_plainly(worker, stopping))


async def _plainly(worker: Deliveries, stopping: asyncio.Event) -> None:
    """What a group of tasks fails with, as the failure itself."""
    try:
        await worker.run(stopping)
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from group


def open_deliveries(schema: Schema) -> int:
    """How many are still on their way, or not told of."""
    rows = _mail(schema).rows.values()
    return sum(one["state"] == "pending" or not one["reported"] for one in rows)


def judged(schema: Schema, told: list[Any]) -> Iterator[str]:
    """Each alert once to each app that was chosen, and each delivery's end told of once."""
    rows = _mail(schema).rows
    wanted: Counter[tuple[str, str]] = Counter()
    for event in told:
        if isinstance(event, AlertRaised | AlertEscalated):
            wanted.update((event.alert_id, name) for name in event.endpoints)
    made = Counter((one["alert_id"], one["endpoint_id"]) for one in rows.values())
    if made != wanted:
        yield f"deliveries are not those that alerts ask for: {made - wanted}, {wanted - made}"
    for kind, state in ((AlertSent, "sent"), (AlertFailed, "failed")):
        ends = Counter((one.alert_id, one.endpoint) for one in told if isinstance(one, kind))
        done = [one for one in rows.values() if one["state"] == state]
        ended = Counter((one["alert_id"], one["endpoint_id"]) for one in done)
        if ends != ended:
            yield f"{state}: told of {ends - ended} too often, of {ended - ends} too seldom"
    for one in rows.values():
        if one["state"] == "pending" or not one["reported"]:
            yield f"delivery {one['id']} is {one['state']}, told of: {one['reported']}"
        elif one["state"] == "sent" and not one.get("received"):
            yield f"delivery {one['id']} is said to be sent, and never came"
