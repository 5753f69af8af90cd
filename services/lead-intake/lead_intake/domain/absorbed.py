"""A party that was found to be another, as that one keeps it."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from msgspec.structs import replace

from lead_intake.domain.contacts import Contacts


class Absorbed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A party that was found to be this one, and what only it says."""

    since: datetime
    members: tuple[str, ...] = ()
    """Whoever it had taken in before."""
    brought: dict[str, str] = {}
    """Attributes that nothing of the root's own says."""
    names: tuple[str, ...] = ()
    """Names that came under its own since."""
    whose: dict[str, str] = {}
    """Names that are those of one of its members, and whose."""
    contacts: Contacts = Contacts()
    """Its own, before and since."""


def learned(came: Absorbed, party: str, of: str, names: Iterable[str]) -> Absorbed:
    """`party` as it was found to be another, once it is known by more names: its own, or a member's."""
    known = tuple(dict.fromkeys((*came.names, *names)))
    members = {} if of == party else dict.fromkeys(names, of)
    return replace(came, names=known, whose={**came.whose, **members})
