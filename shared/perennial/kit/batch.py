"""What goes into a batch, what it reads, and what it writes: plain data, shared by fold and door."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from perennial.contracts.base import Event, Fact, Of
from perennial.kit.ask import Answer, Ask
from perennial.kit.subject import Made, Row, Subject

Partition = tuple[str, int]
EntityId = tuple[str, str]
"""(subject, key)"""
PartId = tuple[str, str]
"""(subject, part id)"""
Roots = dict[EntityId, EntityId]
"""Subjects that were found to be another, and which: as last seen, and looked at again under the lock."""


@dataclass(slots=True)
class Record:
    """One Kafka record as bytes, with its place in the log."""

    topic: str
    part: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@dataclass(slots=True)
class Item:
    """One thing to fold: a fact with where it came from, and who waits for the answer."""

    fact: Fact
    subject: Subject | None = None
    key: str = ""
    record: Record | None = None
    ask: Ask | None = None
    answer_id: str = ""
    """Deduplication: idempotency key, or partner's (principal, source, id); empty for own topics."""
    park: str = ""
    """Set where it is already known that it can't be applied: the reason."""
    error: str = ""
    wait: str = ""
    names: tuple[str, ...] = ()
    """By which its key is found, and re-found whenever the batch begins anew."""
    expires: datetime | None = None
    edited: bytes | None = None
    """What a person had put in place of what was set aside."""
    parked_id: int = 0
    """Its row in `parked`, where it comes from there."""
    behind: bool = False
    """It was parked only because another fact of its key was."""
    ready_for: str = ""
    """What it waited for, where that is known now."""
    settled: bool = False
    """It was set aside under its key, and stays there when a person lets it through again."""
    dropping: bool = False
    """A person gave it up: it counts as seen and changes nothing."""
    held_key: bool = False
    """A poison fact of an own topic holds its key, so that the key's order is kept."""
    origin: str = ""
    """Where a fact that was set aside came from: it is the same when it is folded again."""


@dataclass(slots=True)
class Job:
    """One batch's work: facts to fold, subjects whose timers are due, and subjects to let flow again."""

    lane: str
    items: list[Item]
    timers: list[EntityId] = field(default_factory=list)
    until: datetime | None = None
    skip_locked: bool = False
    redriven: list[EntityId] = field(default_factory=list)
    """Their parked facts, and those behind them, are folded once more."""
    refused: str = ""
    """Why the database takes nothing from these timers or redriven facts: they are set aside."""
    at_write: Callable[[], None] | None = None
    """Told when the fold is over, and the batch only waits for the store: time for other work."""


@dataclass(slots=True)
class Entity:
    """One subject as locked: the state that is folded, and the versions under the same lock."""

    subject: Subject
    key: str
    now: datetime | None
    seen: dict[str, int]
    made: dict[str, int]
    held: bool
    due: datetime | None
    folded: Any = None
    """Its state, once somebody has looked at it."""
    marks: dict[str, str] = field(default_factory=dict)
    """The beginning of the last taken fact's id, by topic: another id under its version is a fork."""
    aside: dict[str, int] = field(default_factory=dict)
    """While it is held: the last version set aside, by topic."""
    parts_before: dict[str, Any] = field(default_factory=dict)
    touched: bool = False
    counted: bool = False
    """A version was taken, which may be all that changed: most facts concern nobody's rules."""
    stored: str = "{}"

    @property
    def state(self) -> Any:
        if self.folded is None:
            self.folded = msgspec.json.decode(self.stored, type=self.subject.state)
        return self.folded

    @state.setter
    def state(self, state: Any) -> None:
        self.folded = state


@dataclass(slots=True)
class Parked:
    """A fact that could not be applied, kept whole."""

    item: Item
    state: str
    reason: str
    error: str = ""
    waits_for: str | None = None
    expires: datetime | None = None
    subject: str = ""
    key: str = ""
    """Subject and key once they are known; both empty where the fact has found no place yet."""
    holds: bool = False
    """Its key stands still until this fact is folded or given up."""


@dataclass(slots=True)
class ParkedRow:
    """A fact that was set aside, as the store gives it back."""

    id: int
    topic: str
    part: int
    off: int | None
    subject: str
    key: str
    ver: int
    fact_id: str
    type: str
    principal: str
    state: str
    waits_for: str | None
    expires: datetime | None
    headers: str
    raw: bytes | None
    parked_at: datetime
    holds: bool
    dropping: bool
    edited: bytes | None = None
    """What a person made of `raw`: it is folded instead, the original stays beside it."""

    @property
    def said(self) -> bytes | None:
        return self.raw if self.edited is None else self.edited


