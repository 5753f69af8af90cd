"""The peer: the same rules and rows, one fact a transaction, through SQLAlchemy's ORM."""

from datetime import datetime
from typing import Any

import msgspec
from perennial.contracts.base import Event, Fact, Receipt
from perennial.kit.batch import event_of
from perennial.kit.ids import event_id
from perennial.kit.subject import Service, Subject
from sqlalchemy import DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    type_annotation_map = {
        str: Text,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
    }


class EntityRow(Base):
    __tablename__ = "entity"
    subject: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    now: Mapped[datetime | None]
    seen: Mapped[dict[str, Any]]
    made: Mapped[dict[str, Any]]
    held: Mapped[bool]
    due: Mapped[datetime | None]
    state: Mapped[dict[str, Any]]


class PartRow(Base):
    __tablename__ = "part"
    subject: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str]
    state: Mapped[dict[str, Any]]


class EventRow(Base):
    __tablename__ = "event"
    topic: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    ver: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str]
    type: Mapped[str]
    time: Mapped[datetime]
    now: Mapped[datetime]
    context: Mapped[str]
    data: Mapped[str]


class OutboxRow(Base):
    __tablename__ = "outbox"
    seq: Mapped[int] = mapped_column(primary_key=True)
    topic: Mapped[str]
    key: Mapped[str]
    ver: Mapped[int]


class PositionRow(Base):
    __tablename__ = "position"
    topic: Mapped[str] = mapped_column(primary_key=True)
    part: Mapped[int] = mapped_column(primary_key=True)
    start: Mapped[int]
    next_offset: Mapped[int]


class AnswerRow(Base):
    __tablename__ = "answer"
    id: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    status: Mapped[int]
    body: Mapped[str]


def sessions(dsn: str) -> tuple[AsyncEngine, async_sessionmaker[AsyncSession]]:
    engine = create_async_engine(
        dsn.replace("postgresql://", "postgresql+asyncpg://"),
        json_serializer=lambda value: msgspec.json.encode(value).decode(),
        json_deserializer=msgspec.json.decode,
        pool_size=16,
    )
    return engine, async_sessionmaker(engine, expire_on_commit=False)


async def fold(
    session: AsyncSession, service: Service, subject: Subject, fact: Fact, world: Any
) -> tuple[Any, list[Event]]:
    """Load, decide, add; the caller commits."""
    row = await session.get(EntityRow, (subject.name, fact.key), with_for_update=True)
    if row is None:
        row = EntityRow(subject=subject.name, key=fact.key, held=False, seen={}, made={}, state={})
        session.add(row)
    if fact.ver:
        row.seen = {**row.seen, fact.topic: fact.ver}
    parts = await _parts(session, subject, fact)
    before = {part_id: _read(part.state, subject.part) for part_id, part in parts.items()}
    state = _read(row.state, subject.state)
    state = msgspec.structs.replace(state, parts=before)
    events = []
    decision = subject.react(state, fact, world, fact.now)
    if not isinstance(decision, list):
        raise TypeError(f"the bench's facts are accepted, this one was not: {decision}")
    for index, wish in enumerate(decision):
        event, time = event_of(wish)
        state = subject.evolve(state, event, fact.now)
        _publish(session, service, row, fact, event, time or fact.now, index)
        events.append(event)
    _save(session, subject, row, state, parts, before)
    row.now = fact.now
    row.due = min(subject.due(state, world).values(), default=None)
    return state, events


def _read(stored: dict[str, Any], kind: Any) -> Any:
    return msgspec.convert(stored, kind, str_keys=True)


def _told(value: Any) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(value, str_keys=True)
    return told


async def _parts(session: AsyncSession, subject: Subject, fact: Fact) -> dict[str, PartRow]:
    found = {}
    for part_id in subject.names(fact):
        part = await session.get(PartRow, (subject.name, part_id))
        if part is not None:
            found[part_id] = part
    return found


def _save(
    session: AsyncSession,
    subject: Subject,
    row: EntityRow,
    state: Any,
    parts: dict[str, PartRow],
    before: dict[str, Any],
) -> None:
    for part_id, part in state.parts.items():
        if part_id not in parts:
            session.add(PartRow(subject=subject.name, id=part_id, key=row.key, state=_told(part)))
        elif part != before[part_id]:
            parts[part_id].state = _told(part)
    row.state = _told(msgspec.structs.replace(state, parts={}))


def _publish(
    session: AsyncSession,
    service: Service,
    row: EntityRow,
    fact: Fact,
    event: Event,
    time: datetime,
    index: int,
) -> None:
    topic = service.topic_of[type(event)].name
    ver = row.made.get(topic, 0) + 1
    row.made = {**row.made, topic: ver}
    policy = f"{service.name}@0"
    receipt = Receipt(causes=[fact.id], policy=policy, seen=row.seen, now=fact.now)
    context = {
        "correlationid": fact.correlation or fact.id,
        "causationid": fact.id,
        "policyversion": policy,
        "hops": fact.hops + 1,
    }
    session.add(
        EventRow(
            topic=topic,
            key=row.key,
            ver=ver,
            id=event_id(service.name, row.subject, row.key, fact.id, index),
            type=event.TYPE,
            time=time,
            now=fact.now,
            context=msgspec.json.encode(context).decode(),
            data=msgspec.json.encode(msgspec.structs.replace(event, receipt=receipt)).decode(),
        )
    )
    session.add(OutboxRow(topic=topic, key=row.key, ver=ver))
