"""What each batch folded, in order: the service's diary, written in the batch's own transaction.

Records of other services' topics stand in the log and are only pointed at. What was asked for or came
from a partner stands in no topic of ours as it was folded: it is kept here, sealed as the rules saw
it, and so are the wishes that were refused. With the log it tells a service's life exactly.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from perennial.kit.batch import EntityId, Item, Job


class Taken(msgspec.Struct, frozen=True, array_like=True, tag_field="kind", tag="r"):
    """Records of one partition, one after the other, as they stand in the log."""

    topic: str
    part: int
    offset: int
    count: int = 1
    park: str = ""
    """Why a partner's record could not even be adapted."""


class Said(
    msgspec.Struct, frozen=True, array_like=True, tag_field="kind", tag="s", omit_defaults=True
):
    """A request, or a partner's fact, as it was folded."""

    subject: str
    """Empty where the fact itself must say whose it is."""
    key: str
    id: str
    type: str
    data: msgspec.Raw
    now: datetime
    time: datetime
    topic: str
    principal: str
    source: str
    correlation: str = ""
    causation: str = ""
    traceparent: str = ""
    hops: int = 0
    part: int = -1
    offset: int = -1
    """Its place in a partner's topic."""
    of: str = ""
    mended: bool = False
    """It was answered when it was set aside; what a person made of it is no second asking."""


class Again(msgspec.Struct, frozen=True, array_like=True, tag_field="kind", tag="p"):
    """A fact that had been set aside, folded once more."""

    origin: str
    state: str
    """`waiting`, `redrive` or `behind`, as it was found."""
    dropping: bool = False
    park: str = ""
    edited: bytes | None = None
    """What a person had put in its place."""


class Fired(msgspec.Struct, frozen=True, array_like=True, tag_field="kind", tag="t"):
    """A subject whose timers were due."""

    subject: str
    key: str
    due: datetime


class Flows(msgspec.Struct, frozen=True, array_like=True, tag_field="kind", tag="f"):
    """A subject that was held and takes facts again."""

    subject: str
    key: str


Entry = Taken | Said | Again | Fired | Flows


class Page(msgspec.Struct, frozen=True, array_like=True):
    """The entries of one batch, and up to when its timers were to fire."""

    entries: list[Entry]
    until: datetime | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Page)


def page(
    job: Job,
    items: Iterable[Item],
    rows: Mapping[EntityId, Any],
    flowing: Iterable[EntityId],
    answered: Mapping[str, Any],
) -> str:
    """One batch as a row of the journal; empty where nothing was folded."""
    entries: list[Entry] = [Flows(*place) for place in sorted(flowing)]
    entries += _told(items, answered)
    if job.until is not None:
        due = ((place, rows[place][4]) for place in job.timers if place in rows)
        entries += [Fired(*place, at) for place, at in due if at is not None and at <= job.until]
    if not entries:
        return ""
    return _encoder.encode(Page(entries, job.until)).decode()


def read(text: str) -> Page:
    """A row of the journal as it was noted."""
    return _decoder.decode(text)


def origin(topic: str, part: int, off: int | None, subject: str, key: str, fact_id: str) -> str:
    """By what a fact that was set aside is the same fact when it is folded again."""
    if off is not None and off >= 0:
        return f"{topic}/{part}/{off}"
    return f"{topic}/{subject}/{key}/{fact_id}" if topic == "timer" else f"{topic}/{fact_id}"


def _told(items: Iterable[Item], answered: Mapping[str, Any]) -> Iterator[Entry]:
    run: list[Any] = []
    for item in items:
        record = item.record
        if record is not None and not item.answer_id and not item.park:
            if (
                run
                and run[0] == record.topic
                and run[1] == record.part
                and run[2] + run[3] == record.offset
            ):
                run[3] += 1
                continue
            if run:
                yield Taken(*run)
            run = [record.topic, record.part, record.offset, 1]
            continue
        if run:
            yield Taken(*run)
            run = []
        if item.parked_id and item.edited is not None and not item.fact.ver:
            yield _said(item)  # what a person put in its place stands nowhere else as it was folded
        elif item.parked_id:
            state = "waiting" if item.ready_for else "behind" if item.behind else "redrive"
            yield Again(item.origin, state, item.dropping, item.park, item.edited)
        elif record is not None and item.park:
            yield Taken(record.topic, record.part, record.offset, 1, item.park)
        elif item.answer_id not in answered:
            yield _said(item)
    if run:
        yield Taken(*run)


def _said(item: Item) -> Said:
    fact, record = item.fact, item.record
    return Said(
        item.subject.name if item.ask is not None and item.ask.key and item.subject else "",
        fact.key,
        fact.id,
        fact.type,
        msgspec.Raw(_encoder.encode(fact.data)),
        fact.now,
        fact.time,
        fact.topic,
        fact.principal,
        fact.source,
        fact.correlation,
        fact.causation,
        fact.traceparent,
        fact.hops,
        record.part if record else -1,
        record.offset if record else -1,
        fact.of,
        bool(item.parked_id) and not item.answer_id,
    )