@dataclass(slots=True)
class StoredAnswer:
    id: str
    fingerprint: bytes
    status: int
    body: str


@dataclass(slots=True)
class Writes:
    """Everything one batch leaves behind, in one transaction."""

    entities: list[Entity] = field(default_factory=list)
    counted: list[Entity] = field(default_factory=list)
    """Of which only the versions they have taken changed."""
    parts: list[tuple[str, str, str, Any]] = field(default_factory=list)
    """(subject, id, key, part); None for one that is on its way, likewise in `moved`"""
    moved: list[tuple[str, str, str, str, Any]] = field(default_factory=list)
    """Parts that changed hands: (subject, id, former key, key, part)"""
    dropped: list[tuple[str, str, str]] = field(default_factory=list)
    """Parts that their subject let go of: (subject, id, key)"""
    aliases: list[tuple[str, str, str]] = field(default_factory=list)
    """(subject, name, key)"""
    renamed: dict[PartId, str] = field(default_factory=dict)
    """(subject, name) → the key that it leads to from now on"""
    events: list[Made] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    archive: list[Fact] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    released: list[tuple[int, str]] = field(default_factory=list)
    """Rows of `parked` that are done with, and as what."""
    answers: list[StoredAnswer] = field(default_factory=list)
    positions: dict[Partition, int] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)
    """Facts taken from each topic, duplicates of our own not counted (settle)."""
    clock: datetime | None = None
    lane: str = ""
    journal: str = ""
    """What was folded, in order (`journal.page`)."""
    knew: int = 0
    """The last row of the journal whose reference subjects the rules knew."""
    seq: int = 0
    """This batch's own row, once it is written."""

    @property
    def known(self) -> bool:
        """Whether every door of this service keeps in memory something that is written here."""
        return self.clock is not None or any(one.subject.reference for one in self.entities)


@dataclass(slots=True)
class Loaded:
    """What a batch has locked and read, for the fold to decide from."""

    entities: dict[EntityId, Entity]
    answers: Mapping[str, StoredAnswer]
    holders: dict[PartId, str]
    """Whose each part is that was looked for; "" if it is nobody's yet."""
    counters: Mapping[str, int]
    """Gap-free numbers by scope, as locked."""
    names: Mapping[PartId, str] = field(default_factory=dict)
    """(subject, name) → key, of the names that were looked up and are held."""
    flowing: set[EntityId] = field(default_factory=set)
    """Subjects that were held and flow again, until one of their facts fails once more."""


@dataclass(slots=True)
class Outcome:
    """What a batch came to, told after the commit."""

    writes: Writes
    answers: dict[int, Answer] = field(default_factory=dict)
    """By `id(ask)`."""
    busy: list[Item] = field(default_factory=list)
    """Items whose key another transaction held; they go into a later batch."""
    reseek: dict[Partition, int] = field(default_factory=dict)
    stopped: dict[Partition, str] = field(default_factory=dict)
    duplicates: int = 0
    reference: Mapping[EntityId, Any] = field(default_factory=dict)
    """Reference subjects that changed, for the worlds of the next batches."""


class Gap(Exception):
    """A version of a key is missing, or history has forked: the partition must stop and page."""

    def __init__(self, item: Item, detail: str) -> None:
        super().__init__(detail)
        self.item = item
        self.detail = detail


class MoreNeeded(Exception):
    """The fold needs gap-free numbers of these scopes, parts, or ledger entries: get them, fold again."""

    def __init__(self, scopes: set[str], parts: set[PartId], entries: set[EntityId]) -> None:
        super().__init__(f"counters {sorted(scopes)}, parts {sorted(parts)}, {sorted(entries)}")
        self.scopes = scopes
        self.parts = parts
        self.entries = entries


class ElsewhereError(Exception):
    """Facts are about a subject that was found to be another: begin anew, with who is who now."""

    def __init__(self, looked_at: Iterable[EntityId], roots: Roots) -> None:
        super().__init__(f"{roots}")
        self._looked_at = looked_at
        self._roots = roots

    def tell(self, roots: Roots) -> None:
        """Bring what was known before up to what was found under the locks."""
        for place in self._looked_at:
            roots.pop(place, None)
        roots.update(self._roots)


class LockedTooLateError(Exception):
    """To lock these ledger entries now would break the order of locks: begin anew with them."""

    def __init__(self, entries: set[EntityId]) -> None:
        super().__init__(f"{sorted(entries)}")
        self.entries = entries


def event_of(decision: Any) -> tuple[Event, datetime | None]:
    """An event and its own business time, where it has one."""
    if isinstance(decision, Event):
        return decision, None
    return event_of(decision.event) if isinstance(decision, Of) else (decision.event, decision.time)
