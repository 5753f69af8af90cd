"""A company's days, drawn from a seed: what partners, people and apps say, phase by phase.

Within a phase nobody is spoken of twice, so that what comes of it does not hang on who was faster;
but in a wild company, where everybody talks at once.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal

from lead_intake.asking import about_entry, asking
from lead_intake.domain.identity import lead_id, order_id, party_id
from lead_intake.domain.registers import RecordAbsence, RecordLeave, SetCapacity, SetPerson, SetRate
from lead_intake.ingress import said_by
from perennial.contracts.holdings import ActivityKind
from perennial.contracts.partner import (
    DEMO,
    REPLAY,
    CancelOrder,
    CaptureLead,
    CloseLead,
    Person,
    PlaceOrder,
    RecordActivity,
    RecordPayment,
    RecordReturn,
)
from perennial.contracts.registers import (
    CapacitySet,
    PersonAbsent,
    PersonJoined,
    PersonLeft,
    RateChanged,
)
from perennial.kit.ask import Ask

from tests.simulation.outside import Said, Wish
from tests.simulation.poisoning import poisoned
from tests.simulation.store import UNSTORABLE

SOURCE = "demo"
"""As the partner's own topic makes of its facts."""
STAFF: dict[str, dict[str, Any]] = {
    "ann": {"role": "seller", "level": 4, "manager": "hal"},
    "bob": {"role": "seller", "level": 2, "manager": "hal", "substitute": "ann"},
    "cay": {"role": "seller", "level": 1, "manager": "hal"},
    "dee": {"role": "service", "manager": "hal"},
    "eve": {"role": "service", "manager": "hal"},
    "hal": {"role": "head"},
}
PARTIES = 12
KINDS: tuple[ActivityKind, ...] = (
    "call-connected", "meeting-held", "note", "quotation", "web-visit"
)  # fmt: skip
OUTCOMES: tuple[Literal["won", "lost", "disqualified"], ...] = ("won", "lost", "disqualified")
POISON = (b"", b"{", b'{"order": 7}', b"\xff\xfe", b'{"order":"x","unheard":1}')


def leaving(person: str) -> RecordLeave:
    return RecordLeave(entry=PersonLeft(person_id=person, successor="ann"))


@dataclass
class Party:
    """What the outside knows of somebody it speaks of."""

    number: int
    leads: list[str] = field(default_factory=list)
    orders: dict[str, int] = field(default_factory=dict)
    unpaid: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """By which lead-intake finds it."""
        return party_id(SOURCE, f"party{self.number}")

    @property
    def names(self) -> tuple[str, str]:
        """All of them: who knows it by the other one finds it by its e-mail address."""
        return self.name, party_id(SOURCE, f"other{self.number}")


@dataclass
class Ledger:
    """Kept by whoever says something, and never read by those who are told: what must come of it."""

    orders: dict[str, int] = field(default_factory=dict)
    payments: set[str] = field(default_factory=set)
    returns: set[str] = field(default_factory=set)
    leads: set[str] = field(default_factory=set)
    activities: set[str] = field(default_factory=set)
    poison: int = 0


Happening = Said | Wish


