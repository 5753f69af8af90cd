"""How a lead comes to a seller: by a round, by a person, out of a leaver's hands, or as it arrives."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, Literal

import msgspec
from msgspec.structs import asdict, replace
from perennial.contracts.base import Decision, Event, Fact, Id, Minor, Refusal, Text
from perennial.contracts.holdings import Gained, LeadAssigned, LeadReleased, Runner
from perennial.contracts.leads import LeadQueued, LeadReadied

from lead_intake.domain.customer import Customer
from lead_intake.domain.holding import in_words, room, unfit, why_not
from lead_intake.domain.lead import Lead
from lead_intake.domain.protection import PASSES, against_gain, is_handover, resting
from lead_intake.domain.refusals import differs, not_yours, unknown_lead
from lead_intake.domain.seller import Seller
from lead_intake.domain.world import World


class AssignLead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A round's wish. Refused, as a value, where the lead waits no more or the seller may not."""

    TYPE: ClassVar[str] = "request.lead.assign"
    lead_id: Id
    person: Id
    round_id: Id
    seed: str = ""
    team: list[str] = []
    win_chance: float | None = None
    win_low: float | None = None
    win_high: float | None = None
    expected_value: Minor | None = None
    """The lead's own where it is absent."""
    runners_up: list[Runner] = []
    lost_by_reason: dict[str, int] = {}


class HandLead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person's wish: this seller has it from now on, whoever had it before."""

    TYPE: ClassVar[str] = "request.lead.hand"
    lead_id: Id
    person: Id
    by: str
    """Who asks, as the register knows them."""
    anyones: bool = False
    """They may dispose of others' leads too."""
    because: Literal["person", "left", "absent", "customer-wish"] = "person"
    over_capacity: Text = ""
    """Why the limits shall not hold this once."""


