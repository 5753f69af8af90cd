"""Facts about leads and parties, written by lead-intake, keyed by customer id."""

from typing import ClassVar

from perennial.contracts.base import Event, Id, Topic


class LeadCaptured(Event, frozen=True, kw_only=True):
    """A party's first touch. Contact data stand in `personal` only, encrypted for this party."""

    TYPE: ClassVar[str] = "perennial.lead.captured.v1"
    customer_id: Id
    channel: str
    source: Id
    external_id: Id
    """The party's id in the system it came from."""
    claims: list[str] = []
    """Identity claims as `kind:hash`; a hash can be compared, not read."""
    by_order: bool = False
    """The first touch was an order: nobody is assigned, the party activates by paying."""
    attributes: dict[str, str] = {}
    """Derived, not personal: class, industry, size, region, scenario."""
    personal: str = ""


LEADS = Topic("leads.v1", "lead-intake", [LeadCaptured])
