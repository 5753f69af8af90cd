"""What the toy listens to, says, and is asked."""

from datetime import datetime
from typing import ClassVar

import msgspec
from perennial.contracts.base import Event


class Fed(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "toy.fed.v1"
    amount: int = 0
    remind_after: int = 0
    """Seconds until the first of its reminders."""
    times: int = 1
    order: str = ""


class Noted(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "toy.noted.v1"


class Named(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "toy.named.v1"
    name: str


class Counted(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "toy.counted.v1"
    amount: int
    by: str = ""
    limit: int = 0
    remind_at: datetime | None = None
    times: int = 0
    text: str = ""
    purse: str = ""
    customer: str = ""


class Placed(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "toy.placed.v1"
    order: str


class Paid(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "toy.paid.v1"
    order: str
    payment: str


class Reminded(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "toy.reminded.v1"
    next_at: datetime | None = None
    paid: bool | None = None
    purse: str = ""
    customer: str = ""
    """Everything taken from the purse by this customer goes back."""


class Ticketed(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "toy.ticketed.v1"
    series: str
    number: str = ""
    text: str = ""


class Parted(Event, frozen=True, kw_only=True):
    """On the feed: the order goes to another customer, who is told of it by `Joined`."""

    TYPE: ClassVar[str] = "toy.parted.v1"
    order: str
    to: str = ""


class Joined(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "toy.joined.v1"
    order: str
    to: str


class Gone(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "toy.gone.v1"
    order: str


class Come(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "toy.come.v1"
    order: str
    payments: list[str] = []


class United(Event, frozen=True, kw_only=True):
    """Said of the one that is another from now on; of two again, `into` nobody."""

    TYPE: ClassVar[str] = "toy.united.v1"
    into: str


class RateSet(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "toy.rate-set.v1"
    value: int


class Add(msgspec.Struct, frozen=True, kw_only=True):
    """A wish: refused when the total would pass the limit."""

    TYPE: ClassVar[str] = "request.toy.add"
    amount: int
    purse: str = ""


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "request.toy.ticket"
    series: str
    poison: bool = False


class Unite(msgspec.Struct, frozen=True, kw_only=True):
    """The other is this one from now on, with its orders; or is itself again, and takes them back."""

    TYPE: ClassVar[str] = "request.toy.unite"
    other: str
    apart: bool = False


class SetRate(msgspec.Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "request.toy.rate"
    value: int
