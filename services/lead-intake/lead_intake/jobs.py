"""The job that holds matching rounds: it reads who waits and who is free, and asks through the door.

What it worked out is recorded as one fact; each lead is then assigned under its seller's lock, where
capacity is decided anew. What no longer holds by then is refused there, and waits for the next round.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Protocol

from perennial.contracts.rounds import Candidate, Desk, RoundHeld
from perennial.kit.ask import Ask, Asks
from perennial.kit.jobs import asking, offer
from perennial.kit.timers import fired_until

from lead_intake import store
from lead_intake.domain.assigning import AssignLead
from lead_intake.domain.customer import Customer
from lead_intake.domain.holding import room
from lead_intake.domain.lead import Lead
from lead_intake.domain.rounds import MARKET, HoldRound, QueueLead, round_id
from lead_intake.domain.seller import Seller
from lead_intake.domain.world import World
from lead_intake.handlers import CUSTOMER, ROUND
from lead_intake.matching.market import Seat, Waiting
from lead_intake.matching.match import Matched, Placed, Unplaced, match

JOB = "lead-intake"
"""The principal under which jobs ask: the service itself."""


class Asking(Protocol):
    """What a round needs beside the market."""

    @property
    def asks(self) -> Asks: ...

    def now(self) -> datetime: ...

    def world(self) -> World: ...


class Running(Asking, Protocol):
    """What a job sees of the running service."""

    @property
    def pool(self) -> Any: ...

    @property
    def door(self) -> Any: ...


class Market(Protocol):
    """Who waits and who sells, as it stands."""

    async def waiting(self) -> list[tuple[str, Customer]]: ...

    async def ledgers(self) -> dict[str, Seller]: ...

    async def rounds_held(self, market: str) -> int: ...

    def seed(self, number: int) -> str:
        """The seed to draw by, if it is given; "" leaves it to the round."""


async def hold_rounds(running: Running) -> int:
    """One round over all that waits. How many leads were moved or told why not; 0: nothing to do."""
    now = running.now()
    if running.door.ticking and await fired_until(running.pool, now) < now:
        return 0  # looked at again once they have fired, so that no round depends on who was faster
    market = store.StoredMarket(running.pool)
    seats = seats_of(await market.ledgers(), running.world(), now)
    if not _open(seats) and not await store.untold(running.pool, now):
        return 0  # a long queue before full desks is not read again and again
    return await round_over(market, running)


async def round_over(market: Market, running: Asking) -> int:
    """The same, wherever the market's state is read from."""
    now, world = running.now(), running.world()
    found = await market.waiting()
    spared = await _spare(running, found, now)
    leads = [one for key, customer in found for one in _waiting(key, customer, now)]
    seats = seats_of(await market.ledgers(), world, now) if leads else []
    if not _open(seats) and all(lead.queued for lead in leads):
        return spared
    number = await market.rounds_held(MARKET) + 1
    rules = world.policy.matching
    seed = market.seed(number) or _seed(number, now)
    made = await asyncio.to_thread(match, leads, seats, rules, world.policy.holding, seed)
    placed = made.placed[: rules.most]
    moved = spared + await _apply(running, placed, made, seats, number, seed)
    if len(placed) == len(made.placed):
        moved += await _tell(running, made.unplaced, number if placed else number - 1)
    return moved


JOBS = (hold_rounds,)


def seats_of(ledgers: dict[str, Seller], world: World, now: datetime) -> list[Seat]:
    """Everybody who sells, with the places they have left."""
    seats = []
    for person in world.staff.sellers():
        ledger = ledgers.get(person.person_id, Seller())
        standing = room(person.person_id, ledger, world, now)
        seats.append(
            Seat(
                person=person,
                present=world.staff.present(person.person_id, now),
                free=standing.free,
                gained=standing.inflow,
                record=ledger.record,
                certificates=world.staff.certificates(person.person_id, now.date()),
            )
        )
    return seats


def _open(seats: Sequence[Seat]) -> bool:
    return any(seat.free and seat.present for seat in seats)


async def _spare(running: Asking, found: Sequence[tuple[str, Customer]], now: datetime) -> int:
    """Leads of customers whose complaint is open are in no round: that is told, once."""
    asks = [
        _unasked(key, lead_id, lead, customer.contacts.complaint_since, now)
        for key, customer in found
        for lead_id, lead in customer.leads.items()
        if customer.contacts.complaint_since is not None
        and lead.stage == "waiting"
        and lead.since <= now
        and lead.queued != "protected"
    ]
    return await offer(running.asks, asks)


