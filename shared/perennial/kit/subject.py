"""How a service declares itself: which facts fold into which subjects, by which pure rules."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from perennial.contracts.base import Decision, Event, Fact, Part, State, Topic

React = Callable[[Any, Fact, Any, datetime], Decision]
Evolve = Callable[[Any, Event, datetime], Any]
Due = Callable[[Any, Any], dict[str, datetime]]


def _never(_state: Any, _world: Any) -> dict[str, datetime]:
    return {}


def _no_parts(_fact: Fact) -> Iterable[str]:
    return ()


@dataclass(frozen=True)
class Subject:
    """One kind of thing that has state: its pure rules and the shape of what they keep.

    `react(state, fact, world, now)` decides, `evolve(state, event, now)` is the only place where
    state changes, `due(state, world)` names the moments at which something will happen by itself.
    """

    name: str
    state: type[State]
    react: React
    evolve: Evolve
    due: Due = _never
    part: type[Part] | None = None
    """If set, `state.parts` maps ids to such pieces; only those named by `names` are loaded."""
    names: Callable[[Fact], Iterable[str]] = _no_parts
    emits: tuple[Topic, ...] = ()
    reference: bool = False
    """Kept whole in memory and handed to every rule through the world (policies, registers)."""


@dataclass(frozen=True)
class Row:
    """A row that a fact or event leaves in a read model or work table of its service."""

    table: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Listening:
    """One line of a service's story: these facts fold into this subject."""

    facts: tuple[type, ...]
    subject: Subject
    key: Callable[[Fact], str] = field(default=lambda fact: fact.key)


def on(*facts: type, to: Subject, key: Callable[[Fact], str] | None = None) -> Listening:
    """These facts (events, requests, partner facts) fold into `to`, under `key(fact)`."""
    return Listening(facts, to, key or (lambda fact: fact.key))
