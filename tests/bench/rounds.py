"""Matching rounds: 10,000 leads that wait against 200 sellers, worked out, and applied by the real door."""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

from lead_intake.asking import about_entry, asking
from lead_intake.domain.identity import lead_id, party_id
from lead_intake.domain.registers import SetCapacity, SetPerson, key_of
from lead_intake.domain.requests import LeadSaid
from lead_intake.domain.world import World
from lead_intake.jobs import hold_rounds
from lead_intake.main import SERVICE
from lead_intake.matching.market import Seat, Waiting
from lead_intake.matching.match import match
from lead_intake.policy import default
from perennial.contracts.holdings import Grade
from perennial.contracts.partner import CaptureLead
from perennial.contracts.registers import CapacitySet, PersonJoined
from perennial.kit.ask import Answer, Ask
from perennial.kit.run import collect_rarely
from perennial.kit.runtime import Runtime, Settings, assemble
from perennial_embedded.services import Service
from perennial_embedded.stack import Stack

from tests.bench.figures import Figure, middle, spread
from tests.bench.servers import environment, migrated, servers

LEADS, SELLERS, PLACES = 10_000, 200, 50
ROUNDS = 3
PROCESS = Service("lead-intake", "lead_intake")
NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
LEVELS = (1, 2, 3)
"""What is captured is 1A until it is scored; of these levels everybody may take it."""
CHUNK = 1_000
_HELD = """
    SELECT count(*) FROM event WHERE topic = 'leads.v1' AND type = 'perennial.lead.assigned.v1'
"""


def waiting(count: int) -> list[Waiting]:
    """Leads of all grades, regions and industries, worth what such leads are."""
    luck = random.Random(11)
    grades: tuple[Grade, ...] = get_args(Grade)
    return [
        Waiting(
            customer_id=f"c{number:05}",
            lead_id=f"l{number:05}",
            grade=luck.choice(grades),
            value=luck.randrange(10_000, 5_000_000),
            since=NOW - timedelta(minutes=luck.randrange(10_000)),
            attributes={
                "region": f"region-{luck.randrange(8)}",
                "industry": f"industry-{luck.randrange(6)}",
            },
        )
        for number in range(count)
    ]


def seats(count: int) -> list[Seat]:
    """Sellers of all levels, each with room for as many as there are on average."""
    luck = random.Random(12)
    return [
        Seat(
            person=PersonJoined(
                person_id=f"s{number:03}",
                role="seller",
                level=1 + number % 5,
                region=f"region-{luck.randrange(8)}",
                skills=[f"industry-{luck.randrange(6)}"],
            ),
            present=True,
            free=PLACES,
        )
        for number in range(count)
    ]


def worked_out() -> float:
    """Seconds of one round over all of them, nothing stored."""
    leads, sellers, policy = waiting(LEADS), seats(SELLERS), default()
    began = time.perf_counter()
    made = match(leads, sellers, policy.matching, policy.holding, "bench")
    taken = time.perf_counter() - began
    assert len(made.placed) + len(made.unplaced) == LEADS
    assert len(made.placed) > LEADS // 2
    return taken


@dataclass
class Applying:
    """What the job sees of a running service; the time that its asks take is counted."""

    runtime: Runtime
    seconds: float = 0.0

    @property
    def pool(self) -> Any:
        return self.runtime.pool

    @property
    def asks(self) -> "Applying":
        return self

    @property
    def door(self) -> Any:
        return self.runtime.door

    def now(self) -> datetime:
        return self.runtime.now()

    def world(self) -> World:
        found: World = self.runtime.world()
        return found

    async def ask(self, ask: Ask) -> Answer:
        return (await self.ask_all([ask]))[0]

    async def ask_all(self, asks: Sequence[Ask]) -> list[Answer]:
        began = time.perf_counter()
        answers = await self.runtime.asks.ask_all(list(asks))
        self.seconds += time.perf_counter() - began
        return answers


async def measure() -> list[Figure]:
    collect_rarely()  # as in a process of its own
    matched = [worked_out() for _ in range(ROUNDS)]
    async with servers([PROCESS.name]) as stack:
        whole, applied = await _applied(stack)
    note = f"{LEADS:,} leads, {SELLERS} sellers with {PLACES} places each; against one second"
    said = f"{note}; as the job does it, matching included: {whole:.1f} s"
    return [
        Figure(
            "rounds / match", middle(matched), 1.0, 2.0, "s", f"{note}: {spread(matched)}", True
        ),
        Figure("rounds / apply", applied, 1.0, 10.0, "s", said, at_most=True),
    ]


async def _applied(stack: Stack) -> tuple[float, float]:
    """Seconds of all rounds until nothing waits, and of these the ones at the door."""
    runtime = await runtime_on(stack)
    stopping = asyncio.Event()
    answering = asyncio.create_task(runtime.asks.run(stopping))
    try:
        await _fill(runtime)
        applying = Applying(runtime)
        began = time.perf_counter()
        while await hold_rounds(applying):
            pass
        whole = time.perf_counter() - began
        held = await runtime.pool.fetchval(_HELD)
        assert held == LEADS, f"{held} of {LEADS} leads were assigned"
        return whole, applying.seconds
    finally:
        stopping.set()
        await answering
        with suppress(TimeoutError):
            await asyncio.wait_for(runtime.pool.close(), 5)


async def runtime_on(stack: Stack) -> Runtime:
    await migrated(stack, PROCESS)
    told = environment(stack, PROCESS).of(PROCESS, "bench", PROCESS.schema)
    settings = Settings(
        database_url=told["PERENNIAL_DATABASE_URL"],
        kafka_bootstrap=told["PERENNIAL_KAFKA_BOOTSTRAP"],
        kafka_user=told["PERENNIAL_KAFKA_USER"],
        kafka_password=told["PERENNIAL_KAFKA_PASSWORD"],
        secrets=Path(told["PERENNIAL_SECRETS"]),
    )
    return await assemble(SERVICE, settings)


async def _fill(runtime: Runtime) -> None:
    """Sellers with room, and leads that ask for a call and so wait for one of them."""
    for number in range(SELLERS):
        person, level = f"s{number:03}", LEVELS[number % len(LEVELS)]
        joined = PersonJoined(person_id=person, role="seller", level=level)
        limits = CapacitySet(person_id=person, open=PLACES, inflow=PLACES)
        for wish in (
            SetPerson(entry=joined, expects=None),
            SetCapacity(entry=limits, expects=None),
        ):
            ask = about_entry(
                key_of("person", person), wish, f"{type(wish).__name__}:{person}", b"", "bench"
            )
            _taken(await runtime.asks.ask(ask))
    at = datetime.now(UTC) - timedelta(hours=1)
    for start in range(0, LEADS, CHUNK):
        asks = [
            asking(_said(n, at), f"lead:{n}", b"", "bench") for n in range(start, start + CHUNK)
        ]
        for answer in await runtime.asks.ask_all(asks):
            _taken(answer)


def _said(number: int, at: datetime) -> LeadSaid:
    name, party = f"L{number}", f"p{number}"
    said = CaptureLead(
        lead=name, party=party, captured_at=at, wants_call=True, expected_value=1_000 + number
    )
    return LeadSaid(
        lead_id=lead_id("bench", name),
        customer_id=party_id("bench", party),
        source="bench",
        said=said,
    )


def _taken(answer: Answer) -> None:
    assert answer.refusal is None, answer.refusal
