"""What goes in and out of a what-if's process."""

from datetime import datetime
from typing import Any

import msgspec

from perennial.kit.bounds import Count
from perennial.kit.outcomes import Report


class House(msgspec.Struct, frozen=True, kw_only=True):
    """One service that takes part."""

    name: str
    database_url: str


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be tried, over whose recorded life."""

    houses: list[House]
    kafka_bootstrap: str
    kafka_user: str = ""
    kafka_password: str = ""
    service: str = ""
    """Whose policy; empty: none, the live ones are judged by once more."""
    document: dict[str, Any] | None = None
    version: int | None = None
    """Of a drafted version instead of a document."""
    starts: datetime | None = None
    ends: datetime | None = None
    shadow: bool = False
    """Go on with what is folded from now on."""
    counting: bool = False
    """A shadow that is to say what was counted, at every look, instead of reports."""


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the process says."""

    doing: str = ""
    facts: int = 0
    of: int = 0
    report: Report | None = None
    tally: dict[str, Count] | None = None
    fault: str = ""
    """Why there is no report: the wish's own fault."""
