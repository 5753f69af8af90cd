"""Lists and counts of leads, as screens ask for them, with 100,000 leads on file."""

import asyncio
import random
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from lead_intake import lead_store
from lead_intake.asking import about_entry, about_lead, asking
from lead_intake.domain.assigning import HandLead
from lead_intake.domain.identity import lead_id, party_id
from lead_intake.domain.registers import SetCapacity, SetPerson, key_of
from lead_intake.domain.requests import LeadSaid
from perennial.contracts.partner import CaptureLead
from perennial.contracts.registers import CapacitySet, PersonJoined
from perennial.kit.paging import Page
from perennial.kit.run import collect_rarely
from perennial.kit.runtime import Runtime

from tests.bench.figures import Figure
from tests.bench.rounds import PROCESS, runtime_on
from tests.bench.servers import servers

LEADS, SELLERS, HELD, CHUNK, LOOKS = 100_000, 100, 20, 1_000, 40
PAGE = Page(50)
CHANNELS = ("web", "fair", "telephone", "referral", "sms")
Wanted = dict[str, list[str]]
LISTS: dict[str, Wanted] = {
    "all": {},
    "waiting": {"stage": ["waiting"]},
    "a seller's": {"holder": ["s007"]},
    "a channel's": {"channel": ["fair"]},
    "rare": {"industry": ["industry-7"], "tag": ["rare"]},
    "none": {"campaign": ["nowhere"]},
}
COUNTS = ("stage", "channel")


async def measure() -> list[Figure]:
    collect_rarely()
    async with servers([PROCESS.name]) as stack:
        runtime = await runtime_on(stack)
        stopping = asyncio.Event()
        answering = asyncio.create_task(runtime.asks.run(stopping))
        try:
            await _fill(runtime)
            await runtime.pool.execute("ANALYZE")
            return [
                *[await _listed(runtime.pool, name) for name in LISTS],
                *[await _counted(runtime.pool, by) for by in COUNTS],
                await _credited(runtime.pool),
            ]
        finally:
            stopping.set()
            await answering
            with suppress(TimeoutError):
                await asyncio.wait_for(runtime.pool.close(), 5)


async def _listed(pool: Any, name: str) -> Figure:
    return await _looked(f"lists / {name}", lambda: lead_store.leads(pool, LISTS[name], PAGE), 0.1)


async def _counted(pool: Any, by: str) -> Figure:
    return await _looked(f"counts / by {by}", lambda: lead_store.counted(pool, {}, by), 1.0)


async def _credited(pool: Any) -> Figure:
    return await _looked(
        "credit / by channel", lambda: lead_store.credited(pool, {}, "channel"), 5.0
    )


async def _looked(name: str, look: Any, bar: float) -> Figure:
    """The slowest of as many looks, in seconds."""
    taken = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        found = await look()
        taken.append(time.perf_counter() - began)
    taken.sort()
    note = f"{LEADS:,} leads; {len(found)} rows; median {taken[LOOKS // 2] * 1000:.1f} ms"
    return Figure(name, taken[-1], 1.0, bar, "s", note, at_most=True)


async def _fill(runtime: Runtime) -> None:
    """Leads of many channels and industries; some held, some waiting, most with market."""
    luck, at = random.Random(5), datetime.now(UTC) - timedelta(hours=1)
    for start in range(0, LEADS, CHUNK):
        said = [_said(number, at, luck) for number in range(start, start + CHUNK)]
        asks = [asking(one, f"lead:{one.lead_id}", b"", "bench") for one in said]
        for answer in await runtime.asks.ask_all(asks):
            assert answer.refusal is None, answer.refusal
    for number in range(SELLERS):
        await _sells(runtime, f"s{number:03}", range(number * HELD, (number + 1) * HELD))


async def _sells(runtime: Runtime, person: str, leads: range) -> None:
    joined = PersonJoined(person_id=person, role="seller", level=2)
    limits = CapacitySet(person_id=person, open=HELD, inflow=HELD)
    for wish in (SetPerson(entry=joined), SetCapacity(entry=limits)):
        name = f"{type(wish).__name__}:{person}"
        await runtime.asks.ask(about_entry(key_of("person", person), wish, name, b"", "bench"))
    hands = [
        HandLead(lead_id=lead_id("bench", f"L{one}"), person=person, by="boss", anyones=True)
        for one in leads
    ]
    asks = [about_lead(one, f"hand:{one.lead_id}", b"", "bench") for one in hands]
    for answer in await runtime.asks.ask_all(asks):
        assert answer.refusal is None, answer.refusal


def _said(number: int, at: datetime, luck: random.Random) -> LeadSaid:
    name, party = f"L{number}", f"p{number}"
    said = CaptureLead(
        lead=name,
        party=party,
        captured_at=at,
        channel=luck.choice(CHANNELS),
        campaign=f"campaign-{luck.randrange(20)}",
        wants_call=number % 20 == 0,
        tags=["rare"] if number % 5_000 == 0 else [],
        attributes={
            "industry": f"industry-{luck.randrange(12)}",
            "region": f"region-{luck.randrange(8)}",
        },
    )
    return LeadSaid(
        lead_id=lead_id("bench", name),
        customer_id=party_id("bench", party),
        source="bench",
        said=said,
    )
