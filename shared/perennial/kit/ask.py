"""A request on its way through the door, and the answer that is stored under its key."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import msgspec

from perennial.contracts.base import Event, Refusal
from perennial.kit.subject import Subject

asked_under: ContextVar[str] = ContextVar("asked_under", default="")
"""The correlation id of the HTTP request that is being answered."""


@dataclass(frozen=True)
class Answer:
    """What a client gets: stored with the effects it tells of, replayed for the same key."""

    status: int
    body: bytes
    replayed: bool = False
    refusal: Refusal | None = None


Respond = Callable[[Any, list[Event]], tuple[int, msgspec.Struct]]
"""(state after the fold, events it made) → status and body. Pure; runs inside the fold."""


@dataclass(frozen=True)
class Ask:
    """One wish of a person or app, folded like a fact and allowed to be refused."""

    subject: Subject
    key: str
    data: Any
    id: str
    """Idempotency key, scoped by principal; the same id is answered once and replayed ever after."""
    fingerprint: bytes
    """Hash of method, path and body: the same key with another body is a mistake."""
    principal: str
    respond: Respond
    time: datetime | None = None
    """Business time; the moment of asking where the request names none."""
    correlation: str = field(default_factory=asked_under.get)
    """Under which everything it leads to can be found: that of the HTTP request in which it is made."""


class Asks(Protocol):
    """What the REST rooms see of the door."""

    async def ask(self, ask: Ask) -> Answer:
        """Durable when it returns."""

    async def ask_all(self, asks: list[Ask]) -> list[Answer]:
        """Many at once, one result each, in order; one bad one never spoils the others."""