class ReholdLead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The holder has left or is away: the first of these who may takes it, else it waits."""

    TYPE: ClassVar[str] = "request.lead.rehold"
    lead_id: Id
    former: Id
    to: tuple[Id, ...] = ()
    because: Literal["left", "absent"] = "left"
    by: str = ""


WISHES = (AssignLead, HandLead, ReholdLead)


def react(state: Customer, fact: Fact, world: World, now: datetime) -> Decision:
    """What becomes of a wish about who holds a lead."""
    found = state.lead(fact.data.lead_id)
    if found is None:
        return unknown_lead(fact.data.lead_id)
    wish, lead = replace(fact.data, lead_id=found[0]), found[1]
    match wish:
        case AssignLead():
            return _by_round(state, lead, wish, fact.key, world, now)
        case HandLead():
            return _by_person(state, lead, wish, fact.key, world, now)
        case ReholdLead():
            return _reheld(state, lead, wish, fact.key, world, now)
    return []


def beside(_state: Customer, fact: Fact) -> Iterable[str]:
    """Whose ledgers such a wish is decided from."""
    wish = fact.data
    return wish.to if isinstance(wish, ReholdLead) else (wish.person,)


def arrived(
    key: str, lead_id: str, lead: Lead, person: str, seller: Seller, world: World, now: datetime
) -> list[Event]:
    """A lead whose recorded pipeline says who holds it: theirs if they have room, else it waits.

    Their level is not asked for: they hold it already, and since its source captured it.
    """
    since = min(lead.captured_at or now, now)
    ready = LeadReadied(
        customer_id=key,
        lead_id=lead_id,
        because="arrived",
        grade=lead.grade,
        expected_value=lead.value,
    )
    if not world.staff.employed(person):
        return [ready, _queued(key, lead_id, "no-seller", world)]
    if not room(person, seller, world, now).admits(since, now):
        return [ready, _queued(key, lead_id, "full", world)]
    return [ready, _assigned(key, lead_id, lead, person, "arrived", since=since)]


def _by_round(
    state: Customer, lead: Lead, wish: AssignLead, key: str, world: World, now: datetime
) -> Decision:
    if lead.stage != "waiting":
        return differs("lead-not-waiting", f"Lead {wish.lead_id} is {lead.stage} by now.")
    bar = against_gain(state, lead, wish.person, world, now)
    if bar is not None:
        return [resting(key, wish.lead_id, bar.until)] if bar.until else bar.refusal
    why = why_not(wish.person, lead, _ledger(state, wish.person), world, now)
    if why:
        return differs(
            f"seller-{why}", f"{wish.person} may not take lead {wish.lead_id} now: {why}."
        )
    told = {name: said for name, said in asdict(wish).items() if said is not None}
    del told["person"], told["lead_id"]
    return [_assigned(key, wish.lead_id, lead, wish.person, "matched", **told)]


def _by_person(
    state: Customer, lead: Lead, wish: HandLead, key: str, world: World, now: datetime
) -> Decision:
    fault = _may_not_ask(lead, wish) or _may_not_hand(state, lead, wish, world, now)
    if fault is not None:
        return fault
    code, limits = _limits(state, lead, wish.person, world, now)
    if limits and not wish.over_capacity:
        detail = f"{limits} Say in over_capacity why it shall be so all the same."
        return Refusal(code=code, detail=detail, pointer="/over_capacity")
    how: Gained = "person"
    if lead.holder:
        how = "re-held" if wish.because in ("left", "absent") else "transferred"
    over = wish.over_capacity if limits else ""
    made: list[Event] = []
    if lead.ready_at is None:
        made.append(_readied_by_person(key, wish.lead_id, lead))
    given = _assigned(
        key, wish.lead_id, lead, wish.person, how, by=wish.by, over_capacity=over,
    )  # fmt: skip
    return [*made, given]


def _reheld(
    state: Customer, lead: Lead, wish: ReholdLead, key: str, world: World, now: datetime
) -> Decision:
    if lead.holder != wish.former:
        return differs(
            "lead-not-held", f"{wish.former} does not hold lead {wish.lead_id} any more."
        )
    for person in wish.to:
        if not why_not(person, lead, _ledger(state, person), world, now):
            return [_assigned(key, wish.lead_id, lead, person, "re-held", by=wish.by)]
    released = LeadReleased(
        customer_id=key,
        lead_id=wish.lead_id,
        former=wish.former,
        by=wish.by or "rule",
        reason=f"{wish.former} is {'gone' if wish.because == 'left' else 'away'}",
        because=wish.because,
        reached=lead.holdings[-1].reached,
    )
    return [released, _queued(key, wish.lead_id, "full" if wish.to else "left", world)]


def _may_not_ask(lead: Lead, wish: HandLead) -> Refusal | None:
    if not lead.is_open:
        return differs("lead-closed", f"Lead {wish.lead_id} is {lead.stage}; reopen it first.")
    if not wish.anyones and (not lead.holder or lead.holder != wish.by):
        return not_yours(wish.lead_id)
    if lead.holder == wish.person:
        detail = f"{wish.person} holds lead {wish.lead_id} already: name another."
        return Refusal(code="held-already", detail=detail, pointer="/person")
    return None


def _may_not_hand(
    state: Customer, lead: Lead, wish: HandLead, world: World, now: datetime
) -> Refusal | None:
    if unfit(wish.person, lead, world, now) == "no-seller":
        detail = in_words("no-seller", wish.person, lead, world)
        return Refusal(code="seller-unknown", detail=detail, pointer="/person", kind="missing")
    bar = None
    if wish.because not in PASSES:
        bar = against_gain(state, lead, wish.person, world, now)
    return bar.refusal if bar is not None else None


def _limits(
    state: Customer, lead: Lead, person: str, world: World, now: datetime
) -> tuple[str, str]:
    """What a person would exceed for this seller, as a code and one sentence; "" for nothing."""
    found = unfit(person, lead, world, now)
    if found:
        return f"seller-{found}", in_words(found, person, lead, world)
    left = room(person, _ledger(state, person), world, now)
    if left.free:
        return "", ""
    return "over-capacity", (
        f"{person} holds {left.open} of {left.open_limit} and gained {left.inflow} of"
        f" {left.inflow_limit} in {left.window_days:g} days."
    )


def _assigned(
    key: str, lead_id: str, lead: Lead, person: str, how: Gained, **told: Any
) -> LeadAssigned:
    return LeadAssigned(
        customer_id=key,
        lead_id=lead_id,
        holder=person,
        former=lead.holdings[-1].person if lead.holdings else "",
        how=how,
        grade=lead.grade,
        handover=is_handover(lead, person),
        **{"expected_value": lead.value, **told},
    )


def _readied_by_person(key: str, lead_id: str, lead: Lead) -> LeadReadied:
    return LeadReadied(
        customer_id=key,
        lead_id=lead_id,
        because="person",
        grade=lead.grade,
        expected_value=lead.value,
        score=lead.score,
    )


_QUEUED: dict[str, Literal["no-capacity", "no-seller", "held-before", "left"]] = {
    "full": "no-capacity",
    "held-before": "held-before",
    "left": "left",
}


def _queued(key: str, lead_id: str, why: str, world: World) -> LeadQueued:
    return LeadQueued(
        customer_id=key,
        lead_id=lead_id,
        reason=_QUEUED.get(why, "no-seller"),
        holder=world.policy.holding.queue,
        lost_by_reason={why: 1},
    )


def _ledger(state: Customer, person: str) -> Seller:
    return state.beside.get(person) or Seller()
