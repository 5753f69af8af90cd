"""Jobs under a policy that was not in force: the same ones, over a population in memory."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace
from perennial.kit.rehearsing import Rehearsing
from perennial.kit.subject import Again, Rehearsal

from lead_intake.domain.assigning import AssignLead, ReholdLead
from lead_intake.domain.clocks import ReckonClocks
from lead_intake.domain.customer import Customer
from lead_intake.domain.requests import ActivitySaid, CloseSaid
from lead_intake.domain.rounds import HoldRound, QueueLead
from lead_intake.domain.seller import Seller
from lead_intake.handlers import CUSTOMER, ROUND
from lead_intake.jobs import round_over
from lead_intake.leaving import rehold_from
from lead_intake.reckoning import Reckoning


@dataclass(frozen=True)
class _Market:
    """Who waits and who sells, as the run has it; lots are drawn by the recorded seeds."""

    running: Rehearsing

    async def waiting(self) -> list[tuple[str, Customer]]:
        return sorted((key, one.state) for key, one in self.running.concerned.items())

    async def ledgers(self) -> dict[str, Seller]:
        staff = self.running.world().staff
        return _ledgers(self.running, (one.person_id for one in staff.sellers()))

    async def rounds_held(self, market: str) -> int:
        held = self.running.entities.get((ROUND.name, market))
        return held.state.number if held is not None else 0

    def seed(self, number: int) -> str:
        held = (one.held for one in self.running.recorded if isinstance(one, HoldRound))
        return next((one.seed for one in held), "")


async def hold_again(running: Rehearsing) -> int:
    """See `jobs.hold_rounds`."""
    return await round_over(_Market(running), running)


async def rehold_again(running: Rehearsing) -> int:
    """See `leaving.rehold_leavers`."""
    return await rehold_from(_ledgers(running, running.world().staff.leavers()), running)


def _ledgers(running: Rehearsing, people: Iterable[str]) -> dict[str, Seller]:
    places = ((person, ("seller", person)) for person in people)
    known = running.entities
    return {person: known[place].state for person, place in places if place in known}


async def _parties(running: Rehearsing) -> Sequence[str]:
    """See `holdings.parties_of_held`."""
    return sorted(
        key
        for (subject, key), one in running.entities.items()
        if subject == CUSTOMER.name and any(lead.holder for lead in one.state.leads.values())
    )


def retold(said: Any, live: Callable[[str], Any], tried: Callable[[str], Any]) -> Any:
    """Whoever holds a lead under the draft does with it what its live holder did."""
    if not isinstance(said, ActivitySaid | CloseSaid):
        return said
    holder, stand_in = (_holder(of(said.lead_id), said.lead_id) for of in (live, tried))
    if not holder or not stand_in or said.said.by != holder or holder == stand_in:
        return said
    return replace(said, said=replace(said.said, by=stand_in))


def _holder(state: Customer | None, lead_id: str) -> str:
    found = state.lead(lead_id) if state is not None else None
    return found[1].holder if found is not None else ""


REHEARSAL = Rehearsal(
    jobs=(
        Again((ReckonClocks,), lambda: Reckoning(_parties)),
        Again((ReholdLead,), lambda: rehold_again),
        Again((HoldRound, AssignLead, QueueLead), lambda: hold_again),
    ),
    subject=CUSTOMER.name,
    concerns=lambda state: state.waiting,
    retold=retold,
)