def _unasked(key: str, lead_id: str, lead: Lead, complaint: datetime, now: datetime) -> Ask:
    """Another complaint is told anew, and the same one once it is this party's again."""
    wish = QueueLead(lead_id=lead_id, since=lead.since, reason="protected")
    name = f"spare:{lead_id}:{complaint.isoformat()}:{now.isoformat()}"
    return asking(CUSTOMER, key, wish, name, JOB)


def _waiting(key: str, customer: Customer, now: datetime) -> list[Waiting]:
    """What waited by then: what became known since the last tick waits for the next."""
    if customer.contacts.complaint_since is not None:
        return []
    return [
        Waiting(
            customer_id=key,
            lead_id=lead_id,
            grade=lead.grade,
            value=lead.value,
            since=lead.since,
            held_before=frozenset(lead.held_by),
            product=lead.product,
            attributes=customer.attributes,
            queued=lead.queued,
        )
        for lead_id, lead in customer.leads.items()
        if lead.stage == "waiting" and lead.since <= now
    ]


async def _apply(
    running: Asking,
    placed: Sequence[Placed],
    made: Matched,
    seats: Sequence[Seat],
    number: int,
    seed: str,
) -> int:
    if not placed:
        return 0
    held = _held(placed, made, seats, number, seed)
    wish = HoldRound(number=number, held=held)
    answer = await running.asks.ask(asking(ROUND, MARKET, wish, f"round:{number}", JOB))
    if answer.refusal is not None:
        return 1  # another round came first: work it out again
    asks = [_assign(one, held.round_id, seed) for one in placed]
    return await offer(running.asks, asks)


async def _tell(running: Asking, unplaced: Sequence[Unplaced], number: int) -> int:
    now = running.now()
    asks = [_queue(one, number, now) for one in unplaced if one.lead.queued != one.reason]
    return await offer(running.asks, asks)


def _held(
    placed: Sequence[Placed], made: Matched, seats: Sequence[Seat], number: int, seed: str
) -> RoundHeld:
    got = Counter(one.person for one in placed)
    used: dict[str, dict[str, float]] = {}
    for (person, grade), chance in sorted(made.chances.items()):
        used.setdefault(person, {})[grade] = chance.used
    return RoundHeld(
        round_id=round_id(number),
        market=MARKET,
        seed=seed,
        waiting=len(made.placed) + len(made.unplaced),
        assigned=len(placed),
        sellers=len(seats),
        free=sum(seat.free for seat in seats),
        objective=made.objective,
        candidates=[_candidate(one) for one in placed],
        desks=[_desk(seat, got, used) for seat in seats],
    )


def _candidate(one: Placed) -> Candidate:
    return Candidate(
        customer_id=one.lead.customer_id,
        lead_id=one.lead.lead_id,
        grade=one.lead.grade,
        holder=one.person,
        win_chance=one.chance.used,
        value=one.lead.value,
        reserved=one.reserved,
    )


def _desk(seat: Seat, got: Counter[str], used: dict[str, dict[str, float]]) -> Desk:
    return Desk(
        person=seat.id,
        level=seat.person.level,
        free=seat.free,
        gained=seat.gained,
        got=got[seat.id],
        away=not seat.present,
        chances=used.get(seat.id, {}),
    )


def _assign(one: Placed, held_in: str, seed: str) -> Ask:
    wish = AssignLead(
        lead_id=one.lead.lead_id,
        person=one.person,
        round_id=held_in,
        seed=seed,
        team=one.team,
        win_chance=one.chance.used,
        win_low=one.chance.low,
        win_high=one.chance.high,
        runners_up=one.runners_up,
        lost_by_reason=one.lost_by_reason,
    )
    return asking(CUSTOMER, one.lead.customer_id, wish, f"assign:{one.lead.lead_id}", JOB)


def _queue(one: Unplaced, number: int, now: datetime) -> Ask:
    """A reason that was told before is told again once another was in between."""
    wish = QueueLead(
        lead_id=one.lead.lead_id,
        since=one.lead.since,
        reason=one.reason,
        expected_wait_hours=one.wait_hours,
        lost_by_reason=one.lost_by_reason,
        round_id=round_id(number) if number else "",
    )
    name = f"queue:{one.lead.lead_id}:{now.isoformat()}"
    return asking(CUSTOMER, one.lead.customer_id, wish, name, JOB)


def _seed(number: int, now: datetime) -> str:
    """Recorded with the round, so that anybody can draw the same lots again."""
    return blake2b(f"{MARKET}:{number}:{now.isoformat()}".encode(), digest_size=8).hexdigest()
