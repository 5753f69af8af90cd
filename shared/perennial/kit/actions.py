"""What a batch asks of the store: some ten actions, performed by Postgres or in memory alike."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from perennial.kit.batch import EntityId, Outcome, Partition, Writes


@dataclass(frozen=True)
class Begin:
    """Open a transaction."""


@dataclass(frozen=True)
class LockPositions:
    """→ {partition: next offset}, locked in order."""

    partitions: list[Partition]


@dataclass(frozen=True)
class LoadAnswers:
    """→ {id: StoredAnswer} for those that exist."""

    ids: list[str]


@dataclass(frozen=True)
class Locate:
    """→ {part id: key} for the parts that exist."""

    subject: str
    ids: list[str]


@dataclass(frozen=True)
class Resolve:
    """→ {name: key} for the names that somebody holds."""

    subject: str
    names: list[str]


@dataclass(frozen=True)
class LockEntities:
    """→ ({(subject, key): row}, busy keys): missing rows made first, all locked in order."""

    ids: list[EntityId]
    skip_locked: bool


@dataclass(frozen=True)
class LockParked:
    """→ [ParkedRow], locked by id: the open ones of these ids, and all open ones of these subjects.

    Asked only once the subjects are locked: whoever parks a fact of theirs holds that lock.
    """

    ids: list[int]
    places: list[EntityId]


@dataclass(frozen=True)
class LoadAside:
    """→ {(subject, key): {topic: the highest version set aside}} for subjects that are held."""

    places: list[EntityId]


@dataclass(frozen=True)
class LoadParts:
    """→ {part id: (key, JSON)}"""

    subject: str
    ids: list[str]


@dataclass(frozen=True)
class LoadWhole:
    """→ {part id: (key, JSON)}: every part of these subjects"""

    subject: str
    keys: list[str]


@dataclass(frozen=True)
class LockCounters:
    """→ {scope: last number drawn}"""

    scopes: list[str]


@dataclass(frozen=True)
class Write:
    writes: Writes


@dataclass(frozen=True)
class Commit:
    """A connection lost here means *unknown*: positions and answers tell what became of it."""


@dataclass(frozen=True)
class Rollback:
    pass


@dataclass(frozen=True)
class Breathe:
    """Let others run: a fold must not hold the event loop."""


Action = (
    Begin
    | LockPositions
    | LoadAnswers
    | Locate
    | Resolve
    | LockEntities
    | LockParked
    | LoadAside
    | LoadParts
    | LoadWhole
    | LockCounters
    | Write
    | Commit
    | Rollback
    | Breathe
)
Machine = Generator[Action, Any, Outcome]
