"""Makes a service's tables anew from its topics, in a schema beside the living one.

The living service goes on. Each look folds what one snapshot of it knows. A key is always folded
whole: a rebuild that was cut short goes on where it stood, and the size of its transactions makes no
difference.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from perennial.contracts.base import EPOCH
from perennial.contracts.platform import REJECTED
from perennial.contracts.strict import Malformed
from perennial.kit.postgres import load_reference
from perennial.kit.reading import Reader, Stored
from perennial.kit.rebuilding.comparing import Checked
from perennial.kit.rebuilding.entering import entered
from perennial.kit.rebuilding.others import Others
from perennial.kit.rebuilding.remade import Page, remake, told, told_by_row
from perennial.kit.rebuilding.rows import save, save_events, save_states
from perennial.kit.rebuilding.shadow import Family, Logged, families, made_of, once, unreadable
from perennial.kit.rebuilding.tails import Tail
from perennial.kit.subject import Service
from perennial.kit.worlds import Worlds
from perennial.kit.writing import encode_state

_MADE = """
    SELECT key, made::text FROM entity
    WHERE subject = ANY($1::text[]) AND key = ANY($2::text[]) AND made <> '{}'
"""
_COLUMNS = "e.topic, e.key, e.ver, e.id, e.type, e.time, e.now, e.context, e.data"
_STORED = f"SELECT {_COLUMNS} FROM event e WHERE topic = ANY($1::text[]) AND key = ANY($2::text[])"
_UNSENT = f"SELECT {_COLUMNS} FROM outbox o JOIN event e USING (topic, key, ver) ORDER BY o.seq"
_UNENTERED = f"""
    SELECT {_COLUMNS} FROM outbox o JOIN event e USING (topic, key, ver)
    WHERE topic = ANY($1::text[])
