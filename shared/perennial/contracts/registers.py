"""Registers: staff, products, calendars and rates; dated facts written by lead-intake, keyed by entry.

Keys: `person:<id>`, `product:<id>`, `calendar:<id>`, `rate:<CUR>`. Contact data are not in it.
"""

from datetime import date, datetime
from typing import ClassVar

import msgspec

from perennial.contracts.base import Currency, Event, Id, Minor, Topic


class PersonJoined(Event, frozen=True, kw_only=True):
    """A member of staff; ids are chosen by the company and shown to people."""

    TYPE: ClassVar[str] = "perennial.person.joined.v1"
    person_id: Id
    role: str
    """`seller`, `service`, `market`, `operations`, `support`, `head`, `director`."""
    department: str = "service"
    """`market`, `sales`, `service`, `operations`, `technical-support`."""
    team: str = ""
    level: int = 1
    rank: int = 1
    skills: list[str] = []
    languages: list[str] = []
    region: str = ""
    calendar: str = "default"
    manager: str = ""
    substitute: str = ""
    personal: str = ""


class PersonChanged(PersonJoined, frozen=True, kw_only=True):
    """The person's entry as it stands from now on (whole)."""

    TYPE: ClassVar[str] = "perennial.person.changed.v1"


class PersonAbsent(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.person.absent.v1"
    person_id: Id
    starts: datetime
    ends: datetime
    reason: str = ""


class PersonLeft(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.person.left.v1"
    person_id: Id
    successor: str = ""


class CapacitySet(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.person.capacity-set.v1"
    person_id: Id
    open: int
    inflow: int
    days: int = 30


class PersonCertified(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.person.certified.v1"
    person_id: Id
    certificate: str
    level: int = 1
    expires: date | None = None


class ProductChanged(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.product.changed.v1"
    product_id: Id
    name: str = ""
    line: str = ""
    price: Minor | None = None
    currency: Currency = "USD"
    margin: float | None = None
    """Share of the price that is margin, 0 to 1, used where an order names no cost."""
    aliases: list[str] = []
    withdrawn: bool = False


class CalendarChanged(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.calendar.changed.v1"
    calendar_id: Id
    timezone: str = "UTC"
    weekdays: list[int] = msgspec.field(default_factory=lambda: [0, 1, 2, 3, 4])
    """Working days, Monday = 0."""
    opens: str = "09:00"
    closes: str = "17:00"
    holidays: list[date] = []


class RateChanged(Event, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "perennial.rate.changed.v1"
    currency: Currency
    rate: float
    """Reporting currency per one unit of `currency`."""
    starts: date


REGISTERS = Topic(
    "registers.v1",
    "lead-intake",
    [
        PersonJoined,
        PersonChanged,
        PersonAbsent,
        PersonLeft,
        CapacitySet,
        PersonCertified,
        ProductChanged,
        CalendarChanged,
        RateChanged,
    ],
)
