"""What sellers and parties do about a lead: every clock and every score begins here."""

from datetime import datetime

from perennial.contracts.base import At, Decision, Fact, Wait
from perennial.contracts.holdings import ActivityLogged

from lead_intake.domain.checks import moment_fault
from lead_intake.domain.contents import short
from lead_intake.domain.customer import Customer
from lead_intake.domain.lead import Lead
from lead_intake.domain.requests import ActivitySaid
from lead_intake.domain.turnover import protected
from lead_intake.domain.world import World


def record(state: Customer, fact: Fact, world: World, now: datetime) -> Decision:
    """An activity, once; what its lead makes of it follows from its kind and the policy."""
    asked: ActivitySaid = fact.data
    said, policy = asked.said, world.policy
    fault = moment_fault(said.at, "at", policy, now)
    if fault is not None:
        return fault
    found = state.lead(asked.lead_id)
    if found is None:
        return Wait(until_known=f"lead:{asked.lead_id}", expires=now + policy.waiting)
    lead_id, lead = found
    if short(said.activity) in lead.activities:
        return []
    currency = said.currency or policy.reporting_currency
    amount = None
    if said.amount is not None:
        amount = world.worth(said.amount, currency, said.at.date())
        if amount is None:
            return Wait(until_known=f"rate:{currency}", expires=now + policy.waiting)
    logged = ActivityLogged(
        customer_id=fact.key,
        lead_id=lead_id,
        activity_id=said.activity,
        kind=said.kind,
        by=said.by,
        effective=said.kind in policy.effective,
        first_contact=_first_contact(lead, said.kind in policy.contacts),
        amount=amount,
    )
    lease = protected(logged, _doer(asked, lead), said.at, lead, world, now)
    return [At(event, said.at) for event in (logged, *lease)]


def _doer(asked: ActivitySaid, lead: Lead) -> str:
    """Who did it; where that is not said, the holder for the source that the lead comes from."""
    return asked.said.by or (lead.holder if asked.source == lead.source else "")


def _first_contact(lead: Lead, is_contact: bool) -> bool:
    """The first of the present holding, which is what the holder's clock waits for."""
    return is_contact and lead.stage == "held" and lead.present.first_contact is None
