"""How a service declares itself: which facts fold into which subjects, by which pure rules."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec

from perennial.contracts.base import Decision, Event, Fact, Part, State, Topic

React = Callable[[Any, Fact, Any, datetime], Decision]
Evolve = Callable[[Any, Event, datetime], Any]
Due = Callable[[Any, Any], dict[str, datetime]]
Reference = Mapping[str, Mapping[str, Any]]
"""Reference subjects by name, each a map of key to state."""


def _never(_state: Any, _world: Any) -> dict[str, datetime]:
    return {}


def _no_parts(_fact: Fact) -> Iterable[str]:
    return ()


def _nothing(_fact: Fact) -> Mapping[str, str]:
    return {}


def _itself(_state: Any) -> str:
    return ""


def _nobody(_state: Any, _fact: Fact) -> Iterable[str]:
    return ()


def _no_names(_event: Event) -> Mapping[str, str]:
    return {}


def _changes_nothing(*_: Any) -> Decision:
    return []


@dataclass(frozen=True, eq=False)
class Ledger:
    """State under keys of its own that follows a subject's events, each entry under its own lock.

    Limits over many of the subject's keys are decided from it. `enter(state, key, event, now)` must
    come to the same for any order of events of different keys, but for those of a thing that changed
    keys: these come in the order of their moments.
    """

    name: str
    state: type[State]
    keys: Callable[[Event], Iterable[str]]
    """Whose entries an event concerns."""
    enter: Callable[[Any, str, Event, datetime], Any]
    hands_over: tuple[type[Event], ...] = ()
    """What tells, on both keys, that a thing goes from one to the other."""

    @cached_property
    def subject(self) -> "Subject":
        """An entry as the store knows it; it takes no facts."""
        return Subject(self.name, self.state, _changes_nothing, lambda state, *_: state)


@dataclass(frozen=True, eq=False)
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
    hands: Callable[[Fact], Mapping[str, str]] = _nothing
    """Of the parts that a fact of our topics names, those that change hands by it, and to whom: told
    by the fact that lets one go and by the one that takes it alike. One is taken after it was let go
    of, in whichever order the two are read."""
    emits: tuple[Topic, ...] = ()
    makes: tuple[type[Event], ...] = ()
    """Where several subjects share a topic: what only this one makes. The one that names none makes
    all the rest."""
    requests: tuple[type, ...] = ()
    """What is asked of it beside the facts that its service listens to."""
    reference: bool = False
    """Kept whole in memory and handed to every rule through the world (policies, registers)."""
    ledger: Ledger | None = None
    beside: Callable[[Any, Fact], Iterable[str]] = _nobody
    """(state, fact) → ledger entries the rule looks at: locked first, given as `state.beside[key]`.
    What the fact alone names is locked at once; with an empty state it must name at least that."""
    aliases: Callable[[Event], Mapping[str, str]] = _no_names
    """Names by which facts find the subject from this event on, each with the key it leads to. A
    name has one holder in the store; whoever loses the race for one decides again."""
    renames: Callable[[Event], Mapping[str, str]] = _no_names
    """Names that lead to another key from this event on, whoever held them: told by the event that
    lets them go and by the one that takes them alike."""
    whole: Callable[[Fact], Iterable[str]] = _no_parts
    """Other keys that a fact is about as well: locked with its own, all parts of all of them loaded.
    The rule finds their states as `state.others[key]`, and decides events `Of` them too."""
    root: Callable[[Any], str] = _itself
    """The key that one was found to be the same as, "" while it stands for itself: facts that bear no
    version go there, with `fact.of` saying for whom they came."""


@dataclass(frozen=True)
class Named:
    """Whose fact it is: the holder of the first of these names that somebody holds, else `key`'s.

    Without a key it waits for `wait`. All names are looked up, and stand in `fact.known`.
    """

    names: tuple[str, ...]
    key: str = ""
    wait: str = ""


Place = str | tuple[str, str] | Named


@dataclass(frozen=True)
class Row:
    """A row that an event leaves in a read model or work table of its service."""

    table: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Listening:
    """One line of a service's story: these facts fold into this subject."""

    facts: tuple[type, ...]
    subject: Subject


def on(*facts: type, to: Subject) -> Listening:
    """These facts (events, requests, partner facts) fold into `to`, under the fact's key."""
    return Listening(facts, to)


@dataclass(frozen=True)
class Made:
    """One own event with its envelope, as it stands in the history and on the wire."""

    topic: str
    key: str
    ver: int
    id: str
    type: str
    time: datetime
    now: datetime
    context: str
    """JSON: correlation, causation, hops, trace, policy: what the writer says about the cause."""
    data: str
    event: Event


@dataclass(frozen=True)
class Numbering:
    """Gap-free numbers for an event's `number` field: drawn under a lock, last in the batch."""

    scope: Callable[[Event, datetime], str]
    number: Callable[[str, int], str]