class Company:
    """Draws what happens; the same seed draws the same, whatever strikes the services meanwhile."""

    def __init__(self, seed: str, market: bool, live: bool, wild: bool, sold: bool) -> None:
        self.random = Random(f"load {seed}")
        self.market, self.wild, self.sold = market, wild, sold
        self.topic = DEMO.name if live else REPLAY.name
        self.parties = [Party(n) for n in range(PARTIES)]
        self.ledger = Ledger()
        self._said = 0

    def opening(self, now: datetime) -> Iterator[Wish]:
        """The register, before anything else."""
        for person, entry in STAFF.items():
            if entry["role"] == "seller" and not self.sold:
                continue
            yield self._entry(
                f"person:{person}", SetPerson(entry=PersonJoined(person_id=person, **entry))
            )
        if self.sold:
            few = CapacitySet(person_id="cay", open=1, inflow=3)
            yield self._entry("person:cay", SetCapacity(entry=few))

    def phase(self, now: datetime, most: int, who: Callable[[str], str]) -> list[Happening]:
        """What is said in one period; `who` of the names that parties go by are one."""
        chosen = self.random.sample(self.parties, min(most, len(self.parties)))
        chosen = _all_others(chosen, who)
        if self.wild:
            chosen = self.random.choices(self.parties, k=most)
        said = [self._of(party, now) for party in chosen]
        if self.random.random() < 0.1:
            said.append(self._poison(now))
        if self.random.random() < 0.1:
            self._said += 1
            said += poisoned(self.random, self._said, now)
        if self.market and self.sold and self.random.random() < 0.1:
            said.append(self._staff(now))
        if self.random.random() < 0.1:
            rate = RateChanged(currency="EUR", starts=now.date(), rate=1.1)
            said.append(self._entry("rate:EUR", SetRate(entry=rate)))
        return said

    def _of(self, party: Party, now: datetime) -> Happening:
        if self.market and (not party.leads or self.random.random() < 0.1):
            return self._tell(party, now, self._lead(party, now))
        draws: list[Any] = [self._order] * 3
        draws += [self._payment] * 2 if party.unpaid else []
        draws += [self._return, self._cancel] if party.orders else []
        draws += [self._activity] * 4 + [self._close] if party.leads else []
        return self._tell(party, now, self.random.choice(draws)(party, now))

    def _tell(self, party: Party, now: datetime, data: Any) -> Happening:
        """Over Kafka or over REST: the fact is the same."""
        self._said += 1
        name = f"{SOURCE}-{self._said}"
        if self.random.random() < 0.6:
            return Said(self.topic, f"party{party.number}", name, SOURCE, now, data)

        async def ask(runtime: Any) -> Ask:
            said = await said_by(SOURCE, data, runtime.personal)
            return asking(said, name, name.encode(), "app")

        return Wish("lead-intake", name, ask)

    def _lead(self, party: Party, now: datetime) -> CaptureLead:
        number = f"L{party.number}-{len(party.leads)}"
        party.leads.append(number)
        self.ledger.leads.add(lead_id(SOURCE, number))
        draw = self.random.random
        return CaptureLead(
            lead=number,
            party=f"party{party.number}" if draw() < 0.8 else f"other{party.number}",
            captured_at=now,
            channel=self.random.choice(("web", "event", "referral")),
            expected_value=self.random.randint(1, 50) * 1_000_00,
            currency="USD",
            wants_call=draw() < 0.4,
            opportunity=draw() < 0.4,
            person=self._person(party),
            attributes={"size": self.random.choice(("10", "120", "900"))},
        )

    def _person(self, party: Party) -> Person:
        """In a wild company some give a telephone that is another's as well: are they one?"""
        shared = self.wild and self.random.random() < 0.15
        phone = f"+49301234{party.number // 3:03}" if shared else ""
        return Person(email=f"p{party.number}@example.org", phone=phone)

    def _activity(self, party: Party, now: datetime) -> RecordActivity:
        number = f"A{self._said}"
        lead = self.random.choice(party.leads)
        self.ledger.activities.add(number)
        kind = self.random.choice(KINDS)
        by = "" if kind == "web-visit" else self.random.choice(("ann", "bob", "cay"))
        return RecordActivity(activity=number, lead=lead, at=now, kind=kind, by=by)

    def _close(self, party: Party, now: datetime) -> CloseLead:
        outcome = self.random.choice(OUTCOMES)
        return CloseLead(
            lead=self.random.choice(party.leads), closed_at=now, outcome=outcome, reason="price"
        )

    def _order(self, party: Party, now: datetime) -> PlaceOrder:
        number = f"O{party.number}-{len(party.orders)}"
        total, paid = self.random.randint(1, 900) * 100, self.random.random() < 0.7
        party.orders[number] = total
        if not paid:
            party.unpaid.append(number)
        self.ledger.orders[order_id(SOURCE, number)] = total
        return PlaceOrder(
            order=number,
            customer=f"party{party.number}",
            placed_at=now - timedelta(hours=self.random.randint(0, 30)),
            currency="EUR" if self.random.random() < 0.1 else "USD",
            total=total,
            paid=paid,
            person=Person(email=f"p{party.number}@example.org"),
        )

    def _payment(self, party: Party, now: datetime) -> RecordPayment:
        """Of the next order rather often: money that comes before its order waits for it."""
        early = self.random.random() < 0.2
        number = party.unpaid.pop(0)
        payment = f"P{self._said}"
        self.ledger.payments.add(payment)
        if early:
            return self._early(party, now, payment)
        amount = party.orders[number]
        return RecordPayment(
            payment=payment, order=number, paid_at=now, amount=amount, currency="USD"
        )

    def _early(self, party: Party, now: datetime, payment: str) -> RecordPayment:
        number = f"O{party.number}-{len(party.orders)}"
        return RecordPayment(payment=payment, order=number, paid_at=now, amount=100, currency="USD")

    def _return(self, party: Party, now: datetime) -> RecordReturn:
        number, back = self.random.choice(sorted(party.orders)), f"R{self._said}"
        self.ledger.returns.add(back)
        return RecordReturn(
            return_=back, order=number, returned_at=now, amount=party.orders[number] // 3
        )

    def _cancel(self, party: Party, now: datetime) -> CancelOrder:
        return CancelOrder(order=self.random.choice(sorted(party.orders)), cancelled_at=now)

    def _poison(self, now: datetime) -> Said:
        self._said += 1
        if self.random.random() < 0.3:
            return self._unstorable(now)
        self.ledger.poison += 1
        raw = self.random.choice(POISON)
        return Said(DEMO.name, f"poison{self._said}", f"poison{self._said}", SOURCE, now, raw=raw)

    def _unstorable(self, now: datetime) -> Said:
        """Read and judged without fault, and refused by the store."""
        number = f"U{self._said}"
        order = PlaceOrder(
            order=number,
            customer=number,
            placed_at=now,
            currency="USD",
            total=1,
            channel=UNSTORABLE,
        )
        return Said(self.topic, number, number, SOURCE, now, order)

    def _staff(self, now: datetime) -> Wish:
        person = self.random.choice(("ann", "bob", "cay", "dee", "eve"))
        entry = PersonJoined(person_id=person, **STAFF[person])
        wish = self.random.choice(
            (
                RecordAbsence(
                    entry=PersonAbsent(person_id=person, starts=now, ends=now + timedelta(days=9))
                ),
                leaving(person),
                SetPerson(entry=entry),
                SetPerson(entry=entry),
                SetCapacity(entry=CapacitySet(person_id=person, open=3, inflow=4)),
            )
        )
        return self._entry(f"person:{person}", wish)

    def leaves(self, person: str) -> Wish:
        """Somebody of ours goes."""
        return self._entry(f"person:{person}", leaving(person))

    def _entry(self, key: str, wish: Any) -> Wish:
        self._said += 1
        name = f"entry-{self._said}"
        return Wish(
            "lead-intake", name, lambda _: about_entry(key, wish, name, name.encode(), "hr")
        )


def _all_others(parties: Sequence[Party], who: Callable[[str], str]) -> list[Party]:
    """Without those that are one with a party before them."""
    known: set[str] = set()
    found = []
    for party in parties:
        roots = {who(name) for name in party.names}
        if not roots & known:
            found.append(party)
        known |= roots
    return found
