"""Public pools: which pool takes a lead, who may claim it when, and what becomes of the unclaimed (I11).

A claim is decided from the lead and the seller's ledger, both locked: one wins, the others are told
when. Limits count what was done, not what is still held.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, time, timedelta
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace
from perennial.contracts.base import Decision, Fact, Id, Refusal
from perennial.contracts.calendar import length
from perennial.contracts.holdings import ContactRevealed, LeadClaimed, LeadNurtured, LeadPooled

from lead_intake.domain.customer import Customer
from lead_intake.domain.holding import in_words, room, unfit
from lead_intake.domain.lead import Holding, Lead
from lead_intake.domain.protection import against_gain, is_handover
from lead_intake.domain.refusals import differs, not_yours, pool_unknown, unknown_lead
from lead_intake.domain.seller import Seller
from lead_intake.domain.world import World
from lead_intake.policy.pools import Pool

TIMER = "pool"
Because = Literal["turnover", "released", "unmatched", "person", "left"]


class ClaimLead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A seller takes a lead out of a pool."""

    TYPE: ClassVar[str] = "request.lead.claim"
    lead_id: Id
    pool: Id
    person: Id
    by: str = ""


class RevealContact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody wants to see a lead's contact data; each look is kept, in a pool it is counted."""

    TYPE: ClassVar[str] = "request.lead.reveal"
    lead_id: Id
    by: Id
    anyones: bool = False


class PoolLead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Nobody is to be chosen for it: whoever wants it may claim it."""

    TYPE: ClassVar[str] = "request.lead.pool"
    lead_id: Id
    by: str = ""
    because: Literal["person", "unmatched"] = "person"


_CURES = {
    "no-seller": "Have the register name them as a seller, or name in `person` who shall have it.",
}
WISHES = (ClaimLead, RevealContact, PoolLead)


def react(state: Customer, fact: Fact, world: World, now: datetime) -> Decision:
    """What becomes of a wish about a pooled lead."""
    found = state.lead(fact.data.lead_id)
    if found is None:
        return unknown_lead(fact.data.lead_id)
    wish, lead = replace(fact.data, lead_id=found[0]), found[1]
    match wish:
        case ClaimLead():
            return _claim(state, lead, wish, fact.key, world, now)
        case RevealContact():
            return _reveal(state, lead, wish, fact.key, world, now)
        case PoolLead():
            return _put(lead, wish, fact.key, world, now)
    return []


def beside(_state: Customer, fact: Fact) -> Iterable[str]:
    """Whose ledger such a wish is decided from."""
    match fact.data:
        case ClaimLead(person=person):
            return (person,)
        case RevealContact(by=person):
            return (person,)
    return ()


def fired(state: Customer, fact: Fact, _world: World, _now: datetime) -> Decision:
    """Nobody claimed it in time."""
    lead_id = fact.data.name.split("/")[1]
    assert state.leads[lead_id].stage == "pooled"
    return [LeadNurtured(customer_id=fact.key, lead_id=lead_id, because="unclaimed")]


def due(state: Customer, _world: World) -> dict[str, datetime]:
    """When pooled leads go back to nurture; as it was told when they came in."""
    return {
        f"{TIMER}/{lead_id}": lead.nurtured_at
        for lead_id, lead in state.leads.items()
        if lead.stage == "pooled" and lead.nurtured_at is not None
    }


def entering(
    key: str, lead_id: str, lead: Lead, because: Because, world: World, now: datetime
) -> LeadPooled:
    """Into the first pool that takes such leads, with the moments that follow from it."""
    pool = route(lead, world)
    rests = [length(pool.hold_new), *([length(pool.everyone)] if lead.holdings else [])]
    return LeadPooled(
        customer_id=key,
        lead_id=lead_id,
        pool=pool.name,
        former=lead.holdings[-1].person if lead.holdings else "",
        because=because,
        claimable_from=now + max(rests),
        nurtured_at=now + length(pool.unclaimed),
    )


def route(lead: Lead, world: World) -> Pool:
    """The first pool whose scope covers the lead; the last takes what no other does."""
    pools = world.policy.pools
    covering = (pool for pool in pools if pool.covers(lead.grade, lead.product, lead.source))
    return next(covering, pools[-1])


def _claim(
    state: Customer, lead: Lead, wish: ClaimLead, key: str, world: World, now: datetime
) -> Decision:
    if lead.stage != "pooled" or lead.pool != wish.pool:
        return pool_unknown(wish.pool, world) or _too_late(lead, wish)
    seller = state.beside.get(wish.person) or Seller()
    pool = _named(lead.pool, world)
    fault = (
        _not_fit(wish.person, lead, seller, world, now)
        or _used_up("claims", wish.person, seller, pool, world, now)
        or _cooling(wish.person, lead, pool, now)
    )
    if fault is not None:
        return fault
    bar = against_gain(state, lead, wish.person, world, now)
    if bar is not None:
        return bar.refusal
    return [
        LeadClaimed(
            customer_id=key,
            lead_id=wish.lead_id,
            holder=wish.person,
            former=lead.holdings[-1].person if lead.holdings else "",
            pool=wish.pool,
            grade=lead.grade,
            handover=is_handover(lead, wish.person),
        )
    ]


def _too_late(lead: Lead, wish: ClaimLead) -> Refusal:
    last = lead.holdings[-1] if lead.stage == "held" else None
    if last is None:
        where = f"lies in pool {lead.pool}: claim it there" if lead.pool else f"is {lead.stage}"
        detail = f"Lead {wish.lead_id} does not lie in pool {wish.pool}; it {where}."
        return differs("lead-not-pooled", detail)
    if last.person == wish.person:
        return differs(
            "held-already", f"You hold lead {wish.lead_id} since {last.since.isoformat()}."
        )
    how = "claimed" if last.how == "claimed" else "assigned to somebody"
    return differs("claimed-already", f"Lead {wish.lead_id} was {how} at {last.since.isoformat()}.")


def _reveal(
    state: Customer, lead: Lead, wish: RevealContact, key: str, world: World, now: datetime
) -> Decision:
    if lead.stage == "pooled" and not wish.anyones:
        seller, pool = state.beside.get(wish.by) or Seller(), _named(lead.pool, world)
        fault = _used_up("views", wish.by, seller, pool, world, now)
        if fault is not None:
            return fault
    elif not wish.anyones and lead.holder != wish.by:
        return not_yours(wish.lead_id)
    pooled = "" if wish.anyones else lead.pool
    return [ContactRevealed(customer_id=key, lead_id=wish.lead_id, by=wish.by, pool=pooled)]


def _put(lead: Lead, wish: PoolLead, key: str, world: World, now: datetime) -> Decision:
    if lead.stage not in ("nurture", "waiting"):
        return differs("lead-not-free", f"Lead {wish.lead_id} is {lead.stage}: release it first.")
    return [entering(key, wish.lead_id, lead, wish.because, world, now)]


def _not_fit(
    person: str, lead: Lead, seller: Seller, world: World, now: datetime
) -> Refusal | None:
    found = unfit(person, lead, world, now)
    if found:
        detail = f"{in_words(found, person, lead, world)} {_CURES.get(found, '')}".rstrip()
        return Refusal(code=f"seller-{found}", detail=detail)
    left = room(person, seller, world, now)
    if left.free:
        return None
    told = (
        f"You hold {left.open} of {left.open_limit} and gained {left.inflow} of {left.inflow_limit}"
    )
    frees = f"; the next one from {left.frees_at.isoformat()}" if left.frees_at else ""
    return differs("seller-full", f"{told} in {left.window_days:g} days{frees}.")


def _used_up(
    what: Literal["claims", "views"],
    person: str,
    seller: Seller,
    pool: Pool,
    world: World,
    now: datetime,
) -> Refusal | None:
    """The day's limit, with every limit that applies told."""
    day = _day_begins(pool, now)
    used = seller.claimed(pool.name, day) if what == "claims" else seller.viewed(pool.name, day)
    entry = world.staff.person(person)
    applying = [
        (limit.name, limit.claims if what == "claims" else limit.views)
        for limit in pool.limits
        if limit.applies(entry.level if entry else 0, entry.team if entry else "")
    ]
    if not applying:
        return None
    allowed = _combined(pool, [most for _, most in applying])
    if used < allowed:
        return None
    told = ", ".join(f"{name} {most}" for name, most in applying)
    return differs(
        f"{what}-used-up",
        f"{used} of {allowed} {what} used since {day.isoformat()}; limits that apply: {told}"
        f" ({pool.combine}). Again from {_day_begins(pool, now, 1).isoformat()} on.",
    )


