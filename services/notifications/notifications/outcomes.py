"""What another policy would have told people: the words of a what-if report."""

from collections.abc import Sequence

from perennial.contracts.alerts import AlertEscalated, AlertRaised, AlertRepeated
from perennial.kit.outcomes import Both, Happened, Section


def outcomes(both: Both) -> Sequence[Section]:
    """Alerts by kind, and those that nobody answered in time."""
    return [both.counted("alerts", "Alerts", _word)]


def _word(one: Happened) -> str | None:
    match one.event:
        case AlertRaised(kind=kind):
            return f"raised: {kind}"
        case AlertRepeated():
            return "repeated"
        case AlertEscalated():
            return "escalated"
    return None
