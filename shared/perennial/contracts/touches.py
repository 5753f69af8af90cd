"""Where somebody met us, and what that is credited with."""

import msgspec

from perennial.contracts.base import Id, Minor


class Touch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where somebody met us: what credit is shared over."""

    channel: str
    campaign: str = ""
    source: Id = ""
    cost: Minor | None = None
    """What this touch cost, in reporting currency."""


class TouchCredit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one touch is credited with of a win, in reporting currency."""

    channel: str
    campaign: str = ""
    source: str = ""
    value: Minor = 0
