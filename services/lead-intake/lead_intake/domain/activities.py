"""What sellers and parties do about a lead: every clock and every score begins here."""

from datetime import datetime
from typing import Any

from perennial.contracts.base import At, Decision, Fact, Wait
from perennial.contracts.holdings import ActivityLogged, ContactPlanned
from perennial.contracts.partner import RecordActivity

from lead_intake.domain.checks import currency_fault, invalid, moment_fault
from lead_intake.domain.contacts import ANSWERED, COMPLAINT
from lead_intake.domain.contents import short
from lead_intake.domain.customer import Customer
from lead_intake.domain.lead import Lead
from lead_intake.domain.protection import against_contact, broken_by
from lead_intake.domain.refusals import differs, not_yours, unknown_lead
from lead_intake.domain.requests import ActivitySaid, PlanContact
from lead_intake.domain.turnover import protected
from lead_intake.domain.world import World


def record(state: Customer, fact: Fact, world: World, now: datetime) -> Decision:
    """An activity, once; what its lead makes of it follows from its kind and the policy."""
    asked: ActivitySaid = fact.data
    said, policy = asked.said, world.policy
    fault = moment_fault(said.at, "at", policy, now) or currency_fault(said.currency)
    if fault is not None:
        return fault
    found = state.lead(asked.lead_id)
    if found is None:
        return Wait(until_known=f"lead:{asked.lead_id}", expires=now + policy.waiting)
    lead_id, lead = found
    if short(said.activity) in lead.activities:
        return []
    currency, amount = said.currency or policy.reporting_currency, None
    if said.amount is not None:
        amount = world.worth(said.amount, currency, said.at.date())
    logged = ActivityLogged(
        customer_id=fact.key,
        lead_id=lead_id,
        activity_id=said.activity,
        kind=said.kind,
        by=said.by,
        effective=said.kind in policy.effective,
        first_contact=_first_contact(lead, said.kind in policy.contacts),
        amount=amount,
        unvalued=currency if said.amount is not None and amount is None else "",
        **_felt(state, lead, said, world, now),
    )
    lease = protected(logged, _doer(asked, lead), said.at, lead, world, now)
    return [At(event, said.at) for event in (logged, *lease)]


def plan(state: Customer, fact: Fact, world: World, now: datetime) -> Decision:
    """A seller announces a contact: refused, with the date, where the customer is to be spared."""
    wish, kinds = fact.data, world.policy.holding.contacts.kinds
    found = state.lead(wish.lead_id)
    if found is None:
        return unknown_lead(wish.lead_id)
    lead_id, lead = found
    if wish.kind not in kinds:
        return invalid("no-contact", f"Plan one of {', '.join(kinds)}.", "kind")
    if wish.at.tzinfo is None or wish.at < now:
        return invalid("date-out-of-range", "Plan it ahead, with an offset; log what was.", "at")
    if not lead.is_open:
        return differs("lead-ended", f"Lead {lead_id} is {lead.stage}: nobody is to be contacted.")
    if not wish.anyones and wish.by != lead.holder:
        return not_yours(lead_id)
    if state.contacts.planned.get(short(wish.activity)) == wish.at:
        return []
    bar = against_contact(state, lead, wish.at, world, now, wish.activity)
    return bar.refusal if bar is not None else [_planned(fact.key, lead_id, wish)]


def _planned(key: str, lead_id: str, wish: PlanContact) -> ContactPlanned:
    return ContactPlanned(
        customer_id=key,
        lead_id=lead_id,
        activity_id=wish.activity,
        kind=wish.kind,
        at=wish.at,
        by=wish.by,
    )


def _felt(
    state: Customer, lead: Lead, said: RecordActivity, world: World, now: datetime
) -> dict[str, Any]:
    """What the customer has had of it: a contact, maybe one too many; or that they complained."""
    if said.kind in (COMPLAINT, ANSWERED):
        return {"at": said.at}
    if said.kind not in world.policy.holding.contacts.kinds:
        return {}
    broken = broken_by(state, lead, said.at, world, now, said.activity)
    return {"at": said.at, "contact": True, "against": broken}


def _doer(asked: ActivitySaid, lead: Lead) -> str:
    """Who did it; where that is not said, the holder for the source that the lead comes from."""
    return asked.said.by or (lead.holder if asked.source == lead.source else "")


def _first_contact(lead: Lead, is_contact: bool) -> bool:
    """The first of the present holding, which is what the holder's clock waits for."""
    return is_contact and lead.stage == "held" and lead.present.first_contact is None
