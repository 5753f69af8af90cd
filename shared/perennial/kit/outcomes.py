"""What a trial decided against what happened: matched by cause, counted, and told as tables."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec

from perennial.contracts.base import Event, Fact
from perennial.kit.bounds import Count, Tally
from perennial.kit.recorded import Recorded
from perennial.kit.subject import Made, Service

Exactness = str
MECHANICAL = "exact"
"""Who is assigned, when a clock fires: the same rules over the same facts."""
ESTIMATE = "estimate"
"""What people would have done: told with its method and interval."""
SHOWN = 200
"""Differing decisions that are listed one by one."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One own event of a service, as it was or as it would have been."""

    id: str
    topic: str
    key: str
    now: datetime
    time: datetime
    event: Event


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One table of a report."""

    name: str
    title: str
    columns: list[str]
    """The first names the row; `live` and `draft` are compared."""
    rows: list[list[Any]]
    kind: Exactness = MECHANICAL
    note: str = ""
    """How it was worked out; for an estimate its method and interval."""


class Differing(msgspec.Struct, frozen=True, kw_only=True):
    """One decision that came out otherwise."""

    key: str
    at: datetime
    type: str
    what: str
    """`changed`, `only live` or `only draft`."""
    id: str


@dataclass(frozen=True)
class Both:
    """The two histories of one service, side by side."""

    service: Service
    live: Sequence[Happened]
    draft: Sequence[Happened]
    policy: Any
    """The one that was tried; where another service's was, this one's own."""
    facts: Callable[[type[Event]], Iterator[Fact]]
    """What it was told by others, of one kind."""

    def sides(self) -> tuple[tuple[str, Sequence[Happened]], ...]:
        return ("live", self.live), ("draft", self.draft)

    def counted(
        self, name: str, title: str, word: Callable[[Happened], str | None], note: str = ""
    ) -> Section:
        """How many events go by each word, on both sides."""
        live, draft = (
            Counter(found for one in side if (found := word(one)) is not None)
            for _, side in self.sides()
        )
        rows = [[one, live[one], draft[one]] for one in sorted({*live, *draft})]
        return Section(name=name, title=title, columns=["", "live", "draft"], rows=rows, note=note)


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One service's part of a report."""

    service: str
    decisions: int
    """Live ones in the time looked at."""
    same: int
    sections: list[Section]
    differing: list[Differing]
    """The first of them, in order."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a draft would have done."""

    service: str
    version: int
    starts: datetime | None
    ends: datetime | None
    facts: int
    seconds: float
    """That folding took, by the clock on the wall."""
    cpu: float
    """And of one core's time."""
    services: list[Compared]
    judged: int = 0
    """Live decisions of the draft's own service, within the time in which it would have judged."""

    @property
    def otherwise(self) -> int:
        """Live decisions that came out otherwise, or not at all."""
        return sum(one.decisions - one.same for one in self.services)


def lived(life: Recorded) -> list[Happened]:
    """The recorded events, in the order in which they were decided."""
    kinds = {kind.TYPE: kind for kind in life.service.topic_of}
    decoders = {name: msgspec.json.Decoder(kind) for name, kind in kinds.items()}
    found = [
        (now, topic, key, ver, Happened(id_, topic, key, now, time, decoders[kind].decode(data)))
        for (topic, key, ver), (id_, kind, time, now, _, data) in life.told.items()
        if kind in decoders
    ]
    return [one[-1] for one in sorted(found, key=lambda one: one[:4])]


def tried(service: Service, made: Iterable[Made]) -> list[Happened]:
    """What a trial made, in the same shape."""
    known = {topic.name for topic in service.topic_of.values()}
    found = [
        (m.now, m.topic, m.key, m.ver, Happened(m.id, m.topic, m.key, m.now, m.time, m.event))
        for m in made
        if m.topic in known
    ]
    return [one[-1] for one in sorted(found, key=lambda one: one[:4])]


def compared(both: Both) -> Compared:
    """Counts by type, the service's own words, and the first decisions that differ."""
    live, draft = _decided(both)
    found = sorted(_differing(live, draft), key=lambda one: (one.at, one.key, one.id))
    changed = sum(one.what != "only draft" for one in found)
    own = both.service.outcomes(both) if both.service.outcomes is not None else ()
    return Compared(
        service=both.service.name,
        decisions=len(live),
        same=len(live) - changed,
        sections=[_by_type(live, draft, found), *own],
        differing=found[:SHOWN],
    )


def tallied(both: Both) -> Tally:
    """What a watched version decided (live), counted beside what the former one would have (draft)."""
    live, former = _decided(both)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    days: Counter[tuple[str, date]] = Counter()
    for id_ in live.keys() | former.keys():
        sides = {"live": live.get(id_), "former": former.get(id_)}
        made = {name: one for name, one in sides.items() if one is not None}
        counted = {"either": 1, "otherwise": int(not _alike(sides["live"], sides["former"]))}
        for kind in {"", *(one.event.TYPE for one in made.values())}:
            counts[kind].update(counted)
        for name, one in made.items():
            for kind in ("", one.event.TYPE):
                counts[kind][name] += 1
                days[kind, one.now.date()] += name == "live"
    for (kind, _), many in days.items():
        counts[kind]["most_a_day"] = max(many, counts[kind]["most_a_day"])
    return {kind: Count(**many) for kind, many in sorted(counts.items())}


def _alike(one: Happened | None, other: Happened | None) -> bool:
    if one is None or other is None:
        return False
    return (one.key, one.now, plain(one.event)) == (other.key, other.now, plain(other.event))


def _decided(both: Both) -> tuple[dict[str, Happened], dict[str, Happened]]:
    """By id, without what was decided about policies."""
    ignored = {topic.name for topic in both.service.policy_subject.emits}
    live, draft = (
        {one.id: one for one in side if one.topic not in ignored} for _, side in both.sides()
    )
    return live, draft


def _differing(live: Mapping[str, Happened], draft: Mapping[str, Happened]) -> Iterator[Differing]:
    for id_, one in live.items():
        other = draft.get(id_)
        if other is None:
            yield _told(one, "only live")
        elif not _alike(one, other):
            yield _told(one, "changed")
    for id_, one in draft.items():
        if id_ not in live:
            yield _told(one, "only draft")


def _told(one: Happened, what: str) -> Differing:
    return Differing(key=one.key, at=one.now, type=one.event.TYPE, what=what, id=one.id)


def plain(event: Event) -> Event:
    """Without its receipt, which names the policy's version."""
    return event if event.receipt is None else msgspec.structs.replace(event, receipt=None)


def _by_type(
    live: Mapping[str, Happened], draft: Mapping[str, Happened], found: Iterable[Differing]
) -> Section:
    lived_, tried_ = (Counter(one.event.TYPE for one in side.values()) for side in (live, draft))
    differing = Counter((one.type, one.what) for one in found)
    kinds = ("changed", "only live", "only draft")
    rows = [
        [_short(name), lived_[name], tried_[name], *(differing[name, what] for what in kinds)]
        for name in sorted({*lived_, *tried_})
    ]
    return Section(
        name="decisions",
        title="Decisions by kind",
        columns=["", "live", "draft", *kinds],
        rows=rows,
        note="the same cause made the same event, another one, or none",
    )


def _short(kind: str) -> str:
    return kind.removeprefix("perennial.").removesuffix(".v1")
