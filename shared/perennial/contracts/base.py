"""What every event, topic and fact has in common."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar

import msgspec

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Text = Annotated[str, msgspec.Meta(max_length=2000)]
Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
"""Of the form of ISO 4217. Of what is said to us, rules refuse what is not in `currencies.CURRENCIES`; to
name them here would narrow types that are published."""
Minor = Annotated[int, msgspec.Meta(ge=-(10**15), le=10**15)]
"""Money in the currency's minor unit (cents); the bound keeps sums inside 64 bits and JSON readers."""
Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
Fraction = float
"""A share or probability, 0 to 1, rounded to 6 significant digits before it is published."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an event came to be: enough to re-evaluate the decision and get the same answer."""

    causes: list[str] = []
    """Ids of the facts that caused it: an event id, a request id, or `timer:<name>`."""
    policy: str = ""
    """Version of the deciding service's policy, as `scoring@3`."""
    seen: dict[str, int] = {}
    """For this key, the last version taken from each input topic when it was decided."""
    now: datetime | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened. Never edited; readers ignore fields they do not know."""

    TYPE: ClassVar[str] = ""
    receipt: Receipt | None = None


class Topic:
    """A named stream of facts with one writing service, ordered per key."""

    def __init__(
        self, name: str, writer: str, events: Iterable[type[Event]], partitions: int = 24
    ) -> None:
        self.name = name
        self.writer = writer
        self.events = {event.TYPE: event for event in events}
        self.partitions = partitions

    def __repr__(self) -> str:
        return f"Topic({self.name})"


class TimerFired(msgspec.Struct, frozen=True):
    """A moment named by `due(state, …)` has come. It folds like any other fact."""

    name: str


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One fact or request as the rules see it: what happened, to whom, when, and who says so."""

    data: Any
    id: str
    key: str
    now: datetime
    """When the system learned it (`recordedtime`): the only clock a rule may read."""
    time: datetime
    """When it happened in the business world; may be older than `now`, in any order."""
    topic: str = ""
    type: str = ""
    ver: int = 0
    source: str = ""
    principal: str = ""
    """Who published or asked: a service, a partner, or the subject of a person's token."""
    correlation: str = ""
    causation: str = ""
    traceparent: str = ""
    hops: int = 0
    of: str = ""
    """The key it came for, where that one was found to be the same as its present key."""
    known: Mapping[str, str] = {}
    """Of the names that the fact goes by: whose each of them is, where somebody holds it."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A request's `no`, with the cure. It is a value: stored as the answer, never an event."""

    code: str
    """Stable name, as `order-differs`; becomes the problem's type."""
    detail: str
    """One sentence for a person that says what to do instead."""
    pointer: str = ""
    """JSON pointer of the field at fault, if one is."""
    kind: str = "conflict"
    """`conflict`, `invalid`, `missing` or `forbidden`."""


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that names something not known yet: it is kept under that name, never dropped."""

    until_known: str
    """What it waits for, as `order:<id>` or `rate:EUR`."""
    expires: datetime
    """After this it is parked for a person."""


class At(msgspec.Struct, frozen=True):
    """An event whose business time is not the moment at which it was decided."""

    event: Event
    time: datetime


class Of(msgspec.Struct, frozen=True):
    """An event of another key that the fact is about as well (`Subject.whole`)."""

    key: str
    event: Event | At


Decision = Sequence[Event | At | Of] | Refusal | Wait


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A piece of a subject with an id of its own (an order, an alert), loaded only when named."""


class State(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a subject's own events have made of it. `State()` is the state before the first."""


def month_of(moment: datetime | date) -> str:
    """The calendar month as `1997-03`."""
    return f"{moment.year:04d}-{moment.month:02d}"