def _combined(pool: Pool, limits: list[int]) -> int:
    if pool.combine == "first":
        return limits[0]
    return max(limits) if pool.combine == "max" else min(limits)


def _cooling(person: str, lead: Lead, pool: Pool, now: datetime) -> Refusal | None:
    """The cool-downs, each by its name: everyone's, an earlier holder's, a passive loser's."""
    found = max(_cool_until(person, lead, pool), default=None)
    if found is not None and found[0] > now:
        return differs(
            "cooling-down", f"{found[1]}: it may be claimed from {found[0].isoformat()} on."
        )
    last = _last_of(person, lead)
    if last is None or last.until is None or _others_since(last, lead):
        return None
    return differs(
        "held-last",
        "You held it last: somebody else must have held it, or a new touch come, before you may again.",
    )


def _cool_until(person: str, lead: Lead, pool: Pool) -> Iterator[tuple[datetime, str]]:
    if lead.claimable_from is not None:
        yield lead.claimable_from, "It has just come in"
    last = _last_of(person, lead)
    if last is not None and last.until is not None:
        yield last.until + length(pool.last_holder), "You held it"
        if last.ended == "turned-over":
            yield last.until + length(pool.passive), "You lost it by a clock"


def _last_of(person: str, lead: Lead) -> Holding | None:
    return next((held for held in reversed(lead.holdings) if held.person == person), None)


def _others_since(last: Holding, lead: Lead) -> bool:
    """Somebody else held it since, or somebody met us about it since."""
    ended = last.until
    touched = lead.touched_at is not None and ended is not None and lead.touched_at > ended
    return touched or lead.holdings[-1] is not last


def _named(name: str, world: World) -> Pool:
    """The pool as it stands now; one that is gone by now is the last one's."""
    pools = world.policy.pools
    return next((pool for pool in pools if pool.name == name), pools[-1])


def _day_begins(pool: Pool, now: datetime, ahead: int = 0) -> datetime:
    """This day's first moment where the pool is, or that of so many days ahead."""
    local = now.astimezone(ZoneInfo(pool.timezone))
    return datetime.combine(local.date() + timedelta(days=ahead), time(), local.tzinfo)