@dataclass(frozen=True)
class Again:
    """A job that another policy would have do otherwise: under a draft the wishes that it sent are left
    out, and the same job looks again at what the draft has made of things."""

    wishes: tuple[type, ...]
    job: Callable[[], Callable[[Any], Awaitable[int]]]
    """A fresh one for a run: `async (rehearsing.Rehearsing) -> int`, as jobs are."""


@dataclass(frozen=True)
class Rehearsal:
    """What a what-if does anew beside the rules."""

    jobs: tuple[Again, ...]
    """In the order in which the living ones look."""
    subject: str = ""
    concerns: Callable[[Any], bool] = lambda _state: False
    """Whether a state of that subject is to be at hand for the jobs (`Rehearsing.concerned`)."""
    remembers: tuple[type[Event], ...] = ()
    """Own events and archived facts that the jobs look back at (`Rehearsing.past`)."""
    retold: Callable[[Any, Callable[[str], Any], Callable[[str], Any]], Any] = (
        lambda said, _live, _tried: said
    )
    """(what was said, live state by name, tried state by name) → what would have been said instead:
    who stands in for whom. A state is None where nobody goes by that name."""


Known = Callable[[Sequence[str]], Mapping[str, str]]
"""Part ids → the keys of the subjects that hold them, for those that exist."""


@dataclass(frozen=True, eq=False)
class Service:
    """One declaration of a whole service; `run.main` does the rest."""

    name: str
    package: str
    listens: tuple[Listening, ...]
    reads: tuple[Topic, ...]
    policy: type
    world: Callable[[Reference, Any], Any]
    """(reference subjects, policy in force) → what the rules may know beside the state."""
    policy_subject: Subject
    router: Any = None
    rows: Callable[[Made], Iterable[Row]] | None = None
    rebuilds: tuple[str, ...] = ()
    """Tables of `rows` that hold nothing else: they can be told again from the topics, and compared."""
    follows: tuple[str, ...] = ()
    """Tables that the store itself keeps beside the states."""
    archives: tuple[type[Event], ...] = ()
    numbered: Mapping[type[Event], Numbering] = field(default_factory=dict)
    requests: tuple[type, ...] = ()
    """Request structs of its own (with a TYPE), so that a waiting one can be read back."""
    locate: Callable[[Fact], Place] | None = None
    """A foreign fact's key; (part id, what it waits for) where only a part names it; or its names."""
    adapt: Callable[[Fact, Any], Awaitable[Fact]] | None = None
    """What the edge does to a partner's fact before it folds (sealing contact data)."""
    reworded: Callable[[Any, Any], Any] | None = None
    """(a fact as adapted, the same as a person mended it) → with the ids that follow from its words now."""
    jobs: Sequence[Any] = ()
    jobs_after_timers: bool = False
    """They look again whenever timers have fired, not only when time or reference moved."""
    tasks: Sequence[Any] = ()
    rehearsal: Rehearsal | None = None
    outcomes: Callable[[Any], Sequence[Any]] | None = None
    """(`outcomes.Both`) → what became of it otherwise, in the service's own words (what-if)."""

    @cached_property
    def subjects(self) -> dict[str, Subject]:
        found = {line.subject.name: line.subject for line in self.listens}
        ledgers = [subject.ledger.subject for subject in found.values() if subject.ledger]
        return {
            **found,
            **{entry.name: entry for entry in ledgers},
            self.policy_subject.name: self.policy_subject,
        }

    @cached_property
    def routes(self) -> dict[type, Listening]:
        policy = Listening(self.policy_subject.requests, self.policy_subject)
        return {fact: line for line in (*self.listens, policy) for fact in line.facts}

    @cached_property
    def by_topic(self) -> dict[str, Subject]:
        """Whose versions a topic's facts count under: one subject for each topic."""
        found: dict[str, Subject] = {}
        for topic in self.reads:
            owners = [
                line.subject
                for line in self.listens
                if any(fact in line.facts for fact in topic.events.values())
            ]
            if owners:
                if any(owner is not owners[0] for owner in owners):
                    raise ValueError(f"{self.name}: facts of {topic.name} go to several subjects")
                found[topic.name] = owners[0]
        return found

    @cached_property
    def topic_of(self) -> dict[type[Event], Topic]:
        """Which own topic an event belongs to."""
        return {
            event: topic
            for subject in self.subjects.values()
            for topic in subject.emits
            for event in topic.events.values()
        }

    @cached_property
    def decoders(self) -> dict[str, msgspec.json.Decoder[Any]]:
        """By type name: everything that can be folded, for reading facts back from the store."""
        kinds = {
            str(getattr(kind, "TYPE", "") or kind.__name__): kind
            for kind in (*self.routes, *self.requests)
        }
        return {name: msgspec.json.Decoder(kind) for name, kind in kinds.items()}
