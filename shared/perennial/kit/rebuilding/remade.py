"""The rows that a service's topics make of its keys, each key folded whole: pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec

from perennial.contracts.cloudevents import read_attributes
from perennial.kit.batch import Record
from perennial.kit.making import Context, context_text
from perennial.kit.reading import Stored
from perennial.kit.rebuilding.comparing import names_of
from perennial.kit.rebuilding.entering import heard
from perennial.kit.rebuilding.shadow import (
    Family,
    Logged,
    by_moment,
    folded,
    logged,
    made_of,
)
from perennial.kit.relay import message_of
from perennial.kit.subject import Made, Row, Service, Subject
from perennial.kit.worlds import Worlds

_json = msgspec.json.Encoder()


@dataclass
class Page:
    """What one transaction of a rebuild writes."""

    keys: list[tuple[str, str]] = field(default_factory=list)
    """(subject, key): nothing else of theirs may stay."""
    entities: list[tuple[str, str, datetime | None, str, str, datetime | None, str]] = field(
        default_factory=list
    )
    """(subject, key, now, seen, made, due, state)"""
    parts: list[tuple[str, str, str, str]] = field(default_factory=list)
    """(subject, id, key, state)"""
    names: list[tuple[str, str, str]] = field(default_factory=list)
    """(subject, name, key)"""
    events: list[Made] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    entered: list[tuple[str, str, int]] = field(default_factory=list)
    """Events that count in ledgers, which are told of them afterwards, in the order of moments."""


def told(stored: Stored) -> Logged:
    """A record of an own topic, with what its writer said of the cause. Raises `Malformed`."""
    one = logged(stored)
    fact = one.fact
    context = Context(
        correlationid=fact.correlation,
        causationid=fact.causation,
        policyversion=read_attributes(stored.record.headers).get("ce_policyversion", ""),
        hops=fact.hops,
        traceparent=fact.traceparent,
    )
    return replace(one, context=context_text(context))


def told_by_row(source: str, row: Sequence[Any], at: datetime) -> Logged:
    """A row of `event` as the record that the relay makes of it."""
    message = message_of(source, (0, *row))
    record = Record(
        message.topic, 0, 0, message.key.encode(), message.value, tuple(message.headers)
    )
    return told(Stored(record, at))


def owner(family: Family, told_of: Iterable[Logged]) -> Subject:
    """Which of the subjects that share topics a key is: the one that makes such events."""
    kinds = {type(one.fact.data) for one in told_of}
    named = (subject for subject in family.subjects if kinds & set(subject.makes))
    others = (subject for subject in family.subjects if not subject.makes)
    return next(named, None) or next(others)


def remake(
    page: Page,
    service: Service,
    worlds: Worlds,
    family: Family,
    key: str,
    known: list[Logged],
    have: Mapping[str, int],
) -> None:
    """Put everything on the page that these events leave of a key; they are all that it has. Ledgers
    were told of those that it `have` before."""
    subject = owner(family, known)
    shadow = folded(subject, known)
    page.keys.append((subject.name, key))
    seen, made, state = _text(_seen(known)), _text(shadow.made), _text(shadow.state)
    due = _due(shadow, subject, worlds)
    page.entities.append((subject.name, key, shadow.now, seen, made, due, state))
    page.parts += [(subject.name, one, key, _text(part)) for one, part in shadow.parts.items()]
    page.names += [(subject.name, name, key) for name in names_of(subject, key, known)]
    _leavings(page, service, subject, known, have)


def _text(value: Any) -> str:
    return _json.encode(value).decode()


def _seen(known: Iterable[Logged]) -> dict[str, int]:
    """The last of others' facts that one of these events rests on: at least so far had it come."""
    found: dict[str, int] = {}
    for receipt in (one.fact.data.receipt for one in known if one.fact.data is not None):
        for topic, ver in receipt.seen.items() if receipt is not None else ():
            found[topic] = max(ver, found.get(topic, 0))
    return found


def _due(shadow: Any, subject: Subject, worlds: Worlds) -> datetime | None:
    moments = subject.due(shadow.state, worlds.at(shadow.now)) if shadow.now else {}
    return min(moments.values()) if moments else None


def _leavings(
    page: Page,
    service: Service,
    subject: Subject,
    known: Iterable[Logged],
    have: Mapping[str, int],
) -> None:
    """The events themselves, the rows they leave, and those that ledgers must hear of."""
    rows: Callable[[Made], Iterable[Row]] = service.rows or (lambda _made: ())
    for one in sorted(known, key=lambda one: by_moment(one.fact)):
        made = made_of(one)
        page.events.append(made)
        if one.fact.data is None:
            continue
        page.rows += [row for row in rows(made) if row.table in service.rebuilds]
        fresh = made.ver > have.get(made.topic, 0)
        if fresh and subject.ledger is not None and heard(subject.ledger, one):
            page.entered.append((made.topic, made.key, made.ver))
