"""Whether a schema is what its own topics make of it: the comparison of `kit/rebuilding/check`, over dictionaries."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from perennial.kit.batch import EntityId, Record
from perennial.kit.door import ON_ITS_WAY
from perennial.kit.reading import Stored
from perennial.kit.rebuilding.comparing import compared_names
from perennial.kit.rebuilding.entering import Entries
from perennial.kit.rebuilding.remade import Page, remake, told
from perennial.kit.rebuilding.shadow import (
    Difference,
    Family,
    Live,
    Logged,
    compared_events,
    compared_states,
    families,
    folded,
    mirrored,
    once,
)
from perennial.kit.subject import Service, Subject
from perennial.kit.worlds import Worlds

from tests.kit.memory import Tables
from tests.simulation.broker import Broker
from tests.simulation.poisoning import is_poison

_json = msgspec.json.decode
ByKey = Mapping[str, list[Logged]]


def by_key(broker: Broker, topics: Iterable[str]) -> dict[str, list[Logged]]:
    """Every record of these topics, as it stands in the log."""
    found: dict[str, list[Logged]] = {}
    for topic, part in sorted(broker.partitions):
        for offset, entry in enumerate(broker.partitions[topic, part] if topic in topics else ()):
            if is_poison((entry.key or b"").decode()):
                continue
            record = Record(topic, part, offset, entry.key, entry.value, entry.headers)
            one = told(Stored(record, entry.at))
            found.setdefault(one.fact.key, []).append(one)
    return found


def in_hand(tables: Tables) -> Iterator[tuple[EntityId, tuple[str, str]]]:
    """The parts that somebody holds: not those on their way."""
    return ((place, kept) for place, kept in tables.part.items() if kept[1] != ON_ITS_WAY)


def reference(service: Service, tables: Tables) -> dict[str, dict[str, Any]]:
    """The subjects that rules know whole, as they stand."""
    return {
        name: {
            key: _json(row[5], type=subject.state)
            for (kind, key), row in tables.entity.items()
            if kind == name and row[5] != "{}"
        }
        for name, subject in service.subjects.items()
        if subject.reference
    }


class Comparison:
    """One service's tables against the log."""

    def __init__(self, service: Service, tables: Tables, broker: Broker) -> None:
        self._service, self._tables, self._broker = service, tables, broker
        self._parts: dict[tuple[str, str], dict[str, Any]] = {}
        for (subject, part_id), (key, text) in in_hand(tables):
            kind = service.subjects[subject].part
            assert kind is not None, "only subjects with parts leave any"
            self._parts.setdefault((subject, key), {})[part_id] = _json(text, type=kind)
        self._names: dict[tuple[str, str], set[str]] = {}
        for (subject, name), key in tables.alias.items():
            self._names.setdefault((subject, key), set()).add(name)

    def differences(self) -> Iterator[Difference]:
        worlds = Worlds(self._service, reference(self._service, self._tables))
        for family in families(self._service):
            log = by_key(self._broker, {topic.name for topic in family.topics})
            if family.mirrors:
                yield from self._mirrors(family, log, worlds)
            else:
                yield from self._own(family, log, worlds)

    def _own(self, family: Family, log: ByKey, worlds: Worlds) -> Iterator[Difference]:
        entries, rows = Entries(family), self._event_rows(family)
        keys = {key for name, key in self._tables.entity if name in family.names}
        for key in sorted(keys | log.keys()):
            subject, live = self._owner(family, key)
            known, forks = once(log.get(key, ()), live.made)
            yield from forks
            yield from compared_events(key, rows.get(key, {}), known)
            if known or live.made:
                yield from compared_states(subject, key, live, folded(subject, known))
            if known:
                yield from self._remade(family, worlds, key, known)
            yield from compared_names(subject, key, live.names, known)
            entries.enter(known)
        ledgers = {one.name for one in entries.ledgers}
        found = {p: row[5] for p, row in self._tables.entity.items() if p[0] in ledgers}
        yield from entries.compared(found)

    def _remade(
        self, family: Family, worlds: Worlds, key: str, known: list[Logged]
    ) -> Iterator[Difference]:
        """What a rebuild would write of a key, beyond what the comparisons above look at."""
        page = Page()
        remake(page, self._service, worlds, family, key, known, {})
        for subject, _, _, seen, _, due, _ in page.entities:
            live = self._tables.entity[subject, key]
            if live[4] != due and not live[3]:
                yield Difference(
                    table="entity",
                    key=key,
                    what="due",
                    table_says=str(live[4]),
                    topics_say=str(due),
                )
            ahead = {topic for topic, ver in _json(seen).items() if ver > _json(live[1])[topic]}
            if ahead:
                yield Difference(table="entity", key=key, what=f"has not seen {ahead}")
        for made in page.events:
            stands = self._tables.event[made.topic, made.key, made.ver]
            if stands[4] != made.context:
                yield Difference(
                    table="event", key=key, what=f"context of {made.topic}/{made.ver}",
                    table_says=stands[4], topics_say=made.context,
                )  # fmt: skip

    def _mirrors(self, family: Family, log: ByKey, worlds: Worlds) -> Iterator[Difference]:
        for key in sorted(log):
            subject, live = self._owner(family, key)
            known, forks = once(log[key], live.seen)
            shadow = mirrored(self._service, worlds, subject, [one.fact for one in known])
            yield from forks
            yield from compared_states(subject, key, live, shadow)

    def _event_rows(self, family: Family) -> dict[str, dict[tuple[str, int], tuple[Any, ...]]]:
        topics = {topic.name for topic in family.topics}
        found: dict[str, dict[tuple[str, int], tuple[Any, ...]]] = {}
        for (topic, key, ver), (event_id, kind, time, now, _, data) in self._tables.event.items():
            if topic in topics:
                found.setdefault(key, {})[topic, ver] = (event_id, kind, time, now, data)
        return found

    def _owner(self, family: Family, key: str) -> tuple[Subject, Live]:
        held = [one for one in family.subjects if (one.name, key) in self._tables.entity]
        live = {one.name: self._live(one, key) for one in held}
        made = [one for one in held if live[one.name].made]
        subject = (made or held or list(family.subjects))[0]
        return subject, live.get(subject.name) or Live(None, {}, {}, subject.state())

    def _live(self, subject: Subject, key: str) -> Live:
        now, seen, made, _, _, state, _ = self._tables.entity[subject.name, key]
        place = subject.name, key
        return Live(
            now,
            _json(seen),
            _json(made),
            _json(state, type=subject.state),
            self._parts.get(place, {}),
            frozenset(self._names.get(place, ())),
        )
