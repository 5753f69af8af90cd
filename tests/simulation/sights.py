"""What is looked at in every commit: moments that came too early, and situations worth having been in."""

import re
from collections.abc import Callable
from datetime import datetime

from perennial.kit.batch import Writes

from tests.simulation.processes import World

_TIMER = re.compile(r'"causationid":"timer:[^"]*:(\d{4}-\d\d-\d\dT[^"]*)"')
SITUATIONS = {
    "perennial.lead.turned-over.v1": "a lead was turned over",
    "perennial.lead.turnover-warned.v1": "a turnover was warned of",
    "perennial.lead.pooled.v1": "a lead went to a pool",
    "perennial.lead.claimed.v1": "a lead was claimed",
    "perennial.lead.assigned.v1": "a lead was assigned",
    "perennial.lead.unassigned-queued.v1": "nobody could take a lead",
    "perennial.lead.won.v1": "a lead was won",
    "perennial.lead.merge-proposed.v1": "it was asked whether two parties are one",
    "perennial.lead.merged.v1": "two parties became one",
    "perennial.lead.unmerged.v1": "one party became two again",
    "perennial.lead.taken.v1": "a lead changed hands with its party",
    "perennial.order.taken.v1": "an order changed hands",
    "perennial.round.held.v1": "a round was held",
    "perennial.customer.activated.v1": "a customer was activated",
    "perennial.customer.red-light-lit.v1": "a light was lit",
    "perennial.customer.winback-opened.v1": "a win-back was opened",
    "perennial.customer.lost.v1": "a customer was lost",
    "perennial.customer.watcher-changed.v1": "a watcher was replaced",
    "perennial.customer.grade-changed.v1": "a grade changed",
    "perennial.report.published.v1": "a report was published",
    "perennial.alert.raised.v1": "an alert was raised",
    "perennial.alert.escalated.v1": "an alert went up",
    "perennial.alert.acknowledged.v1": "an alert was acknowledged",
}
SOMETIMES = (
    *SITUATIONS.values(),
    "a timer fired",
    "a rule broke on a fact",
    "a key was held, and flowed again",
    "a fact was set aside: parked",
    "a fact was set aside: behind",
    "a fact was set aside: waiting",
    "a fact was set aside: barred",
    "a fact that waited was released",
    "what the store refuses was isolated",
    "an answer was replayed",
    "a duplicate was absorbed",
    "a partition was sought again",
    "a partner sent again what was not acknowledged",
    "a dead process's commit happened later",
    "a dead relay's records arrived later",
    "relay died between send and delete",
    "the relay ended over a produce error",
    "the Kafka lane started anew",
    "waited for a lock",
    "met a busy key",
    "a delivery came again",
    "poison on a topic of ours broke a rule",
    "compared with a run without faults",
    "compared with leads as well",
)
"""What must have happened in a long run: a fault that never struck proves nothing."""


class Sights:
    """Looks at what one service has just committed."""

    def __init__(self, world: World, name: str, ticked: Callable[[], datetime | None]) -> None:
        self._world, self._name, self._ticked = world, name, ticked

    def look(self, writes: Writes) -> None:
        for made in writes.events:
            if made.type in SITUATIONS:
                self._world.saw(SITUATIONS[made.type])
            found = _TIMER.search(made.context)
            if found is not None:
                self._world.saw("a timer fired")
                self._is_due(datetime.fromisoformat(found[1]), made.type)
        for parked in writes.parked:
            self._world.saw(f"a fact was set aside: {parked.state}")
            self._world.saw("what the store refuses was isolated", parked.reason == "DataError")
        self._world.saw("a fact that waited was released", len(writes.released))

    def _is_due(self, at: datetime, kind: str) -> None:
        until = self._ticked()
        if until is None or at > until:
            self._world.defect(
                f"{self._name}: a timer for {at} made {kind} when time had come to {until}"
            )
