"""Faults in the kit itself, put in while it runs: a test that none of these turns red proves nothing."""

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from notifications import deliveries, delivery_queue
from notifications.deliveries import Deliveries
from perennial.kit import door, fold, gathering, relay
from perennial.kit.batch import Writes
from perennial.kit.lanes import Door
from perennial.kit.naming import Names
from perennial.kit.ordering import Ordering
from perennial.kit.parts import Parts
from perennial.kit.postgres import CommitUnknownError
from perennial.kit.verdicts import Verdicts

from tests.kit.memory import Transaction
from tests.simulation import mail, queries, store

Mutant = Callable[[], AbstractContextManager[Any]]


def _positions_first() -> AbstractContextManager[Any]:
    """M9: positions are written, and stand, before the transaction commits."""
    write = Transaction.write

    def mutant(self: Transaction, writes: Writes) -> None:
        write(self, writes)
        self.tables.position |= writes.positions

    return patch.object(Transaction, "write", mutant)


def _no_position_check() -> AbstractContextManager[Any]:
    """M1: whatever was polled is taken, wherever the partition stands."""

    def mutant(items: list[Any], stands: dict[Any, int]) -> Any:
        records = [item.record for item in items if item.record]
        ends = {(one.topic, one.part): one.offset + 1 for one in records}
        return items, ends, {}

    return patch.object(gathering, "admit", mutant)


def _no_version_check() -> AbstractContextManager[Any]:
    """M2: any version is the next one."""
    return patch.object(Ordering, "_is_next", lambda self, entity, item: True)


def _deleted_first() -> AbstractContextManager[Any]:
    """M7: the relay deletes what it is about to send."""

    def mutant(source: str) -> Generator[Any, Any, None]:
        while True:
            rows = yield relay.Scan(relay.WAVE)
            if not rows:
                yield relay.Rest()
                continue
            yield relay.Delete([row[0] for row in rows])
            yield relay.Send([relay.message_of(source, row) for row in rows])

    return patch.object(relay, "relay", mutant)


def _cursor() -> AbstractContextManager[Any]:
    """M4: the relay goes on behind the highest number it has seen, not by what is there."""
    last: dict[int, int] = {}

    def mutant(schema: Any, most: int, under_way: list[int]) -> Any:
        rows = queries._scan(schema, most, under_way)
        seen = last.get(id(schema), 0)
        rows = [row for row in rows if row["seq"] > seen]
        last[id(schema)] = max([seen, *(row["seq"] for row in rows)])
        return rows

    return patch.dict(queries.ANSWERS, {queries.name_of(relay._SCAN): mutant})


def _unlocked() -> AbstractContextManager[Any]:
    """Subjects are read without their locks, by timers and facts alike."""
    take = store.Opened._take

    async def mutant(self: store.Opened, key: Any) -> bool:
        return False if key[0] == "entity" else await take(self, key)

    return patch.object(store.Opened, "_take", mutant)


def _not_held() -> AbstractContextManager[Any]:
    """M11: a fact is parked, and its key goes on without it."""
    cannot = Verdicts._cannot

    def mutant(self: Any, item: Any, entity: Any, reason: str, error: str, **_: Any) -> None:
        cannot(self, item, entity, reason, error, holds=False)

    return patch.object(Verdicts, "_cannot", mutant)


def _forgetful() -> AbstractContextManager[Any]:
    """Answers are given and not kept."""
    return patch.object(Verdicts, "_remember", lambda self, item, status, body: None)


def _believing() -> AbstractContextManager[Any]:
    """A lost commit is taken for done."""
    commit = store._Session._commit

    async def mutant(self: store._Session, opened: store.Opened) -> None:
        try:
            await commit(self, opened)
        except CommitUnknownError:
            return

    return patch.object(store._Session, "_commit", mutant)


def _left_behind() -> AbstractContextManager[Any]:
    """What stands behind a parked fact is not folded with it."""
    unparked = gathering.unparked

    def mutant(service: Any, job: Any, items: list[Any]) -> Generator[Any, Any, Any]:
        known = len(items)
        items, flowing = yield from unparked(service, job, items)
        return [one for n, one in enumerate(items) if n < known or not one.behind], flowing

    return patch.object(door, "unparked", mutant)


