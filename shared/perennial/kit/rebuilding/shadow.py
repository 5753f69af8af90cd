"""What a service's own topics say its tables must hold: pure, one key at a time.

The shadow is folded as the door folds: by `evolve` alone, over the events as they were published.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec

from perennial.contracts.base import Event, Fact, Topic
from perennial.contracts.cloudevents import decode
from perennial.kit.batch import event_of
from perennial.kit.reading import Stored
from perennial.kit.subject import Made, Service, Subject
from perennial.kit.worlds import Worlds
from perennial.kit.writing import encode_state

_encode = msgspec.json.encode
_decode = msgspec.json.decode
by_moment = attrgetter("now", "topic", "ver")
"""The order in which one key's events of several topics were made, as `history` reads them."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in which the tables and the topics disagree."""

    table: str
    key: str
    what: str
    table_says: str = ""
    topics_say: str = ""


@dataclass(frozen=True)
class Logged:
    """A record of an own topic, decoded, with its data as the very text that was published."""

    fact: Fact
    text: str
    at: datetime
    """When the broker appended it: after the commit that made it."""
    context: str = "{}"

    @property
    def place(self) -> tuple[str, int]:
        return self.fact.topic, self.fact.ver


@dataclass
class Live:
    """What the tables hold of one subject, decoded: how a default is spelt makes no difference."""

    now: datetime | None
    seen: dict[str, int]
    made: dict[str, int]
    state: Any
    parts: dict[str, Any] = field(default_factory=dict)
    names: frozenset[str] = frozenset()


@dataclass
class Shadow:
    """What the topics make of the same subject."""

    now: datetime | None = None
    made: dict[str, int] = field(default_factory=dict)
    state: Any = None
    parts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Family:
    """Subjects whose keys share topics, and so partitions."""

    subjects: tuple[Subject, ...]
    topics: tuple[Topic, ...]
    mirrors: bool

    @property
    def names(self) -> list[str]:
        return [subject.name for subject in self.subjects]


def families(service: Service) -> list[Family]:
    """Own subjects that write to the same topics together; each mirror by itself."""
    own: list[Family] = []
    for subject in service.subjects.values():
        if not subject.emits:
            continue
        near = [one for one in own if set(one.topics) & set(subject.emits)]
        own = [one for one in own if one not in near]
        subjects = (*(member for one in near for member in one.subjects), subject)
        shared = dict.fromkeys(topic for member in subjects for topic in member.emits)
        own.append(Family(subjects, tuple(shared), False))
    return own + [
        Family((subject,), topics, True)
        for subject in service.subjects.values()
        if not subject.emits and (topics := _inputs(service, subject))
    ]


def _inputs(service: Service, subject: Subject) -> tuple[Topic, ...]:
    return tuple(topic for topic in service.reads if service.by_topic.get(topic.name) is subject)


def logged(stored: Stored) -> Logged:
    """A record of one of our own topics. Raises `Malformed` for one that nobody of ours wrote."""
    record = stored.record
    fact = decode(
        record.topic, record.key, record.headers, record.value, stored.at, trust_recorded=True
    )
    return Logged(fact, (record.value or b"").decode(), stored.at)


def unreadable(stored: Stored, error: Exception) -> Difference:
    """A record that no writer of ours can have made: the tables know nothing of it."""
    record = stored.record
    what = f"the record at {record.part}:{record.offset} can't be read"
    key = (record.key or b"").decode(errors="replace")
    return _differs("topic", key, f"{record.topic}: {what}", "", str(error))


def once(
    logged: Iterable[Logged], made: Mapping[str, int], snapshot: datetime | None = None
) -> tuple[list[Logged], list[Difference]]:
    """Each version once, of those that the tables must know; told in two ways, it is a fork.

    What was appended before the `snapshot` had been committed before it, whatever the tables say.
    """
    kept: dict[tuple[str, int], Logged] = {}
    forks: list[Difference] = []
    for one in logged:
        before = kept.setdefault(one.place, one)
        if before.text != one.text or before.fact.id != one.fact.id:
            forks.append(_differs("topic", one.fact.key, _name(one.place), before.text, one.text))
    known = [
        one
        for one in kept.values()
        if one.fact.ver <= made.get(one.fact.topic, 0) or (snapshot and one.at < snapshot)
    ]
    return known, forks


