"""Small words for tests about leads: sellers, leads in any stage, and a house that folds them."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from lead_intake.domain import registers
from lead_intake.domain.assigning import AssignLead, HandLead
from lead_intake.domain.customer import Customer
from lead_intake.domain.pools import ClaimLead
from lead_intake.domain.registers import Absence, Register
from lead_intake.domain.seller import Seller, concerned, enter
from lead_intake.domain.turnover import protected
from lead_intake.domain.world import World, build
from lead_intake.handlers import CUSTOMER
from lead_intake.policy import Policy
from perennial.contracts.base import At, Event, Fact, Refusal, TimerFired
from perennial.contracts.holdings import ActivityKind, ActivityLogged, Grade
from perennial.contracts.leads import LeadCaptured, LeadReadied
from perennial.contracts.registers import CalendarChanged, CapacitySet, PersonJoined
from perennial.kit.policies import Adoption, PolicyState, Version

from tests.fold import RefusedError
from tests.lead_intake.histories import NOW

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def seller(name: str, level: int = 2, left: bool = False, **more: Any) -> Register:
    """A seller's entry; `open` and `inflow` are the person's own limits, `away` an absence."""
    person = PersonJoined(person_id=name, role="seller", level=level, team=more.get("team", ""))
    capacity = None
    if "open" in more or "inflow" in more:
        capacity = CapacitySet(
            person_id=name, open=more.get("open", 10), inflow=more.get("inflow", 10)
        )
    away = [Absence(starts=starts, ends=ends) for starts, ends in more.get("away", ())]
    return Register(person=person, left=left, capacity=capacity, absences=away)


class Market:
    """Parties and sellers as the door keeps them, in memory: one fact after another, timers first."""

    def __init__(self, *sellers: Register, policy: Policy | None = None) -> None:
        self.register: dict[str, Register] = {
            f"person:{one.person.person_id}": one for one in sellers if one.person
        }
        self.policy = policy or Policy()
        self.adoptions: dict[str, Any] = {}
        self.now = NOW
        self.parties: dict[str, Customer] = {}
        self.ledgers: dict[str, Seller] = {}
        self.events: list[Event] = []
        self.times: list[datetime] = []

    @property
    def world(self) -> World:
        return build({"register": self.register, **self.adoptions}, self.policy)

    def calendar(self, **entry: Any) -> None:
        """The register's default calendar is edited now."""
        event = CalendarChanged(calendar_id="default", **entry)
        standing = self.register.get("calendar:default", Register())
        self.register["calendar:default"] = registers.evolve(standing, event, self.now)

    def lead(self, lead_id: str, grade: Grade = "2A", party: str = "", **more: Any) -> str:
        """A lead that waits for a seller."""
        key = party or f"c-{lead_id}"
        self.take(key, [
            LeadCaptured(
                customer_id=key, lead_id=lead_id, channel="web", source="crm",
                external_id=key, **more,
            ),
            LeadReadied(customer_id=key, lead_id=lead_id, because="score", grade=grade),
        ])  # fmt: skip
        return key

    def ask(self, key: str, wish: Any) -> list[Event]:
        """A wish folds; raises `RefusedError` for a `no`."""
        state = self.party(key)
        fact = Fact(data=wish, id="f", key=key, now=self.now, time=self.now, principal="p")
        return self.take(key, self._decided(state, fact))

    def assign(self, lead_id: str, person: str) -> list[Event]:
        """By a round."""
        wish = AssignLead(lead_id=lead_id, person=person, round_id="r1")
        return self.ask(self.key(lead_id), wish)

    def hand(self, lead_id: str, person: str, **told: Any) -> list[Event]:
        """By a person who may dispose of all leads."""
        wish = HandLead(lead_id=lead_id, person=person, by="boss", anyones=True, **told)
        return self.ask(self.key(lead_id), wish)

    def claim(self, lead_id: str, person: str, pool: str = "public") -> list[Event]:
        return self.ask(self.key(lead_id), ClaimLead(lead_id=lead_id, pool=pool, person=person))

    def act(self, lead_id: str, kind: ActivityKind, effective: bool = True) -> list[Event]:
        """The holder does something."""
        key = self.key(lead_id)
        lead = self.party(key).leads[lead_id]
        logged = ActivityLogged(
            customer_id=key, lead_id=lead_id, activity_id=f"{kind}@{self.now}", kind=kind,
            by=lead.holder, effective=effective,
            first_contact=kind != "note" and lead.present.first_contact is None,
        )  # fmt: skip
        return self.take(
            key, [logged, *protected(logged, lead.holder, self.now, lead, self.world, self.now)]
        )

    def key(self, lead_id: str) -> str:
        return next((key for key, one in self.parties.items() if lead_id in one.leads), "")

    def go(self, by: timedelta) -> list[Event]:
        """Time passes; every timer fires at its moment. What came of it."""
        return self.go_to(self.now + by)

    def go_to(self, until: datetime) -> list[Event]:
        before = len(self.events)
        while True:
            due = self.next_due()
            if due is None or due[0] > until:
                break
            at, key, name = due
            self.now = max(at, self.now)
            fired = Fact(data=TimerFired(name), id="t", key=key, now=self.now, time=self.now)
            made = self.take(key, self._decided(self.party(key), fired))
            assert made, f"timer {name} fired and nothing came of it"
        self.now = until
        return self.events[before:]

    def next_due(self) -> tuple[datetime, str, str] | None:
        found = [
            (at, key, name)
            for key, state in self.parties.items()
            for name, at in CUSTOMER.due(state, self.world).items()
        ]
        return min(found, default=None)

    def take(self, key: str, events: Iterable[Event | At]) -> list[Event]:
        made = [one.event if isinstance(one, At) else one for one in events]
        for event in made:
            self.parties[key] = CUSTOMER.evolve(self.party(key), event, self.now)
            for person in concerned(event):
                standing = self.ledgers.get(person, Seller())
                self.ledgers[person] = enter(standing, person, event, self.now)
            self.events.append(event)
            self.times.append(self.now)
        stored = msgspec.json.encode(self.parties[key])
        assert msgspec.json.decode(stored, type=Customer) == self.parties[key]
        return made

    def party(self, key: str) -> Customer:
        return self.parties.get(key, Customer())

    def holder(self, lead_id: str) -> str:
        return next(
            (one.leads[lead_id].holder for one in self.parties.values() if lead_id in one.leads), ""
        )

    def stage(self, lead_id: str) -> str:
        return self.party(self.key(lead_id)).leads[lead_id].stage

    def _decided(self, state: Customer, fact: Fact) -> Any:
        names = CUSTOMER.beside(state, fact)
        beside = {name: self.ledgers.get(name, Seller()) for name in names}
        state = msgspec.structs.replace(state, beside=beside)
        decision = CUSTOMER.react(state, fact, self.world, self.now)
        if isinstance(decision, Refusal):
            raise RefusedError(decision)
        return decision


def policy(**sections: Any) -> Policy:
    """The default policy but for some sections, written as in its document."""
    return msgspec.convert(sections, Policy)


def adopted(*versions: tuple[datetime, dict[str, Any]]) -> dict[str, Any]:
    """The policy subject's state after these versions were adopted, each from its moment."""
    state = PolicyState(
        versions=[
            Version(version=number, document=msgspec.json.encode(document).decode())
            for number, (_, document) in enumerate(versions, 1)
        ],
        adoptions=[
            Adoption(version=number, effective_at=at) for number, (at, _) in enumerate(versions, 1)
        ],
    )
    return {"policy": {"lead-intake": state}}
