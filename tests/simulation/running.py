"""One run from one seed: a company's days through four services, struck by faults, then healed."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random
from zlib import crc32

from lead_intake.main import SERVICE as LEAD_INTAKE
from lifecycle.main import SERVICE as LIFECYCLE
from notifications.main import SERVICE as NOTIFICATIONS
from perennial.contracts.base import Fact
from perennial.kit.batch import ParkedRow
from perennial.kit.parking import Which
from perennial.kit.settle import UnsettledError
from perennial.kit.subject import Service
from perennial_cli.replaying import earliest_due, next_tick
from scoring.main import SERVICE as SCORING

from tests.kit.memory import Tables
from tests.lead_intake.histories import SEALING
from tests.simulation.broker import Broker
from tests.simulation.chance import RATES, Chance
from tests.simulation.houses import House, spoilt
from tests.simulation.judging import Judge
from tests.simulation.load import Company, Happening
from tests.simulation.mail import deliver, open_deliveries, registering
from tests.simulation.outside import BrokenError, Outside, Said
from tests.simulation.people import People
from tests.simulation.poisoning import is_poison
from tests.simulation.processes import START, BuildError, World
from tests.simulation.sights import Sights
from tests.simulation.unity import Registrar, WhoIsWho
from tests.simulation.virtual import StillError, VirtualLoop, played

SERVICES = (LEAD_INTAKE, LIFECYCLE, SCORING, NOTIFICATIONS)
REDRIVES_MOST = 10
"""What is held after so many is held for no fault of a build that was mended."""
WAITS_MOST = 20
JUMPS = (1, 1, 1, 1, 2, 3, 7, 15, 40)
"""Days that time may jump at once."""


@dataclass(frozen=True)
class Plan:
    """What kind of run a seed is."""

    seed: str
    phases: int
    market: bool
    """Leads, rounds and turnover, or orders alone."""
    live: bool = False
    """Wall clocks that jump forward, or a clock that is played."""
    wild: bool = False
    """Everybody talks at once, also of the same party; or one thing after the other."""
    rates: Mapping[str, float] = field(default_factory=lambda: RATES)
    spoilt: bool = True
    """Some builds have a rule that breaks."""
    leaver: str = ""
    """Who leaves in the middle of it."""
    sold: bool = True
    """There are sellers; else nobody can take a lead, and nothing hangs on a round's lots."""
    unions: bool = True
    """Parties are found to be one, and two again."""

    @classmethod
    def of(cls, seed: int, phases: int = 30) -> "Plan":
        draw = Random(f"plan {seed}")
        days, market = draw.randint(phases // 2, phases), draw.random() < 0.7
        live, wild = draw.random() < 0.2, draw.random() < 0.3
        sold, unions = draw.random() < 0.7, draw.random() < 0.7
        return cls(f"{seed}", days, market, live, wild, sold=sold, unions=unions)

    @property
    def rounds(self) -> bool:
        """Whether it hangs on lots who gets a lead."""
        return self.market and self.sold

    @property
    def alone(self) -> bool:
        """Orders, and nothing else."""
        return not self.market and not self.unions

    @property
    def posts(self) -> bool:
        """Whether apps hear of alerts. When they do, hangs on how fast they are."""
        return self.market or not self.comparable

    @property
    def comparable(self) -> bool:
        """Whether what comes of it hangs on nothing but what was said."""
        return not self.live and not self.wild


@dataclass
class Result:
    """What a run came to."""

    plan: Plan
    steps: int
    violations: list[str]
    struck: Counter[str]
    seen: Counter[str]
    tables: dict[str, Tables]
    facts: int


class Run:
    """The world of one seed."""

    def __init__(self, plan: Plan, loop: VirtualLoop) -> None:
        self.plan = plan
        self.world = World(loop, Chance(f"faults {plan.seed}", plan.rates), not plan.live)
        self.broker = Broker(self.world)
        self._broken = ""
        """The service whose present build has a faulty rule, and by what its victims are known."""
        self.houses = {one.name: self._house(one) for one in SERVICES}
        self.outside = Outside(self.world, self.broker, self.houses)
        self.company = Company(plan.seed, plan.market, plan.live, plan.wild, plan.sold)
        self.people = People(plan.seed, self.tables, plan.sold)
        self.registrar = Registrar(plan.seed, self.tables)
        self.moment = START
        self.waited = timedelta()
        """How long apps were waited for that have not answered yet."""
        self.facts = 0

    @property
    def tables(self) -> dict[str, Tables]:
        return {name: house.schema.tables for name, house in self.houses.items()}

    def _house(self, service: Service) -> House:
        built = spoilt(service, self._spoils, BuildError)
        beside = partial(deliver, clock=self._posted_at) if service is NOTIFICATIONS else None
        house = House(built, self.world, self.broker, SEALING, beside)
        house.schema.committed = Sights(self.world, service.name, self._time).look
        return house

    def _posted_at(self) -> datetime:
        """Deliveries live in real time: it goes on while a played clock stands."""
        told = self._time() or START
        return told + self.waited + timedelta(seconds=self.world.loop.time())

    def _time(self) -> datetime | None:
        return self.world.wall() if self.plan.live else self.outside.told

    def _spoils(self, service: str, fact: Fact) -> bool:
        """Facts of our own topics only: their keys are held, and so their order is kept."""
        if is_poison(fact.key):
            self.world.saw("poison on a topic of ours broke a rule")
            return True
        hit = service == self._broken and fact.ver > 0 and crc32(fact.id.encode()) % 3 == 0
        self.world.saw("a rule broke on a fact", hit)
        return hit

    async def live(self) -> None:
        for house in self.houses.values():
            house.start()
        await self._tick(self.moment)  # taken everywhere before anybody asks what time it is
        await self._phase(list(self.company.opening(self.moment)))
        await self._phase(list(registering()) if self.plan.posts else [])
        for day in range(self.plan.phases):
            if self.plan.leaver and day == self.plan.phases // 2:
                await self._phase([self.company.leaves(self.plan.leaver)])
            await self._day()
        self._heal()
        await self._mended()
        await self._delivered()
        await self.outside.read()
        for house in self.houses.values():
            house.stop()

    async def _delivered(self) -> None:
        """Until every app has heard of what it is still to hear of, and all that is told of."""
        for _ in range(WAITS_MOST):
            if not open_deliveries(self.houses["notifications"].schema):
                break
            self.waited += timedelta(days=1)
            await asyncio.sleep(5)
        await self.outside.settle()

    async def _day(self) -> None:
        chance = self.world.chance
        if self.plan.spoilt and chance.on and chance.random.random() < 0.15:
            self._broken = chance.one_of(sorted(self.houses))
            chance.struck["faulty build"] += 1
        at = self.world.wall() if self.plan.live else self.moment + timedelta(hours=1)
        said, unions = self._said(at), self.registrar.wishes(at) if self.plan.unions else []
        if self.plan.wild:
            await self._phase([*said, *unions])
            await self._phase(self.people.wishes(at))
        else:
            await self._phase(said)
            await self._phase(unions)
            for wish in self.people.wishes(at):
                await self._phase([wish])
        await self._on_to(self.moment + timedelta(days=self.company.random.choice(JUMPS)))

    def _said(self, at: datetime) -> list[Happening]:
        return self.company.phase(at, 8, WhoIsWho(self.tables, self.company).root_of)

    async def _on_to(self, until: datetime) -> None:
        """As a replay ticks: by way of every day in which some timer is due."""
        period = timedelta(days=1)
        while to := next_tick(earliest_due(self.outside.reports), until, period):
            if to <= self.moment:
                break
            await self._tick(to)
        await self._tick(until)

    async def _tick(self, to: datetime) -> None:
        self.moment = max(to, self.moment)
        self.world.chance.struck["clock jump"] += self.plan.live
        await self.outside.tick(self.moment)
        await self._mended()

    async def _phase(self, happenings: Sequence[Happening]) -> None:
        """Partners all at once, then people one after the other; then all that follows from it."""
        self.facts += len(happenings)
        facts = [one for one in happenings if isinstance(one, Said)]
        wishes = [one for one in happenings if not isinstance(one, Said)]
        if self.plan.wild:
            asked = [self.outside.ask(wish) for wish in wishes]
            await asyncio.gather(self.outside.publish(facts), *asked)
        else:
            await self.outside.publish(facts)
            for wish in wishes:
                await self.outside.ask(wish)
        await self._mended()

    async def _mended(self) -> None:
        """All is settled, nothing is held: the next build was rolled out and what it held redriven."""
        await self.outside.settle()
        self._broken = ""
        for _ in range(REDRIVES_MOST):
            held = self._held()
            if not held:
                return
            self.world.saw("a key was held, and flowed again")
            for service, ids in held.items():
                await self._redrive(service, ids)
            await self.outside.settle()
        self.world.defect(f"held for ever: {self._held()}")

    def _held(self) -> dict[str, list[int]]:
        found = {
            name: [row.id for row in tables.parked.values() if _is_held(row)]
            for name, tables in self.tables.items()
        }
        return {name: ids for name, ids in found.items() if ids}

    async def _redrive(self, service: str, ids: list[int]) -> None:
        which = Which(ids=tuple(ids))
        await self.outside.operate(
            service, lambda one: one.parking.redrive(which, len(ids), "op", "mended")
        )

    def judged(self) -> None:
        """All that must hold, unless it did not even come to rest."""
        if not self.world.defects:
            services = {one.name: one for one in SERVICES}
            schema = self.houses["notifications"].schema
            Judge(
                self.world, self.broker, services, self.tables, self.company, self.outside, schema
            ).judge()

    def _heal(self) -> None:
        self.world.chance.on = False


def _is_held(row: ParkedRow) -> bool:
    return row.state == "parked" and row.holds and not is_poison(row.key)


def run(plan: Plan) -> Result:
    """Play one seed to its end, and judge it."""
    made = through(plan)
    made.judged()
    world = made.world
    return Result(
        plan, world.steps, world.defects, world.chance.struck, world.seen, made.tables, made.facts
    )


def through(plan: Plan) -> Run:
    """Play one seed to its end."""
    loop = VirtualLoop()
    made = Run(plan, loop)
    try:
        with played(loop, made.world.chance.random, made.world.wall), _quiet():
            loop.run_until_complete(made.live())
    except BrokenError:
        made.world.saw("a run was broken off")
    except (UnsettledError, StillError) as error:
        made.world.defect(f"{type(error).__name__}: {error}")
    finally:
        _close(loop)
    return made


def _close(loop: VirtualLoop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.close()


@contextmanager
def _quiet() -> Iterator[None]:
    """Trouble is what is looked for here: the kit's words about it would drown the result."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