"""
_ENTERED = "DELETE FROM outbox WHERE topic = ANY($1::text[])"
_LEDGERS = "SELECT subject, key, state::text FROM entity WHERE subject = ANY($1::text[])"
_COPIES = "SELECT key FROM event WHERE topic = ANY($1::text[])"


def _to_nobody(_facts: int) -> None:
    pass


class Remaking:
    """Looks as often as it is asked to; what it makes, `remade` writes."""

    def __init__(
        self, service: Service, reader: Reader, remade: Any, batch: int,
        tell: Callable[[int], None] = _to_nobody, lost: bool = False,
    ) -> None:  # fmt: skip
        """`batch`: keys in a transaction; `tell` hears how many facts were read so far; `lost`: there
        is no living schema, the topics are all there is."""
        self._service, self._remade, self._batch, self._tell = service, remade, batch, tell
        self.checked = Checked(service=service.name)
        self.facts = 0
        self._own = [
            _Own(family, Tail(reader, [topic.name for topic in family.topics]))
            for family in sorted(families(service), key=_reference_first)
            if not family.mirrors
        ]
        self._copies = Tail(reader, [REJECTED[service.name].name])
        self._others = Others(service, reader, remade, lost)

    async def look(self, base: Any, unsent: bool = False) -> None:
        """Fold what `base` knows; `unsent`: also what stands in its outbox, and so in no topic yet."""
        moment = await base.fetchval("SELECT transaction_timestamp()")
        rows = await base.fetch(_UNSENT) if unsent else []
        late = [told_by_row(self._service.name, row, EPOCH) for row in rows]
        await self._others.mirrors(base, await self._worlds(base))
        for own in self._own:
            own.expect([one for one in late if one.fact.topic in own.tail.topics])
            await self._family(own, await self._worlds(base), moment, base)
            await self._ledgers(own.family)
        await self._rejected(late, moment, base)
        await self._others.archive(base)

    async def _worlds(self, base: Any) -> Worlds:
        return Worlds(self._service, await load_reference(base, self._service))

    async def _family(self, own: "_Own", worlds: Worlds, moment: datetime, base: Any) -> None:
        async for records in own.tail.up_to(await own.tail.ends()):
            own.expect(self._readable(records))
            await self._fold(own, worlds, moment, base)
            self.facts += len(records)
            self._tell(self.facts)
        await self._fold(own, worlds, moment, base)

    def _readable(self, records: Iterable[Stored]) -> list[Logged]:
        found: list[Logged] = []
        for stored in records:
            try:
                found.append(told(stored))
            except Malformed as error:
                self.checked.add([unreadable(stored, error)])
        return found

    async def _fold(self, own: "_Own", worlds: Worlds, moment: datetime, base: Any) -> None:
        """Every key that something was told of, some in a transaction."""
        keys = sorted(own.waiting)
        for place in range(0, len(keys), self._batch):
            some = keys[place : place + self._batch]
            live = await _by_key(base, own.family, some)
            have = await _by_key(self._remade, own.family, some)
            known = {key: own.known(key, live.get(key, {}), moment, self.checked) for key in some}
            page = Page()
            for key, whole in (await self._whole(own, known, have)).items():
                remake(page, self._service, worlds, own.family, key, whole, have.get(key, {}))
            await save(self._remade, page)

    async def _whole(
        self, own: "_Own", known: dict[str, list[Logged]], have: Mapping[str, Mapping[str, int]]
    ) -> dict[str, list[Logged]]:
        """Everything of those keys of which something is new."""
        new = {key: its for key, its in known.items() if _news(its, have.get(key, {}))}
        before = [key for key in new if key in have]
        for row in await self._remade.fetch(_STORED, own.tail.topics, before):
            new[row["key"]].append(told_by_row(self._service.name, row, EPOCH))
        return {key: list({one.place: one for one in its}.values()) for key, its in new.items()}

    async def _ledgers(self, family: Family) -> None:
        """Entries over many keys, from events that none has been told of, in the order of moments."""
        ledgers = {one.ledger.name: one.ledger for one in family.subjects if one.ledger}
        if not ledgers:
            return
        topics = [topic.name for topic in family.topics]
        states: dict[tuple[str, str], Any] = {}
        for name, key, text in await self._remade.fetch(_LEDGERS, list(ledgers)):
            states[name, key] = msgspec.json.decode(text, type=ledgers[name].state)
        new = await self._remade.fetch(_UNENTERED, topics)
        heard = [told_by_row(self._service.name, row, EPOCH) for row in new]
        states = entered(list(ledgers.values()), heard, states)
        async with self._remade.transaction():
            rows = [(*place, "{}", encode_state(state)) for place, state in states.items()]
            await save_states(self._remade, rows)
            await self._remade.execute(_ENTERED, topics)

    async def _rejected(self, late: Iterable[Logged], moment: datetime, base: Any) -> None:
        """Copies of what was parked have keys of their own, one version, and no subject."""
        found = [one for one in late if one.fact.topic in self._copies.topics]
        async for records in self._copies.up_to(await self._copies.ends()):
            found += self._readable(records)
        known = {row[0] for row in await base.fetch(_COPIES, self._copies.topics)}
        there = [made_of(one) for one in found if one.at < moment or one.fact.key in known]
        await save_events(self._remade, there)


class _Own:
    """A family, with what was told of its keys and is not folded yet."""

    def __init__(self, family: Family, tail: Tail) -> None:
        self.family, self.tail = family, tail
        self.waiting: dict[str, list[Logged]] = {}

    def expect(self, some: Iterable[Logged]) -> None:
        for one in some:
            self.waiting.setdefault(one.fact.key, []).append(one)

    def known(
        self, key: str, made: Mapping[str, int], moment: datetime, checked: Checked
    ) -> list[Logged]:
        """What the snapshot knows of a key; the rest waits for the next."""
        heard = self.waiting.pop(key)
        known, forks = once(heard, made, moment)
        checked.add(forks)
        places = {one.place for one in known}
        if later := [one for one in heard if one.place not in places]:
            self.waiting[key] = later
        return known


def _reference_first(family: Family) -> bool:
    """What all rules know is there before others are folded."""
    return not all(subject.reference for subject in family.subjects)


async def _by_key(connection: Any, family: Family, keys: list[str]) -> dict[str, dict[str, int]]:
    rows = await connection.fetch(_MADE, family.names, keys)
    return {key: msgspec.json.decode(text) for key, text in rows}


def _news(its: Iterable[Logged], have: Mapping[str, int]) -> bool:
    return any(one.fact.ver > have.get(one.fact.topic, 0) for one in its)
