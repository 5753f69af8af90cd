"""What on-call watches of notifications beside the kit's own figures."""

from collections.abc import Iterable

from perennial.contracts.alerts import AlertRaised, AlertSent
from perennial.contracts.base import Event
from prometheus_client import CollectorRegistry, Histogram

_HOUR, _DAY = 3600, 86400
_BUCKETS = (-_DAY, -_HOUR, 0, _HOUR, 8 * _HOUR, *(_DAY * n for n in (1, 2, 3, 4, 5, 7, 10, 14)))


class LeadTimes:
    """How early warnings of turnover are: in time to act is what this measures."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "perennial_turnover_warning_lead_seconds",
            "Time left before a lead is turned over when its holder was warned; below 0 is too late",
            ["rung", "at"],
            buckets=_BUCKETS,
            registry=registry,
        )

    def heard(self, events: Iterable[tuple[Event, float]]) -> None:
        """Own events of a committed batch, each with the moment it was made at."""
        for event, now in events:
            match event:
                case AlertRaised(due_at=due, rung=rung) if due is not None:
                    self._seconds.labels(rung, "raised").observe(due.timestamp() - now)
                case AlertSent(before_due_seconds=early, rung=rung) if early is not None:
                    self._seconds.labels(rung, "sent").observe(early)
