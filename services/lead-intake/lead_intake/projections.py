"""What events leave in tables of this service: every move of a lead, so that any past can be read."""

from collections.abc import Iterable
from typing import Any

from perennial.contracts.base import Event
from perennial.contracts.holdings import (
    LeadAssigned,
    LeadClaimed,
    LeadClosed,
    LeadLost,
    LeadNurtured,
    LeadPooled,
    LeadReleased,
    LeadReopened,
    LeadTurnedOver,
    LeadWon,
)
from perennial.contracts.leads import LeadReadied, LeadReturned
from perennial.kit.subject import Made, Row

HOLDING = "holding"
_MOVES: dict[type[Event], str] = {
    LeadReadied: "waiting",
    LeadReturned: "returned",
    LeadAssigned: "assigned",
    LeadClaimed: "claimed",
    LeadTurnedOver: "turned-over",
    LeadReleased: "released",
    LeadPooled: "pooled",
    LeadNurtured: "nurtured",
    LeadWon: "won",
    LeadLost: "lost",
    LeadClosed: "closed",
    LeadReopened: "reopened",
}
_GAINS = (LeadAssigned, LeadClaimed)


def rows(made: Made) -> Iterable[Row]:
    """One row for a move; the holder is who has the lead from then on."""
    what = _MOVES.get(type(made.event))
    if what is None:
        return
    event: Any = made.event
    gained = isinstance(event, _GAINS)
    yield Row(
        HOLDING,
        {
            "customer_id": made.key,
            "ver": made.ver,
            "lead_id": event.lead_id,
            "at": made.now.isoformat(),
            "what": what,
            "holder": event.holder if gained else "",
            "former": getattr(event, "former", "") or ("" if gained else _ending(event)),
            "pool": getattr(event, "pool", ""),
            "how": getattr(event, "how", "claimed" if what == "claimed" else ""),
            "reason": _reason(event),
        },
    )


def _ending(event: Any) -> str:
    """Whose a won, lost or closed lead was."""
    return str(getattr(event, "holder", ""))


def _reason(event: Any) -> str:
    """Why, in the event's own word for it."""
    told = (getattr(event, name, "") for name in ("clock", "reason", "because", "over_capacity"))
    return next((str(word) for word in told if word), "")