def _hasty() -> AbstractContextManager[Any]:
    """Timers look some hours ahead."""
    horizon = Door.horizon

    def mutant(self: Door) -> Any:
        until = horizon(self)
        return until and until + timedelta(hours=3)

    return patch.object(Door, "horizon", mutant)


def _sleepy() -> AbstractContextManager[Any]:
    """A timer that fired forgets the next one."""
    record = fold.Fold._record

    def mutant(self: Any, entity: Any, decision: Any, fact: Any, now: Any) -> Any:
        made = record(self, entity, decision, fact, now)
        if fact.topic == "timer":
            entity.due = None
        return made

    return patch.object(fold.Fold, "_record", mutant)


def _outbox_after() -> AbstractContextManager[Any]:
    """The outbox is filled by whoever learns that the commit has happened."""
    commit = store._Session._commit

    async def mutant(self: store._Session, opened: store.Opened) -> None:
        try:
            await commit(self, opened)
        except CommitUnknownError:
            for number in opened.transaction._numbered:
                opened.transaction.tables.outbox.pop(number, None)
            raise

    return patch.object(store._Session, "_commit", mutant)


def _keyless() -> AbstractContextManager[Any]:
    """Found here and mended: a payment's fact, which names an order alone, kept its record's key."""
    told = Names.told

    def mutant(self: Names, item: Any, key: str) -> Any:
        return told(self, item, key) if item.names else item.fact

    return patch.object(Names, "told", mutant)


def _unbarred() -> AbstractContextManager[Any]:
    """A part is taken while another still holds it."""
    return patch.object(Parts, "stranger", lambda self, entity, fact: None)


def _barred_alone() -> AbstractContextManager[Any]:
    """A barred fact is set aside, and its key goes on without it."""
    barred = Verdicts._barred

    def mutant(self: Any, item: Any, entity: Any, reason: str, waits_for: str) -> None:
        held, aside = entity.held, dict(entity.aside)
        barred(self, item, entity, reason, waits_for)
        entity.held, entity.aside = held, aside
        entity.seen[item.fact.topic] = item.fact.ver

    return patch.object(Verdicts, "_barred", mutant)


def _rootless() -> AbstractContextManager[Any]:
    """Who is who is not looked at under the lock."""
    return patch.object(door._Batch, "_who_is_who", lambda self, entities: None)


def _marked_first() -> AbstractContextManager[Any]:
    """A delivery counts as told of before the door has taken it."""

    async def mutant(self: Deliveries) -> int:
        finished = await delivery_queue.unreported(self._pool, deliveries.REPORTS)
        if finished:
            await delivery_queue.mark_reported(self._pool, finished)
            await self._asks.ask_all([deliveries._told(one) for one in finished])
        return len(finished)

    return patch.object(Deliveries, "report", mutant)


def _any_order() -> AbstractContextManager[Any]:
    """Deliveries of one customer to one app go out side by side."""

    def mutant(schema: Any, names: list[str], most: list[int], now: Any, *more: Any) -> Any:
        with patch.object(mail, "line_of", lambda one: one["id"]):
            return mail.STATEMENTS[delivery_queue._CLAIM](schema, names, most, now, *more)

    return patch.dict(queries.ANSWERS, {queries.name_of(delivery_queue._CLAIM): mutant})


@contextmanager
def none() -> Iterator[None]:
    """The kit as it is."""
    yield


MUTANTS: dict[str, Mutant] = {
    "positions written outside the transaction (M9)": _positions_first,
    "no position check (M1)": _no_position_check,
    "no version check (M2)": _no_version_check,
    "relay deletes before the acknowledgement (M7)": _deleted_first,
    "relay with a cursor (M4)": _cursor,
    "subjects read without their locks": _unlocked,
    "parked without holding the key (M11)": _not_held,
    "answers not kept": _forgetful,
    "a lost commit taken for done": _believing,
    "outbox filled after the commit": _outbox_after,
    "what stands behind is left behind": _left_behind,
    "timers fire early": _hasty,
    "timers forgotten": _sleepy,
    "facts keep the key of their record": _keyless,
    "parts are taken from their holder": _unbarred,
    "barred without holding the key": _barred_alone,
    "who is who not looked at under the lock": _rootless,
    "deliveries told of after they are marked": _marked_first,
    "deliveries of a customer side by side": _any_order,
}