def folded(subject: Subject, logged: Iterable[Logged]) -> Shadow:
    """The subject as its events make it."""
    shadow = Shadow()
    state = subject.state()
    for fact in sorted((one.fact for one in logged), key=by_moment):
        if fact.data is not None:
            state = subject.evolve(state, as_made(fact.data), fact.now)
        shadow.now = fact.now
        shadow.made[fact.topic] = max(fact.ver, shadow.made.get(fact.topic, 0))
    return _with_state(shadow, subject, state)


def mirrored(service: Service, worlds: Worlds, subject: Subject, facts: Iterable[Fact]) -> Shadow:
    """A subject without a topic of its own, as the facts of others make it."""
    state = subject.state()
    for fact in sorted(facts, key=by_moment):
        if type(fact.data) not in service.routes:
            continue
        decision = subject.react(state, fact, worlds.at(fact.now), fact.now)
        for wish in decision if isinstance(decision, list) else []:
            state = subject.evolve(state, event_of(wish)[0], fact.now)
    return _with_state(Shadow(), subject, state)


def compared_states(subject: Subject, key: str, live: Live, shadow: Shadow) -> Iterator[Difference]:
    """Root, parts, versions and moment of one subject."""
    name = f"{subject.name} {key}"
    if live.state != shadow.state:
        yield unlike("entity", name, live.state, shadow.state)
    if subject.emits and live.made != shadow.made:
        yield _differs("entity", name, "versions made", live.made, shadow.made)
    if subject.emits and live.now != shadow.now:
        yield _differs("entity", name, "moment of its last event", live.now, shadow.now)
    for part_id in sorted(live.parts.keys() | shadow.parts.keys()):
        here, there = live.parts.get(part_id), shadow.parts.get(part_id)
        if here != there:
            yield unlike("part", f"{name} {part_id}", here, there)


def compared_events(
    key: str, rows: Mapping[tuple[str, int], tuple[Any, ...]], logged: Iterable[Logged]
) -> Iterator[Difference]:
    """The event rows of one key and its records: (id, type, time, now, data) each."""
    told = {one.place: _row(one) for one in logged}
    for place in sorted(rows.keys() | told.keys()):
        here, there = rows.get(place), told.get(place)
        if here is None or there is None:
            missing = "the table" if here is None else "the topic"
            yield _differs("event", key, f"{_name(place)} is missing in {missing}", here, there)
        elif here != there:
            fields = ("id", "type", "time", "now", "data")
            unlike = [name for name, a, b in zip(fields, here, there, strict=True) if a != b]
            yield _differs("event", key, f"{_name(place)}: {', '.join(unlike)}", here, there)


def made_of(one: Logged) -> Made:
    """A record as the event that `Service.rows` saw."""
    fact = one.fact
    return Made(
        topic=fact.topic,
        key=fact.key,
        ver=fact.ver,
        id=fact.id,
        type=fact.type,
        time=fact.time,
        now=fact.now,
        context=one.context,
        data=one.text,
        event=as_made(fact.data),
    )


def _with_state(shadow: Shadow, subject: Subject, state: Any) -> Shadow:
    """As it would be read back: stored and decoded once, parts beside the root."""
    if subject.part is not None:
        shadow.parts = {
            name: _decode(_encode(part), type=subject.part) for name, part in state.parts.items()
        }
        state = msgspec.structs.replace(state, parts={})
    shadow.state = _decode(encode_state(state), type=subject.state)
    return shadow


def as_made(event: Event) -> Event:
    """The event as the rule made it: its receipt is written beside it, after the fold."""
    return msgspec.structs.replace(event, receipt=None)


def _row(one: Logged) -> tuple[Any, ...]:
    fact = one.fact
    return fact.id, fact.type, fact.time, fact.now, one.text


def unlike(table: str, key: str, here: Any, there: Any) -> Difference:
    """Two states, told by the fields in which they differ."""
    if here is None or there is None:
        missing = "the table" if here is None else "the topics"
        return _differs(table, key, f"is missing in {missing}", here, there)
    names = [one for one in here.__struct_fields__ if getattr(here, one) != getattr(there, one)]
    only = [{name: getattr(one, name) for name in names} for one in (here, there)]
    return _differs(table, key, ", ".join(names), *only)


def _differs(table: str, key: str, what: str, here: Any, there: Any) -> Difference:
    return Difference(
        table=table, key=key, what=what, table_says=_brief(here), topics_say=_brief(there)
    )


def _name(place: tuple[str, int]) -> str:
    return f"{place[0]}/{place[1]}"


def _brief(value: Any) -> str:
    text = value if isinstance(value, str) else _encode(value).decode()
    return text if len(text) <= 400 else text[:399] + "…"
