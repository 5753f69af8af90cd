"""The job that leaves nothing with who has left: each lead goes to a successor, or waits in the queue.

How is policy; with `wait` nothing happens by itself, and a person chooses in one call.
"""

from collections.abc import Mapping

from perennial.kit.ask import Ask
from perennial.kit.jobs import asking, offer
from perennial.kit.timers import fired_until

from lead_intake import store
from lead_intake.domain.assigning import ReholdLead
from lead_intake.domain.seller import Seller
from lead_intake.domain.world import World
from lead_intake.handlers import CUSTOMER
from lead_intake.jobs import JOB, Asking, Running


async def rehold_leavers(running: Running) -> int:
    """How many leads of leavers were moved."""
    if running.world().policy.holding.leavers == "wait":
        return 0
    if running.door.ticking and await fired_until(running.pool, running.now()) < running.now():
        return 0  # as with rounds: what happens by itself at that time happens first
    return await rehold_from(await store.ledgers(running.pool), running)


async def rehold_from(ledgers: Mapping[str, Seller], running: Asking) -> int:
    """The same, wherever the ledgers are read from."""
    world = running.world()
    if world.policy.holding.leavers == "wait":
        return 0
    asks = [
        _rehold(lead, person, ledgers[person], world)
        for person in world.staff.leavers()
        if person in ledgers
        for lead in sorted(ledgers[person].open)
    ]
    return await offer(running.asks, asks)


def _rehold(lead: str, person: str, ledger: Seller, world: World) -> Ask:
    """Once for each time that they held it."""
    heirs = world.policy.holding.leavers == "rehold"
    to = world.staff.takers(person) if heirs else ()
    wish = ReholdLead(lead_id=lead, former=person, to=to, because="left", by="rule")
    gained = max((name for name in ledger.gains if name.startswith(f"{lead}@")), default=lead)
    return asking(CUSTOMER, "", wish, f"rehold:{person}:{gained}", JOB)
